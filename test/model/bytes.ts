// What a stream must bring, as the pieces that were given to send(): random cuts of one pattern, so
// that a byte lost, doubled or swapped shows.
import { patternBytes } from '../support/poller-random.ts'

// A prime, so that nothing of the size of a buffer or a packet falls on the same bytes again.
const PERIOD = 1_048_573
const pattern = patternBytes(3 * PERIOD)
const ascii = Buffer.from(pattern.map((byte) => 32 + (byte % 95))).toString('latin1')
// One to four bytes a sign in UTF-8; no surrogate pair is cut when every second code unit is a
// place to begin.
const signs = Array.from(
  pattern.subarray(0, PERIOD),
  (byte) => ['ab', 'üé', '€₤', '😀'][byte % 4]
).join('')

let taken = 0
/** Where the next piece begins: pieces of the same size are not the same bytes. */
const nextPlace = () => (taken = (taken + 611_953) % PERIOD)

/** Begins again: the same program sends the same bytes. */
export function rewind(): void {
  taken = 0
}

/**
 * Bytes to send in one of the forms that send() takes; `expected` is what must come, `scribble`
 * spoils what the caller still has of it.
 */
export function piece(
  size: number,
  form: number
): { data: Uint8Array | string; expected: Buffer; scribble(): void } {
  const at = nextPlace()
  if (form === 2) {
    const data = ascii.slice(at, at + size)
    return { data, expected: Buffer.from(data), scribble() {} }
  }
  if (form === 3) {
    const from = at & ~1
    const data = signs.slice(from, from + ((size >> 2) << 1))
    return { data, expected: Buffer.from(data), scribble() {} }
  }
  const expected = pattern.subarray(at, at + size)
  const own = Buffer.alloc(size + 8)
  own.set(expected, 4)
  const data =
    form === 0 ? own.subarray(4, 4 + size) : new Uint8Array(own.buffer, own.byteOffset + 4, size)
  return { data, expected, scribble: () => void own.fill(0xee) }
}

/**
 * The bytes of datagram `number` of a sender: as many, and the same wherever they are asked for.
 */
export function datagramBytes(sender: number, number: number, size: number): Buffer {
  const bytes = Buffer.allocUnsafe(12 + size)
  bytes.writeUInt32LE(sender, 0)
  bytes.writeUInt32LE(number, 4)
  bytes.writeUInt32LE(size, 8)
  const at = ((sender * 7919 + number) * 104_729) % PERIOD
  bytes.set(pattern.subarray(at, at + size), 12)
  return bytes
}

/** One direction of a connection. */
export class Stream {
  /** Bytes given to send(), and bytes that have come. */
  given = 0
  received = 0
  #pieces: Buffer[] = []
  #head = 0
  #at = 0

  give(bytes: Buffer): void {
    if (bytes.length === 0) return
    this.given += bytes.length
    this.#pieces.push(bytes)
  }

  get isWhole(): boolean {
    return this.received === this.given
  }

  /** Takes what has come; a sentence if it is not what had to come. */
  take(data: Buffer): string | undefined {
    let done = 0
    while (done < data.length) {
      const next = this.#pieces[this.#head]
      if (next === undefined) return `${data.length - done} bytes too many, after ${this.received}`
      const length = Math.min(next.length - this.#at, data.length - done)
      if (next.compare(data, done, done + length, this.#at, this.#at + length) !== 0) {
        return `other bytes than were sent, somewhere from ${this.received} to ${this.received + length}`
      }
      done += length
      this.received += length
      this.#at += length
      if (this.#at === next.length) this.#drop()
    }
  }

  #drop(): void {
    this.#at = 0
    this.#head++
    if (this.#head < 64 && this.#head < this.#pieces.length) return
    this.#pieces.splice(0, this.#head)
    this.#head = 0
  }
}
