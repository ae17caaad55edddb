// The payload of a compressed message (RFC 7692, 7.2), each message by itself: no context is taken
// over from one to the next. Knows no frames.
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import { WebSocketError } from './websocket-error.ts'

/** What the sender cuts off and the receiver puts back: the end of an empty block (7.2.1). */
const TAIL = Buffer.from([0x00, 0x00, 0xff, 0xff])
/**
 * A message may hold several DEFLATE streams, one after the other (7.2.1, "BFINAL"). Nobody sends
 * more than two; each costs a call of zlib, and an empty one is two bytes for the peer.
 */
const MAX_STREAMS = 16

/**
 * How messages are compressed.
 * @example
 * ```ts
 * import { type DeflateOptions, WebSocketEncoder } from 'pollport/websocket'
 *
 * const compression: DeflateOptions = { level: 1, windowBits: 12 } // quick, and little memory
 * const encoder = new WebSocketEncoder({ role: 'server', compression })
 * console.log(encoder.encode('ha'.repeat(100), { compress: true }).length < 30) // true
 * ```
 */
export interface DeflateOptions {
  /** zlib's level, -1 (its default, 6) to 9. Lower is quicker. */
  level?: number | undefined
  /** The largest window that the peer allows, 9 to 15 bits. */
  windowBits?: number | undefined
}

/** Compresses one message. */
export function deflateMessage(data: Uint8Array, options: DeflateOptions): Buffer {
  const compressed = deflateRawSync(data, { ...options, finishFlush: constants.Z_SYNC_FLUSH })
  return compressed.subarray(0, compressed.length - TAIL.length)
}

/**
 * Makes a message of what was received. Memory goes no further than `maxBytes`, however much the
 * data would become.
 * @throws WebSocketError `ERR_WEBSOCKET_MESSAGE_TOO_LARGE`, `ERR_WEBSOCKET_INVALID_COMPRESSION`
 */
export function inflateMessage(data: Uint8Array, maxBytes: number): Buffer {
  const streams: Buffer[] = []
  const whole = Buffer.concat([data, TAIL])
  let bytes = 0
  for (let at = 0; at < data.length || streams.length === 0; ) {
    if (streams.length === MAX_STREAMS) throw noDeflate(`it has more than ${MAX_STREAMS} streams`)
    const { stream, consumed } = inflateStream(whole.subarray(at), maxBytes - bytes, maxBytes)
    streams.push(stream)
    bytes += stream.length
    at += consumed
  }
  return streams.length === 1 ? streams[0] : Buffer.concat(streams, bytes)
}

function inflateStream(
  data: Buffer,
  maxOutputLength: number,
  maxBytes: number
): { stream: Buffer; consumed: number } {
  try {
    const { buffer, engine } = inflateRawSync(data, {
      finishFlush: constants.Z_SYNC_FLUSH,
      // Node takes nothing below 1.
      maxOutputLength: Math.max(maxOutputLength, 1),
      info: true
    }) as unknown as { buffer: Buffer; engine: { bytesWritten: number } }
    if (buffer.length > maxOutputLength) throw tooLarge(maxBytes)
    return { stream: buffer, consumed: engine.bytesWritten }
  } catch (error) {
    if (error instanceof WebSocketError) throw error
    // zlib's own failures are no RangeErrors: this one is Node's, for maxOutputLength.
    if (error instanceof RangeError) throw tooLarge(maxBytes, error)
    throw noDeflate((error as Error).message, error)
  }
}

function tooLarge(maxBytes: number, cause?: unknown): WebSocketError {
  return new WebSocketError(
    'ERR_WEBSOCKET_MESSAGE_TOO_LARGE',
    `a compressed message becomes more than ${maxBytes} bytes`,
    { cause }
  )
}

function noDeflate(reason: string, cause?: unknown): WebSocketError {
  return new WebSocketError(
    'ERR_WEBSOCKET_INVALID_COMPRESSION',
    `a compressed message is no DEFLATE data: ${reason}`,
    { cause }
  )
}
