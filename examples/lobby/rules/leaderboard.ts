// Who is best: the first places by skill, exact at any time, without sorting a hundred thousand
// players for each question. Pure.

export interface Leader {
  name: string
  skill: number
}

/** Places that are shown. */
export const SHOWN_LEADERS = 20
/** So many are kept in order: some of them may lose before all players are looked at again. */
const KEPT_LEADERS = 200

export class Leaderboard {
  /** Everybody, by the keys of their names. */
  readonly #players = new Map<string, Leader>()
  /** The best of them, the best one first, and what the best of all others had. */
  #best: Leader[] = []
  #floor = Number.NEGATIVE_INFINITY
  readonly #max: number

  /** `max`: who has not played for longest is forgotten, as in Skills. */
  constructor(max: number) {
    this.#max = max
  }

  /** How many have played. */
  get size(): number {
    return this.#players.size
  }

  /** A player's skill after a match. */
  set(key: string, name: string, skill: number): void {
    const before = this.#players.get(key)
    if (before !== undefined) this.#take(before)
    const now = { name, skill }
    this.#players.delete(key) // to the end of the line
    this.#players.set(key, now)
    this.#insert(now)
    if (this.#players.size <= this.#max) return
    const [first] = this.#players
    this.#players.delete(first[0])
    this.#take(first[1])
  }

  /** The first places, the best one first. */
  top(): readonly Leader[] {
    const isSure = this.#best.length >= SHOWN_LEADERS || this.#best.length === this.#players.size
    if (!isSure) this.#lookAtAll()
    return this.#best.slice(0, SHOWN_LEADERS)
  }

  #take(leader: Leader): void {
    const at = this.#best.indexOf(leader)
    if (at !== -1) this.#best.splice(at, 1)
  }

  #insert(leader: Leader): void {
    // Below the floor nobody knows the order
    if (leader.skill <= this.#floor) return
    const at = this.#best.findIndex(({ skill }) => skill < leader.skill)
    this.#best.splice(at === -1 ? this.#best.length : at, 0, leader)
    const last = this.#best[KEPT_LEADERS]
    if (last === undefined) return
    this.#best.pop()
    this.#floor = Math.max(this.#floor, last.skill)
  }

  #lookAtAll(): void {
    this.#floor = Number.NEGATIVE_INFINITY
    const all = [...this.#players.values()].sort((one, other) => other.skill - one.skill)
    this.#best = all.slice(0, KEPT_LEADERS)
    this.#floor = all[KEPT_LEADERS]?.skill ?? Number.NEGATIVE_INFINITY
  }
}
