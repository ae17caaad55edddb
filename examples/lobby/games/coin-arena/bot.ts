// Where to steer: towards a coin, and as slow as a person to notice that the coin is gone. Pure
// arithmetic.
import type { ArenaView, Direction } from './rules.ts'

interface Point {
  readonly x: number
  readonly y: number
}

/** Steers between losing a coin and going for the next one: slow enough for a person to win. */
const LEAST_THINKING = 2
const MOST_THINKING = 6
/** Nearer than this (arena units, less than two ticks) it does not steer. */
const ARRIVED = 8

/**
 * The one of the eight directions that is nearest to the way from one point to another; 0 when they
 * are the same.
 */
export function directionTo(from: Point, to: Point): Direction {
  const right = to.x - from.x
  const down = to.y - from.y
  if (Math.abs(right) < ARRIVED && Math.abs(down) < ARRIVED) return 0
  // Clockwise from straight up, in eighths of a turn.
  const eighths = Math.round((Math.atan2(right, -down) / Math.PI) * 4)
  return ((eighths + 8) % 8) + 1
}

/** undefined when there are none. */
export function nearestOf<P extends Point>(from: Point, points: readonly P[]): P | undefined {
  let nearest: P | undefined
  let least = Number.POSITIVE_INFINITY
  for (const point of points) {
    const distance = Math.hypot(point.x - from.x, point.y - from.y)
    if (distance >= least) continue
    least = distance
    nearest = point
  }
  return nearest
}

/** What one player sees of one match. */
export class CoinHunter {
  readonly #seat: number
  readonly #random: () => number
  #target: Point | undefined
  #thinking = 0

  constructor(seat: number, random: () => number) {
    this.#seat = seat
    this.#random = random
  }

  /** Called about ten times a second. */
  think(view: ArenaView): { direction: Direction } {
    return { direction: this.#directionIn(view) }
  }

  #directionIn({ players, coins }: ArenaView): Direction {
    const me = players.find(({ seat }) => seat === this.#seat)
    if (me === undefined) return 0
    const target = this.#target
    if (target === undefined || !coins.some(({ x, y }) => x === target.x && y === target.y)) {
      if (target !== undefined)
        this.#thinking =
          LEAST_THINKING + Math.floor(this.#random() * (MOST_THINKING - LEAST_THINKING))
      this.#target = nearestOf(me, coins)
    }
    if (this.#thinking-- > 0 || this.#target === undefined) return 0
    return directionTo(me, this.#target)
  }
}
