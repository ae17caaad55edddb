// Randomness from a seed: the same numbers for the same seed, on every system. Knows no network.
// The generator is Chris Doty-Humphrey's sfc32 (PractRand).

const WARM_UP = 12

/**
 * Random numbers that a seed decides: what a program in a simulation uses in place of
 * `Math.random()`.
 * @category Simulation
 * @example
 * ```ts
 * import { SeededRandom } from 'pollport/simulation'
 *
 * const dice = new SeededRandom(6)
 * console.log(dice.below(6) === new SeededRandom(6).below(6)) // true
 * ```
 */
export class SeededRandom {
  #a: number
  #b: number
  #c: number
  #counter = 1

  /** `seed` is an integer; `stream` tells apart generators of the same seed. */
  constructor(seed: number, stream = 0) {
    this.#a = seed | 0
    this.#b = Math.floor(seed / 2 ** 32) | 0
    this.#c = stream | 0
    for (let round = 0; round < WARM_UP; round++) this.#next()
  }

  /** 0 or more, less than 1. */
  fraction(): number {
    return this.#next() / 2 ** 32
  }

  /** An integer of 0 or more, less than `limit`. */
  below(limit: number): number {
    return Math.floor(this.fraction() * limit)
  }

  /** Whether something of that probability happens; draws nothing for 0 and 1. */
  chance(probability: number): boolean {
    if (probability <= 0) return false
    return probability >= 1 || this.fraction() < probability
  }

  /** 0 or more, `mean` on average, with no memory: the time until something happens by chance. */
  exponential(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean
  }

  /** @internal Any 32-bit integer. */
  int32(): number {
    return this.#next() | 0
  }

  #next(): number {
    const sum = (this.#a + this.#b + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }
}
