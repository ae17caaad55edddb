// How good players are, by the results of their matches: Elo's arithmetic, with each match counted
// as one against every other player in it. Pure.
import { keyOf } from '../wire/protocol.ts'

/** The skill of a new player. */
export const FIRST_SKILL = 1500
/** A match between two moves their skills by half of this if they were equal before. */
const K = 32
/** A player whose skill is higher by this wins ten times as often (Elo's scale). */
const TENFOLD = 400

/**
 * So many players are known; one more, and the one that has not played for longest is forgotten,
 * and starts again. Names come from strangers: without a bound they would fill the memory and the
 * store. Each costs about 70 bytes here, with a name of usual length.
 */
export const MAX_SKILLS = 100_000

/** What counts of a match. Players are given by their places in it. */
export interface RatingRules {
  /** Whether these two may still rate each other today. */
  mayRate?: (one: number, other: number) => boolean
  /** Whether it has no result yet: then its first match moves nobody's skill but of such others. */
  isNew?: (player: number) => boolean
  /** How many have played, if not all of them are rated. */
  outOf?: number
}

/** As all skills are, and their changes: so sums of them are exact. */
export function tenths(number: number): number {
  return Math.round(number * 10) / 10
}

export class Skills {
  /** Who has not played for longest comes first. */
  readonly #byKey = new Map<string, number>()
  readonly #max: number

  /**
   * Goes on from what a store has kept: by the keys of names, which are not keyed again, in the
   * order of {@link Store.skills}.
   */
  constructor(kept: Iterable<readonly [key: string, skill: number]> = [], max = MAX_SKILLS) {
    this.#max = max
    for (const [key, skill] of kept) this.#set(key, skill)
  }

  /** How many are known. */
  get size(): number {
    return this.#byKey.size
  }

  of(name: string): number {
    return this.#byKey.get(keyOf(name)) ?? FIRST_SKILL
  }

  /** What others know of a player, by the key of its name. */
  learn(key: string, skill: number): void {
    this.#set(key, skill)
  }

  /**
   * Counts a match; returns what the skills are now, in the order of `players`. A match without a
   * winner changes nothing, and makes nobody known.
   */
  record(
    players: readonly string[],
    winners: readonly string[],
    { mayRate = () => true, isNew = () => false, outOf = players.length }: RatingRules = {}
  ): { name: string; skill: number }[] {
    const before = players.map((name) => this.of(name))
    if (winners.length === 0) return players.map((name, at) => ({ name, skill: before[at] }))
    const won = players.map((name) => winners.includes(name))
    const pairs = decidedPairs(won).filter(([one, other]) => mayRate(one, other))
    const rated = new Set(pairs.map(([one, other]) => pairOf(one, other)))
    const k = K / Math.max(outOf - 1, 1)
    return players.map((name, at) => {
      let skill = before[at]
      for (const other of players.keys()) {
        if (!rated.has(pairOf(at, other))) continue
        // Nobody knows yet what a win over this one is worth: it finds its own place first.
        if (isNew(other) && !isNew(at)) continue
        const expected = 1 / (1 + 10 ** ((before[other] - before[at]) / TENFOLD))
        skill += k * ((won[at] ? 1 : 0) - expected)
      }
      skill = tenths(skill)
      this.#set(keyOf(name), skill)
      return { name, skill }
    })
  }

  #set(key: string, skill: number): void {
    this.#byKey.delete(key) // to the end of the line
    this.#byKey.set(key, skill)
    if (this.#byKey.size > this.#max) this.#byKey.delete(this.#byKey.keys().next().value as string)
  }
}

/** Those of whom one has beaten the other, by their places in the match. */
export function decidedPairs(won: readonly boolean[]): [one: number, other: number][] {
  const pairs: [number, number][] = []
  for (const one of won.keys())
    for (let other = 0; other < one; other++) if (won[one] !== won[other]) pairs.push([one, other])
  return pairs
}

function pairOf(one: number, other: number): string {
  return `${Math.min(one, other)} ${Math.max(one, other)}`
}
