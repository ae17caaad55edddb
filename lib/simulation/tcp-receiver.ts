// The receiving half of a simulated TCP connection: puts segments in order, within its window.
// Knows no socket. There is one while a connection has received what nobody has read yet, or its
// end: what is left of it otherwise is one number.
import { ByteQueue } from './byte-queue.ts'

export class TcpReceiver {
  readonly queue: ByteQueue = new ByteQueue()
  readonly #capacityBytes: number
  /** The number of the next byte in order. */
  #next: number
  /** Segments that came before their turn, by the number of their first byte. */
  #early: Map<number, Uint8Array> | undefined
  /** The number behind the last byte, once the peer has said it; -1 = not yet. */
  #end = -1
  #hasEnded = false

  constructor(capacityBytes: number, next: number) {
    this.#capacityBytes = capacityBytes
    this.#next = next
  }

  /** What the peer is to send next: the end counts as one byte. */
  get acknowledged(): number {
    return this.#next + (this.#hasEnded ? 1 : 0)
  }

  get windowBytes(): number {
    return Math.max(this.#capacityBytes - this.queue.length, 0)
  }

  /** Whether the peer has finished, and all that it sent has come. */
  get hasEnded(): boolean {
    return this.#hasEnded
  }

  /** Nothing has come but what was read. */
  get isIdle(): boolean {
    return this.queue.length === 0 && this.#early === undefined && this.#end < 0
  }

  take(sequence: number, data: Uint8Array, isEnd: boolean): void {
    if (isEnd) this.#end = sequence + data.length
    if (sequence > this.#next) {
      if (data.length > 0 && sequence + data.length <= this.#next + this.windowBytes) {
        this.#early ??= new Map()
        this.#early.set(sequence, data)
      }
      return
    }
    this.#append(sequence, data)
    if (this.#early !== undefined) this.#appendEarly(this.#early)
    if (this.#next === this.#end) this.#hasEnded = true
  }

  #append(sequence: number, data: Uint8Array): void {
    const known = this.#next - sequence
    const window = this.windowBytes
    if (known >= data.length) return
    const isFresh = known === 0 && data.length <= window
    const fresh = isFresh ? data : data.subarray(known, known + window)
    this.queue.push(fresh)
    this.#next += fresh.length
  }

  #appendEarly(early: Map<number, Uint8Array>): void {
    for (let isMoving = true; isMoving; ) {
      isMoving = false
      for (const [sequence, data] of early) {
        if (sequence > this.#next) continue
        early.delete(sequence)
        this.#append(sequence, data)
        isMoving = true
      }
    }
    if (early.size === 0) this.#early = undefined
  }
}
