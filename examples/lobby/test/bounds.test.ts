// What strangers can make grow, and how far: by the rules alone, with limits that are as wide as
// they can be set or as narrow as a test needs.
import { expect, test } from 'vitest'
import { defaultSettings, settingsSchema } from '../server/config.ts'
import { encode, MAX_REPLY_BYTES, type ServerMessage } from '../wire/protocol.ts'
import { MATCH_MS, Table } from './table.ts'

/** The most that an operator may set. */
function mostOf(
  name: 'maxNameChars' | 'maxRoomPlayers' | 'maxSpectators' | 'maxListedRooms' | 'maxTextChars'
): number {
  let most = defaultSettings[name]
  while (settingsSchema.safeParse({ [name]: most + 1 }).success) most++
  return most
}

test('with the widest limits and the longest names every message can be sent', () => {
  const [maxNameChars, maxRoomPlayers, maxSpectators] = [
    mostOf('maxNameChars'),
    mostOf('maxRoomPlayers'),
    mostOf('maxSpectators')
  ]
  const [maxListedRooms, maxTextChars] = [mostOf('maxListedRooms'), mostOf('maxTextChars')]
  const limits = { maxNameChars, maxRoomPlayers, maxSpectators, maxListedRooms, maxTextChars }
  const table = new Table({ ...limits, burstMessages: 1e6, maxFrameBytes: 65_535 })
  // Each letter has four bytes, the most that a character can have in UTF-8.
  const nameOf = (number: number) =>
    String.fromCodePoint(...new Array(maxNameChars).fill(0x20000 + number))
  let longest = 0
  const check = (messages: ServerMessage[]) => {
    for (const message of messages) longest = Math.max(longest, encode(message).length)
  }
  const players = Array.from({ length: maxRoomPlayers + maxSpectators }, (_, number) =>
    table.player(nameOf(number))
  )
  players.forEach((player, number) => {
    const type = number === 0 ? 'create' : number < maxRoomPlayers ? 'join' : 'spectate'
    table.do(player, { type, room: nameOf(0), capacity: number === 0 ? maxRoomPlayers : undefined })
  })
  expect(table.lobby.roomDetails(0, table.nowMs).rooms[0].players).toHaveLength(maxRoomPlayers)
  for (const player of players.slice(0, maxRoomPlayers)) table.do(player, { type: 'ready' })
  table.do(players[0], { type: 'say', text: '\u{20000}'.repeat(maxTextChars) })
  table.do(players[0], { type: 'players' })
  table.passMs(MATCH_MS)
  const names = players.slice(0, maxRoomPlayers).map(({ player }) => player?.name as string)
  const ended = {
    type: 'match-ended',
    match: 2 ** 32 - 1,
    seed: 'f'.repeat(32),
    saved: false
  } as const
  check([
    {
      ...ended,
      winners: names,
      scores: names.map((name) => ({ name, score: 255 })),
      skills: names.map((name) => ({ name, skill: 1234.5 }))
    }
  ])
  for (const player of players) check(table.heard(player))

  const watcher = table.player('Watcher')
  table.do(watcher, { type: 'watch-rooms' })
  for (let number = 0; number < maxListedRooms; number++) {
    const host = table.player(nameOf(1_000 + number))
    table.do(host, { type: 'create', room: nameOf(1_000 + number), password: 'x' })
  }
  table.passMs(1)
  table.do(watcher, { type: 'rooms' })
  check(table.heard(watcher))
  expect(longest).toBeLessThanOrEqual(MAX_REPLY_BYTES)
  expect(longest, 'it was really tried').toBeGreaterThan(50_000)
})

test('who keeps a seat and goes elsewhere gives it up: nobody keeps two', () => {
  const table = new Table({ maxRoomPlayers: 2 })
  const hosts = ['Ann', 'Bob', 'Cid'].map((name) => table.player(name))
  hosts.forEach((host, number) => {
    table.do(host, { type: 'create', room: `Den ${number}` })
  })
  const greedy = table.player('Greedy')
  for (const number of [0, 1]) {
    table.do(greedy, { type: 'hold', room: `Den ${number}` })
    table.do(greedy, { type: 'join', room: 'Den 2' })
    table.do(greedy, { type: 'leave' })
  }
  for (const number of [0, 1, 2]) {
    const guest = table.player(`Guest ${number}`)
    table.heard(guest)
    table.do(guest, { type: 'join', room: `Den ${number}` })
    expect(table.heard(guest)[0].type, `Den ${number}`).toBe('joined')
  }
})

test('empty seats are kept for no more players than may be connected; the longest away goes first', () => {
  const table = new Table({ maxConnections: 10 })
  for (let number = 0; number < 100; number++) {
    const session = table.player(`P${number}`)
    table.do(session, { type: 'create', room: `R${number}` })
    table.lobby.lose(session, table.nowMs)
  }
  expect(table.lobby).toMatchObject({ playerCount: 10, awayCount: 10, roomCount: 10 })
  table.player('P0') // the name is free again
  expect(table.refusal(table.arrive(), { type: 'name', name: 'P99' })).toBe('name-taken')
})

