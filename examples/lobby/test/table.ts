// For tests of the rules: a lobby without sockets or clock. What each player hears is an array,
// what the clock says is a number.

import { randomBytes } from 'node:crypto'
import type { ArenaView } from '../games/coin-arena/rules.ts'
import { games } from '../games/index.ts'
import type { ClusterOutlet } from '../rules/cluster-outlet.ts'
import { type Games, TICKS_PER_SECOND } from '../rules/game.ts'
import { defaultLimits, type Limits } from '../rules/limits.ts'
import { Lobby } from '../rules/lobby.ts'
import type { Passport } from '../rules/passport.ts'
import type { MatchRecord } from '../rules/records.ts'
import { Session } from '../rules/session.ts'
import { defaultSettings, gameSettingsOf, type Settings } from '../server/config.ts'
import type { RefusalCode, ServerMessage } from '../wire/protocol.ts'

/** The default. */
export const MATCH_MS = 30_000

/** A state of the coin arena. */
export interface ArenaState extends ArenaView {
  match: number
  tick: number
  seqs: readonly number[]
}

export class Table {
  nowMs = 1_000
  readonly lobby: Lobby
  readonly limits: Limits
  readonly dismissed = new Map<Session, RefusalCode>()
  readonly kept: MatchRecord[] = []
  readonly #states = new Map<Session, ArenaState>()
  #came = 0
  readonly #tokens = new Map<Session, string>()
  readonly #heard = new Map<Session, ServerMessage[]>()

  constructor(settings: Partial<Settings> = {}, list: Games = games, cluster?: ClusterOutlet) {
    this.limits = {
      ...defaultLimits,
      burstMessages: 1_000,
      countdownMs: 0,
      roomListEveryMs: 0,
      ...settings
    }
    this.lobby = new Lobby(
      this.limits,
      {
        deliver: (to, message) => {
          for (const session of to) {
            this.#heard.get(session)?.push(message)
            if (message.type === 'welcome') this.#tokens.set(session, message.token)
          }
        },
        deliverState: (to, { game, match, tick, seqs, body }) => {
          const view = game.decode(body) as ArenaView
          for (const session of to) this.#states.set(session, { match, tick, seqs, ...view })
        },
        dismiss: (session, reason) => {
          this.dismissed.set(session, reason.code)
          this.lobby.leave(session, this.nowMs)
        },
        keep: (match, then) => this.keep(match, then),
        history: (_, then) => then([]),
        newSeed: () => '42',
        sendBots: () => false,
        dateMs: () => Date.now(),
        randomBytes,
        cluster
      },
      { list, settings: gameSettingsOf({ ...defaultSettings, ...settings }, list) }
    )
  }

  keep: (match: MatchRecord, then: (saved: boolean) => void) => void = (match, then) => {
    this.kept.push(match)
    then(true)
  }

  /** By default each comes from an address of its own. */
  arrive(address = `10.${this.#came >> 16}.${(this.#came >> 8) & 255}.${this.#came++ & 255}`) {
    const session = this.connection(address)
    this.lobby.enter(session)
    return session
  }

  /** One that the lobby knows nothing of yet. */
  connection(address = '10.9.0.1'): Session {
    const session = new Session(this.limits, this.nowMs, address)
    this.#heard.set(session, [])
    return session
  }

  /** Somebody with a name, who has read the greetings. */
  player(name: string, address?: string): Session {
    const session = this.arrive(address)
    this.do(session, { type: 'name', name })
    this.heard(session)
    return session
  }

  /** Somebody who comes over from another lobby. */
  adopt(passport: Passport, address = '10.9.0.1'): Session {
    const session = this.connection(address)
    this.lobby.takeOver(session)
    this.lobby.adopt(session, passport, this.nowMs)
    return session
  }

  /** Several in one room, who have read everything so far. */
  roomOf(...names: string[]): Session[] {
    const players = names.map((name) => this.player(name))
    players.forEach((player, at) => {
      this.do(player, { type: at === 0 ? 'create' : 'join', room: 'Den' })
    })
    for (const player of players) this.heard(player)
    return players
  }

  do(session: Session, command: object | string): void {
    const text = typeof command === 'string' ? command : JSON.stringify(command)
    this.lobby.receive(session, Buffer.from(text), this.nowMs)
  }

  tell(session: Session, message: ServerMessage): void {
    this.#heard.get(session)?.push(message)
  }

  /** What this player heard since the last time. */
  heard(session: Session): ServerMessage[] {
    return this.#heard.get(session)?.splice(0) ?? []
  }

  /** One player runs from coin to coin and the others stand still, until the match is over. */
  playToTheEnd(winner: Session): void {
    const tickMs = 1000 / TICKS_PER_SECOND
    this.passMs(tickMs)
    for (let seq = 1; this.lobby.matchCount > 0; seq++) {
      const { match, players, coins } = this.state(winner)
      const seat = winner.player?.room
        ?.detail(this.nowMs)
        .players.findIndex(({ name }) => name === winner.player?.name)
      const own = players.find((player) => player.seat === seat)
      if (own === undefined) throw new Error('the winner does not play')
      this.do(winner, {
        type: 'input',
        match,
        seq,
        input: { direction: towards(own, nearest(own, coins)) }
      })
      this.passMs(tickMs)
    }
  }

  /** The last state of a match that this player was sent. */
  state(session: Session): ArenaState {
    const state = this.#states.get(session)
    if (state === undefined) throw new Error('no state was sent')
    return state
  }

  /** The same of any game, without the numbers. */
  view(session: Session): object {
    const { match: _, tick: __, seqs: ___, ...view } = this.state(session)
    return view
  }

  /** The last token that this player was given. */
  tokenOf(session: Session): string {
    return this.#tokens.get(session) ?? ''
  }

  /** The code of the one refusal that this command gets. */
  refusal(session: Session, command: object | string): string {
    this.heard(session)
    this.do(session, command)
    const answers = this.heard(session)
    if (answers.length !== 1 || answers[0].type !== 'error') return JSON.stringify(answers)
    return answers[0].code
  }

  passMs(ms: number): void {
    this.nowMs += ms
    this.lobby.tick(this.nowMs)
  }
}

interface Place {
  x: number
  y: number
}

export function nearest(from: Place, places: readonly Place[]): Place {
  const distance = ({ x, y }: Place) => (x - from.x) ** 2 + (y - from.y) ** 2
  return places.reduce((best, place) => (distance(place) < distance(best) ? place : best))
}

/** The direction from one place to another, by eighths of a circle. */
export function towards(from: Place, to: Place): number {
  const eighths = Math.round(Math.atan2(to.y - from.y, to.x - from.x) / (Math.PI / 4))
  return ((eighths + 2 + 8) % 8) + 1
}
