// What was queued since the last wait(), of all sockets together: one byte arena and one array of
// sends, handed to the system in one call. Knows of sockets nothing but their slot index. Its
// layout is in lib/binding/records.ts.
import { OUTBOX, PACKED_ADDRESS, SEND_CHAINED, SEND_SKIP } from '../binding/records.ts'
import { midPage } from '../mid-page.ts'
import { grownToHold } from './grown-array.ts'

const FIRST_BYTES = 64 * 1024
const MAX_BYTES = 1024 * 1024
const FIRST_SENDS = 1024
const MAX_SENDS = 16 * 1024
const FIRST_SLOTS = 1024

export class Outbox {
  /**
   * A message of more bytes than this does not go through the outbox: one system call for it alone
   * is cheaper than copying it.
   */
  static readonly maxMessageBytes = 64 * 1024
  /**
   * A message of so many bytes leaves by a call of its own, which costs less than copying it,
   * unless something of its connection is here already.
   */
  static readonly directBytes = 8 * 1024

  bytes: Buffer = midPage(FIRST_BYTES)
  sends: Int32Array = new Int32Array(FIRST_SENDS * OUTBOX.stride)
  count = 0
  /** Goes up with every clear(): offsets of an older generation mean nothing. */
  generation = 0
  #used = 0
  /** By position: the slot index of the socket whose send it is. */
  #owners = new Int32Array(FIRST_SENDS)
  // By slot index: the socket's chain, and the bytes in it. Kept here and not in the sockets, of
  // which most have nothing to send. What stands there from an earlier round means nothing: a chain
  // counts while its last send is in use and belongs to that socket.
  #first = new Int32Array(FIRST_SLOTS)
  #last = new Int32Array(FIRST_SLOTS)
  #queued = new Int32Array(FIRST_SLOTS)

  get isEmpty(): boolean {
    return this.count === 0
  }

  /**
   * Whether one more send of this size fits; grows up to a bound. False: the caller flushes first.
   */
  makeRoom(byteLength: number): boolean {
    if (this.#used + byteLength > this.bytes.length && !this.#growBytes(this.#used + byteLength))
      return false
    return this.count < this.sends.length / OUTBOX.stride || this.#growSends()
  }

  /**
   * Copies the first `length` bytes to `end`; returns how many. The caller has made room for so
   * many, and `data` had them then.
   */
  copy(data: Uint8Array, length: number): number {
    // Another thread may have made a SharedArrayBuffer longer since it was measured.
    this.bytes.set(data.length === length ? data : data.subarray(0, length), this.#used)
    this.#used += length
    return length
  }

  /**
   * Writes text to `end` as UTF-8; returns how many bytes. The caller has made room for three bytes
   * a code unit.
   */
  write(text: string): number {
    const written = this.bytes.write(text, this.#used)
    this.#used += written
    return written
  }

  /** So many bytes were written to `end`, of the room that the caller has made. */
  advance(length: number): void {
    this.#used += length
  }

  /** Where the next bytes go. */
  get end(): number {
    return this.#used
  }

  /** Room for a packed address, to be filled by the caller; returns its offset. */
  reserveAddress(): number {
    const offset = this.#used
    this.#used += PACKED_ADDRESS.bytes
    return offset
  }

  /**
   * Queues bytes that lie in the arena already behind what the socket in slot `index` has queued.
   * Several sends may share the same bytes. Returns how many bytes of that socket are here now.
   */
  add(index: number, offset: number, length: number, addressOffset: number): number {
    const position = this.count++
    const at = position * OUTBOX.stride
    const sends = this.sends
    sends[at + OUTBOX.offset] = offset
    sends[at + OUTBOX.length] = length
    sends[at + OUTBOX.next] = -1
    sends[at + OUTBOX.address] = addressOffset
    if (index >= this.#last.length) this.#growSlots(index)
    const last = this.#last[index]
    const isChained = last >= 0 && last < position && this.#owners[last] === index
    this.#owners[position] = index
    this.#last[index] = position
    if (isChained) {
      sends[at + OUTBOX.index] = SEND_CHAINED
      sends[last * OUTBOX.stride + OUTBOX.next] = position
      this.#queued[index] += length
    } else {
      sends[at + OUTBOX.index] = index
      this.#first[index] = position
      this.#queued[index] = length
    }
    return this.#queued[index]
  }

  /** How many bytes of the socket in slot `index` are here. */
  bytesOf(index: number): number {
    return this.#hasChain(index) ? this.#queued[index] : 0
  }

  /**
   * Drops what a socket has queued here, before the system has seen it; returns how many bytes that
   * were.
   */
  skip(index: number): number {
    if (!this.#hasChain(index)) return 0
    this.sends[this.#first[index] * OUTBOX.stride + OUTBOX.index] = SEND_SKIP
    this.#last[index] = -1
    return this.#queued[index]
  }

  /**
   * Calls `each` for what is left of a chain from `position` on, of which `taken` bytes were sent.
   */
  forEachLeft(
    position: number,
    taken: number,
    each: (offset: number, length: number, addressOffset: number) => void
  ): void {
    const sends = this.sends
    while (position >= 0) {
      const at = position * OUTBOX.stride
      each(
        sends[at + OUTBOX.offset] + taken,
        sends[at + OUTBOX.length] - taken,
        sends[at + OUTBOX.address]
      )
      taken = 0
      position = sends[at + OUTBOX.next]
    }
  }

  /** Everything was handed over. */
  clear(): void {
    this.count = 0
    this.generation++
    this.#used = 0
  }

  #growBytes(needed: number): boolean {
    if (needed > MAX_BYTES) return false
    let size = this.bytes.length
    while (size < needed) size *= 2
    const grown = midPage(size)
    this.bytes.copy(grown, 0, 0, this.#used)
    this.bytes = grown
    return true
  }

  #growSends(): boolean {
    if (this.count >= MAX_SENDS) return false
    this.sends = grownToHold(this.sends, this.sends.length)
    this.#owners = grownToHold(this.#owners, this.#owners.length)
    return true
  }

  #hasChain(index: number): boolean {
    if (this.count === 0 || index >= this.#last.length) return false
    const last = this.#last[index]
    return last >= 0 && last < this.count && this.#owners[last] === index
  }

  #growSlots(index: number): void {
    this.#first = grownToHold(this.#first, index)
    this.#last = grownToHold(this.#last, index)
    this.#queued = grownToHold(this.#queued, index)
  }
}
