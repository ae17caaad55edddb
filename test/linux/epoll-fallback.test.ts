// On a kernel without epoll_pwait2 waits are whole milliseconds, rounded up: late by less than one,
// never early. strace plays that kernel.
import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const hasStrace =
  spawnSync('strace', ['-e', 'inject=epoll_pwait2:error=ENOSYS', '-o', '/dev/null', 'true'])
    .status === 0
const SCRIPT = fileURLToPath(new URL('../support/raw-short-waits.mjs', import.meta.url))

test.runIf(hasStrace).each(['ENOSYS', 'EPERM'])(
  'E.13 epoll_pwait2 answers %s: epoll_wait does it, and the capability says so',
  (error) => {
    const options = [
      '-f',
      '-o',
      '/dev/null',
      '-e',
      'trace=epoll_pwait2',
      '-e',
      `inject=epoll_pwait2:error=${error}`
    ]
    const { spent, fine } = JSON.parse(
      String(execFileSync('strace', [...options, process.execPath, SCRIPT]))
    )
    expect(fine).toBe(false)
    for (const { timeoutMs, spentMs } of spent) expect(spentMs).toBeGreaterThanOrEqual(timeoutMs)
  }
)

test('the kernel that this runs on has it, or says that it has not', () => {
  const { spent, fine } = JSON.parse(String(execFileSync(process.execPath, [SCRIPT])))
  expect(typeof fine).toBe('boolean')
  for (const { timeoutMs, spentMs } of spent) expect(spentMs).toBeGreaterThanOrEqual(timeoutMs)
})
