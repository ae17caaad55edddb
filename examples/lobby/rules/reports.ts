// What players have reported to the operators: who, why, and what was said last, so that somebody
// can judge it later. Pure.

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

/** Older ones are in the log. */
const MAX_REPORTS = 200

export class Reports {
  readonly #all: Report[] = []
  #made = 0

  /** Returns the report, with its number. */
  add(report: Omit<Report, 'id'>): Report {
    const numbered = { id: ++this.#made, ...report }
    this.#all.unshift(numbered)
    if (this.#all.length > MAX_REPORTS) this.#all.pop()
    return numbered
  }

  /** The newest first. */
  get list(): readonly Report[] {
    return this.#all
  }
}
