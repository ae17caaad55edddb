// What the players' page makes of the messages it hears: web/state.js alone, without a page.
import { expect, test } from 'vitest'
import {
  initialState,
  isHost,
  leaving,
  MAX_LINES,
  playersOf,
  reduce,
  whenLost,
  withoutResult
} from '../web/state.js'
import type { RoomInfo, ServerMessage } from '../wire/protocol.ts'

type State = ReturnType<typeof initialState>

const NOW_MS = 5_000
const welcome: ServerMessage = { type: 'welcome', name: 'Ann', token: 'one', resumeMs: 30_000 }
const joined: ServerMessage = {
  type: 'joined',
  room: 'Den',
  host: 'Bob',
  capacity: 4,
  members: [
    { name: 'Bob', ready: true, away: false, spectator: false },
    { name: 'Ann', ready: false, away: false, spectator: false }
  ]
}
const started: ServerMessage = {
  type: 'match-started',
  match: 7,
  game: 'coin-arena',
  players: ['Bob', 'Ann'],
  endsInMs: 30_000
}
const ended: ServerMessage = {
  type: 'match-ended',
  match: 7,
  winners: ['Ann'],
  scores: [
    { name: 'Bob', score: 3 },
    { name: 'Ann', score: 10 }
  ],
  skills: [
    { name: 'Ann', skill: 1516 },
    { name: 'Bob', skill: 1484 }
  ],
  seed: '1',
  saved: true
}

function after(...messages: ServerMessage[]): State {
  return messages.reduce((state, message) => reduce(state, message, NOW_MS), initialState())
}

function rooms(...names: string[]): RoomInfo[] {
  return names.map((name) => {
    return {
      name,
      players: 1,
      capacity: 4,
      spectators: 0,
      isPlaying: false,
      hasPassword: false,
      game: 'coin-arena'
    }
  })
}

const linesOf = (state: State) =>
  state.roomLines.map(({ from, text }) => (from === undefined ? text : `${from}: ${text}`))
const shownRooms = (state: State) =>
  state.rooms?.shown.map(({ name, players }) => `${name} ${players}`)

test('who comes back keeps what was said, and is in the room only when the server says so', () => {
  const before = after(welcome, joined, { type: 'chat', from: 'Bob', to: 'room', text: 'hello' })
  const back = reduce(before, { ...welcome, token: 'two' }, NOW_MS)
  expect(back.room).toBeUndefined()
  const inRoom = reduce(back, joined, NOW_MS)
  expect(inRoom.room?.name).toBe('Den')
  expect(linesOf(inRoom)).toEqual(['Bob: hello'])
})

test('somebody else at the same page starts with nothing of the one before', () => {
  const state = reduce(after(welcome, joined), { ...welcome, name: 'Cleo' }, NOW_MS)
  expect(state).toEqual({ ...initialState(), me: 'Cleo' })
})

test('another room does not show what was said in the one before', () => {
  const said = after(welcome, joined, { type: 'chat', from: 'Bob', to: 'room', text: 'hello' })
  const left = reduce(leaving(said), { type: 'left', room: 'Den' }, NOW_MS)
  expect(linesOf(reduce(left, { ...joined, room: 'Attic' }, NOW_MS))).toEqual([])
})

test('changes of a list that is shown whole are put in at once', () => {
  const state = after(welcome, { type: 'rooms', rooms: rooms('Den', 'Attic'), from: 0, total: 2 })
  const [den, hall] = rooms('Den', 'Hall')
  const changed = reduce(
    state,
    { type: 'rooms-changed', rooms: [{ ...den, players: 2 }, hall], gone: ['Attic'] },
    NOW_MS
  )
  expect(shownRooms(changed)).toEqual(['Den 2', 'Hall 1'])
  expect(changed.rooms).toMatchObject({ total: 2, isStale: false })
})

test('on a page of many, what is shown changes at once, and anything else makes the page stale', () => {
  const state = after(welcome, { type: 'rooms', rooms: rooms('Den', 'Attic'), from: 0, total: 40 })
  expect(state.rooms?.pageRooms).toBe(2)
  const [den, hall] = rooms('Den', 'Hall')
  const changed = reduce(
    state,
    { type: 'rooms-changed', rooms: [{ ...den, players: 3 }], gone: [] },
    NOW_MS
  )
  expect(shownRooms(changed)).toEqual(['Den 3', 'Attic 1'])
  expect(changed.rooms?.isStale).toBe(false)
  const elsewhere = reduce(changed, { type: 'rooms-changed', rooms: [hall], gone: [] }, NOW_MS)
  expect(shownRooms(elsewhere)).toEqual(['Den 3', 'Attic 1'])
  expect(elsewhere.rooms?.isStale).toBe(true)
  const gone = reduce(changed, { type: 'rooms-changed', rooms: [], gone: ['Attic'] }, NOW_MS)
  expect(shownRooms(gone)).toEqual(['Den 3'])
  expect(gone.rooms?.isStale).toBe(true)
})

