// What README.md, examples/ and the pages of docs/ that have programs show can be typed in as it
// stands there, and works.
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { isWindows } from '../support/system.ts'
import { filesUnder, root, textOf } from './files.ts'
import { isForeign, programsOf, runProgram, typeCheck, writePrograms } from './programs.ts'

const deadlineMs = 60_000

const pages = ['README.md', 'docs/guide.md', 'docs/cookbook.md', 'docs/migrating.md']

for (const page of [...pages, 'docs/websocket.md', 'docs/testing-netcode.md']) {
  describe(page, () => {
    const programs = programsOf(page)
    const folder = writePrograms(programs)
    afterAll(() => rmSync(folder, { recursive: true, force: true }))

    test('shows whole programs, and they type-check', { timeout: deadlineMs }, async () => {
      expect(programs.length).toBeGreaterThan(0)
      expect(await typeCheck(folder)).toBe('')
    })

    for (const [index, program] of programs.entries()) {
      const isServer = /console\.log\(`port \$/.test(program) && program.includes('for (;;)')
      const promise = isServer ? 'serves an echo on the port that it prints' : 'runs to a good end'
      test.skipIf(isForeign(program))(
        `program ${index + 1} ${promise}`,
        { timeout: deadlineMs },
        async () => {
          const { served } = await runProgram(join(folder, `program-${index + 1}.ts`))
          expect(served).toBe(isServer)
        }
      )
    }
  })
}

test('README.md shows the programs of examples/, without their head comments', () => {
  const withoutHead = (path: string) => textOf(path).replace(/^(\/\/.*\n)+/, '')
  expect(programsOf('README.md')).toEqual(
    ['echo', 'textbook-epoll', 'textbook-iocp'].map((name) => withoutHead(`examples/${name}.ts`))
  )
})

test('each example has a head of five lines that says how to run it and what it leaves out', () => {
  const examples = filesUnder('examples', '.ts', '.mjs').filter(
    (path) => path.split('/').length === 2
  )
  expect(examples.length).toBeGreaterThan(5)
  for (const path of examples) {
    const head = /^(?:\/\/.*\n)*/.exec(textOf(path))?.[0] ?? ''
    expect(head.match(/\n/g), path).toHaveLength(5)
    expect(head, path).toMatch(/\bRun\b/)
    expect(head, path).toMatch(/^\/\/ Leaves out /m)
  }
})

test('a program of the cookbook takes 15 to 40 lines', () => {
  const lengths = programsOf('docs/cookbook.md').map(
    (program) => program.trimEnd().split('\n').length
  )
  expect(Math.min(...lengths)).toBeGreaterThanOrEqual(15)
  expect(Math.max(...lengths)).toBeLessThanOrEqual(40)
})

test('the echo server on Poller takes no more than 25 lines', () => {
  const echo = programsOf('README.md')[0] ?? ''
  expect(echo.trimEnd().split('\n').length).toBeLessThanOrEqual(25)
})

test('an example runs from its own place', { timeout: deadlineMs }, async () => {
  for (const example of [isWindows ? 'textbook-iocp.ts' : 'textbook-epoll.ts', 'echo.ts']) {
    expect((await runProgram(join(root, 'examples', example))).served).toBe(true)
  }
})
