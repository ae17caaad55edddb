// A test that fakes the time, or timers, neither stops a wait nor hurries it: the library's clock
// is its own.
import FakeNode from 'node:test'
import { Poller } from 'pollport'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startChild } from '../support/child.ts'

const script = new URL('../support/faked-clock.mjs', import.meta.url)

test.each(['before', 'after'])('everything that is faked %s the import', async (when) => {
  const child = startChild(script, { args: [when] })
  for (const mark of ['wait', 'raw wait'])
    expect((await child.at(mark)).ms, mark).toBeGreaterThanOrEqual(19.9)
  expect((await child.at('runLoop')).ms).toBeGreaterThanOrEqual(29.9)
  expect((await child.at('exceptions')).seen).toContain('of a taker')
  expect(
    (await child.at('connection, idle time and exception in run()')).ms
  ).toBeGreaterThanOrEqual(19.9)
  await child.at('for await')
  expect(await child.ended).toMatchObject({ code: 0 })
})

/** A real clock, whatever is faked. */
const hrtime = process.hrtime.bigint

test.each([
  [
    'Vitest',
    () => {
      vi.useFakeTimers({
        toFake: [
          'setTimeout',
          'setInterval',
          'setImmediate',
          'queueMicrotask',
          'Date',
          'performance'
        ]
      })
      return () => void vi.useRealTimers()
    }
  ],
  [
    'node:test',
    () => {
      const { timers } = FakeNode.mock
      timers.enable()
      return () => timers.reset()
    }
  ]
])('the fake clock of %s', async (_name, fake) => {
  const poller = new Poller()
  onTestFinished(() => poller.close())
  const restore = fake()
  try {
    const started = hrtime()
    expect(poller.wait(20)).toEqual([])
    poller.wake()
    for await (const events of poller) {
      expect(events).toEqual([{ type: 'wake' }])
      break
    }
    expect(Number(hrtime() - started) / 1e6).toBeGreaterThanOrEqual(19.9)
  } finally {
    restore()
  }
})
