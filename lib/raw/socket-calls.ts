// What every kind of socket asks of the system in the same way: where it is, where its peer is, its
// options, multicast groups. Knows handles, no class of sockets.
import { packed, SocketAddress } from '../address.ts'
import { addon } from '../binding/load.ts'
import { PACKED_ADDRESS } from '../binding/records.ts'
import { SHUTDOWN } from '../binding/socket.ts'
import { check, namedSocketError, socketError } from '../errors.ts'
import {
  getSocketOption,
  type SocketOptionName,
  type SocketOptions,
  setSocketOption
} from './options.ts'

/** What the sockets of a poller ask by their handle, of a system or of what stands for one. */
export interface SocketCalls {
  /** Throws SocketError `getsockname`. */
  localAddressOf(handle: number): SocketAddress
  /** Throws SocketError `getpeername`: `ENOTCONN` if there is no peer. */
  remoteAddressOf(handle: number): SocketAddress
  /** Throws `ERR_INVALID_ARG_VALUE` for an unknown name, SocketError for what is refused. */
  setSocketOption<K extends SocketOptionName>(
    handle: number,
    name: K,
    value: SocketOptions[K]
  ): void
  getSocketOption<K extends SocketOptionName>(handle: number, name: K): SocketOptions[K]
  /** See {@link setMembership}. */
  setMembership(
    handle: number,
    family: 'ipv4' | 'ipv6',
    join: boolean,
    group: string,
    networkInterface: string | undefined
  ): void
  /** Finishes sending: 0, or minus the error number. */
  shutdownWrite(handle: number): number
  /** The pending error number as a positive number, which is cleared; 0 for none. */
  takeError(handle: number): number
  /** Closes with RST a handle that no backend watches. */
  reset(handle: number): void
}

/** Throws SocketError `getsockname`. */
export function localAddressOf(handle: number): SocketAddress {
  const address = new Uint8Array(PACKED_ADDRESS.bytes)
  check(addon().socketLocalAddress(handle, address), 'getsockname')
  return SocketAddress.fromPacked(address, 0)
}

/** Throws SocketError `getpeername`: `ENOTCONN` if there is no peer. */
export function remoteAddressOf(handle: number): SocketAddress {
  const address = new Uint8Array(PACKED_ADDRESS.bytes)
  check(addon().socketRemoteAddress(handle, address), 'getpeername')
  return SocketAddress.fromPacked(address, 0)
}

/**
 * Joins or leaves a multicast group on the interface that has the address
 * `networkInterface`, or on the system's choice. Throws `EAFNOSUPPORT` for families that do not go
 * together, `EADDRNOTAVAIL` when no interface has the address, or when the group to leave was not
 * joined.
 */
export function setMembership(
  handle: number,
  family: 'ipv4' | 'ipv6',
  join: boolean,
  group: string,
  networkInterface: string | undefined
): void {
  const packedGroup = packed({ address: group, port: 0 })
  const isIpv6 = packedGroup[PACKED_ADDRESS.family] === 6
  const via =
    networkInterface === undefined ? undefined : packed({ address: networkInterface, port: 0 })
  const refuse = (why: string) => namedSocketError('EAFNOSUPPORT', 'setsockopt', why)
  if (isIpv6 && family === 'ipv4') throw refuse(`the socket is IPv4, and ${group} is an IPv6 group`)
  if (via !== undefined && (via[PACKED_ADDRESS.family] === 6) !== isIpv6)
    throw refuse(
      `${group} and the interface's address ${networkInterface} are of different families`
    )
  if (!isIpv6 && family === 'ipv6' && getSocketOption(handle, 'ipv6Only'))
    throw refuse(`the socket takes IPv6 only (ipv6Only), and ${group} is an IPv4 group`)
  const native = addon()
  const result = join
    ? native.socketJoinMulticast(handle, packedGroup, via)
    : native.socketLeaveMulticast(handle, packedGroup, via)
  if (result >= 0) return
  const error = socketError(-result, 'setsockopt')
  if (error.code !== 'EADDRNOTAVAIL') throw error
  const why = join
    ? `no interface of this machine has the address ${networkInterface}`
    : `${group} was not joined there`
  throw namedSocketError(error.code, 'setsockopt', why)
}

/** The system's own. */
export const systemSocketCalls: SocketCalls = {
  localAddressOf,
  remoteAddressOf,
  setSocketOption,
  getSocketOption,
  setMembership,
  shutdownWrite: (handle) => addon().socketShutdown(handle, SHUTDOWN.write),
  takeError: (handle) => addon().socketTakeError(handle),
  reset: (handle) => addon().socketReset(handle)
}
