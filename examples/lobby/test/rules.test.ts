// The rules of lobby and rooms, without sockets and without a clock.
import { expect, test } from 'vitest'
import type { ServerMessage } from '../wire/protocol.ts'
import { MATCH_MS, Table } from './table.ts'

function typesOf(messages: ServerMessage[]): string[] {
  return messages.map(({ type }) => type)
}

const member = (name: string) => ({ name, ready: false, away: false, spectator: false })

/** What a room plays that chooses nothing. */
const game = { game: 'coin-arena', settings: { matchMs: MATCH_MS, coinsToWin: 10 } }

test('before there is a name only a name and a ping are listened to', () => {
  const table = new Table()
  const stranger = table.arrive()
  expect(typesOf(table.heard(stranger))).toEqual(['hello'])
  for (const command of [
    { type: 'rooms' },
    { type: 'create', room: 'Den' },
    { type: 'say', text: 'hi' },
    { type: 'leave' },
    { type: 'sign-out' },
    { type: 'input', match: 1, seq: 1, input: { direction: 1 } }
  ]) {
    expect(table.refusal(stranger, command)).toBe('name-first')
  }
  table.do(stranger, { type: 'ping', id: 3 })
  expect(table.heard(stranger)).toEqual([{ type: 'pong', id: 3 }])
  table.do(stranger, { type: 'name', name: 'Ann' })
  const { resumeMs } = table.limits
  expect(table.heard(stranger)).toEqual([
    {
      type: 'welcome',
      name: 'Ann',
      token: expect.any(String),
      account: expect.any(String),
      resumeMs
    }
  ])
  expect(table.refusal(stranger, { type: 'name', name: 'Bob' })).toBe('already-named')
})

test('a name belongs to one player at a time, however it is written', () => {
  const table = new Table()
  const ann = table.player('Ann')
  const other = table.arrive()
  expect(table.refusal(other, { type: 'name', name: 'Ann' })).toBe('name-taken')
  expect(table.refusal(other, { type: 'name', name: 'aNN' })).toBe('name-taken')
  table.lobby.leave(ann, table.nowMs)
  table.do(other, { type: 'name', name: 'ann' })
  expect(other.player?.name).toBe('ann')
  expect(table.lobby.playerCount).toBe(1)
})

test('names that are words of JavaScript are names like any other', () => {
  const table = new Table()
  for (const name of ['__proto__', 'constructor', 'toString', 'hasOwnProperty']) {
    const player = table.player(name)
    table.do(player, { type: 'create', room: name })
    expect(typesOf(table.heard(player))).toEqual(['joined'])
  }
  expect(table.lobby.roomCount).toBe(4)
})

test('who stays without a name is dismissed, and nobody else', () => {
  const table = new Table()
  const early = table.arrive()
  const ann = table.player('Ann')
  table.passMs(table.limits.signInMs - 1)
  const late = table.arrive()
  expect(table.dismissed.size).toBe(0)
  table.passMs(1)
  expect([...table.dismissed]).toEqual([[early, 'sign-in-timeout']])
  table.passMs(table.limits.signInMs)
  expect(table.dismissed.get(late)).toBe('sign-in-timeout')
  expect(table.dismissed.has(ann)).toBe(false)
})

test('a room lives from the first who enters to the last who leaves', () => {
  const table = new Table()
  const [ann, bob] = [table.player('Ann'), table.player('Bob')]
  table.do(ann, { type: 'create', room: 'Den' })
  expect(table.heard(ann)).toEqual([
    { type: 'joined', room: 'Den', host: 'Ann', capacity: 8, ...game, members: [member('Ann')] }
  ])
  table.do(bob, { type: 'join', room: 'den' })
  const members = [member('Ann'), member('Bob')]
  expect(table.heard(bob)).toEqual([
    { type: 'joined', room: 'Den', host: 'Ann', capacity: 8, ...game, members }
  ])
  expect(table.heard(ann)).toEqual([{ type: 'member-joined', name: 'Bob', spectator: false }])
  table.do(ann, { type: 'leave' })
  expect(table.heard(ann)).toEqual([{ type: 'left', room: 'Den' }])
  expect(table.heard(bob)).toEqual([
    { type: 'member-left', name: 'Ann', kicked: false },
    { type: 'host', name: 'Bob' }
  ])
  expect(table.lobby.roomCount).toBe(1)
  table.lobby.leave(bob, table.nowMs)
  expect(table.lobby.roomCount).toBe(0)
  expect(table.refusal(ann, { type: 'join', room: 'Den' })).toBe('no-such-room')
})

