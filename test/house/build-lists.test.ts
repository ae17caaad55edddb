// node-gyp makes the release builds and cmake-js the developer's: both must build the same program.
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { filesUnder, textOf } from './files.ts'

/** binding.gyp is a Python literal with comments, which but for those is a JavaScript one. */
function readGyp(): unknown {
  return runInNewContext(`(${textOf('binding.gyp').replace(/^\s*#.*$/gm, '')})`)
}

/**
 * Every string that stands in a list named `key`, at any depth and under any condition; `key!` is
 * gyp for taking away.
 */
function gypStrings(node: unknown, key: string, found: string[] = []): string[] {
  if (Array.isArray(node)) {
    for (const item of node) gypStrings(item, key, found)
  } else if (typeof node === 'object' && node !== null) {
    for (const [name, value] of Object.entries(node)) {
      if (name.replace(/[+=?]$/, '') === key && Array.isArray(value))
        found.push(...value.filter((item) => typeof item === 'string'))
      else gypStrings(value, key, found)
    }
  }
  return found
}

const sorted = (items: Iterable<string>): string[] => [...new Set(items)].sort()
const gyp = readGyp()
const cmake = textOf('CMakeLists.txt').replace(/#.*$/gm, '')
const sourcesOfCmake = sorted(
  [...cmake.matchAll(/\bnative\/[\w/-]+\.cc\b/g)].map((match) => match[0])
)

test('binding.gyp and CMakeLists.txt list every native source, and the same ones', () => {
  expect(sorted(gypStrings(gyp, 'sources'))).toEqual(sourcesOfCmake)
  expect(sourcesOfCmake).toEqual(sorted(filesUnder('native', '.cc')))
})

test('both builds set the same definitions', () => {
  const definitions = [...cmake.matchAll(/target_compile_definitions\s*\(([^)]*)\)/g)]
    .flatMap((match) => (match[1] as string).split(/\s+/).slice(1))
    .filter((word) => word !== '' && !/^(PRIVATE|PUBLIC|INTERFACE)$/.test(word))
  const definesOfGyp = sorted(gypStrings(gyp, 'defines'))
  expect(definesOfGyp).toEqual(sorted(definitions))
  expect(definesOfGyp).toContain(
    `NAPI_VERSION=${JSON.parse(textOf('package.json')).binary.napi_versions[0]}`
  )
})

test('both builds use the same C++ standard', () => {
  const standard = /CMAKE_CXX_STANDARD\s+(\d+)|cxx_std_(\d+)/.exec(cmake)
  const ofGyp = sorted(
    [...gypStrings(gyp, 'cflags_cc'), ...gypStrings(gyp, 'AdditionalOptions')]
      .map((flag) => /^[-/]std[=:](?:c|gnu)\+\+(\d+)$/.exec(flag)?.[1])
      .filter((found) => found !== undefined)
  )
  expect(ofGyp).toEqual([standard?.[1] ?? standard?.[2]])
})
