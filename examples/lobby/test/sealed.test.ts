// Encrypted datagrams: what they hide, and that nothing but the other end makes or repeats one.
import { describe, expect, test } from 'vitest'
import { newSecret, ReplayWindow, SEALED, Seal, WINDOW } from '../wire/sealed.ts'

const HEAD = Buffer.from([SEALED, 1, 2, 3, 4, 5, 6, 7, 8])

function ends() {
  const secret = newSecret()
  return { player: new Seal(secret, 'token', false), server: new Seal(secret, 'token', true) }
}

test('what one end seals the other opens, in both directions, and none but it', () => {
  const { player, server } = ends()
  const text = Buffer.from('north, and quickly')
  const up = player.seal(HEAD, text)
  expect(up.includes('north')).toBe(false)
  expect(up.subarray(0, HEAD.length)).toEqual(HEAD)
  expect(server.open(up, HEAD.length)).toEqual(text)
  expect(player.open(server.seal(HEAD, text), HEAD.length)).toEqual(text)
  expect(ends().server.open(player.seal(HEAD, text), HEAD.length)).toBeUndefined()
  // Sent back to where it came from
  expect(player.open(player.seal(HEAD, text), HEAD.length)).toBeUndefined()
  expect(server.open(player.seal(HEAD, Buffer.alloc(0)), HEAD.length)).toEqual(Buffer.alloc(0))
})

test('the same words twice are two different datagrams, and another session has other keys', () => {
  const secret = newSecret()
  const [one, other] = ['a', 'b'].map((session) => new Seal(secret, session, false))
  const text = Buffer.from('north')
  const sealed = [one.seal(HEAD, text), one.seal(HEAD, text), other.seal(HEAD, text)]
  expect(new Set(sealed.map((bytes) => bytes.toString('hex'))).size).toBe(3)
  expect(new Seal(secret, 'b', true).open(sealed[0], HEAD.length)).toBeUndefined()
})

test('a datagram in which any one bit is changed, or that is cut short, does not open', () => {
  const { player, server } = ends()
  const bytes = player.seal(HEAD, Buffer.from('north'))
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const forged = Buffer.from(bytes)
    forged[bit >> 3] ^= 1 << (bit & 7)
    expect(server.open(forged, HEAD.length), `bit ${bit}`).toBeUndefined()
  }
  for (let length = 0; length < bytes.length; length++)
    expect(server.open(bytes.subarray(0, length), HEAD.length)).toBeUndefined()
  // None of that has used its number up.
  expect(server.open(bytes, HEAD.length)).toEqual(Buffer.from('north'))
})

test('a datagram that comes again does nothing, and reordered ones are all there', () => {
  const { player, server } = ends()
  const sent = Array.from({ length: WINDOW }, (_, at) => player.seal(HEAD, Buffer.from(`${at}`)))
  for (const [at, bytes] of [...sent.entries()].reverse())
    expect(server.open(bytes, HEAD.length)).toEqual(Buffer.from(`${at}`))
  for (const bytes of sent) expect(server.open(bytes, HEAD.length)).toBeUndefined()
})

test('one that is older than the window does not open', () => {
  const { player, server } = ends()
  const old = [player.seal(HEAD, Buffer.from('a')), player.seal(HEAD, Buffer.from('b'))]
  for (let count = 0; count < WINDOW - 2; count++) player.seal(HEAD, Buffer.alloc(1))
  server.open(player.seal(HEAD, Buffer.alloc(1)), HEAD.length) // number WINDOW
  expect(server.open(old[0], HEAD.length)).toBeUndefined()
  expect(server.open(old[1], HEAD.length)).toEqual(Buffer.from('b'))
})

describe('the window', () => {
  test('agrees with a set of all numbers, whatever comes', () => {
    let state = 3
    const random = (below: number) => {
      state = (state * 48271) % 2147483647
      return state % below
    }
    const window = new ReplayWindow()
    const seen = new Set<number>()
    let newest = -1
    for (let step = 0; step < 50_000; step++) {
      const jump = random(50) === 0 ? random(5_000) : random(20)
      const seq = Math.max(0, newest + jump - (random(3) === 0 ? random(WINDOW + 200) : 10))
      const isNew = seq > newest - WINDOW && !seen.has(seq)
      expect(window.isNew(seq), `${seq} after ${newest}`).toBe(isNew)
      if (!isNew) continue
      window.add(seq)
      seen.add(seq)
      newest = Math.max(newest, seq)
    }
  })

  test('holds far beyond 32 bits', () => {
    const window = new ReplayWindow()
    for (const seq of [0, 2 ** 40, 2 ** 40 - WINDOW + 1, 2 ** 40 + 5]) {
      expect(window.isNew(seq)).toBe(true)
      window.add(seq)
      expect(window.isNew(seq)).toBe(false)
    }
    expect(window.isNew(2 ** 40 - WINDOW)).toBe(false)
    expect(window.isNew(2 ** 40 + 6)).toBe(true)
  })
})
