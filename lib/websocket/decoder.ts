// The receiving half of the codec: bytes of a stream in, messages and control frames out (RFC 6455,
// 5 to 8; RFC 7692). No socket, no clock: what it is given decides what it gives.
import { isUtf8 } from 'node:buffer'
import { uint8Array } from '../validate.ts'
import { isCloseCode, NO_CODE } from './close-codes.ts'
import { DecoderLimits, type WebSocketDecoderOptions } from './codec-options.ts'
import { inflateMessage } from './deflate.ts'
import {
  FIN,
  FIRST_CONTROL,
  headerBytesOf,
  LENGTH_16,
  LENGTH_64,
  MASKED,
  MASKING_KEY_BYTES,
  MAX_CONTROL_BYTES,
  OPCODE,
  RSV1,
  RSV2_AND_3
} from './frame.ts'
import { keyAfter, readMaskingKey } from './masking.ts'
import { invalidText, MessageAssembly } from './message-assembly.ts'
import { PartialFrame } from './partial-frame.ts'
import { protocolError, WebSocketError } from './websocket-error.ts'

/** Who gets what a {@link WebSocketDecoder} finds. Each `data` is valid until its call returns. */
export interface WebSocketFrames {
  /** A whole message; of text `data` is UTF-8 that has been checked. */
  onMessage(data: Buffer, isText: boolean): void
  /** A ping frame with up to 125 bytes: answer with a pong of the same bytes. */
  onPing(data: Buffer): void
  /** A pong frame with up to 125 bytes. */
  onPong(data: Buffer): void
  /** A close frame: nothing comes after it. `code` is 1005 if it has none. */
  onClose(code: number, reason: string): void
}

/**
 * Finds the messages and control frames in the bytes that a WebSocket received, however they were
 * cut. Knows no socket and no clock.
 * @example
 * ```ts
 * import { WebSocketDecoder, WebSocketEncoder } from 'pollport/websocket'
 *
 * const client = new WebSocketEncoder({ role: 'client' })
 * const decoder = new WebSocketDecoder({ role: 'server', maxMessageBytes: 64 * 1024 })
 * decoder.push(client.encode('hello'), {
 *   onMessage: (data, isText) => console.log(isText ? data.toString() : data), // hello
 *   onPing: (data) => console.log('answer with a pong of', data),
 *   onPong: () => {},
 *   onClose: (code, reason) => console.log('closed', code, reason)
 * })
 * ```
 */
export class WebSocketDecoder {
  readonly #limits: DecoderLimits
  #message: MessageAssembly | undefined
  #partial: PartialFrame | undefined
  #failure: unknown
  #isOver = false

  /** @throws TypeError or RangeError for options out of range */
  constructor(options: WebSocketDecoderOptions) {
    this.#limits = options instanceof DecoderLimits ? options : new DecoderLimits(options)
  }

  /** How many bytes of an unfinished message are kept. */
  get bufferedBytes(): number {
    return this.#message === undefined ? 0 : this.#message.bytes
  }

  /** Nothing more is found: after a close frame, or {@link stop}. */
  get isOver(): boolean {
    return this.#isOver
  }

  /** @internal Nothing is kept of what came: any other stream may go on here. */
  get _isBetweenMessages(): boolean {
    return this.#message === undefined && this.#partial === undefined && !this.#isOver
  }

  /**
   * Takes the next bytes of the stream, and calls `frames` for everything that is whole now, in
   * order.
   *
   * `chunk` is overwritten where frames are masked. A message that lies in it as one frame is given
   * as a view of it; all others are copies, of which the decoder keeps at most one unfinished. What
   * comes after a close frame is ignored.
   * @throws WebSocketError for what the RFCs or the limits forbid, as soon as it is seen and after
   *   everything before it was given out; from then on every push throws the same. What `frames`
   *   throws comes through, and ends the decoder as {@link stop} does.
   */
  push(chunk: Uint8Array, frames: WebSocketFrames): void {
    uint8Array(chunk, 'chunk')
    if (this.#failure !== undefined) throw this.#failure
    const bytes = Buffer.isBuffer(chunk)
      ? chunk
      : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    let at = 0
    try {
      while (at < bytes.length && !this.#isOver)
        at =
          this.#partial === undefined
            ? this.#takeFrame(bytes, at, frames)
            : this.#takePart(bytes, at, frames)
    } catch (error) {
      this.stop()
      throw error
    }
  }

  /** Ignores all that comes from now on, also the rest of the chunk that is being taken. */
  stop(): void {
    this.#isOver = true
    this.#message = undefined
    this.#partial = undefined
  }

  /** A frame that begins at `at`. Returns where the next one does. */
  #takeFrame(bytes: Buffer, at: number, frames: WebSocketFrames): number {
    const available = bytes.length - at
    if (available < 2) return this.#beginPart(at)
    const headerBytes = headerBytesOf(bytes[at + 1])
    if (available < headerBytes) return this.#beginPart(at)
    const first = bytes[at]
    this.#checkStart(first, bytes[at + 1])
    const length = this.#lengthOf(bytes, at)
    const start = at + headerBytes
    const end = start + length
    if (end > bytes.length) return this.#beginPart(at)
    let isAscii = false
    if (this.#limits.isMasked) {
      const key = readMaskingKey(bytes, start - MASKING_KEY_BYTES)
      isAscii = this.#limits.masking.apply(bytes, start, end, key)
    }
    this.#onFrame(first, bytes.subarray(start, end), isAscii, frames)
    return end
  }

  #beginPart(at: number): number {
    this.#partial = new PartialFrame()
    return at
  }

