// What Colyseus calls the `ref` of a client: one WebSocket, with the events and methods of `ws`
// that the framework and its rooms use. Does not know rooms.
import { EventEmitter } from 'node:events'
import type { WebSocket } from 'pollport/websocket'

/** RFC 6455, 7.4.1: stands for a close frame that has no code. */
const NO_STATUS = 1005
const OPEN = 1

/** Called when a message has been handed to the system, or cannot be. */
export type OnSent = (error?: Error) => void

/** What all connections of a transport share. */
export interface Shared {
  /** How long what is sent to a client is held back; 0 sends at once. */
  latencyMs: number
}

/**
 * The connection of a client, `client.ref` in a room. Emits `'message'` (data, isBinary), `'close'`
 * (code, reason) and `'pong'` (data). The data are the listener's to keep.
 */
export class Connection extends EventEmitter {
  /** @internal */
  readonly _shared: Shared
  #socket: WebSocket<Connection> | undefined
  /** Callbacks of what was sent and has not left yet. */
  #onSent: OnSent[] | undefined

  /** @internal Opens with {@link _onOpen}. */
  constructor(shared: Shared) {
    super()
    this._shared = shared
  }

  /** pollport's own WebSocket, for what this class does not have. */
  get socket(): WebSocket<Connection> {
    return this.#socket!
  }

  /** 0 connecting, 1 open, 2 closing, 3 closed: as in a browser. */
  get readyState(): number {
    return this.#socket?.readyState ?? 0
  }

  /** Bytes that were sent and that the system has not taken yet. */
  get bufferedAmount(): number {
    return this.#socket?.bufferedBytes ?? 0
  }

  /**
   * Sends a binary message; the bytes are copied.
   * @param onSent called when the system has taken the message, or with the error that prevents it
   */
  send(data: Uint8Array | readonly number[], onSent?: OnSent): void {
    const socket = this.socket
    const wasOpen = socket.readyState === OPEN
    if (wasOpen) socket.send(data instanceof Uint8Array ? data : Uint8Array.from(data))
    if (onSent === undefined) return
    if (!wasOpen) {
      process.nextTick(onSent, notOpen())
      return
    }
    this.#onSent ??= []
    this.#onSent.push(onSent)
    socket.requestDrain()
  }

  /** Sends a ping; `'pong'` follows. */
  ping(data?: Uint8Array): void {
    this.socket.ping(data)
  }

  /**
   * Begins to close; what was sent before still leaves.
   * @param code 1000 to 1014 without 1004 to 1006, or 3000 to 4999. Default: a close frame without
   *   a code, which the peer reports as 1005, as with `ws`
   * @throws RangeError for other codes, and for a reason over 123 bytes of UTF-8
   */
  close(code: number = NO_STATUS, reason?: string): void {
    this.socket.close(code, reason)
  }

  /** Closes at once, without a close frame. */
  terminate(): void {
    this.socket.terminate()
  }

  /** @internal */
  _onOpen(socket: WebSocket<Connection>): void {
    this.#socket = socket
  }

  /** @internal Everything that was sent has been handed to the system. */
  _onDrain(): void {
    this.#callBack(undefined)
  }

  /** @internal */
  _onClose(code: number, reason: string): void {
    this.#callBack(notOpen())
    this.emit('close', code, Buffer.from(reason))
  }

  #callBack(error: Error | undefined): void {
    const waiting = this.#onSent
    this.#onSent = undefined
    // Each in a callback of its own: one that throws is an uncaught exception, and the others run.
    for (const onSent of waiting ?? [])
      if (error === undefined) process.nextTick(onSent)
      else process.nextTick(onSent, error)
  }
}

function notOpen(): Error {
  return Object.assign(new Error('the connection is closed: the message was not sent'), {
    code: 'EPIPE'
  })
}
