// Time in rounds, a quarter of the shortest time-out each: one timer for all connections, and a
// small number in each of them, where a deadline for each would be an object for each.

/** Rounds in a time-out. */
const FINENESS = 4

/** A timer that can be set again. */
export interface RoundsTimer {
  set(ms: number): void
  cancel(): void
}

export class Rounds {
  /** Which round it is. */
  now = 0
  readonly #ms: number
  readonly #timer: RoundsTimer
  readonly #onRound: () => boolean
  #isRunning = false

  /**
   * `onRound` is called once a round, and says whether there is anything left to count for. Of
   * `times` those that are 0 do not matter.
   */
  constructor(
    times: readonly number[],
    makeTimer: (callback: () => void) => RoundsTimer,
    onRound: () => boolean
  ) {
    this.#ms = Math.min(...times.filter((ms) => ms > 0)) / FINENESS
    this.#timer = makeTimer(() => this.#next())
    this.#onRound = onRound
  }

  /** How many rounds last at least so long; 0 for 0. One more, since a round may have begun. */
  count(ms: number): number {
    return ms === 0 ? 0 : Math.ceil(ms / this.#ms) + 1
  }

  /** From now on rounds are counted, until there is nothing to count for. */
  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#timer.set(this.#ms)
  }

  /** There is nothing to count for any more: no round is begun. */
  stop(): void {
    if (!this.#isRunning) return
    this.#isRunning = false
    this.#timer.cancel()
  }

  #next(): void {
    this.now++
    this.#isRunning = false
    if (this.#onRound()) this.start()
  }
}
