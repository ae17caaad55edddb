// TLS before the handshake: node:tls over toDuplex(). It needs turns of Node's loop.
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Duplex } from 'node:stream'
import { createServer, type SecureContextOptions, type Server, type TlsOptions } from 'node:tls'
import { toDuplex } from '../helpers/duplex.ts'
import type { TcpConnection } from '../poller/tcp-connection.ts'
import type { Arriving, Door } from './door.ts'
import { StreamLink } from './stream-link.ts'

/** A connection on its way through TLS. */
interface Entering extends Arriving {
  readonly connection: TcpConnection<unknown>
  readonly door: Door
}

export class SecureDoor {
  readonly #tls: Server
  // TLS gives a socket of its own, and says not whose: what it calls runs in the context of the
  // connection.
  readonly #entering = new AsyncLocalStorage<Entering>()
  /** What is below the streams, also when http has one by now. */
  readonly #connections = new WeakMap<Duplex, TcpConnection<unknown>>()

  /** @throws whatever node:tls says of the options */
  constructor(options: TlsOptions, handshakeTimeoutMs: number, onError: (error: Error) => void) {
    this.#tls = createServer({ handshakeTimeout: handshakeTimeoutMs, ...options })
    this.#tls.on('secureConnection', (stream) => {
      const entering = this.#entering.getStore() as Entering
      const { connection, door } = entering
      door.onDone(entering)
      this.#connections.set(stream, connection)
      if (door.servers.length === 0) return stream.destroy()
      const link = new StreamLink(stream, connection)
      link.userPtr = door.begin(link)
    })
    this.#tls.on('tlsClientError', (error, stream) => {
      // Of a handshake that takes too long node:tls only says so, and leaves the connection open.
      stream.destroy()
      onError(error)
    })
  }

  enter(connection: TcpConnection<unknown>, door: Door, received?: Buffer): void {
    const stream = toDuplex(connection)
    if (received !== undefined) stream.unshift(received)
    const entering: Entering = { connection, door, drop: () => void stream.destroy() }
    door.count(entering)
    stream.once('close', () => door.onDone(entering))
    this.#entering.run(entering, () => this.#tls.emit('connection', stream))
  }

  /** Below a stream that this door has made secure. */
  connectionOf(stream: Duplex): TcpConnection<unknown> | undefined {
    return this.#connections.get(stream)
  }

  setSecureContext(options: SecureContextOptions): void {
    this.#tls.setSecureContext(options)
  }
}
