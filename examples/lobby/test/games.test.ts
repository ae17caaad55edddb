// Games as the lobby sees them: rooms choose one and its settings, quick matches are by game, and
// what a game leaves out or does wrong.
import { expect, test } from 'vitest'
import { z } from 'zod'
import { games } from '../games/index.ts'
import { defineGame, gamesOf } from '../rules/game.ts'
import { randomFrom } from '../rules/random.ts'
import { whole } from '../rules/whole.ts'
import { Table } from './table.ts'

const parts = {
  name: 'tag',
  title: 'Tag',
  players: { least: 1, most: 3 },
  hz: 30,
  settings: z.strictObject({ size: whole(5, 1, 9, 'of the yard') }),
  input: z.strictObject({ x: z.int() }),
  create: ({ settings }: { settings: { size: number } }) => ({
    size: settings.size,
    log: [] as string[]
  }),
  onInput({ log }: { log: string[] }, player: number, { x }: { x: number }) {
    log.push(`${player} to ${x}`)
    return [{ type: 'moved', player }]
  },
  sharedView: ({ size, log }: { size: number; log: string[] }) => ({ size, log: [...log] }),
  isOver: () => undefined
} as const

const all = gamesOf(
  ...games.values(),
  defineGame({
    ...parts,
    onJoin: ({ log }, player, name) => void log.push(`${player} is ${name}`),
    onLeave: ({ log }, player) => void log.push(`${player} left`),
    onAway: ({ log }, player) => void log.push(`${player} away`),
    onBack: ({ log }, player) => void log.push(`${player} back`)
  })
)

test('a room chooses the game and its settings; the operator’s settings count for the rest', () => {
  const table = new Table({ 'coin-arena.coinsToWin': 7, 'coin-arena.matchMs': 9_000 }, all)
  const ann = table.player('Ann')
  const settings = { coinsToWin: 3 }
  table.do(ann, { type: 'create', room: 'Den', game: 'coin-arena', settings })
  expect(table.heard(ann)).toMatchObject([
    { type: 'joined', game: 'coin-arena', settings: { coinsToWin: 3, matchMs: 9_000 } }
  ])
  const bob = table.player('Bob')
  table.do(bob, { type: 'create', room: 'Table', game: 'cards' })
  expect(table.heard(bob)).toMatchObject([{ type: 'joined', game: 'cards', capacity: 4 }])
  table.do(table.player('Cid'), { type: 'create', room: 'Any' })
  const dee = table.player('Dee')
  table.do(dee, { type: 'rooms' })
  expect(table.heard(dee)).toMatchObject([
    { rooms: [{ game: 'coin-arena' }, { game: 'cards' }, { game: 'coin-arena' }] }
  ])
})

test('a game that is not there, settings out of range, and seats that it does not have are refused', () => {
  const table = new Table({}, all)
  const ann = table.player('Ann')
  const refusal = (more: object) => table.refusal(ann, { type: 'create', room: 'Den', ...more })
  for (const game of ['chess', '', '__proto__', 'toString']) {
    expect(refusal({ game })).toBe('no-such-game')
    expect(table.refusal(ann, { type: 'queue', game })).toBe('no-such-game')
  }
  for (const game of [7, null, {}]) expect(refusal({ game })).toBe('bad-message')
  for (const settings of [7, null, [], 'x']) expect(refusal({ settings })).toBe('bad-message')
  const wrong = [
    { coinsToWin: 0 },
    { coinsToWin: 'many' },
    { speed: 9 },
    JSON.parse('{"__proto__":1}')
  ]
  for (const settings of wrong) expect(refusal({ settings })).toBe('bad-settings')
  expect(refusal({ game: 'cards', capacity: 5 })).toBe('bad-capacity')
  expect(refusal({ game: 'cards', capacity: 1 })).toBe('bad-capacity')
})

test('an input that the game does not have is refused, and changes nothing', () => {
  const table = new Table({}, all)
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  for (const input of [undefined, null, 3, {}, { direction: 9 }, { direction: 1, speed: 9 }, []])
    expect(table.refusal(ann, { type: 'input', match: 1, seq: 1, input })).toBe('bad-input')
  table.passMs(33)
  expect(table.state(ann).seqs).toEqual([0, 0])
})

