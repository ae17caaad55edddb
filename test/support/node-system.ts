// The promises on the system that the tests run on: the other side is played by Node's own net and
// dgram. It only moves while Node's loop turns.
import dgram from 'node:dgram'
import { once } from 'node:events'
import net from 'node:net'
import { networkInterfaces } from 'node:os'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { Poller, type PollerOptions } from 'pollport'
import type { PeerDatagrams, PeerServer, PeerSocket, TestedSystem } from './tested-system.ts'

export class NodeSystem implements TestedSystem {
  readonly isSimulated = false
  /** Some containers have no IPv6 at all. */
  readonly hasIpv6 = Object.values(networkInterfaces()).some((list) =>
    list?.some(({ address }) => address === '::1')
  )

  poller<U>(options?: PollerOptions): Poller<U> {
    return new Poller<U>(options)
  }

  now(): number {
    return performance.now()
  }

  turn(): Promise<void> {
    return nextTurn()
  }

  sleep(ms: number): Promise<void> {
    return delay(ms)
  }

  connect({ address, ...rest }: Parameters<TestedSystem['connect']>[0]): PeerSocket {
    return net.connect({ host: address, ...rest, allowHalfOpen: true, noDelay: true })
  }

  async listen(
    { address, port = 0, isPaused }: Parameters<TestedSystem['listen']>[0],
    onSocket: (socket: PeerSocket) => void
  ): Promise<PeerServer> {
    const server = net.createServer(
      { allowHalfOpen: true, noDelay: true, pauseOnConnect: isPaused },
      onSocket
    )
    server.listen(port, address)
    await once(server, 'listening')
    return {
      address,
      port: (server.address() as net.AddressInfo).port,
      close: () => new Promise((resolve) => server.close(() => resolve()))
    }
  }

  async bindUdp(address: string): Promise<PeerDatagrams> {
    const type = address.includes(':') ? 'udp6' : 'udp4'
    const socket = dgram.createSocket({ type, recvBufferSize: 4 * 1024 * 1024 })
    // An unreachable peer: the tests that care ask the poller.
    socket.on('error', () => {})
    socket.bind(0, address)
    await once(socket, 'listening')
    return socket
  }
}
