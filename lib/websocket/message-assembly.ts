// A message that comes in pieces: its bytes so far, in one buffer that grows with what has come and
// not with what a header promises. Knows its bounds and UTF-8, not headers.
import { checkUtf8 } from './utf8.ts'
import { WebSocketError } from './websocket-error.ts'

const MIN_BUFFER_BYTES = 256

export class MessageAssembly {
  readonly isText: boolean
  readonly isCompressed: boolean
  /** How many frames of it have begun. */
  fragments = 0
  #buffer: Buffer = Buffer.alloc(0)
  #bytes = 0
  /** Up to here it is whole characters of UTF-8. */
  #checked = 0

  constructor(isText: boolean, isCompressed: boolean) {
    this.isText = isText
    this.isCompressed = isCompressed
  }

  /** How many bytes have come. */
  get bytes(): number {
    return this.#bytes
  }

  /**
   * Adds a copy of what has come. `missing` is how much of the same frame is still to come: a hint
   * for the size of the buffer.
   * @throws WebSocketError `ERR_WEBSOCKET_INVALID_UTF8` as soon as text can no longer be UTF-8
   */
  append(data: Uint8Array, missing: number): void {
    const needed = this.#bytes + data.length
    if (needed > this.#buffer.length) {
      const most = needed + missing
      const doubled = Math.max(needed, 2 * this.#buffer.length, MIN_BUFFER_BYTES)
      const grown = Buffer.allocUnsafeSlow(missing > 0 ? Math.min(doubled, most) : doubled)
      grown.set(this.#buffer.subarray(0, this.#bytes))
      this.#buffer = grown
    }
    this.#buffer.set(data, this.#bytes)
    this.#bytes = needed
    if (!this.isText || this.isCompressed) return
    this.#checked = checkUtf8(this.#buffer, this.#checked, needed)
    if (this.#checked < 0) throw invalidText()
  }

  /**
   * All of it.
   * @throws WebSocketError `ERR_WEBSOCKET_INVALID_UTF8` if text ends within a character
   */
  finish(): Buffer {
    if (this.isText && !this.isCompressed && this.#checked < this.#bytes) throw invalidText()
    return this.#buffer.subarray(0, this.#bytes)
  }
}

export function invalidText(): WebSocketError {
  return new WebSocketError('ERR_WEBSOCKET_INVALID_UTF8', 'a text message is not UTF-8')
}