test('who is sent out stays out for its time, however many others are sent out after', () => {
  const table = new Table({ kickedMs: 1_000, maxRoomPlayers: 2 })
  const host = table.player('Host')
  table.do(host, { type: 'create', room: 'Den' })
  const sendOut = (name: string) => {
    const session = table.player(name)
    table.do(session, { type: 'join', room: 'Den' })
    table.do(host, { type: 'kick', name })
    table.heard(host)
    return session
  }
  const first = sendOut('First')
  table.passMs(500)
  const second = sendOut('Second')
  for (let number = 0; number < 20; number++) table.lobby.leave(sendOut(`P${number}`), table.nowMs)
  expect(table.refusal(first, { type: 'join', room: 'Den' })).toBe('kicked')
  table.passMs(500)
  table.do(first, { type: 'join', room: 'Den' })
  table.do(first, { type: 'leave' })
  expect(table.refusal(second, { type: 'join', room: 'Den' })).toBe('kicked')
  // Once more: the time begins anew.
  table.do(first, { type: 'join', room: 'Den' })
  table.do(host, { type: 'kick', name: 'First' })
  table.passMs(500)
  expect(table.refusal(first, { type: 'join', room: 'Den' })).toBe('kicked')
  table.do(second, { type: 'join', room: 'Den' })
  expect(second.player?.room?.name).toBe('Den')
})

test('a room that sends out thousands remembers a thousand of them', () => {
  const table = new Table({ burstMessages: 1e9 })
  const host = table.player('Host')
  table.do(host, { type: 'create', room: 'Den' })
  const first = table.player('First')
  for (let number = 0; number < 1_001; number++) {
    const session = number === 0 ? first : table.player(`P${number}`)
    table.do(session, { type: 'join', room: 'Den' })
    table.do(host, { type: 'kick', name: session.player?.name })
    if (number > 0) table.lobby.leave(session, table.nowMs)
  }
  table.do(first, { type: 'join', room: 'Den' })
  expect(first.player?.room?.name, 'the first one is forgotten').toBe('Den')
})

test('who watches for some rooms hears nothing of all the others', () => {
  const table = new Table({ maxRooms: 1_000, maxConnections: 3_000 })
  const [watcher, other] = [table.player('Watcher'), table.player('Other')]
  table.do(watcher, { type: 'watch-rooms', filter: 'room 99' })
  table.do(other, { type: 'watch-rooms', filter: 'nothing' })
  table.heard(watcher)
  table.heard(other)
  const hosts = Array.from({ length: 1_000 }, (_, number) => table.player(`Host ${number}`))
  hosts.forEach((host, number) => {
    table.do(host, { type: 'create', room: `Room ${number}` })
  })
  table.passMs(1)
  const named = (number: number) => expect.objectContaining({ name: `Room ${number}` })
  const rooms = [99, 990, 991, 992, 993, 994, 995, 996, 997, 998, 999]
  expect(table.heard(watcher)).toEqual([
    { type: 'rooms-changed', rooms: rooms.map(named), gone: [] }
  ])
  for (const host of hosts) table.do(host, { type: 'leave' })
  table.passMs(1)
  const gone = rooms.map((number) => `Room ${number}`)
  expect(table.heard(watcher)).toEqual([{ type: 'rooms-changed', rooms: [], gone }])
  expect(table.heard(other)).toEqual([])
})

test('a character has as many marks as any language writes, and no heap of them that takes long to sort', () => {
  const table = new Table()
  const ann = table.player('Ann')
  const marks = (count: number) => `e${'\u0315\u0300'.repeat(count / 2)}`
  table.do(ann, { type: 'say', text: marks(30) })
  expect(table.heard(ann)).toMatchObject([{ type: 'chat', from: 'Ann' }])
  for (const count of [32, 1_900]) {
    expect(table.refusal(ann, { type: 'say', text: marks(count) })).toBe('bad-text')
    expect(table.refusal(ann, { type: 'create', room: marks(count) })).toBe('bad-name')
  }
  table.do(ann, { type: 'create', room: `De${marks(10)}` })
  expect(ann.player?.room).toBeDefined()
})

test('all together say in the lobby what it can hear, however many they are, and the sender of more gets a refusal', () => {
  const table = new Table({ lobbyHearersPerSecond: 100 })
  const players = Array.from({ length: 50 }, (_, number) => table.player(`P${number}`))
  for (const player of players) table.do(player, { type: 'say', text: 'hello' })
  // Two seconds' worth were saved up: two hundred, of lines that fifty hear.
  const heard = table.heard(players[49])
  expect(heard.filter(({ type }) => type === 'chat')).toHaveLength(4)
  expect(heard.at(-1)).toMatchObject({ type: 'error', code: 'too-fast' })
  table.passMs(1_000)
  for (const player of players) table.do(player, { type: 'say', text: 'hello' })
  expect(table.heard(players[49]).filter(({ type }) => type === 'chat')).toHaveLength(2)
  // A room is another matter.
  table.do(players[0], { type: 'create', room: 'Den' })
  table.heard(players[0])
  table.do(players[0], { type: 'say', text: 'hello' })
  expect(table.heard(players[0])).toMatchObject([{ type: 'chat', to: 'room' }])
})

test('a lobby of more than may hear in a second still hears something', () => {
  const table = new Table({ lobbyHearersPerSecond: 10 })
  const players = Array.from({ length: 50 }, (_, number) => table.player(`P${number}`))
  table.do(players[0], { type: 'say', text: 'hello' })
  expect(table.heard(players[49])).toMatchObject([{ type: 'chat' }])
})
