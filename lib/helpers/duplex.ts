// A connection as a stream of Node's, for all that speaks over streams: http, tls, WebSocket
// libraries, pipeline(). It behaves as a net.Socket does, in what it emits and when, and uses the
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
/** Up to so many bytes, a write is encoded in the poller's memory; send() copies no more either. */
const MAX_ENCODED_BYTES = 8 * 1024
/** The longest timer that Node has, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** The longest `keepAliveIdleMs`: tcp(7) counts to 32,767 seconds. */
const MAX_KEEP_ALIVE_MS = 32_767_000

/**
 * Options of {@link toDuplex}.
 * @category Helpers
 * @example
 * ```ts
 * import { Poller, type ToDuplexOptions, toDuplex } from 'pollport'
 *
 * const options: ToDuplexOptions = { allowHalfOpen: true, closeTimeoutMs: 1000 }
 * const poller = new Poller()
 * const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
 * const stream = toDuplex(poller.connectTcp(listener.localAddress), options)
 * stream.once('connect', () => poller.close())
 * await poller.run(() => {})
 * ```
 */
export interface ToDuplexOptions
  extends Pick<DuplexOptions, 'readableHighWaterMark' | 'writableHighWaterMark'> {
  /**
   * With more unread bytes than this the connection pauses. Default: Node's own for streams. If you
   * give it, it is also the largest chunk, but from 1,024 bytes up to 64 KiB, the default.
   */
  readableHighWaterMark?: number | undefined
  /**
   * With this many bytes that the kernel has not taken yet, `write()` returns false. Default:
   * Node's own for streams.
   */
  writableHighWaterMark?: number | undefined
  /**
   * Whether you can still write after the peer sent FIN. Default false, as for Node's own sockets:
   * the stream ends itself then.
   *
   * With `node:tls`, leave the default, and set `stream.allowHalfOpen = true` after tls has the
   * stream: tls ends the stream itself and may write after the peer's FIN, but copies this option
   * when its socket is made. If it was true then, a secure socket whose peer has ended stays open,
   * with its descriptor, until you end it.
   */
  allowHalfOpen?: boolean | undefined
  /**
   * How long after `destroy()` what you wrote before may still leave, 0 to 2^31-1; then the
   * connection is reset (RST). Default 5000.
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
 * A connection as a `stream.Duplex`, with what Node's libraries expect of a socket: addresses,
 * `setTimeout`, `destroySoon` and so on. {@link toDuplex} makes it. What is not described here is
 * as in `net.Socket` and `stream.Duplex` (Node.js documentation).
 * @category Helpers
 * @example
 * ```ts
 * import { Poller, toDuplex } from 'pollport'
 *
 * const poller = new Poller()
 * const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
 * const stream = toDuplex(poller.connectTcp(listener.localAddress))
 * stream.setTimeout(1000, () => stream.destroy())
 * stream.on('data', (data) => console.log(String(data))) // hello
 * stream.on('close', () => poller.close())
 * await poller.run((events) => {
 *   for (const event of events) if (event.type === 'accept') event.socket.send('hello')
 *   for (const event of events) if (event.type === 'accept') event.socket.close()
 * })
 * ```
 */
export class ConnectionDuplex extends Duplex {
  /**
   * The connection itself. The stream takes its events. What you send on it directly mixes with
   * what the stream sends.
   */
  readonly connection: TcpConnection<unknown>
  /** The last `ms` of `setTimeout()`; undefined before. */
  timeout: number | undefined
  /** @internal Called once, when the stream is destroyed or its connection taken back. */
  _onLeave: (() => void) | undefined
  readonly #closeTimeoutMs: number
  readonly #chunkBytes: number
  /** The async context in which the stream was made: its events come in it. */
  readonly #context = new AsyncResource('PollportStream', { requireManualDestroy: true })
  #isConnecting: boolean
  #isClosed = false
  /** The connection is another's by now. */
  #isTaken = false
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
  // Made once, for what each chunk and each write calls.
  readonly #deliverInContext = (): void => this.#context.runInAsyncScope(this.#deliver, this)
  readonly #lookAtNextTick = (): void => this.#lookWhetherSent()
  /**
   * Kept when it is switched off, and not heard then: http switches it off and on again for each
   * request.
   */
  #idleTimer: Timer | undefined
  #idleMs = 0
  #hasIdleTimer = false
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

  /** The peer's address; undefined while connecting. It stays known after the close. */
  get remoteAddress(): string | undefined {
    return this.#peer?.address
  }

  /** The peer's port; undefined while connecting. It stays known after the close. */
  get remotePort(): number | undefined {
    return this.#peer?.port
  }

  /** The peer's family, `'IPv4'` or `'IPv6'`; undefined while connecting. */
  get remoteFamily(): string | undefined {
    return familyOf(this.#peer)
  }

  /** This side's address; undefined when closed. */
  get localAddress(): string | undefined {
    return this.#local?.address
  }

  /** This side's port; undefined when closed. */
  get localPort(): number | undefined {
    return this.#local?.port
  }

  /** This side's family, `'IPv4'` or `'IPv6'`; undefined when closed. */
  get localFamily(): string | undefined {
    return familyOf(this.#local)
  }

  /** This side's address, family and port; `{}` when closed. */
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

  /** Bytes that you wrote, whether the kernel has taken them or not. */
  get bytesWritten(): number {
    let bytes = this.connection.bytesSent + this.connection.bufferedBytes
    // Node's own, and in no typings: what waits for the write that is under way.
    const { writableBuffer = [] } = this as unknown as { writableBuffer?: Piece[] }
    for (const { chunk, encoding } of writableBuffer) bytes += Buffer.byteLength(chunk, encoding)
    return bytes
  }

  /** Bytes that wait to be sent; undefined when destroyed. */
  get bufferSize(): number | undefined {
    return this.destroyed ? undefined : this.writableLength
  }

  /** Whether the connect is in progress; a `'connect'` event follows, or `'error'`. */
  get connecting(): boolean {
    return this.#isConnecting
  }

  /** Whether it is not connected: not yet, or no longer. */
  get pending(): boolean {
    return this.#isConnecting || this.destroyed
  }

  /** The state of the connection, in the words of `net.Socket`. */
  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.#isConnecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  /**
   * Emits `'timeout'` when nothing was received or sent for `ms` milliseconds, also while
   * connecting. The stream stays open.
   * @param ms 0 switches it off; more than 2^31-1 counts as that
   * @param onTimeout a listener for one `'timeout'`; with 0, the listener to remove
   * @throws TypeError or RangeError for what is not a time
   */
  setTimeout(ms: number, onTimeout?: () => void): this {
    if (this.destroyed) return this
    this.timeout = ms
    number(ms, 'msecs', 0, Number.MAX_VALUE)
    const limitMs = Math.min(ms, MAX_TIMER_MS)
    const isSame = limitMs === this.#idleMs
    this.#hasIdleTimer = false
    if (onTimeout !== undefined) callback(onTimeout, 'callback')
    if (ms === 0) {
      if (onTimeout !== undefined) this.off('timeout', onTimeout)
      return this
    }
    this.#hasIdleTimer = true
    this.#idleMs = limitMs
    if (isSame) {
      this.#restartIdleTimer()
    } else {
      this.#idleTimer?.cancel()
      this.#idleTimer = new Timer(() => this.#onIdle(), limitMs)
    }
    if (onTimeout !== undefined) this.once('timeout', onTimeout)
    return this
  }

  /** Sets TCP_NODELAY: small writes are sent at once. Does nothing when closed. */
  setNoDelay(noDelay: boolean = true): this {
    if (!this.#isOver) this.connection.setOption('noDelay', Boolean(noDelay))
    return this
  }

  /**
   * Sets SO_KEEPALIVE. Does nothing when closed.
   * @param initialDelayMs idle time before the first probe; whole seconds, rounded down; under a
   *   second leaves the system's
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

  /**
   * @internal Ends the stream's part in the connection, for the code that goes on with it: gives
   *   back what has come and was not read. Undefined, with nothing changed, if the stream has more
   *   to report, or to send.
   */
  _takeBack(): Buffer | undefined {
    const hasMore = !this.#arrived.every(isChunk) || this.writableLength > 0
    if (hasMore || this.#isOver || this.#isConnecting) return undefined
    const read = (this.read() as Buffer | null) ?? Buffer.alloc(0)
    const rest = Buffer.concat([read, ...(this.#arrived.splice(0) as Buffer[])])
    this.#isTaken = true
    this.#leave()
    this.#endIdleTimer()
    this.connection.resume()
    return rest
  }

  /** Does nothing: what keeps a process alive is the poller, not a connection. */
  ref(): this {
    return this
  }

  /** Does nothing: what keeps a process alive is the poller, not a connection. */
  unref(): this {
    return this
  }

  /** Ends the stream, and destroys it when the kernel has everything that you wrote. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  /** Drops what is queued and closes with RST: the peer gets `ECONNRESET`. */
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
    this.#leave()
    this.#endIdleTimer()
    this.#isConnecting = false
    this.#hadError = error !== null && error !== undefined
    done(error)
    if (this.#isClosed || this.#isTaken) {
      atNextTick(() => this.emit('close', this.#hadError))
      return
    }
    // It will not be read any more; the close is kept.
    while (this.#arrived.length > 0 && isRead(this.#arrived[0])) this.#arrived.shift()
    this.#deliverArrived()
    this.connection.close()
    // A peer that does not read must not keep it open for ever.
    if (!this.connection.closed)
      this.#closeTimer = new Timer(() => this.connection.reset(), this.#closeTimeoutMs)
  }

  // ---- Inside ----

  #leave(): void {
    const onLeave = this._onLeave
    this._onLeave = undefined
    onLeave?.()
  }

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
        atNextTick(this.#lookAtNextTick)
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
    // A copy, since `data` is gone before it is delivered.
    if (data.length <= this.#chunkBytes) return this.#arrive(Buffer.from(data))
    for (let at = 0; at < data.length; at += this.#chunkBytes) {
      this.#arrive(Buffer.from(data.subarray(at, at + this.#chunkBytes)))
    }
  }

  #arrive(what: Arrival): void {
    this.#arrived.push(what)
    this.#deliveries++
    inATurnOfItsOwn(this.#deliverInContext)
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
    for (; this.#deliveries < this.#arrived.length; this.#deliveries++)
      inATurnOfItsOwn(this.#deliverInContext)
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
      if (!isBroken) isBroken = !sendPieces(connection, pieces)
    } catch (error) {
      return done(error as Error)
    }
    // A broken one takes nothing: its `close` has the error.
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
    if (this.#isSent) atNextTick(this.#lookAtNextTick)
    else this.#lookWhetherSent()
  }

  get #isSent(): boolean {
    return !this.#isConnecting && this.connection.bytesSent >= this.#bytesToSend
  }

  #lookWhetherSent(): void {
    // While connecting the connect calls this, and after destroy() the close.
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
    if (this.#hasIdleTimer) this.#idleTimer?.restart()
  }

  /** For good: a write that ends later does not restart it. */
  #endIdleTimer(): void {
    this.#hasIdleTimer = false
    this.#idleTimer?.cancel()
  }

  #onIdle(): void {
    if (!this.#hasIdleTimer) return
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
      this.#sentUntil(error) // before 'close' is emitted
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

/** False if the connection is broken, and took nothing. */
function sendPieces(connection: TcpConnection<unknown>, pieces: Piece[]): boolean {
  const mostBytes = mostBytesOf(pieces)
  if (mostBytes <= MAX_ENCODED_BYTES) {
    const isBelowMark = connection.sendInto(mostBytes, (into, at) => encode(pieces, into, at))
    return isBelowMark || connection.bufferedBytes > 0
  }
  for (const data of gathered(pieces))
    if (!connection.send(data) && connection.bufferedBytes === 0) return false
  return true
}

function mostBytesOf(pieces: Piece[]): number {
  let most = 0
  // No encoding takes more than UTF-8's three bytes a code unit.
  for (const { chunk, encoding } of pieces)
    most += typeof chunk === 'string' && encoding !== 'latin1' ? chunk.length * 3 : chunk.length
  return most
}

/** Returns how many bytes it wrote. */
function encode(pieces: Piece[], into: Buffer, at: number): number {
  let end = at
  for (const { chunk, encoding } of pieces) {
    if (typeof chunk === 'string') {
      end += into.write(chunk, end, encoding)
    } else {
      into.set(chunk, end)
      end += chunk.length
    }
  }
  return end - at
}

/** Small pieces as one, so that they leave in one system call. */
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
 * Makes a `stream.Duplex` of a connection, for `node:http`, `node:tls` and any other library that
 * speaks over streams. It behaves as a `net.Socket` does.
 *
 * From then on the stream gets the connection's events, and the batches do not (see
 * {@link TcpConnection.divert}). Go on calling `wait()` or `run()`, and let Node's loop have its
 * turns, as `run()` does. Each chunk of up to 64 KiB, the end and the close come in a callback of
 * their own, in the async context in which you made the stream. Backpressure goes both ways: the
 * connection pauses while the reader does not keep up, and a write is done when the kernel has it.
 *
 * For a whole server of Node's use {@link serve}: an `http.Server` to which you emit `'connection'`
 * yourself checks no `headersTimeout` and no `requestTimeout`.
 * @category Helpers
 * @param connection an open or a connecting one. Best in its `accept` event, or right after
 *   `connectTcp()`; if that has failed at once, an `'error'` follows.
 * @param options sizes of its buffers, half-open streams, and the time that a close may take
 * @returns a stream that closes when the connection does. `destroy()` lets what you wrote leave,
 *   for `closeTimeoutMs`. Its errors have `code`, `syscall` and `errno` as those of Node's sockets
 *   (`'read'`, `'write'`, a negative number); their `cause` is the {@link SocketError}.
 * @throws TypeError for anything but a TcpConnection, RangeError for `closeTimeoutMs` out of range;
 *   SocketError `EBADF` when it is closed
 * @example
 * ```ts
 * import { createServer, get } from 'node:http'
 * import { Poller, toDuplex } from 'pollport'
 *
 * const server = createServer((_request, response) => response.end('hello'))
 * const poller = new Poller()
 * const { address, port } = poller.listenTcp({ address: '127.0.0.1', port: 0 }).localAddress
 * get({ host: address, port, agent: false }, (response) => {
 *   console.log(response.statusCode) // 200
 *   response.resume().on('end', () => poller.close())
 * })
 * await poller.run((events) => {
 *   for (const event of events)
 *     if (event.type === 'accept') server.emit('connection', toDuplex(event.socket))
 * })
 * ```
 */
export function toDuplex<U>(
  connection: TcpConnection<U>,
  options: ToDuplexOptions = {}
): ConnectionDuplex {
  if (!(connection instanceof TcpConnection))
    throw invalidArgType('connection', 'a TcpConnection', connection)
  return new ConnectionDuplex(connection, options)
}
