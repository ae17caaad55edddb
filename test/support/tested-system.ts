// On what the promises of test/promises are tried: the system that the tests run on, or a simulated
// network. One of them for a whole process, which the project in vitest.config.ts chooses, so that
// real time and virtual time never meet. Knows no promise.
import type { EventEmitter } from 'node:events'
import type { Poller, PollerOptions } from 'pollport'
import { NodeSystem } from './node-system.ts'
import { SimulatedSystem } from './simulated-system.ts'

/** A TCP socket of the other side: what the tests use of `net.Socket`, which is one. */
export interface PeerSocket extends EventEmitter {
  readonly connecting: boolean
  readonly destroyed: boolean
  readonly bytesWritten: number
  readonly writableLength: number
  readonly localPort?: number | undefined
  readonly remotePort?: number | undefined
  readonly remoteAddress?: string | undefined
  write(data: Uint8Array | string, callback?: () => void): boolean
  end(data?: Uint8Array | string): unknown
  destroy(): unknown
  resetAndDestroy(): unknown
  pause(): unknown
  resume(): unknown
}

/** A UDP socket of the other side: what the tests use of `dgram.Socket`, which is one. */
export interface PeerDatagrams extends EventEmitter {
  address(): { address: string; port: number }
  send(data: Uint8Array | string, port: number, address: string): void
  setSendBufferSize(bytes: number): void
  setMulticastInterface(address: string): void
  close(callback?: () => void): unknown
}

export interface PeerServer {
  readonly address: string
  readonly port: number
  close(): Promise<void>
}

/** Sockets of the other side allow half-open connections and send without delay. */
export interface TestedSystem {
  readonly isSimulated: boolean
  readonly hasIpv6: boolean
  poller<U>(options?: PollerOptions): Poller<U>
  /** Milliseconds on the clock of the pollers' waits. */
  now(): number
  /** The other side gets a turn. */
  turn(): Promise<void>
  /** So many milliseconds on that clock, while the other side goes on. */
  sleep(ms: number): Promise<void>
  connect(to: {
    address: string
    port: number
    localAddress?: string
    localPort?: number
  }): PeerSocket
  listen(
    options: { address: string; port?: number; isPaused: boolean },
    onSocket: (socket: PeerSocket) => void
  ): Promise<PeerServer>
  bindUdp(address: string): Promise<PeerDatagrams>
}

export const simulated: SimulatedSystem | undefined =
  process.env.POLLPORT_NETWORK === 'simulated' ? new SimulatedSystem() : undefined

export const tested: TestedSystem = simulated ?? new NodeSystem()
