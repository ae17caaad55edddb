/**
 * The WebSocket protocol (RFC 6455), with permessage-deflate (RFC 7692).
 * @module pollport/websocket
 */
export type { AdmissionOptions } from './admission.ts'
export type {
  WebSocketDecoderOptions,
  WebSocketEncoderOptions,
  WebSocketRole
} from './codec-options.ts'
export type { CompressionOptions } from './compression.ts'
export type { ConnectWebSocketOptions } from './connect.ts'
export { connectWebSocket } from './connect.ts'
export type { WebSocketFrames } from './decoder.ts'
export { WebSocketDecoder } from './decoder.ts'
export type { DeflateOptions } from './deflate.ts'
export type { FragmentOptions, MessageOptions } from './encoder.ts'
export { WebSocketEncoder } from './encoder.ts'
export type { WebSocketHandlers, WebSocketLimits } from './handlers.ts'
export { WebSocketHandshakeError } from './handshake-error.ts'
export type { ExtraHeaders } from './http-answer.ts'
export type { Headers } from './http-head.ts'
export type { UpgradeDecision } from './pending-handshake.ts'
export type { OnUpgrade, WebSocketServerOptions } from './server.ts'
export { WebSocketServer } from './server.ts'
export { UpgradeRequest } from './upgrade-request.ts'
export { WebSocket } from './websocket.ts'
export type { WebSocketErrorCode } from './websocket-error.ts'
export { WebSocketError } from './websocket-error.ts'
