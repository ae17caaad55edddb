// Which results of a day count. Accounts are free, so only addresses can bound what a farm of skill
// yields: the same two accounts rate each other so many times a day, an account is rated against
// all players of one address so many times, and so many new accounts of an address become known,
// since those of others are forgotten when there are too many. Pure; the day is passed in.
import type { MatchRecord } from './records.ts'
import { decidedPairs } from './skills.ts'

const DAY_MS = 24 * 60 * 60_000
/** More counts are not remembered: then those that were not asked for longest start again. */
export const MAX_COUNTS = 400_000
/** Three thirds are one, or nearly. */
const ROUNDING = 1e-6

/** Somebody who has played. */
export interface Rated {
  /** Under which the skill is: see accounts.ts. */
  readonly key: string
  /** The address, or IPv6 /64; undefined: a bot of the server, or of an earlier version's store. */
  readonly block?: string | undefined
}

export interface RatedPairsOptions {
  readonly ratedPairsPerDay: number
  readonly ratedPerAddressPerDay: number
  readonly newAccountsPerAddressPerDay: number
}

interface Counter {
  readonly name: string
  readonly most: number
  readonly adds: number
}

/** Of those who have played in a match: an account that came under two names is rated once. */
export function isFirstOfAccount(
  { account }: { account: string },
  at: number,
  all: readonly { account: string }[]
): boolean {
  return all.findIndex((one) => one.account === account) === at
}

/** Of a day, in UTC. */
export function dayOf(dateMs: number): number {
  return Math.floor(dateMs / DAY_MS)
}

export class RatedPairs {
  readonly #options: RatedPairsOptions
  readonly #counts = new Map<string, number>()
  #day = 0

  constructor(options: RatedPairsOptions) {
    this.#options = options
  }

  /**
   * Counts a result between these two, in a match of so many players, or returns false when one of
   * their counts is full. `added` gets what it has added to each.
   */
  take(
    one: Rated,
    other: Rated,
    players: number,
    day: number,
    added: Record<string, number> = {}
  ): boolean {
    return this.#count(this.#countersOf(one, other, players), day, added)
  }

  /**
   * Counts an account whose first result this is, or returns false when its address has had its
   * share of the day.
   */
  takeNew({ block }: Rated, day: number, added: Record<string, number> = {}): boolean {
    return this.#count(this.#countersOfNew(block), day, added)
  }

  /** The names of all counts of those who play with each other. */
  namesOf(players: readonly Rated[]): string[] {
    const counters = players.flatMap((one, at) => [
      ...this.#countersOfNew(one.block),
      ...players.slice(0, at).flatMap((other) => this.#countersOf(one, other, players.length))
    ])
    return [...new Set(counters.map(({ name }) => name))]
  }

  #count(counters: readonly Counter[], day: number, added: Record<string, number>): boolean {
    this.#begin(day)
    const isFull = counters.some(
      ({ name, most }) => (this.#counts.get(name) ?? 0) > most - ROUNDING
    )
    for (const { name, adds } of counters) {
      this.#set(name, (this.#counts.get(name) ?? 0) + (isFull ? 0 : adds))
      if (!isFull) added[name] = (added[name] ?? 0) + adds
    }
    return !isFull
  }

  /** What all nodes of a cluster have counted; what this one has may still be on its way there. */
  learn(day: number, counts: ReadonlyMap<string, number>): void {
    if (day < this.#day) return // asked before midnight: of no use any more
    this.#begin(day)
    for (const [name, count] of counts)
      if (count > (this.#counts.get(name) ?? 0)) this.#set(name, count)
  }

  #begin(day: number): void {
    if (day !== this.#day) this.#counts.clear()
    this.#day = day
  }

  #set(name: string, count: number): void {
    this.#counts.delete(name) // to the end of the line
    this.#counts.set(name, count)
    if (this.#counts.size <= MAX_COUNTS) return
    const [first] = this.#counts.keys()
    this.#counts.delete(first)
  }

  /** Counts a match that a server before this one has kept. In the order in which they ended. */
  restore({ endedAtMs, winners, skills, identities = [] }: MatchRecord): void {
    const day = dayOf(endedAtMs)
    const isCounted = ({ name }: { name: string }) => skills.some((one) => one.name === name)
    const all = identities.filter(isFirstOfAccount)
    const rated = all.filter(isCounted)
    for (const one of rated) if (one.isNew) this.takeNew(one, day)
    const won = rated.map(({ account }) =>
      identities.some((one) => one.account === account && winners.includes(one.name))
    )
    for (const [one, other] of decidedPairs(won))
      this.take(rated[one], rated[other], all.length, day)
  }

  #countersOfNew(block: string | undefined): Counter[] {
    const { newAccountsPerAddressPerDay: most } = this.#options
    return block ? [{ name: `\0new\0${block}`, most, adds: 1 }] : []
  }

  #countersOf(one: Rated, other: Rated, players: number): Counter[] {
    const { ratedPairsPerDay, ratedPerAddressPerDay } = this.#options
    const pair = [one.key, other.key].sort().join('\0')
    const counters = [{ name: pair, most: ratedPairsPerDay, adds: 1 }]
    // Of a match of four, each of the three opponents moves a skill by a third: see skills.ts.
    const adds = 1 / Math.max(players - 1, 1)
    const against = (key: string, block: string | undefined) => {
      if (block) counters.push({ name: `${key}\0\0${block}`, most: ratedPerAddressPerDay, adds })
    }
    against(one.key, other.block)
    against(other.key, one.block)
    return counters
  }
}
