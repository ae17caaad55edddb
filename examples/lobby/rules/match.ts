// A match: one game, its state, and who plays it. It knows players by name and the game knows them
// by number. Uses no sockets; the time is passed in.
import { type Game, type GameEvent, type Outcome, TICKS_PER_SECOND } from './game.ts'
import { randomFrom } from './random.ts'

/** A view is sent at least so often, even when it has not changed. */
const SEND_ANYWAY_TICKS = TICKS_PER_SECOND

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

  constructor({ number, seed, game, settings, players }: MatchOptions, nowMs: number) {
    this.number = number
    this.seed = seed
    this.game = game
    this.settings = settings
    this.players = [...players]
    this.#seqs = players.map(() => 0)
    this.#ticksApart = TICKS_PER_SECOND / game.hz
    const random = randomFrom(seed)
    this.#state = game.create({ players: this.players, settings, random, now: nowMs })
  }

  get tick(): number {
    return this.#tick
  }

  /** When the clock ends it, if it does. */
  get endsMs(): number | undefined {
    return this.game.endsAt?.(this.#state)
  }

  get scores(): { name: string; score: number }[] {
    const scores = this.game.scores?.(this.#state) ?? []
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
    return this.game.onInput(this.#state, player, input, nowMs) ?? []
  }

  /** A tick of the room, which may be one of the game. Returns undefined when it is none. */
  step(nowMs: number): readonly GameEvent[] | undefined {
    if (this.#roomTick++ % this.#ticksApart !== 0) return undefined
    this.#tick++
    return this.game.onTick?.(this.#state, this.#tick, nowMs) ?? []
  }

  /** A player comes into the running match. */
  join(name: string): readonly GameEvent[] {
    const player = this.players.push(name) - 1
    this.#seqs.push(0)
    return this.game.onJoin?.(this.#state, player, name) ?? []
  }

  leave(name: string): readonly GameEvent[] {
    const player = this.numberOf(name)
    if (player === undefined) return []
    this.#left.add(player)
    return this.game.onLeave?.(this.#state, player) ?? []
  }

  away(name: string): readonly GameEvent[] {
    const player = this.numberOf(name)
    return (player !== undefined && this.game.onAway?.(this.#state, player)) || []
  }

  back(name: string): readonly GameEvent[] {
    const player = this.numberOf(name)
    return (player !== undefined && this.game.onBack?.(this.#state, player)) || []
  }

  /** Somebody begins to watch, or is back, and has seen nothing yet. */
  showAgain(audience: Audience): void {
    this.#sent.delete(this.game.isShared ? 'all' : audience)
  }

  /** What this audience should be sent now; undefined: nothing new. */
  viewFor(audience: Audience): EncodedView | undefined {
    const { game } = this
    const player = typeof audience === 'number' ? audience : undefined
    const body = game.encode(game.viewOf(this.#state, player))
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
    const outcome = this.game.isOver(this.#state, nowMs)
    return outcome && this.#byName(outcome)
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
