// Whose seats in one room may be kept, and until when. A seat is kept for who is about to join: an
// account or an address has one turn, in which all its seats end together, and then a pause. Pure;
// the time is passed in.

/** More are not remembered: a crowd of accounts must not fill the memory. */
const MAX_REMEMBERED = 1_000
/** A pause is so many times as long as a turn. */
const PAUSE_TURNS = 6

export class SeatTurns {
  readonly #turnMs: number
  /** When the turn of each mark began, the first one first. */
  readonly #beganMs = new Map<string, number>()

  constructor(turnMs: number) {
    this.#turnMs = turnMs
  }

  /** Until when a seat may be kept under these marks; undefined: not now. */
  take(marks: readonly string[], nowMs: number): number | undefined {
    const periodMs = this.#turnMs * (1 + PAUSE_TURNS)
    for (const [mark, beganMs] of this.#beganMs) {
      if (nowMs < beganMs + periodMs && this.#beganMs.size <= MAX_REMEMBERED) break
      this.#beganMs.delete(mark)
    }
    const began = marks.map((mark) => this.#beganMs.get(mark) ?? nowMs)
    const untilMs = Math.min(...began) + this.#turnMs
    if (nowMs >= untilMs) return undefined
    for (const [at, mark] of marks.entries())
      if (!this.#beganMs.has(mark)) this.#beganMs.set(mark, began[at])
    return untilMs
  }
}
