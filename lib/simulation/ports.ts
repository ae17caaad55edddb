// The sockets of a host that are bound to a port, of one protocol: which addresses and ports are in
// use, and which socket a packet is for. Knows no protocol.
import { ANY_IPV4, ANY_IPV6, isIpv6 } from './addresses.ts'
import type { Endpoint, SetOptions } from './endpoint.ts'

/** Where a socket is bound, or is going to be. */
export interface Place {
  readonly address: string
  readonly options: SetOptions
}

export class Ports<T extends Endpoint> {
  /** By port; sockets of several addresses may share one. */
  readonly #bound = new Map<number, T[]>()

  /**
   * Whether a socket that is bound there would be refused: a wildcard shares its port with nobody
   * (bind(2), EADDRINUSE), unless all agree by `reuseAddress` (socket(7), SO_REUSEADDR).
   */
  isTaken(place: Place, port: number, mayShare = false): boolean {
    const there = this.#bound.get(port)
    if (there === undefined) return false
    return there.some(
      (one) =>
        (covers(one, place.address) || covers(place, one.address)) &&
        !(mayShare && one.options.reuseAddress === true)
    )
  }

  add(endpoint: T): void {
    const there = this.#bound.get(endpoint.port)
    // Of several at one address the last one gets what comes.
    if (there === undefined) this.#bound.set(endpoint.port, [endpoint])
    else there.unshift(endpoint)
  }

  delete(endpoint: T): void {
    const there = this.#bound.get(endpoint.port)?.filter((one) => one !== endpoint) ?? []
    if (there.length > 0) this.#bound.set(endpoint.port, there)
    else this.#bound.delete(endpoint.port)
  }

  /**
   * What gets a packet to that address: the socket that is bound to it, else a wildcard, of its own
   * family if there is one.
   */
  at(address: string, port: number): T | undefined {
    const there = this.#bound.get(port)
    if (there === undefined) return undefined
    const any = isIpv6(address) ? ANY_IPV6 : ANY_IPV4
    return (
      there.find((one) => one.address === address) ??
      there.find((one) => one.address === any) ??
      there.find((one) => covers(one, address))
    )
  }

  clear(): void {
    this.#bound.clear()
  }
}

/** Whether packets to that address are for a socket that is bound there. */
function covers({ address, options }: Place, to: string): boolean {
  if (address === to) return true
  if (address === ANY_IPV4) return !isIpv6(to)
  // A socket of both families, unless it was said otherwise (ipv6(7), IPV6_V6ONLY).
  return address === ANY_IPV6 && (isIpv6(to) || options.ipv6Only !== true)
}
