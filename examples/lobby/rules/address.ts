// Which part of an address stands for one customer: limits count by it. Pure.
import { isIPv4, isIPv6, SocketAddress } from 'node:net'

/**
 * An IPv4 address as it is, also one that is written as an IPv6 one (`::ffff:192.0.2.1`); of an
 * IPv6 address the first 64 bits, since a home gets 2^64 addresses or more (RFC 6177). Any other
 * text stays what it is.
 */
export function blockOf(address: string): string {
  if (isIPv4(address)) return address
  const plain = address.split('%', 1)[0] // without the zone
  if (!isIPv6(plain)) return address
  // Node writes it in the one way of RFC 5952, with the last 32 bits of a mapped one in decimal.
  const text = new SocketAddress({ address: plain, family: 'ipv6' }).address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (mapped !== null) return mapped[1]
  const [head, tail] = text.split('::', 2).map((side) => (side === '' ? [] : side.split(':')))
  const zeros = tail === undefined ? 0 : 8 - head.length - tail.length
  const groups = [...head, ...Array.from({ length: zeros }, () => '0'), ...(tail ?? [])]
  return `${groups.slice(0, 4).join(':')}::/64`
}

/** Of the address that has most of them, the first. There must be one. */
export function firstOfLargest<T>(blocks: ReadonlyMap<T, string>): T {
  const counts = new Map<string, number>()
  for (const block of blocks.values()) counts.set(block, (counts.get(block) ?? 0) + 1)
  const most = Math.max(...counts.values())
  const [first] = [...blocks].find(([, block]) => counts.get(block) === most) as [T, string]
  return first
}
