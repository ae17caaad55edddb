// Nobody can take a name that looks like somebody else's.
import { expect, test } from 'vitest'
import { numberInName } from '../wire/names.ts'
import { keyOf } from '../wire/protocol.ts'
import { Table } from './table.ts'

test.each([
  ['Ian', 'lan'], // a capital i, and a small L
  ['Ian', 'ian'],
  ['Bob', 'B\u043eb'], // with a Cyrillic o
  ['Bob', 'B0b'],
  ['paypal', '\u0440\u0430\u0443\u0440\u0430l'], // Cyrillic but for its end
  ['Ann', '\u0391nn'], // a Greek alpha
  ['modern', 'rnodern'],
  ['\ufb01n', 'fin'], // a ligature
  ['e\u0301', '\u00e9'],
  ['bot 1', 'bot l']
])('%s and %s are one name', (one, other) => {
  expect(keyOf(one)).toBe(keyOf(other))
  const table = new Table()
  table.player(one)
  expect(table.refusal(table.arrive(), { type: 'name', name: other })).toBe('name-taken')
})

test.each([
  ['Ann', 'Anna'],
  ['M\u00fcller', 'Muller'],
  ['bot 1', 'bot 2'],
  ['\u65e5\u672c', '\u65e5\u6728']
])('%s and %s are two', (one, other) => expect(keyOf(one)).not.toBe(keyOf(other)))

test('numbers in names of rooms are two whenever they differ', () => {
  // Of an epoch, which is a time; so the rooms of nodes that joined one after the other
  const first = 1_796_020_959_000
  const keys = Array.from({ length: 10_000 }, (_, at) => keyOf(numberInName(first + at)))
  expect(new Set(keys).size).toBe(keys.length)
})

test('the key of a key is that key', () => {
  for (let point = 0x20; point < 0x3000; point++) {
    const name = `x${String.fromCodePoint(point)}y`
    expect(keyOf(keyOf(name)), name).toBe(keyOf(name))
  }
})
