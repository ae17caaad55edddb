// A simulated UDP socket: a receive buffer that drops what it has no room for. Knows no poller.
import { Endpoint, type SetOptions } from './endpoint.ts'
import { Fifo } from './fifo.ts'
import type { LinkPacket } from './packet.ts'

// net.core.rmem_default of Linux, and about what the kernel counts for a small datagram besides its
// bytes (sk_buff, in include/linux/skbuff.h).
const DEFAULT_RECEIVE_BYTES = 212_992
const OVERHEAD_BYTES = 768

export class UdpEndpoint extends Endpoint {
  readonly address: string
  readonly datagrams: Fifo<LinkPacket> = new Fifo()
  /** Datagrams that came back, as the packets that say so. */
  readonly unreachable: Fifo<LinkPacket> = new Fifo()
  reportsUnreachable = false
  /** A send was put off: that the next may go has to be reported. */
  wantsRoom = false
  #heldBytes = 0

  constructor(handle: number, address: string, port: number, options: SetOptions) {
    super(handle, port, options)
    this.address = address
  }

  override get receiveBytes(): number {
    return this.options.receiveBufferSize ?? DEFAULT_RECEIVE_BYTES
  }

  receive(packet: LinkPacket): void {
    const isError = packet.protocol === 'unreachable'
    if (isError && !this.reportsUnreachable) return
    // Errors are charged to the receive buffer, too (ip(7), IP_RECVERR; net/core/skbuff.c).
    const cost = packet.data.length + OVERHEAD_BYTES
    if (this.#heldBytes + cost > this.receiveBytes) return // as the kernel does
    this.#heldBytes += cost
    if (isError) this.unreachable.push(packet)
    else this.datagrams.push(packet)
    this.notify()
  }

  take(from: Fifo<LinkPacket>): LinkPacket | undefined {
    const packet = from.shift()
    if (packet !== undefined) this.#heldBytes -= packet.data.length + OVERHEAD_BYTES
    return packet
  }

  get isReady(): boolean {
    return (
      this.wantsRoom ||
      this.unreachable.length > 0 ||
      (this.isReceiving && this.datagrams.length > 0)
    )
  }
}
