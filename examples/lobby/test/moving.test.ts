// A player lives in one lobby. It is released by one and adopted by another, and goes on there.
import { describe, expect, test } from 'vitest'
import type { Player } from '../rules/player.ts'
import type { Session } from '../rules/session.ts'
import { Table } from './table.ts'

const playerOf = (session: Session) => session.player as Player
const types = (table: Table, session: Session) => table.heard(session).map(({ type }) => type)

describe('a player that moves', () => {
  test('is gone here, name and connection, and plays there under the same name', () => {
    const [one, other] = [new Table(), new Table()]
    const ann = one.player('Ann')
    const passport = one.lobby.release(playerOf(ann))
    expect(ann.player).toBeUndefined()
    expect(one.lobby.playerCount).toBe(0)
    expect(one.heard(ann)).toEqual([])
    one.player('Ann') // the name is free here
    const there = other.adopt(passport)
    expect(other.heard(there)).toEqual([]) // nothing has happened to it
    other.do(there, { type: 'create', room: 'Den' })
    expect(other.heard(there)).toMatchObject([{ type: 'joined', room: 'Den', host: 'Ann' }])
  })

  test('keeps its identity: the next token follows on the last one', () => {
    const one = new Table()
    const ann = one.player('Ann')
    one.do(ann, { type: 'ping' })
    const { id, account, tokenSerial } = playerOf(ann)
    const passport = one.lobby.release(playerOf(ann))
    expect(passport).toMatchObject({ id, account, serial: tokenSerial, hasToken: true })
    const other = new Table()
    const there = other.adopt(passport)
    expect(playerOf(there)).toMatchObject({ id, account, tokenSerial })
  })

  test('goes on muting, and watching the list of rooms', () => {
    const [one, other] = [new Table(), new Table()]
    const [ann, bob] = [one.player('Ann'), one.player('Bob')]
    one.do(ann, { type: 'mute', name: 'Bob' })
    one.do(ann, { type: 'watch-rooms', filter: 'den' })
    const passports = [ann, bob].map((each) => one.lobby.release(playerOf(each)))
    const [annThere, bobThere] = passports.map((passport, at) =>
      other.adopt(passport, `10.0.0.${at}`)
    )
    expect(other.heard(annThere)).toMatchObject([{ type: 'rooms', rooms: [] }])
    other.do(bobThere, { type: 'say', text: 'hello' })
    other.do(bobThere, { type: 'create', room: 'My den' })
    other.passMs(1)
    expect(other.heard(annThere)).toMatchObject([
      { type: 'rooms-changed', rooms: [{ name: 'My den' }] }
    ])
  })

  test('loses its place in the queue, and knows it', () => {
    const table = new Table()
    const ann = table.player('Ann')
    table.do(ann, { type: 'queue' })
    table.heard(ann)
    table.lobby.release(playerOf(ann))
    expect(types(table, ann)).toEqual(['unqueued'])
    expect(table.lobby.queueLength).toBe(0)
  })

  test('takes the skill along that it has earned', () => {
    const [one, other] = [new Table(), new Table()]
    const [ann, bob] = one.roomOf('Ann', 'Bob')
    for (const each of [ann, bob]) one.do(each, { type: 'ready' })
    one.playToTheEnd(ann)
    one.do(ann, { type: 'leave' })
    const there = other.adopt(one.lobby.release(playerOf(ann)))
    other.do(there, { type: 'queue' })
    expect(other.heard(there)).toMatchObject([{ type: 'queued', skill: 1516 }])
    const [record] = one.kept
    expect(record.identities?.map(({ name, change }) => ({ name, change }))).toEqual([
      { name: 'Ann', change: 16 },
      { name: 'Bob', change: -16 }
    ])
  })

  test('comes to a lobby where it is away: it takes its own seat again', () => {
    const table = new Table()
    const [ann, bob] = table.roomOf('Ann', 'Bob')
    const passport = table.lobby.passportOf(playerOf(ann))
    table.lobby.lose(ann, table.nowMs)
    table.heard(bob)
    const again = table.adopt(passport)
    expect(types(table, again)).toEqual(['welcome', 'joined'])
    expect(types(table, bob)).toEqual(['member-back'])
    expect(table.lobby.playerCount).toBe(2)
  })
})

test('a connection that was given up does not take the seat from the one that came after it', () => {
  const [one, other] = [new Table(), new Table()]
  const passport = one.lobby.release(playerOf(one.player('Ann')))
  const first = other.adopt(passport)
  other.lobby.lose(first, other.nowMs)
  const second = other.adopt(passport) // it comes back
  other.heard(second)
  const late = other.adopt(passport) // of a node that has slept meanwhile
  expect(other.dismissed.get(late)).toBe('replaced')
  expect(late.player).toBeUndefined()
  expect(other.heard(second)).toEqual([])
  expect(playerOf(second).session).toBe(second)
  // One that has moved on since is the newer one.
  const moved = other.adopt({ ...passport, moves: passport.moves + 1 })
  expect(playerOf(moved).session).toBe(moved)
  expect(other.dismissed.get(second)).toBe('replaced')
})