test('a room called __proto__ is a room like any other', () => {
  const state = after(welcome, { type: 'rooms', rooms: rooms('__proto__'), from: 0, total: 1 })
  const changed = reduce(
    state,
    { type: 'rooms-changed', rooms: rooms('constructor'), gone: ['__proto__'] },
    NOW_MS
  )
  expect(shownRooms(changed)).toEqual(['constructor 1'])
})

test('who comes, goes, is away, is ready and is host is shown in the room and in its chat', () => {
  const state = after(
    welcome,
    joined,
    { type: 'member-joined', name: 'Cleo', spectator: false },
    { type: 'member-joined', name: 'Dora', spectator: true },
    { type: 'ready', name: 'Ann', ready: true },
    { type: 'member-away', name: 'Bob' },
    { type: 'member-left', name: 'Cleo', kicked: true },
    { type: 'host', name: 'Ann' }
  )
  expect(state.room?.members).toEqual([
    { name: 'Bob', ready: false, away: true, spectator: false },
    { name: 'Ann', ready: true, away: false, spectator: false },
    { name: 'Dora', ready: false, away: false, spectator: true }
  ])
  expect(state.room && playersOf(state.room).map(({ name }) => name)).toEqual(['Bob', 'Ann'])
  expect(isHost(state)).toBe(true)
  expect(linesOf(state)).toEqual([
    'Cleo joined',
    'Dora is watching',
    'Bob lost the connection',
    'Cleo was removed by the host',
    'You are the host now'
  ])
})

test('a countdown begins and stops', () => {
  const state = after(welcome, joined, { type: 'countdown', startsInMs: 3_000 })
  expect(state.room?.startsAtMs).toBe(NOW_MS + 3_000)
  expect(reduce(state, { type: 'countdown-stopped' }, NOW_MS).room?.startsAtMs).toBeUndefined()
})

test('a match ends in a result, the winners first; then nobody is ready and the room is there again', () => {
  const running = after(welcome, joined, { type: 'countdown', startsInMs: 3_000 }, started)
  expect(running.room?.match).toEqual({
    number: 7,
    players: ['Bob', 'Ann'],
    endsAtMs: NOW_MS + 30_000
  })
  expect(running.room?.startsAtMs).toBeUndefined()
  const over = reduce(running, ended, NOW_MS)
  expect(over.room?.match).toBeUndefined()
  expect(over.room?.members.some(({ ready }) => ready)).toBe(false)
  expect(over.room?.result?.standings).toEqual([
    { name: 'Ann', score: 10, skill: 1516, isWinner: true },
    { name: 'Bob', score: 3, skill: 1484, isWinner: false }
  ])
  expect(withoutResult(over).room?.result).toBeUndefined()
})

test('a match that a player comes back to is not announced as a new one', () => {
  const state = after(welcome, joined, started, { ...welcome, token: 'two' }, joined, started)
  expect(state.room?.match?.number).toBe(7)
  expect(linesOf(state)).toEqual(['The match starts'])
})

test('the end of a room that the player did not ask to leave is explained', () => {
  const state = after(welcome, joined)
  expect(reduce(leaving(state), { type: 'left', room: 'Den' }, NOW_MS).notice).toBeUndefined()
  expect(reduce(state, { type: 'left', room: 'Den' }, NOW_MS).notice?.text).toContain(
    'Den was closed'
  )
  expect(reduce(state, { type: 'kicked', room: 'Den' }, NOW_MS)).toMatchObject({
    room: undefined,
    notice: { text: 'The host of Den removed you.', isBad: true }
  })
})

test('the queue shows since when, whatever comes later, and is left by a lost connection', () => {
  const queued = after(welcome, { type: 'queued', game: 'cards', skill: 1500, players: 1 })
  const later = reduce(
    queued,
    { type: 'queued', game: 'cards', skill: 1500, players: 3 },
    NOW_MS + 9_000
  )
  expect(later.queue).toEqual({ game: 'cards', skill: 1500, players: 3, sinceMs: NOW_MS })
  expect(whenLost(later).queue).toBeUndefined()
  expect(reduce(later, { type: 'unqueued' }, NOW_MS).queue).toBeUndefined()
})

test('chat goes where it was said, and only the last lines are kept', () => {
  let state = after(welcome, { type: 'chat', from: 'Bob', to: 'lobby', text: 'first' }, joined)
  for (let line = 1; line <= MAX_LINES + 5; line++) {
    state = reduce(state, { type: 'chat', from: 'Bob', to: 'room', text: `line ${line}` }, NOW_MS)
  }
  expect(state.lobbyLines.map(({ text }) => text)).toEqual(['first'])
  expect(state.roomLines).toHaveLength(MAX_LINES)
  expect(state.roomLines.at(-1)?.text).toBe(`line ${MAX_LINES + 5}`)
  const ids = state.roomLines.map(({ id }) => id)
  expect(ids).toEqual([...new Set(ids)].sort((one, other) => one - other))
})

test('what belongs to a room says nothing to who is in none, and a message that the page does not know changes nothing', () => {
  const state = after(welcome)
  for (const message of [started, ended, { type: 'ready', name: 'Bob', ready: true } as const]) {
    expect(reduce(state, message, NOW_MS)).toBe(state)
  }
  expect(reduce(state, { type: 'invented-later' } as unknown as ServerMessage, NOW_MS)).toBe(state)
})
