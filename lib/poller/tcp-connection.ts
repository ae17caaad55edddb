// One connection of the unified floor: its states, its queue, and its events. The same on every
// system.
import { type CompactAddress, SocketAddress } from '../address.ts'
import { KIND, RELEASE } from '../binding/records.ts'
import { alreadyClosed, namedSocketError, type SocketError, socketError } from '../errors.ts'
import type { SocketOptionName, SocketOptions } from '../raw/options.ts'
import { Slots } from '../slots.ts'
import { bindToThread } from '../thread-bound.ts'
import { callback, integer, timeout, uint8Array } from '../validate.ts'
import { Deadline } from './deadlines.ts'
import type { OnConnectionEvent } from './events.ts'
import { IdleTimer } from './idle-timer.ts'
import { Outbox } from './outbox.ts'
import type { PollerState } from './poller-state.ts'
import { SendQueue } from './send-queue.ts'

// States and marks of a connection, as bits of one small number: a server may hold tens of
// thousands of these objects.
const CONNECTING = 1
/** end() was called. */
const ENDING = 2
/** Our FIN is out. */
const FINISHED = 4
/** The peer finished sending. */
const PEER_ENDED = 8
const PAUSED = 16
/** close() was called; what is queued still goes out. */
const CLOSING = 32
const CLOSED = 64
/** send() has returned false, so that a `drain` is due. */
const OVER_MARK = 128
/** The program gave the socket up itself. */
const GIVEN_UP = 256
/** Sending failed; what the peer sent before is still to be received. */
const SEND_BROKEN = 512
/** notifyAfterFlush() was called for it. */
const AWAITS_FLUSH = 1024
/** requestDrain() was called: the `drain` is due when nothing is queued any more. */
const DRAIN_WHEN_EMPTY = 2048

/** Of any type of userPtr: else a connection would not be assignable to one of a wider type. */
type EventHandler = (event: never) => void

// The errors of shutdown() on a connection that the peer has broken.
const breaks = new Set(['ENOTCONN', 'ECONNRESET', 'ECONNABORTED', 'EPIPE'])

/** What few connections have, kept apart so that the others stay small. */
interface Extras {
  idleTimer: IdleTimer | undefined
  /** When connecting is given up, or closing. */
  giveUpDeadline: Deadline | undefined
  /**
   * Sending failed; what the peer sent before is still to be received, then the connection closes
   * with this.
   */
  sendError: SocketError | undefined
  /**
   * The peer, as far as it does not lie in {@link PollerState.peers}: asked for already, no IPv4
   * address, or the connection is closed.
   */
  peer: SocketAddress | CompactAddress | undefined
  closedInBatch: number
}

/**
 * A TCP connection of a {@link Poller}: from {@link Poller.connectTcp}, {@link Poller.adopt} or an
 * {@link AcceptEvent}.
 *
 * Methods throw {@link SocketError} `EBADF` after you closed the connection, or in the first
 * `wait()` after the one that returned its `close` event; `close()`, `end()` and `reset()` never
 * throw.
 * @example
 * ```ts
 * import { Poller } from 'pollport'
 *
 * const poller = new Poller()
 * const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
 * const client = poller.connectTcp(listener.localAddress)
 * client.send('hello')
 * client.end() // FIN, after the bytes
 * while (!client.closed) {
 *   for (const event of poller.wait()) {
 *     if (event.type === 'receive' && event.socket !== client) event.socket.send(event.data)
 *     if (event.type === 'end') event.socket.end()
 *   }
 * }
 * console.log(client.bytesReceived) // 5
 * poller.close()
 * ```
 */
export class TcpConnection<U = unknown> {
  /** A number that no other socket of this poller has or gets. */
  readonly id: number
  /** Your own value; it comes with each event of this connection. */
  userPtr: U | undefined
  readonly #poller: PollerState<U>
  readonly #handle: number
  #state: number
  #queue: SendQueue | undefined
  #bytesReceived = 0
  /** Bytes that were given to `send()`, less those that were dropped. */
  #bytesAccepted = 0
  #extras: Extras | undefined
  /** Gets the events instead of the batch. */
  #eventHandler: EventHandler | undefined