describe('a room that moves', () => {
  test('waits until its players have heard of the end of their match', () => {
    const table = new Table()
    const keep = table.keep
    let kept = () => {}
    table.keep = (match, then) => {
      kept = () => keep(match, then)
    }
    const [ann, bob] = table.roomOf('Ann', 'Bob')
    for (const each of [ann, bob]) table.do(each, { type: 'ready' })
    table.playToTheEnd(ann)
    expect(table.lobby.matchCount).toBe(0)
    expect(table.lobby.idleRooms).toEqual([])
    kept()
    expect(types(table, bob).at(-1)).toBe('match-ended')
    expect(table.lobby.idleRooms).toHaveLength(1)
  })

  test('is the same room elsewhere: host, members, readiness, spectators, password', () => {
    const [one, other] = [new Table(), new Table()]
    const [ann, bob] = [one.player('Ann'), one.player('Bob')]
    const eve = one.player('Eve')
    one.do(ann, { type: 'create', room: 'Den', password: 'open', capacity: 3 })
    one.do(bob, { type: 'join', room: 'Den', password: 'open' })
    one.do(eve, { type: 'spectate', room: 'Den', password: 'open' })
    one.do(bob, { type: 'ready' })
    const [room] = one.lobby.idleRooms
    const moving = one.lobby.releaseRoom(room)
    const passports = moving.map(([player, seat]) => ({ ...one.lobby.release(player), seat }))
    expect(one.lobby.roomCount).toBe(0)
    // In any order: the host comes last
    const there = passports.reverse().map((passport) => other.adopt(passport))
    for (const each of there.slice(0, 2)) other.heard(each)
    expect(other.heard(there[2])).toMatchObject([
      {
        type: 'joined',
        room: 'Den',
        host: 'Ann',
        capacity: 3,
        members: [
          { name: 'Bob', ready: true, spectator: false },
          { name: 'Ann', ready: false, spectator: false },
          { name: 'Eve', spectator: true }
        ]
      }
    ])
    const cid = other.player('Cid')
    expect(other.refusal(cid, { type: 'join', room: 'Den' })).toBe('password-needed')
    other.do(there[2], { type: 'ready' })
    expect(other.lobby.matchCount).toBe(1)
  })

  test('waits for those on their way before a match, for five seconds', () => {
    const [one, other] = [new Table(), new Table()]
    const sessions = one.roomOf('Ann', 'Bob', 'Cid')
    const [room] = one.lobby.idleRooms
    const passports = one.lobby
      .releaseRoom(room)
      .map(([player, seat]) => ({ ...one.lobby.release(player), seat: { ...seat, isReady: true } }))
    expect(sessions).toHaveLength(3)
    other.adopt(passports[0])
    other.adopt(passports[1])
    other.passMs(4_900)
    expect(other.lobby.matchCount).toBe(0)
    other.passMs(200)
    expect(other.lobby.matchCount).toBe(1) // without the third
    const late = other.adopt(passports[2])
    expect(other.heard(late)).toMatchObject([{ type: 'left', room: 'Den', byNode: 'drained' }])
    expect(playerOf(late).room).toBeUndefined()
  })

  test('is not empty while somebody is expected, and ends when nobody comes', () => {
    const [one, other] = [new Table(), new Table()]
    one.roomOf('Ann', 'Bob')
    const [room] = one.lobby.idleRooms
    const [[player, seat]] = one.lobby.releaseRoom(room)
    const first = other.adopt({ ...one.lobby.release(player), seat })
    other.lobby.leave(first, other.nowMs)
    other.passMs(100)
    expect(other.lobby.roomCount).toBe(1)
    other.passMs(5_000)
    expect(other.lobby.roomCount).toBe(0)
  })

  test('keeps its code', () => {
    const [one, other] = [new Table(), new Table()]
    const ann = one.player('Ann')
    one.do(ann, { type: 'create', room: 'Den', private: true })
    const [joined] = one.heard(ann)
    const code = joined.type === 'joined' ? joined.code : undefined
    const [room] = one.lobby.idleRooms
    const [[player, seat]] = one.lobby.releaseRoom(room)
    other.adopt({ ...one.lobby.release(player), seat })
    const bob = other.player('Bob')
    other.do(bob, { type: 'join', room: code })
    expect(other.heard(bob)).toMatchObject([{ type: 'joined', room: 'Den', code }])
  })
})

