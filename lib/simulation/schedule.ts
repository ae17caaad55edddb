// What happens when, in virtual time: a binary heap, in which what is due at the same time keeps
// the order in which it was asked for. Knows times and callbacks.

/** Virtual time goes in steps of about a microsecond, whose sums and differences are exact. */
const STEPS_A_MS = 1024

/** The first step of time that is not before `ms`. */
export function stepAt(ms: number): number {
  return Math.ceil(ms * STEPS_A_MS) / STEPS_A_MS
}

export class Happening {
  readonly at: number
  readonly order: number
  /** undefined once it has happened or was cancelled. */
  run: (() => void) | undefined

  constructor(at: number, order: number, run: () => void) {
    this.at = at
    this.order = order
    this.run = run
  }

  cancel(): void {
    this.run = undefined
  }
}

export class Schedule {
  readonly #heap: Happening[] = []
  #order = 0

  /** When the next one is due; Infinity = never. */
  get next(): number {
    this.#dropCancelled()
    return this.#heap.length > 0 ? this.#heap[0].at : Number.POSITIVE_INFINITY
  }

  add(at: number, run: () => void): Happening {
    const happening = new Happening(stepAt(at), this.#order++, run)
    this.#heap.push(happening)
    this.#up(this.#heap.length - 1)
    return happening
  }

  /** What is due next, taken out. Call it only when `next` is finite. */
  take(): Happening {
    this.#dropCancelled()
    return this.#takeFirst()
  }

  #dropCancelled(): void {
    while (this.#heap.length > 0 && this.#heap[0].run === undefined) this.#takeFirst()
  }

  #takeFirst(): Happening {
    const first = this.#heap[0]
    const last = this.#heap.pop() as Happening
    if (last !== first) {
      this.#heap[0] = last
      this.#down(0)
    }
    return first
  }

  #up(position: number): void {
    const heap = this.#heap
    const moved = heap[position]
    while (position > 0) {
      const parent = (position - 1) >> 1
      if (isBefore(heap[parent], moved)) break
      heap[position] = heap[parent]
      position = parent
    }
    heap[position] = moved
  }

  #down(position: number): void {
    const heap = this.#heap
    const moved = heap[position]
    for (;;) {
      let child = 2 * position + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1], heap[child])) child++
      if (isBefore(moved, heap[child])) break
      heap[position] = heap[child]
      position = child
    }
    heap[position] = moved
  }
}

function isBefore(a: Happening, b: Happening): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order)
}
