// How often two accounts have rated each other today: more often it does not count, so that a
// second account of one's own is no farm of skill. Pure; the day is passed in.

/** More pairs are not remembered: then the first ones of the day may start again. */
const MAX_PAIRS = 200_000

export class RatedPairs {
  readonly #most: number
  readonly #counts = new Map<string, number>()
  #day = 0

  constructor(mostADay: number) {
    this.#most = mostADay
  }

  /** Counts a match between these two, or returns false when they had all of their day's. */
  take(one: string, other: string, day: number): boolean {
    if (day !== this.#day) this.#counts.clear()
    this.#day = day
    const pair = one < other ? `${one}\0${other}` : `${other}\0${one}`
    const count = this.#counts.get(pair) ?? 0
    if (count >= this.#most) return false
    this.#counts.set(pair, count + 1)
    const [first] = this.#counts.keys()
    if (this.#counts.size > MAX_PAIRS) this.#counts.delete(first)
    return true
  }
}
