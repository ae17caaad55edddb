// npm run test:batched [-- whatever Vitest takes]: the promises, the random model, both systems'
// traces, and workers that end at every stage, with pollers that make each call by io_uring. Where
// the kernel refuses it, nothing is run, and the reason is said.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Poller } from 'pollport'
import { root } from './tools.mjs'

// Those send nothing by a flush, take long, or are about something else.
const others = /^(raw|udp|duplex|serve|faked|far|quiet|open-close|option|run-loop|other-realm)/
const files = [
  ...readdirSync(join(root, 'test/promises'))
    .filter((name) => !others.test(name))
    .map((name) => `test/promises/${name}`),
  'test/differential',
  'test/model',
  'test/regressions',
  'test/lifecycle/worker-stages',
  'test/lifecycle/terminated-in-a-storm'
]

function refusal() {
  try {
    new Poller({ batchCalls: 'always' }).close()
    return undefined
  } catch (error) {
    return error.message
  }
}

const refused = process.platform === 'linux' ? refusal() : 'io_uring is of Linux'
if (refused !== undefined) {
  console.log(`SKIPPED: ${refused}`)
} else {
  const given = process.argv.slice(2)
  const chosen = given.length > 0 ? given : files
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project=system', ...chosen]
  const env = { ...process.env, POLLPORT_BATCH_CALLS: 'always' }
  const { status } = spawnSync(process.execPath, vitest, { cwd: root, env, stdio: 'inherit' })
  process.exitCode = status ?? 1
}