test('a group of a quick match that plays elsewhere begins when all are there', () => {
  let moved: { player: Player; seat: object }[] = []
  const nothing = () => {}
  const one: Table = new Table({ quickMatchPlayers: 2, minMatchPlayers: 2 }, undefined, {
    playerGone: nothing,
    roomMade: nothing,
    roomGone: nothing,
    listingChanged: nothing,
    said: nothing,
    wantCounts: nothing,
    place: (game, players) => {
      const seats = one.lobby.seatsOfGroup(game, players)
      moved = seats.map(([player, seat]) => ({ player, seat }))
      return true
    }
  })
  const other = new Table()
  for (const name of ['Ann', 'Bob']) one.do(one.player(name), { type: 'queue' })
  one.passMs(1)
  const there = moved.map(({ player, seat }) =>
    other.adopt({ ...one.lobby.release(player), seat } as Parameters<Table['adopt']>[0])
  )
  expect(one.lobby.playerCount).toBe(0)
  expect(types(other, there[0])).toContain('match-started')
  expect(other.lobby.matchCount).toBe(1)
})

describe('what other nodes report', () => {
  const info = (name: string, players = 1) => ({
    name,
    players,
    capacity: 4,
    spectators: 0,
    isPlaying: false,
    hasPassword: false,
    game: 'coin-arena'
  })

  test('rooms stand in the list, filtered as ours, and go with their node', () => {
    const table = new Table()
    const ann = table.player('Ann')
    table.do(ann, { type: 'create', room: 'Ours' })
    table.lobby.elsewhere.change('n2', [info('Theirs'), info('Full', 4)], [])
    const bob = table.player('Bob')
    table.do(bob, { type: 'watch-rooms', open: true })
    expect(table.heard(bob)).toMatchObject([
      { total: 2, rooms: [{ name: 'Ours' }, { name: 'Theirs' }] }
    ])
    table.passMs(1)
    table.heard(bob)
    table.lobby.elsewhere.change('n2', [info('Theirs', 2)], ['Full'])
    table.passMs(1)
    expect(table.heard(bob)).toMatchObject([
      { type: 'rooms-changed', rooms: [{ name: 'Theirs', players: 2 }], gone: ['Full'] }
    ])
    table.lobby.elsewhere.forget('n2')
    table.passMs(1)
    expect(table.heard(bob)).toMatchObject([{ rooms: [], gone: ['Theirs'] }])
  })

  test('a snapshot replaces what was known of a node', () => {
    const table = new Table()
    table.lobby.elsewhere.change('n2', [info('One'), info('Two')], [])
    table.lobby.elsewhere.replace('n2', [info('Two'), info('Three')])
    const ann = table.player('Ann')
    table.do(ann, { type: 'rooms' })
    expect(table.heard(ann)).toMatchObject([{ rooms: [{ name: 'Two' }, { name: 'Three' }] }])
  })

  test('a room that changes its node stays in the list, in whatever order they say so', () => {
    const table = new Table()
    const ann = table.player('Ann')
    table.lobby.elsewhere.change('n2', [info('Den')], [])
    table.do(ann, { type: 'watch-rooms' })
    table.passMs(1)
    table.heard(ann)
    table.lobby.elsewhere.change('n3', [info('Den', 3)], [])
    table.lobby.elsewhere.change('n2', [], ['Den'])
    table.passMs(1)
    expect(table.heard(ann)).toMatchObject([{ rooms: [{ name: 'Den', players: 3 }], gone: [] }])
  })

  test('chat is for those in the lobby, unless they have muted its speaker', () => {
    const table = new Table()
    const [ann, bob] = [table.player('Ann'), table.player('Bob')]
    const line = { name: 'Far', marks: ['192.0.2.7', 'account'], text: 'hello' }
    table.lobby.hear(line, table.nowMs)
    expect(table.heard(ann)).toEqual([{ type: 'chat', from: 'Far', to: 'lobby', text: 'hello' }])
    table.do(ann, { type: 'mute', name: 'Far' })
    table.do(bob, { type: 'report', name: 'far', text: 'rude' })
    table.heard(ann)
    table.heard(bob)
    table.lobby.hear(line, table.nowMs)
    expect(table.heard(ann)).toEqual([])
    expect(table.heard(bob)).toHaveLength(1)
    expect(table.lobby.reports.list).toMatchObject([{ name: 'Far', said: ['hello'] }])
    table.do(ann, { type: 'mute', name: 'Far', on: false })
    table.heard(ann)
    table.lobby.hear(line, table.nowMs)
    expect(table.heard(ann)).toHaveLength(1)
  })
})

test('a lobby that is abandoned says nothing, and keeps nothing', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  for (const each of [ann, bob]) table.heard(each)
  expect(table.lobby.abandon()).toEqual([ann, bob])
  table.passMs(60_000)
  expect([...table.heard(ann), ...table.heard(bob)]).toEqual([])
  const { playerCount, roomCount, matchCount } = table.lobby
  expect([playerCount, roomCount, matchCount]).toEqual([0, 0, 0])
})
