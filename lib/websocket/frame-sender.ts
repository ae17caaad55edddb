// Brings frames to a link with as little copying as there can be: a small one is written straight
// into the poller's outbox. One for all connections of an endpoint.
import { TcpConnection } from '../poller/tcp-connection.ts'
import type { WebSocketEncoder } from './encoder.ts'
import { MAX_HEADER_BYTES } from './frame.ts'
import type { Link } from './link.ts'

/** From so many bytes on a send leaves by a call of its own, without a copy (`send()` says so). */
const DIRECT_BYTES = 8 * 1024
/** Frames up to this length are made in memory that is used again. */
const SCRATCH_BYTES = 64 * 1024

const NOTHING = new Uint8Array(0)

export class FrameSender {
  #encoder: WebSocketEncoder | undefined
  #first = 0
  #data: Uint8Array | string = NOTHING
  #length = 0
  #scratch: Buffer | undefined
  readonly #write = (into: Buffer, at: number): number =>
    (this.#encoder as WebSocketEncoder)._write(into, at, this.#first, this.#data, this.#length) - at

  /** `length` is that of `data` in bytes. Returns what the link's `send()` does. */
  send(
    link: Link,
    encoder: WebSocketEncoder,
    first: number,
    data: Uint8Array | string,
    length: number
  ): boolean {
    const most = length + MAX_HEADER_BYTES
    if (!(link instanceof TcpConnection) || most > SCRATCH_BYTES) {
      const frame = Buffer.allocUnsafe(most)
      return link.send(frame.subarray(0, encoder._write(frame, 0, first, data, length)))
    }
    if (most >= DIRECT_BYTES) {
      this.#scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES)
      const end = encoder._write(this.#scratch, 0, first, data, length)
      return link.send(this.#scratch.subarray(0, end))
    }
    this.#encoder = encoder
    this.#first = first
    this.#data = data
    this.#length = length
    const isTaken = link.sendInto(most, this.#write)
    this.#data = NOTHING
    return isTaken
  }
}
