// runLoop with spinMs: it polls for the last of the time before a tick, and everything that holds
// of a loop that blocks holds of it.
import { runLoop } from 'pollport'
import { expect, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { closing } from '../support/raw-pair.ts'
import { tested } from '../support/tested-system.ts'

/** It never blocks: each wait begins within the last so many milliseconds before a tick. */
const ALWAYS = 1000

test('no tick comes before its time, and being late does not add up', async () => {
  const poller = closing(tested.poller())
  const started = tested.now()
  const late: number[] = []
  const stats = await runLoop(poller, {
    hz: 100,
    spinMs: 1,
    onTick(tick, lateMs) {
      expect(lateMs).toBeGreaterThanOrEqual(0)
      late.push(tested.now() - started - tick * 10)
      return late.length < 30
    }
  })
  for (const ms of late) expect(ms).toBeGreaterThanOrEqual(0)
  expect(late.toSorted((a, b) => a - b)[15]).toBeLessThan(5)
  expect(stats.ticks).toBe(30)
})

test('it polls for so long before a tick, and blocks until then', async () => {
  const waitsOf = async (spinMs: number) => {
    const poller = closing(tested.poller())
    await runLoop(poller, { hz: 20, spinMs, onTick: (tick) => tick < 5 })
    return poller.stats.waits
  }
  const blocking = await waitsOf(0)
  expect(await waitsOf(40)).toBeGreaterThan(10 * blocking)
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
      return !isBackInTime && ticks < 200
    }
  })
  expect(isBackInTime).toBe(true)
})

test("Node's timers and promises go on beside a loop that never blocks", async () => {
  const poller = closing(tested.poller())
  let timers = 0
  let promises = 0
  const timer = setInterval(() => timers++, 1)
  await runLoop(poller, {
    hz: 100,
    spinMs: ALWAYS,
    onTick() {
      void Promise.resolve().then(() => promises++)
      return timers < 5
    }
  })
  clearInterval(timer)
  expect(timers).toBeGreaterThanOrEqual(5)
  expect(promises).toBeGreaterThan(0)
})

test('exclusive: it spins as well', async () => {
  const poller = closing(tested.poller())
  const stats = await runLoop(poller, {
    hz: 20,
    spinMs: 40,
    exclusive: true,
    onTick: (tick) => tick < 4
  })
  expect(stats.ticks).toBe(5)
  expect(poller.stats.waits).toBeGreaterThan(50)
})

test('it ends by a signal: of an event while it spins, and of another turn', async () => {
  const poller = closing(tested.poller())
  const byEvent = new AbortController()
  const stats = await runLoop(poller, {
    hz: 100,
    spinMs: ALWAYS,
    signal: byEvent.signal,
    onEvents: () => byEvent.abort(),
    onTick: (tick) => {
      if (tick === 2) poller.wake()
    }
  })
  expect(stats.ticks).toBe(3)
  const byTimer = new AbortController()
  void tested.sleep(30).then(() => byTimer.abort())
  await runLoop(poller, { hz: 100, spinMs: ALWAYS, signal: byTimer.signal, onTick: () => {} })
})

test('it ends when a handler closes the poller while it spins', async () => {
  const poller = tested.poller()
  const stats = await runLoop(poller, {
    hz: 100,
    spinMs: ALWAYS,
    onEvents: () => poller.close(),
    onTick: () => poller.wake()
  })
  expect(stats.ticks).toBe(1)
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
