// A timer of a poller is due within wait(), not before its time, and needs no turn of Node's loop.
import type { Poller } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { codeOf } from '../support/raw-pair.ts'
import { tested } from '../support/tested-system.ts'

function openPoller(): Poller {
  const poller = tested.poller()
  onTestFinished(() => poller.close())
  return poller
}

test('a wait calls back what is due, not too early, and goes on waiting', () => {
  const poller = openPoller()
  const begin = tested.now()
  const due: number[] = []
  const timer = poller.timer(() => {
    due.push(tested.now() - begin)
    if (due.length < 3) timer.set(10)
  })
  timer.set(10)
  // A busy machine may need more than one wait.
  do {
    const waitBegin = tested.now()
    expect(poller.wait(100)).toEqual([])
    expect(tested.now() - waitBegin).toBeGreaterThanOrEqual(100)
  } while (due.length < 3 && tested.now() - begin < 10_000)
  expect(due).toHaveLength(3)
  for (const [at, ms] of due.entries()) expect(ms).toBeGreaterThanOrEqual(10 * (at + 1))
})

test('set again it has the new time, cancelled it does not call back', () => {
  const poller = openPoller()
  const due: string[] = []
  const moved = poller.timer(() => due.push('moved'))
  const cancelled = poller.timer(() => due.push('cancelled'))
  const begin = tested.now()
  moved.set(1)
  moved.set(30)
  cancelled.set(1)
  cancelled.cancel()
  poller.wait(15)
  // A busy machine may have been away for longer.
  if (tested.now() - begin < 30) expect(due).toEqual([])
  poller.wait(30)
  expect(due).toEqual(['moved'])
})

test('inside run() it is called, also when it is set outside of a handler', async () => {
  const poller = openPoller()
  const running = poller.run(() => {})
  await new Promise<void>((resolve) => {
    const timer = poller.timer(resolve)
    setImmediate(() => timer.set(5))
  })
  poller.close()
  await running
})

test('what it throws is an uncaught exception, and other timers are called all the same', async () => {
  const poller = openPoller()
  const uncaught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => uncaught.push(error))
  try {
    let called = false
    poller
      .timer(() => {
        throw new Error('from a timer')
      })
      .set(0)
    poller.timer(() => (called = true)).set(1)
    poller.wait(10)
    await tested.turn()
    expect(called).toBe(true)
    expect(uncaught).toMatchObject([{ message: 'from a timer' }])
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
})

test('wrong arguments and a closed poller are refused; a timer of a closed one is harmless', () => {
  const poller = tested.poller()
  const timer = poller.timer(() => {})
  expect(codeOf(() => poller.timer(1 as never))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(() => timer.set(-1))).toBe('ERR_OUT_OF_RANGE')
  poller.close()
  timer.set(1)
  timer.cancel()
  expect(codeOf(() => poller.timer(() => {}))).toBe('EBADF')
})

test.each([
  ['without a limit', -1],
  ['with one', 10_000]
])('a callback may close the poller: the wait %s gives no events', (_what, limitMs) => {
  const poller = openPoller()
  poller.timer(() => poller.close()).set(5)
  expect(poller.wait(limitMs)).toEqual([])
  expect(poller.closed).toBe(true)
})

test('a wait() in a callback is EBUSY: it would write over the bytes of the batch', () => {
  const poller = openPoller()
  let code: string | undefined
  poller
    .timer(() => {
      code = codeOf(() => poller.wait(0))
    })
    .set(5)
  poller.wait(20)
  expect(code).toBe('EBUSY')
  expect(poller.wait(0)).toEqual([])
})
