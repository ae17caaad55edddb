// Sends by io_uring, and what becomes of them where the kernel refuses it: plain calls, and every
// byte arrives. strace plays kernels that refuse, seccomp(2) containers that do.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Poller } from 'pollport'
import { describe, expect, test } from 'vitest'

const SCRIPT = fileURLToPath(new URL('../support/batched-calls.mjs', import.meta.url))
const hasStrace =
  spawnSync('strace', ['-e', 'inject=io_uring_setup:error=ENOSYS', '-o', '/dev/null', 'true'])
    .status === 0
const DEADLINE_MS = 20_000
const REFUSED = { code: 'ENOTSUP', syscall: 'io_uring_setup' }
// Of the errors that stand for a kernel without it, with the sysctl kernel.io_uring_disabled or a
// filter, with too little RLIMIT_MEMLOCK, and with an io_uring that is too old.
const refusals = ['ENOSYS', 'EPERM', 'ENOMEM', 'EINVAL']

/** What the script says, started by `inside`. */
function said(args: string[], inside: string[] = []) {
  const [command, ...rest] = [...inside, process.execPath, SCRIPT, ...args]
  return JSON.parse(String(execFileSync(command, rest, { timeout: DEADLINE_MS })))
}

const straced = (...options: string[]) => ['strace', '-f', '-o', '/dev/null', ...options]
const isAllowed = said(['auto']).batchedCalls === true

describe.runIf(isAllowed)('where the kernel has io_uring', () => {
  test("'auto' opens a ring with the first flush to many, and closes it with the poller", () => {
    expect(said(['auto'])).toEqual({ batchedCalls: true, isWhole: true, forTheRing: 1 })
  })

  test("'always' has one from the beginning", () => {
    expect(said(['always'])).toEqual({ batchedCalls: true, isWhole: true, forTheRing: 0 })
  })

  test.runIf(hasStrace)('one call sends to forty connections, and nothing by another', () => {
    const folder = mkdtempSync(join(tmpdir(), 'pollport-trace-'))
    try {
      const file = join(folder, 'trace')
      const calls = 'trace=io_uring_enter,sendto,sendmsg'
      expect(said(['auto'], ['strace', '-f', '-o', file, '-e', calls]).isWhole).toBe(true)
      const trace = readFileSync(file, 'utf8')
      expect(trace.match(/io_uring_enter\(\d+, 40, 0/g)).toHaveLength(4)
      expect(trace).not.toMatch(/send(to|msg)\(/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  test.each(['auto', 'always'])(
    "the kernel begins to refuse it later: with '%s', plain calls send the rest",
    (mode) => {
      // The ring is gone, too.
      expect(said([mode, '2'])).toEqual({
        batchedCalls: true,
        isWhole: true,
        forTheRing: expect.any(Number)
      })
      expect(said([mode, '2']).forTheRing).toBeLessThan(said([mode]).forTheRing)
    }
  )

  test('without memory that may be locked it is there, or plain calls are', () => {
    expect(said(['auto'], ['prlimit', '--memlock=0'])).toMatchObject({ isWhole: true })
  })
})

test("'never' does not ask the kernel for it", () => {
  expect(said(['never'])).toEqual({ batchedCalls: false, isWhole: true, forTheRing: 0 })
})

describe('where a filter of system calls forbids it', () => {
  test("'auto' sends by plain calls, and the capability says so", () => {
    expect(said(['auto', '0'])).toEqual({ batchedCalls: false, isWhole: true, forTheRing: 0 })
  })

  test("'always' is refused with what the kernel answered", () => {
    const error = said(['always', '0'])
    expect(error).toMatchObject(REFUSED)
    expect(error.message).toContain('EPERM')
  })
})

describe.runIf(hasStrace).each(refusals)('the kernel answers %s', (error) => {
  const refusing = straced(
    '-e',
    'trace=io_uring_setup',
    '-e',
    `inject=io_uring_setup:error=${error}`
  )

  test("'auto' sends by plain calls, and the capability says so", () => {
    expect(said(['auto'], refusing)).toEqual({ batchedCalls: false, isWhole: true, forTheRing: 0 })
  })

  test("'always' is refused with that answer", () => {
    const thrown = said(['always'], refusing)
    expect(thrown).toMatchObject(REFUSED)
    expect(thrown.message).toContain(error)
  })
})

test.runIf(isAllowed)('the environment variable is the default, and the option comes first', () => {
  process.env.POLLPORT_BATCH_CALLS = 'never'
  try {
    using silent = new Poller()
    expect(silent.capabilities.batchedCalls).toBe(false)
    using asked = new Poller({ batchCalls: 'always' })
    expect(asked.capabilities.batchedCalls).toBe(true)
    process.env.POLLPORT_BATCH_CALLS = 'sometimes'
    expect(() => new Poller()).toThrow(
      expect.objectContaining({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining('POLLPORT_BATCH_CALLS')
      })
    )
  } finally {
    delete process.env.POLLPORT_BATCH_CALLS
  }
})
