// A client as a room sees it: what Colyseus asks of a transport's client, on a Connection. How
// frames are queued while a client joins is the framework's (`enqueueClientRaw`).
import {
  type Client,
  type ClientPrivate,
  ClientState,
  debugMessage,
  enqueueClientRaw,
  getMessageBytes,
  type ISendOptions,
  logger,
  Protocol
} from '@colyseus/core'
import type { Connection, OnSent } from './connection.ts'

/** A client of a room, as in `room.clients` and `onJoin(client)`. */
export class PollportClient implements Client, ClientPrivate {
  declare '~messages': Client['~messages']

  readonly id: string
  sessionId: string
  ref: Connection
  state: ClientState = ClientState.JOINING
  reconnectionToken = ''
  _joinedAt = 0
  _numMessagesLastSecond = 0
  _messageCountResetsAt = 0
  _lastMessageTime = 0
  /** What was sent before the client has joined; the room deletes it then. */
  _enqueuedMessages?: NonNullable<ClientPrivate['_enqueuedMessages']> = []

  constructor(id: string, ref: Connection) {
    this.id = id
    this.sessionId = id
    this.ref = ref
  }

  /** As in a browser: 1 is open. */
  get readyState(): number {
    return this.ref.readyState
  }

  /** Sends bytes under a message type. */
  sendBytes(type: string | number, bytes: Uint8Array, options?: ISendOptions): void {
    debugMessage("send bytes(to %s): '%s' -> %j", this.sessionId, type, bytes)
    const frame = getMessageBytes.raw(Protocol.ROOM_DATA_BYTES, type, undefined, bytes)
    this.enqueueRaw(frame, options)
  }

  /** Sends a message under a type. */
  send(type: PropertyKey, message?: unknown, options?: ISendOptions): void {
    debugMessage("send(to %s): '%s' -> %j", this.sessionId, type, message)
    const frame = getMessageBytes.raw(Protocol.ROOM_DATA, type as string | number, message)
    this.enqueueRaw(frame, options)
  }

  enqueueRaw(data: Uint8Array, options?: ISendOptions): void {
    enqueueClientRaw(this, data, options)
  }

  /**
   * Sends bytes as they are, now. They are copied.
   * @param onSent called when the system has taken them, or with the error that prevents it
   */
  raw(data: Uint8Array, _options?: ISendOptions, onSent?: OnSent): void {
    const { ref } = this
    const { latencyMs } = ref._shared
    if (latencyMs === 0) return ref.send(data, onSent)
    const copy = Uint8Array.from(data)
    setTimeout(() => ref.send(copy, onSent), latencyMs)
  }

  /** Sends an error: the SDK's `room.onError()`. */
  error(code: number, message: string = '', onSent?: OnSent): void {
    this.raw(getMessageBytes[Protocol.ERROR](code, message), undefined, onSent)
  }

  /** Closes the connection; `code` as the framework's `CloseCode`. */
  leave(code?: number, reason?: string): void {
    this.ref.close(code, reason)
  }

  /** @deprecated Use `leave()`. */
  close(code?: number, reason?: string): void {
    logger.warn('client.close() is deprecated: call client.leave()', new Error().stack)
    this.leave(code, reason)
  }

  toJSON(): object {
    return { sessionId: this.sessionId, readyState: this.readyState }
  }
}
