// What helps a contributor works: npm run doctor finds what a machine lacks, and the devcontainer
// is what its format asks for and runs scripts that exist.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { isWindows } from '../support/system.ts'
import { root, textOf } from './files.ts'

/** The doctor, on a machine whose PATH has these files only. */
function doctorWith(...commands: string[]): { status: number | null; said: string } {
  const folder = mkdtempSync(join(tmpdir(), 'pollport-doctor-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const command of commands) writeFileSync(join(folder, command), '')
  const { CXX, PYTHON, npm_execpath, ...rest } = process.env
  return doctor({ ...rest, PATH: folder, Path: folder })
}

function doctor(env: NodeJS.ProcessEnv): { status: number | null; said: string } {
  const program = join(root, 'scripts', 'doctor.mjs')
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], {
    encoding: 'utf8',
    env
  })
  return { status, said: stdout + stderr }
}

test('the doctor says for each purpose whether this machine is ready', () => {
  const { said } = doctor(process.env)
  for (const purpose of ['using pollport', 'building', 'tests', 'test:windows', 'bench', 'faults'])
    expect(said).toMatch(new RegExp(`^(ready|lacking) +.*${purpose}`, 'm'))
})

// Windows' node.exe under Wine runs the suite without a compiler of Windows.
test.skipIf(isWindows)('the doctor ends with 0 where the addon was built and tests run', () => {
  const { status, said } = doctor(process.env)
  expect(said).toMatch(/^ready +building the addon$/m)
  expect(status).toBe(0)
})

test('the doctor ends with 1 where nothing can be built, and says what is missing', () => {
  const { status, said } = doctorWith()
  expect(said).toMatch(/^lacking +building the addon$/m)
  expect(said).toMatch(isWindows ? /Python is missing: winget / : /make is not on the PATH: /)
  expect(status).toBe(1)
})

test.skipIf(isWindows)('the doctor names the command of the package manager that is there', () => {
  const present = ['apt-get', 'g++', 'python3', 'npm'] // this g++ compiles nothing
  const { status, said } = doctorWith(...present)
  expect(said).toMatch(/make is not on the PATH: (sudo )?apt-get install make$/m)
  expect(said).toMatch(/g\+\+ does not compile C\+\+20: /)
  expect(said).not.toMatch(/python3 is not/)
  expect(status).toBe(1)
})

test('the devcontainer uses an official image and runs scripts of the project', () => {
  const { image, postCreateCommand } = JSON.parse(textOf('.devcontainer/devcontainer.json'))
  expect(image).toMatch(/^mcr\.microsoft\.com\/devcontainers\/[\w-]+:\d+/)
  const scripts = Object.keys(JSON.parse(textOf('package.json')).scripts)
  const called = [...postCreateCommand.matchAll(/npm run (\S+)/g)].map((match) => match[1])
  expect(called).toEqual(['setup', 'doctor'])
  expect(scripts).toEqual(expect.arrayContaining(called))
})
