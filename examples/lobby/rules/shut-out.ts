// Who stays out for a while: under each thing by which they could be known when they come back, an
// account or an address. Pure; the time is passed in.

/** More are not remembered: a client with many of them could make this grow without a bound. */
const MAX_SHUT_OUT = 1_000

export class ShutOut {
  /** Until when, by mark; the first to end comes first. */
  readonly #untilMs = new Map<string, number>()

  add(marks: readonly string[], nowMs: number, forMs: number): void {
    for (const mark of marks) {
      this.#untilMs.delete(mark) // to the end of the line
      this.#untilMs.set(mark, nowMs + forMs)
    }
    for (const [mark, untilMs] of this.#untilMs) {
      if (nowMs < untilMs && this.#untilMs.size <= MAX_SHUT_OUT) break
      this.#untilMs.delete(mark)
    }
  }

  has(marks: readonly string[], nowMs: number): boolean {
    return marks.some((mark) => nowMs < (this.#untilMs.get(mark) ?? 0))
  }
}
