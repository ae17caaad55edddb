// A match: one game, its state, and who plays it. It knows players by name and the game knows them
// by number. What a game throws ends its match and nothing else. Uses no sockets; the time is
// passed in.
import { type Events, type Game, type GameEvent, type Outcome, TICKS_PER_SECOND } from './game.ts'
import { randomFrom } from './random.ts'

/** A view is sent at least so often, even when it has not changed. */
const SEND_ANYWAY_TICKS = TICKS_PER_SECOND

/** A longer view fits into no frame once the head of the message is around it. */
const MAX_VIEW_BYTES = 56 * 1024
/** The same of an event, as JSON. */
const MAX_EVENT_CHARS = 16 * 1024

/** A mistake of the game: the match cannot go on. */
export interface MatchFailure {
  /** Which part of the game it was. */
  part: string
  error: unknown
}

export interface MatchOptions {
  /** No other match of this server has it. */
  number: number
  seed: string
  game: Game
  settings: Record<string, unknown>
  players: readonly string[]
}

/** How a match went, by name. */
export interface MatchResult {
  /** Those in the first place. */
  winners: string[]
  /** Of those who stayed, by their numbers. */
  scores: { name: string; score: number }[]
}

/** A view that is about to be sent. */
export interface EncodedView {
  game: Game
  match: number
  tick: number
  /** By player: of the last input that counted. */
  seqs: readonly number[]
  body: Uint8Array
}

/** Whose view it is: a player's number, a spectator's, or the same for everybody. */
export type Audience = number | 'spectators' | 'all'

interface Sent {
  body: Uint8Array
  atTick: number
}

export class Match {
  readonly number: number
  readonly seed: string
  readonly game: Game
  readonly settings: Record<string, unknown>
  readonly players: string[]
  readonly #state: unknown
  /** By player. */
  readonly #seqs: number[]
  readonly #left = new Set<number>()
  readonly #sent = new Map<Audience, Sent>()
  readonly #ticksApart: number
  /** Of the room, and of the game. */
  #roomTick = 0
  #tick = 0
  #failure: MatchFailure | undefined

  constructor({ number, seed, game, settings, players }: MatchOptions, nowMs: number) {
    this.number = number
    this.seed = seed
    this.game = game
    this.settings = settings
    this.players = [...players]
    this.#seqs = players.map(() => 0)
    this.#ticksApart = TICKS_PER_SECOND / game.hz
    const random = randomFrom(seed)
    const beginning = { players: this.players, settings, random, now: nowMs }
    this.#state = this.#ask('create', () => game.create(beginning))
  }

  get tick(): number {
    return this.#tick
  }

  /** When the clock ends it, if it does. */
  get endsMs(): number | undefined {
    return this.#ask('endsAt', () => this.game.endsAt?.(this.#state))
  }

  get scores(): { name: string; score: number }[] {
    const scores = this.#ask('scores', () => this.game.scores?.(this.#state)) ?? []
    return this.#stayed().map(([number, name]) => ({ name, score: scores[number] ?? 0 }))
  }

  /** undefined: it does not play in this match. */
  numberOf(name: string): number | undefined {
    const number = this.players.lastIndexOf(name) // it may have left and come again
    return number === -1 || this.#left.has(number) ? undefined : number
  }

