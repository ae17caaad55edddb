// Addresses as packets have them: of an IPv4 packet it is IPv4, also where an IPv6 socket calls it
// ::ffff:10.0.0.1 (RFC 4291, 2.5.5.2; ipv6(7)). Knows no hosts.
import { SocketAddress } from '../address.ts'
import { invalidAddress, invalidArgValue } from '../errors.ts'

export const ANY_IPV4 = '0.0.0.0'
export const ANY_IPV6 = '::'
/** RFC 919. */
export const BROADCAST = '255.255.255.255'
const MAPPED = '::ffff:'

export function isIpv6(address: string): boolean {
  return address.includes(':')
}

export function isAny(address: string): boolean {
  return address === ANY_IPV4 || address === ANY_IPV6
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1'
}

/** The text that this address always has. Throws TypeError for what is none. */
export function canonical(address: string): string {
  return new SocketAddress({ address, port: 0 }).address
}

/** The same, if a packet can have it: throws TypeError for a scope, and for IPv4 as IPv6. */
export function ofPackets(text: string): string {
  if (typeof text !== 'string') throw invalidAddress(text)
  if (hasScope(text))
    throw invalidArgValue('address', text, 'a simulated network has no scopes: leave it out')
  const address = canonical(text)
  const ipv4 = unmapped(address)
  if (ipv4 !== address) throw invalidArgValue('address', text, `write it as '${ipv4}'`)
  return address
}

/** Of an IPv4 address that is written as an IPv6 one, the IPv4 address. */
export function unmapped(address: string): string {
  // Only mapped addresses are written with this beginning and dots (lib/ipv6.ts).
  const isMapped = address.startsWith(MAPPED) && address.includes('.')
  return isMapped ? address.slice(MAPPED.length) : address
}

/** As a socket of that family shows the address of a packet. */
export function shownBy(isIpv6Socket: boolean, address: string): string {
  return isIpv6Socket && !isIpv6(address) ? MAPPED + address : address
}

export function hasScope(address: string): boolean {
  return address.includes('%')
}
