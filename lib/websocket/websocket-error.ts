// What goes wrong between two WebSockets, as an error with the close code that RFC 6455 has for it.
// Knows no socket.

/**
 * Each failure by its name, with the close code that tells the peer of it (RFC 6455, 7.4.1; 1013
 * is registered with IANA).
 */
const CLOSE_CODES = {
  /** The peer broke a rule of the framing. */
  ERR_WEBSOCKET_PROTOCOL: 1002,
  /** Text, or the reason of a close, that is not UTF-8. */
  ERR_WEBSOCKET_INVALID_UTF8: 1007,
  /** A compressed message that is no DEFLATE data. */
  ERR_WEBSOCKET_INVALID_COMPRESSION: 1007,
  /** A message of more than `maxFragments` frames. */
  ERR_WEBSOCKET_TOO_MANY_FRAGMENTS: 1008,
  /** A message over `maxMessageBytes`. */
  ERR_WEBSOCKET_MESSAGE_TOO_LARGE: 1009
} as const

/** The `code` of a {@link WebSocketError}. */
export type WebSocketErrorCode = keyof typeof CLOSE_CODES

/**
 * The peer sent what a WebSocket may not send, or more than the limits allow.
 * @example
 * ```ts
 * import { WebSocketDecoder, WebSocketError } from 'pollport/websocket'
 *
 * const decoder = new WebSocketDecoder({ role: 'server' })
 * const nothing = () => {}
 * const handlers = { onMessage: nothing, onPing: nothing, onPong: nothing, onClose: nothing }
 * try {
 *   decoder.push(Buffer.from([0x81, 0x00]), handlers) // a client's frame without a mask
 * } catch (error) {
 *   if (error instanceof WebSocketError) console.log(error.closeCode) // 1002
 * }
 * ```
 */
export class WebSocketError extends Error {
  /** Which rule it is about, such as `'ERR_WEBSOCKET_PROTOCOL'`. */
  readonly code: WebSocketErrorCode
  /** The close code for the peer: 1002, 1007, 1008 or 1009. */
  readonly closeCode: number

  /** A decoder makes it; you need it only to fake one in a test. */
  constructor(code: WebSocketErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'WebSocketError'
    this.code = code
    this.closeCode = CLOSE_CODES[code]
  }
}

/** A rule of the framing was broken: 1002. */
export function protocolError(message: string): WebSocketError {
  return new WebSocketError('ERR_WEBSOCKET_PROTOCOL', message)
}
