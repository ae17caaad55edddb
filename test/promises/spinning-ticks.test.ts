// runLoop with spinMs: it polls for the last of the time before a tick, and everything that holds
// of a loop that blocks holds of it.
import { type Poller, runLoop } from 'pollport'
import { expect, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { closing } from '../support/raw-pair.ts'
import { tested } from '../support/tested-system.ts'

/** It never blocks: each wait begins within the last so many milliseconds before a tick. */
const ALWAYS = 1000

/** So many calls end a loop that does not end as it should, long before the test's time is up. */
const MOST_TICKS = 200

/** What the loop asks of its poller: for how long a wait may block at most. */
function longestWaitOf(poller: Poller): () => number {
  let longest = 0
  const { wait } = poller
  poller.wait = (timeoutMs = Number.POSITIVE_INFINITY) => {
    longest = Math.max(longest, timeoutMs)
    return wait.call(poller, timeoutMs)
  }
  return () => longest
}

test('no tick comes before its time, and a late loop skips ticks', async () => {
  const poller = closing(tested.poller())
  const periodMs = 10
  const started = tested.now()
  const early: number[] = []
  let calls = 0
  let last = 0
  const stats = await runLoop(poller, {
    hz: 1000 / periodMs,
    spinMs: 1,
    onTick(tick, lateMs) {
      if (lateMs < 0 || tested.now() - started < tick * periodMs) early.push(tick)
      // The call before took more than three periods: what was due meanwhile is skipped.
      if (calls === 6 && !tested.isSimulated) expect(tick).toBeGreaterThanOrEqual(last + 3)
      last = tick
      calls++
      if (calls === 6 && !tested.isSimulated)
        for (const from = tested.now(); tested.now() - from < 3.5 * periodMs; );
      return calls < 30
    }
  })
  expect(early).toEqual([])
  expect(stats.ticks).toBe(30)
  expect(stats.missed).toBe(last + 1 - stats.ticks)
})

test('it polls for so long before a tick, and blocks until then', async () => {
  const longest = async (spinMs: number) => {
    const poller = closing(tested.poller())
    const longestWait = longestWaitOf(poller)
    let calls = 0
    await runLoop(poller, { hz: 20, spinMs, onTick: () => ++calls < 6 })
    return longestWait()
  }
  // A period is 50 ms.
  expect(await longest(0)).toBeGreaterThan(20)
  const spinning = await longest(40)
  expect(spinning).toBeGreaterThan(0)
  expect(spinning).toBeLessThan(10.01)
  expect(await longest(50)).toBeLessThan(0.01)
  expect(await longest(ALWAYS)).toBe(0)
})

test('events are handled while it spins, and what a tick sends leaves at once', async () => {
  const poller = closing(tested.poller())
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const client = poller.connectTcp(listener.localAddress)
  let ticks = 0
  let isBackInTime = false
  await runLoop(poller, {
    hz: 50,
    spinMs: ALWAYS,
    onEvents(events) {
      for (const event of events) {
        if (event.type !== 'receive') continue
        if (event.socket !== client) event.socket.send(event.data)
        // There and back takes several polls; one tick of many is enough, on a busy machine too.
        else if (`${event.data}` === `${ticks},`) isBackInTime = true
      }
    },
    onTick() {
      client.send(`${++ticks},`)
      return !isBackInTime && ticks < MOST_TICKS
    }
  })
  expect(isBackInTime).toBe(true)
})

test("Node's timers and promises go on beside a loop that never blocks", async () => {
  const poller = closing(tested.poller())
  let timers = 0
  let promises = 0
  let calls = 0
  const timer = setInterval(() => timers++, 1)
  await runLoop(poller, {
    hz: 100,
    spinMs: ALWAYS,
    onTick() {
      void Promise.resolve().then(() => promises++)
      return timers < 5 && ++calls < MOST_TICKS
    }
  })
  clearInterval(timer)
  expect(timers).toBeGreaterThanOrEqual(5)
  expect(promises).toBeGreaterThan(0)
})

test('exclusive: it spins as well', async () => {
  const poller = closing(tested.poller())
  const longestWait = longestWaitOf(poller)
  let calls = 0
  const stats = await runLoop(poller, {
    hz: 20,
    spinMs: 40,
    exclusive: true,
    onTick: () => ++calls < 5
  })
  expect(stats.ticks).toBe(5)
  expect(longestWait()).toBeLessThan(10.01)
})

test('it ends by a signal: of an event while it spins, and of another turn', async () => {
  const poller = closing(tested.poller())
  const byEvent = new AbortController()
  let calls = 0
  const stats = await runLoop(poller, {
    hz: 100,
    spinMs: ALWAYS,
    signal: byEvent.signal,
    onEvents: () => byEvent.abort(),
    onTick() {
      if (++calls === 3) poller.wake()
      return calls < MOST_TICKS
    }
  })
  expect(calls).toBe(3)
  expect(stats.ticks).toBe(calls)
  const byTimer = new AbortController()
  void tested.sleep(30).then(() => byTimer.abort())
  calls = 0
  await runLoop(poller, {
    hz: 100,
    spinMs: ALWAYS,
    signal: byTimer.signal,
    onTick: () => ++calls < MOST_TICKS
  })
  expect(calls).toBeLessThan(MOST_TICKS)
})

test('it ends when a handler closes the poller while it spins', async () => {
  const poller = tested.poller()
  let calls = 0
  const stats = await runLoop(poller, {
    hz: 100,
    spinMs: ALWAYS,
    onEvents: () => poller.close(),
    onTick() {
      if (++calls === 1) poller.wake()
      return calls < MOST_TICKS
    }
  })
  expect(calls).toBe(1)
  expect(stats.ticks).toBe(calls)
})

test.each([
  [-1, 'ERR_OUT_OF_RANGE'],
  [1000.5, 'ERR_OUT_OF_RANGE'],
  [Number.NaN, 'ERR_OUT_OF_RANGE'],
  [Number.POSITIVE_INFINITY, 'ERR_OUT_OF_RANGE'],
  ['1', 'ERR_INVALID_ARG_TYPE'],
  [null, 'ERR_INVALID_ARG_TYPE']
])('spinMs of %s is refused', async (spinMs, code) => {
  const poller = closing(tested.poller())
  const options = { hz: 100, spinMs: spinMs as never, onTick: () => false }
  await expect(runLoop(poller, options)).rejects.toMatchObject({ code })
})
