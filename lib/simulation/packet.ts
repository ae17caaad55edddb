// What goes over a simulated link. Pure data.
import type { Link } from './link.ts'

/** The bits that open, end and break a TCP connection (RFC 9293, 3.1). */
export const FLAG = { fin: 1, syn: 2, rst: 4, ack: 16 } as const

/** IPv4's header and TCP's, in bytes (RFC 791, RFC 9293). */
export const TCP_HEADER_BYTES = 40
/** IPv4's header and UDP's (RFC 768). */
export const UDP_HEADER_BYTES = 28
/** So much longer is IPv6's header (RFC 8200). */
export const IPV6_MORE_BYTES = 20

/**
 * A packet on its way, as {@link SimulatedNetwork.rule} sees it. Do not change it.
 * @category Simulation
 */
export interface Packet {
  /** `'unreachable'` answers a datagram to a port that nobody has (ICMP, RFC 792 and 4443). */
  readonly protocol: 'tcp' | 'udp' | 'unreachable'
  /** The address that it comes from; that of an IPv4 packet is never written as `::ffff:…`. */
  readonly from: string
  /** The address that it goes to. */
  readonly to: string
  /** The port that it comes from. */
  readonly fromPort: number
  /** The port that it goes to. */
  readonly toPort: number
  /** What it carries, without headers. */
  readonly data: Uint8Array
  /** TCP's: an OR of 1 (FIN), 2 (SYN), 4 (RST) and 16 (ACK); 0 otherwise. */
  readonly flags: number
  /** TCP's: the number of the first byte, where the first byte of a connection is 0. */
  readonly sequence: number
  /** TCP's: the number of the byte that the sender of this packet waits for. */
  readonly acknowledged: number
  /** TCP's: how many bytes the sender of this packet has room for. */
  readonly windowBytes: number
}

/** A packet that knows its link. */
export class LinkPacket implements Packet {
  readonly protocol: Packet['protocol']
  readonly from: string
  readonly to: string
  readonly fromPort: number
  readonly toPort: number
  readonly data: Uint8Array
  readonly flags: number
  readonly sequence: number
  readonly acknowledged: number
  readonly windowBytes: number
  readonly #link: Link

  constructor(
    link: Link,
    protocol: Packet['protocol'],
    fromPort: number,
    toPort: number,
    data: Uint8Array,
    flags = 0,
    sequence = 0,
    acknowledged = 0,
    windowBytes = 0
  ) {
    this.#link = link
    this.protocol = protocol
    this.from = link.from
    this.to = link.to
    this.fromPort = fromPort
    this.toPort = toPort
    this.data = data
    this.flags = flags
    this.sequence = sequence
    this.acknowledged = acknowledged
    this.windowBytes = windowBytes
  }

  get link(): Link {
    return this.#link
  }

  /** Headers included. */
  get bytes(): number {
    const header = this.protocol === 'tcp' ? TCP_HEADER_BYTES : UDP_HEADER_BYTES
    return header + this.#link.moreHeaderBytes + this.data.length
  }
}

export const NO_DATA: Uint8Array = new Uint8Array(0)
