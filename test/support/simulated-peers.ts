// The other side of a connection in a simulated network: sockets on a poller of its own that look
// to a test as those of Node's net and dgram do.
import { EventEmitter } from 'node:events'
import type { CloseEvent, PollEvent, Poller, TcpConnection, UdpSocket } from 'pollport'
import type { SimulatedHost } from 'pollport/simulation'
import type { PeerDatagrams, PeerServer, PeerSocket, TestedSystem } from './tested-system.ts'

type Handle = (event: PollEvent<Handle>) => void

/** Longer than a packet takes from a host to itself. */
const ARRIVAL_MS = 0.1

export class SimulatedPeers {
  readonly #host: SimulatedHost
  readonly #poller: Poller<Handle>
  /** Not reported yet: over a system's loopback, what led to a close has arrived by then. */
  readonly #closes: { readonly dueMs: number; readonly event: CloseEvent<Handle> }[] = []
  readonly #sockets = new Set<TcpPeer>()

  constructor(host: SimulatedHost) {
    this.#host = host
    this.#poller = host.poller<Handle>({ highWaterMarkBytes: 64 * 1024 })
  }

  /** Everything that the other side has to do now. */
  act(): void {
    for (const event of this.#poller.wait(0)) {
      if (event.type === 'close') this.#closes.push({ dueMs: this.#host.now + ARRIVAL_MS, event })
      else if (event.type !== 'wake') event.userPtr?.(event)
    }
    const arrived = this.#closes.findIndex(({ dueMs }) => dueMs > this.#host.now)
    const due = this.#closes.splice(0, arrived < 0 ? this.#closes.length : arrived)
    for (const { event } of due) event.userPtr?.(event)
    for (const socket of this.#sockets) socket.callBack()
  }

  connect({ localAddress, localPort, ...to }: Parameters<TestedSystem['connect']>[0]): TcpPeer {
    const connection = this.#poller.connectTcp({ ...to, localAddress, localPort, noDelay: true })
    return this.#add(new TcpPeer(connection, true))
  }

  listen(
    where: { address: string; port: number },
    onSocket: (socket: PeerSocket) => void
  ): PeerServer {
    const listener = this.#poller.listenTcp(where, (event) => {
      if (event.type === 'accept') onSocket(this.#add(new TcpPeer(event.socket, false)))
    })
    return {
      address: where.address,
      port: listener.localAddress.port,
      close: async () => listener.close()
    }
  }

  bindUdp(address: string): UdpPeer {
    const receiveBufferSize = 4 * 1024 * 1024
    return new UdpPeer(this.#poller.bindUdp({ address, port: 0, receiveBufferSize }))
  }

  #add(socket: TcpPeer): TcpPeer {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    return socket
  }
}

class TcpPeer extends EventEmitter implements PeerSocket {
  readonly localPort: number
  readonly remotePort: number
  readonly remoteAddress: string
  bytesWritten = 0
  connecting: boolean
  destroyed = false
  readonly #connection: TcpConnection<Handle>
  /** undefined: nobody has asked for data, and nobody has refused it. */
  #isFlowing: boolean | undefined
  #callbacks: (() => void)[] = []

  constructor(connection: TcpConnection<Handle>, isConnecting: boolean) {
    super()
    this.#connection = connection
    this.connecting = isConnecting
    connection.userPtr = (event) => this.#handle(event)
    this.localPort = connection.localAddress.port
    this.remotePort = connection.remoteAddress.port
    this.remoteAddress = connection.remoteAddress.address
    if (!isConnecting) connection.pause()
    // As Node's own: an end that nobody listens to is no error.
    this.on('error', () => {})
  }

  get writableLength(): number {
    return this.#connection.bufferedBytes
  }

  write(data: Uint8Array | string, callback?: () => void): boolean {
    if (this.destroyed || this.#connection.closed) return false
    this.bytesWritten += Buffer.byteLength(data)
    if (callback !== undefined) this.#callbacks.push(callback)
    return this.#connection.send(data)
  }

  /** The callbacks of writes that have left. */
  callBack(): void {
    if (this.#callbacks.length === 0 || this.#connection.bufferedBytes > 0) return
    const callbacks = this.#callbacks
    this.#callbacks = []
    for (const callback of callbacks) callback()
  }

  end(data?: Uint8Array | string): this {
    if (data !== undefined) this.write(data)
    this.#connection.end()
    return this
  }

  destroy(): this {
    this.destroyed = true
    this.#connection.close()
    return this
  }

  resetAndDestroy(): this {
    this.destroyed = true
    this.#connection.reset()
    return this
  }

  pause(): this {
    this.#isFlowing = false
    if (!this.connecting) this.#connection.pause()
    return this
  }

  resume(): this {
    this.#isFlowing = true
    if (!this.connecting && !this.destroyed) this.#connection.resume()
    return this
  }

  override on(event: string, listener: (...args: never[]) => void): this {
    super.on(event, listener as (...args: unknown[]) => void)
    if (event === 'data' && this.#isFlowing === undefined) this.resume()
    return this
  }

  #handle(event: PollEvent<Handle>): void {
    if (event.type === 'connect') {
      this.connecting = false
      if (this.#isFlowing !== true) this.#connection.pause()
      this.emit('connect')
    } else if (event.type === 'receive') this.emit('data', Buffer.from(event.data))
    else if (event.type === 'end' || event.type === 'drain') this.emit(event.type)
    else if (event.type === 'close') {
      this.destroyed = true
      if (event.error !== undefined) this.emit('error', event.error)
      this.emit('close')
    }
  }
}

class UdpPeer extends EventEmitter implements PeerDatagrams {
  readonly #socket: UdpSocket<Handle>

  constructor(socket: UdpSocket<Handle>) {
    super()
    this.#socket = socket
    socket.userPtr = (event) => {
      if (event.type === 'datagram')
        this.emit('message', Buffer.from(event.data), {
          address: event.address.address,
          port: event.address.port
        })
    }
  }

  address(): { address: string; port: number } {
    const { address, port } = this.#socket.localAddress
    return { address, port }
  }

  send(data: Uint8Array | string, port: number, address: string): void {
    this.#socket.send(data, { address, port })
  }

  /** It has no send buffer that a datagram may not fit. */
  setSendBufferSize(): void {}

  setMulticastInterface(): never {
    throw new Error('a simulated network has no multicast groups')
  }

  close(callback?: () => void): void {
    this.#socket.close()
    callback?.()
  }
}
