// Which addresses are proxies of ours, whose word about a client's address counts. Pure.
import { BlockList, isIP, isIPv6 } from 'node:net'

export class TrustedProxies {
  readonly #list = new BlockList()
  readonly #isEmpty: boolean

  /** `ranges`: addresses, or networks as in `10.0.0.0/8`. @throws RangeError for anything else */
  constructor(ranges: readonly string[]) {
    this.#isEmpty = ranges.length === 0
    for (const range of ranges) {
      const [address, prefix, more] = range.split('/')
      const family = isIPv6(address) ? 'ipv6' : 'ipv4'
      const most = family === 'ipv6' ? 128 : 32
      const bits = prefix === undefined ? most : Number(prefix)
      const isRight = isIP(address) !== 0 && more === undefined && /^\d*$/.test(prefix ?? '')
      if (!isRight || prefix === '' || bits > most)
        throw new RangeError(`"${range}" is neither an address nor a network, such as 10.0.0.0/8`)
      this.#list.addSubnet(address, bits, family)
    }
  }

  has(address: string): boolean {
    if (this.#isEmpty || isIP(address) === 0) return false
    return this.#list.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }

  /**
   * The client of an HTTP request: of the addresses in `X-Forwarded-For`, the last one that is no
   * proxy of ours; those before it are the client's own words. Without a trusted peer it is the
   * peer itself, and so it is where the header makes no sense.
   */
  clientOf(peer: string, forwardedFor: string | string[] | undefined): string {
    const hops = [forwardedFor ?? []].flat().join(',').split(',')
    let client = peer
    for (const hop of hops.reverse()) {
      if (!this.has(client)) break
      const address = addressIn(hop.trim())
      if (address === undefined) break
      client = address
    }
    return client
  }
}

/** Of `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1` or `[2001:db8::1]:80`. */
function addressIn(hop: string): string | undefined {
  const plain = /^\[(.*)\](:\d+)?$/.exec(hop)?.[1] ?? hop.replace(/^([\d.]+):\d+$/, '$1')
  return isIP(plain) === 0 ? undefined : plain
}