  /** More of the frame that has not come whole. Returns where the next one begins. */
  #takePart(bytes: Buffer, start: number, frames: WebSocketFrames): number {
    const partial = this.#partial as PartialFrame
    let at = start
    if (partial.missing < 0) {
      at += this.#takeHeader(partial, bytes, at)
      if (partial.missing < 0) return at
    }
    const taken = Math.min(partial.missing, bytes.length - at)
    const end = at + taken
    if (this.#limits.isMasked) {
      this.#limits.masking.apply(bytes, at, end, partial.key)
      partial.key = keyAfter(partial.key, taken)
    }
    partial.missing -= taken
    this.#addPart(partial, bytes.subarray(at, end), frames)
    return end
  }

  #takeHeader(partial: PartialFrame, bytes: Buffer, at: number): number {
    const { header } = partial
    const before = partial.headerBytes
    const taken = partial.takeHeader(bytes, at)
    if (partial.headerBytes < 2) return taken
    if (before < 2) this.#checkStart(header[0], header[1])
    if (!partial.isHeaderWhole) return taken
    partial.missing = this.#lengthOf(header, 0)
    if (this.#limits.isMasked)
      partial.key = readMaskingKey(header, partial.headerBytes - MASKING_KEY_BYTES)
    if ((header[0] & 0x0f) >= FIRST_CONTROL) partial.control = Buffer.alloc(0)
    else this.#beginFragment(header[0])
    return taken
  }

  #addPart(partial: PartialFrame, data: Buffer, frames: WebSocketFrames): void {
    const first = partial.header[0]
    if (partial.control !== undefined) {
      // At most 125 bytes, and seldom cut.
      partial.control = Buffer.concat([partial.control, data])
      if (partial.missing > 0) return
      this.#partial = undefined
      this.#onControl(first & 0x0f, partial.control, frames)
      return
    }
    this.#append(data, partial.missing)
    if (partial.missing > 0) return
    this.#partial = undefined
    if ((first & FIN) !== 0) this.#finishMessage(frames)
  }

  /** A frame that lies whole in `data`, unmasked. */
  #onFrame(first: number, data: Buffer, isAscii: boolean, frames: WebSocketFrames): void {
    const opcode = first & 0x0f
    if (opcode >= FIRST_CONTROL) return this.#onControl(opcode, data, frames)
    if (this.#message === undefined && (first & FIN) !== 0) {
      // The whole message: no copy.
      const isText = opcode === OPCODE.text
      if ((first & RSV1) !== 0) return this.#onCompressed(data, isText, frames)
      if (isText && !isAscii && !isUtf8(data)) this.#fail(invalidText())
      return frames.onMessage(data, isText)
    }
    this.#beginFragment(first)
    this.#append(data, 0)
    if ((first & FIN) !== 0) this.#finishMessage(frames)
  }

  #onControl(opcode: number, data: Buffer, frames: WebSocketFrames): void {
    if (opcode === OPCODE.ping) return frames.onPing(data)
    if (opcode === OPCODE.pong) return frames.onPong(data)
    const code = data.length === 0 ? NO_CODE : this.#closeCodeOf(data)
    this.stop()
    frames.onClose(code, data.toString('utf8', 2))
  }

  /** 5.5.1: nothing, or two bytes of code and a reason that is UTF-8. */
  #closeCodeOf(data: Buffer): number {
    if (data.length === 1) this.#fail(protocolError('a close frame has one byte: half a code'))
    const code = data.readUInt16BE(0)
    if (!isCloseCode(code)) this.#fail(protocolError(`a close frame has the code ${code}`))
    if (!isUtf8(data.subarray(2)))
      this.#fail(
        new WebSocketError('ERR_WEBSOCKET_INVALID_UTF8', 'the reason of a close is not UTF-8')
      )
    return code
  }

  #beginFragment(first: number): void {
    this.#message ??= new MessageAssembly((first & 0x0f) === OPCODE.text, (first & RSV1) !== 0)
    const { maxFragments } = this.#limits
    if (++this.#message.fragments > maxFragments)
      this.#fail(
        new WebSocketError(
          'ERR_WEBSOCKET_TOO_MANY_FRAGMENTS',
          `a message has more than ${maxFragments} fragments`
        )
      )
  }

  #append(data: Buffer, missing: number): void {
    try {
      this.#message?.append(data, missing)
    } catch (error) {
      this.#fail(error)
    }
  }

  #finishMessage(frames: WebSocketFrames): void {
    const message = this.#message as MessageAssembly
    this.#message = undefined
    let data: Buffer
    try {
      data = message.finish()
    } catch (error) {
      this.#fail(error)
    }
    if (message.isCompressed) this.#onCompressed(data, message.isText, frames)
    else frames.onMessage(data, message.isText)
  }

  #onCompressed(data: Buffer, isText: boolean, frames: WebSocketFrames): void {
    let inflated: Buffer
    try {
      inflated = inflateMessage(data, this.#limits.maxMessageBytes)
    } catch (error) {
      this.#fail(error)
    }
    if (isText && !isUtf8(inflated)) this.#fail(invalidText())
    frames.onMessage(inflated, isText)
  }

  /** The first two bytes of a frame: all that can be wrong with them. */
  #checkStart(first: number, second: number): void {
    const { isMasked, compression } = this.#limits
    const opcode = first & 0x0f
    if ((first & RSV2_AND_3) !== 0) this.#fail(protocolError('a reserved bit of a frame is set'))
    if (((second & MASKED) !== 0) !== isMasked)
      this.#fail(
        protocolError(
          isMasked ? 'a client sent a frame without a mask' : 'a server sent a masked frame'
        )
      )
    if (opcode >= FIRST_CONTROL) return this.#checkControl(first, second)
    if (opcode > OPCODE.binary) this.#fail(protocolError(`opcode ${opcode} is reserved`))
    const isFirst = opcode !== OPCODE.continuation
    if ((first & RSV1) !== 0 && !(compression && isFirst))
      this.#fail(
        protocolError(
          compression ? 'RSV1 is set on a later fragment' : 'RSV1 is set, and no extension uses it'
        )
      )
    if (isFirst && this.#message !== undefined)
      this.#fail(protocolError('a message begins within another one'))
    if (!isFirst && this.#message === undefined)
      this.#fail(protocolError('a fragment continues no message'))
  }

  #checkControl(first: number, second: number): void {
    const opcode = first & 0x0f
    if (opcode > OPCODE.pong) this.#fail(protocolError(`opcode ${opcode} is reserved`))
    if ((first & FIN) === 0) this.#fail(protocolError('a control frame is fragmented'))
    if ((first & RSV1) !== 0) this.#fail(protocolError('RSV1 is set on a control frame'))
    if ((second & 0x7f) > MAX_CONTROL_BYTES)
      this.#fail(protocolError('a control frame has more than 125 bytes'))
  }

  /** The length in a whole header: in its shortest form, and within the limit. */
  #lengthOf(bytes: Buffer, at: number): number {
    let length = bytes[at + 1] & 0x7f
    if (length === LENGTH_16) {
      length = bytes.readUInt16BE(at + 2)
      if (length < LENGTH_16) this.#fail(protocolError('a length is not in its shortest form'))
    } else if (length === LENGTH_64) {
      const high = bytes.readUInt32BE(at + 2)
      // 5.2: "the most significant bit MUST be 0".
      if (high >= 0x80000000) this.#fail(protocolError('a length has its highest bit set'))
      length = high * 2 ** 32 + bytes.readUInt32BE(at + 6)
      if (length <= 0xffff) this.#fail(protocolError('a length is not in its shortest form'))
    }
    const isControl = (bytes[at] & 0x0f) >= FIRST_CONTROL
    const { maxMessageBytes } = this.#limits
    if (!isControl && this.bufferedBytes + length > maxMessageBytes)
      this.#fail(
        new WebSocketError(
          'ERR_WEBSOCKET_MESSAGE_TOO_LARGE',
          `a message has more than ${maxMessageBytes} bytes`
        )
      )
    return length
  }

  #fail(error: unknown): never {
    this.#failure = error
    throw error
  }
}
