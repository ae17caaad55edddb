// When something is due: idle time-outs, connect time-outs, the pause of a listener. A binary heap
// from which entries can be taken out. Knows times and callbacks, not sockets. Each socket has at
// most one entry for each purpose, so the heap is bounded by the sockets.

export class Deadline {
  /** In milliseconds on the poller's clock. */
  at = 0
  /** Where it stands in the heap; -1 = nowhere. */
  position = -1
  readonly due: (now: number) => void

  constructor(due: (now: number) => void) {
    this.due = due
  }
}

/** Whose wait a deadline ends: the poller, as its timers see it. */
export interface DeadlineOwner {
  readonly deadlines: Pick<Deadlines, 'delete'>
  setDeadline(deadline: Deadline, at: number): void
  /** The clock that `at` is on. */
  clockMs(): number
}

export class Deadlines {
  readonly #heap: Deadline[] = []

  /** When the next one is due; Infinity = never. */
  get next(): number {
    return this.#heap.length > 0 ? this.#heap[0].at : Number.POSITIVE_INFINITY
  }

  /** Sets or moves a deadline. */
  set(deadline: Deadline, at: number): void {
    deadline.at = at
    if (deadline.position < 0) {
      deadline.position = this.#heap.length
      this.#heap.push(deadline)
    }
    this.#up(deadline.position)
    this.#down(deadline.position)
  }

  delete(deadline: Deadline): void {
    const position = deadline.position
    if (position < 0) return
    deadline.position = -1
    const last = this.#heap.pop() as Deadline
    if (last === deadline) return
    this.#put(last, position)
    this.#up(position)
    this.#down(last.position)
  }

  /**
   * Calls what is due by `now`, no more than there are now. A callback may set its own or another
   * deadline again, but not in the past.
   */
  expire(now: number): void {
    for (let left = this.#heap.length; left > 0; left--) {
      if (this.#heap.length === 0 || this.#heap[0].at > now) return
      const deadline = this.#heap[0]
      this.delete(deadline)
      deadline.due(now)
    }
  }

  #put(deadline: Deadline, position: number): void {
    this.#heap[position] = deadline
    deadline.position = position
  }

  #up(position: number): void {
    const deadline = this.#heap[position]
    while (position > 0) {
      const parent = (position - 1) >> 1
      if (this.#heap[parent].at <= deadline.at) break
      this.#put(this.#heap[parent], position)
      position = parent
    }
    this.#put(deadline, position)
  }

  #down(position: number): void {
    const deadline = this.#heap[position]
    for (;;) {
      let child = 2 * position + 1
      if (child >= this.#heap.length) break
      if (child + 1 < this.#heap.length && this.#heap[child + 1].at < this.#heap[child].at) child++
      if (this.#heap[child].at >= deadline.at) break
      this.#put(this.#heap[child], position)
      position = child
    }
    this.#put(deadline, position)
  }
}
