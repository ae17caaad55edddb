// The heap of what is due.
import { describe, expect, test } from 'vitest'
import { Deadline, Deadlines } from '../../lib/poller/deadlines.ts'
import { newSeed, randomFrom } from '../support/poller-random.ts'

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
