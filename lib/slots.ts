// A generational map: a value keeps its number for as long as it lives, and a number that outlived
// its value finds nothing. Does not look at the values.

const INDEX_BITS = 22
const INDEX_COUNT = 2 ** INDEX_BITS
const INDEX_MASK = INDEX_COUNT - 1
const MAX_GENERATION = 2 ** 30
const FIRST_GENERATIONS = 1024

/** Ids are safe integers: generation * 2^22 + index. */
export class Slots<T> {
  readonly #values: (T | undefined)[] = []
  // A typed array: half the memory, and tens of thousands of sockets have a slot each.
  #generations = new Int32Array(FIRST_GENERATIONS)
  readonly #free: number[] = []

  /** The slot index in an id. */
  static indexOf(id: number): number {
    // ToInt32 takes an integer modulo 2^32, which keeps the low bits of any safe integer whole.
    return id & INDEX_MASK
  }

  /** The generation in an id, 1 or more. */
  static generationOf(id: number): number {
    return Math.floor(id / INDEX_COUNT)
  }

  /** The id of those two parts. */
  static idOf(index: number, generation: number): number {
    return generation * INDEX_COUNT + index
  }

  /** How many values it holds. */
  get size(): number {
    return this.#values.length - this.#free.length
  }

  /** Keeps a value; returns its id. Throws RangeError when 2^22 values are held. */
  insert(value: T): number {
    let index = this.#free.pop()
    if (index === undefined) {
      index = this.#values.length
      if (index === INDEX_COUNT) throw new RangeError(`more than ${INDEX_COUNT} entries`)
      this.#values.push(value)
      if (index === this.#generations.length) this.#growGenerations()
      this.#generations[index] = 1
    } else {
      this.#values[index] = value
    }
    return this.#generations[index] * INDEX_COUNT + index
  }

  /** The value with that id, if it is still held. */
  get(id: number): T | undefined {
    return this.at(Slots.indexOf(id), Slots.generationOf(id))
  }

  /** The same by the id's two parts. */
  at(index: number, generation: number): T | undefined {
    return this.#generations[index] === generation ? this.#values[index] : undefined
  }

  /** Removes a value; returns it. Its id finds nothing from now on. */
  delete(id: number): T | undefined {
    const index = Slots.indexOf(id)
    const value = this.get(id)
    if (value === undefined) return undefined
    this.#values[index] = undefined
    this.#generations[index] = (this.#generations[index] % MAX_GENERATION) + 1
    this.#free.push(index)
    return value
  }

  #growGenerations(): void {
    const larger = new Int32Array(this.#generations.length * 2)
    larger.set(this.#generations)
    this.#generations = larger
  }

  /** Every value held. Values may be deleted on the way. */
  *values(): Generator<T> {
    for (const value of this.#values) if (value !== undefined) yield value
  }
}
