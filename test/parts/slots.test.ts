// The generational map by which a socket keeps its number.
import { describe, expect, test } from 'vitest'
import { Slots } from '../../lib/slots.ts'

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
