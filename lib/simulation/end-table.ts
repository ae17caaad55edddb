// The ends of a link's connections, by their two ports: a hash table with open addressing. A Map
// takes three times the memory, and there may be a million of them. Knows no packets.
import type { TcpEndpoint } from './tcp-endpoint.ts'

const FIRST_BITS = 3
/** A table of so many eighths is as full as it gets. */
const FULL_EIGHTHS = 7

export class EndTable {
  #size = 0
  #bits = FIRST_BITS
  #places = places(FIRST_BITS)

  get(port: number, peerPort: number): TcpEndpoint | undefined {
    return this.#places[this.#placeOf(port, peerPort)]
  }

  add(end: TcpEndpoint): void {
    if (this.#size * 8 >= this.#places.length * FULL_EIGHTHS) this.#grow()
    this.#places[this.#placeOf(end.port, end.peerPort)] = end
    this.#size++
  }

  /** Does nothing if another one has these ports by now. */
  delete(end: TcpEndpoint): void {
    const hole = this.#placeOf(end.port, end.peerPort)
    if (this.#places[hole] !== end) return
    this.#places[hole] = undefined
    this.#size--
    // Those behind it may have been put there because the place was taken.
    for (let place = this.#after(hole); ; place = this.#after(place)) {
      const next = this.#places[place]
      if (next === undefined) return
      this.#places[place] = undefined
      this.#places[this.#placeOf(next.port, next.peerPort)] = next
    }
  }

  /** Where it is, or where it would be put. */
  #placeOf(port: number, peerPort: number): number {
    // Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4): neighbours spread out.
    let place = Math.imul((port << 16) | peerPort, 0x9e3779b1) >>> (32 - this.#bits)
    for (;;) {
      const end = this.#places[place]
      if (end === undefined || (end.port === port && end.peerPort === peerPort)) return place
      place = this.#after(place)
    }
  }

  #after(place: number): number {
    return (place + 1) & (this.#places.length - 1)
  }

  #grow(): void {
    const before = this.#places
    this.#places = places(++this.#bits)
    for (const end of before)
      if (end !== undefined) this.#places[this.#placeOf(end.port, end.peerPort)] = end
  }
}

function places(bits: number): (TcpEndpoint | undefined)[] {
  return new Array<TcpEndpoint | undefined>(2 ** bits).fill(undefined)
}
