// Every option that may be left out may be given as undefined as well: programs under
// exactOptionalPropertyTypes pass on what they were given.
import { expect, test } from 'vitest'
import { filesUnder, textOf } from './files.ts'

test('an optional property of an interface of options takes undefined', () => {
  let interfaces = 0
  const refusing = filesUnder('lib', '.ts').flatMap((path) =>
    [
      ...textOf(path).matchAll(
        /^(?:export )?interface (\w+(?:Options|Init))\b[^{]*\{\n(.*?)\n\}/gms
      )
    ].flatMap((match) => {
      interfaces++
      const [, name, body] = match
      return body
        .split('\n')
        .filter((line) => /^ {2}\w+\?[:(]/.test(line) && !/\| undefined$/.test(line))
        .map((line) => `${path}: ${name}: ${line.trim()}`)
    })
  )
  expect(refusing).toEqual([])
  expect(interfaces).toBeGreaterThan(5)
})
