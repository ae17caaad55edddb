// The links between hosts: which there are, what was said of each, and which a partition cuts.
// Refuses to know time and packets.
import { invalidArgValue } from '../errors.ts'
import { isAny, isLoopback, ofPackets } from './addresses.ts'
import type { SimulatedHost } from './host.ts'
import { Link, type LinkOptions, settledLink } from './link.ts'

type IsCut = (link: Link) => boolean

export class Links {
  readonly #defaults: LinkOptions
  readonly #hosts = new Map<string, SimulatedHost>()
  readonly #links = new Map<string, Link>()
  /** What was said of the links between two hosts. */
  readonly #said = new Map<string, LinkOptions>()
  #partitions: IsCut[] = []

  constructor(defaults: LinkOptions) {
    this.#defaults = defaults
  }

  // ---- Hosts ----

  hostAt(address: string): SimulatedHost | undefined {
    return this.#hosts.get(address)
  }

  /** The address as packets have it. Throws TypeError for what no host can have. */
  freeAddress(text: string): string {
    const address = ofPackets(text)
    if (this.#hosts.has(address)) throw invalidArgValue('address', text, 'another host has it')
    if (isAny(address) || isLoopback(address))
      throw invalidArgValue('address', text, 'it is no address of a host')
    return address
  }

  addHost(host: SimulatedHost): void {
    for (const address of host.addresses) this.#hosts.set(address, host)
    // Packets to it before it was there have settled what its links do.
    for (const link of this.#links.values())
      if (host.addresses.includes(link.from) || host.addresses.includes(link.to)) this.#settle(link)
  }

  // ---- Links ----

  /** Both ways. */
  set(a: SimulatedHost, b: SimulatedHost, options: LinkOptions): void {
    for (const one of a.addresses)
      for (const other of b.addresses)
        for (const key of [`${one} ${other}`, `${other} ${one}`]) {
          this.#said.set(key, options)
          const link = this.#links.get(key)
          if (link !== undefined) this.#settle(link)
        }
  }

  /** A link of that host, whose address `from` is. */
  between(host: SimulatedHost, from: string, to: string): Link {
    if (isLoopback(to) || host.addresses.includes(to)) {
      const link = new Link(host, from, to, settledLink(this.#defaults), true)
      link.target = host
      return link
    }
    const key = `${from} ${to}`
    let link = this.#links.get(key)
    if (link === undefined) {
      link = new Link(host, from, to, settledLink(this.#defaults), false)
      this.#links.set(key, link)
      this.#settle(link)
    }
    return link
  }

  #settle(link: Link): void {
    const { from, to } = link
    // No other host receives what comes from ::1 (RFC 4291, 2.5.3).
    link.target = isLoopback(from) ? undefined : this.#hosts.get(to)
    link.isCut = this.#partitions.some((isCut) => isCut(link))
    link.settings = settledLink(
      this.#defaults,
      this.#hosts.get(from)?._link ?? {},
      link.target?._link ?? {},
      this.#said.get(`${from} ${to}`) ?? {}
    )
  }

  // ---- Partitions ----

  /** Returns what ends it. */
  addPartition(isCut: IsCut): () => void {
    this.#setPartitions([...this.#partitions, isCut])
    return () => this.#setPartitions(this.#partitions.filter((one) => one !== isCut))
  }

  heal(): void {
    this.#setPartitions([])
  }

  #setPartitions(partitions: IsCut[]): void {
    this.#partitions = partitions
    for (const link of this.#links.values()) link.isCut = partitions.some((isCut) => isCut(link))
  }
}
