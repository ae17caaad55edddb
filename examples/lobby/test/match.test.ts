// The dice game.
import { expect, test } from 'vitest'
import { Match } from '../match.ts'

test('the same seed and players give the same match, in whatever order they roll', () => {
  const one = new Match(['Ann', 'Bob', 'Cid'], 7, 1000)
  const other = new Match(['Ann', 'Bob', 'Cid'], 7, 1000)
  const rolls = ['Ann', 'Bob', 'Cid'].map((name) => one.roll(name))
  expect(['Cid', 'Bob', 'Ann'].map((name) => other.roll(name))).toEqual(rolls.reverse())
  expect(one.result().winners).toEqual(other.result().winners)
})

test('dice are fair enough: a thousand seeds show every number from 1 to 100, and nobody is favoured', () => {
  const seen = new Set<number | undefined>()
  const wins = new Map<string, number>()
  for (let seed = 0; seed < 1000; seed++) {
    const match = new Match(['Ann', 'Bob', 'Cid'], seed * 4_294_967, 1000)
    for (const name of ['Ann', 'Bob', 'Cid']) seen.add(match.roll(name))
    for (const winner of match.result().winners) wins.set(winner, (wins.get(winner) ?? 0) + 1)
  }
  expect(seen.size).toBe(100)
  expect(Math.min(...(seen as Set<number>))).toBe(1)
  for (const count of wins.values()) expect(count).toBeGreaterThan(250)
})

test('nobody rolls twice, and nobody rolls who does not play', () => {
  const match = new Match(['Ann', 'Bob'], 7, 1000)
  expect(match.roll('Ann')).toBeTypeOf('number')
  expect(match.roll('Ann')).toBeUndefined()
  expect(match.roll('Cid')).toBeUndefined()
})

test('a match is over when all have rolled, when the time is up, or when one is left', () => {
  const rolled = new Match(['Ann', 'Bob'], 7, 1000)
  rolled.roll('Ann')
  expect(rolled.isOver(999)).toBe(false)
  expect(rolled.isOver(1000)).toBe(true)
  rolled.roll('Bob')
  expect(rolled.isOver(0)).toBe(true)

  const left = new Match(['Ann', 'Bob', 'Cid'], 7, 1000)
  left.leave('Cid')
  expect(left.isOver(0)).toBe(false)
  left.leave('Bob')
  expect(left.isOver(0)).toBe(true)
  expect(left.result()).toEqual({ winners: ['Ann'], rolls: [] })
})

test('the highest roll wins, and who did not roll does not', () => {
  const match = new Match(['Ann', 'Bob', 'Cid'], 7, 1000)
  match.roll('Bob')
  expect(match.result().winners).toEqual(['Bob'])
  expect(new Match(['Ann', 'Bob'], 7, 1000).result()).toEqual({ winners: [], rolls: [] })
})