  /** @internal */
  constructor(
    poller: PollerState<U>,
    handle: number,
    userPtr: U | undefined,
    peer: SocketAddress | CompactAddress | undefined,
    connecting: boolean
  ) {
    this.#poller = poller
    this.#handle = handle
    this.userPtr = userPtr
    this.#state = connecting ? CONNECTING : 0
    this.id = poller.register(this)
    poller.peers.set(this.index, typeof peer === 'number' ? peer : 0)
    if (typeof peer === 'object') this.#getExtras().peer = peer
    bindToThread(this)
  }

  /** @internal */
  get index(): number {
    return Slots.indexOf(this.id)
  }

  /** @internal The program gave the socket up: its events are stale. */
  get _isDiscarded(): boolean {
    return (this.#state & GIVEN_UP) !== 0
  }

  /** Whether the connection is closed: its `close` event has come, or comes in the next batch. */
  get closed(): boolean {
    return (this.#state & CLOSED) !== 0
  }

  /** Whether the connect is in progress. */
  get connecting(): boolean {
    return (this.#state & (CONNECTING | CLOSED)) === CONNECTING
  }

  /** The descriptor or SOCKET. For diagnostics only: the poller owns it, do not close it. */
  get handle(): number {
    return this.#handle
  }

  /** The peer's address; it stays known after the close. */
  get remoteAddress(): SocketAddress {
    const known = this.#knownPeer()
    if (known !== undefined) return known
    this.#assertUsable('getpeername')
    const peer = this.#poller.backend.calls.remoteAddressOf(this.#handle)
    this.#getExtras().peer = peer
    return peer
  }

  /** This side's address. Throws `EBADF` when closed. */
  get localAddress(): SocketAddress {
    if (this.closed) throw this.#alreadyClosed('getsockname')
    return this.#poller.backend.calls.localAddressOf(this.#handle)
  }

  /** Bytes received so far. */
  get bytesReceived(): number {
    return this.#bytesReceived
  }

  /** Bytes that the kernel has taken so far. */
  get bytesSent(): number {
    return this.#bytesAccepted - this.bufferedBytes
  }

  /** Bytes that you sent and the kernel has not taken yet. */
  get bufferedBytes(): number {
    // Of a closed one nothing is left, and its slot may be another's.
    if ((this.#state & CLOSED) !== 0) return 0
    return (
      this.#poller.outbox.bytesOf(this.index) + (this.#queue === undefined ? 0 : this.#queue.bytes)
    )
  }

  /**
   * Queues bytes, in order. They are copied: you can reuse your buffer at once. They leave with the
   * next `wait()` or `flush()`, in one system call with what else is queued for this connection. 8
   * KiB or more with nothing queued before leave at once, and so does more than 64 KiB.
   * @param data bytes, or a string as UTF-8
   * @returns true: go on. false: more than `highWaterMarkBytes` are queued now. These bytes are
   *   queued too; wait for `drain` before you send more. Also false, with nothing queued, if the
   *   connection broke in this batch: its `close` event follows, with `ENOMEM` if the kernel took a
   *   part and there is no memory for the rest.
   * @throws SocketError `EBADF` when closed, `EPIPE` after `end()`; TypeError for anything but
   *   bytes or a string
   */
  send(data: Uint8Array | string): boolean {
    if (
      (this.#state & ~(OVER_MARK | PAUSED | PEER_ENDED | AWAITS_FLUSH | DRAIN_WHEN_EMPTY)) !== 0 &&
      !this.#maySend()
    )
      return false
    const poller = this.#poller
    const isText = typeof data === 'string'
    if (!isText) uint8Array(data, 'data')
    // Three bytes a code unit is the most that UTF-8 takes, so that a text need not be measured
    // first.
    const most = isText ? data.length * 3 : data.length
    if (most > Outbox.maxMessageBytes)
      return this._sendThrough(isText ? Buffer.from(data) : data, isText)
    if (most >= Outbox.directBytes && !isText && poller.outbox.bytesOf(this.index) === 0)
      return this._sendThrough(data, false)
    if (most === 0) return true
    poller.makeRoom(most)
    // Making room may have flushed, and the flush may have found the send buffer full or the
    // connection broken.
    if ((this.#state & (CLOSED | SEND_BROKEN)) !== 0) return false
    if (this.#queue !== undefined) {
      const bytes = isText ? Buffer.from(data) : data.subarray(0, most)
      this.#queue.append(bytes)
      this.#bytesAccepted += bytes.length
      return this.#isBelowMark(this.bufferedBytes)
    }
    const { outbox } = poller
    const offset = outbox.end
    return this._sendShared(offset, isText ? outbox.write(data) : outbox.copy(data, most))
  }

  /**
   * Queues bytes as `send()` does, which `write` puts straight into the poller's memory: for
   * encoders, which would otherwise make a buffer for each message.
   * @param mostBytes how much room `write` needs at most
   * @param write gets the memory and where to begin; it writes nowhere else, uses nothing of the
   *   poller meanwhile, and returns how many bytes it wrote
   * @returns as `send()`
   * @throws as `send()`; RangeError for a `mostBytes` below 0 or over 1 GiB, and when `write` says
   *   that it wrote more
   */
  sendInto(mostBytes: number, write: (into: Buffer, at: number) => number): boolean {
    integer(mostBytes, 'mostBytes', 0, 2 ** 30)
    if (
      (this.#state & ~(OVER_MARK | PAUSED | PEER_ENDED | AWAITS_FLUSH | DRAIN_WHEN_EMPTY)) !== 0 &&
      !this.#maySend()
    )
      return false
    const isLarge = mostBytes > Outbox.maxMessageBytes
    if (!isLarge) this.#poller.makeRoom(mostBytes)
    if ((this.#state & (CLOSED | SEND_BROKEN)) !== 0) return false
    if (isLarge || this.#queue !== undefined) {
      const bytes = Buffer.allocUnsafe(mostBytes)
      return this.send(bytes.subarray(0, integer(write(bytes, 0), 'written', 0, mostBytes)))
    }
    const { outbox } = this.#poller
    const offset = outbox.end
    const written = write(outbox.bytes, offset)
    integer(written, 'written', 0, mostBytes)
    outbox.advance(written)
    return written === 0 || this._sendShared(offset, written)
  }

  /**
   * Asks for one `drain` event when the kernel has taken everything that you sent, however little;
   * in the next batch if it has already. None comes after `end()`, or if the connection breaks
   * first: then `close` does.
   * @throws SocketError `EBADF` when closed
   */
  requestDrain(): void {
    if (!this.#isUsable('drain') || (this.#state & (ENDING | SEND_BROKEN)) !== 0) return
    this.#state |= OVER_MARK | DRAIN_WHEN_EMPTY
    if (this.bufferedBytes === 0) return this.#tellDrain()
    this.#notifyAfterFlush()
    this.#poller.mustSettle = true
    this.#poller.touch()
  }

  /**
   * No more `receive` and no `end` until `resume()`: TCP slows the peer down. An event that is in
   * the current batch still comes. If a send finds that the peer is gone while the connection is
   * paused, it closes without these events.
   * @throws SocketError `EBADF` when closed
   */
  pause(): void {
    // Broken: what is left to receive is received and the close reported, paused or not.
    if (!this.#isUsable('pause') || (this.#state & (PAUSED | SEND_BROKEN)) !== 0) return
    this.#state |= PAUSED
    if ((this.#state & (CONNECTING | PEER_ENDED)) === 0)
      this.#poller.backend.setReceiving(this.index, false)
  }

  /** Ends a `pause()`. Throws `EBADF` when closed, `ENOMEM` if it must be tried again. */
  resume(): void {
    if (!this.#isUsable('resume') || (this.#state & PAUSED) === 0) return
    // It may throw when memory is short: the connection stays paused, and a later resume() tries
    // again.
    if ((this.#state & (CONNECTING | PEER_ENDED)) === 0)
      this.#poller.backend.setReceiving(this.index, true)
    this.#state &= ~PAUSED
    this.#poller.touch()
  }

  /**
   * Asks for a `timeout` event when nothing was received or sent for `ms` milliseconds. It comes
   * once; the next byte starts the time again, and so does the connect. The connection stays open:
   * close it if you want.
   * @param ms milliseconds, fractions allowed; 0, the default of a connection, = never
   * @throws SocketError `EBADF` when closed; TypeError or RangeError for what is not a time
   */
  setIdleTimeout(ms: number): void {
    timeout(ms, 'ms')
    if (!this.#isUsable('setIdleTimeout')) return
    const extras = this.#getExtras()
    extras.idleTimer ??= new IdleTimer(this.#poller, () => this.#onIdle())
    extras.idleTimer.start(Math.max(ms, 0))
  }

  /**
   * Sends what is queued, then FIN. You still receive; the `close` event comes when the peer has
   * finished too. Does nothing when called again, or when closed.
   */
  end(): void {
    if ((this.#state & (CLOSED | CLOSING | ENDING)) !== 0) return
    this.#state |= ENDING
    this.#advanceEnding()
  }

  /**
   * Sends what is queued, then closes; you receive nothing more. The `close` event comes in a later
   * `wait()`, without an error unless the queue could not be sent. A peer that does not read delays
   * it: use `reset()` if you cannot wait. While connecting, it cancels the connect, and the `close`
   * has the error `ECANCELED`. Closing twice is harmless.
   *
   * With the option `lingerMs` it takes no longer than that: then what is still queued is dropped,
   * the peer gets RST, and the `close` has the error `ETIMEDOUT`. With `lingerMs` 0 `close()` is
   * the same as `reset()`. No call blocks, and the kernel goes on sending what it has taken by
   * then.
   *
   * Sent means handed to the kernel. If the peer sends more afterwards, the kernel answers with
   * RST, which can discard what was not sent yet (RFC 1122, 4.2.2.13), and on Windows also what the
   * peer has not read yet: it gets `ECONNRESET` instead of the end. Use `end()` to avoid that, with
   * `setIdleTimeout()` for a peer that never ends.
   */
  close(): void {
    const wasOpen = (this.#state & (CLOSED | CLOSING)) === 0
    // Also of one that is closed already: what the batch has of it before its `close` is stale now.
    this.#state |= GIVEN_UP
    if (!wasOpen) return
    this.#state |= CLOSING
    this.#clearDeadlines()
    if ((this.#state & CONNECTING) !== 0)
      return this.#finish(namedSocketError('ECANCELED', 'connect'), RELEASE.close)
    if (this.bufferedBytes > 0) {
      const linger = this.#poller.backend.calls.getSocketOption(this.#handle, 'lingerMs')
      if (linger === 0) return this.#finish(undefined, RELEASE.reset)
      if (linger !== false) this.#giveUpAfter(linger, 'close')
    }
    if ((this.#state & (PAUSED | PEER_ENDED)) === 0)
      this.#poller.backend.setReceiving(this.index, false)
    this.#advanceEnding()
  }

  /** Drops what is queued and closes at once with RST: the peer gets `ECONNRESET`. */
  reset(): void {
    this.#state |= GIVEN_UP
    if ((this.#state & CLOSED) !== 0) return
    const wasConnecting = (this.#state & CONNECTING) !== 0
    this.#finish(
      wasConnecting ? namedSocketError('ECANCELED', 'connect') : undefined,
      RELEASE.reset
    )
  }

  /**
   * Gives you the handle: you own it from now on. Pass it to another thread's
   * `adopt(Socket.fromHandle(handle, { type: 'tcp' }))`, for example. What is queued is sent first.
   * No event follows, not even `close`; if the batch still has the `end`, the next owner gets it
   * too.
   * @returns the descriptor or SOCKET
   * @throws SocketError `EBUSY` while bytes are queued that the kernel does not take: wait for
   *   `drain`, or until `bufferedBytes` is 0. `EBUSY` also while the batch has bytes of this
   *   connection that your `for … of`, `forEach` or handler has not reached, which would be lost:
   *   `pause()` it, and `detach()` after the next `wait()`. The error of a send (`EPIPE`,
   *   `ECONNRESET`) that broke the connection: its `close` follows.
   */
  detach(): number {
    this.#assertUsable('detach')
    if (this.#poller.hasUnseenBytes(this)) {
      const message =
        'bytes of it in this batch have not been handed out: pause() it, and detach() after the next wait()'
      throw namedSocketError('EBUSY', 'detach', message)
    }
    if (this.#poller.outbox.bytesOf(this.index) > 0) this.#poller.flush()
    if ((this.#state & CLOSED) !== 0) throw this.#alreadyClosed('detach')
    if (this.#extras?.sendError !== undefined) throw this.#extras.sendError
    if (this.#queue !== undefined || (this.#state & CONNECTING) !== 0) {
      throw namedSocketError(
        'EBUSY',
        'detach',
        'bytes are still queued, or the connect is not done'
      )
    }
    this.#state |= GIVEN_UP
    this.#setEventHandler(undefined)
    this.#markClosed()
    this.#clearDeadlines()
    const handle = this.#poller.backend.release(this.index, RELEASE.detach)
    this.#poller.unregister(this)
    return handle
  }

  /**
   * Passes the events of this connection to `onEvent` from the next `wait()` on; they are no longer
   * in the batches. For code that handles one connection by itself, such as {@link toDuplex}.
   *
   * `onEvent` is called for each event, in order, at the end of that `wait()` or turn of `run()`,
   * which returns the events of the others, perhaps none. `data` is valid until `onEvent` returns.
   * What it throws is an uncaught exception. Closing the poller calls it with a `close`.
   *
   * Best called in the `accept` event, or right after `connectTcp()`, even if that failed at once:
   * events that are in a batch already stay there.
   * @param onEvent your handler; undefined ends it
   * @throws SocketError `EBADF` when closed; TypeError for anything but a function or undefined
   */
  divert(onEvent: OnConnectionEvent<U> | undefined): void {
    if (onEvent !== undefined) callback(onEvent, 'onEvent')
    const isCloseToCome =
      this.closed &&
      !this._isDiscarded &&
      this.#getExtras().closedInBatch === this.#poller.batchNumber
    if (!isCloseToCome) this.#assertUsable('divert')
    this.#setEventHandler(onEvent as EventHandler | undefined)
  }

  /** Sets an option of the socket, by the same names as `Socket.setOption`. */
  setOption<K extends SocketOptionName>(name: K, value: SocketOptions[K]): void {
    this.#assertUsable('setsockopt')
    this.#poller.backend.calls.setSocketOption(this.#handle, name, value)
  }

  /** Reads an option of the socket, by the same names as `Socket.getOption`. */
  getOption<K extends SocketOptionName>(name: K): SocketOptions[K] {
    this.#assertUsable('getsockopt')
    return this.#poller.backend.calls.getSocketOption(this.#handle, name)
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  // ---- For the other rooms of the poller ----

  /** @internal */
  _belongsTo(poller: object): boolean {
    return this.#poller === poller
  }

  /** @internal Gets the events instead of the batch. */
  get _eventHandler(): EventHandler | undefined {
    return this.#eventHandler
  }

  /** @internal What the system did: see KIND of records.ts. */
  _onRecord(kind: number, slab: Buffer, a: number, b: number): void {
    if (kind === KIND.received) this.#onReceived(slab, a, b)
    else if (kind === KIND.ended) this.#onEnded()
    else if (kind === KIND.failed) this.#onFailed(a)
    else if (kind === KIND.writable) this.#onWritable(a)
    else if (kind === KIND.sendShort) this.#onSendShort(a, b)
    else if (kind === KIND.sendFailed) this.#onSendFailed(a)
    else if (kind === KIND.connected) this._onConnected(a)
  }

  /** @internal Whether a broadcast may be queued here. */
  get _takesData(): boolean {
    return (this.#state & (CLOSED | CLOSING | ENDING | SEND_BROKEN)) === 0
  }

  /** @internal Queues bytes that lie in the outbox already. */
  _sendShared(offset: number, length: number): boolean {
    const poller = this.#poller
    const queued = poller.queue(this.index, offset, length, -1)
    poller.outgoingBytes += length
    this.#bytesAccepted += length
    // Sending puts an idle timeout off.
    if (this.#extras?.idleTimer?.isOn) this.#notifyAfterFlush()
    return this.#isBelowMark(queued)
  }

  /** @internal Whether what is sent now must go behind a queue of this connection's own. */
  get _hasQueue(): boolean {
    return this.#queue !== undefined || (this.#state & CONNECTING) !== 0
  }

  /**
   * @internal A large message: offered to the system at once, and only what it does not take is
   *   copied (not even that if `isOwn`).
   */
  _sendThrough(data: Uint8Array, isOwn: boolean): boolean {
    const poller = this.#poller
    // Measured once: another thread may make a SharedArrayBuffer longer meanwhile.
    const { length } = data
    let taken = 0
    if (poller.outbox.bytesOf(this.index) > 0) poller.flush()
    if ((this.#state & (CLOSED | SEND_BROKEN)) !== 0) return false
    if (!this._hasQueue) {
      taken = poller.backend.send(this.index, data, 0, length)
      if (taken < 0) {
        this.#onSendFailed(-taken)
        return false
      }
      this.#onSent(taken)
    }
    if (taken < length) {
      this.#queue ??= new SendQueue()
      const rest = data.subarray(taken, length)
      try {
        if (isOwn) this.#queue.appendShared(rest)
        else this.#queue.append(rest)
      } catch (error) {
        // Nothing has gone: the caller may send it again.
        if (taken === 0) throw error
        this.#bytesAccepted += taken
        this.#onRestLost()
        return false
      }
      poller.touch()
    }
    this.#bytesAccepted += length
    return this.#isBelowMark(this.bufferedBytes)
  }

  /** @internal */
  _setConnectTimeout(timeoutMs: number): void {
    this.#giveUpAfter(timeoutMs, 'connect')
  }

  /** @internal connect() failed before the backend had the socket. */
  _onConnectRefused(error: SocketError): void {
    this.#markClosed()
    this.#poller.unregister(this)
    this.#poller.emit({ type: 'close', socket: this, userPtr: this.userPtr, error })
  }

  /** @internal The system's answer to connect(). */
  _onConnected(errno: number): void {
    if ((this.#state & CONNECTING) === 0) return // given up since
    if (errno !== 0)
      return this.#finish(socketError(errno, 'connect', this.#knownPeer()), RELEASE.close)
    this.#state &= ~CONNECTING
    if (this.#extras?.giveUpDeadline !== undefined)
      this.#poller.deadlines.delete(this.#extras.giveUpDeadline)
    this.#touchIdle(this.#poller.now) // From here on silence counts.
    this.#poller.stats.connected++
    this.#poller.emit({ type: 'connect', socket: this, userPtr: this.userPtr })
    if ((this.#state & PAUSED) !== 0) this.#poller.backend.setReceiving(this.index, false)
    // What was sent before the answer has waited in the queue.
    this.#onWritable(0)
  }

  #onReceived(slab: Buffer, offset: number, length: number): void {
    this.#bytesReceived += length
    this.#poller.stats.bytesReceived += length
    if (this._isDiscarded) return
    this.#touchIdle(this.#poller.now)
    this.#poller.emit({
      type: 'receive',
      socket: this,
      userPtr: this.userPtr,
      data: slab.subarray(offset, offset + length)
    })
  }

  #onEnded(): void {
    this.#state |= PEER_ENDED
    if (!this._isDiscarded) this.#poller.emit({ type: 'end', socket: this, userPtr: this.userPtr })
    if ((this.#state & (FINISHED | SEND_BROKEN)) !== 0)
      this.#finish(this.#extras?.sendError, RELEASE.finish)
  }

  /** The receiving side broke. */
  #onFailed(errno: number): void {
    const sendError = this.#extras?.sendError
    // EPIPE says that sending is over; why it is over, such as a reset, is what the receiving side
    // has heard.
    const hasReason = sendError !== undefined && sendError.code !== 'EPIPE'
    this.#finish(
      hasReason ? sendError : socketError(errno, 'recv', this.#knownPeer()),
      RELEASE.close
    )
  }

  /**
   * The system takes bytes again; it has taken the first `taken` of the queue already.
   */
  #onWritable(taken: number): void {
    const queue = this.#queue
    if (queue !== undefined) {
      const before = queue.bytes
      queue.drop(taken)
      const result = queue.pump((bytes, offset, length) =>
        this.#poller.backend.send(this.index, bytes, offset, length)
      )
      this.#onSent(before - queue.bytes)
      if (result < 0) return this.#onSendFailed(-result)
      if (queue.bytes === 0) this.#queue = undefined
      this.#tellDrain()
    }
    this.#advanceEnding()
  }

  #onSendShort(position: number, taken: number): void {
    const { outbox } = this.#poller
    const before = this.#poller.outgoingBytes
    this.#queue ??= new SendQueue()
    const queue = this.#queue
    try {
      outbox.forEachLeft(position, taken, (offset, length) => {
        queue.append(outbox.bytes.subarray(offset, offset + length))
        this.#poller.outgoingBytes -= length
      })
    } catch {
      this.#poller.outgoingBytes = before
      this.#queue = undefined
      return this.#onRestLost()
    }
    // Some of it has gone.
    if (before - this.#poller.outgoingBytes < outbox.bytesOf(this.index)) this.#touchIdleBySending()
  }

  #onSendFailed(errno: number): void {
    if ((this.#state & CLOSED) !== 0) return
    const error = socketError(errno, 'send', this.#knownPeer())
    this.#dropUnsent()
    this.#state &= ~(OVER_MARK | DRAIN_WHEN_EMPTY) // what is dropped has not drained
    // A reset that a send finds may have data before it: that is received first, as it would be had
    // nobody sent.
    const peerIsGone = error.code === 'EPIPE' || error.code === 'ECONNRESET'
    if (peerIsGone && (this.#state & (PEER_ENDED | PAUSED | CLOSING)) === 0) {
      this.#state |= SEND_BROKEN
      this.#getExtras().sendError = error
      return
    }
    this.#finish(error, RELEASE.reset)
  }

  /** @internal */
  _onFlushed(): void {
    this.#state &= ~AWAITS_FLUSH
    if ((this.#state & CLOSED) !== 0) return
    if (this.#queue === undefined) this.#touchIdleBySending()
    this.#tellDrain()
    this.#advanceEnding()
  }

  /** @internal */
  _onPollerClosed(): void {
    this.#state |= GIVEN_UP
    this.#markClosed()
    this.#dropUnsent()
    const eventHandler = this._eventHandler
    if (eventHandler !== undefined)
      this.#poller.handOver(eventHandler, { type: 'close', socket: this, userPtr: this.userPtr })
  }

  // ---- Inside ----

  /** In a state other than plainly open: whether a send is possible all the same. */
  #maySend(): boolean {
    if ((this.#state & (CLOSED | CLOSING)) !== 0) {
      this.#isUsable('send')
      return false
    }
    if ((this.#state & SEND_BROKEN) !== 0) return false
    if ((this.#state & ENDING) !== 0) throw namedSocketError('EPIPE', 'send', 'end() was called')
    if ((this.#state & CONNECTING) !== 0) this.#queue ??= new SendQueue()
    return true
  }

  /**
   * False: its `close` is in the batch that the program is handling, or in the next, so that the
   * program cannot know yet.
   */
  #isUsable(call: string): boolean {
    if ((this.#state & (CLOSED | CLOSING)) === 0) return true
    if (
      (this.#state & GIVEN_UP) === 0 &&
      this.#getExtras().closedInBatch >= this.#poller.batchNumber - 1
    )
      return false
    throw this.#alreadyClosed(call)
  }

  #assertUsable(call: string): void {
    if ((this.#state & (CLOSED | GIVEN_UP)) !== 0) throw this.#alreadyClosed(call)
  }

  #alreadyClosed(call: string): SocketError {
    return alreadyClosed('the connection', call, this.#knownPeer())
  }

  #getExtras(): Extras {
    this.#extras ??= {
      idleTimer: undefined,
      giveUpDeadline: undefined,
      sendError: undefined,
      peer: undefined,
      closedInBatch: -1
    }
    return this.#extras
  }

  #setEventHandler(eventHandler: EventHandler | undefined): void {
    if (this.#eventHandler === eventHandler) return
    if (this.#eventHandler === undefined) this.#poller.diverted++
    else if (eventHandler === undefined) this.#poller.diverted--
    this.#eventHandler = eventHandler
  }

  #isBelowMark(bufferedBytes: number): boolean {
    if (bufferedBytes <= this.#poller.highWaterMarkBytes) return true
    this.#state |= OVER_MARK
    this.#notifyAfterFlush()
    this.#poller.mustSettle = true
    return false
  }

  #notifyAfterFlush(): void {
    if ((this.#state & AWAITS_FLUSH) !== 0) return
    this.#state |= AWAITS_FLUSH
    this.#poller.notifyAfterFlush(this)
  }

  /**
   * There is no memory to keep what the system did not take: the connection ends here, since what
   * is sent later would follow a hole.
   */
  #onRestLost(): void {
    this.#finish(namedSocketError('ENOMEM', 'send', undefined, this.#knownPeer()), RELEASE.reset)
  }

  /** The system took bytes that were not in the outbox. */
  #onSent(bytes: number): void {
    if (bytes <= 0) return
    this.#poller.stats.bytesSent += bytes
    this.#touchIdleBySending()
  }

  /** What was not sent will never be. */
  #dropUnsent(): void {
    const inOutbox = this.#poller.outbox.skip(this.index)
    this.#poller.outgoingBytes -= inOutbox
    this.#bytesAccepted -= inOutbox + (this.#queue === undefined ? 0 : this.#queue.bytes)
    this.#queue = undefined
  }

  #knownPeer(): SocketAddress | undefined {
    let peer = this.#extras?.peer
    if (peer === undefined && (this.#state & CLOSED) === 0)
      peer = this.#poller.peers.get(this.index)
    if (typeof peer !== 'number') return peer
    peer = SocketAddress.fromCompact(peer)
    this.#getExtras().peer = peer
    return peer
  }

  /** Keeps what stays known when the slot has gone to another. */
  #markClosed(): void {
    this.#state |= CLOSED
    const extras = this.#getExtras()
    extras.peer ??= this.#poller.peers.get(this.index)
    extras.closedInBatch = this.#poller.batchNumber
  }

  #tellDrain(): void {
    if ((this.#state & OVER_MARK) === 0) return
    const mark = (this.#state & DRAIN_WHEN_EMPTY) === 0 ? this.#poller.lowWaterMark : 0
    if (this.bufferedBytes > mark) return
    this.#state &= ~(OVER_MARK | DRAIN_WHEN_EMPTY)
    if (!this._isDiscarded && (this.#state & ENDING) === 0)
      this.#poller.emit({ type: 'drain', socket: this, userPtr: this.userPtr })
  }

  // Between two waits the poller's clock stands still, but a send may be long after the last one.
  #touchIdleBySending(): void {
    if (this.#extras?.idleTimer?.isOn) this.#extras.idleTimer.restart(this.#poller.clockMs())
  }

  #touchIdle(now: number): void {
    this.#extras?.idleTimer?.restart(now)
  }

  #onIdle(): void {
    // `connect` comes first, or never: how long that may take is timeoutMs's concern. The connect
    // starts the time anew.
    if ((this.#state & CONNECTING) !== 0) return
    this.#poller.emit({ type: 'timeout', socket: this, userPtr: this.userPtr })
  }

  /** Closes with `ETIMEDOUT` if what `call` has begun is not done by then. */
  #giveUpAfter(ms: number, call: string): void {
    const extras = this.#getExtras()
    extras.giveUpDeadline = new Deadline(() =>
      this.#finish(namedSocketError('ETIMEDOUT', call, undefined, this.#knownPeer()), RELEASE.reset)
    )
    this.#poller.setDeadline(extras.giveUpDeadline, this.#poller.clockMs() + ms)
  }

  #clearDeadlines(): void {
    const extras = this.#extras
    extras?.idleTimer?.stop()
    if (extras?.giveUpDeadline !== undefined) this.#poller.deadlines.delete(extras.giveUpDeadline)
  }

  /** Takes the next step of end() or close() when nothing is left to send. */
  #advanceEnding(): void {
    if ((this.#state & (ENDING | CLOSING)) === 0 || (this.#state & (CLOSED | CONNECTING)) !== 0)
      return
    if (this.bufferedBytes > 0) {
      this.#notifyAfterFlush()
      this.#poller.mustSettle = true
      return
    }
    if ((this.#state & CLOSING) !== 0) return this.#finish(this.#extras?.sendError, RELEASE.close)
    if ((this.#state & FINISHED) !== 0) return
    this.#state |= FINISHED
    // Both have finished: closing the socket says so to the peer, and no call of its own is needed.
    if ((this.#state & PEER_ENDED) !== 0) return this.#finish(undefined, RELEASE.finish)
    const result = this.#poller.backend.calls.shutdownWrite(this.#handle)
    if (result >= 0) return
    const error = socketError(-result, 'shutdown', this.#knownPeer())
    // Anything else would leave the peer waiting for an end.
    if (!breaks.has(error.code)) return this.#finish(error, RELEASE.reset)
    // The peer's reset came first, which the receiving side is about to tell, unless it is not
    // asked.
    if ((this.#state & PAUSED) !== 0) this.#finish(this.#reasonOfBreak(), RELEASE.reset)
  }

  /** Why a connection broke of which shutdown() only says that it is connected no longer. */
  #reasonOfBreak(): SocketError {
    const pending = this.#poller.backend.calls.takeError(this.#handle)
    const peer = this.#knownPeer()
    return pending > 0
      ? socketError(pending, 'shutdown', peer)
      : namedSocketError('ECONNRESET', 'shutdown', undefined, peer)
  }

  #finish(error: SocketError | undefined, how: number): void {
    if ((this.#state & CLOSED) !== 0) return
    // A peer that got a part must not take an end for the end of it all.
    const isCut = error !== undefined && this.bufferedBytes > 0
    this.#markClosed()
    this.#clearDeadlines()
    this.#dropUnsent()
    this.#poller.backend.release(this.index, isCut ? RELEASE.reset : how)
    this.#poller.unregister(this)
    const event = { type: 'close', socket: this, userPtr: this.userPtr } as const
    this.#poller.emit(error === undefined ? event : { ...event, error })
  }
}
