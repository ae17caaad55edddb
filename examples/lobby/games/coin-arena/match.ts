// The game: players steer through an arena and pick up coins. Pure: the same seed, the same players
// and the same steering give the same match. All numbers are whole, so that it is so on every
// machine.
import { type ArenaInfo, DIRECTIONS, type Direction, type MatchState } from '../../wire/protocol.ts'

const WIDTH = 1024
const HEIGHT = 576
const PLAYER_RADIUS = 14
const COIN_RADIUS = 10
const COINS = 5
/** Along an axis, in a tick. */
const STEP = 8
/** Along both of them at once: 8 divided by the square root of 2. */
const DIAGONAL_STEP = 6

// By direction: stands still, then clockwise from "up".
const X_STEPS = [0, 0, DIAGONAL_STEP, STEP, DIAGONAL_STEP, 0, -DIAGONAL_STEP, -STEP, -DIAGONAL_STEP]
const Y_STEPS = [0, -STEP, -DIAGONAL_STEP, 0, DIAGONAL_STEP, STEP, DIAGONAL_STEP, 0, -DIAGONAL_STEP]

export interface MatchResult {
  winners: string[]
  /** Of those who stayed, as they sit. */
  scores: { name: string; score: number }[]
}

interface Runner {
  readonly seat: number
  readonly name: string
  x: number
  y: number
  score: number
  direction: Direction
  /** Of the last steering that counted. */
  seq: number
}

export interface MatchRules {
  number: number
  seed: number
  endsMs: number
  coinsToWin: number
  ticksPerSecond: number
}

export class Match {
  readonly players: readonly string[]
  readonly rules: MatchRules
  readonly arena: ArenaInfo
  readonly #runners = new Map<string, Runner>()
  readonly #coins: { x: number; y: number }[] = []
  #random: number
  #tick = 0
  #isWon = false

  constructor(players: readonly string[], rules: MatchRules) {
    this.players = players
    this.rules = rules
    this.arena = { width: WIDTH, height: HEIGHT, ticksPerSecond: rules.ticksPerSecond }
    this.#random = rules.seed
    for (const [seat, name] of players.entries()) {
      // Everybody as far from the middle as everybody else.
      const angle = (2 * Math.PI * seat) / players.length
      const x = Math.round(WIDTH / 2 + Math.cos(angle) * HEIGHT * 0.4)
      const y = Math.round(HEIGHT / 2 + Math.sin(angle) * HEIGHT * 0.4)
      this.#runners.set(name, { seat, name, x, y, score: 0, direction: 0, seq: 0 })
    }
    while (this.#coins.length < COINS) this.#coins.push(this.#newCoin())
  }

  get tick(): number {
    return this.#tick
  }

  /**
   * Counts from the next tick on; ignored if an older steer than the last one, or not by a player
   * of this match.
   */
  steer(name: string, seq: number, direction: Direction): void {
    const runner = this.#runners.get(name)
    if (runner === undefined || seq <= runner.seq || direction < 0 || direction >= DIRECTIONS)
      return
    runner.seq = seq
    runner.direction = direction
  }

  /**
   * One tick: everybody moves, then coins are picked up; the lower seat gets it if two touch the
   * same one. Returns who has picked one up.
   */
  step(): { name: string; score: number }[] {
    this.#tick++
    for (const runner of this.#runners.values()) {
      runner.x = inside(runner.x + X_STEPS[runner.direction], WIDTH)
      runner.y = inside(runner.y + Y_STEPS[runner.direction], HEIGHT)
    }
    const scored: { name: string; score: number }[] = []
    for (const runner of this.#runners.values()) {
      for (const [at, coin] of this.#coins.entries()) {
        if (
          (runner.x - coin.x) ** 2 + (runner.y - coin.y) ** 2 >
          (PLAYER_RADIUS + COIN_RADIUS) ** 2
        )
          continue
        this.#coins[at] = this.#newCoin()
        runner.score++
        scored.push({ name: runner.name, score: runner.score })
        if (runner.score >= this.rules.coinsToWin) this.#isWon = true
      }
    }
    return scored
  }

  /** A player that leaves has lost. */
  leave(name: string): void {
    this.#runners.delete(name)
  }

  /** When somebody has coins enough, when one is left, or when the time is up. */
  isOver(nowMs: number): boolean {
    return this.#isWon || this.#runners.size < 2 || nowMs >= this.rules.endsMs
  }

  /**
   * The highest scores win, if there is one above 0; a player who is left alone wins without one.
   */
  result(): MatchResult {
    const scores = this.scores()
    if (this.#runners.size < 2) return { winners: [...this.#runners.keys()], scores }
    const highest = Math.max(...scores.map(({ score }) => score))
    const winners =
      highest === 0 ? [] : scores.filter(({ score }) => score === highest).map(({ name }) => name)
    return { winners, scores }
  }

  scores(): { name: string; score: number }[] {
    return [...this.#runners.values()].map(({ name, score }) => ({ name, score }))
  }

  state(): MatchState {
    const players = [...this.#runners.values()].map(({ seat, x, y, score, seq }) => ({
      seat,
      x,
      y,
      score,
      seq
    }))
    return { match: this.rules.number, tick: this.#tick, players, coins: this.#coins }
  }

  #newCoin(): { x: number; y: number } {
    return { x: this.#below(WIDTH), y: this.#below(HEIGHT) }
  }

  /** A random place on an axis, where a player can touch it. */
  #below(length: number): number {
    // One step of a linear congruential generator modulo 2^32, multiplier and increment as in
    // Numerical Recipes; its upper bits, since the lower ones repeat soon.
    this.#random = (Math.imul(this.#random, 1_664_525) + 1_013_904_223) >>> 0
    return COIN_RADIUS + Math.floor(((this.#random >>> 8) / 2 ** 24) * (length - 2 * COIN_RADIUS))
  }
}

function inside(position: number, length: number): number {
  return Math.min(Math.max(position, PLAYER_RADIUS), length - PLAYER_RADIUS)
}
