// Socket options by name: what type each has, and which numbers it takes. The system's own names
// for them are native's (native/<system>/system.cc).
import { addon } from '../binding/load.ts'
import { LINGER_OFF } from '../binding/socket.ts'
import { check } from '../errors.ts'
import { knownName } from '../option-names.ts'
import { boolean, integer, number } from '../validate.ts'

/**
 * The options of a socket and their values. Times are milliseconds. A system may round a value up
 * to what it counts in.
 */
export interface SocketOptions {
  /**
   * TCP_NODELAY: small segments are sent at once instead of waiting for the peer's acknowledgement
   * (tcp(7)).
   */
  noDelay: boolean
  /** SO_KEEPALIVE: probe an idle peer. */
  keepAlive: boolean
  /** Idle time before the first probe; Linux counts in seconds. */
  keepAliveIdleMs: number
  /** Time between probes; Linux counts in seconds. */
  keepAliveIntervalMs: number
  /** Unanswered probes until the connection is given up. */
  keepAliveCount: number
  /**
   * SO_REUSEADDR. On Linux: bind although old connections linger. On Windows it would let another
   * socket steal the port: use `exclusiveAddress` there.
   */
  reuseAddress: boolean
  /** SO_REUSEPORT: several sockets share a port (Linux; socket(7)). */
  reusePort: boolean
  /**
   * The address for this socket alone: SO_EXCLUSIVEADDRUSE on Windows; on Linux the opposite of the
   * two above.
   */
  exclusiveAddress: boolean
  /** SO_SNDBUF in bytes. Linux doubles what is set, and reads back the double (socket(7)). */
  sendBufferSize: number
  /** SO_RCVBUF in bytes; doubled as well. */
  receiveBufferSize: number
  /**
   * SO_LINGER: how long close() waits for unsent bytes; 0 makes it a reset; false = off. Linux
   * counts in seconds, and so does Windows. The `close()` of a raw `Socket` blocks for that long,
   * on Linux also when it is non-blocking (socket(7)); a connection of a `Poller` never does: see
   * its `close()`.
   */
  lingerMs: number | false
  /** SO_BROADCAST: sending to broadcast addresses is allowed. */
  broadcast: boolean
  /** Hops of unicast packets, 1 to 255. */
  ttl: number
  /**
   * The type-of-service byte or traffic class, 0 to 255. Windows has none for IPv6 sockets:
   * `ENOTSUP`.
   */
  tos: number
  /** IPV6_V6ONLY: an IPv6 socket takes no IPv4. To be set before bind. */
  ipv6Only: boolean
  /** How long a blocking receive waits before it gives WOULD_BLOCK; 0 = for ever. */
  receiveTimeoutMs: number
  /** How long a blocking send waits before it gives WOULD_BLOCK; 0 = for ever. */
  sendTimeoutMs: number
  /** Hops of multicast packets, 0 to 255. */
  multicastTtl: number
  /** Whether this machine hears its own multicast packets. */
  multicastLoop: boolean
}

/** The name of a socket option, as `setOption()` and `getOption()` take it. */
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
