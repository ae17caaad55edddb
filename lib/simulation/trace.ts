// A hash of what happened, from numbers alone, since there is one of each packet. Two halves of
// MurmurHash3's mixing (Austin Appleby), with different seeds: 64 bits. Knows no packets.

const FIRST_SEEDS = [0x9747b28c, 0x3c6ef372] as const

export class TraceHash {
  #one: number = FIRST_SEEDS[0]
  #other: number = FIRST_SEEDS[1]

  /** An integer of 32 bits; of a larger number the low 32. */
  add(number: number): void {
    const mixed = Math.imul(number, 0xcc9e2d51)
    const block = Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
    const one = this.#one ^ block
    this.#one = (Math.imul((one << 13) | (one >>> 19), 5) + 0xe6546b64) | 0
    const other = this.#other ^ block
    this.#other = (Math.imul((other << 17) | (other >>> 15), 9) + 0x52dce729) | 0
  }

  /** 16 hexadecimal digits. */
  get digest(): string {
    return hex(finished(this.#one)) + hex(finished(this.#other ^ this.#one))
  }
}

function finished(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35)
  return mixed ^ (mixed >>> 16)
}

function hex(number: number): string {
  return (number >>> 0).toString(16).padStart(8, '0')
}
