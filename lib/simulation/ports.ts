// The sockets of a host that are bound to a port, of one protocol: which addresses and ports are in
// use, and which socket a packet is for. Knows no protocol.
import type { Endpoint } from './endpoint.ts'

export const ANY = '0.0.0.0'

export class Ports<T extends Endpoint> {
  /** By port; sockets of several addresses may share one. */
  readonly #bound = new Map<number, T[]>()

  /**
   * Whether a socket that is bound there would be refused: a wildcard shares its port with nobody
   * (bind(2), EADDRINUSE), unless all agree by `reuseAddress` (socket(7), SO_REUSEADDR).
   */
  isTaken(address: string, port: number, mayShare = false): boolean {
    const there = this.#bound.get(port)
    if (there === undefined) return false
    return there.some(
      (one) =>
        (one.address === address || one.address === ANY || address === ANY) &&
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

  /** What gets a packet to that address: the socket that is bound to it, else a wildcard. */
  at(address: string, port: number): T | undefined {
    const there = this.#bound.get(port)
    if (there === undefined) return undefined
    return there.find((one) => one.address === address) ?? there.find((one) => one.address === ANY)
  }

  clear(): void {
    this.#bound.clear()
  }
}
