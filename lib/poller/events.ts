// The events of wait(), as types, and the rule by which an event has gone stale. Knows no system.
import type { SocketAddress } from '../address.ts'
import type { SocketError } from '../errors.ts'
import type { TcpConnection } from './tcp-connection.ts'
import type { TcpListener } from './tcp-listener.ts'
import type { UdpSocket } from './udp-socket.ts'

/** Any socket of a {@link Poller}. */
export type PollSocket<U = unknown> = TcpListener<U> | TcpConnection<U> | UdpSocket<U>

/**
 * A listener took a connection; it is open and may be sent to at once. `userPtr` is the listener's;
 * set the connection's own by `socket.userPtr = …`. (Of every other event it is the socket's own,
 * at the moment when the iterator, `forEach` or `divert` hands the event out.)
 */
export interface AcceptEvent<U = unknown> {
  type: 'accept'
  listener: TcpListener<U>
  socket: TcpConnection<U>
  userPtr: U | undefined
}

/** `connectTcp()` succeeded. A failed one gives no `connect`, only a `close` with its error. */
export interface ConnectEvent<U = unknown> {
  type: 'connect'
  socket: TcpConnection<U>
  userPtr: U | undefined
}

/**
 * Bytes of a connection. `data` is a view of the poller's receive buffer: valid until the next
 * `wait()`; copy what must stay.
 *
 * To give them to another thread, post a copy, `new Uint8Array(data)`, whose memory may be
 * transferred: a structured clone of `data` itself copies the whole receive buffer, which cannot be
 * transferred (`postMessage()` throws a DataCloneError; Node 20 copies it).
 */
export interface ReceiveEvent<U = unknown> {
  type: 'receive'
  socket: TcpConnection<U>
  userPtr: U | undefined
  data: Buffer
}

/**
 * A datagram; 0 bytes are possible. `truncated`: it was longer than `maxDatagramBytes`, and its
 * rest is gone. `data` is valid until the next `wait()`, and is given to another thread as that of
 * a {@link ReceiveEvent}.
 */
export interface DatagramEvent<U = unknown> {
  type: 'datagram'
  socket: UdpSocket<U>
  userPtr: U | undefined
  data: Buffer
  address: SocketAddress
  truncated: boolean
}

/** After `send()` returned false: the queue is below the low-water mark again. */
export interface DrainEvent<U = unknown> {
  type: 'drain'
  socket: TcpConnection<U> | UdpSocket<U>
  userPtr: U | undefined
}

/**
 * The peer finished sending; sending to it still works, unless a `close` with an error follows at
 * once: what a peer finished in order is told, also when a send has found meanwhile that it is
 * gone. (On Windows a reset may take away what was not received yet, and this with it.)
 */
export interface EndEvent<U = unknown> {
  type: 'end'
  socket: TcpConnection<U>
  userPtr: U | undefined
}

/**
 * Nothing was received or sent for the time given to `setIdleTimeout()`. Once for each such time;
 * the connection stays open.
 */
export interface TimeoutEvent<U = unknown> {
  type: 'timeout'
  socket: TcpConnection<U>
  userPtr: U | undefined
}

/**
 * Something went wrong that the socket survives: no descriptor left at accept, an unreachable UDP
 * peer.
 */
export interface ErrorEvent<U = unknown> {
  type: 'error'
  socket: TcpListener<U> | UdpSocket<U>
  userPtr: U | undefined
  error: SocketError
}

/**
 * The socket is closed: exactly once, its last event. `error` says why, if the program or both
 * sides did not close it in order.
 */
export interface CloseEvent<U = unknown> {
  type: 'close'
  socket: PollSocket<U>
  userPtr: U | undefined
  error?: SocketError
}

/** A {@link Waker} or `wake()` ended the wait. */
export interface WakeEvent {
  type: 'wake'
}

/** What `wait()` gives. */
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

/** What can happen to one connection after its `accept`: see {@link TcpConnection.divert}. */
export type ConnectionEvent<U = unknown> =
  | ConnectEvent<U>
  | ReceiveEvent<U>
  | DrainEvent<U>
  | EndEvent<U>
  | TimeoutEvent<U>
  | (CloseEvent<U> & { socket: TcpConnection<U> })

/** Who takes the events of one connection. */
export type OnConnectionEvent<U = unknown> = (event: ConnectionEvent<U>) => void

/**
 * Called when the program comes to an event: gives it the `userPtr` of that moment. False if the
 * program gave up the event's socket after the batch was made: such an event is passed over, except
 * the `close` itself.
 */
export function handOut<U>(event: PollEvent<U>): boolean {
  if (event.type === 'wake') return true
  if (event.type !== 'close' && event.socket._silent) return false
  event.userPtr = event.type === 'accept' ? event.listener.userPtr : event.socket.userPtr
  return true
}
