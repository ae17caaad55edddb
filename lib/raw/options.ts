// Socket options by name: what type each has, and which numbers it takes. The system's own names
// for them are in native/<system>/system.cc.
import { addon } from '../binding/load.ts'
import { LINGER_OFF } from '../binding/socket.ts'
import { check } from '../errors.ts'
import { knownName } from '../option-names.ts'
import { boolean, integer, number } from '../validate.ts'

/**
 * The options of a socket, and their values. Names with `Ms` are milliseconds, fractions allowed; a
 * system may round a value up to the unit in which it counts. An option that the system or the kind
 * of socket does not have is refused with `ENOPROTOOPT` or `ENOTSUP`. Sources: socket(7), ip(7),
 * ipv6(7), tcp(7); Microsoft Learn, "SOL_SOCKET Socket Options", "IPPROTO_TCP socket options".
 * @category Raw
 * @example
 * ```ts
 * import { Socket, type SocketOptions } from 'pollport'
 *
 * const wanted: Partial<SocketOptions> = { noDelay: true, keepAlive: true }
 * const socket = new Socket({ type: 'tcp' })
 * if (wanted.noDelay !== undefined) socket.setOption('noDelay', wanted.noDelay)
 * if (wanted.keepAlive !== undefined) socket.setOption('keepAlive', wanted.keepAlive)
 * console.log(socket.getOption('noDelay'), socket.getOption('keepAlive')) // true true
 * socket.close()
 * ```
 */
export interface SocketOptions {
  /**
   * TCP_NODELAY: a small segment is sent at once and does not wait for the acknowledgement of the
   * one before (no Nagle algorithm).
   */
  noDelay: boolean
  /** SO_KEEPALIVE: the system probes an idle peer, and resets the connection if none answers. */
  keepAlive: boolean
  /** Idle time before the first probe, 1 to 32,767,000. Linux rounds up to seconds. */
  keepAliveIdleMs: number
  /** Time between probes, 1 to 32,767,000. Linux rounds up to seconds. */
  keepAliveIntervalMs: number
  /** Unanswered probes after which the connection closes with `ETIMEDOUT`, 1 to 127. */
  keepAliveCount: number
  /**
   * SO_REUSEADDR. On Linux you can bind although connections of an earlier socket are in TIME_WAIT.
   * On Windows it would let another socket take over the port: use `exclusiveAddress` there.
   */
  reuseAddress: boolean
  /** SO_REUSEPORT: several sockets share a port. Linux only. */
  reusePort: boolean
  /**
   * No other socket may use the address: SO_EXCLUSIVEADDRUSE on Windows; on Linux it switches
   * `reuseAddress` and `reusePort` off.
   */
  exclusiveAddress: boolean
  /**
   * SO_SNDBUF, in bytes, from 1. Linux doubles what you set, and returns the double; its upper
   * limit is net.core.wmem_max.
   */
  sendBufferSize: number
  /**
   * SO_RCVBUF, in bytes, from 1. Linux doubles what you set, and returns the double; its upper
   * limit is net.core.rmem_max.
   */
  receiveBufferSize: number
  /**
   * SO_LINGER: how long `close()` waits for unsent bytes, 0 to 32,767,000; 0 makes it an RST;
   * `false`, the default, switches it off. Both systems count in seconds. `close()` of a raw
   * {@link Socket} blocks for that long, on Linux also if it is non-blocking; a connection of a
   * {@link Poller} never blocks, see {@link TcpConnection.close}.
   */
  lingerMs: number | false
  /** SO_BROADCAST: you may send to broadcast addresses. */
  broadcast: boolean
  /** Hops of unicast packets, 1 to 255. */
  ttl: number
  /**
   * The type-of-service byte (IPv4) or traffic class (IPv6), 0 to 255. Windows has none for IPv6
   * sockets: `ENOTSUP`.
   */
  tos: number
  /** IPV6_V6ONLY: an IPv6 socket takes no IPv4. Set it before `bind()`. */
  ipv6Only: boolean
  /** SO_RCVTIMEO: after so long a blocking receive returns `WOULD_BLOCK`; 0 = no limit. */
  receiveTimeoutMs: number
  /** SO_SNDTIMEO: after so long a blocking send returns `WOULD_BLOCK`; 0 = no limit. */
  sendTimeoutMs: number
  /** Hops of multicast packets, 0 to 255. */
  multicastTtl: number
  /** Whether sockets of this machine receive the multicast packets that it sends. */
  multicastLoop: boolean
}

/**
 * The name of a socket option: the keys of {@link SocketOptions}.
 * @category Raw
 */
export type SocketOptionName = keyof SocketOptions

type Kind = 'boolean' | 'linger' | { min: number; max: number; fractions?: boolean }

const INT32_MAX = 2 ** 31 - 1
const MAX_SECONDS_MS = 32_767_000
const time = { min: 0, max: INT32_MAX, fractions: true }
const keepAliveTime = { min: 1, max: MAX_SECONDS_MS, fractions: true }

const kinds: { readonly [K in SocketOptionName]: Kind } = {
  noDelay: 'boolean',
  keepAlive: 'boolean',
  keepAliveIdleMs: keepAliveTime,
  keepAliveIntervalMs: keepAliveTime,
  keepAliveCount: { min: 1, max: 127 },
  reuseAddress: 'boolean',
  reusePort: 'boolean',
  exclusiveAddress: 'boolean',
  sendBufferSize: { min: 1, max: INT32_MAX },
  receiveBufferSize: { min: 1, max: INT32_MAX },
  lingerMs: 'linger',
  broadcast: 'boolean',
  ttl: { min: 1, max: 255 },
  tos: { min: 0, max: 255 },
  ipv6Only: 'boolean',
  receiveTimeoutMs: time,
  sendTimeoutMs: time,
  multicastTtl: { min: 0, max: 255 },
  multicastLoop: 'boolean'
}

/**
 * @internal Throws `ERR_INVALID_ARG_VALUE` for an unknown name, SocketError for what the system
 *   refuses.
 */
export function setSocketOption<K extends SocketOptionName>(
  handle: number,
  name: K,
  value: SocketOptions[K]
): void {
  const kind = kindOf(name)
  check(addon().socketSetOption(handle, indexOf(name), toNumber(kind, name, value)), 'setsockopt')
}

/** @internal The same errors for a name and a value that no system is asked about. */
export function checkOption(name: SocketOptionName, value: unknown): void {
  toNumber(kindOf(name), name, value)
}

/** @internal */
export function getSocketOption<K extends SocketOptionName>(
  handle: number,
  name: K
): SocketOptions[K] {
  const kind = kindOf(name)
  const value = check(addon().socketGetOption(handle, indexOf(name)), 'getsockopt')
  if (kind === 'boolean') return (value !== 0) as SocketOptions[K]
  return (kind === 'linger' && value === LINGER_OFF ? false : value) as SocketOptions[K]
}

function toNumber(kind: Kind, name: string, value: unknown): number {
  if (kind === 'boolean') return boolean(value, name) ? 1 : 0
  if (kind === 'linger') return value === false ? -1 : number(value, name, 0, MAX_SECONDS_MS)
  return kind.fractions
    ? number(value, name, kind.min, kind.max)
    : integer(value, name, kind.min, kind.max)
}

function kindOf(name: SocketOptionName): Kind {
  knownName(name, kinds)
  return kinds[name]
}

function indexOf(name: SocketOptionName): number {
  const index = addon().optionNames.indexOf(name)
  // The name is right, the system lacks it: the native side answers ENOPROTOOPT for an index that
  // it does not have.
  return index
}
