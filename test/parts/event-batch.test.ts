// The array that wait() returns.
import { describe, expect, test } from 'vitest'
import { EventBatch } from '../../lib/event-batch.ts'

describe('EventBatch', () => {
  test('its iterator, spread and forEach pass over what has gone stale on the way; an array’s other ways see all', () => {
    const stale = new Set<number>()
    const batch = EventBatch.create<number>((event) => !stale.has(event))
    batch.push(1, 2, 3)
    const seen: number[] = []
    for (const event of batch) {
      seen.push(event)
      stale.add(2)
    }
    expect(seen).toEqual([1, 3])
    expect([...batch]).toEqual([1, 3])
    const each: number[] = []
    batch.forEach((event) => void each.push(event))
    expect(each).toEqual([1, 3])
    expect(batch.length).toBe(3)
    expect(batch.map((event) => event * 2)).toStrictEqual([2, 4, 6])
  })
})
