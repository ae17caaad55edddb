// The events of wait(), as types, and the rule by which an event has gone stale. Knows no system.
import type { SocketAddress } from '../address.ts'
import type { SocketError } from '../errors.ts'
import type { TcpConnection } from './tcp-connection.ts'
import type { TcpListener } from './tcp-listener.ts'
import type { UdpSocket } from './udp-socket.ts'

/**
 * Any socket of a {@link Poller}.
 * @category Events
 */
export type PollSocket<U = unknown> = TcpListener<U> | TcpConnection<U> | UdpSocket<U>

/**
 * A listener accepted a connection. The connection is open: you can send to it at once.
 * @category Events
 */
export interface AcceptEvent<U = unknown> {
  /** Which event this is. */
  type: 'accept'
  /** The listener that accepted it. */
  listener: TcpListener<U>
  /** The new connection. Give it a `userPtr` of its own by `socket.userPtr = …`. */
  socket: TcpConnection<U>
  /**
   * The `userPtr` of the listener. In every other event it is the socket's own, read when the event
   * is handed out by the iterator, `forEach` or `divert`.
   */
  userPtr: U | undefined
}

/**
 * `connectTcp()` succeeded. A connect that fails gives no `connect`, only a `close` with the error.
 * @category Events
 */
export interface ConnectEvent<U = unknown> {
  /** Which event this is. */
  type: 'connect'
  /** The connection, open from now on. */
  socket: TcpConnection<U>
  /** The connection's `userPtr`. */
  userPtr: U | undefined
}

/**
 * Bytes that a connection received, in the order in which the peer sent them.
 * @category Events
 */
export interface ReceiveEvent<U = unknown> {
  /** Which event this is. */
  type: 'receive'
  /** The connection that received them. */
  socket: TcpConnection<U>
  /** The connection's `userPtr`. */
  userPtr: U | undefined
  /**
   * A view of the poller's receive buffer, valid until the next `wait()`: copy what you keep
   * (`Buffer.from(data)`).
   *
   * To pass the bytes to another thread, post a copy, `new Uint8Array(data)`, whose memory may be
   * transferred. A structured clone of `data` itself would copy the whole receive buffer, and the
   * buffer cannot be transferred: `postMessage()` throws a DataCloneError, but Node 20 copies it.
   */
  data: Buffer
}

/**
 * A UDP socket received a datagram.
 * @category Events
 */
export interface DatagramEvent<U = unknown> {
  /** Which event this is. */
  type: 'datagram'
  /** The socket that received it. */
  socket: UdpSocket<U>
  /** The socket's `userPtr`. */
  userPtr: U | undefined
  /** The payload; it may be empty. Valid until the next `wait()`, as in {@link ReceiveEvent}. */
  data: Buffer
  /** The sender, to which you can answer with `send()`. */
  address: SocketAddress
  /** Whether it was longer than `maxDatagramBytes`; the rest is lost. */
  truncated: boolean
}

/**
 * A `send()` returned false before, and the queue is below the low-water mark again, which is half
 * of `highWaterMarkBytes`: go on sending.
 * @category Events
 */
export interface DrainEvent<U = unknown> {
  /** Which event this is. */
  type: 'drain'
  /** The socket whose queue has drained. */
  socket: TcpConnection<U> | UdpSocket<U>
  /** The socket's `userPtr`. */
  userPtr: U | undefined
}

/**
 * The peer sent FIN: it finished sending. You can still send, unless a `close` with an error
 * follows at once. (On Windows a reset may discard what was not received yet, and this event with
 * it.)
 * @category Events
 */
export interface EndEvent<U = unknown> {
  /** Which event this is. */
  type: 'end'
  /** The connection whose peer finished. */
  socket: TcpConnection<U>
  /** The connection's `userPtr`. */
  userPtr: U | undefined
}

/**
 * Nothing was received or sent for the time given to `setIdleTimeout()`. It comes once for each
 * such time. The connection stays open: close it if that is what you want.
 * @category Events
 */
export interface TimeoutEvent<U = unknown> {
  /** Which event this is. */
  type: 'timeout'
  /** The connection that was idle. */
  socket: TcpConnection<U>
  /** The connection's `userPtr`. */
  userPtr: U | undefined
}

/**
 * An error that the socket survives: an accept without a free descriptor (`EMFILE`), or an
 * unreachable UDP peer, if you asked for that by `reportUnreachable`.
 * @category Events
 */
export interface ErrorEvent<U = unknown> {
  /** Which event this is. */
  type: 'error'
  /** The socket that it happened to; it stays open. */
  socket: TcpListener<U> | UdpSocket<U>
  /** The socket's `userPtr`. */
  userPtr: U | undefined
  /** What failed. */
  error: SocketError
}

/**
 * The socket is closed. Each socket gives this event exactly once, as its last one.
 * @category Events
 */
export interface CloseEvent<U = unknown> {
  /** Which event this is. */
  type: 'close'
  /** The socket, closed now. Its addresses and counters can still be read. */
  socket: PollSocket<U>
  /** The socket's `userPtr`. */
  userPtr: U | undefined
  /** Why, unless your program closed it or both sides finished in order. */
  error?: SocketError
}

/**
 * A {@link Waker}, or {@link Poller.wake}, ended the wait.
 * @category Events
 */
export interface WakeEvent {
  /** Which event this is. */
  type: 'wake'
}

/**
 * One event of a batch, as `wait()` returns them. Narrow it by its `type`.
 * @category Events
 */
export type PollEvent<U = unknown> =
  | AcceptEvent<U>
  | ConnectEvent<U>
  | ReceiveEvent<U>
  | DatagramEvent<U>
  | DrainEvent<U>
  | EndEvent<U>
  | TimeoutEvent<U>
  | ErrorEvent<U>
  | CloseEvent<U>
  | WakeEvent

/**
 * The {@link CloseEvent} of a connection.
 * @category Events
 */
export interface ConnectionCloseEvent<U = unknown> extends CloseEvent<U> {
  /** The connection, closed now. */
  socket: TcpConnection<U>
}

/**
 * What can happen to one connection after its `accept`: see {@link TcpConnection.divert}.
 * @category Events
 */
export type ConnectionEvent<U = unknown> =
  | ConnectEvent<U>
  | ReceiveEvent<U>
  | DrainEvent<U>
  | EndEvent<U>
  | TimeoutEvent<U>
  | ConnectionCloseEvent<U>

/**
 * Who takes the events of one connection.
 * @category Events
 */
export type OnConnectionEvent<U = unknown> = (event: ConnectionEvent<U>) => void

/** What can happen to one listener: see {@link TcpListener.divert}. */
export type ListenerEvent<U = unknown> =
  | AcceptEvent<U>
  | (ErrorEvent<U> & {
      /** The listener. */
      socket: TcpListener<U>
    })
  | (CloseEvent<U> & {
      /** The listener. */
      socket: TcpListener<U>
    })

/** Who takes the events of one listener. */
export type OnListenerEvent<U = unknown> = (event: ListenerEvent<U>) => void

/**
 * Called when the program comes to an event: gives it the `userPtr` of that moment. False if the
 * program gave up the event's socket after the batch was made: such an event is passed over, except
 * the `close` itself.
 */
export function handOut<U>(event: PollEvent<U>): boolean {
  if (event.type === 'wake') return true
  if (event.type !== 'close' && event.socket._isDiscarded) return false
  event.userPtr = event.type === 'accept' ? event.listener.userPtr : event.socket.userPtr
  return true
}
