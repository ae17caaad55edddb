// The examples in the doc comments of lib/ can be typed in as they stand there, and work.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { filesUnder, textOf } from './files.ts'
import { examplesOf, isForeign, runProgram, typeCheck, writePrograms } from './programs.ts'

const deadlineMs = 60_000
const sources = filesUnder('lib', '.ts')
const examples = sources.flatMap((path) => examplesOf(textOf(path)))
const folder = writePrograms(examples.map(({ program }) => program))
let findings = 'not compiled'
beforeAll(async () => {
  findings = await typeCheck(folder)
}, deadlineMs)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('every exported class, function and interface of options has an example', () => {
  const exported = new Set(
    sources
      .filter((path) => path.endsWith('/index.ts'))
      .flatMap((path) => [...textOf(path).matchAll(/export (?:type )?\{([^}]*)\}/g)])
      .flatMap(([, names = '']) => names.match(/\w+/g) ?? [])
  )
  const declared = sources
    .flatMap((path) => [
      ...textOf(path).matchAll(
        /^export (?:async )?(?:class|function|interface (?=\w+(?:Options|Init)\b)) ?(\w+)/gm
      )
    ])
    .map(([, name = '']) => name)
    .filter((name) => exported.has(name))
  const shown = new Set(examples.map(({ of }) => of))
  expect(declared.length).toBeGreaterThan(10)
  expect(declared.filter((name) => !shown.has(name))).toEqual([])
})

test('the examples are whole programs, and type-check', () => {
  expect(findings).toBe('')
})

for (const [index, { of, program }] of examples.entries()) {
  test.skipIf(isForeign(program))(
    `the example of ${of} runs to a good end`,
    { timeout: deadlineMs },
    async () => {
      await runProgram(join(folder, `program-${index + 1}.js`))
    }
  )
}
