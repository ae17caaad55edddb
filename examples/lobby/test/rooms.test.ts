// Rooms: who gets in, who is host, how a match begins, and what the list shows of it all. Without
// sockets and without a clock.
import { expect, test } from 'vitest'
import type { Session } from '../rules/session.ts'
import type { ServerMessage } from '../wire/protocol.ts'
import { Table } from './table.ts'

const typesOf = (messages: ServerMessage[]) => messages.map(({ type }) => type)

function joinedIn(messages: ServerMessage[]): Extract<ServerMessage, { type: 'joined' }> {
  const joined = messages.find((message) => message.type === 'joined')
  if (joined?.type !== 'joined') throw new Error(`not joined: ${JSON.stringify(messages)}`)
  return joined
}

test('the founder is host, hands over, and when the host leaves the next one is', () => {
  const table = new Table()
  const [ann, bob, cid] = table.roomOf('Ann', 'Bob', 'Cid')
  expect(table.refusal(bob, { type: 'host', name: 'Bob' })).toBe('not-host')
  expect(table.refusal(ann, { type: 'host', name: 'Dee' })).toBe('no-such-member')
  table.do(ann, { type: 'host', name: 'Cid' })
  for (const each of [ann, bob, cid])
    expect(table.heard(each)).toEqual([{ type: 'host', name: 'Cid' }])
  table.do(cid, { type: 'leave' })
  expect(table.heard(bob)).toEqual([
    { type: 'member-left', name: 'Cid', kicked: false },
    { type: 'host', name: 'Ann' }
  ])
})

test('a host whose connection is lost stays host; one who goes for good is followed by somebody who is there', () => {
  const table = new Table()
  const [ann, bob, cid] = table.roomOf('Ann', 'Bob', 'Cid')
  table.lobby.lose(bob, table.nowMs)
  table.lobby.lose(ann, table.nowMs)
  table.heard(cid)
  expect(table.refusal(cid, { type: 'kick', name: 'Ann' })).toBe('not-host')
  table.passMs(table.limits.resumeMs)
  expect(table.heard(cid)).toMatchObject([
    { type: 'member-left', name: 'Bob' },
    { type: 'member-left', name: 'Ann' },
    { type: 'host', name: 'Cid' }
  ])
})

test('a player that the host removes gets a message, is in the lobby, and cannot come back for a while', () => {
  const table = new Table()
  const [ann, bob, cid] = table.roomOf('Ann', 'Bob', 'Cid')
  expect(table.refusal(ann, { type: 'kick', name: 'Ann' })).toBe('no-such-member')
  table.do(ann, { type: 'kick', name: 'Bob' })
  expect(table.heard(bob)).toEqual([{ type: 'kicked', room: 'Den' }])
  expect(table.heard(cid)).toEqual([{ type: 'member-left', name: 'Bob', kicked: true }])
  for (const type of ['join', 'spectate', 'hold'])
    expect(table.refusal(bob, { type, room: 'Den' })).toBe('kicked')
  table.do(bob, { type: 'say', text: 'out here' })
  expect(table.heard(bob)).toMatchObject([{ type: 'chat', to: 'lobby' }])
  table.passMs(table.limits.kickedMs)
  table.do(bob, { type: 'join', room: 'Den' })
  expect(joinedIn(table.heard(bob)).members).toHaveLength(3)
})

test('a private room is in no list and has no name for strangers: its code opens it', () => {
  const table = new Table()
  const [ann, bob] = [table.player('Ann'), table.player('Bob')]
  table.do(ann, { type: 'create', room: 'Den', private: true })
  const { code } = joinedIn(table.heard(ann))
  expect(code).toMatch(/^[A-HJ-NP-Z2-9]{8}$/)
  table.do(bob, { type: 'rooms' })
  expect(table.heard(bob)).toMatchObject([{ rooms: [], total: 0 }])
  for (const type of ['join', 'spectate', 'hold']) {
    expect(table.refusal(bob, { type, room: 'Den' })).toBe('no-such-room')
  }
  table.do(bob, { type: 'join', room: code })
  expect(joinedIn(table.heard(bob))).toMatchObject({ room: 'Den', code })
  table.do(ann, { type: 'leave' })
  table.do(bob, { type: 'leave' })
  expect(table.refusal(ann, { type: 'join', room: code })).toBe('no-such-room')
})

