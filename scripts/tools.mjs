// What several scripts need: the project's root, ending with one clear sentence, and command-line
// tools that a new machine lacks. Installs Debian packages only as root; anyone else is told which
// to install. Node's builtins only.
import { spawnSync } from 'node:child_process'
import { existsSync, realpathSync } from 'node:fs'
import { delimiter, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '')
export const isRoot = process.getuid?.() === 0

export function fail(sentence) {
  console.error(`pollport: ${sentence}`)
  process.exit(1)
}

/** The path of a command, or of a file by its whole path; undefined when it is not there. */
export function pathOf(command) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.map((folder) => resolve(folder, command)).find((path) => existsSync(path))
}

/**
 * Runs a command and returns its standard output; shows all that it printed, and ends, if it fails.
 */
export function run(command, args, whatFailed, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 256 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...options
  })
  if (result.status === 0) return result.stdout
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}`)
  return fail(
    `${whatFailed}: ${result.error ? `${command} could not be started (${result.error.message})` : 'see above'}`
  )
}

/**
 * Runs npm: the one that started us, or else the one on the PATH, found now since a caller may give
 * it another PATH.
 */
export function npm(args, whatFailed, options) {
  const onPath = pathOf('npm')
  const program = process.env.npm_execpath ?? (onPath && realpathSync(onPath))
  if (program?.endsWith('.js'))
    return run(process.execPath, [program, ...args], whatFailed, options)
  return run('npm', args, whatFailed, { shell: process.platform === 'win32', ...options })
}

/**
 * Sees to it that commands, or files by their whole path, are there; `packages` says which Debian
 * package has which.
 */
export function needTools(packages) {
  const lacking = () => Object.keys(packages).filter((command) => pathOf(command) === undefined)
  const names = [...new Set(lacking().map((command) => packages[command]))]
  if (names.length === 0) return
  if (!isRoot || pathOf('apt-get') === undefined) {
    fail(`needs ${lacking().join(', ')} (Debian: apt-get install ${names.join(' ')})`)
  }
  console.log(`pollport: installing ${names.join(', ')} (apt-get)`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  // An old package list may still do.
  spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' })
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...names]
  run('apt-get', install, `apt-get could not install ${names.join(', ')}`, { env })
  if (lacking().length > 0)
    fail(`installed ${names.join(', ')}, and still ${lacking().join(', ')} cannot be found`)
}
