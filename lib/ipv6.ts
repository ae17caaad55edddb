// IPv6 addresses as text: read as RFC 4291, 2.2 has it, written as glibc's inet_ntop does it: RFC
// 5952, and IPv4-compatible addresses with dots. The same on every system, and without the addon.
// Refuses scopes, which only a system knows.
import { isIPv6 } from 'node:net'

const BYTES = 16
const GROUPS = 8
/** So many groups before an IPv4 address are zeros, or zeros and ffff (RFC 4291, 2.5.5). */
const BEFORE_IPV4 = 6

/** Writes the 16 bytes of an address to `out`; false for what is none, or has a scope. */
export function parseIpv6(text: string, out: Uint8Array, offset: number): boolean {
  if (text.includes('%') || !isIPv6(text)) return false
  const [head = '', tail = ''] = text.split('::')
  out.fill(0, offset, offset + BYTES)
  out.set(bytesOf(head), offset)
  const last = bytesOf(tail)
  out.set(last, offset + BYTES - last.length)
  return true
}

/** The text of 16 bytes. */
export function formatIpv6(bytes: Uint8Array, offset: number): string {
  const groups: string[] = []
  for (let at = offset; at < offset + BYTES; at += 2)
    groups.push(((bytes[at] << 8) | bytes[at + 1]).toString(16))
  const { start, length } = longestZeros(groups)
  const isBeforeIpv4 =
    length === BEFORE_IPV4 || (length === BEFORE_IPV4 - 1 && groups[5] === 'ffff')
  if (start === 0 && isBeforeIpv4) {
    const ipv4 = bytes.subarray(offset + BYTES - 4, offset + BYTES).join('.')
    return length === BEFORE_IPV4 ? `::${ipv4}` : `::ffff:${ipv4}`
  }
  // One group of zeros is not shortened (RFC 5952, 4.2.2).
  if (length < 2) return groups.join(':')
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`
}

/** Of several of the same length, the first (RFC 5952, 4.2.3). */
function longestZeros(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < GROUPS; start++) {
    let length = 0
    while (groups[start + length] === '0') length++
    if (length > best.length) best = { start, length }
  }
  return best
}

/** Of groups with colons between them, the last of which may be an IPv4 address. */
function bytesOf(groups: string): number[] {
  if (groups === '') return []
  return groups.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number)
    const number = Number.parseInt(group, 16)
    return [number >> 8, number & 255]
  })
}
