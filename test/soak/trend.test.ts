// The arithmetic by which the soak says "flat": noise alone is no growth, and a leak in the same
// noise is one.
import { expect, test } from 'vitest'
import { grows, type Sample, trendOf } from './trend.ts'

const BOUND = 60 // kB a minute

/** A sample a second: a level, a saw, noise, wild values, and `perSecond` kB of a leak. */
function series(seconds: number, perSecond: number, seed: number): Sample[] {
  let state = seed
  const random = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
  return Array.from({ length: seconds }, (_, second) => {
    const saw = (second % 7) * 10
    const wild = random() < 0.1 ? 5_000 * random() : 0
    return {
      atMs: second * 1000,
      value: 50_000 + perSecond * second + saw + 60 * (random() - 0.5) + wild
    }
  })
}

const seeds = Array.from({ length: 200 }, (_, seed) => seed + 1)

test('a leak of 4 kB a second is found in a minute of samples, whatever the noise', () => {
  const missed = seeds.filter((seed) => !grows(trendOf(series(60, 4, seed)), BOUND))
  expect(missed).toEqual([])
})

test('noise alone is never taken for growth', () => {
  const taken = seeds.filter((seed) => grows(trendOf(series(60, 0, seed)), BOUND))
  expect(taken).toEqual([])
})

test('what grows and settles is not growth any more', () => {
  const settling = series(120, 0, 7).map(({ atMs, value }) => ({
    atMs,
    value: value - 3_000 * Math.exp(-atMs / 10_000)
  }))
  expect(grows(trendOf(settling.slice(40)), BOUND)).toBe(false)
})

test('the trend of a straight line is its slope, and its range is narrow', () => {
  const line = Array.from({ length: 100 }, (_, at) => ({ atMs: at * 500, value: 3 * at }))
  const trend = trendOf(line)
  for (const slope of [trend.perMinute, trend.low, trend.high]) expect(slope).toBeCloseTo(360)
})

test('the true slope lies in the range 95 times in 100', () => {
  const inside = seeds.filter((seed) => {
    const { low, high } = trendOf(series(300, 1, seed))
    return low <= 60 && 60 <= high
  })
  expect(inside.length).toBeGreaterThan(0.9 * seeds.length)
})

test('a handful of samples is refused', () => {
  expect(() => trendOf(series(20, 0, 1))).toThrow(RangeError)
})
