// The game of the first form: everyone rolls once, the highest roll wins. Pure: the same seed and the same players give the same match.

export interface MatchResult {
  winners: string[]
  rolls: { name: string; value: number }[]
}

export class Match {
  readonly players: readonly string[]
  readonly seed: number
  readonly endsMs: number
  /** What each player will roll is decided at the start, so that the order of rolling is worth nothing. */
  readonly #dice = new Map<string, number>()
  readonly #rolls = new Map<string, number>()

  constructor(players: readonly string[], seed: number, endsMs: number) {
    this.players = players
    this.seed = seed
    this.endsMs = endsMs
    let state = seed
    for (const name of players) {
      state = nextRandom(state)
      this.#dice.set(name, 1 + ((state >>> 16) % 100)) // its upper bits: the lower ones repeat soon
    }
  }

  /** 1 to 100; undefined for who has rolled already, or does not play. */
  roll(name: string): number | undefined {
    const value = this.#dice.get(name)
    if (value === undefined || this.#rolls.has(name)) return undefined
    this.#rolls.set(name, value)
    return value
  }

  /** Who leaves has lost. */
  leave(name: string): void {
    this.#dice.delete(name)
    this.#rolls.delete(name)
  }

  /** When all have rolled, when one is left, or when the time is up. */
  isOver(nowMs: number): boolean {
    return this.#dice.size < 2 || this.#rolls.size === this.#dice.size || nowMs >= this.endsMs
  }

  /** The highest rolls win; a player who is left alone wins without one. */
  result(): MatchResult {
    const rolls = [...this.#rolls].map(([name, value]) => ({ name, value }))
    if (this.#dice.size < 2) return { winners: [...this.#dice.keys()], rolls }
    const highest = Math.max(...this.#rolls.values())
    return { winners: rolls.filter(({ value }) => value === highest).map(({ name }) => name), rolls }
  }
}

/** One step of a linear congruential generator modulo 2^32, multiplier and increment as in Numerical Recipes. */
function nextRandom(state: number): number {
  return (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
}
