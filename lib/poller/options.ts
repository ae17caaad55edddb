// What a program may choose of a poller and its sockets: the options, their defaults, and how they
// are read. Knows no socket's work.
import { invalidArgValue } from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import type { Socket } from '../raw/socket.ts'
import { integer } from '../validate.ts'
import type { BoundSocket } from './bound.ts'

const DEFAULT_MAX_EVENTS = 1024
// What a processor's second cache holds beside the rest: a larger buffer is colder each time round
// (docs/performance.md).
const DEFAULT_BATCH_BUFFER_BYTES = 256 * 1024
const DEFAULT_READ_BUDGET_BYTES = 256 * 1024
const DEFAULT_HIGH_WATER_MARK_BYTES = 1024 * 1024
const DEFAULT_MAX_DATAGRAM_BYTES = 65_535
export const DEFAULT_BACKLOG = 511

/** Options of a {@link Poller}; every one has a default. */
export interface PollerOptions {
  /** `'auto'` takes what the system has. */
  backend?: 'auto' | 'epoll' | 'iocp' | undefined
  /** How many sockets one `wait()` serves at most, 1 to 65,536. Default 1,024. */
  maxEvents?: number | undefined
  /**
   * The buffer that all sockets of a `wait()` receive into, 64 KiB to 1 GiB. Default 256 KiB.
   * Sockets that do not fit come first in the next `wait()`.
   */
  batchBufferBytes?: number | undefined
  /**
   * How many bytes one socket may take of one `wait()`, 1 to `batchBufferBytes`. Default 256 KiB,
   * or what the buffer has.
   */
  readBudgetBytes?: number | undefined
  /**
   * Above how many queued bytes `send()` returns false, for each socket. `drain` comes at half of
   * it. Default 1 MiB.
   */
  highWaterMarkBytes?: number | undefined
  /**
   * The longest datagram that is received whole, in bytes, 1 to 65,535 (the default); longer ones
   * are truncated.
   */
  maxDatagramBytes?: number | undefined
}

/** What every socket of a poller can be given when it is made. */
export interface PollSocketOptions {
  /** A numeric address: `'127.0.0.1'`, `'::1'`, `'0.0.0.0'`, `'::'`. */
  address: string
  /** 0 to 65,535; 0 lets the system choose. */
  port: number
  /**
   * The family of `address`, `'ipv4'` or `'ipv6'` in any case: so that an end point fits that
   * somebody else made, such as `server.address()` of `node:net`. Another family is refused.
   */
  family?: string | undefined
  /** SO_SNDBUF in bytes; systems may round or double it. */
  sendBufferSize?: number | undefined
  /** SO_RCVBUF in bytes; systems may round or double it. */
  receiveBufferSize?: number | undefined
  /** The type-of-service byte, or traffic class. Windows has none for IPv6 sockets: `ENOTSUP`. */
  tos?: number | undefined
}

/** Options of {@link Poller.listenTcp}. */
export interface ListenTcpOptions extends PollSocketOptions {
  /** How many connections may wait to be accepted; the system may cut it. Default 511. */
  backlog?: number | undefined
  /**
   * Several sockets share the port, the system spreads connections over them (Linux). `true` throws
   * `ENOTSUP` where there is no such thing, `'try'` goes on without.
   */
  reusePort?: boolean | 'try' | undefined
  /** An IPv6 socket refuses IPv4 clients. Default false. */
  ipv6Only?: boolean | undefined
  /**
   * TCP_NODELAY for the connections. Default true: `wait()` gathers what a tick sends, so Nagle's
   * algorithm would only delay it.
   */
  noDelay?: boolean | undefined
  /** SO_KEEPALIVE for the connections. */
  keepAlive?: boolean | undefined
}

/**
 * Options of {@link Poller.listenTcp} with a socket that is bound already: the others of
 * {@link ListenTcpOptions} say how to bind, and are refused.
 */
