// What a program may choose of a poller and its sockets: the options, their defaults, and how they
// are read. Knows no socket's work.
import { invalidArgValue } from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import { integer } from '../validate.ts'
import type { NewSocket } from './backend.ts'
import type { BoundSocket } from './bound.ts'

const DEFAULT_MAX_EVENTS = 1024
// What a processor's second cache holds beside the rest: a larger buffer is colder each time round
// (docs/performance.md).
const DEFAULT_BATCH_BUFFER_BYTES = 256 * 1024
const DEFAULT_READ_BUDGET_BYTES = 256 * 1024
const DEFAULT_HIGH_WATER_MARK_BYTES = 1024 * 1024
const DEFAULT_MAX_DATAGRAM_BYTES = 65_535
export const DEFAULT_BACKLOG = 511

/**
 * Options of a {@link Poller}. Each has a default.
 * @example
 * ```ts
 * import { Poller, type PollerOptions } from 'pollport'
 *
 * const options: PollerOptions = { highWaterMarkBytes: 64 * 1024, maxDatagramBytes: 1500 }
 * const poller = new Poller(options)
 * console.log(poller.wait(0)) // []
 * poller.close()
 * ```
 */
export interface PollerOptions {
  /** `'auto'`, the default, takes what the system has; another system's is refused. */
  backend?: 'auto' | 'epoll' | 'iocp' | undefined
  /**
   * Whether one system call sends to many connections, on Linux with io_uring(7): what you sent to
   * them since the last `wait()` then leaves by one `io_uring_enter` and not by a `send` each.
   * `'auto'`, the default, does so from a few connections on where the kernel allows it, and
   * otherwise sends as `'never'` does; {@link Capabilities.batchedCalls} says which it is.
   * `'never'` does not ask the kernel for io_uring. `'always'` takes it for a single connection as
   * well, and throws `ENOTSUP` where the kernel refuses it, and on Windows. Your program sees no
   * difference but the time that it takes. The environment variable `POLLPORT_BATCH_CALLS` is the
   * default in place of `'auto'`, for tests and to find out whether io_uring causes a problem.
   */
  batchCalls?: 'auto' | 'never' | 'always' | undefined
  /** The most sockets that one `wait()` serves, 1 to 65,536. Default 1,024. */
  maxEvents?: number | undefined
  /**
   * The size of the buffer that all sockets of a `wait()` receive into, 64 KiB to 1 GiB. Default
   * 256 KiB. Sockets that do not fit come first in the next `wait()`.
   */
  batchBufferBytes?: number | undefined
  /**
   * The most bytes that one socket receives in one `wait()`, 1 to `batchBufferBytes`, so that a
   * busy socket does not delay the others. Default 256 KiB, or `batchBufferBytes` if it is smaller.
   */
  readBudgetBytes?: number | undefined
  /**
   * With more queued bytes than this, `send()` of a socket returns false; `drain` comes at half of
   * it. 0 to 2 GiB. Default 1 MiB.
   */
  highWaterMarkBytes?: number | undefined
  /**
   * The longest datagram that is received whole, 1 to 65,535; longer ones are cut. Default 65,535.
   */
  maxDatagramBytes?: number | undefined
}

/**
 * Options that every socket of a {@link Poller} takes when you make it.
 * @example
 * ```ts
 * import { Poller, type PollSocketOptions } from 'pollport'
 *
 * const where: PollSocketOptions = { address: '127.0.0.1', port: 0, receiveBufferSize: 65_536 }
 * const poller = new Poller()
 * console.log(poller.listenTcp(where).localAddress, poller.bindUdp(where).localAddress)
 * poller.close()
 * ```
 */
