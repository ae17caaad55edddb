// Fixed ticks inside Node's loop, by a clock that the test turns.
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { latenessAt } from '../server/server-figures.ts'
import { Ticker } from '../server/ticker.ts'

/** Vitest's own fake timers know no time in which nothing can run. */
class Clock {
  nowMs = 1_000.5
  readonly timers = new Map<number, { atMs: number; run: () => void }>()
  #last = 0

  set(run: () => void, ms: number): number {
    // Node's least is a millisecond
    this.timers.set(++this.#last, { atMs: this.nowMs + Math.max(ms, 1), run })
    return this.#last
  }

  /** Time passes, and what is due runs. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      const [next] = [...this.timers].sort(([, a], [, b]) => a.atMs - b.atMs)
      if (next === undefined || next[1].atMs > endMs) break
      this.timers.delete(next[0])
      this.nowMs = Math.max(this.nowMs, next[1].atMs)
      next[1].run()
    }
    this.nowMs = Math.max(this.nowMs, endMs)
  }

  /** Time passes, and nothing can run: somebody holds up the loop. */
  standStill(ms: number): void {
    this.nowMs += ms
  }
}

let clock: Clock

beforeEach(() => {
  clock = new Clock()
  vi.spyOn(performance, 'now').mockImplementation(() => clock.nowMs)
  vi.stubGlobal('setTimeout', (run: () => void, ms: number) => clock.set(run, ms))
  vi.stubGlobal('clearTimeout', (timer: number) => clock.timers.delete(timer))
  onTestFinished(() => {
    vi.restoreAllMocks()
    vi.unstubAllGlobals()
  })
})

/** Started now; when each tick came, in milliseconds since then. */
function started(ticksPerSecond: number, onTick: (ticks: number) => void = () => {}) {
  const startMs = clock.nowMs
  const times: number[] = []
  const ticker: Ticker = new Ticker(ticksPerSecond, (nowMs) => {
    times.push(nowMs - startMs)
    onTick(times.length)
  })
  ticker.start()
  return { ticker, times }
}

test('ticks come at their rate and do not drift, though the period is no whole number of milliseconds', () => {
  const { ticker, times } = started(30)
  clock.pass(100_002)
  expect(ticker.ticks).toBe(3_001) // the first at once
  expect(ticker.missed).toBe(0)
  for (const [number, time] of times.entries()) {
    const dueMs = (number * 1000) / 30
    expect(time).toBeGreaterThanOrEqual(dueMs)
    expect(time).toBeLessThan(dueMs + 2) // Node's timers know whole milliseconds
  }
})

test('a timer that comes late puts off its own tick, and none of those after it', () => {
  const { ticker, times } = started(100)
  clock.pass(25)
  clock.standStill(9) // the tick of 30 comes at 34
  clock.pass(100)
  expect(times.map(Math.floor).slice(0, 7)).toEqual([1, 10, 20, 34, 40, 50, 60])
  expect(ticker.missed).toBe(0)
})

test('who is late by whole ticks leaves them out and counts them, and is in step again', () => {
  const { ticker, times } = started(100, (ticks) => {
    if (ticks === 2) clock.standStill(35)
  })
  clock.pass(100)
  // Nothing could run from 10 to 45. The tick of 20 comes then; those of 30 and 40 are left out.
  expect(times.map(Math.floor)).toEqual([1, 10, 45, 50, 60, 70, 80, 90, 100])
  expect(ticker.missed).toBe(2)
  expect(ticker.ticks).toBe(times.length)
})

test('after a second of standing still there is one tick, and no thirty at once', () => {
  const { ticker, times } = started(30)
  clock.pass(10)
  clock.standStill(1_000)
  clock.pass(1)
  expect(times).toHaveLength(2)
  expect(ticker.missed).toBe(29)
})

test('lateness is counted, each tick once, in its place', () => {
  const { ticker } = started(100)
  clock.pass(1_000)
  const { ticks } = ticker
  const before = ticker.lateness
  expect(before.counts.reduce((sum, count) => sum + count)).toBe(ticks)
  expect(latenessAt(before, 1)).toBeLessThanOrEqual(1)
  clock.pass(9)
  clock.standStill(8.6) // 7.6 late, at most
  clock.pass(11)
  clock.standStill(5_000)
  clock.pass(10)
  const { counts, boundsMs } = ticker.lateness
  expect(counts.reduce((sum, count) => sum + count)).toBe(ticker.ticks)
  expect(counts[boundsMs.indexOf(8)]).toBe(1)
  expect(counts.at(-1), 'over all bounds').toBe(1)
  expect(ticker.missed).toBeGreaterThan(490)
})

test('a ticker that is stopped in its own tick ticks no more', () => {
  const { ticker, times } = started(100, (ticks) => {
    if (ticks === 3) ticker.stop()
  })
  clock.pass(1_000)
  expect(times).toHaveLength(3)
  expect(clock.timers.size).toBe(0)
})

test('a tick that throws is not the last one', () => {
  const { times } = started(100, (ticks) => {
    if (ticks === 2) throw new Error('a fault in the rules')
  })
  expect(() => clock.pass(20)).toThrow('a fault in the rules')
  clock.pass(30)
  expect(times.length).toBeGreaterThan(3)
})

test('parts have their ticks in turn, spread over the period; late by less than a period, none of them is left out', () => {
  const startMs = clock.nowMs
  const calls: { atMs: number; part: number }[] = []
  const onTick = (nowMs: number, part: number) => {
    calls.push({ atMs: nowMs - startMs, part })
    if (calls.length === 9) clock.standStill(35) // of a period of 40
  }
  const ticker: Ticker = new Ticker(25, onTick, 4)
  ticker.start()
  clock.pass(401)
  ticker.stop()
  expect(calls.map(({ part }) => part)).toEqual(
    Array.from({ length: 41 }, (_, number) => number % 4)
  )
  expect(ticker.missed).toBe(0)
  expect(ticker.lateness.sumMs).toBeCloseTo(
    calls.reduce((sum, { atMs }, number) => sum + atMs - number * 10, 0),
    6
  )
  // A part that was delayed comes at once, and the others when they are due.
  for (const [number, { atMs }] of calls.entries()) {
    const dueMs = number * 10
    expect(atMs).toBeGreaterThanOrEqual(dueMs)
    expect(atMs - dueMs).toBeLessThan(number >= 9 && number <= 12 ? 36 : 2)
  }
})

test('late by whole periods, every part leaves out as many ticks', () => {
  const parts: number[] = []
  const ticker: Ticker = new Ticker(
    25,
    (_nowMs, part) => {
      parts.push(part)
      if (parts.length === 2) clock.standStill(85)
    },
    4
  )
  ticker.start()
  clock.pass(120)
  ticker.stop()
  expect(ticker.missed).toBe(4)
  expect(parts.slice(0, 6)).toEqual([0, 1, 2, 3, 0, 1])
})