test('a room with a password opens to nobody without it', () => {
  const table = new Table({ maxPasswordTries: 100 })
  const [ann, bob] = [table.player('Ann'), table.player('Bob')]
  table.do(ann, { type: 'create', room: 'Den', password: 'sesame' })
  for (const type of ['join', 'spectate', 'hold']) {
    expect(table.refusal(bob, { type, room: 'Den' })).toBe('password-needed')
    expect(table.refusal(bob, { type, room: 'Den', password: 'Sesame' })).toBe('wrong-password')
  }
  table.do(bob, { type: 'rooms' })
  expect(table.heard(bob)).toMatchObject([{ rooms: [{ hasPassword: true }] }])
  table.do(bob, { type: 'join', room: 'Den', password: 'sesame' })
  expect(joinedIn(table.heard(bob)).members).toHaveLength(2)
})

test('of two who want the last seat one gets it: a seat that is held is nobody else’s, until the time is over', () => {
  const table = new Table()
  const [ann, bob, cid] = ['Ann', 'Bob', 'Cid'].map((name) => table.player(name))
  table.do(ann, { type: 'create', room: 'Den', capacity: 2, password: 'x' })
  table.do(bob, { type: 'hold', room: 'Den', password: 'x' })
  expect(table.heard(bob)).toEqual([{ type: 'held', room: 'Den', forMs: table.limits.seatHoldMs }])
  for (const type of ['join', 'hold'])
    expect(table.refusal(cid, { type, room: 'Den', password: 'x' })).toBe('room-full')
  table.do(bob, { type: 'join', room: 'Den' }) // the password was asked for already
  expect(joinedIn(table.heard(bob)).capacity).toBe(2)
  table.do(bob, { type: 'leave' })

  table.do(bob, { type: 'hold', room: 'Den', password: 'x' })
  table.passMs(table.limits.seatHoldMs - 1)
  expect(table.refusal(cid, { type: 'join', room: 'Den', password: 'x' })).toBe('room-full')
  table.passMs(1)
  table.do(cid, { type: 'join', room: 'Den', password: 'x' })
  expect(joinedIn(table.heard(cid)).members).toHaveLength(2)
  expect(table.refusal(bob, { type: 'join', room: 'Den', password: 'x' })).toBe('room-full')
})

test('nobody keeps a seat for ever: one turn, for an account and for its address, and then a pause', () => {
  const table = new Table()
  const { seatHoldMs } = table.limits
  const host = table.player('Host')
  table.do(host, { type: 'create', room: 'Den', capacity: 2 })
  const crowd = ['Bad', 'Worse'].map((name) => table.player(name, '203.0.113.7'))
  const friend = table.player('Friend')
  let free = 0
  for (let step = 0; step < 60; step++) {
    // Renews before it ends, and by turns
    for (const one of crowd) table.do(one, { type: 'hold', room: 'Den' })
    table.passMs(seatHoldMs / 10)
    table.do(friend, { type: 'join', room: 'Den' })
    if (typesOf(table.heard(friend)).includes('joined')) free++
    table.do(friend, { type: 'leave' })
  }
  expect(free).toBe(51)
  table.passMs(seatHoldMs)
  table.heard(crowd[0])
  table.do(crowd[0], { type: 'hold', room: 'Den' })
  expect(typesOf(table.heard(crowd[0])), 'after the pause').toEqual(['held'])
})

test('the host sees who has a seat kept, and may kick them', () => {
  const table = new Table()
  const [host, bad, friend] = ['Host', 'Bad', 'Friend'].map((name) => table.player(name))
  table.do(host, { type: 'create', room: 'Den', capacity: 2 })
  table.heard(host)
  table.do(bad, { type: 'hold', room: 'Den' })
  const forMs = table.limits.seatHoldMs
  expect(table.heard(host)).toEqual([{ type: 'seat-kept', name: 'Bad', forMs }])
  table.heard(bad)
  table.do(host, { type: 'kick', name: 'Bad' })
  expect(table.heard(bad)).toEqual([{ type: 'kicked', room: 'Den' }])
  for (const type of ['hold', 'join'])
    expect(table.refusal(bad, { type, room: 'Den' })).toBe('kicked')
  table.do(friend, { type: 'join', room: 'Den' })
  expect(joinedIn(table.heard(friend)).members).toHaveLength(2)
})

test('a held seat is given back by holding another, by joining elsewhere and by leaving, and keeps its room alive', () => {
  const table = new Table()
  const [ann, bob, cid] = ['Ann', 'Bob', 'Cid'].map((name) => table.player(name))
  table.do(ann, { type: 'create', room: 'Den', capacity: 2 })
  table.do(cid, { type: 'create', room: 'Loft', capacity: 2 })
  table.do(bob, { type: 'hold', room: 'Den' })
  table.do(bob, { type: 'hold', room: 'Loft' })
  const dee = table.player('Dee')
  table.do(dee, { type: 'hold', room: 'Den' })
  expect(typesOf(table.heard(dee))).toEqual(['held'])
  table.do(dee, { type: 'spectate', room: 'Loft' })
  const eve = table.player('Eve')
  table.do(eve, { type: 'hold', room: 'Den' })
  expect(typesOf(table.heard(eve))).toEqual(['held'])

  table.do(ann, { type: 'leave' })
  expect(table.lobby.roomCount, 'Eve is on her way').toBe(2)
  table.lobby.leave(eve, table.nowMs)
  table.passMs(0)
  expect(table.lobby.roomCount).toBe(1)
})

