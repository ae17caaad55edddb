// The card game: its rules, and above all who is sent what. What a player receives is looked at as
// bytes, as they go to the sockets.

import { randomBytes } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { Lobby } from '../../rules/lobby.ts'
import { Match } from '../../rules/match.ts'
import { newSeed } from '../../rules/random.ts'
import { Session } from '../../rules/session.ts'
import { Table } from '../../test/table.ts'
import { encodeState } from '../../wire/datagram.ts'
import { encode } from '../../wire/protocol.ts'
import { games } from '../index.ts'
import { CardPlayer } from './bot.ts'
import { cards } from './index.ts'
import {
  begin,
  type CardsState,
  type CardsView,
  deck,
  fits,
  leave,
  outcome,
  play
} from './rules.ts'

// Nothing in here waits; a busy machine may still need its time.
vi.setConfig({ testTimeout: 120_000 })

const settings = { handCards: 5, turnMs: 1_000 }

function stateOf(players: number): CardsState {
  const names = ['Ann', 'Bob', 'Cid', 'Dee'].slice(0, players)
  return begin({ players: names, settings, random: Math.random, now: 0 })
}

const allCards = ({ hands, stock, played }: CardsState) =>
  [...hands.flatMap((hand) => hand ?? []), ...stock, ...played].sort()

test('every card is somewhere, once, whatever happens', () => {
  for (let round = 0; round < 50; round++) {
    const state = stateOf(2 + (round % 3))
    for (let turn = 0; turn < 300 && outcome(state) === undefined; turn++) {
      const { player, played } = state
      const card = state.hands[player]?.find((one) => fits(one, played[played.length - 1]))
      play(state, player, { turn: state.turn, card: turn % 3 === 0 ? undefined : card }, turn)
      if (turn === 7 && round % 5 === 0) leave(state, round % 2)
      expect(allCards(state)).toEqual([...deck].sort())
    }
  }
})

test('only whose turn it is plays, a card that it has and that fits, and each turn once', () => {
  const state = stateOf(3)
  state.played.push('TH')
  state.hands[0] = ['2H', 'TC', '3C', '4D', '5D']
  state.hands[1] = ['TD', '6H', '7H', '8H', '9H']
  const before = JSON.stringify(state)
  for (const [player, turn, card] of [
    [1, 1, undefined],
    [0, 0, '2H'],
    [0, 2, '2H'],
    [0, 1, '3C'],
    [0, 1, 'TD'] // it fits, and is another's
  ] as const)
    expect(play(state, player, { turn, card }, 0)).toEqual([])
  expect(JSON.stringify(state)).toBe(before)
  expect(play(state, 0, { turn: 1, card: '2H' }, 0)).toEqual([
    { type: 'played', player: 0, card: '2H' }
  ])
  expect(play(state, 0, { turn: 1, card: 'TC' }, 0), 'twice').toEqual([])
  expect(state).toMatchObject({ player: 1, turn: 2 })
})

test('the first without cards wins; with one left, that one; and when nobody can go on, the fewest cards', () => {
  const state = stateOf(2)
  state.played.push('TH')
  state.hands[0] = ['2H']
  expect(outcome(state)).toBeUndefined()
  play(state, 0, { turn: 1, card: '2H' }, 0)
  expect(outcome(state)).toEqual({ places: [1, 2], scores: [5, 0] })

  const alone = stateOf(2)
  leave(alone, 0)
  expect(outcome(alone)).toMatchObject({ places: [0, 1] })

  const stuck = stateOf(2)
  stuck.stock = []
  stuck.played.splice(0, stuck.played.length, '2C')
  stuck.hands[0] = ['3H']
  stuck.hands[1] = ['3H', '4H']
  play(stuck, 0, { turn: 1 }, 0)
  play(stuck, 1, { turn: 2 }, 0)
  expect(outcome(stuck)).toEqual({ places: [1, 2], scores: [2, 0] })
})

test('who does nothing draws a card when the turn is over', () => {
  const match = new Match(
    { number: 1, seed: newSeed(randomBytes), game: cards, settings, players: ['Ann', 'Bob'] },
    0
  )
  for (let tick = 0; tick < 30; tick++) expect(match.step(999) ?? []).toEqual([])
  const events: unknown[] = []
  for (let tick = 0; tick < 3; tick++) events.push(...(match.step(1_000) ?? []))
  expect(events).toEqual([{ type: 'drew', player: 0 }])
})

