// What the system did not take yet, of one connection.
import { describe, expect, test } from 'vitest'
import { SendQueue } from '../../lib/poller/send-queue.ts'
import { newSeed, patternBytes, randomFrom } from '../support/poller-random.ts'

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