test('spectators see everything, have no seat, cannot play, and are put out when nobody plays any more', () => {
  const table = new Table({ maxSpectators: 1 })
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  const [cid, dee] = [table.player('Cid'), table.player('Dee')]
  table.do(cid, { type: 'spectate', room: 'Den' })
  expect(joinedIn(table.heard(cid)).members[2]).toEqual({
    name: 'Cid',
    ready: false,
    away: false,
    spectator: true
  })
  expect(table.heard(ann)).toEqual([{ type: 'member-joined', name: 'Cid', spectator: true }])
  expect(table.refusal(dee, { type: 'spectate', room: 'Den' })).toBe('room-full')
  expect(table.refusal(cid, { type: 'ready' })).toBe('spectator')
  expect(table.refusal(ann, { type: 'host', name: 'Cid' })).toBe('no-such-member')
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  expect(typesOf(table.heard(cid))).toEqual(['ready', 'ready', 'match-started'])
  expect(table.refusal(cid, { type: 'input', match: 1, seq: 1, input: { direction: 1 } })).toBe(
    'spectator'
  )
  table.do(cid, { type: 'leave' })
  table.do(dee, { type: 'spectate', room: 'Den' })
  expect(typesOf(table.heard(dee))).toEqual(['joined', 'match-started'])
  table.do(ann, { type: 'leave' })
  table.do(bob, { type: 'leave' })
  expect(table.heard(dee).at(-1)).toEqual({ type: 'left', room: 'Den' })
  expect(table.lobby.roomCount).toBe(0)
})

test('however often the list changes, its watchers get changes twice a second', () => {
  const table = new Table({ roomListEveryMs: 500 })
  const [ann, bob] = [table.player('Ann'), table.player('Bob')]
  table.do(ann, { type: 'watch-rooms' })
  table.heard(ann)
  for (let tick = 0; tick < 30; tick++) {
    table.do(bob, tick % 2 === 0 ? { type: 'create', room: 'Den' } : { type: 'leave' })
    table.passMs(100)
  }
  expect(typesOf(table.heard(ann))).toEqual(new Array(6).fill('rooms-changed'))
})

test('when all are ready a countdown runs; a player who is no longer ready, joins, or is away stops it', () => {
  const table = new Table({ countdownMs: 3_000 })
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  const start = () => {
    for (const each of [ann, bob]) table.do(each, { type: 'ready' })
    expect(table.heard(ann).at(-1)).toEqual({ type: 'countdown', startsInMs: 3_000 })
    table.passMs(2_999)
    expect(table.lobby.matchCount).toBe(0)
  }
  start()
  table.do(bob, { type: 'ready', ready: false })
  expect(table.heard(ann)).toMatchObject([{ type: 'ready' }, { type: 'countdown-stopped' }])
  table.passMs(1)
  expect(table.lobby.matchCount).toBe(0)

  start()
  const cid = table.player('Cid')
  table.do(cid, { type: 'join', room: 'Den' })
  expect(table.heard(ann)).toMatchObject([{ type: 'member-joined' }, { type: 'countdown-stopped' }])
  table.do(cid, { type: 'leave' }) // then all are ready again, and the time begins anew
  expect(table.heard(ann)).toMatchObject([{ type: 'member-left' }, { type: 'countdown' }])
  table.passMs(2_999)
  table.lobby.lose(bob, table.nowMs)
  expect(table.heard(ann)).toMatchObject([{ type: 'member-away' }, { type: 'countdown-stopped' }])

  table.passMs(table.limits.resumeMs)
  const dee = table.player('Dee')
  table.do(dee, { type: 'join', room: 'Den' })
  table.do(dee, { type: 'ready' })
  table.passMs(3_000)
  expect(table.heard(dee).at(-1)).toMatchObject({ type: 'match-started', players: ['Ann', 'Dee'] })
})

