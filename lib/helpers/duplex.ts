// A connection as a stream of Node's, for whatever speaks over streams: http, tls, WebSocket
// libraries, pipeline(). It behaves as a net.Socket does, in what it emits and when, and knows the
// public connection alone.
import { AsyncResource } from 'node:async_hooks'
import type { AddressInfo } from 'node:net'
import { Duplex, type DuplexOptions } from 'node:stream'
import type { SocketAddress } from '../address.ts'
import { asNodesError, invalidArgType, namedSocketError, type SocketError } from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import type { ConnectionEvent } from '../poller/events.ts'
import { TcpConnection } from '../poller/tcp-connection.ts'
import { atNextTick, inATurnOfItsOwn, Timer } from '../turns.ts'
import { callback, number } from '../validate.ts'

const DEFAULT_CLOSE_TIMEOUT_MS = 5000
/** What a chunk has at most: as much as libuv reads at once. */
const MAX_CHUNK_BYTES = 64 * 1024
/** The least that what was received is cut to. */
const MIN_CHUNK_BYTES = 1024
/** Up to so many bytes, pieces of a write are copied together. */
const MAX_GATHERED_BYTES = 64 * 1024
/** The longest timer that Node has, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** The longest `keepAliveIdleMs`: tcp(7) counts to 32,767 seconds. */
const MAX_KEEP_ALIVE_MS = 32_767_000

/** Options of {@link toDuplex}. */
export interface ToDuplexOptions
  extends Pick<DuplexOptions, 'readableHighWaterMark' | 'writableHighWaterMark'> {
  /**
   * Above so many unread bytes the connection is paused. If given, it is also the most that a chunk
   * has (from 1,024 up to the 64 KiB that it is otherwise).
   */
  readableHighWaterMark?: number | undefined
  /** From so many bytes on that the system has not taken, `write()` returns false. */
  writableHighWaterMark?: number | undefined
  /**
   * Whether the stream may still be written to after the peer has finished. Default false, as with
   * Node's own sockets: it is ended then.
   *
   * `node:tls` ends the stream itself, and may have more to say after the peer's FIN; but its own
   * socket takes this option over when it is made. So leave the default, and set
   * `stream.allowHalfOpen = true` when tls has the stream. If it was true before, a secure socket
   * whose peer has ended stays open, with its descriptor, until you end it.
   */
  allowHalfOpen?: boolean | undefined
  /**
   * After `destroy()`, what was written before may still leave for so many milliseconds; then the
   * connection is reset. Default 5000.
   */
  closeTimeoutMs?: number | undefined
}

const TO_DUPLEX_OPTIONS: OptionNames<ToDuplexOptions> = {
  readableHighWaterMark: true,
  writableHighWaterMark: true,
  allowHalfOpen: true,
  closeTimeoutMs: true
}

/** What has come and was not delivered yet: a chunk, the peer's end (null), or the close. */
type Arrival = Buffer | null | { readonly error: SocketError | undefined }

/** One piece of a write, as `_writev` gets it. */
interface Piece {
  chunk: Buffer | string
  encoding: BufferEncoding
}

/**
 * A connection as a `stream.Duplex`, with what Node's libraries ask of a socket beside: addresses,
 * `setTimeout`, `destroySoon` and the like. Made by {@link toDuplex}. What is not described here is
 * as `net.Socket` has it.
 */
export class ConnectionDuplex extends Duplex {
  /**
   * The connection itself. Its events are the stream's; sending to it past the stream mixes with
   * what the stream sends.
   */
  readonly connection: TcpConnection<unknown>
  /** What was given to `setTimeout()` last. */
  timeout: number | undefined
  readonly #closeTimeoutMs: number
  readonly #chunkBytes: number
  /** The async context in which the stream was made: its events come in it. */
  readonly #context = new AsyncResource('PollportStream', { requireManualDestroy: true })
  #isConnecting: boolean
  #isClosed = false
  #hasEnded = false
  #hadError = false
  /** In order. */
  readonly #arrived: Arrival[] = []
  /** How many callbacks are on their way to deliver what has arrived. */
  #deliveries = 0
  /** The reader takes more. */
  #mayPush = true
  /**
   * Goes on when the system has all that was written: the write, or the end, that is waiting for
   * it.
   */
  #onSent: ((error?: Error) => void) | undefined
  /** The async context of that write or end: what it calls back comes in it, as from Node's own. */
  #sendContext = this.#context
  /** `connection.bytesSent` when the system has all that was written. */
  #bytesToSend = 0
  #idleTimer: Timer | undefined
  #bufferedAtTimeout = 0
  #closeTimer: Timer | undefined

