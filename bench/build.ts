// Makes ready what the benchmarks need beyond the package: the load generator and the rivals in C,
// in build-bench/, and Bun, uWebSockets.js and Vega from npm, in bench/extras/. Each only when
// missing or stale.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url))
const buildFolder = join(root, 'build-bench')
const extrasFolder = join(root, 'bench', 'extras')
const cFlags = ['-O2', '-std=gnu17', '-Wall', '-Wextra', '-Werror']

export function prepare(): void {
  mkdirSync(buildFolder, { recursive: true })
  compile('load', filesOf('bench/load'))
  const headers = filesOf('bench/peers').filter((file) => file.endsWith('.h'))
  for (const source of filesOf('bench/peers').filter((file) => file.endsWith('.c'))) {
    compile(source.replace(/^.*\/(.*)\.c$/, '$1'), [source, ...headers])
  }
  installExtras()
}

/** The load generator, or a rival in C. */
export function builtProgram(name: string): string {
  return join(buildFolder, name)
}

/**
 * npm installs Bun's binary for this system; install scripts, which would put it elsewhere, do not
 * run here.
 */
export function bunProgram(): string {
  const folder = join(extrasFolder, 'node_modules', '@oven')
  const names = existsSync(folder) ? readdirSync(folder) : []
  const programs = names.map((name) => join(folder, name, 'bin', 'bun'))
  const running = programs.find((program) => outputOf(program, ['--version']) !== undefined)
  if (running === undefined) throw new Error('npm brought no Bun that runs on this system')
  return running
}

/** The first line that a command prints, or undefined when it does not run. */
export function outputOf(command: string, args: string[]): string | undefined {
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n')[0] : undefined
}

function filesOf(folder: string): string[] {
  return readdirSync(join(root, folder)).map((name) => join(root, folder, name))
}

function compile(name: string, inputs: string[]): void {
  const program = builtProgram(name)
  if (isFresh(program, inputs)) return
  console.log(`bench: compiling ${name}`)
  const sources = inputs.filter((file) => file.endsWith('.c'))
  run('cc', [...cFlags, '-o', program, ...sources], root)
}

/** Bun and uWebSockets.js, and Vega for charts: the soak's too. */
export function installExtras(): void {
  const installed = join(extrasFolder, 'node_modules', '.package-lock.json') // npm writes it last
  if (isFresh(installed, [join(extrasFolder, 'package-lock.json')])) return
  console.log('bench: installing Bun, uWebSockets.js and Vega (npm ci in bench/extras)')
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], extrasFolder)
}

function isFresh(output: string, inputs: string[]): boolean {
  if (!existsSync(output)) return false
  const madeMs = statSync(output).mtimeMs
  return inputs.every((input) => statSync(input).mtimeMs <= madeMs)
}

/** Keeps back what the command says, unless it fails. */
function run(command: string, args: string[], folder: string): void {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8'
  })
  if (status === 0) return
  throw new Error(`${command} ${args[0]} failed: ${error?.message ?? `${stdout}${stderr}`}`)
}
