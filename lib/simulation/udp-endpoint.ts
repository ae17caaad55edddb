// A simulated UDP socket: a receive buffer that drops what it has no room for. Knows no poller.
import { Endpoint } from './endpoint.ts'

export interface ReceivedDatagram {
  readonly data: Uint8Array
  readonly from: string
  readonly fromPort: number
}

// net.core.rmem_default of Linux, and about what the kernel counts for a small datagram besides its
// bytes (sk_buff, in include/linux/skbuff.h).
const DEFAULT_RECEIVE_BYTES = 212_992
const OVERHEAD_BYTES = 768

export class UdpEndpoint extends Endpoint {
  readonly datagrams: ReceivedDatagram[] = []
  /** Peers that were reported unreachable. */
  readonly unreachable: { address: string; port: number }[] = []
  reportsUnreachable = false
  #heldBytes = 0

  override get receiveBytes(): number {
    return (this.options.get('receiveBufferSize') as number | undefined) ?? DEFAULT_RECEIVE_BYTES
  }

  receive(datagram: ReceivedDatagram): void {
    const cost = datagram.data.length + OVERHEAD_BYTES
    if (this.#heldBytes + cost > this.receiveBytes) return // as the kernel does
    this.#heldBytes += cost
    this.datagrams.push(datagram)
    this.notify()
  }

  take(): ReceivedDatagram | undefined {
    const datagram = this.datagrams.shift()
    if (datagram !== undefined) this.#heldBytes -= datagram.data.length + OVERHEAD_BYTES
    return datagram
  }

  takeUnreachable(): { address: string; port: number } {
    this.#heldBytes -= OVERHEAD_BYTES
    return this.unreachable.shift() as { address: string; port: number }
  }

  onUnreachable(address: string, port: number): void {
    // Errors are charged to the receive buffer, too (ip(7), IP_RECVERR; net/core/skbuff.c).
    if (!this.reportsUnreachable || this.#heldBytes + OVERHEAD_BYTES > this.receiveBytes) return
    this.#heldBytes += OVERHEAD_BYTES
    this.unreachable.push({ address, port })
    this.notify()
  }

  get isReady(): boolean {
    return this.unreachable.length > 0 || (this.isReceiving && this.datagrams.length > 0)
  }
}
