// What players have reported to the operators: who, why, and what was said last, so that somebody
// can judge it later. Pure.

import { keyOf, Refusal } from '../wire/protocol.ts'
import { firstOfLargest } from './address.ts'
import { AddressRates } from './address-rates.ts'

export interface Report {
  /** Counts up. */
  id: number
  /** Milliseconds since 1970. */
  atMs: number
  by: string
  /** Of the player who reports, for those who report everybody. */
  byAddress: string
  name: string
  address: string
  room: string | undefined
  text: string
  /** The last lines of the one who is reported. */
  said: string[]
}

/** Others are in the log. */
const MAX_REPORTS = 200
/** The same player is reported by the same one once in so long. */
const AGAIN_MS = 60_000
/** More pairs are not remembered. */
const MAX_PAIRS = 10_000

export class Reports {
  readonly #all: Report[] = []
  #made = 0
  readonly #rates: AddressRates
  /** Who was reported by which account, and when; the oldest first. */
  readonly #pairs = new Map<string, number>()

  constructor({ maxReportsPerAddress }: { maxReportsPerAddress: number }) {
    this.#rates = new AddressRates(maxReportsPerAddress)
  }

  /** Counts a report, or throws a {@link Refusal}: somebody has to read each. */
  admit(account: string, block: string, name: string, nowMs: number): void {
    for (const [pair, atMs] of this.#pairs) {
      if (nowMs - atMs < AGAIN_MS && this.#pairs.size <= MAX_PAIRS) break
      this.#pairs.delete(pair)
    }
    const pair = `${account} ${keyOf(name)}`
    if (this.#pairs.has(pair))
      throw new Refusal('too-fast', `you have reported ${name} already; the operators have it`)
    if (!this.#rates.take(block, nowMs))
      throw new Refusal('too-fast', 'too many reports from your address; wait a moment')
    this.#pairs.set(pair, nowMs)
  }

  /**
   * Returns the report, with its number. Of too many, the oldest of the address that reports most
   * goes: others are not pushed out.
   */
  add(report: Omit<Report, 'id'>): Report {
    const numbered = { id: ++this.#made, ...report }
    this.#all.unshift(numbered)
    if (this.#all.length > MAX_REPORTS) {
      const oldestFirst = this.#all.toReversed().map((one) => [one, one.byAddress] as const)
      this.#all.splice(this.#all.indexOf(firstOfLargest(new Map(oldestFirst))), 1)
    }
    return numbered
  }

  /** The newest first. */
  get list(): readonly Report[] {
    return this.#all
  }
}
