// The options that a server and a client share: handlers of what happens to a WebSocket, and its
// limits and times.
import type { OptionNames } from '../option-names.ts'
import type { CompressionOptions } from './compression.ts'
import type { WebSocket } from './websocket.ts'

/**
 * What a program does about its WebSockets. The handlers run at the end of `wait()`, before it
 * returns, or of the turn of `run()`, in the order of the events. What one throws is an uncaught
 * exception, and the others run all the same; a promise that it returns is not waited for.
 */
export interface WebSocketHandlers<U = unknown> {
  /** The handshake is done: it may be sent to. */
  onOpen?: ((socket: WebSocket<U>) => void) | undefined
  /**
   * A message. **`data` is valid until the handler returns**, or until its first `await`: after
   * that it holds other people's bytes. Copy what must stay (`Buffer.from(data)`), or make a string
   * of it (`socket.text(data)`). Of text it is UTF-8 that has been checked.
   */
  onMessage?: ((socket: WebSocket<U>, data: Buffer, isText: boolean) => void) | undefined
  /** After `send()` returned false: everything has been handed to the system. */
  onDrain?: ((socket: WebSocket<U>) => void) | undefined
  /**
   * A ping came, and its pong is on its way already. For those who count what a peer sends: a
   * browser's page cannot send pings. `data` is valid as that of a message.
   */
  onPing?: ((socket: WebSocket<U>, data: Buffer) => void) | undefined
  /** The answer to a ping. `data` is valid as that of a message. */
  onPong?: ((socket: WebSocket<U>, data: Buffer) => void) | undefined
  /**
   * The connection is closed: once, and last. `code` and `reason` are what the peer's close frame
   * said (1005 if it had no code), or why this side closed without one: 1006 the connection ended,
   * 1002, 1007, 1008, 1009 the peer broke a rule or a limit, 1013 it does not keep up. `error` says
   * more where there is more.
   */
  onClose?:
    | ((socket: WebSocket<U>, code: number, reason: string, error?: Error) => void)
    | undefined
}

/** Limits and times. Times are in milliseconds, and may be exceeded by a quarter. */
export interface WebSocketLimits {
  /** As for {@link WebSocketDecoder}: default 1 MiB, also of a message that is decompressed. */
  maxMessageBytes?: number | undefined
  /** As for {@link WebSocketDecoder}: default 1,024. */
  maxFragments?: number | undefined
  /** Above how many queued bytes `send()` returns false. Default 1 MiB. */
  highWaterMarkBytes?: number | undefined
  /**
   * A connection that has more than this queued when it is sent to once more is terminated, with
   * 1013. Default: four times `highWaterMarkBytes`.
   */
  maxBufferedBytes?: number | undefined
  /** The longest head of a handshake, 256 to 1,048,576 bytes. Default 16 KiB. */
  maxHandshakeBytes?: number | undefined
  /** How long a handshake may take, and authentication with it. Default 10,000. */
  handshakeTimeoutMs?: number | undefined
  /**
   * A connection that nothing came from for so long is terminated, with 1006. 0 = never. Default
   * 120,000. Peers that live answer the pings.
   */
  idleTimeoutMs?: number | undefined
  /** A ping is sent when nothing came for so long. 0 = never. Default 30,000. */
  pingIntervalMs?: number | undefined
  /**
   * How long the peer may take to close after a close frame; then the connection is reset. Default
   * 5,000.
   */
  closeTimeoutMs?: number | undefined
  /** permessage-deflate (RFC 7692). Default false. */
  compression?: false | CompressionOptions | undefined
}

export const HANDLER_NAMES: OptionNames<WebSocketHandlers> = {
  onOpen: true,
  onMessage: true,
  onDrain: true,
  onPing: true,
  onPong: true,
  onClose: true
}
export const LIMIT_NAMES: OptionNames<WebSocketLimits> = {
  maxMessageBytes: true,
  maxFragments: true,
  highWaterMarkBytes: true,
  maxBufferedBytes: true,
  maxHandshakeBytes: true,
  handshakeTimeoutMs: true,
  idleTimeoutMs: true,
  pingIntervalMs: true,
  closeTimeoutMs: true,
  compression: true
}
