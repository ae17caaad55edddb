// A stream of Node's as a WebSocket's link: for TLS, and for what http's 'upgrade' gives.
import type { Duplex } from 'node:stream'
import { SocketAddress } from '../address.ts'
import type { TcpConnection } from '../poller/tcp-connection.ts'
import { atNextTick } from '../turns.ts'
import type { Link, LinkOwner } from './link.ts'

export class StreamLink implements Link {
  userPtr: unknown
  /** The connection below the stream, if it is one of this library. */
  readonly connection: TcpConnection<unknown> | undefined
  readonly remoteAddress: SocketAddress | undefined
  readonly #stream: Duplex
  #isClosed = false
  #error: Error | undefined
  #mustDrain = false

  readonly #onData = (data: Buffer): void => this.#owner?._onReceive(data)
  readonly #onEnd = (): void => this.#owner?._onEnd()
  readonly #onDrain = (): void => this.#lookWhetherDrained()
  readonly #onError = (error: Error): void => {
    this.#error = error
  }
  readonly #onClose = (): void => {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#owner?._onClosed(this.#error)
  }

  constructor(stream: Duplex, connection: TcpConnection<unknown> | undefined) {
    this.#stream = stream
    this.connection = connection
    this.remoteAddress = connection === undefined ? addressOf(stream) : connection.remoteAddress
    stream.on('data', this.#onData)
    stream.on('end', this.#onEnd)
    stream.on('drain', this.#onDrain)
    stream.on('error', this.#onError)
    stream.on('close', this.#onClose)
    if (stream.destroyed) atNextTick(this.#onClose)
  }

  get bufferedBytes(): number {
    return this.#stream.writableLength
  }

  get closed(): boolean {
    return this.#isClosed || this.#stream.destroyed
  }

  send(data: Uint8Array | string): boolean {
    if (!this.#stream.writable) return false
    return this.#stream.write(data)
  }

  requestDrain(): void {
    this.#mustDrain = true
    // 'drain' comes only after a write that returned false.
    atNextTick(() => this.#lookWhetherDrained())
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  end(): void {
    this.#stream.end()
  }

  close(): void {
    if (this.#stream.writable) this.#stream.end(() => this.#stream.destroy())
    else this.#stream.destroy()
  }

  reset(): void {
    this.#stream.destroy()
  }

  /** Gives the stream back as it was, with bytes that come first. */
  release(bytes: Buffer): Duplex {
    const stream = this.#stream
    stream.pause()
    stream.off('data', this.#onData)
    stream.off('end', this.#onEnd)
    stream.off('drain', this.#onDrain)
    stream.off('error', this.#onError)
    stream.off('close', this.#onClose)
    stream.unshift(bytes)
    return stream
  }

  get #owner(): LinkOwner | undefined {
    return this.userPtr as LinkOwner | undefined
  }

  #lookWhetherDrained(): void {
    if (!this.#mustDrain || this.#isClosed) return
    // It has been ended: what is queued goes out, and nobody sends more.
    if (!this.#stream.writable) return
    if (this.#stream.writableLength > 0) {
      // An empty write is done when all before it is.
      this.#stream.write('', (error) => {
        if (!error) this.#lookWhetherDrained()
      })
      return
    }
    this.#mustDrain = false
    this.#owner?._onDrain()
  }
}

/** As far as it has one: a `net.Socket` does. */
function addressOf(stream: Duplex): SocketAddress | undefined {
  const { remoteAddress, remotePort } = stream as { remoteAddress?: string; remotePort?: number }
  if (remoteAddress === undefined || remotePort === undefined) return undefined
  return new SocketAddress({ address: remoteAddress, port: remotePort })
}