/** Everything that goes to the sockets of a whole lobby, as text by its receiver. */
function lobbyOf(seed: string) {
  const table = new Table()
  const sent = new Map<Session, string[]>()
  const own = new Map<Session, CardsView>()
  /** Whose view has come since the last look. */
  const fresh = new Set<Session>()
  const tell = (to: Iterable<Session>, bytes: Uint8Array) => {
    for (const session of to) sent.get(session)?.push(Buffer.from(bytes).toString('latin1'))
  }
  const lobby = new Lobby(
    table.limits,
    {
      deliver: (to, message) => tell(to, encode(message)),
      deliverState(to, view) {
        const sessions = [...to]
        tell(sessions, encodeState(view))
        for (const session of sessions) {
          own.set(session, view.game.decode(view.body) as CardsView)
          fresh.add(session)
        }
      },
      dismiss: () => {},
      keep: (_match, then) => then(true),
      history: (_key, then) => then([]),
      sendBots: () => false,
      newSeed: () => seed,
      dateMs: () => 0,
      randomBytes
    },
    { list: games, settings: new Map() }
  )
  const nowMs = { value: 1_000 }
  return {
    lobby,
    own,
    fresh,
    nowMs,
    /** What this one was sent since the last time. */
    take: (session: Session) => sent.get(session)?.splice(0).join('\n') ?? '',
    arrive(name: string): Session {
      const session = new Session(table.limits, nowMs.value)
      sent.set(session, [])
      lobby.enter(session)
      this.do(session, { type: 'name', name })
      return session
    },
    do(session: Session, command: object): void {
      lobby.receive(session, Buffer.from(JSON.stringify(command)), nowMs.value)
    }
  }
}

test('no byte of another’s hand is sent to anybody, in hundreds of turns, to those who play and those who watch', () => {
  let looked = 0
  for (let round = 0; round < 12; round++) {
    const world = lobbyOf(newSeed(randomBytes))
    const { lobby, own, fresh, nowMs } = world
    const players = ['Ann', 'Bob', 'Cid', 'Dee'].slice(0, 2 + (round % 3)).map((name, at) => {
      const session = world.arrive(name)
      const to = { type: at === 0 ? 'create' : 'join', room: 'Den' }
      world.do(session, at === 0 ? { ...to, game: 'cards' } : to)
      return { session, bot: new CardPlayer(at, Math.random), seq: 0 }
    })
    const eve = world.arrive('Eve')
    world.do(eve, { type: 'spectate', room: 'Den' })
    for (const { session } of players) world.do(session, { type: 'ready' })
    for (let tick = 0; tick < 5_000 && lobby.matchCount > 0; tick++) {
      for (const player of players) {
        const view = own.get(player.session)
        const input = view && player.bot.think(view)
        if (input !== undefined)
          world.do(player.session, { type: 'input', match: 1, seq: ++player.seq, input })
      }
      nowMs.value += 34
      lobby.tick(nowMs.value)
      if (lobby.matchCount === 0) break // the hands are open, and the seed is published
      // The hands as they are now, and not before the card that was just played
      if (!players.every(({ session }) => fresh.has(session))) continue
      fresh.clear()
      const everybody = [...players.map(({ session }) => session), eve]
      const texts = everybody.map((session) => world.take(session))
      for (const [at, text] of texts.entries()) {
        for (const [other, { session }] of players.entries()) {
          if (other === at) continue
          for (const card of own.get(session)?.hand ?? []) {
            looked++
            // As it stands in JSON: a number or a token may have the same two letters by chance
            expect(text.includes(`"${card}"`), `${card} of ${other}, to ${at}: ${text}`).toBe(false)
          }
        }
      }
    }
    expect(own.get(eve)).not.toHaveProperty('hand')
  }
  expect(looked).toBeGreaterThan(3_000)
})

test('the seed of a match is too long to be tried out, and is published when the match is over', () => {
  expect(newSeed(randomBytes)).toMatch(/^[0-9a-f]{32}$/)
  expect(newSeed(randomBytes)).not.toBe(newSeed(randomBytes))
  const world = lobbyOf('the seed of this match')
  const [ann, bob] = ['Ann', 'Bob'].map((name) => world.arrive(name))
  world.do(ann, { type: 'create', room: 'Den', game: 'cards' })
  world.do(bob, { type: 'join', room: 'Den' })
  for (const session of [ann, bob]) world.do(session, { type: 'ready' })
  expect(world.take(bob)).not.toContain('the seed')
  world.lobby.leave(ann, world.nowMs.value)
  expect(world.take(bob)).toContain('the seed of this match')
})