  /** @internal */
  constructor(connection: TcpConnection<unknown>, options: ToDuplexOptions) {
    const {
      closeTimeoutMs = DEFAULT_CLOSE_TIMEOUT_MS,
      allowHalfOpen = false,
      ...sizes
    } = knownOptions(options, TO_DUPLEX_OPTIONS)
    number(closeTimeoutMs, 'closeTimeoutMs', 0, MAX_TIMER_MS)
    // 'close' comes when the connection is closed, and not when destroy() was called.
    super({ ...sizes, allowHalfOpen, decodeStrings: false, emitClose: false })
    this.connection = connection
    this.#closeTimeoutMs = closeTimeoutMs
    const { readableHighWaterMark = MAX_CHUNK_BYTES } = sizes
    this.#chunkBytes = Math.min(Math.max(readableHighWaterMark, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES)
    // Also of a connect that has failed already, of which the `close` is to come.
    this.#isConnecting = connection.connecting || connection.closed
    connection.divert((event) => this.#onEvent(event))
  }

  /**
   * The peer's address; undefined while connecting. It stays known after the close, as do port and
   * family.
   */
  get remoteAddress(): string | undefined {
    return this.#peer?.address
  }

  /** The peer's port. */
  get remotePort(): number | undefined {
    return this.#peer?.port
  }

  /** `'IPv4'` or `'IPv6'`, as Node writes it. */
  get remoteFamily(): string | undefined {
    return familyOf(this.#peer)
  }

  /** Of an open connection, as port and family. */
  get localAddress(): string | undefined {
    return this.#local?.address
  }

  /** This side's port. */
  get localPort(): number | undefined {
    return this.#local?.port
  }

  /** `'IPv4'` or `'IPv6'`. */
  get localFamily(): string | undefined {
    return familyOf(this.#local)
  }

  /** This side's end point; `{}` when closed. */
  address(): Partial<AddressInfo> {
    const local = this.#local
    return local === undefined
      ? {}
      : { address: local.address, family: familyOf(local), port: local.port }
  }

  /** Bytes received from the peer. */
  get bytesRead(): number {
    return this.connection.bytesReceived
  }

  /** Bytes that were written, whether the system has taken them or not. */
  get bytesWritten(): number {
    let bytes = this.connection.bytesSent + this.connection.bufferedBytes
    // Node's own, and in no typings: what waits for the write that is under way.
    const { writableBuffer = [] } = this as unknown as { writableBuffer?: Piece[] }
    for (const { chunk, encoding } of writableBuffer) bytes += Buffer.byteLength(chunk, encoding)
    return bytes
  }

  /** How much is waiting to be written; undefined when closed. */
  get bufferSize(): number | undefined {
    return this.destroyed ? undefined : this.writableLength
  }

  /** Whether `connectTcp()` has no answer yet; `'connect'` tells of it. */
  get connecting(): boolean {
    return this.#isConnecting
  }

  /** Whether it is not connected: not yet, or no longer. */
  get pending(): boolean {
    return this.#isConnecting || this.destroyed
  }

  /** What the stream can do now, in the words of `net.Socket`. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.#isConnecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  /**
   * `'timeout'` when nothing was received or sent for `ms` milliseconds, also while connecting; 0 =
   * never. The stream stays open.
   */
  setTimeout(ms: number, onTimeout?: () => void): this {
    if (this.destroyed) return this
    this.timeout = ms
    number(ms, 'msecs', 0, Number.MAX_VALUE)
    this.#idleTimer?.cancel()
    this.#idleTimer = undefined
    if (onTimeout !== undefined) callback(onTimeout, 'callback')
    if (ms === 0) {
      if (onTimeout !== undefined) this.off('timeout', onTimeout)
      return this
    }
    this.#idleTimer = new Timer(() => this.#onIdle(), Math.min(ms, MAX_TIMER_MS))
    if (onTimeout !== undefined) this.once('timeout', onTimeout)
    return this
  }

  /** TCP_NODELAY: small segments leave at once (tcp(7)). */
  setNoDelay(noDelay: boolean = true): this {
    if (!this.#isOver) this.connection.setOption('noDelay', Boolean(noDelay))
    return this
  }

  /**
   * SO_KEEPALIVE, and how long the connection is idle before the first probe: whole seconds, given in
   * milliseconds; less than 1000 leaves the system's time.
   */
  setKeepAlive(enable: boolean = false, initialDelayMs = 0): this {
    if (this.#isOver) return this
    this.connection.setOption('keepAlive', Boolean(enable))
    if (enable && initialDelayMs >= 1000)
      this.connection.setOption(
        'keepAliveIdleMs',
        Math.min(Math.trunc(initialDelayMs / 1000) * 1000, MAX_KEEP_ALIVE_MS)
      )
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

  /** Ends the stream, and destroys it as soon as the system has everything that was written. */
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

  /** @internal */
  override _read(): void {
    this.#mayPush = true
    this.#goOn()
  }

  /** @internal */
  override _write(
    chunk: Buffer | string,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void
  ): void {
    this.#send([{ chunk, encoding }], done)
  }

  /** @internal */
  override _writev(pieces: Piece[], done: (error?: Error | null) => void): void {
    this.#send(pieces, done)
  }

  /** @internal */
  override _final(done: (error?: Error | null) => void): void {
    this.#whenSent((error) => {
      if (error === undefined) this.connection.end()
      done(error)
    })
  }

  /** @internal */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#idleTimer?.cancel()
    this.#idleTimer = undefined // else a write that ends would restart it
    this.#isConnecting = false
    this.#hadError = error !== null && error !== undefined
    done(error)
    if (this.#isClosed) {
      atNextTick(() => this.emit('close', this.#hadError))
      return
    }
    // What nobody will read; the close is kept.
    while (this.#arrived.length > 0 && isRead(this.#arrived[0])) this.#arrived.shift()
    this.#deliverArrived()
    this.connection.close()
    // A peer that does not read must not keep it for ever.
    if (!this.connection.closed)
      this.#closeTimer = new Timer(() => this.connection.reset(), this.#closeTimeoutMs)
  }

  // ---- Inside ----

  get #isOver(): boolean {
    return this.destroyed || this.connection.closed
  }

  get #peer(): SocketAddress | undefined {
    return this.#isConnecting ? undefined : this.connection.remoteAddress
  }

  get #local(): SocketAddress | undefined {
    return this.connection.closed ? undefined : this.connection.localAddress
  }

  /**
   * In a callback of its own for each event, as from Node's own sockets: ticks and microtasks run
   * in between, so that a program which has awaited one event listens before the next. And in the
   * stream's async context.
   */
  #later(deliver: () => void): void {
    inATurnOfItsOwn(() => this.#context.runInAsyncScope(deliver, this))
  }

  #onEvent(event: ConnectionEvent): void {
    switch (event.type) {
      case 'connect':
        this.#later(this.#onConnect)
        break
      case 'receive':
        this.#onReceive(event.data)
        break
      case 'drain':
        // A tick is enough: a stream calls back what it was given at once, which may not be among
        // other connections' events.
        atNextTick(() => this.#lookWhetherSent())
        break
      case 'end':
        this.#arrive(null)
        break
      case 'timeout':
        this.#later(() => this.emit('timeout'))
        break
      case 'close':
        this.#arrive({ error: event.error && asNodesError(event.error) })
    }
  }

  // ---- Receiving ----

  #onReceive(data: Buffer): void {
    // The owner calls wait() without turns of Node's loop in between: no more than two batches may
    // come to lie here.
    if (this.#arrived.length > 0) this.connection.pause()
    for (let at = 0; at < data.length; at += this.#chunkBytes) {
      // A copy, since `data` is gone before it is delivered.
      this.#arrive(Buffer.from(data.subarray(at, at + this.#chunkBytes)))
    }
  }

  #arrive(what: Arrival): void {
    this.#arrived.push(what)
    this.#deliveries++
    this.#later(this.#deliver)
  }

  #deliver(): void {
    this.#deliveries--
    const next = this.#arrived[0]
    if (next === undefined) return // dropped by destroy()
    // The reader takes no more: _read() goes on.
    if (isChunk(next) && !this.#mayPush) return this.#lookWhetherSent()
    this.#arrived.shift()
    if (next === null) this.#onEnd()
    else if (isChunk(next)) this.#onChunk(next)
    else this.#onClose(next.error)
  }

  #onChunk(chunk: Buffer): void {
    this.#restartIdleTimer()
    // A reader may call _read() while it gets this one.
    this.#mayPush = false
    let takesMore = true
    try {
      takesMore = this.push(chunk)
    } finally {
      // Also when a listener throws: a stream that survives it (by 'uncaughtException') goes on, as
      // a net.Socket does.
      if (takesMore) this.#mayPush = true
      if (this.#mayPush) this.#goOn()
      else if (!this.#isOver) this.connection.pause()
    }
  }

  /** What has arrived already comes first, and only then is more received. */
  #goOn(): void {
    if (this.#arrived.length === 0) {
      if (!this.#isOver) this.connection.resume()
      return
    }
    this.#deliverArrived()
  }

  #deliverArrived(): void {
    for (; this.#deliveries < this.#arrived.length; this.#deliveries++) this.#later(this.#deliver)
  }

  #onEnd(): void {
    this.#hasEnded = true
    this.push(null)
    // 'end' comes also when nobody reads, if there is nothing left to read.
    this.read(0)
  }

  // ---- Sending ----

  #send(pieces: Piece[], done: (error?: Error | null) => void): void {
    this.#restartIdleTimer()
    const { connection } = this
    let isBroken = this.#closeToCome !== undefined
    try {
      for (const data of isBroken ? [] : gathered(pieces))
        if (!connection.send(data) && connection.bufferedBytes === 0) isBroken = true
    } catch (error) {
      return done(error as Error)
    }
    // A broken one takes nothing: its `close` tells why.
    this.#bytesToSend = isBroken
      ? Number.POSITIVE_INFINITY
      : connection.bytesSent + connection.bufferedBytes
    this.#whenSent(done)
  }

  /**
   * Calls `done`, not at once, when the system has all that was sent, or with the error that
   * prevents it.
   */
  #whenSent(done: (error?: Error) => void): void {
    this.#onSent = done
    this.#sendContext = new AsyncResource('PollportWrite', { requireManualDestroy: true })
    // A tick later, so that what this tick writes still is written together.
    if (this.#isSent) atNextTick(() => this.#lookWhetherSent())
    else this.#lookWhetherSent()
  }

  get #isSent(): boolean {
    return !this.#isConnecting && this.connection.bytesSent >= this.#bytesToSend
  }

