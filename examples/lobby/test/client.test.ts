// The words of the command-line client, and what it prints.
import { expect, test } from 'vitest'
import { describe, parseLine } from '../bots/client.ts'
import { games } from '../games/index.ts'
import type { ServerMessage } from '../wire/protocol.ts'

test.each([
  ['/name Ann Lee', { type: 'name', name: 'Ann Lee' }],
  ['/rooms', { type: 'rooms', from: 0 }],
  ['/rooms 20', { type: 'rooms', from: 20 }],
  ['/rooms den', { type: 'rooms', filter: 'den' }],
  ['/players', { type: 'players', from: 0 }],
  ['/private The Den', { type: 'create', room: 'The Den', private: true }],
  ['/create Den | a secret', { type: 'create', room: 'Den', password: 'a secret' }],
  ['/join Den | secret', { type: 'join', room: 'Den', password: 'secret' }],
  ['/watch Den', { type: 'spectate', room: 'Den' }],
  ['/kick Bob', { type: 'kick', name: 'Bob' }],
  ['/host Bob', { type: 'host', name: 'Bob' }],
  ['/create The Den', { type: 'create', room: 'The Den' }],
  ['/join Den', { type: 'join', room: 'Den' }],
  ['/leave', { type: 'leave' }],
  ['/ready', { type: 'ready', ready: true }],
  ['/unready', { type: 'ready', ready: false }],
  ['/go nowhere', 'help'],
  ['/say  hello there ', { type: 'say', text: 'hello there' }],
  ['hello there', { type: 'say', text: 'hello there' }],
  ['/quit', 'quit'],
  ['/help', 'help'],
  ['/nonsense', 'help'],
  ['/', 'help'],
  ['   ', undefined]
])('%j is understood', (line, meaning) => {
  expect(parseLine(line)).toEqual(meaning)
})

test('rooms are shown with what matters of them, and with the way to the rest', () => {
  const rooms = [
    {
      name: 'Den',
      players: 1,
      capacity: 8,
      spectators: 0,
      isPlaying: false,
      hasPassword: true,
      game: 'cards'
    },
    {
      name: 'Loft',
      players: 3,
      capacity: 4,
      spectators: 2,
      isPlaying: true,
      hasPassword: false,
      game: 'cards'
    }
  ]
  expect(describe({ type: 'rooms', rooms, from: 20, total: 30 })).toBe(
    'Rooms:\n  Den: 1 of 8, with a password\n  Loft: 3 of 4, playing\n  … and 8 more: /rooms 22'
  )
  expect(describe({ type: 'rooms', rooms: [], from: 0, total: 0 })).toMatch('/create')
})

test('a match has the words of its game', () => {
  const game = games.get('coin-arena')
  expect(parseLine('/go up-left', game)).toEqual({ type: 'play', input: { direction: 8 } })
  for (const line of ['/go nowhere', '/leap']) expect(parseLine(line, game)).toBe('help')
  const match: Extract<ServerMessage, { type: 'match-started' }> = {
    type: 'match-started',
    match: 3,
    game: 'coin-arena',
    players: ['Ann', 'Bob'],
    endsInMs: 29_500
  }
  expect(describe(match)).toContain('Ann, Bob, for 30 seconds.\n/go up')
  const event = { type: 'scored', player: 1, score: 1 }
  expect(describe({ type: 'event', match: 3, event }, match)).toBe('* Bob has 1 coin')
})

test('what an operator says is printed, and to whom it is said', () => {
  const text = 'new maps tonight'
  expect(describe({ type: 'announcement', to: 'all', text })).toBe(`*** From an operator: ${text}`)
  expect(describe({ type: 'announcement', to: 'you', text })).toContain('to you')
})

test('a pong is not printed', () => {
  expect(describe({ type: 'pong', id: 1 })).toBeUndefined()
})