  /** Checked by the game. Ignored when it is late, or not by a player of this match. */
  input(name: string, seq: number, input: unknown, nowMs: number): readonly GameEvent[] {
    const player = this.numberOf(name)
    if (player === undefined || seq <= this.#seqs[player]) return []
    this.#seqs[player] = seq
    return this.#events('onInput', () => this.game.onInput(this.#state, player, input, nowMs))
  }

  /** A tick of the room, which may be one of the game. Returns undefined when it is none. */
  step(nowMs: number): readonly GameEvent[] | undefined {
    if (this.#roomTick++ % this.#ticksApart !== 0) return undefined
    this.#tick++
    return this.#events('onTick', () => this.game.onTick?.(this.#state, this.#tick, nowMs))
  }

  /** A player comes into the running match. */
  join(name: string): readonly GameEvent[] {
    const player = this.players.push(name) - 1
    this.#seqs.push(0)
    return this.#events('onJoin', () => this.game.onJoin?.(this.#state, player, name))
  }

  leave(name: string): readonly GameEvent[] {
    const player = this.numberOf(name)
    if (player === undefined) return []
    this.#left.add(player)
    return this.#events('onLeave', () => this.game.onLeave?.(this.#state, player))
  }

  away(name: string): readonly GameEvent[] {
    const player = this.numberOf(name)
    if (player === undefined) return []
    return this.#events('onAway', () => this.game.onAway?.(this.#state, player))
  }

  back(name: string): readonly GameEvent[] {
    const player = this.numberOf(name)
    if (player === undefined) return []
    return this.#events('onBack', () => this.game.onBack?.(this.#state, player))
  }

  /** Somebody begins to watch, or is back, and has seen nothing yet. */
  showAgain(audience: Audience): void {
    this.#sent.delete(this.game.isShared ? 'all' : audience)
  }

  /** What this audience should be sent now; undefined: nothing new. */
  viewFor(audience: Audience): EncodedView | undefined {
    const { game } = this
    const player = typeof audience === 'number' ? audience : undefined
    const body = this.#ask('view', () => this.#encodedView(player))
    if (body === undefined) return undefined
    if (game.sends === 'changes') {
      const sent = this.#sent.get(audience)
      const isDue = sent === undefined || this.#roomTick - sent.atTick >= SEND_ANYWAY_TICKS
      if (!isDue && isSame(sent.body, body)) return undefined
      this.#sent.set(audience, { body, atTick: this.#roomTick })
    }
    // Where views differ, nobody is shown what others have done.
    const seqs = game.isShared
      ? this.#seqs
      : this.#seqs.map((seq, number) => (number === player ? seq : 0))
    return { game, match: this.number, tick: this.#tick, seqs, body }
  }

  /** undefined while it goes on. */
  result(nowMs: number): MatchResult | undefined {
    return this.#ask('isOver', () => {
      const outcome = this.game.isOver(this.#state, nowMs)
      return outcome && this.#byName(outcome)
    })
  }

  /** Why it cannot go on; undefined while it can. From then on nothing happens in it. */
  get failure(): MatchFailure | undefined {
    return this.#failure
  }

  /** A part of the game: what it throws is kept, and the game is not called again. */
  #ask<T>(part: string, call: () => T): T | undefined {
    if (this.#failure !== undefined) return undefined
    try {
      return call()
    } catch (error) {
      this.#failure = { part, error }
      return undefined
    }
  }

  #events(part: string, call: () => Events): readonly GameEvent[] {
    return (
      this.#ask(part, () => {
        const events = call() ?? []
        for (const event of events)
          if (JSON.stringify(event).length > MAX_EVENT_CHARS)
            throw new RangeError(`an event has more than ${MAX_EVENT_CHARS} characters`)
        return events
      }) ?? []
    )
  }

  #encodedView(player: number | undefined): Uint8Array {
    const body = this.game.encode(this.game.viewOf(this.#state, player))
    if (body.length <= MAX_VIEW_BYTES) return body
    throw new RangeError(`a view has ${body.length} bytes; ${MAX_VIEW_BYTES} can be sent`)
  }

  #byName({ places, scores }: Outcome): MatchResult {
    const stayed = this.#stayed()
    return {
      winners: stayed.filter(([number]) => places[number] === 1).map(([, name]) => name),
      scores: stayed.map(([number, name]) => ({ name, score: scores[number] ?? 0 }))
    }
  }

  #stayed(): [number: number, name: string][] {
    return [...this.players.entries()].filter(([number]) => !this.#left.has(number))
  }
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}
