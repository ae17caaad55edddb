// Length-prefixed frames over a stream of bytes: a big-endian length, then that many bytes. Does
// not depend on sockets.
import { invalidArgValue } from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import { integer, uint8Array } from '../validate.ts'

const DEFAULT_LENGTH_BYTES = 4
const DEFAULT_MAX_FRAME_BYTES = 1024 * 1024

/**
 * The form of frames. Both sides of a connection must use the same.
 * @category Helpers
 * @example
 * ```ts
 * import { FrameEncoder, type FrameOptions } from 'pollport'
 *
 * const options: FrameOptions = { lengthBytes: 2, maxFrameBytes: 1024 }
 * console.log(new FrameEncoder(options).encode('hi')) // <Buffer 00 02 68 69>
 * ```
 */
export interface FrameOptions {
  /** How many bytes the big-endian length takes: 1, 2 or 4. Default 4. */
  lengthBytes?: 1 | 2 | 4 | undefined
  /**
   * The longest payload, in bytes: 0 up to the largest number that the length can hold. Default
   * 1 MiB, or that number if it is smaller.
   */
  maxFrameBytes?: number | undefined
}

const FRAME_OPTIONS: OptionNames<FrameOptions> = { lengthBytes: true, maxFrameBytes: true }

/**
 * A frame is longer than `maxFrameBytes`. If a peer sent it, close the connection: the rest of its
 * stream cannot be decoded.
 * @category Helpers
 * @example
 * ```ts
 * import { FrameEncoder, FrameTooLargeError } from 'pollport'
 *
 * try {
 *   new FrameEncoder({ maxFrameBytes: 4 }).encode('hello')
 * } catch (error) {
 *   if (!(error instanceof FrameTooLargeError)) throw error
 *   console.log(error.code, error.frameBytes) // ERR_FRAME_TOO_LARGE 5
 * }
 * ```
 */
export class FrameTooLargeError extends RangeError {
  /** `'ERR_FRAME_TOO_LARGE'`. */
  readonly code = 'ERR_FRAME_TOO_LARGE'
  /** The length of the frame, in bytes, or the length that it announces. */
  readonly frameBytes: number
  /** The limit, in bytes. */
  readonly maxFrameBytes: number

  /** An encoder or a decoder makes it; you need it only to fake one in a test. */
  constructor(frameBytes: number, maxFrameBytes: number) {
    super(`a frame of ${frameBytes} bytes is over the limit of ${maxFrameBytes}`)
    this.name = 'FrameTooLargeError'
    this.frameBytes = frameBytes
    this.maxFrameBytes = maxFrameBytes
  }
}

function readOptions(options: FrameOptions): { lengthBytes: 1 | 2 | 4; maxFrameBytes: number } {
  const { lengthBytes = DEFAULT_LENGTH_BYTES, maxFrameBytes } = knownOptions(options, FRAME_OPTIONS)
  if (lengthBytes !== 1 && lengthBytes !== 2 && lengthBytes !== 4)
    throw invalidArgValue('lengthBytes', lengthBytes, 'it is 1, 2 or 4')
  const most = 2 ** (8 * lengthBytes) - 1
  return {
    lengthBytes,
    maxFrameBytes:
      maxFrameBytes === undefined
        ? Math.min(DEFAULT_MAX_FRAME_BYTES, most)
        : integer(maxFrameBytes, 'maxFrameBytes', 0, most)
  }
}

/**
 * Puts a length before each payload, so that a {@link FrameDecoder} finds it again in the stream.
 * @category Helpers
 * @example
 * ```ts
 * import { FrameDecoder, FrameEncoder } from 'pollport'
 *
 * const encoder = new FrameEncoder()
 * const decoder = new FrameDecoder()
 * const stream = Buffer.concat([encoder.encode('hello'), encoder.encode('world')])
 * for (const payload of decoder.push(stream)) console.log(String(payload)) // hello, world
 * ```
 */
export class FrameEncoder {
  /** How many bytes the length takes. */
  readonly lengthBytes: 1 | 2 | 4
  /** The longest payload, in bytes. */
  readonly maxFrameBytes: number

  /**
   * Makes an encoder.
   * @throws TypeError `ERR_INVALID_ARG_VALUE` or RangeError `ERR_OUT_OF_RANGE` for wrong options
   */
  constructor(options: FrameOptions = {}) {
    const { lengthBytes, maxFrameBytes } = readOptions(options)
    this.lengthBytes = lengthBytes
    this.maxFrameBytes = maxFrameBytes
  }

  /**
   * Makes the frame of a payload.
   * @param payload bytes, or a string as UTF-8
   * @returns a new Buffer with the length and the payload, to send as it is
   * @throws FrameTooLargeError for a payload over `maxFrameBytes`
   */
  encode(payload: Uint8Array | string): Buffer {
    const length =
      typeof payload === 'string'
        ? Buffer.byteLength(payload)
        : uint8Array(payload, 'payload').length
    if (length > this.maxFrameBytes) throw new FrameTooLargeError(length, this.maxFrameBytes)
    const frame = Buffer.allocUnsafe(this.lengthBytes + length)
    frame.writeUIntBE(length, 0, this.lengthBytes)
    if (typeof payload === 'string') frame.write(payload, this.lengthBytes)
    else frame.set(payload, this.lengthBytes)
    return frame
  }
}

