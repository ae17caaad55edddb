// The histogram of how late ticks are.
import { describe, expect, test } from 'vitest'
import { LatenessHistogram } from '../../lib/helpers/lateness.ts'

describe('LatenessHistogram', () => {
  test('percentiles are right to three per cent', () => {
    const histogram = new LatenessHistogram()
    for (let us = 1; us <= 100_000; us++) histogram.add(us / 1000)
    const { p50Ms, p90Ms, p99Ms, maxMs, meanMs } = histogram.summary()
    for (const [actual, right] of [
      [p50Ms, 50],
      [p90Ms, 90],
      [p99Ms, 99]
    ]) {
      expect(Math.abs(actual - right) / right).toBeLessThan(0.032)
    }
    expect(maxMs).toBe(100)
    expect(meanMs).toBeCloseTo(50.0005, 3)
  })

  test('nothing gives zeros; more than half an hour is still counted', () => {
    const histogram = new LatenessHistogram()
    expect(histogram.summary()).toEqual({
      meanMs: 0,
      p50Ms: 0,
      p90Ms: 0,
      p99Ms: 0,
      p999Ms: 0,
      maxMs: 0
    })
    histogram.add(1e9)
    expect(histogram.summary().p50Ms).toBe(1e9)
  })
})
