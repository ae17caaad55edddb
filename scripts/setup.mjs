// Makes a checkout ready to run, then runs what follows `--` with Node: node scripts/setup.mjs
// [--no-addon] [-- file arguments…] Three steps, each only when something is missing or stale:
// installs the packages, builds the native addon, builds dist/. Node's builtins only, since it runs
// before anything is installed. Silent when there is nothing to do.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync
} from 'node:fs'
import { join } from 'node:path'
import { fail, npm, root } from './tools.mjs'

const stampFile = join(root, 'node_modules', '.pollport-setup.json')

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return undefined // Missing or half written: the same to every caller, the step runs again.
  }
}

/** A hash over the names and contents of files and folders, given relative to the root. */
function hashOf(paths) {
  const hash = createHash('sha256')
  const add = (path) => {
    const full = join(root, path)
    if (!existsSync(full)) return
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) add(`${path}/${name}`)
      return
    }
    hash.update(`${path}\0`).update(readFileSync(full)).update('\0')
  }
  for (const path of paths) add(path)
  return hash.digest('hex')
}

/**
 * Runs `build` unless the recorded hash of its inputs, and the time of its output, are those of
 * now. The output's time is part of it so that a build done by hand, of whatever sources there were
 * then, is never taken for ours.
 */
function buildWhenStale(name, inputs, output, build) {
  const stamps = readJson(stampFile) ?? {}
  const outputFile = join(root, output)
  const inputsHash = hashOf(inputs)
  const timeOf = () => (existsSync(outputFile) ? statSync(outputFile).mtimeMs : undefined)
  const before = stamps[name]
  if (before !== undefined && before.inputs === inputsHash && before.time === timeOf()) return
  build()
  if (timeOf() === undefined) fail(`the build ended well, but ${output} is not there`)
  stamps[name] = { inputs: inputsHash, time: timeOf() }
  mkdirSync(join(root, 'node_modules'), { recursive: true })
  writeFileSync(stampFile, JSON.stringify(stamps))
}

/** npm writes node_modules/.package-lock.json last: what it lists is what is really installed. */
function packagesAreInstalled() {
  const wanted = readJson(join(root, 'package-lock.json'))?.packages
  const present = readJson(join(root, 'node_modules', '.package-lock.json'))?.packages
  if (wanted === undefined)
    fail('package-lock.json is missing or unreadable; restore it from the repository')
  if (present === undefined) return false
  // The root itself is not listed there, and an optional package may belong to another system.
  return Object.entries(wanted).every(([path, entry]) => {
    return (
      path === '' || entry.optional || entry.devOptional || present[path]?.version === entry.version
    )
  })
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  fail(`needs Node 20.19 or later; this is Node ${process.versions.node}`)
}

function checkBuildTools() {
  // node-gyp looks for Visual Studio itself and explains what is missing.
  if (process.platform === 'win32') return
  const compiler = process.env.CXX ?? (process.platform === 'linux' ? 'g++' : 'c++')
  const tools = [
    [compiler.split(' ')[0], 'a C++20 compiler (Debian: apt-get install g++)'],
    ['make', 'make (Debian: apt-get install make)'],
    [process.env.PYTHON ?? 'python3', 'python3 (Debian: apt-get install python3)']
  ]
  for (const [command, what] of tools) {
    if (spawnSync(command, ['--version']).error)
      fail(`building the native addon needs ${what}; "${command}" was not found`)
  }
}

function setup(withAddon) {
  checkNode()
  if (!packagesAreInstalled()) {
    console.log('pollport: installing packages (npm ci)')
    // No install scripts, as npm 12 does it by itself, so that every machine gets the same; and the
    // development packages whatever NODE_ENV says.
    npm(['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'], 'npm ci failed')
  }
  // Node's version is no input: the addon uses Node-API, which is the same for all of them.
  // Architecture is, for shared folders.
  const kind = `${process.platform}-${process.arch}`
  const system = process.platform === 'win32' ? 'windows' : 'linux'
  const sources = ['addon.cc', 'binding', 'contract', system].map((name) => `native/${name}`)
  const addonInputs = ['binding.gyp', ...sources, 'node_modules/node-addon-api/package.json']
  if (withAddon) {
    buildWhenStale(`native ${kind}`, addonInputs, 'build/Release/pollport.node', () => {
      checkBuildTools()
      console.log('pollport: building the native addon (npm run build:native)')
      npm(['run', 'build:native'], 'the native addon did not build')
    })
  }
  const settings = ['tsconfig.json', 'tsconfig.build.json', 'tsconfig.code.json']
  const builders = ['scripts/prune-declarations.mjs', 'scripts/build-commonjs.mjs']
  const distInputs = ['lib', ...settings, ...builders]
  buildWhenStale('dist', distInputs, 'dist/commonjs/index.cjs', () => {
    console.log('pollport: building dist (npm run build:ts)')
    // tsc leaves the files of removed sources behind.
    rmSync(join(root, 'dist'), { recursive: true, force: true })
    npm(['run', 'build:ts'], 'dist did not build')
  })
}

/** Runs Node with `args` in the foreground and ends as it ends. */
function runNode(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit' })
  // At a terminal Ctrl-C reaches the child directly, as a member of the foreground group; a signal
  // sent to this process alone does not.
  let wasAsked = false
  const forward = { SIGINT: !process.stdin.isTTY, SIGTERM: true, SIGHUP: !process.stdin.isTTY }
  for (const [signal, isForwarded] of Object.entries(forward)) {
    process.on(signal, () => {
      wasAsked = true
      if (isForwarded) child.kill(signal)
    })
  }
  // npm passes a signal on to its shell, and a shell such as dash dies of it without telling us. An
  // orphan asks its child to end, once: a second time could mean "at once" to it.
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    if (!wasAsked) child.kill('SIGTERM')
  }, 250).unref()
  child.on('error', (error) => fail(`could not start Node: ${error.message}`))
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    // Died of a signal: so do we, and the shell sees the true reason.
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
  })
}

const separator = process.argv.indexOf('--')
const options = process.argv.slice(2, separator === -1 ? undefined : separator)
setup(!options.includes('--no-addon'))
if (separator !== -1) runNode(process.argv.slice(separator + 1))
