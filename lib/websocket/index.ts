/**
 * The WebSocket protocol (RFC 6455), with permessage-deflate (RFC 7692).
 * @module pollport/websocket
 */
export type {
  WebSocketDecoderOptions,
  WebSocketEncoderOptions,
  WebSocketRole
} from './codec-options.ts'
export type { WebSocketFrames } from './decoder.ts'
export { WebSocketDecoder } from './decoder.ts'
export type { DeflateOptions } from './deflate.ts'
export type { FragmentOptions, MessageOptions } from './encoder.ts'
export { WebSocketEncoder } from './encoder.ts'
export type { WebSocketErrorCode } from './websocket-error.ts'
export { WebSocketError } from './websocket-error.ts'
