// Colyseus on pollport, packages/colyseus-transport: npm run test:colyseus [-- vitest arguments…],
// npm run bench:colyseus [-- arguments…]. Colyseus needs a newer Node than pollport does, so both
// run on npm's Node 24 (scripts/cache.mjs), and what they need from npm is the package's own:
// nothing of it comes into pollport's node_modules. Linux with glibc only, as that Node is.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fetchNode } from './cache.mjs'
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

install()
linkPollport()
const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
npm(['run', '--silent', 'build'], 'the transport did not build', { cwd: folder })
let command
if (what === 'test') {
  needTools({ 'redis-server': 'redis-server' })
  run(process.execPath, [tsc, '--noEmit', '-p', folder], 'the types of the transport are wrong')
  command = [join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run', ...args]
} else if (what === 'bench') command = [join('bench', 'run.ts'), ...args]
else fail("the first argument is 'test' or 'bench'")
const { status, signal } = spawnSync(node, command, {
  cwd: folder,
  // What it starts as `node` is this Node too.
  env: { ...process.env, PATH: `${join(node, '..')}${delimiter}${process.env.PATH}` },
  stdio: 'inherit'
})
if (signal !== null) process.kill(process.pid, signal)
process.exit(status ?? 1)
