// The sending half of the codec: messages and control frames in, bytes of a stream out (RFC 6455,
// 5; RFC 7692). No socket, no clock.
import { invalidArgValue, outOfRange } from '../errors.ts'
import { bytes as toBytes, uint8Array } from '../validate.ts'
import { NO_CODE, sentCloseCode } from './close-codes.ts'
import { EncoderSettings, type WebSocketEncoderOptions } from './codec-options.ts'
import { deflateMessage } from './deflate.ts'
import {
  FIN,
  LENGTH_16,
  LENGTH_64,
  MASKED,
  MASKING_KEY_BYTES,
  MAX_CONTROL_BYTES,
  MAX_HEADER_BYTES,
  OPCODE,
  RSV1
} from './frame.ts'
import { writeMaskingKey } from './masking.ts'

/**
 * How one message is sent. A name that does not exist is ignored here, unlike elsewhere: a check
 * for each message would cost too much.
 * @example
 * ```ts
 * import { type MessageOptions, WebSocketEncoder } from 'pollport/websocket'
 *
 * const options: MessageOptions = { isText: true } // the bytes are UTF-8
 * const encoder = new WebSocketEncoder({ role: 'server' })
 * console.log(encoder.encode(Buffer.from('hi'), options)) // <Buffer 81 02 68 69>
 * ```
 */
export interface MessageOptions {
  /** Text or binary. Default: a string is text, bytes are binary. Bytes of text must be UTF-8. */
  isText?: boolean | undefined
  /** Compress it (RFC 7692). Default false. */
  compress?: boolean | undefined
}

/**
 * How one frame of a message is made.
 * @example
 * ```ts
 * import { type FragmentOptions, WebSocketEncoder } from 'pollport/websocket'
 *
 * const encoder = new WebSocketEncoder({ role: 'server' })
 * const first: FragmentOptions = { isLast: false }
 * const last: FragmentOptions = { isContinuation: true }
 * console.log(encoder.encodeFragment('hel', first)) // <Buffer 01 03 68 65 6c>
 * console.log(encoder.encodeFragment('lo', last)) // <Buffer 80 02 6c 6f>
 * ```
 */
export interface FragmentOptions extends MessageOptions {
  /** Whether it is the last frame of this message. Default true. */
  isLast?: boolean | undefined
  /** Whether it goes on with a message that has begun: `isText` is nothing then. Default false. */
  isContinuation?: boolean | undefined
}

const NOTHING = new Uint8Array(0)

/**
 * Makes frames of messages. Knows no socket and no clock.
 * @example
 * ```ts
 * import { WebSocketEncoder } from 'pollport/websocket'
 *
 * const encoder = new WebSocketEncoder({ role: 'server' })
 * console.log(encoder.encode('hi')) // <Buffer 81 02 68 69>
 * console.log(encoder.encode(new Uint8Array([1, 2, 3]))) // <Buffer 82 03 01 02 03>
 * console.log(encoder.close(1000, 'bye')) // <Buffer 88 05 03 e8 62 79 65>
 * ```
 */
export class WebSocketEncoder {
  readonly #settings: EncoderSettings

  /** @throws TypeError or RangeError for options out of range */
  constructor(options: WebSocketEncoderOptions) {
    this.#settings = options instanceof EncoderSettings ? options : new EncoderSettings(options)
  }

  /** Whether messages can be compressed: whether it has the `compression` option. */
  get canCompress(): boolean {
    return this.#settings.deflate !== undefined
  }

  /**
   * A message as one frame, ready to be sent; a string as UTF-8.
   * @throws TypeError for anything but bytes or a string, and for `compress` without the
   *   `compression` option
   */
  encode(data: Uint8Array | string, options: MessageOptions = {}): Buffer {
    return this.encodeFragment(data, options)
  }

