// The parts that can be tested without a kernel: slots, deadlines, the send queue, the outbox, the
// lateness histogram, the batch of events.
import { describe, expect, test } from 'vitest'
import { EventBatch } from '../../lib/event-batch.ts'
import { LatenessHistogram } from '../../lib/helpers/lateness.ts'
import { Deadline, Deadlines } from '../../lib/poller/deadlines.ts'
import { SendQueue } from '../../lib/poller/send-queue.ts'
import { Slots } from '../../lib/slots.ts'
import { isFaked } from '../../lib/turns.ts'
import { newSeed, patternBytes, randomFrom } from '../support/poller-random.ts'

test("timers that nobody faked are Node's own, so that turns of the loop take the short way", () => {
  expect(isFaked).toBe(false)
})

describe('Slots', () => {
  test('an id finds its value until it is deleted, and never the next one in its place', () => {
    const slots = new Slots<string>()
    const first = slots.insert('first')
    expect(slots.get(first)).toBe('first')
    expect(slots.delete(first)).toBe('first')
    const second = slots.insert('second')
    expect(Slots.indexOf(second)).toBe(Slots.indexOf(first))
    expect(slots.get(first)).toBeUndefined()
    expect(slots.delete(first)).toBeUndefined()
    expect(slots.get(second)).toBe('second')
    expect(slots.size).toBe(1)
  })

  test('an id is a safe integer that comes apart and together', () => {
    const slots = new Slots<number>()
    for (let round = 0; round < 2000; round++) slots.delete(slots.insert(round))
    const id = slots.insert(1)
    expect(Number.isSafeInteger(id)).toBe(true)
    expect(Slots.generationOf(id)).toBe(2001)
    expect(Slots.idOf(Slots.indexOf(id), Slots.generationOf(id))).toBe(id)
    expect(slots.at(Slots.indexOf(id), 2001)).toBe(1)
    expect([...slots.values()]).toEqual([1])
  })
})

describe('Deadlines', () => {
  test('random deadlines come in the order of their times, moved and deleted ones included', () => {
    const seed = newSeed()
    const random = randomFrom(seed)
    const deadlines = new Deadlines()
    const due: number[] = []
    const all = Array.from({ length: 300 }, () => {
      const deadline: Deadline = new Deadline(() => due.push(deadline.at))
      return deadline
    })
    for (const deadline of all) deadlines.set(deadline, random(1000))
    for (let change = 0; change < 300; change++) {
      const deadline = all[random(all.length)]
      if (random(3) === 0) deadlines.delete(deadline)
      else deadlines.set(deadline, random(1000))
    }
    const left = all.filter((deadline) => deadline.position >= 0).map((deadline) => deadline.at)
    expect(deadlines.next, `seed ${seed}`).toBe(Math.min(...left))
    for (let now = 0; now <= 1000; now += 100) deadlines.expire(now)
    expect(due, `seed ${seed}`).toEqual(left.toSorted((a, b) => a - b))
    expect(deadlines.next).toBe(Number.POSITIVE_INFINITY)
  })

  test('nothing is due before its time, and a deadline can set itself again', () => {
    const deadlines = new Deadlines()
    let count = 0
    const again: Deadline = new Deadline((now) => {
      count++
      deadlines.set(again, now + 10)
    })
    deadlines.set(again, 10)
    deadlines.expire(9.9)
    expect(count).toBe(0)
    for (const now of [10, 15, 20, 30]) deadlines.expire(now)
    expect(count).toBe(3)
  })
})

describe('SendQueue', () => {
  test('random messages, offered to a system that takes random amounts, come out whole and in order', () => {
    const seed = newSeed()
    const random = randomFrom(seed)
    const queue = new SendQueue()
    const given: Buffer[] = []
    const taken: Buffer[] = []
    const pump = () =>
      queue.pump((bytes, offset, length) => {
        const count = random(length + 1)
        taken.push(Buffer.from(bytes.subarray(offset, offset + count)))
        return count
      })
    for (let step = 0; step < 2000; step++) {
      const message = patternBytes(random(3) === 0 ? random(40_000) : random(200), step)
      given.push(Buffer.from(message))
      if (random(4) === 0) queue.appendShared(message)
      else queue.append(message)
      if (random(2) === 0) expect(pump()).toBe(0)
      expect(queue.bytes).toBe(
        given.reduce((sum, { length }) => sum + length, 0) -
          taken.reduce((sum, { length }) => sum + length, 0)
      )
    }
    while (queue.bytes > 0) pump()
    expect(Buffer.concat(taken).equals(Buffer.concat(given)), `seed ${seed}`).toBe(true)
  })

  test('what append was given may change afterwards', () => {
    const queue = new SendQueue()
    const message = Buffer.from('before')
    queue.append(message)
    message.fill('x')
    let sent = ''
    queue.pump((bytes, offset, length) => {
      sent += Buffer.from(bytes.subarray(offset, offset + length))
      return length
    })
    expect(sent).toBe('before')
  })

  test('an error stops it, and is passed on', () => {
    const queue = new SendQueue()
    queue.append(Buffer.from('abc'))
    expect(queue.pump(() => -104)).toBe(-104)
    expect(queue.bytes).toBe(3)
  })
})

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
