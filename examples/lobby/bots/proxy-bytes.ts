// What a TCP proxy writes before a client's bytes, as HAProxy's "send-proxy-v2" does: for bots that
// come as its clients would, and for tests.
import { isIPv6 } from 'node:net'

/**
 * `client`: an IPv6 address with all of its groups. `more` are the values after the addresses: each
 * with a type of one byte and a length of two.
 */
export function proxyHeader(
  client: string,
  { command = 1, more = Buffer.alloc(0) }: { command?: number; more?: Buffer } = {}
): Buffer {
  const isSix = isIPv6(client)
  // The client, this server, and their ports
  const addresses = Buffer.alloc(isSix ? 36 : 12)
  if (isSix)
    for (const [at, group] of client.split(':').entries())
      addresses.writeUInt16BE(parseInt(group, 16), 2 * at)
  else for (const [at, byte] of client.split('.').entries()) addresses[at] = Number(byte)
  const head = Buffer.from('\r\n\r\n\0\r\nQUIT\n\0\0\0\0', 'latin1')
  head[12] = 0x20 | command
  head[13] = isSix ? 0x21 : 0x11
  head.writeUInt16BE(addresses.length + more.length, 14)
  return Buffer.concat([head, addresses, more])
}
