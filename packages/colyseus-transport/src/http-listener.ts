// A server of node:http, or node:https, on a listener of pollport: it gets its connections as
// streams, and `address()`, `listening` and 'close' are those of the listener. Does not use
// WebSockets.
import type { Server } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { type Poller, type TcpListener, toDuplex } from 'pollport'

export class HttpListener {
  readonly #listener: TcpListener<unknown>
  /** The connections that http has. */
  readonly #streams = new Set<Duplex>()
  #onIdle: (() => void) | undefined

  /** @throws SocketError as `Poller.listenTcp()` */
  constructor(
    server: Server | SecureServer,
    poller: Poller<unknown>,
    options: { address: string; port: number; backlog: number | undefined }
  ) {
    const listener = poller.listenTcp(options)
    this.#listener = listener
    listener.divert((event) => {
      if (event.type === 'accept') this.#add(server, toDuplex(event.socket))
      // No descriptor is left, for example: the listener pauses and goes on by itself.
      else if (event.type === 'error') server.emit('error', event.error)
    })
    const { address, port, family } = listener.localAddress
    const bound = { address, port, family: family === 'ipv6' ? 'IPv6' : 'IPv4' }
    // Node's own are of the handle that a server has which listens by itself.
    Object.defineProperties(server, {
      listening: { configurable: true, get: () => !listener.closed },
      address: { configurable: true, value: () => (listener.closed ? null : bound) }
    })
    // From here on http checks its timeouts.
    server.emit('listening')
  }

  /** The stream is no longer http's. */
  release(stream: Duplex): void {
    this.#delete(stream)
  }

  /** Accepts no more, and is fulfilled when http has answered what it was asked. */
  async close(): Promise<void> {
    if (!this.#listener.closed) this.#listener.close()
    if (this.#streams.size === 0) return
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve
    })
  }

  #add(server: Server | SecureServer, stream: Duplex): void {
    this.#streams.add(stream)
    stream.once('close', () => this.#delete(stream))
    server.emit('connection', stream)
  }

  #delete(stream: Duplex): void {
    this.#streams.delete(stream)
    if (this.#streams.size === 0) this.#onIdle?.()
  }
}
