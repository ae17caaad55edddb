// A connection as a stream of Node's, for whatever speaks over streams: http, tls, WebSocket libraries, pipeline(). Knows the public connection alone.
import { Duplex, type DuplexOptions } from 'node:stream'
import { invalidArgType } from '../errors.ts'
import type { ConnectionEvent } from '../poller/events.ts'
import { TcpConnection } from '../poller/tcp-connection.ts'
import { callback, number, object } from '../validate.ts'

const DEFAULT_CLOSE_TIMEOUT_MS = 5000
/** The least that what was received is cut to. */
const MIN_CHUNK_BYTES = 1024

/** Options of {@link toDuplex}. `readableHighWaterMark` is also what a chunk of received bytes has at most, but for values below 1,024. */
export interface ToDuplexOptions extends Pick<DuplexOptions, 'readableHighWaterMark' | 'writableHighWaterMark'> {
  /**
   * Whether the stream may still be written to after the peer has finished. Default false, as with Node's own sockets: it is ended then. `true` for
   * `tls`, which ends itself, and may have more to say after the peer's FIN.
   */
  allowHalfOpen?: boolean | undefined
  /** After `destroy()`, what was written before may still leave for so many milliseconds; then the connection is reset. Default 5000. */
  closeTimeoutMs?: number | undefined
}

/**
 * A connection as a `stream.Duplex`, with what Node's libraries ask of a socket beside: addresses, `setTimeout`, `destroySoon` and the like. Made by
 * {@link toDuplex}.
 */
export class ConnectionDuplex extends Duplex {
  /** The connection itself. Its events are the stream's; sending to it past the stream mixes with what the stream sends. */
  readonly connection: TcpConnection<unknown>
  readonly #closeTimeoutMs: number
  #onDrain: ((error?: Error) => void) | undefined
  #onClosed: (() => void) | undefined
  #isClosed = false
  #hasEnded = false

  /** @internal */
  constructor(connection: TcpConnection<unknown>, options: ToDuplexOptions) {
    const { closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS, allowHalfOpen = false, ...sizes } = object(options, 'options')
    number(closeTimeoutMs, 'closeTimeoutMs', 0, 2 ** 31 - 1)
    super({ allowHalfOpen, ...sizes })
    this.connection = connection
    this.#closeTimeoutMs = closeTimeoutMs
    connection.divert((event) => this.#onEvent(event))
  }

  get remoteAddress(): string {
    return this.connection.remoteAddress.address
  }

  get remotePort(): number {
    return this.connection.remoteAddress.port
  }

  /** `'IPv4'` or `'IPv6'`, as Node writes it. */
  get remoteFamily(): string {
    return this.connection.remoteAddress.family === 'ipv4' ? 'IPv4' : 'IPv6'
  }

  get localAddress(): string | undefined {
    return this.connection.closed ? undefined : this.connection.localAddress.address
  }

  get localPort(): number | undefined {
    return this.connection.closed ? undefined : this.connection.localAddress.port
  }

  /** Bytes received from the peer. */
  get bytesRead(): number {
    return this.connection.bytesReceived
  }

  /** Bytes that the system has taken, and those that wait in the connection's queue. */
  get bytesWritten(): number {
    return this.connection.bytesSent + this.connection.bufferedBytes
  }

  /** Whether `connectTcp()` has no answer yet; `'connect'` tells of it. */
  get connecting(): boolean {
    return this.connection.connecting
  }

  /** `'timeout'` when nothing was received or sent for `ms` milliseconds, 0 = never. The stream stays open. */
  setTimeout(ms: number, onTimeout?: () => void): this {
    if (onTimeout !== undefined) {
      callback(onTimeout, 'onTimeout')
      if (ms === 0) this.off('timeout', onTimeout)
      else this.once('timeout', onTimeout)
    }
    if (!this.connection.closed && !this.destroyed) this.connection.setIdleTimeout(ms)
    return this
  }

  setNoDelay(noDelay = true): this {
    if (!this.connection.closed && !this.destroyed) this.connection.setOption('noDelay', noDelay)
    return this
  }

  setKeepAlive(enable = false, initialDelayMs = 0): this {
    if (this.connection.closed || this.destroyed) return this
    this.connection.setOption('keepAlive', enable)
    if (enable && initialDelayMs >= 1000) this.connection.setOption('keepAliveIdle', initialDelayMs)
    return this
  }

  /** Does nothing: it is the poller that keeps a process alive. */
  ref(): this {
    return this
  }

  /** Does nothing: it is the poller that keeps a process alive. */
  unref(): this {
    return this
  }

  /** Ends the stream, and destroys it as soon as everything has been handed to the connection. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Drops what is queued; the peer sees `ECONNRESET`. */
  resetAndDestroy(): this {
    this.connection.reset()
    return this.destroy()
  }

  override _read(): void {
    if (!this.#isOver) this.connection.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    try {
      if (this.connection.send(chunk)) return done()
    } catch (error) {
      return done(error as Error)
    }
    // Over the mark, or broken: a `drain` or a `close` follows.
    this.#onDrain = done
  }

  override _final(done: (error?: Error | null) => void): void {
    this.connection.end()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#isClosed) return done(error)
    // A peer that does not read must not keep it for ever.
    const impatience = setTimeout(() => this.connection.reset(), this.#closeTimeoutMs)
    this.#onClosed = () => {
      clearTimeout(impatience)
      done(error)
    }
    this.connection.close()
  }

  get #isOver(): boolean {
    return this.#isClosed || this.destroyed || this.connection.closed
  }

