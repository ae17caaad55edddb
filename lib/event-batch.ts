// The array that wait() returns. Its iterator passes over events that have gone stale since the batch was made, because the program closed their
// socket while handling an earlier one. Knows nothing of events but the question that it was given.

export class EventBatch<E> extends Array<E> {
  #isStale: (event: E) => boolean = never

  /** An empty batch. `isStale` is asked when the program comes to an event, not before. */
  static create<E>(isStale: (event: E) => boolean): EventBatch<E> {
    const batch = new EventBatch<E>()
    batch.#isStale = isStale
    return batch
  }

  override [Symbol.iterator](): ArrayIterator<E> {
    return new FreshEvents(this, this.#isStale) as unknown as ArrayIterator<E>
  }

  override forEach(each: (event: E, index: number, events: E[]) => void, self?: unknown): void {
    for (let index = 0; index < this.length; index++) {
      if (!this.#isStale(this[index])) each.call(self, this[index], index, this)
    }
  }
}

// To a program a batch is an array: map() and filter() of one give plain arrays, and a comparison with `[…]` compares its elements.
EventBatch.prototype.constructor = Array

function never(): boolean {
  return false
}

class FreshEvents<E> implements IterableIterator<E> {
  readonly #events: E[]
  readonly #isStale: (event: E) => boolean
  #position = 0

  constructor(events: E[], isStale: (event: E) => boolean) {
    this.#events = events
    this.#isStale = isStale
  }

  next(): IteratorResult<E> {
    while (this.#position < this.#events.length) {
      const value = this.#events[this.#position++]
      if (!this.#isStale(value)) return { done: false, value }
    }
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): IterableIterator<E> {
    return this
  }
}