export interface PollSocketOptions {
  /** A numeric address: `'127.0.0.1'`, `'::1'`, `'0.0.0.0'`, `'::'`. Host names are refused. */
  address: string
  /** 0 to 65,535; 0 lets the system choose. */
  port: number
  /**
   * The family of `address`, `'ipv4'` or `'ipv6'`, in upper or lower case, so that you can pass
   * `server.address()` of `node:net`. You need not give it; a wrong one is refused.
   */
  family?: string | undefined
  /** SO_SNDBUF in bytes, from 1. Linux doubles it (socket(7)). Default: the system's. */
  sendBufferSize?: number | undefined
  /** SO_RCVBUF in bytes, from 1. Linux doubles it (socket(7)). Default: the system's. */
  receiveBufferSize?: number | undefined
  /**
   * The type-of-service byte or traffic class, 0 to 255. Windows has none for IPv6 sockets:
   * `ENOTSUP`.
   */
  tos?: number | undefined
}

/**
 * Options of {@link Poller.listenTcp}.
 * @example
 * ```ts
 * import { type ListenTcpOptions, Poller } from 'pollport'
 *
 * const options: ListenTcpOptions = { address: '127.0.0.1', port: 0, reusePort: 'try' }
 * const poller = new Poller()
 * console.log(poller.listenTcp(options).localAddress.port > 0) // true
 * poller.close()
 * ```
 */
export interface ListenTcpOptions extends PollSocketOptions {
  /**
   * How many connections may wait to be accepted, 0 to 2^31-1; the system may cut it. Default 511.
   */
  backlog?: number | undefined
  /**
   * SO_REUSEPORT: several sockets share the port, and the kernel spreads connections over them
   * (Linux). On Windows `true` throws `ENOTSUP`, and `'try'` goes on without. Default false.
   */
  reusePort?: boolean | 'try' | undefined
  /** IPV6_V6ONLY: an IPv6 listener takes no IPv4 clients. Default false. */
  ipv6Only?: boolean | undefined
  /**
   * TCP_NODELAY for the connections. Default true: `wait()` gathers what a tick sends, so Nagle's
   * algorithm would only delay it.
   */
  noDelay?: boolean | undefined
  /** SO_KEEPALIVE for the connections. Default false. */
  keepAlive?: boolean | undefined
}

/**
 * Options of {@link Poller.listenTcp} with a socket that is bound already: the others of
 * {@link ListenTcpOptions} say how to bind, and are refused.
 * @example
 * ```ts
 * import net from 'node:net'
 * import { type BoundSocket, type ListenBoundOptions, Poller } from 'pollport'
 *
 * type Binds = { BoundSocket?: new (o: { host: string; port: number }) => BoundSocket }
 * const { BoundSocket: Bound } = net as Binds // Node 26
 * const poller = new Poller()
 * if (Bound !== undefined && poller.backend === 'epoll') {
 *   const options: ListenBoundOptions = { bound: new Bound({ host: '127.0.0.1', port: 0 }) }
 *   console.log(`listening on ${poller.listenTcp(options).localAddress}`)
 * }
 * poller.close()
 * ```
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

/**
 * Options of {@link Poller.connectTcp}; `address` and `port` are the peer's.
 * @example
 * ```ts
 * import { type ConnectTcpOptions, Poller } from 'pollport'
 *
 * const poller = new Poller()
 * const { address, port } = poller.listenTcp({ address: '127.0.0.1', port: 0 }).localAddress
 * const options: ConnectTcpOptions = { address, port, timeoutMs: 1000 }
 * const connection = poller.connectTcp(options)
 * while (connection.connecting) poller.wait(1000)
 * poller.close()
 * ```
 */
export interface ConnectTcpOptions extends PollSocketOptions {
  /** The address of this machine to connect from. Default: the system chooses. */
  localAddress?: string | undefined
  /** The port to connect from, 0 to 65,535. Default 0: the system chooses. */
  localPort?: number | undefined
  /**
   * Connect with this socket, which is bound already, as {@link ListenBoundOptions.bound}; without
   * `localAddress` and `localPort`.
   */
  bound?: BoundSocket | undefined
  /**
   * After this many milliseconds without an answer the connection closes with `ETIMEDOUT`. Default:
   * the system's own time, which is minutes.
   */
  timeoutMs?: number | undefined
  /** TCP_NODELAY. Default true. */
  noDelay?: boolean | undefined
  /** SO_KEEPALIVE. Default false. */
  keepAlive?: boolean | undefined
}