  /**
   * One frame of a message that is sent in several. The first has `isLast: false`, those in between
   * `isLast: false` and `isContinuation: true`, the last one `isContinuation: true`. Control frames
   * may stand between them, other messages may not.
   * @throws TypeError as {@link encode}, and for `compress` of a message of several frames: it
   *   would have to be compressed as a whole
   */
  encodeFragment(data: Uint8Array | string, options: FragmentOptions = {}): Buffer {
    const { isText = typeof data === 'string', compress = false } = options
    const { isLast = true, isContinuation = false } = options
    const opcode = isContinuation ? OPCODE.continuation : isText ? OPCODE.text : OPCODE.binary
    const first = (isLast ? FIN : 0) | opcode
    if (!compress) return this.#frame(first, data)
    const { deflate } = this.#settings
    if (deflate === undefined)
      throw invalidArgValue('compress', true, 'no compression was agreed on')
    if (!isLast || isContinuation)
      throw invalidArgValue('compress', true, 'a message is compressed as a whole')
    return this.#frame(first | RSV1, deflateMessage(toBytes(data, 'data'), deflate))
  }

  /**
   * A ping; the peer answers with a pong of the same bytes.
   * @throws RangeError for more than 125 bytes
   */
  ping(data: Uint8Array | string = NOTHING): Buffer {
    return this.#control(OPCODE.ping, data)
  }

  /**
   * The answer to a ping, or a sign of life that no ping asked for.
   * @throws RangeError for more than 125 bytes
   */
  pong(data: Uint8Array | string = NOTHING): Buffer {
    return this.#control(OPCODE.pong, data)
  }

  /**
   * A close frame: the last one that a side sends.
   * @param code 1000 (the default) to 1014 without 1004 to 1006, or 3000 to 4999; 1005 for none
   * @param reason at most 123 bytes of UTF-8
   * @throws RangeError for other codes and longer reasons
   */
  close(code = 1000, reason = ''): Buffer {
    if (code === NO_CODE && reason === '') return this.#control(OPCODE.close, NOTHING)
    const length = 2 + Buffer.byteLength(reason)
    if (length > MAX_CONTROL_BYTES)
      throw outOfRange('reason', `at most ${MAX_CONTROL_BYTES - 2} bytes of UTF-8`, length - 2)
    const payload = Buffer.allocUnsafe(length)
    payload.writeUInt16BE(sentCloseCode(code))
    payload.write(reason, 2)
    return this.#control(OPCODE.close, payload)
  }

  #control(opcode: number, data: Uint8Array | string): Buffer {
    const length = typeof data === 'string' ? Buffer.byteLength(data) : data.length
    if (length > MAX_CONTROL_BYTES)
      throw outOfRange('data', `at most ${MAX_CONTROL_BYTES} bytes`, length)
    return this.#frame(FIN | opcode, data)
  }

  #frame(first: number, data: Uint8Array | string): Buffer {
    const isString = typeof data === 'string'
    const length = isString ? Buffer.byteLength(data) : uint8Array(data, 'data').length
    const frame = Buffer.allocUnsafe(MAX_HEADER_BYTES + length)
    return frame.subarray(0, this._write(frame, 0, first, data, length))
  }

  /**
   * @internal Writes a frame of `length` bytes of payload to `at`, where there is room for it and a
   *   header. Returns where it ends.
   */
  _write(
    into: Buffer,
    at: number,
    first: number,
    data: Uint8Array | string,
    length: number
  ): number {
    const { isMasked } = this.#settings
    const start = writeHeader(into, at, first, length, isMasked)
    if (typeof data === 'string') into.write(data, start)
    else into.set(data, start)
    const end = start + length
    if (isMasked) {
      const key = this.#settings.maskingKey() | 0
      writeMaskingKey(into, start - MASKING_KEY_BYTES, key)
      this.#settings.masking.apply(into, start, end, key)
    }
    return end
  }
}

/** The header, with room for the masking key. Returns where the payload begins. */
function writeHeader(
  into: Buffer,
  at: number,
  first: number,
  length: number,
  isMasked: boolean
): number {
  const mask = isMasked ? MASKED : 0
  const keyBytes = isMasked ? MASKING_KEY_BYTES : 0
  into[at] = first
  if (length < LENGTH_16) {
    into[at + 1] = mask | length
    return at + 2 + keyBytes
  }
  if (length <= 0xffff) {
    into[at + 1] = mask | LENGTH_16
    into[at + 2] = length >> 8
    into[at + 3] = length
    return at + 4 + keyBytes
  }
  into[at + 1] = mask | LENGTH_64
  into.writeUInt32BE(Math.floor(length / 2 ** 32), at + 2)
  into.writeUInt32BE(length >>> 0, at + 6)
  return at + 10 + keyBytes
}
