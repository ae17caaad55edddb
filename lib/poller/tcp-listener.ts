// A listening socket of the unified floor, and its pause when descriptors run out. Does not accept
// itself: the backend reports connections that are open already.
import { type CompactAddress, SocketAddress } from '../address.ts'
import { KIND, RELEASE, WATCH } from '../binding/records.ts'
import { alreadyClosed, type SocketError, socketError } from '../errors.ts'
import type { SocketOptionName, SocketOptions } from '../raw/options.ts'
import { Slots } from '../slots.ts'
import { bindToThread } from '../thread-bound.ts'
import { callback } from '../validate.ts'
import { Deadline } from './deadlines.ts'
import type { OnListenerEvent } from './events.ts'
import type { PollerState } from './poller-state.ts'
import { TcpConnection } from './tcp-connection.ts'

// How long a listener rests when descriptors or memory have run out.
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000

/** Whatever the type of the userPtr. */
type EventHandler = (event: never) => void

/**
 * A listener of a {@link Poller}: made by {@link Poller.listenTcp} or {@link Poller.adopt}. Each
 * connection comes as an {@link AcceptEvent}. If the process has no descriptor left, an `error`
 * event reports it, and the listener pauses for 50 to 1,000 ms.
 * @example
 * ```ts
 * import { Poller } from 'pollport'
 *
 * const poller = new Poller()
 * const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
 * poller.connectTcp(listener.localAddress)
 * while (!listener.closed) {
 *   for (const event of poller.wait()) if (event.type === 'accept') event.listener.close()
 * }
 * poller.close()
 * ```
 */
export class TcpListener<U = unknown> {
  /** A number that no other socket of this poller has or gets. */
  readonly id: number
  /** Your own value; it comes with each event of this listener. */
  userPtr: U | undefined
  /** @internal */ readonly index: number
  /** @internal */ _isDiscarded = false
  readonly #poller: PollerState<U>
  readonly #handle: number
  #closed = false
  #paused = false
  #isReferenced = true
  #pauseMs = 0
  #eventHandler: EventHandler | undefined
  readonly #pauseEnd = new Deadline(() => this.#resumeAfterPause())

  /** @internal */
  constructor(poller: PollerState<U>, handle: number, userPtr: U | undefined) {
    this.#poller = poller
    this.#handle = handle
    this.userPtr = userPtr
    this.id = poller.register(this)
    this.index = Slots.indexOf(this.id)
    bindToThread(this)
  }

  /** Whether the listener is closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** The descriptor or SOCKET. For diagnostics only: the poller owns it, do not close it. */
  get handle(): number {
    return this.#handle
  }

