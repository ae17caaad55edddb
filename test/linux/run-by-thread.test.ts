// run() without libuv, as under Bun and Deno: a thread watches the epoll, and every promise of
// run() holds as it does when Node's loop watches.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Poller } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))
const files = [
  'test/linux/run-by-thread',
  'test/promises/run-in-node',
  'test/promises/async-iterator',
  'test/promises/deadlines-in-run',
  'test/promises/node-loop-turns'
]

function threads(): number {
  return readdirSync('/proc/self/task').length
}

const isByThread = process.env.POLLPORT_RUN_BY_THREAD !== undefined

test(`run() starts ${isByThread ? 'one thread: it watches' : 'no thread: Node’s loop watches'}`, async () => {
  const poller = new Poller()
  onTestFinished(() => poller.close())
  const before = threads()
  const stop = new AbortController()
  const running = poller.run(() => {}, { signal: stop.signal })
  expect(threads() - before).toBe(isByThread ? 1 : 0)
  stop.abort()
  await running
})

test.skipIf(isByThread)(
  'with POLLPORT_RUN_BY_THREAD a thread watches, and the same promises hold',
  { timeout: 120_000 },
  () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ['node_modules/vitest/vitest.mjs', 'run', '--project=system', ...files],
      { cwd: root, encoding: 'utf8', env: { ...process.env, POLLPORT_RUN_BY_THREAD: '1' } }
    )
    expect(status, stdout + stderr).toBe(0)
  }
)
