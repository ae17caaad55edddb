// Reads decisions from an input. An input that is over gives zeros, so that every input means
// something and none is too short.

export class Input {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = new Uint8Array(bytes) // a Buffer's slice() would be a view
  }

  get isOver(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    return this.isOver ? 0 : this.#bytes[this.#at++]
  }

  /** 0 to `count` - 1. */
  below(count: number): number {
    return this.byte() % count
  }

  /** Little-endian, -2^31 to 2^31 - 1. */
  int32(): number {
    return this.byte() | (this.byte() << 8) | (this.byte() << 16) | (this.byte() << 24)
  }

  /** Up to `length` bytes. */
  bytes(length: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += taken.length
    return taken
  }

  rest(): Uint8Array {
    return this.bytes(this.#bytes.length)
  }
}
