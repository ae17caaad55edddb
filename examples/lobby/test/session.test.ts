// How fast a player may talk.

import { expect, test } from 'vitest'
import { defaultLimits } from '../rules/limits.ts'
import { Throttle, TokenBucket } from '../rules/session.ts'

test('a bucket gives its capacity at once, and then what its rate gives', () => {
  const bucket = new TokenBucket(5, 10, 0)
  const takeAll = (nowMs: number) => {
    let taken = 0
    while (bucket.take(1, nowMs)) taken++
    return taken
  }
  expect(takeAll(0)).toBe(5)
  expect(takeAll(99)).toBe(0)
  expect(takeAll(100)).toBe(1)
  expect(takeAll(400)).toBe(3)
  expect(takeAll(1_000_000)).toBe(5)
})

test('a bucket gives all that is asked for, or nothing', () => {
  const bucket = new TokenBucket(5, 10, 0)
  expect(bucket.take(6, 0)).toBe(false)
  expect(bucket.take(5, 0)).toBe(true)
  expect(bucket.take(1, 0)).toBe(false)
})

test('a clock that goes back fills nothing', () => {
  const bucket = new TokenBucket(1, 1000, 1000)
  expect(bucket.take(1, 1000)).toBe(true)
  expect(bucket.take(1, 0)).toBe(false)
})

test('who talks too fast is warned once, then dropped in silence, then cut', () => {
  const limits = { ...defaultLimits, burstMessages: 3, messagesPerSecond: 1, maxDroppedMessages: 4 }
  const throttle = new Throttle(limits, 0)
  const admissions = Array.from({ length: 8 }, () => throttle.admit(0))
  expect(admissions).toEqual(['do', 'do', 'do', 'warn', 'drop', 'drop', 'drop', 'cut'])
})

test('who slows down is forgiven', () => {
  const limits = { ...defaultLimits, burstMessages: 1, messagesPerSecond: 1, maxDroppedMessages: 2 }
  const throttle = new Throttle(limits, 0)
  for (let second = 0; second < 10; second++) {
    expect([
      throttle.admit(second * 1000),
      throttle.admit(second * 1000),
      throttle.admit(second * 1000)
    ]).toEqual(['do', 'warn', 'drop'])
  }
})