  #lookWhetherSent(): void {
    // While connecting the connect tells, and after destroy() the close.
    if (this.#onSent === undefined || this.#isConnecting || this.destroyed) return
    const close = this.#closeToCome
    // Behind what a reader does not take, the close may never come: a write does not wait for that,
    // as from Node's own sockets.
    if (close !== undefined && !this.#mayPush) this.#sentUntil(close.error)
    if (this.connection.closed) return
    if (this.#isSent) this.#sent()
    else this.connection.requestDrain()
  }

  /** The close that has arrived and was not delivered yet. */
  get #closeToCome(): { readonly error: SocketError | undefined } | undefined {
    const last = this.#arrived[this.#arrived.length - 1]
    return last === undefined || isRead(last) ? undefined : last
  }

  /** A write that the system took before the close has succeeded, any other fails. */
  #sentUntil(closeError: Error | undefined): void {
    this.#sent(this.#isSent ? undefined : (closeError ?? namedSocketError('ECANCELED', 'write')))
  }

  #sent(error?: Error): void {
    const done = this.#onSent
    this.#onSent = undefined
    if (error === undefined) this.#restartIdleTimer()
    if (done !== undefined) this.#sendContext.runInAsyncScope(done, undefined, error)
  }

  // ---- Beginning, silence and end ----

  #onConnect(): void {
    if (this.destroyed) return
    this.#isConnecting = false
    this.#restartIdleTimer()
    this.emit('connect')
    this.emit('ready')
    this.#lookWhetherSent()
  }

  #restartIdleTimer(): void {
    this.#idleTimer?.restart()
  }

  #onIdle(): void {
    // A large write that goes on, piece by piece, is no silence.
    const { bufferedBytes } = this.connection
    const isMoving = bufferedBytes > 0 && bufferedBytes !== this.#bufferedAtTimeout
    this.#bufferedAtTimeout = bufferedBytes
    if (isMoving) this.#restartIdleTimer()
    else this.emit('timeout')
  }

  #onClose(error: Error | undefined): void {
    this.#isClosed = true
    this.#isConnecting = false
    this.#closeTimer?.cancel()
    if (this.destroyed) {
      this.#sentUntil(error) // before the close is told
      atNextTick(() => this.emit('close', this.#hadError))
      return
    }
    // Both sides have finished in order: the reader may still have to read, and the stream destroys
    // itself after that. Otherwise it is over; there is no error when the program or the poller
    // closed the connection past the stream.
    if (error !== undefined || !this.#hasEnded || !this.writableFinished) this.destroy(error)
    this.#sentUntil(error)
  }
}

function isChunk(arrival: Arrival): arrival is Buffer {
  return Buffer.isBuffer(arrival)
}

function isRead(arrival: Arrival): arrival is Buffer | null {
  return arrival === null || isChunk(arrival)
}

/** Small pieces as one, so that they leave by one system call. */
function gathered(pieces: Piece[]): Uint8Array[] {
  const all = pieces.map(({ chunk, encoding }) =>
    typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
  )
  if (all.length === 1) return all
  const bytes = all.reduce((sum, { length }) => sum + length, 0)
  return bytes <= MAX_GATHERED_BYTES ? [Buffer.concat(all, bytes)] : all
}

function familyOf(address: SocketAddress | undefined): string | undefined {
  if (address === undefined) return undefined
  return address.family === 'ipv4' ? 'IPv4' : 'IPv6'
}

/**
 * Makes a `stream.Duplex` of a connection, for Node's `http`, `tls` and any other library that
 * speaks over streams:
 *
 * ```ts
 * if (event.type === 'accept') httpServer.emit('connection', toDuplex(event.socket))
 * ```
 *
 * From then on the connection's events are the stream's and no longer in the batches (see
 * {@link TcpConnection.divert}); its owner goes on calling `wait()` or `run()`, and gives Node's
 * loop its turns, as `run()` does. As with a `net.Socket`, each chunk (of up to 64 KiB), the end
 * and the close come in a callback of their own, in the async context in which the stream was made.
 * Backpressure goes both ways: nothing more is received while the reader does not keep up, and a
 * write is done when the system has it. An `http.Server` that does not listen itself checks no
 * `headersTimeout` and no `requestTimeout` (they begin with its `'listening'`); its `timeout`
 * counts.
 * @param connection an open or a connecting one; best in its `accept` event, or right after
 *   `connectTcp()`, also when that has failed at once: then an `'error'` follows
 * @returns a stream that is closed when the connection is. `destroy()` lets what was written leave,
 *   for `closeTimeoutMs`. Its errors have `code`, `syscall` and `errno` as those of Node's sockets
 *   have them (`'read'`, `'write'`, a negative number); their `cause` is the {@link SocketError}.
 * @throws TypeError for anything but a TcpConnection, RangeError for `closeTimeoutMs` below 0;
 *   SocketError `EBADF` when it is closed.
 */
export function toDuplex<U>(
  connection: TcpConnection<U>,
  options: ToDuplexOptions = {}
): ConnectionDuplex {
  if (!(connection instanceof TcpConnection))
    throw invalidArgType('connection', 'a TcpConnection', connection)
  return new ConnectionDuplex(connection, options)
}
