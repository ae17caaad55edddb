// A bot's connection: by the game's own frames, by WebSocket, or as bytes that keep to no rule.
// Carries requests; does not know what they mean.
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { type ConnectionDuplex, type FrameDecoder, type TcpConnection, toDuplex } from 'pollport'
import { WebSocket } from 'pollport/websocket'
import { encode, LENGTH_BYTES, type Request } from '../wire/protocol.ts'

/** A message's text is its frame without the length. */
const AS_TEXT = { isText: true }

/** How a bot speaks: it is a player by TCP or WebSocket, or it writes bytes to the web port. */
export type Speech = 'game' | 'web' | 'bytes'

/** Closed or ended, it takes what it is given and does nothing. */
export interface Line {
  /** The connection whose events are in the poller's batches; undefined: it has others. */
  readonly connection: TcpConnection<unknown> | undefined
  readonly isConnecting: boolean
  readonly isClosed: boolean
  send(request: Request): void
  sendBytes(bytes: Uint8Array): void
  end(): void
  reset(): void
  /** Reads no more. */
  pause(): void
}

/** By TCP. `decoder` is undefined for one who does not read what it gets. */
export class TcpLine implements Line {
  readonly connection: TcpConnection<unknown>
  readonly decoder: FrameDecoder | undefined
  #hasEnded = false

  constructor(connection: TcpConnection<unknown>, decoder: FrameDecoder | undefined) {
    this.connection = connection
    this.decoder = decoder
  }

  get isConnecting(): boolean {
    return this.connection.connecting
  }

  get isClosed(): boolean {
    return this.connection.closed
  }

  send(request: Request): void {
    this.sendBytes(encode(request))
  }

  sendBytes(bytes: Uint8Array): void {
    // Closed or ended already; the event comes in a later batch.
    if (!this.#hasEnded && !this.connection.closed) this.connection.send(bytes)
  }

  end(): void {
    if (!this.connection.closed) this.connection.end()
    this.#hasEnded = true
  }

  reset(): void {
    this.connection.reset()
  }

  pause(): void {
    this.connection.pause()
  }
}

/** By WebSocket, as a browser would. */
export class WebLine implements Line {
  readonly connection = undefined
  readonly #socket: WebSocket<unknown>

  constructor(socket: WebSocket<unknown>) {
    this.#socket = socket
  }

  get isConnecting(): boolean {
    return this.#socket.readyState === WebSocket.CONNECTING
  }

  get isClosed(): boolean {
    return this.#socket.readyState === WebSocket.CLOSED
  }

  send(request: Request): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return
    this.#socket.send(encode(request).subarray(LENGTH_BYTES), AS_TEXT)
  }

  sendBytes(): void {
    throw new Error('a WebSocket sends messages')
  }

  end(): void {
    this.#socket.close()
  }

  reset(): void {
    this.#socket.terminate()
  }

  pause(): void {
    this.#socket.connection?.pause()
  }
}

/** What a {@link TlsLine} reports: its connection has no events in the poller's batches. */
export interface TlsHandlers {
  onConnect(): void
  onData(data: Buffer): void
  onEnd(): void
  onClose(line: TlsLine, error: NodeJS.ErrnoException | undefined): void
}

/** By TCP and TLS, whatever the server's certificate says: bots are for tests. */
export class TlsLine implements Line {
  readonly connection = undefined
  readonly #raw: ConnectionDuplex
  readonly #stream: TLSSocket

  constructor(connection: TcpConnection<unknown>, handlers: TlsHandlers) {
    this.#raw = toDuplex(connection)
    this.#stream = connectTls({ socket: this.#raw, rejectUnauthorized: false })
    let failure: NodeJS.ErrnoException | undefined
    this.#stream.on('secureConnect', () => handlers.onConnect())
    this.#stream.on('data', (data) => handlers.onData(data))
    this.#stream.on('end', () => handlers.onEnd())
    this.#stream.on('error', (error) => {
      failure = error
    })
    this.#stream.on('close', () => handlers.onClose(this, failure))
  }

  get isConnecting(): boolean {
    return !this.#stream.authorized && this.#stream.getProtocol() === null
  }

  get isClosed(): boolean {
    return this.#stream.destroyed
  }

  send(request: Request): void {
    this.sendBytes(encode(request))
  }

  sendBytes(bytes: Uint8Array): void {
    if (this.#stream.writable) this.#stream.write(bytes)
  }

  end(): void {
    this.#stream.end()
  }

  reset(): void {
    this.#raw.resetAndDestroy()
    this.#stream.destroy()
  }

  pause(): void {
    this.#stream.pause()
  }
}
