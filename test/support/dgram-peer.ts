// The other side of datagrams, played by Node's own dgram or by the simulation. It only moves while
// Node's loop turns.
import { onTestFinished } from 'vitest'
import { type PeerDatagrams, tested } from './tested-system.ts'

export class DgramPeer {
  readonly socket: PeerDatagrams
  readonly received: { data: Buffer; port: number; address: string }[] = []

  constructor(socket: PeerDatagrams) {
    this.socket = socket
    socket.on('message', (data, { port, address }) => this.received.push({ data, port, address }))
  }

  get port(): number {
    return this.socket.address().port
  }

  get address(): string {
    return this.socket.address().address
  }

  send(data: Uint8Array | string, to: { address: string; port: number }): void {
    this.socket.send(data, to.port, to.address)
  }
}

export async function bindPeer(address = '127.0.0.1'): Promise<DgramPeer> {
  const socket = await tested.bindUdp(address)
  onTestFinished(() => void socket.close())
  return new DgramPeer(socket)
}

/** A port on which no datagram is taken. */
export async function freeUdpPort(): Promise<number> {
  const socket = await tested.bindUdp('127.0.0.1')
  const { port } = socket.address()
  await new Promise<void>((resolve) => void socket.close(resolve))
  return port
}
