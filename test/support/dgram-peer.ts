// The other side of datagrams, played by Node's own dgram. It only moves while Node's loop turns.
import dgram from 'node:dgram'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

export class DgramPeer {
  readonly socket: dgram.Socket
  readonly received: { data: Buffer; port: number; address: string }[] = []

  constructor(socket: dgram.Socket) {
    this.socket = socket
    socket.on('message', (data, { port, address }) => this.received.push({ data, port, address }))
    socket.on('error', () => {}) // An unreachable peer: the tests that care ask the poller.
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
  const socket = dgram.createSocket({
    type: address.includes(':') ? 'udp6' : 'udp4',
    recvBufferSize: 4 * 1024 * 1024
  })
  onTestFinished(() => void socket.close())
  const peer = new DgramPeer(socket)
  socket.bind(0, address)
  await once(socket, 'listening')
  return peer
}

/** A port on which no datagram is taken. */
export async function freeUdpPort(): Promise<number> {
  const socket = dgram.createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  await once(socket, 'close')
  return port
}