  /** Where it listens, with the port that the system chose for 0. Throws `EBADF` when closed. */
  get localAddress(): SocketAddress {
    if (this.#closed) throw alreadyClosed('the listener', 'getsockname')
    return this.#poller.backend.calls.localAddressOf(this.#handle)
  }

  /**
   * Accepts no more connections until `resume()`: they wait in the backlog. Throws `EBADF` when
   * closed.
   */
  pause(): void {
    if (this.#closed) throw alreadyClosed('the listener', 'pause')
    this.#paused = true
    this.#poller.backend.setReceiving(this.index, false)
  }

  /** Ends a `pause()`. Throws `EBADF` when closed. */
  resume(): void {
    if (this.#closed) throw alreadyClosed('the listener', 'resume')
    if (!this.#paused) return
    if (this.#pauseEnd.position < 0) this.#poller.backend.setReceiving(this.index, true)
    this.#paused = false
    this.#poller.touch()
  }

  /**
   * While a poller has nothing but listeners for which you called this, its `run()` does not keep
   * the process alive. Do not `await` the promise of `run()` then: Node ends a program that waits
   * for nothing else with the exit code 13. Does nothing when called again, or when closed.
   */
  unref(): void {
    if (this.#closed || !this.#isReferenced) return
    this.#isReferenced = false
    this.#poller.addUnreferenced(1)
  }

  /** Ends an `unref()`. Does nothing without one, or when closed. */
  ref(): void {
    if (this.#closed || this.#isReferenced) return
    this.#isReferenced = true
    this.#poller.addUnreferenced(-1)
  }

  /**
   * Stops listening at once: clients in the backlog are refused. Connections that were accepted
   * stay open. A `close` event follows. Closing twice is harmless.
   */
  close(): void {
    if (this.#closed) return
    this.ref()
    this.#closed = true
    this._isDiscarded = true
    this.#poller.deadlines.delete(this.#pauseEnd)
    this.#poller.backend.release(this.index, RELEASE.close)
    this.#poller.unregister(this)
    this.#poller.emit({ type: 'close', socket: this, userPtr: this.userPtr })
  }

  /** Sets an option of the socket, by the same names as `Socket.setOption`. */
  setOption<K extends SocketOptionName>(name: K, value: SocketOptions[K]): void {
    if (this.#closed) throw alreadyClosed('the listener', 'setsockopt')
    this.#poller.backend.calls.setSocketOption(this.#handle, name, value)
  }

  /** Reads an option of the socket, by the same names as `Socket.getOption`. */
  getOption<K extends SocketOptionName>(name: K): SocketOptions[K] {
    if (this.#closed) throw alreadyClosed('the listener', 'getsockopt')
    return this.#poller.backend.calls.getSocketOption(this.#handle, name)
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * From now on the events of this listener go to `onEvent` and not into the batch: each `accept`,
   * the `error` when descriptors run out, and the `close`; `undefined` ends that. They are handed
   * over in their order at the end of the `wait()`, or of the turn of `run()`. What `onEvent`
   * throws is an uncaught exception. Closing the poller hands over a `close`.
   *
   * For code that owns a listener by itself, such as a server of a protocol. What is in a batch
   * already stays there.
   * @throws SocketError `EBADF` when closed; TypeError for anything but a function or undefined.
   */
  divert(onEvent: OnListenerEvent<U> | undefined): void {
    if (onEvent !== undefined) callback(onEvent, 'onEvent')
    if (this.#closed) throw alreadyClosed('the listener', 'divert')
    if (this.#eventHandler === undefined && onEvent !== undefined) this.#poller.diverted++
    if (this.#eventHandler !== undefined && onEvent === undefined) this.#poller.diverted--
    this.#eventHandler = onEvent as EventHandler | undefined
  }

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
    if (kind === KIND.accepted) this.#onAccepted(a, SocketAddress.compactFromPacked(slab, b))
    else if (kind === KIND.acceptFailed) this.#onAcceptFailed(socketError(a, 'accept'))
  }

  /** @internal */
  _onPollerClosed(): void {
    this.#closed = true
    this._isDiscarded = true
    if (this.#eventHandler !== undefined)
      this.#poller.handOver(this.#eventHandler, {
        type: 'close',
        socket: this,
        userPtr: this.userPtr
      })
  }

  #onAccepted(handle: number, peer: SocketAddress | CompactAddress): void {
    const poller = this.#poller
    const connection = new TcpConnection<U>(poller, handle, undefined, peer, false)
    try {
      const generation = Slots.generationOf(connection.id)
      poller.backend.watch(connection.index, generation, handle, WATCH.accepted)
    } catch (error) {
      // Out of memory for one more watch: the same state as out of descriptors, and reported in
      // the same way.
      poller.unregister(connection)
      poller.backend.calls.reset(handle)
      this.#onAcceptFailed(error as SocketError)
      return
    }
    this.#pauseMs = 0
    poller.stats.accepted++
    poller.emit({ type: 'accept', listener: this, socket: connection, userPtr: this.userPtr })
  }

  /**
   * Nothing could be accepted: descriptors or memory have run out. Rests for a while, so that it
   * neither spins nor dies.
   */
  #onAcceptFailed(error: SocketError): void {
    // It rests already: the same shortage met another connection of this batch.
    if (this.#closed || this.#pauseEnd.position >= 0) return
    this.#pauseMs = nextPauseMs(this.#pauseMs)
    this.#poller.stats.acceptPauses++
    this.#poller.backend.setReceiving(this.index, false)
    this.#poller.setDeadline(this.#pauseEnd, this.#poller.now + this.#pauseMs)
    this.#poller.emit({ type: 'error', socket: this, userPtr: this.userPtr, error })
  }

  #resumeAfterPause(): void {
    if (this.#paused) return
    try {
      this.#poller.backend.setReceiving(this.index, true)
    } catch (error) {
      // Watching takes memory too (epoll_ctl(2): ENOMEM, ENOSPC): the shortage is not over.
      this.#onAcceptFailed(error as SocketError)
    }
  }
}

/**
 * Each failure in a row doubles the pause: at most twenty tries in the first second, one a second
 * in the end.
 */
function nextPauseMs(previousMs: number): number {
  return previousMs === 0 ? FIRST_PAUSE_MS : Math.min(previousMs * 2, LONGEST_PAUSE_MS)
}