test('what cannot be done with rooms is refused', () => {
  const table = new Table({ maxRooms: 2, maxRoomPlayers: 2 })
  const [ann, bob, cid] = ['Ann', 'Bob', 'Cid'].map((name) => table.player(name))
  expect(table.refusal(ann, { type: 'leave' })).toBe('not-in-a-room')
  expect(table.refusal(ann, { type: 'ready' })).toBe('not-in-a-room')
  expect(table.refusal(ann, { type: 'input', match: 1, seq: 1, input: { direction: 1 } })).toBe(
    'not-in-a-room'
  )
  expect(table.refusal(ann, { type: 'join', room: 'Den' })).toBe('no-such-room')
  table.do(ann, { type: 'create', room: 'Den' })
  expect(table.refusal(ann, { type: 'create', room: 'Other' })).toBe('in-a-room')
  expect(table.refusal(ann, { type: 'join', room: 'Den' })).toBe('in-a-room')
  expect(table.refusal(ann, { type: 'input', match: 1, seq: 1, input: { direction: 1 } })).toBe(
    'no-match'
  )
  expect(table.refusal(bob, { type: 'create', room: 'DEN' })).toBe('room-taken')
  table.do(bob, { type: 'join', room: 'Den' })
  expect(table.refusal(cid, { type: 'join', room: 'Den' })).toBe('room-full')
  table.do(cid, { type: 'create', room: 'Loft' })
  expect(table.refusal(table.player('Dee'), { type: 'create', room: 'Attic' })).toBe(
    'too-many-rooms'
  )
  expect(table.lobby.roomCount).toBe(2)
})

test('the list of rooms comes in pages', () => {
  const table = new Table({ maxListedRooms: 3 })
  for (let number = 1; number <= 7; number++)
    table.do(table.player(`P${number}`), { type: 'create', room: `R${number}` })
  const ann = table.player('Ann')
  const page = (from: number) => {
    table.do(ann, { type: 'rooms', from })
    const [message] = table.heard(ann)
    return message.type === 'rooms'
      ? [message.total, ...message.rooms.map(({ name }) => name)]
      : message
  }
  expect(page(0)).toEqual([7, 'R1', 'R2', 'R3'])
  expect(page(6)).toEqual([7, 'R7'])
  expect(page(7)).toEqual([7])
  expect(page(Number.MAX_SAFE_INTEGER)).toEqual([7])
})

test('what is said in a room is heard in that room, what is said in the lobby by those who stand there', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  const [cid, dee] = [table.player('Cid'), table.player('Dee')]
  const nameless = table.arrive()
  table.heard(nameless)
  table.do(ann, { type: 'say', text: ' in here ' })
  table.do(cid, { type: 'say', text: 'out there' })
  const inside: ServerMessage = { type: 'chat', from: 'Ann', to: 'room', text: 'in here' }
  const outside: ServerMessage = { type: 'chat', from: 'Cid', to: 'lobby', text: 'out there' }
  expect([ann, bob, cid, dee, nameless].map((each) => table.heard(each))).toEqual([
    [inside],
    [inside],
    [outside],
    [outside],
    []
  ])
})

test('talking to the whole lobby uses up the rate sooner', () => {
  const table = new Table({ burstMessages: 7, lobbyChatMessages: 4 })
  const ann = table.player('Ann')
  table.do(ann, { type: 'say', text: 'one' })
  table.heard(ann)
  expect(table.refusal(ann, { type: 'say', text: 'two' })).toBe('too-fast')
})

test('when all are ready the match starts, every member hears it, and it ends when somebody has coins enough', () => {
  const table = new Table()
  const [ann, bob, cid] = table.roomOf('Ann', 'Bob', 'Cid')
  const all = [ann, bob, cid]
  table.do(ann, { type: 'ready' })
  table.do(bob, { type: 'ready' })
  for (const each of all) expect(typesOf(table.heard(each))).toEqual(['ready', 'ready'])
  table.do(cid, { type: 'ready' })
  const started = {
    type: 'match-started',
    match: 1,
    players: ['Ann', 'Bob', 'Cid'],
    endsInMs: MATCH_MS
  }
  for (const each of all) {
    expect(table.heard(each)).toMatchObject([{ type: 'ready', name: 'Cid', ready: true }, started])
  }
  expect(table.lobby.matchCount).toBe(1)
  expect(table.refusal(table.player('Dee'), { type: 'join', room: 'Den' })).toBe('match-running')
  expect(table.refusal(ann, { type: 'ready', ready: false })).toBe('match-running')

  table.playToTheEnd(ann)
  const ends = all.map((each) => table.heard(each))
  expect(typesOf(ends[1])).toEqual([...new Array(10).fill('event'), 'match-ended'])
  expect(ends[2]).toEqual(ends[1])
  const scores = [{ name: 'Ann', score: 10 }, { name: 'Bob' }, { name: 'Cid' }]
  expect(ends[1].at(-1)).toMatchObject({
    match: 1,
    seed: '42',
    winners: ['Ann'],
    scores,
    saved: true
  })
  expect(table.kept).toMatchObject([{ room: 'Den', winners: ['Ann'], scores }])
  // And again: nobody is ready any more.
  table.do(table.player('Eve'), { type: 'join', room: 'Den' })
  expect(table.heard(bob)).toEqual([{ type: 'member-joined', name: 'Eve', spectator: false }])
  expect(table.lobby.matchCount).toBe(0)
})