/**
 * Finds the frames in what was received, however the network cut it. It keeps at most one
 * unfinished frame. Use one for each connection.
 * @category Helpers
 * @example
 * ```ts
 * import { FrameDecoder, FrameEncoder } from 'pollport'
 *
 * const decoder = new FrameDecoder()
 * const frame = new FrameEncoder().encode('hello')
 * console.log([...decoder.push(frame.subarray(0, 6))].length) // 0: not whole yet
 * for (const payload of decoder.push(frame.subarray(6))) console.log(String(payload)) // hello
 * ```
 */
export class FrameDecoder {
  /** How many bytes the length takes. */
  readonly lengthBytes: 1 | 2 | 4
  /** The longest payload, in bytes. */
  readonly maxFrameBytes: number
  /**
   * The bytes that do not make a whole frame yet, at the front of a buffer with room for the rest.
   */
  #kept: Buffer = Buffer.alloc(0)
  #keptBytes = 0
  #broken: FrameTooLargeError | undefined

  /**
   * Makes a decoder.
   * @throws TypeError `ERR_INVALID_ARG_VALUE` or RangeError `ERR_OUT_OF_RANGE` for wrong options
   */
  constructor(options: FrameOptions = {}) {
    const { lengthBytes, maxFrameBytes } = readOptions(options)
    this.lengthBytes = lengthBytes
    this.maxFrameBytes = maxFrameBytes
  }

  /** How many bytes of an unfinished frame are kept. */
  get bufferedBytes(): number {
    return this.#keptBytes
  }

  /**
   * Decodes the next bytes of the stream.
   *
   * A payload that lies whole in `chunk` is a view of it and valid as long as it: for a poller's
   * `data`, until the next `wait()`. Copy what you keep. The decoder itself keeps copies only.
   * @param chunk the bytes, in the order in which they were received
   * @returns the payloads that are complete now, in order
   * @throws FrameTooLargeError for a length over `maxFrameBytes`, before memory is used for it. If
   *   frames came before it in `chunk`, iterating returns those first and throws then. Every later
   *   push throws too.
   */
  push(chunk: Uint8Array): Iterable<Buffer> {
    if (this.#broken !== undefined) throw this.#broken
    uint8Array(chunk, 'chunk')
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length)
    const frames: Buffer[] = []
    let at = this.#keptBytes > 0 ? this.#finishKept(bytes, frames) : 0
    while (this.#broken === undefined && bytes.length - at >= this.lengthBytes) {
      const length = bytes.readUIntBE(at, this.lengthBytes)
      if (!this.#accept(length)) break
      const end = at + this.lengthBytes + length
      if (end > bytes.length) break
      frames.push(bytes.subarray(at + this.lengthBytes, end))
      at = end
    }
    if (this.#broken === undefined && at < bytes.length) this.#keep(bytes.subarray(at))
    if (this.#broken === undefined) return frames
    if (frames.length === 0) throw this.#broken
    return framesThenError(frames, this.#broken)
  }

  /** Adds what the unfinished frame lacks; returns how many bytes of the chunk that took. */
  #finishKept(bytes: Buffer, frames: Buffer[]): number {
    let at = 0
    if (this.#keptBytes < this.lengthBytes) {
      at = this.#append(bytes, 0, this.lengthBytes - this.#keptBytes)
      if (this.#keptBytes < this.lengthBytes) return at
      if (!this.#accept(this.#kept.readUIntBE(0, this.lengthBytes))) return at
    }
    const whole = this.lengthBytes + this.#kept.readUIntBE(0, this.lengthBytes)
    at += this.#append(bytes, at, whole - this.#keptBytes)
    if (this.#keptBytes < whole) return at
    // The buffer goes to the caller: the next unfinished frame gets another.
    frames.push(this.#kept.subarray(this.lengthBytes, whole))
    this.#kept = Buffer.alloc(0)
    this.#keptBytes = 0
    return at
  }

  #keep(rest: Buffer): void {
    this.#append(rest, 0, rest.length)
  }

  /** Copies up to `wanted` bytes behind what is kept; returns how many there were. */
  #append(bytes: Buffer, at: number, wanted: number): number {
    const taken = Math.min(wanted, bytes.length - at)
    const needed = this.#keptBytes + taken
    if (needed > this.#kept.length) {
      // Grows with what came, not with what the length promises: a peer must send bytes to make us
      // hold bytes.
      const grown = Buffer.allocUnsafeSlow(
        Math.max(needed, Math.min(this.#kept.length * 2, this.lengthBytes + this.maxFrameBytes), 64)
      )
      this.#kept.copy(grown, 0, 0, this.#keptBytes)
      this.#kept = grown
    }
    bytes.copy(this.#kept, this.#keptBytes, at, at + taken)
    this.#keptBytes = needed
    return taken
  }

  #accept(length: number): boolean {
    if (length <= this.maxFrameBytes) return true
    this.#broken = new FrameTooLargeError(length, this.maxFrameBytes)
    this.#kept = Buffer.alloc(0)
    this.#keptBytes = 0
    return false
  }
}

function* framesThenError(frames: Buffer[], error: Error): Generator<Buffer> {
  yield* frames
  throw error
}