/**
 * Options of {@link Poller.bindUdp}.
 * @example
 * ```ts
 * import { type BindUdpOptions, Poller } from 'pollport'
 *
 * const options: BindUdpOptions = { address: '127.0.0.1', port: 0, ttl: 16 }
 * const poller = new Poller()
 * console.log(poller.bindUdp(options).getOption('ttl')) // 16
 * poller.close()
 * ```
 */
export interface BindUdpOptions extends PollSocketOptions {
  /** SO_REUSEPORT, as for `listenTcp`: the kernel spreads datagrams by their sender. */
  reusePort?: boolean | 'try' | undefined
  /** SO_REUSEADDR: several sockets may bind to one multicast port. Default false. */
  reuseAddress?: boolean | undefined
  /** An IPv6 socket takes no IPv4 datagrams. Default false. */
  ipv6Only?: boolean | undefined
  /**
   * An `error` event (`ECONNREFUSED`, …) reports that a datagram came back as undeliverable; on
   * Linux with the peer's end point. Default false.
   */
  reportUnreachable?: boolean | undefined
  /** SO_BROADCAST: you may send to broadcast addresses. Default false. */
  broadcast?: boolean | undefined
  /** Hops of unicast datagrams, 1 to 255. Default: the system's. */
  ttl?: number | undefined
  /** Hops of multicast datagrams, 0 to 255. Default: the system's, 1. */
  multicastTtl?: number | undefined
  /** Whether sockets of this machine receive the multicast that it sends. Default true. */
  multicastLoop?: boolean | undefined
}

/**
 * Options of {@link Poller.run}.
 * @example
 * ```ts
 * import { Poller, type RunOptions } from 'pollport'
 *
 * const options: RunOptions = { signal: AbortSignal.timeout(20) }
 * const poller = new Poller()
 * await poller.run((events) => console.log(events.length), options)
 * poller.close()
 * ```
 */
export interface RunOptions {
  /** Aborting it ends `run()`, whose promise is fulfilled. The poller stays open. */
  signal?: AbortSignal | undefined
}

// ---- Reading them ----

const POLLER_OPTIONS: OptionNames<PollerOptions> = {
  backend: true,
  batchCalls: true,
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
export const LISTEN_TCP_OPTIONS: OptionNames<ListenTcpOptions> = {
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

/** When one call into the system may send to several connections. */
export type BatchCalls = 'auto' | 'never' | 'always'

/** {@link PollerOptions} with every default in its place, in range. */
interface PollerSettings {
  readonly backend: string
  /** Undefined: the backend's own default. */
  readonly batchCalls: BatchCalls | undefined
  readonly maxEvents: number
  readonly batchBufferBytes: number
  readonly readBudgetBytes: number
  readonly highWaterMarkBytes: number
  readonly maxDatagramBytes: number
}

/** The word, if it is one. */
export function batchCalls(value: unknown, name: string): BatchCalls {
  if (value === 'auto' || value === 'never' || value === 'always') return value
  throw invalidArgValue(name, value, "it is one of 'auto', 'never', 'always'")
}

export function readPollerOptions(options: PollerOptions): PollerSettings {
  const given = knownOptions(options, POLLER_OPTIONS)
  const inRange = (
    name: Exclude<keyof PollerOptions, 'backend' | 'batchCalls'>,
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
    batchCalls:
      given.batchCalls === undefined ? undefined : batchCalls(given.batchCalls, 'batchCalls'),
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
  socket: NewSocket,
  options: object,
  names: readonly (NumericOption | BooleanOption)[]
): void {
  const given = options as Partial<Record<string, never>>
  for (const name of names) {
    if (given[name] !== undefined) socket.setOption(name, given[name])
  }
}