test('after a match the room is open again, with everybody still in it', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  table.playToTheEnd(ann)
  expect(table.lobby.matchCount).toBe(0)
  const cid = table.player('Cid')
  table.do(cid, { type: 'join', room: 'Den' })
  expect(joinedIn(table.heard(cid)).members.map(({ name, ready }) => [name, ready])).toEqual([
    ['Ann', false],
    ['Bob', false],
    ['Cid', false]
  ])
})

test('a room has as many seats as its founder wanted, within limits', () => {
  const table = new Table()
  const ann = table.player('Ann')
  for (const capacity of [0, 1, table.limits.maxRoomPlayers + 1]) {
    expect(table.refusal(ann, { type: 'create', room: 'Den', capacity })).toBe('bad-capacity')
  }
  table.do(ann, { type: 'create', room: 'Den', capacity: 2 })
  table.do(table.player('Bob'), { type: 'join', room: 'Den' })
  expect(table.refusal(table.player('Cid'), { type: 'join', room: 'Den' })).toBe('room-full')
})

test('the list is filtered by text and by free seats, and its pages count only what passes', () => {
  const table = new Table({ maxListedRooms: 2 })
  for (const [at, room] of ['Red Den', 'Blue Den', 'Loft', 'Dénouement', 'Garden'].entries()) {
    table.do(table.player(`P${at}`), { type: 'create', room, capacity: 2 })
  }
  table.do(table.player('Full'), { type: 'join', room: 'Red Den' })
  const ann = table.player('Ann')
  const list = (request: object) => {
    table.do(ann, { type: 'rooms', ...request })
    const [message] = table.heard(ann)
    return message.type === 'rooms'
      ? [message.total, ...message.rooms.map(({ name }) => name)]
      : message
  }
  expect(list({ filter: 'DEN' })).toEqual([3, 'Red Den', 'Blue Den'])
  expect(list({ filter: 'den', from: 2 })).toEqual([3, 'Garden'])
  expect(list({ filter: 'den', open: true })).toEqual([2, 'Blue Den', 'Garden'])
  expect(list({ filter: 'nowhere' })).toEqual([0])
})

test('who watches the list gets a page and then the changes of what passes the filter', () => {
  const table = new Table()
  const [ann, bob] = [table.player('Ann'), table.player('Bob')]
  const watch = (session: Session, request: object) => {
    table.do(session, { type: 'watch-rooms', ...request })
    return table.heard(session)
  }
  expect(watch(ann, {})).toMatchObject([{ type: 'rooms', rooms: [], total: 0 }])
  expect(watch(bob, { open: true })).toMatchObject([{ type: 'rooms' }])
  const [cid, dee] = [table.player('Cid'), table.player('Dee')]
  table.do(cid, { type: 'create', room: 'Den', capacity: 2 })
  table.do(table.player('Eve'), { type: 'create', room: 'Secret', private: true })
  table.passMs(50)
  for (const each of [ann, bob]) {
    expect(table.heard(each)).toMatchObject([
      { type: 'rooms-changed', rooms: [{ name: 'Den', players: 1 }], gone: [] }
    ])
  }
  table.do(dee, { type: 'join', room: 'Den' })
  table.passMs(50)
  expect(table.heard(ann)).toMatchObject([{ rooms: [{ name: 'Den', players: 2 }], gone: [] }])
  expect(table.heard(bob)).toEqual([{ type: 'rooms-changed', rooms: [], gone: ['Den'] }])
  table.passMs(50)
  expect(table.heard(ann), 'nothing changed').toEqual([])
  watch(ann, { on: false })
  for (const each of [cid, dee]) table.do(each, { type: 'leave' })
  table.passMs(50)
  expect(table.heard(ann)).toEqual([])
  expect(table.heard(bob)).toEqual([{ type: 'rooms-changed', rooms: [], gone: ['Den'] }])
  // Inside a room nobody watches the list.
  table.do(bob, { type: 'create', room: 'Loft' })
  table.heard(bob)
  table.do(cid, { type: 'create', room: 'Attic' })
  table.passMs(50)
  expect(table.heard(bob)).toEqual([])
})

test('presence: who is here, and where', () => {
  const table = new Table({ maxListedRooms: 3 })
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  const cid = table.player('Cid')
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  table.do(table.player('Dee'), { type: 'create', room: 'Loft' })
  table.lobby.lose(bob, table.nowMs)
  const page = (from: number) => {
    table.heard(cid)
    table.do(cid, { type: 'players', from })
    const [message] = table.heard(cid)
    return message.type === 'players'
      ? [message.total, ...message.players.map(({ name, where }) => `${name} ${where}`)]
      : 0
  }
  expect(page(0)).toEqual([4, 'Ann match', 'Bob away', 'Cid lobby'])
  expect(page(3)).toEqual([4, 'Dee room'])
})