export interface ListenBoundOptions
  extends Pick<
    ListenTcpOptions,
    'backlog' | 'noDelay' | 'keepAlive' | 'sendBufferSize' | 'receiveBufferSize' | 'tos'
  > {
  /**
   * A `net.BoundSocket` of `node:net`. The poller takes a duplicate of its descriptor, and closes
   * it; if `listenTcp` throws, it is still yours. `ENOTSUP` where Node has no `net.BoundSocket`,
   * and on Windows, where it has no descriptor.
   */
  bound: BoundSocket
}

/** Options of {@link Poller.connectTcp}; `address` and `port` are the peer's. */
export interface ConnectTcpOptions extends PollSocketOptions {
  /** Bind to this address first. */
  localAddress?: string | undefined
  /** Bind to this port first. */
  localPort?: number | undefined
  /**
   * Connect with this socket, which is bound already, as {@link ListenBoundOptions.bound}; without
   * `localAddress` and `localPort`.
   */
  bound?: BoundSocket | undefined
  /**
   * Give up after this many milliseconds: `close` with `ETIMEDOUT`. Default: the system's own time,
   * minutes.
   */
  timeoutMs?: number | undefined
  /** TCP_NODELAY. Default true. */
  noDelay?: boolean | undefined
  /** SO_KEEPALIVE. */
  keepAlive?: boolean | undefined
}

/** Options of {@link Poller.bindUdp}. */
export interface BindUdpOptions extends PollSocketOptions {
  /** As for `listenTcp`. */
  reusePort?: boolean | 'try' | undefined
  /** SO_REUSEADDR: several sockets may bind to one multicast port. */
  reuseAddress?: boolean | undefined
  /** An IPv6 socket takes no IPv4 datagrams. Default false. */
  ipv6Only?: boolean | undefined
  /**
   * Report an `error` event (`ECONNREFUSED`, …) with the peer's end point when a datagram came back
   * as undeliverable. Default false.
   */
  reportUnreachable?: boolean | undefined
  /** Allow sending to broadcast addresses. */
  broadcast?: boolean | undefined
  /** Hops of outgoing datagrams. */
  ttl?: number | undefined
  /** Hops of outgoing multicast datagrams. */
  multicastTtl?: number | undefined
  /** Whether this machine hears its own multicast. */
  multicastLoop?: boolean | undefined
}

/** Options of {@link Poller.run}. */
export interface RunOptions {
  /** Ends `run()`; its promise is fulfilled then. */
  signal?: AbortSignal | undefined
}

// ---- Reading them ----

const POLLER_OPTIONS: OptionNames<PollerOptions> = {
  backend: true,
  maxEvents: true,
  batchBufferBytes: true,
  readBudgetBytes: true,
  highWaterMarkBytes: true,
  maxDatagramBytes: true
}
const POLL_SOCKET_OPTIONS: OptionNames<PollSocketOptions> = {
  address: true,
  port: true,
  family: true,
  sendBufferSize: true,
  receiveBufferSize: true,
  tos: true
}
const LISTEN_TCP_OPTIONS: OptionNames<ListenTcpOptions> = {
  ...POLL_SOCKET_OPTIONS,
  backlog: true,
  reusePort: true,
  ipv6Only: true,
  noDelay: true,
  keepAlive: true
}
const LISTEN_BOUND_OPTIONS: OptionNames<ListenBoundOptions> = {
  bound: true,
  backlog: true,
  noDelay: true,
  keepAlive: true,
  sendBufferSize: true,
  receiveBufferSize: true,
  tos: true
}
/** What a call with `bound` and one without may have. */
export const LISTEN_OPTIONS: OptionNames<ListenTcpOptions & ListenBoundOptions> = {
  ...LISTEN_TCP_OPTIONS,
  ...LISTEN_BOUND_OPTIONS
}
export const CONNECT_TCP_OPTIONS: OptionNames<ConnectTcpOptions> = {
  ...POLL_SOCKET_OPTIONS,
  localAddress: true,
  localPort: true,
  bound: true,
  timeoutMs: true,
  noDelay: true,
  keepAlive: true
}
export const BIND_UDP_OPTIONS: OptionNames<BindUdpOptions> = {
  ...POLL_SOCKET_OPTIONS,
  reusePort: true,
  reuseAddress: true,
  ipv6Only: true,
  reportUnreachable: true,
  broadcast: true,
  ttl: true,
  multicastTtl: true,
  multicastLoop: true
}
export const RUN_OPTIONS: OptionNames<RunOptions> = { signal: true }

