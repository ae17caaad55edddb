// Brings the results of a node's store to the directory, each once and in order, whatever either of
// them does in between. After each failure the directory is asked what it has.
import type { MatchRecord, Store } from '../rules/records.ts'
import { type Directory, DirectoryError } from './directory.ts'

/** In one call. */
const MATCHES_A_CALL = 50

/** Stands for a match that the store has given up: it changes nothing. */
const NOTHING: MatchRecord = { endedAtMs: 0, room: '', scores: [], winners: [], skills: [] }

export interface ResultsOptions {
  readonly store: Store
  readonly directory: Directory
  /** The store cannot be read; the next call of {@link Results.bring} tries again. */
  onProblem(error: Error): void
  /** So many matches waited for so long that the store had to give them up. */
  onLost?(count: number): void
}

export class Results {
  readonly #options: ResultsOptions
  /** The last one that the directory has; undefined: it has to be asked. */
  #applied: number | undefined
  #isBringing = false
  #isAskedAgain = false
  #isStopped = false

  constructor(options: ResultsOptions) {
    this.#options = options
  }

  /**
   * Brings all that the directory does not have. Call it after {@link Store.keep} and after each
   * renewal; while it works, another call makes it look once more. `mustAsk`: the node has joined,
   * or the directory has started anew.
   */
  bring(mustAsk = false): void {
    if (mustAsk) this.#applied = undefined
    this.#isAskedAgain = true
    if (this.#isBringing || this.#isStopped) return
    this.#isBringing = true
    void this.#bringAll()
  }

  /** Whether the directory has all that was kept before. */
  get isDone(): boolean {
    return !this.#isBringing && !this.#isAskedAgain && this.#applied !== undefined
  }

  stop(): void {
    this.#isStopped = true
  }

  async #bringAll(): Promise<void> {
    try {
      while (this.#isAskedAgain && !this.#isStopped) {
        this.#isAskedAgain = false
        while (!this.#isStopped && (await this.#bringSome()));
      }
    } catch (error) {
      this.#applied = undefined
      this.#isAskedAgain = true // nothing is done until the next call
      if (!(error instanceof DirectoryError)) this.#options.onProblem(error as Error)
    }
    this.#isBringing = false
  }

  /** Returns whether there may be more. */
  async #bringSome(): Promise<boolean> {
    const { store, directory, onLost } = this.#options
    if (this.#applied === undefined) {
      const applied = await directory.recordMatches(0, [])
      if (applied === undefined) await this.#restore()
      else this.#applied = applied
      return true
    }
    const next = this.#applied + 1
    store.keepFrom(next)
    const { first, records } = await store.records(next, MATCHES_A_CALL)
    if (records.length === 0) return false
    const missing = Math.min(first - next, MATCHES_A_CALL)
    if (missing > 0) onLost?.(missing)
    const these = missing > 0 ? Array<MatchRecord>(missing).fill(NOTHING) : records
    this.#applied = await directory.recordMatches(next, these)
    return true
  }

  /** The next question shows whether it has come of it. */
  async #restore(): Promise<void> {
    const { store, directory } = this.#options
    const { applied, sums } = await store.known()
    let players = 0
    for await (const part of sums) {
      await directory.restoreSkills(part)
      players += part.length
    }
    await directory.restoreSkills([], { applied, players })
  }
}
