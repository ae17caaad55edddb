// Takes the programs out of a Markdown file, or out of doc comments, as they stand there,
// type-checks them and runs them, each in a process of its own.
import { execFile, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { isWindows } from '../support/system.ts'
import { root, textOf } from './files.ts'

/**
 * The ```ts blocks of a Markdown file. Each is a whole program: that is the convention which makes
 * them testable.
 */
export function programsOf(path: string): string[] {
  return [...textOf(path).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string)
}

export interface Example {
  /** The name that the doc comment is about. */
  readonly of: string
  readonly program: string
}

/** The ```ts blocks of a source's doc comments. Each is a whole program that ends by itself. */
export function examplesOf(source: string): Example[] {
  const comments = source.matchAll(
    /^( *)\/\*\*\n((?: *\*(?!\/).*\n)*) *\*\/\n\1(?:export )?(?:class |interface |function |async function |const |type )?(\w+)/gm
  )
  return [...comments].flatMap(([, , comment = '', of = '']) => {
    const text = comment.replace(/^ *\* ?/gm, '')
    return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, program = '']) => ({
      of,
      program
    }))
  })
}

/**
 * Writes the programs into a folder of the checkout, ignored by git, from which `import 'pollport'`
 * finds this package. One whose first line is its name, such as `// seats.ts`, has that name, too,
 * so that those after it can import it.
 */
export function writePrograms(programs: readonly string[]): string {
  const parent = join(root, 'build-docs')
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'programs-'))
  for (const [index, program] of programs.entries()) {
    const [, name] = /^\/\/ ([\w.-]+\.ts)\n/.exec(program) ?? []
    for (const file of [`program-${index + 1}.ts`, ...(name === undefined ? [] : [name])])
      writeFileSync(join(folder, file), program)
  }
  // The compiler writes them as JavaScript as well, which starts without a loader.
  const compilerOptions = { noEmit: false, outDir: '.' }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions, include: ['*.ts'] })
  )
  return folder
}

/**
 * What the compiler says about the programs of a folder, under the project's own options: nothing
 * when all is well.
 */
export async function typeCheck(folder: string): Promise<string> {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  return promisify(execFile)(process.execPath, [tsc, '-p', folder], { cwd: root }).then(
    () => '',
    (error: { stdout: string }) => error.stdout
  )
}

/**
 * What a program that is not for every system uses: it runs on that system. The words of one system
 * are the names of its kernel objects.
 */
export function isForeign(program: string): boolean {
  return (isWindows ? /\bEpoll\b/ : /\b(?:Iocp|Overlapped)\b/).test(program)
}

/**
 * Runs one program to its end, or, when it prints the port that it serves, until its echo has been
 * checked by Node's own net.
 */
export async function runProgram(file: string): Promise<{ served: boolean; output: string }> {
  const loader = file.endsWith('.ts') ? ['--import', 'tsx'] : []
  const child = spawn(process.execPath, [...loader, file], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  let output = ''
  let served = false
  const ended = new Promise<number | null>((resolve) => child.on('close', (code) => resolve(code)))
  try {
    const port = await new Promise<number | undefined>((resolve) => {
      const read = (chunk: Buffer) => {
        output += chunk.toString()
        const match = /^port (\d+)$/m.exec(output)
        if (match) resolve(Number(match[1]))
      }
      child.stdout.on('data', read)
      child.stderr.on('data', read)
      void ended.then(() => resolve(undefined))
    })
    if (port !== undefined && child.exitCode === null) {
      const payload = 'round trip of a README reader'
      expect(await echoOf(port, payload), output).toBe(payload)
      served = true
      return { served, output }
    }
    expect(await ended, output).toBe(0)
    return { served, output }
  } finally {
    child.kill('SIGKILL') // A server of a page runs until Ctrl-C; one that has ended does not mind.
    await ended
  }
}

/** What comes back until as many bytes have come as were sent. */
function echoOf(port: number, payload: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let echoed = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(payload))
    socket.setEncoding('utf8')
    socket.on('data', (text: string) => {
      echoed += text
      if (echoed.length >= payload.length) socket.destroy()
    })
    socket.on('close', () => resolve(echoed))
    socket.on('error', reject)
  })
}
