// runLoop: fixed ticks without drift, with the poller's events between them, beside Node's own loop
// or without it.
import { runLoop } from 'pollport'
import { expect, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { closing } from '../support/raw-pair.ts'
import { tested } from '../support/tested-system.ts'

test('tick n never comes before n periods, and being late does not add up', async () => {
  const poller = closing(tested.poller())
  const hz = 100
  const started = tested.now()
  const times: number[] = []
  const stats = await runLoop(poller, {
    hz,
    onTick(tick) {
      times.push(tested.now() - started - tick * (1000 / hz))
      return times.length < 60
    }
  })
  // Started a moment after `started`, so that a tick's time is its lateness and a little more,
  // never less than nothing.
  for (const late of times) expect(late).toBeGreaterThanOrEqual(0)
  // That little more is in each of them; being late that adds up is not.
  const middle = times.toSorted((a, b) => a - b)[30]
  expect(middle - Math.min(...times)).toBeLessThan(5)
  expect(stats.lateness.p50Ms).toBeLessThan(5)
  expect(stats.ticks).toBe(60)
})

test('the statistics are of what happened', async () => {
  const poller = closing(tested.poller())
  const lates: number[] = []
  const stats = await runLoop(poller, {
    hz: 200,
    onTick(_tick, lateMs) {
      lates.push(lateMs)
      return lates.length < 20
    }
  })
  expect(stats.ticks).toBe(20)
  expect(stats.lateness.maxMs).toBe(Math.max(...lates))
  expect(stats.lateness.p50Ms).toBeLessThanOrEqual(stats.lateness.p99Ms)
  expect(stats.lateness.p99Ms).toBeLessThanOrEqual(stats.lateness.maxMs)
})

test('a tick that takes three periods makes two be missed, and none be hurried', async () => {
  const poller = closing(tested.poller())
  const ticks: number[] = []
  const stats = await runLoop(poller, {
    hz: 20,
    onTick(tick) {
      ticks.push(tick)
      if (ticks.length === 1) {
        const until = tested.now() + 160 // past ticks 1, 2 and 3
        while (tested.now() < until);
      }
      return ticks.length < 3
    }
  })
  expect(stats.missed).toBeGreaterThanOrEqual(2)
  expect(ticks[1]).toBe(stats.missed >= 3 ? ticks[1] : 3)
  expect(ticks[1]).toBeGreaterThanOrEqual(3)
  expect(ticks[2]).toBeGreaterThan(ticks[1])
})

test('events are handled between ticks, and what a tick sends leaves at once', async () => {
  const poller = closing(tested.poller())
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const client = poller.connectTcp(listener.localAddress)
  let received = ''
  let sent = 0 // Not the ticks' numbers: a busy machine misses ticks.
  await runLoop(poller, {
    hz: 100,
    onEvents(events) {
      for (const event of events) if (event.type === 'receive') received += event.data
    },
    onTick(tick) {
      if (sent < 5) client.send(`${sent++},`)
      return received !== '0,1,2,3,4,' && tick < 1000
    }
  })
  expect(received).toBe('0,1,2,3,4,')
})

test('by default timers and promises of Node run between ticks', async () => {
  const poller = closing(tested.poller())
  let timers = 0
  let promises = 0
  const timer = setInterval(() => timers++, 1)
  await runLoop(poller, {
    hz: 100,
    onTick() {
      void Promise.resolve().then(() => promises++)
      return timers < 5
    }
  })
  clearInterval(timer)
  expect(timers).toBeGreaterThanOrEqual(5)
  expect(promises).toBeGreaterThan(0)
})

test('exclusive: nothing of Node runs until the loop ends', async () => {
  const poller = closing(tested.poller())
  let timers = 0
  const timer = setInterval(() => timers++, 1)
  let seen = -1
  await runLoop(poller, {
    hz: 200,
    exclusive: true,
    onTick(tick) {
      seen = timers
      return tick < 20
    }
  })
  clearInterval(timer)
  expect(seen).toBe(0)
})

test('it ends by a signal, between ticks and before the first', async () => {
  const poller = closing(tested.poller())
  const controller = new AbortController()
  void tested.sleep(30).then(() => controller.abort())
  const stats = await runLoop(poller, { hz: 500, onTick: () => {}, signal: controller.signal })
  expect(stats.ticks).toBeGreaterThan(0)
  const none = await runLoop(poller, { hz: 500, onTick: () => {}, signal: AbortSignal.abort() })
  expect(none.ticks).toBe(0)
})

test('it ends when the poller is closed, in a tick or in a handler', async () => {
  const inTick = tested.poller()
  expect((await runLoop(inTick, { hz: 500, onTick: () => inTick.close() })).ticks).toBe(1)
  const inHandler = tested.poller()
  inHandler.wake()
  await runLoop(inHandler, { hz: 500, onEvents: () => inHandler.close(), onTick: () => {} })
})

test('L.4 what a handler throws rejects it, and the poller goes on', async () => {
  const poller = closing(tested.poller())
  await expect(
    runLoop(poller, {
      hz: 500,
      onTick() {
        throw new Error('in a tick')
      }
    })
  ).rejects.toThrow('in a tick')
  poller.wake()
  expect(poller.wait(1000)).toEqual([{ type: 'wake' }])
})

test.each([
  [{ hz: 0, onTick() {} }, 'ERR_OUT_OF_RANGE'],
  [{ hz: Number.NaN, onTick() {} }, 'ERR_OUT_OF_RANGE'],
  [{ hz: -60, onTick() {} }, 'ERR_OUT_OF_RANGE'],
  [{ hz: '60', onTick() {} }, 'ERR_INVALID_ARG_TYPE'],
  [{ hz: 60 }, 'ERR_INVALID_ARG_TYPE'],
  [{ hz: 60, onTick() {}, onEvents: 1 }, 'ERR_INVALID_ARG_TYPE'],
  [{ hz: 60, onTick() {}, signal: {} }, 'ERR_INVALID_ARG_TYPE'],
  [{ hz: 60, onTick() {}, exclusive: 1 }, 'ERR_INVALID_ARG_TYPE'],
  [undefined, 'ERR_INVALID_ARG_TYPE']
])('options that make no sense are refused (case %#)', async (options, code) => {
  const poller = closing(tested.poller())
  await expect(runLoop(poller, options as never)).rejects.toMatchObject({ code })
})

test('a poller inside run() is refused, and a thing that is no poller too', async () => {
  const poller = closing(tested.poller())
  const controller = new AbortController()
  const running = poller.run(() => {}, { signal: controller.signal })
  await expect(runLoop(poller, { hz: 60, onTick() {} })).rejects.toMatchObject({ code: 'EBUSY' })
  controller.abort()
  await running
  await expect(runLoop({} as never, { hz: 60, onTick() {} })).rejects.toMatchObject({
    code: 'ERR_INVALID_ARG_TYPE'
  })
})
