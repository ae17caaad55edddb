// Colyseus on pollport, packages/colyseus-transport: npm run test:colyseus [-- vitest arguments…],
// npm run bench:colyseus [-- arguments…], and npm run pack:colyseus [-- FOLDER], which packs it,
// installs it beside pollport in an empty folder as a stranger does, and runs a server there; in
// FOLDER is pollport's tarball, and the other comes there, too. Colyseus needs a newer Node than
// pollport does, so all run on npm's Node 24 (scripts/cache.mjs), and what they need from npm is
// the package's own: nothing of it comes into pollport's node_modules. Linux with glibc only, as
// that Node is.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { fetchNode, temporaryFolder } from './cache.mjs'
import { packCheckout } from './pack-checkout.mjs'
import { fail, needTools, npm, root, run } from './tools.mjs'

const [what, ...args] = process.argv.slice(2)
if (process.platform !== 'linux') fail('this runs on Linux; the package itself does elsewhere, too')
const folder = join(root, 'packages', 'colyseus-transport')
const node = join(fetchNode('24', 'linux', process.arch), 'node')

function install() {
  const stamp = join(folder, 'node_modules', '.lock')
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  console.log('pollport: installing Colyseus (npm ci)')
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  npm(['ci', ...flags, '--engine-strict=false'], 'npm ci failed', { cwd: folder })
  writeFileSync(stamp, lock)
}

/** The checkout stands for the package that is not published yet. */
function linkPollport() {
  const link = join(folder, 'node_modules', 'pollport')
  rmSync(link, { recursive: true, force: true })
  symlinkSync(root, link, 'junction')
}

/** What a stranger does with both packages, as ES module and as CommonJS. */
function tryPacked(tarballs) {
  npm(['pack', '--pack-destination', tarballs], 'the transport could not be packed', {
    cwd: folder
  })
  const place = temporaryFolder('run')
  writeFileSync(join(place, 'package.json'), '{ "private": true }')
  const packages = readdirSync(tarballs).filter((name) => name.endsWith('.tgz'))
  if (packages.length !== 2) fail(`there are ${packages.length} tarballs in ${tarballs}, and not 2`)
  const { devDependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const names = [
    ...packages.map((name) => join(tarballs, name)),
    `@colyseus/core@${devDependencies['@colyseus/core']}`
  ]
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline']
  npm(['install', ...flags, ...names], 'the packages could not be installed', { cwd: place })
  const program = readFileSync(join(folder, 'test', 'stranger.mjs'), 'utf8')
  writeFileSync(join(place, 'stranger.mjs'), program)
  const asCommonJs = program.replace(/^import (.*) from (.*)$/gm, 'const $1 = require($2)')
  writeFileSync(join(place, 'stranger.cjs'), asCommonJs)
  for (const name of ['stranger.mjs', 'stranger.cjs'])
    run(node, [name], `${name} does not run with the packages`, { cwd: place, timeout: 60_000 })
  console.log(`colyseus: ${packages.join(' and ')} install and run`)
}

install()
linkPollport()
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
npm(['run', '--silent', 'build'], 'the transport did not build', { cwd: folder })
let command
if (what === 'test') {
  needTools({ 'redis-server': 'redis-server' })
  run(process.execPath, [tsc, '--noEmit', '-p', folder], 'the types of the transport are wrong')
  command = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...args]
} else if (what === 'pack') {
  tryPacked(args[0] === undefined ? packCheckout() : resolve(args[0]))
  process.exit(0)
} else if (what === 'bench') command = [join('bench', 'run.ts'), ...args]
else fail("the first argument is 'test', 'bench' or 'pack'")
const { status, signal } = spawnSync(node, command, {
  cwd: folder,
  // What it starts as `node` is this Node too.
  env: { ...process.env, PATH: `${join(node, '..')}${delimiter}${process.env.PATH}` },
  stdio: 'inherit'
})
if (signal !== null) process.kill(process.pid, signal)
process.exit(status ?? 1)
