// Runs the tests on Linux on Node's other lines, whatever Node this machine has: npm run
// test:matrix [-- --node 26] [vitest arguments…] Without --node on each line in turn. Ends with the
// status of the first run that failed. The Nodes are npm's (scripts/cache.mjs).
import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { fetchNode, nodeLines, takeNodeLine } from './cache.mjs'
import { fail, root } from './tools.mjs'

if (
  process.platform !== 'linux' ||
  process.report.getReport().header.glibcVersionRuntime === undefined
)
  fail(
    "npm has Nodes of other lines for Linux with glibc; elsewhere run 'npm test' with another Node"
  )
const args = process.argv.slice(2)
const asked = takeNodeLine(args)
let status = 0
for (const line of asked === undefined ? nodeLines : [asked]) {
  console.log(`pollport: Vitest on Node ${line}`)
  const folder = fetchNode(line, 'linux', process.arch)
  const vitest = ['scripts/setup.mjs', '--', 'node_modules/vitest/vitest.mjs', 'run', ...args]
  const { status: own, signal } = spawnSync(join(folder, 'node'), vitest, {
    cwd: root,
    // What the tests start as `node` is this Node too.
    env: { ...process.env, PATH: `${folder}${delimiter}${process.env.PATH}` },
    stdio: 'inherit'
  })
  if (signal !== null) process.kill(process.pid, signal)
  status ||= own ?? 1
}
process.exit(status)
