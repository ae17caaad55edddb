// The array that wait() returns. Its iterator asks about each event when the program comes to it,
// since the program may have changed or closed the event's socket while it handled an earlier one.
// Does not look into events otherwise.

export class EventBatch<E> extends Array<E> {
  #handOut: (event: E) => boolean = always
  /** How far an earlier iteration or forEach() came. */
  #reached = 0
  #iterator: HandedOut<E> | undefined

  /**
   * An empty batch. `handOut` is called when the program comes to an event, not before; false
   * passes the event over.
   */
  static create<E>(handOut: (event: E) => boolean): EventBatch<E> {
    const batch = new EventBatch<E>()
    batch.#handOut = handOut
    return batch
  }

  /**
   * How many events an iteration or forEach() has come to; 0 also for a batch that was read in
   * another way.
   */
  static reachedIn<E>(batch: E[]): number {
    if (!(#reached in batch)) return 0
    return Math.max(batch.#reached, batch.#iterator === undefined ? 0 : batch.#iterator.position)
  }

  override [Symbol.iterator](): ArrayIterator<E> {
    this.#reached = EventBatch.reachedIn(this)
    this.#iterator = new HandedOut(this, this.#handOut)
    return this.#iterator as unknown as ArrayIterator<E>
  }

  override forEach(each: (event: E, index: number, events: E[]) => void, self?: unknown): void {
    for (let index = 0; index < this.length; index++) {
      const event = this[index]
      if (index >= this.#reached) this.#reached = index + 1
      if (this.#handOut(event)) each.call(self, event, index, this)
    }
  }
}

// To a program a batch is an array: map() and filter() of one give plain arrays, and a comparison
// with `[…]` compares its elements.
EventBatch.prototype.constructor = Array

function always(): boolean {
  return true
}

class HandedOut<E> implements IterableIterator<E> {
  position = 0
  readonly #events: E[]
  readonly #handOut: (event: E) => boolean

  constructor(events: E[], handOut: (event: E) => boolean) {
    this.#events = events
    this.#handOut = handOut
  }

  next(): IteratorResult<E> {
    while (this.position < this.#events.length) {
      const value = this.#events[this.position++]
      if (this.#handOut(value)) return { done: false, value }
    }
    return { done: true, value: undefined }
  }

  [Symbol.iterator](): IterableIterator<E> {
    return this
  }
}
