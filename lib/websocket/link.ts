// What a WebSocket needs of the connection below it. A TcpConnection is one as it is; what comes
// over TLS, or over another stream, is made one by StreamLink.
import type { SocketAddress } from '../address.ts'

export interface Link {
  readonly remoteAddress: SocketAddress | undefined
  readonly bufferedBytes: number
  readonly closed: boolean
  /** The owner of the link, once it has one. */
  userPtr: unknown
  send(data: Uint8Array | string): boolean
  /** One drain when everything that was sent is with the system. */
  requestDrain(): void
  pause(): void
  resume(): void
  /** Sends what is queued, then FIN. */
  end(): void
  /** Sends what is queued, then closes. */
  close(): void
  /** Drops what is queued and closes. */
  reset(): void
}

/** Gets what happens to a link: a handshake at first, then the WebSocket. */
export interface LinkOwner {
  _onConnect(): void
  /** `data` is valid until this returns. */
  _onReceive(data: Buffer): void
  _onDrain(): void
  /** The peer has finished sending. */
  _onEnd(): void
  /** Once, and last. */
  _onClosed(error: Error | undefined): void
}