test('quick matches are by game: who waits for one is not brought into another', () => {
  const table = new Table({ quickMatchEveryMs: 1, smallGroupAfterMs: 0 }, all)
  const [ann, bob, cid] = ['Ann', 'Bob', 'Cid'].map((name) => table.player(name))
  table.do(ann, { type: 'queue' })
  table.do(bob, { type: 'queue', game: 'cards' })
  table.passMs(10)
  expect(table.lobby).toMatchObject({ queueLength: 2, matchCount: 0 })
  table.do(cid, { type: 'queue', game: 'cards' })
  expect(table.heard(cid)).toMatchObject([{ type: 'queued', game: 'cards', players: 2 }])
  table.passMs(10)
  expect(table.heard(cid)).toMatchObject([
    { type: 'joined', game: 'cards' },
    { type: 'match-started', game: 'cards', players: ['Bob', 'Cid'] }
  ])
  expect(table.lobby.queueLength).toBe(1)
  // Who asks for another game waits for that one alone.
  table.do(ann, { type: 'queue', game: 'cards' })
  expect(table.lobby.queueLength).toBe(1)
})

test('a game with onJoin lets players into a running match, up to its most, and hears who comes and goes', () => {
  const table = new Table({}, all)
  const [ann, bob, cid, dee] = ['Ann', 'Bob', 'Cid', 'Dee'].map((name) => table.player(name))
  table.do(ann, { type: 'create', room: 'Yard', game: 'tag', capacity: 3 })
  table.do(bob, { type: 'join', room: 'Yard' })
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  table.heard(ann)
  table.do(cid, { type: 'join', room: 'Yard' })
  expect(table.heard(ann)).toMatchObject([
    { type: 'member-joined', name: 'Cid' },
    { type: 'match-started', match: 1, players: ['Ann', 'Bob', 'Cid'] }
  ])
  expect(table.refusal(dee, { type: 'join', room: 'Yard' })).toBe('match-running')
  table.do(cid, { type: 'input', match: 1, seq: 1, input: { x: 4 } })
  expect(table.heard(ann)).toEqual([
    { type: 'event', match: 1, event: { type: 'moved', player: 2 } }
  ])
  const token = table.tokenOf(bob)
  table.lobby.lose(bob, table.nowMs)
  table.do(table.arrive(), { type: 'resume', token })
  table.do(cid, { type: 'leave' })
  table.do(cid, { type: 'join', room: 'Yard' })
  table.passMs(33)
  expect(table.view(ann)).toEqual({
    size: 5,
    log: ['2 is Cid', '2 to 4', '1 away', '1 back', '2 left']
  })
  expect(table.state(ann).seqs).toEqual([0, 0, 1])
})

test('a view that has not changed is sent once a second, and at once to who comes back or begins to watch', () => {
  const table = new Table({}, all)
  const [ann, eve] = ['Ann', 'Eve'].map((name) => table.player(name))
  table.limits.minMatchPlayers = 1
  table.do(ann, { type: 'create', room: 'Yard', game: 'tag', capacity: 3 })
  table.do(ann, { type: 'ready' })
  const ticksOf = (count: number) => {
    const ticks = new Set<number>()
    for (let at = 0; at < count; at++) {
      table.passMs(34)
      ticks.add(table.state(ann).tick)
    }
    return [...ticks]
  }
  expect(ticksOf(75)).toHaveLength(3)
  table.do(ann, { type: 'input', match: 1, seq: 1, input: { x: 4 } })
  expect(ticksOf(1).at(-1)).toBe(76)
  table.do(eve, { type: 'spectate', room: 'Yard' })
  table.passMs(34)
  expect(table.state(eve).tick).toBe(77)
})

test('parts that do not fit together are found when the game is defined', () => {
  const wrong: [string, object][] = [
    ['name', { name: 'Tag You' }],
    ['players', { players: { least: 3, most: 2 } }],
    ['divide', { hz: 7 }],
    ['divide', { hz: 0 }],
    ['default', { settings: z.strictObject({ size: z.int() }) }],
    ['come together', { encode: () => new Uint8Array() }],
    ['come together', { encodeInput: () => new Uint8Array() }]
  ]
  for (const [words, change] of wrong)
    expect(() => defineGame({ ...parts, ...change })).toThrow(words)
  expect(() => gamesOf()).toThrow('needs a game')
  expect(() => gamesOf(defineGame(parts), defineGame(parts))).toThrow('same name')
})

test('the same seed gives the same numbers, evenly spread, and another one others', () => {
  const numbers = (seed: string) => Array.from({ length: 10_000 }, randomFrom(seed))
  expect(numbers('one')).toEqual(numbers('one'))
  expect(numbers('one')[0]).not.toBe(numbers('other')[0])
  const tenths = new Array(10).fill(0)
  for (const number of numbers('one')) tenths[Math.floor(number * 10)]++
  for (const count of tenths) expect(Math.abs(count - 1_000)).toBeLessThan(150)
})

test.each([...games.values()])('the page of $name says in a sentence what wins', async (game) => {
  const page = await import(`../games/${game.name}/page.js`)
  const sentence = page.goal(game.settings.parse({}))
  expect(sentence).toMatch(/^[A-Z].*wins.*\.$/)
  expect(sentence).not.toMatch(/undefined|NaN/)
})
