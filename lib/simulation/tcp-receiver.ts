// The receiving half of a simulated TCP connection: puts segments in order, within its window.
// Knows no socket.
import { ByteQueue } from './byte-queue.ts'

export class TcpReceiver {
  readonly queue: ByteQueue = new ByteQueue()
  readonly #capacityBytes: number
  /** The number of the next byte in order. */
  #next = 0
  /** Segments that came before their turn, by the number of their first byte. */
  #early: Map<number, Uint8Array> | undefined
  /** The number behind the last byte, once the peer has said it; -1 = not yet. */
  #end = -1
  #hasEnded = false

  constructor(capacityBytes: number) {
    this.#capacityBytes = capacityBytes
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

  /** Whether bytes came in order, or the end did. */
  take(sequence: number, data: Uint8Array, isEnd: boolean): boolean {
    if (isEnd) this.#end = sequence + data.length
    const before = this.acknowledged
    if (sequence > this.#next) {
      if (data.length > 0 && sequence + data.length <= this.#next + this.windowBytes) {
        this.#early ??= new Map()
        this.#early.set(sequence, data)
      }
      return false
    }
    this.#append(sequence, data)
    this.#appendEarly()
    if (this.#next === this.#end) this.#hasEnded = true
    return this.acknowledged > before
  }

  #append(sequence: number, data: Uint8Array): void {
    const known = this.#next - sequence
    const fresh = data.subarray(known, known + this.windowBytes)
    if (known >= data.length) return
    this.queue.push(fresh)
    this.#next += fresh.length
  }

  #appendEarly(): void {
    if (this.#early === undefined) return
    for (let isMoving = true; isMoving; ) {
      isMoving = false
      for (const [sequence, data] of this.#early) {
        if (sequence > this.#next) continue
        this.#early.delete(sequence)
        this.#append(sequence, data)
        isMoving = true
      }
    }
    if (this.#early.size === 0) this.#early = undefined
  }
}
