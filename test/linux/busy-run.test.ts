// While run() is busy, Node's loop finds the poller's epoll ready again and again before the poller
// looks. Taking it out of the loop each time would cost a walk through all of its sockets when it
// is put back (the kernel's check for epolls that watch each other).
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../support/busy-turns.mjs', import.meta.url))
const DEADLINE_MS = 20_000
const ROUNDS = 50
const hasStrace = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0

test.runIf(hasStrace)('a run() that is busy by turns stays in the loop of Node', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pollport-trace-'))
  try {
    const file = join(folder, 'trace')
    const strace = ['-f', '-o', file, '-e', 'trace=epoll_ctl']
    const script = [process.execPath, SCRIPT, String(ROUNDS)]
    execFileSync('strace', [...strace, ...script], { timeout: DEADLINE_MS })
    const changes = readFileSync(file, 'utf8').match(/epoll_ctl\(/g) ?? []
    // Those of Node itself, and of the poller's few descriptors.
    expect(changes.length).toBeLessThan(ROUNDS)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
