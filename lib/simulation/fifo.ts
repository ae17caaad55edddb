// First in, first out, whatever the length: Array's shift() moves all that is left of a long one.

const LEAST_GONE = 1024

export class Fifo<T> {
  #items: (T | undefined)[] = []
  /** So many of the first are gone. */
  #gone = 0

  get length(): number {
    return this.#items.length - this.#gone
  }

  get first(): T | undefined {
    return this.#items[this.#gone]
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined
    const item = this.#items[this.#gone]
    this.#items[this.#gone++] = undefined
    if (this.length === 0) this.clear()
    else if (this.#gone >= LEAST_GONE && this.#gone > this.length) {
      this.#items = this.#items.slice(this.#gone)
      this.#gone = 0
    }
    return item
  }

  clear(): void {
    this.#items = []
    this.#gone = 0
  }
}