/** {@link PollerOptions} with every default in its place, in range. */
interface PollerSettings {
  readonly backend: string
  readonly maxEvents: number
  readonly batchBufferBytes: number
  readonly readBudgetBytes: number
  readonly highWaterMarkBytes: number
  readonly maxDatagramBytes: number
}

export function readPollerOptions(options: PollerOptions): PollerSettings {
  const given = knownOptions(options, POLLER_OPTIONS)
  const inRange = (
    name:
      | 'maxEvents'
      | 'batchBufferBytes'
      | 'readBudgetBytes'
      | 'highWaterMarkBytes'
      | 'maxDatagramBytes',
    fallback: number,
    min: number,
    max: number
  ) => integer(withDefault(given[name], fallback), name, min, max)
  const batchBufferBytes = inRange(
    'batchBufferBytes',
    DEFAULT_BATCH_BUFFER_BYTES,
    64 * 1024,
    2 ** 30
  )
  const defaultBudget = Math.min(DEFAULT_READ_BUDGET_BYTES, batchBufferBytes)
  return {
    backend: withDefault(given.backend, 'auto'),
    maxEvents: inRange('maxEvents', DEFAULT_MAX_EVENTS, 1, 65_536),
    batchBufferBytes,
    readBudgetBytes: inRange('readBudgetBytes', defaultBudget, 1, batchBufferBytes),
    highWaterMarkBytes: inRange('highWaterMarkBytes', DEFAULT_HIGH_WATER_MARK_BYTES, 0, 2 ** 31),
    maxDatagramBytes: inRange('maxDatagramBytes', DEFAULT_MAX_DATAGRAM_BYTES, 1, 65_535)
  }
}

/** The default for what was not given; null was given, and is refused. */
export function withDefault<T>(value: T | undefined, fallback: T): T {
  return value === undefined ? fallback : value
}

type NumericOption = 'sendBufferSize' | 'receiveBufferSize' | 'tos' | 'ttl' | 'multicastTtl'
type BooleanOption = 'keepAlive' | 'broadcast' | 'multicastLoop'

/** Read once: the program may have made them of getters. */
export function endPointOf({ address, port, family }: PollSocketOptions): PollSocketOptions {
  return { address, port, family }
}

/** Throws for options of `names` beside `bound`: they say how to bind, which is done. */
export function refuseBeside(options: object, names: readonly string[]): void {
  const given = options as Readonly<Record<string, unknown>>
  for (const name of names) {
    if (given[name] !== undefined)
      throw invalidArgValue(name, given[name], "a socket that is given as 'bound' is bound already")
  }
}

/** Whether the listener is made of a bound socket. Throws if other options say how to bind. */
export function isBound(
  options: ListenTcpOptions | ListenBoundOptions
): options is ListenBoundOptions {
  if ((options as Partial<ListenBoundOptions>).bound === undefined) return false
  const toBind = (name: string) => !Object.hasOwn(LISTEN_BOUND_OPTIONS, name)
  refuseBeside(options, Object.keys(LISTEN_TCP_OPTIONS).filter(toBind))
  return true
}

/** Sets those of the named options that were given. */
export function setOptions(
  socket: Socket,
  options: object,
  names: readonly (NumericOption | BooleanOption)[]
): void {
  const given = options as Partial<Record<string, never>>
  for (const name of names) {
    if (given[name] !== undefined) socket.setOption(name, given[name])
  }
}
