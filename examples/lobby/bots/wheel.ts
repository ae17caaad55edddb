// What is due when, for very many: adding costs the same however many there are, and a turn costs
// only what is due. Does not depend on what it keeps.

export class Wheel<T> {
  readonly #slotMs: number
  readonly #slots = new Map<number, { item: T; dueMs: number }[]>()
  #turned: number

  /** Whatever is due within the same `slotMs` milliseconds is due together, at their end. */
  constructor(slotMs: number, nowMs: number) {
    this.#slotMs = slotMs
    this.#turned = Math.floor(nowMs / slotMs)
  }

  /**
   * What is due already comes with the next turn. Items cannot be removed: if you add one twice,
   * check `dueMs` when it comes.
   */
  add(item: T, dueMs: number): void {
    const slot = Math.max(Math.floor(dueMs / this.#slotMs), this.#turned) + 1
    const entries = this.#slots.get(slot)
    if (entries === undefined) this.#slots.set(slot, [{ item, dueMs }])
    else entries.push({ item, dueMs })
  }

  /** Hands out whatever has become due. */
  turn(nowMs: number, onDue: (item: T, dueMs: number) => void): void {
    const last = Math.floor(nowMs / this.#slotMs)
    while (this.#turned < last) {
      const entries = this.#slots.get(++this.#turned)
      if (entries === undefined) continue
      this.#slots.delete(this.#turned)
      for (const { item, dueMs } of entries) onDue(item, dueMs)
    }
  }
}