  #onEvent(event: ConnectionEvent): void {
    switch (event.type) {
      case 'connect':
        this.emit('connect')
        this.emit('ready')
        break
      case 'receive':
        this.#onReceive(event.data)
        break
      case 'drain':
        this.#written()
        break
      case 'end':
        this.#hasEnded = true
        this.push(null)
        break
      case 'timeout':
        this.emit('timeout')
        break
      case 'close':
        this.#onClose(event.error)
    }
  }

  /** In chunks, as from a socket of Node's: a reader that destroys the stream at the first one need not have dealt with all the others. */
  #onReceive(data: Buffer): void {
    const chunkBytes = Math.max(this.readableHighWaterMark, MIN_CHUNK_BYTES)
    let mayGoOn = true
    for (let at = 0; at < data.length && !this.destroyed; at += chunkBytes) {
      // A copy, since the stream may keep it past the next wait().
      mayGoOn = this.push(Buffer.from(data.subarray(at, at + chunkBytes)))
    }
    // Events that are in this batch already still come after a pause().
    if (!mayGoOn && !this.#isOver) this.connection.pause()
  }

  #written(error?: Error): void {
    const done = this.#onDrain
    this.#onDrain = undefined
    done?.(error)
  }

  #onClose(error: Error | undefined): void {
    this.#isClosed = true
    if (this.#onClosed !== undefined) return this.#onClosed()
    if (error !== undefined) this.#written(error)
    // Both sides have finished in order: the reader may still have to read, and the stream destroys itself after that.
    if (error !== undefined || !this.#hasEnded || !this.writableEnded) this.destroy(error)
  }
}

/**
 * Makes a `stream.Duplex` of a connection, for Node's `http`, `tls` and any other library that speaks over streams:
 *
 * ```ts
 * if (event.type === 'accept') httpServer.emit('connection', toDuplex(event.socket))
 * ```
 *
 * From then on the connection's events are the stream's and no longer in the batches (see {@link TcpConnection.divert}); its owner goes on calling
 * `wait()` or `run()`, and gives Node's loop its turns, as `run()` does. Backpressure goes both ways: `pause()` when the reader does not keep up, and a
 * write is done when the connection is below its high-water mark. An `http.Server` that does not listen itself checks no `headersTimeout` and no
 * `requestTimeout` (they begin with its `'listening'`); its `timeout` counts.
 * @param connection an open or a connecting one; best in its `accept` event, or right after `connectTcp()`
 * @returns a stream that is closed when the connection is. `destroy()` lets what was written leave, for `closeTimeoutMs`.
 * @throws TypeError for anything but a TcpConnection, RangeError for `closeTimeoutMs` below 0; SocketError `EBADF` when it is closed.
 */
export function toDuplex<U>(connection: TcpConnection<U>, options: ToDuplexOptions = {}): ConnectionDuplex {
  if (!(connection instanceof TcpConnection)) throw invalidArgType('connection', 'a TcpConnection', connection)
  return new ConnectionDuplex(connection, options)
}
