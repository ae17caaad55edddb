// TLS before the handshake: node:tls over toDuplex(). It needs turns of Node's loop.
import { AsyncLocalStorage } from 'node:async_hooks'
import { createServer, type Server, type TlsOptions } from 'node:tls'
import { toDuplex } from '../helpers/duplex.ts'
import type { TcpConnection } from '../poller/tcp-connection.ts'
import type { Door } from './door.ts'
import { StreamLink } from './stream-link.ts'

/** A connection on its way through TLS. */
interface Entering {
  readonly connection: TcpConnection<unknown>
  readonly door: Door
}

export class SecureDoor {
  readonly #tls: Server
  // TLS gives a socket of its own, and says not whose: what it calls runs in the context of the
  // connection.
  readonly #entering = new AsyncLocalStorage<Entering>()

  /** @throws whatever node:tls says of the options */
  constructor(options: TlsOptions, handshakeTimeoutMs: number, onError: (error: Error) => void) {
    this.#tls = createServer({ handshakeTimeout: handshakeTimeoutMs, ...options })
    this.#tls.on('secureConnection', (stream) => {
      const { connection, door } = this.#entering.getStore() as Entering
      if (door.servers.length === 0) return stream.destroy()
      const link = new StreamLink(stream, connection)
      link.userPtr = door.begin(link)
    })
    this.#tls.on('tlsClientError', onError)
  }

  enter(connection: TcpConnection<unknown>, door: Door): void {
    this.#entering.run({ connection, door }, () => {
      this.#tls.emit('connection', toDuplex(connection))
    })
  }
}
