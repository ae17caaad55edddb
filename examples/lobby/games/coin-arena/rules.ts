// The rules: players steer through an arena and pick up coins. The same random numbers, the same
// players and the same steering give the same match. All numbers are whole, so that it is so on
// every machine.
import type { Beginning, Outcome } from '../../rules/game.ts'

/** Ticks a second. */
export const HZ = 30
/** 0 stands still; 1 is up, 2 up and right, and so on clockwise to 8, up and left. */
export type Direction = number
export const DIRECTIONS = 9

/** The arena's size, in the units of positions. */
export const WIDTH = 1024
export const HEIGHT = 576
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

interface Place {
  x: number
  y: number
}

/** What everybody sees. A player that left is not in it; `seat` is its number. */
export interface ArenaView {
  players: (Place & { seat: number; score: number })[]
  coins: Place[]
}

/** Somebody picked up a coin. */
export interface Scored {
  type: 'scored'
  player: number
  score: number
}

interface Runner extends Place {
  readonly seat: number
  score: number
  direction: Direction
}

export interface ArenaSettings {
  matchMs: number
  coinsToWin: number
}

export class Arena {
  readonly endsMs: number
  readonly #coinsToWin: number
  readonly #playerCount: number
  /** By seat, without those who left. */
  readonly #runners = new Map<number, Runner>()
  readonly #coins: Place[] = []
  readonly #random: () => number
  #isWon = false

  constructor({ players, settings, random, now }: Beginning<ArenaSettings>) {
    this.endsMs = now + settings.matchMs
    this.#coinsToWin = settings.coinsToWin
    this.#playerCount = players.length
    this.#random = random
    for (const seat of players.keys()) {
      // Everybody as far from the middle as everybody else.
      const angle = (2 * Math.PI * seat) / players.length
      const x = Math.round(WIDTH / 2 + Math.cos(angle) * HEIGHT * 0.4)
      const y = Math.round(HEIGHT / 2 + Math.sin(angle) * HEIGHT * 0.4)
      this.#runners.set(seat, { seat, x, y, score: 0, direction: 0 })
    }
    while (this.#coins.length < COINS) this.#coins.push(this.#newCoin())
  }

  /** Counts from the next tick on. A player that has left steers nobody. */
  steer(seat: number, direction: Direction): void {
    const runner = this.#runners.get(seat)
    if (runner !== undefined) runner.direction = direction
  }

  /**
   * One tick: everybody moves, then coins are picked up; the lower seat gets it if two touch the
   * same one.
   */
  step(): Scored[] {
    for (const runner of this.#runners.values()) {
      runner.x = inside(runner.x + X_STEPS[runner.direction], WIDTH)
      runner.y = inside(runner.y + Y_STEPS[runner.direction], HEIGHT)
    }
    const scored: Scored[] = []
    for (const runner of this.#runners.values()) {
      for (const [at, coin] of this.#coins.entries()) {
        if (
          (runner.x - coin.x) ** 2 + (runner.y - coin.y) ** 2 >
          (PLAYER_RADIUS + COIN_RADIUS) ** 2
        )
          continue
        this.#coins[at] = this.#newCoin()
        runner.score++
        scored.push({ type: 'scored', player: runner.seat, score: runner.score })
        if (runner.score >= this.#coinsToWin) this.#isWon = true
      }
    }
    return scored
  }

  /** A player that leaves has lost. */
  leave(seat: number): void {
    this.#runners.delete(seat)
  }

  /**
   * Over when somebody has coins enough, when one is left, or when the time is up. The highest
   * scores are first, if there is one above 0; a player who is left alone is first without one.
   */
  outcome(nowMs: number): Outcome | undefined {
    const isAlone = this.#runners.size < 2
    if (!this.#isWon && !isAlone && nowMs < this.endsMs) return undefined
    const scores = this.scores()
    const places = scores.map((score, seat) => {
      if (!this.#runners.has(seat)) return 0
      const better = [...this.#runners.values()].filter((other) => other.score > score).length
      return better + (score > 0 || isAlone ? 1 : 2)
    })
    return { places, scores }
  }

  /** By seat; of those who left, 0. */
  scores(): number[] {
    return Array.from({ length: this.#playerCount }, (_, seat) => {
      return this.#runners.get(seat)?.score ?? 0
    })
  }

  view(): ArenaView {
    const players = [...this.#runners.values()].map(({ seat, x, y, score }) => {
      return { seat, x, y, score }
    })
    return { players, coins: this.#coins }
  }

  #newCoin(): Place {
    return { x: this.#below(WIDTH), y: this.#below(HEIGHT) }
  }

  /** A random place on an axis, where a player can touch it. */
  #below(length: number): number {
    return COIN_RADIUS + Math.floor(this.#random() * (length - 2 * COIN_RADIUS))
  }
}

function inside(position: number, length: number): number {
  return Math.min(Math.max(position, PLAYER_RADIUS), length - PLAYER_RADIUS)
}
