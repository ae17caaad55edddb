// How bots behave: each behaviour alone against made-up messages, and a crowd of them against the
// real rules, where they must never do what a player may not do.

import { expect, test } from 'vitest'
import type { Bot, Deed } from '../bots/bot.ts'
import { type Behaviour, inOrder, livelyMix, type Mix, newBot, sizeOf } from '../bots/mix.ts'
import { pace } from '../bots/pace.ts'
import { DatagramWay, InputClock } from '../bots/udp.ts'
import { Wheel } from '../bots/wheel.ts'
import { CoinHunter, directionTo, nearestOf } from '../games/coin-arena/bot.ts'
import type { ArenaView } from '../games/coin-arena/rules.ts'
import { defaultLimits } from '../rules/limits.ts'
import type { Session } from '../rules/session.ts'
import type {
  MatchState,
  MemberInfo,
  RefusalCode,
  RoomInfo,
  ServerMessage
} from '../wire/protocol.ts'
import { Table } from './table.ts'

/** Chance that repeats itself, so that a failure does too. */
function chanceOf(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

class Books {
  readonly errors: string[] = []
  readonly expected: string[] = []

  error(kind: string): void {
    this.errors.push(kind)
  }

  expect(kind: string): void {
    this.expected.push(kind)
  }
}

/** A bot with its books. `random` is the same number each time unless it is a function. */
function make(behaviour: Behaviour, random: number | (() => number) = 0.5) {
  const books = new Books()
  const ledger = {
    error: (kind: string) => books.error(kind),
    expected: (kind: string) => books.expect(kind)
  }
  const chance = typeof random === 'number' ? () => random : random
  return { bot: newBot(behaviour, { name: 'bot 7', random: chance, ledger, crowd: 100 }), books }
}

const welcome: ServerMessage = {
  type: 'welcome',
  name: 'bot 7',
  token: 'a token',
  resumeMs: 30_000,
  account: 'an account'
}
const refusal = (code: RefusalCode): ServerMessage => ({ type: 'error', code, message: '' })
const member = (name: string, more: Partial<MemberInfo> = {}): MemberInfo => {
  return { name, ready: false, away: false, spectator: false, ...more }
}
const joined = (...members: MemberInfo[]): ServerMessage => {
  return {
    type: 'joined',
    room: 'Den',
    host: members[0].name,
    capacity: 8,
    game: 'coin-arena',
    settings: {},
    members
  }
}
const room = (name: string, more: Partial<RoomInfo> = {}): RoomInfo => {
  return {
    name,
    players: 1,
    capacity: 8,
    spectators: 0,
    isPlaying: false,
    hasPassword: false,
    game: 'coin-arena',
    ...more
  }
}
const requestOf = (deed: Deed | undefined) => deed?.send?.[0]

function signedIn(behaviour: Behaviour, random?: number | (() => number)) {
  const made = make(behaviour, random)
  made.bot.connected()
  made.bot.hear(welcome)
  return made
}

/** What it does in so many turns, without what it only says. */
function deedsOf(bot: Bot, turns: number): Deed[] {
  const deeds = Array.from({ length: turns }, () => bot.act())
  return deeds.filter((deed) => deed !== undefined && requestOf(deed)?.type !== 'say') as Deed[]
}

// ---- Coming and going ----

test('a bot signs in by its name, says so once, and comes back with its token', () => {
  const { bot, books } = make('lurker')
  expect(bot.connected()).toMatchObject({ send: [{ type: 'name', name: 'bot 7' }] })
  expect(bot.act()).toBeUndefined() // there is no answer yet
  bot.hear(welcome)
  expect(bot.isSignedIn).toBe(true)
  expect(bot.gone('ECONNRESET')).toBe(pace.reconnectMs)
  expect(bot.isSignedIn).toBe(false)
  expect(bot.connected()).toMatchObject({ send: [{ type: 'resume', token: 'a token' }] })
  expect(books.errors).toEqual(['ECONNRESET'])
})

test('a token that is not taken is an error, and then it comes in as somebody new', () => {
  const { bot, books } = signedIn('lurker')
  bot.gone('ECONNRESET')
  bot.connected()
  bot.hear(refusal('token-expired'))
  expect(bot.act()).toMatchObject({ send: [{ type: 'name' }] })
  expect(books.errors).toEqual(['ECONNRESET', 'token-expired'])
})

test('races are expected, other refusals are errors, and an end that was announced is not counted twice', () => {
  const { bot, books } = signedIn('player')
  bot.hear(refusal('room-full'))
  bot.hear(refusal('bad-name'))
  bot.hear(refusal('idle'))
  bot.gone(undefined)
  expect(books).toMatchObject({ errors: ['bad-name', 'idle'], expected: ['room-full'] })
})

test('an end without a word is an error, one after "bye" is not', () => {
  const surprised = signedIn('lurker')
  surprised.bot.gone(undefined)
  expect(surprised.books.errors).toEqual(['closed without a word'])
  const told = signedIn('lurker')
  told.bot.hear({ type: 'bye' })
  told.bot.gone(undefined)
  expect(told.books.errors).toEqual([])
})

// ---- Behaviours ----

test('a player joins the room of a person before any other, and leaves it when there is no seat to spare', () => {
  const { bot } = signedIn('player', 0.5)
  bot.hear({
    type: 'rooms',
    rooms: [room("bot 1's den"), room('Den'), room("bot 2's den")],
    from: 0,
    total: 3
  })
  expect(requestOf(bot.act())).toEqual({ type: 'join', room: 'Den' })
  bot.hear(
    joined(
      ...['Ann', 'bot 1', 'bot 2', 'bot 3', 'bot 4', 'bot 5', 'bot 7'].map((name) => member(name))
    )
  )
  const crowded = deedsOf(signedIn('player', 0.4).bot, 1)
  expect(crowded.length).toBeLessThan(2)
  const { bot: quick } = signedIn('player', 0.4)
  quick.hear(
    joined(
      ...['Ann', 'bot 1', 'bot 2', 'bot 3', 'bot 4', 'bot 5', 'bot 7'].map((name) => member(name))
    )
  )
  expect(requestOf(quick.act())).toEqual({ type: 'leave' })
})

test('a match that starts while its leave is on the way is not played, and nothing else is asked', () => {
  const { bot, books } = signedIn('player', 0.4)
  bot.hear(joined(...[1, 2, 3, 4, 5, 6, 7].map((at) => member(`bot ${at}`))))
  expect(requestOf(bot.act())).toEqual({ type: 'leave' })
  const players = ['bot 1', 'bot 7']
  bot.hear({ type: 'match-started', match: 1, game: 'coin-arena', players, endsInMs: 30_000 })
  const view: ArenaView = {
    players: players.map((_, seat) => ({ seat, x: seat * 500, y: 0, direction: 0, score: 0 })),
    coins: [{ x: 700, y: 700 }]
  }
  bot.hear({ type: 'state', match: 1, tick: 1, seqs: [0, 0], view })
  expect(bot.play()).toBeUndefined()
  bot.hear(refusal('match-running')) // to a 'ready' before
  expect(bot.act()).toBeUndefined()
  expect(books.errors).toEqual([])
  bot.hear({ type: 'left', room: 'Den' })
  expect(bot.act()).toBeDefined()
})

test('two seats of a room are left to people, and a full, a playing or a locked one is passed over', () => {
  const { bot } = signedIn('player', chanceOf(2))
  const rooms = [
    room('A', { players: 6 }),
    room('B', { isPlaying: true }),
    room('C', { hasPassword: true }),
    room('D', { players: 2, capacity: 2 })
  ]
  const asked = new Set<string | undefined>()
  for (let turn = 0; turn < 100; turn++) {
    bot.hear({ type: 'rooms', rooms, from: 0, total: 4 })
    const request = requestOf(bot.act())
    asked.add(request?.type)
    if (request?.type === 'create') bot.hear(refusal('room-taken'))
    if (request?.type === 'queue') bot.hear(refusal('queue-full'))
  }
  expect(asked).toContain('create')
  expect(asked).not.toContain('join')
})

test('a player asks for one thing at a time', () => {
  const { bot } = signedIn('player', 0.1)
  expect(requestOf(bot.act())).toEqual({ type: 'queue' })
  expect(bot.act()).toBeUndefined()
  bot.hear({ type: 'queued', game: 'coin-arena', skill: 1000, players: 1 })
  expect(deedsOf(bot, 20)).toEqual([])
  bot.hear({ type: 'unqueued' })
  expect(requestOf(bot.act())).toEqual({ type: 'queue' })
})

test.each(['player', 'chatter'] as const)(
  'a %s in a room with a person gets ready when the person is',
  (behaviour) => {
    const { bot } = signedIn(behaviour, chanceOf(1))
    bot.hear(joined(member('Ann'), member('bot 1', { ready: true }), member('bot 7')))
    const before = deedsOf(bot, 30)
    expect(before.filter((deed) => requestOf(deed)?.type === 'ready')).toEqual([])
    const { bot: other } = signedIn(behaviour, chanceOf(1))
    other.hear(joined(member('Ann'), member('bot 7')))
    // And it hurries
    expect(other.hear({ type: 'ready', name: 'Ann', ready: true })).toBeLessThan(pace.maxReplyMs)
    expect(deedsOf(other, 30)).toContainEqual({ send: [{ type: 'ready', ready: true }] })
  }
)

test('players among themselves get ready, and say so once', () => {
  const { bot } = signedIn('player', 0.5)
  bot.hear(joined(member('bot 1'), member('bot 7')))
  expect(requestOf(bot.act())).toEqual({ type: 'ready', ready: true })
  bot.hear({ type: 'ready', name: 'bot 7', ready: true })
  expect(deedsOf(bot, 20)).toEqual([])
})

test('chatters talk, in rooms for talking', () => {
  const { bot } = signedIn('chatter', chanceOf(3))
  const look = deedsOf(bot, 1)
  expect(requestOf(look[0])).toMatchObject({ type: 'rooms', filter: 'talk' })
  bot.hear({ type: 'rooms', rooms: [], from: 0, total: 0 })
  expect(deedsOf(bot, 1)).toMatchObject([{ send: [{ type: 'create', room: "bot 7's talk" }] }])
  bot.hear(joined(member('bot 7'), member('bot 8')))
  const said = Array.from({ length: 60 }, () => requestOf(bot.act())).filter(
    (request) => request?.type === 'say'
  )
  expect(said.length).toBeGreaterThan(10)
})

test('the more bots there are, the less each says to the lobby', () => {
  const linesOf = (crowd: number) => {
    const random = chanceOf(5)
    const ledger = { error: () => {}, expected: () => {} }
    let lines = 0
    for (let turn = 0; turn < 3_000; turn++) {
      const bot = newBot('chatter', { name: 'bot 7', random, ledger, crowd })
      bot.connected()
      bot.hear(welcome)
      if (requestOf(bot.act())?.type === 'say') lines++
    }
    return lines
  }
  expect(linesOf(5)).toBeGreaterThan(50)
  expect(linesOf(10_000)).toBeLessThan(5)
})

test('a player steers by what it sees of the match, and not before it sees it', () => {
  const { bot } = signedIn('player', 0)
  bot.hear(joined(member('bot 1'), member('bot 7')))
  expect(bot.play()).toBeUndefined()
  bot.hear({
    type: 'match-started',
    match: 4,
    game: 'coin-arena',
    players: ['bot 1', 'bot 7'],
    endsInMs: 30_000
  })
  expect(bot.isPlaying).toBe(true)
  expect(bot.play()).toBeUndefined()
  const view = viewOf({ x: 100, y: 100 }, { x: 300, y: 100 })
  bot.hear({ type: 'state', match: 4, tick: 1, seqs: [0, 0], view })
  expect(bot.play()).toEqual({ match: 4, input: { direction: 3 } })
  bot.hear({
    type: 'match-ended',
    match: 4,
    winners: [],
    scores: [],
    skills: [],
    seed: '1',
    saved: true
  })
  expect(bot.isPlaying).toBe(false)
  expect(bot.play()).toBeUndefined()
})

test('a lurker does hardly anything', () => {
  const { bot } = signedIn('lurker', chanceOf(1))
  const deeds = Array.from({ length: 200 }, () => bot.act() as Deed)
  const requests = deeds.flatMap(({ send = [] }) => send)
  expect(requests.length).toBeLessThan(60)
  expect(new Set(requests.map(({ type }) => type))).toEqual(new Set(['rooms', 'watch-rooms']))
  expect(Math.min(...deeds.map(({ pauseMs }) => pauseMs as number))).toBeGreaterThanOrEqual(5_000)
})

test('a quitter loses its connection, comes back in time, and minds being in another room', () => {
  const quit = () => {
    const made = signedIn('quitter', 0.15)
    made.bot.hear(joined(member('bot 7')))
    const deeds = Array.from({ length: 3 }, () => made.bot.act())
    expect(deeds.at(-1)).toEqual({ afterwards: 'reset' })
    expect(made.bot.gone(undefined)).toBeLessThan(30_000)
    expect(requestOf(made.bot.connected())).toEqual({ type: 'resume', token: 'a token' })
    made.bot.hear(welcome)
    return made
  }
  const well = quit()
  well.bot.hear(joined(member('bot 7')))
  expect(deedsOf(well.bot, 3).length).toBe(3)
  expect(well.books.errors).toEqual([])

  const elsewhere = quit()
  elsewhere.bot.hear({ ...joined(member('bot 7')), room: 'Attic' } as ServerMessage)
  expect(elsewhere.books.errors).toEqual(['back in another room'])

  const nowhere = quit()
  deedsOf(nowhere.bot, 3)
  expect(nowhere.books.errors).toEqual(['not back in the room'])
})

test('a quitter that signs out ends the connection, and comes back by its name', () => {
  const { bot, books } = signedIn('quitter', 0.05)
  bot.hear(joined(member('bot 7')))
  expect(Array.from({ length: 3 }, () => bot.act()).at(-1)).toMatchObject({
    send: [{ type: 'sign-out' }]
  })
  expect(bot.hear({ type: 'signed-out' })).toBe(0)
  expect(bot.act()).toEqual({ afterwards: 'end' })
  bot.gone(undefined)
  expect(requestOf(bot.connected())).toEqual({ type: 'name', name: 'bot 7' })
  expect(books.errors).toEqual([])
})

test('a quitter waits for answers, however long they take', () => {
  const { bot } = signedIn('quitter', 0.05)
  const asked = Array.from({ length: 30 }, () => requestOf(bot.act())).filter(
    (request) => request !== undefined
  )
  expect(asked).toMatchObject([{ type: 'create' }])
})

test('a flooder sends far too much, expects to be cut off, and does it again after a pause', () => {
  const { bot, books } = signedIn('flooder')
  expect(bot.isHonest).toBe(false)
  expect(bot.act()?.send?.length).toBeGreaterThan(100)
  bot.hear(refusal('too-fast'))
  bot.hear(refusal('flood'))
  expect(bot.act()).toBeUndefined()
  expect(bot.gone('ECONNRESET')).toBeGreaterThan(0)
  // Its seat was given up
  expect(requestOf(bot.connected())).toEqual({ type: 'name', name: 'bot 7' })
  expect(books).toMatchObject({ errors: [], expected: ['too-fast', 'flood'] })
})

test('a slow reader asks and asks, stops reading, keeps its rate, and expects a reset', () => {
  const { bot, books } = signedIn('slowReader')
  expect(bot.act()).toMatchObject({ afterwards: 'pause' })
  const deed = bot.act() as Deed
  expect(deed.afterwards).toBeUndefined()
  expect(((deed.send?.length ?? 0) / (deed.pauseMs as number)) * 1000).toBeLessThan(20)
  bot.gone('ECONNRESET')
  expect(books).toMatchObject({ errors: [], expected: ['ECONNRESET'] })
})

test('a token that came too late is tried again', () => {
  const { bot } = make('player')
  bot.connected()
  bot.hear(welcome)
  bot.gone(undefined)
  for (let attempt = 0; attempt < 2; attempt++) {
    expect(bot.connected()).toMatchObject({ send: [{ type: 'resume', token: 'a token' }] })
    bot.hear(refusal('sign-in-timeout'))
    bot.gone(undefined)
  }
})

test('a half-open connection says nothing, and expects to be sent away', () => {
  const { bot, books } = make('halfOpen')
  expect(bot.connected()).toBeUndefined()
  const hello = { type: 'hello' as const, version: 4, maxFrameBytes: 4096, games: [] }
  bot.hear({ ...hello, limits: defaultLimits })
  expect(bot.act()).toBeUndefined()
  bot.hear(refusal('sign-in-timeout'))
  bot.gone(undefined)
  expect(books).toMatchObject({ errors: [], expected: ['sign-in-timeout'] })
})

test('a mix has as many of each as it says, and every part of it is mixed as the whole', () => {
  const mix: Mix = { player: 50, lurker: 50, halfOpen: 2 }
  const order = inOrder(mix)
  expect(order.length).toBe(sizeOf(mix))
  expect(order.slice(0, 51).filter((behaviour) => behaviour === 'player').length).toBe(25)
  for (const count of [0, 1, 7, 1_000]) expect(sizeOf(livelyMix(count))).toBe(count)
})

// ---- Parts ----

function viewOf(me: { x: number; y: number }, ...coins: { x: number; y: number }[]): ArenaView {
  const other = { seat: 0, x: 900, y: 500, score: 0 }
  return { players: [other, { seat: 1, ...me, score: 0 }], coins }
}

test.each([
  [0, -100, 1],
  [90, -110, 2],
  [100, 0, 3],
  [100, 90, 4],
  [3, 100, 5],
  [-100, 100, 6],
  [-100, -10, 7],
  [-70, -100, 8],
  [5, -5, 0]
])('the way by (%i, %i) is direction %i', (right, down, direction) => {
  expect(directionTo({ x: 500, y: 300 }, { x: 500 + right, y: 300 + down })).toBe(direction)
})

test('a hunter goes for the nearest coin, sticks to it, and takes a moment when it is gone', () => {
  expect(nearestOf({ x: 0, y: 0 }, [])).toBeUndefined()
  const hunter = new CoinHunter(1, () => 0.5)
  const directionIn = (view: ArenaView) => hunter.think(view).direction
  const far = { x: 100, y: 500 }
  const near = { x: 300, y: 100 }
  expect(directionIn(viewOf({ x: 100, y: 100 }, far, near))).toBe(3)
  expect(directionIn(viewOf({ x: 100, y: 100 }, far, near, { x: 100, y: 50 }))).toBe(3)
  expect(directionIn(viewOf({ x: 100, y: 100 }, far))).toBe(0)
  const later = Array.from({ length: 8 }, () => directionIn(viewOf({ x: 100, y: 100 }, far)))
  expect(later.at(-1)).toBe(5)
  expect(new CoinHunter(5, () => 0.5).think(viewOf({ x: 1, y: 1 }, far)).direction).toBe(0)
})

test('the way for datagrams: hello until there is an answer, proof, open, and a hello now and then', () => {
  const way = new DatagramWay('00112233445566ff')
  const hello = { kind: 'hello', token: '00112233445566ff' }
  expect(way.next(1000)).toEqual(hello)
  expect(way.next(1000 + pace.helloEveryMs - 1)).toBeUndefined()
  expect(way.next(1000 + pace.helloEveryMs)).toEqual(hello)
  const proof = way.hear({ kind: 'challenge', nonce: 'ff' }, 1400)
  expect(proof).toEqual({ kind: 'proof', token: '00112233445566ff', nonce: 'ff' })
  expect(way.isOpen).toBe(false)
  way.hear({ kind: 'open' }, 1500)
  expect(way.isOpen).toBe(true)
  expect(way.next(1500 + pace.helloAgainMs - 1)).toBeUndefined()
  expect(way.next(1500 + pace.helloAgainMs)).toEqual(hello)
})

test('a way that nobody answers is given up', () => {
  const way = new DatagramWay('00112233445566ff')
  let hellos = 0
  for (let nowMs = 0; nowMs < 60_000; nowMs += 100) if (way.next(nowMs) !== undefined) hellos++
  expect(hellos).toBe(pace.maxHellos)
  expect(way.hasFailed).toBe(true)
  expect(way.isOpen).toBe(false)
})

test('from an input to the first state that has it: old states and those of another match do not count', () => {
  const clock = new InputClock()
  const state = (match: number, tick: number, seq: number): MatchState => {
    return { match, tick, seqs: [0, seq], view: undefined }
  }
  clock.begin(4, 1)
  expect(clock.isNews(state(4, 10, 0))).toBe(true)
  const seq = clock.send(1000)
  expect(clock.send(1100)).toBe(seq + 1)
  expect(clock.hear(state(4, 11, seq - 1), 1010)).toBeUndefined()
  // The first one got lost, or was overtaken
  expect(clock.hear(state(4, 12, seq + 1), 1120)).toBe(120)
  expect(clock.hear(state(4, 13, seq + 1), 1200)).toBeUndefined()
  expect(clock.isNews(state(4, 10, 0))).toBe(false)
  expect(clock.isNews(state(3, 99, 0))).toBe(false)
  clock.hearDatagram(state(4, 14, 0))
  clock.hearDatagram(state(3, 99, 0))
  expect(clock.heardTick).toBe(14)
  clock.begin(5, 1)
  expect(clock.heardTick).toBe(0)
})

test('a wheel hands out what is due, once, in time and never early', () => {
  const wheel = new Wheel<string>(5, 0)
  const seen: string[] = []
  const turn = (nowMs: number) => wheel.turn(nowMs, (item, dueMs) => seen.push(`${item} ${dueMs}`))
  wheel.add('late', 1_000_000)
  wheel.add('soon', 12)
  turn(12)
  expect(seen).toEqual([])
  turn(15)
  expect(seen).toEqual(['soon 12'])
  wheel.add('overdue', 3)
  wheel.turn(20, (item) => {
    seen.push(item)
    if (item === 'overdue') wheel.add('again', 20)
  })
  expect(seen).toEqual(['soon 12', 'overdue'])
  turn(25)
  turn(1_000_005)
  turn(2_000_000)
  expect(seen).toEqual(['soon 12', 'overdue', 'again 20', 'late 1000000'])
})

// ---- All together ----

test('sixty bots live for five minutes of the lobby’s time under its real rules, and nothing goes wrong', () => {
  const table = new Table({ 'coin-arena.matchMs': 20_000 })
  const random = chanceOf(1)
  const books = new Books()
  const ledger = {
    error: (kind: string) => books.error(kind),
    expected: (kind: string) => books.expect(kind)
  }
  interface Place {
    bot: Bot
    session: Session | undefined
    backMs: number
    dueMs: number
    seq: number
  }
  const order = inOrder({ player: 30, chatter: 15, lurker: 10, quitter: 5 })
  const places = order.map((behaviour, number): Place => {
    const bot = newBot(behaviour, { name: `bot ${number}`, random, ledger, crowd: 60 })
    return { bot, session: undefined, backMs: 0, dueMs: 0, seq: 0 }
  })
  const heard = new Map<string, number>()

  const carryOut = (place: Place, deed: Deed | undefined) => {
    const { session, bot } = place
    if (session === undefined) return
    place.dueMs = table.nowMs + (deed?.pauseMs ?? 1_000)
    for (const request of deed?.send ?? []) table.do(session, request)
    if (deed?.afterwards === undefined) return
    expect(['reset', 'end']).toContain(deed.afterwards)
    table.lobby.lose(session, table.nowMs)
    place.session = undefined
    place.backMs = table.nowMs + bot.gone(undefined)
  }
  const listen = () => {
    for (const place of places) {
      if (place.session === undefined) continue
      for (const message of table.heard(place.session)) {
        heard.set(message.type, (heard.get(message.type) ?? 0) + 1)
        const soonMs = place.bot.hear(message)
        if (soonMs !== undefined) place.dueMs = Math.min(place.dueMs, table.nowMs + soonMs)
      }
    }
  }

  let mostAway = 0
  for (let turn = 0; turn < 3_000; turn++) {
    const playing = places.filter(({ bot }) => bot.isPlaying)
    table.passMs(100)
    for (const { bot, session } of playing) {
      if (session === undefined) continue
      const { match, tick, seqs, ...view } = table.state(session)
      bot.hear({ type: 'state', match, tick, seqs: [...seqs], view })
    }
    listen()
    mostAway = Math.max(mostAway, table.lobby.awayCount)
    for (const place of places) {
      if (place.session === undefined && table.nowMs >= place.backMs) {
        place.session = table.arrive()
        carryOut(place, place.bot.connected())
      }
      const move = place.session && place.bot.play()
      if (move !== undefined)
        table.do(place.session as Session, { type: 'input', ...move, seq: ++place.seq })
      if (table.nowMs >= place.dueMs) carryOut(place, place.bot.act())
      listen()
    }
  }
  expect(books.errors).toEqual([])
  expect(table.dismissed.size).toBe(0)
  expect(mostAway).toBeGreaterThan(0)
  const types = [
    'chat',
    'queued',
    'joined',
    'left',
    'match-started',
    'event',
    'match-ended',
    'signed-out'
  ]
  expect(types.filter((type) => (heard.get(type) ?? 0) < 5)).toEqual([])
})