test('after each tick everybody in the room, and nobody else, is sent where everybody is', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  const [cid, dee] = [table.player('Cid'), table.player('Dee')]
  table.do(cid, { type: 'spectate', room: 'Den' })
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  table.passMs(33)
  expect(table.state(ann)).toMatchObject({ match: 1, tick: 1, players: [{ seat: 0 }, { seat: 1 }] })
  table.do(bob, { type: 'input', match: 1, seq: 1, input: { direction: 5 } })
  // Of another match: passed over
  table.do(ann, { type: 'input', match: 9, seq: 1, input: { direction: 5 } })
  table.lobby.input(dee, 1, 1, Uint8Array.of(5), table.nowMs)
  const before = table.state(cid).players
  table.passMs(33)
  const { tick, players, seqs } = table.state(cid)
  expect(tick).toBe(2)
  expect(players).toEqual([before[0], { ...before[1], y: before[1].y + 8 }])
  expect(seqs).toEqual([0, 1])
  expect(() => table.state(dee)).toThrow()
})

test('a result is announced when it is stored, and not before; a player who has left does not get it', () => {
  const table = new Table()
  let kept: (saved: boolean) => void = () => {}
  table.keep = (_match, then) => {
    kept = then
  }
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  table.passMs(MATCH_MS)
  expect(table.lobby.matchCount).toBe(0)
  expect(typesOf(table.heard(ann))).not.toContain('match-ended')
  table.do(bob, { type: 'leave' })
  table.heard(bob)
  kept(false)
  expect(table.heard(ann).at(-1)).toMatchObject({ type: 'match-ended', saved: false })
  expect(table.heard(bob)).toEqual([])
})

test('one player alone cannot start a match, however ready', () => {
  const table = new Table()
  const [ann] = table.roomOf('Ann')
  table.do(ann, { type: 'ready' })
  expect(typesOf(table.heard(ann))).toEqual(['ready'])
  table.do(table.player('Bob'), { type: 'join', room: 'Den' })
  expect(table.lobby.matchCount).toBe(0)
})

test('ready can be taken back', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  table.do(ann, { type: 'ready' })
  table.do(ann, { type: 'ready', ready: false })
  table.do(bob, { type: 'ready' })
  expect(table.lobby.matchCount).toBe(0)
  table.do(ann, { type: 'ready' })
  expect(table.lobby.matchCount).toBe(1)
})

test('the match starts when the one who was not ready leaves', () => {
  const table = new Table()
  const [ann, bob, cid] = table.roomOf('Ann', 'Bob', 'Cid')
  table.do(ann, { type: 'ready' })
  table.do(bob, { type: 'ready' })
  table.heard(ann)
  table.lobby.leave(cid, table.nowMs)
  expect(typesOf(table.heard(ann))).toEqual(['member-left', 'match-started'])
})

test('a match ends by the clock', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  table.passMs(MATCH_MS - 1)
  expect(table.lobby.matchCount).toBe(1)
  table.heard(bob)
  table.passMs(1)
  expect(table.lobby.matchCount).toBe(0)
  expect(table.heard(bob)).toMatchObject([{ type: 'match-ended', winners: [] }])
})

test('who is left alone in a match has won', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  table.heard(bob)
  table.lobby.leave(ann, table.nowMs)
  expect(table.heard(bob)).toMatchObject([
    { type: 'member-left' },
    { type: 'host', name: 'Bob' },
    { type: 'match-ended', winners: ['Bob'] }
  ])
})

test('a match goes on without one of three', () => {
  const table = new Table()
  const [ann, bob, cid] = table.roomOf('Ann', 'Bob', 'Cid')
  for (const each of [ann, bob, cid]) table.do(each, { type: 'ready' })
  table.heard(ann)
  table.lobby.leave(cid, table.nowMs)
  expect(typesOf(table.heard(ann))).toEqual(['member-left'])
  table.playToTheEnd(bob)
  expect(table.heard(ann).at(-1)).toMatchObject({ type: 'match-ended', winners: ['Bob'] })
})

test('one too many from an address, or at all, is sent away, until another one goes', () => {
  const table = new Table({ maxConnections: 3, maxConnectionsPerAddress: 2 })
  const [ann] = [table.arrive('10.0.0.1'), table.arrive('10.0.0.1')]
  const third = table.arrive('10.0.0.1')
  expect(table.dismissed.get(third)).toBe('too-many-connections')
  table.lobby.lose(ann, table.nowMs)
  table.lobby.lose(ann, table.nowMs)
  expect(table.dismissed.has(table.arrive('10.0.0.1'))).toBe(false)
  expect(table.dismissed.has(table.arrive('10.0.0.2'))).toBe(false)
  expect(table.dismissed.get(table.arrive('10.0.0.2'))).toBe('server-full')
})

test('leaving twice is harmless, in each state', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  for (const each of [table.arrive(), table.player('Cid'), ann, bob]) {
    table.lobby.leave(each, table.nowMs)
    table.lobby.leave(each, table.nowMs)
  }
  expect([table.lobby.playerCount, table.lobby.roomCount, table.lobby.matchCount]).toEqual([
    0, 0, 0
  ])
})
