// What several scripts need: the project's root, ending with one clear sentence, and command-line tools that a new machine lacks.
// Installs Debian packages only as root; anyone else is told which to install. Node's builtins only.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('..', import.meta.url)).replace(/[/\\]$/, '')
export const isRoot = process.getuid?.() === 0

export function fail(sentence) {
  console.error(`pollport: ${sentence}`)
  process.exit(1)
}

function isOnPath(command) {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => existsSync(join(folder, command)))
}

/** Runs a command and returns its standard output; shows all that it printed, and ends, if it fails. */
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

/** Runs npm, the one that started us if one did. */
export function npm(args, whatFailed, options) {
  const path = process.env.npm_execpath
  if (path !== undefined) return run(process.execPath, [path, ...args], whatFailed, options)
  return run('npm', args, whatFailed, { shell: process.platform === 'win32', ...options })
}

/** Sees to it that the commands are there; `packages` says which Debian package has which command. */
export function needTools(packages) {
  const lacking = () => Object.keys(packages).filter((command) => !isOnPath(command))
  const names = [...new Set(lacking().map((command) => packages[command]))]
  if (names.length === 0) return
  if (!isRoot || !isOnPath('apt-get')) {
    fail(`needs ${lacking().join(', ')} (Debian: apt-get install ${names.join(' ')})`)
  }
  console.log(`pollport: installing ${names.join(', ')} (apt-get)`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  spawnSync('apt-get', ['update', '-qq'], { env, stdio: 'ignore' }) // An old package list may still do.
  const install = ['install', '-y', '-qq', '--no-install-recommends', ...names]
  run('apt-get', install, `apt-get could not install ${names.join(', ')}`, { env })
  if (lacking().length > 0) fail(`installed ${names.join(', ')}, and still ${lacking().join(', ')} cannot be found`)
}
