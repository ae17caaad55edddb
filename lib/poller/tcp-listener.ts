// A listening socket of the unified floor. Refuses to know how connections are taken: the backend
// gives them ready.
import { SocketAddress } from '../address.ts'
import { addon } from '../binding/load.ts'
import { PACKED_ADDRESS, RELEASE } from '../binding/records.ts'
import { alreadyClosed, type SocketError, socketError } from '../errors.ts'
import {
  getSocketOption,
  type SocketOptionName,
  type SocketOptions,
  setSocketOption
} from '../raw/options.ts'
import { Slots } from '../slots.ts'
import { bindToThread } from '../thread-bound.ts'
import { nextPauseMs } from './accept-pause.ts'
import type { Core } from './core.ts'
import { Deadline } from './deadlines.ts'

/**
 * A listener of a {@link Poller}, made by `listenTcp()` or `adopt()`. Each connection comes as an
 * `accept` event.
 */
export class TcpListener<U = unknown> {
  /** Unique among the sockets of its poller, for as long as that lives. */
  readonly id: number
  /** Comes with every `accept` event of this listener. */
  userPtr: U | undefined
  /** @internal */ readonly index: number
  /** @internal */ _silent = false
  readonly #core: Core<U>
  readonly #handle: number
  #closed = false
  #paused = false
  #pauseMs = 0
  readonly #pauseEnd = new Deadline(() => this.#resumeAfterPause())

  /** @internal */
  constructor(core: Core<U>, handle: number, userPtr: U | undefined) {
    this.#core = core
    this.#handle = handle
    this.userPtr = userPtr
    this.id = core.register(this)
    this.index = Slots.indexOf(this.id)
    bindToThread(this)
  }

  /** Whether the listener is closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** The system's number of the socket, for diagnostics. */
  get handle(): number {
    return this.#handle
  }

  /**
   * Where it listens: with port 0 asked for, the port that the system chose. Throws `EBADF` when
   * closed.
   */
  get localAddress(): SocketAddress {
    if (this.#closed) throw alreadyClosed('getsockname')
    const packed = new Uint8Array(PACKED_ADDRESS.bytes)
    const result = addon().socketLocalAddress(this.#handle, packed)
    if (result < 0) throw socketError(-result, 'getsockname')
    return SocketAddress.fromPacked(packed, 0)
  }

  /** Takes no more connections until `resume()`: they wait in the backlog. */
  pause(): void {
    if (this.#closed) throw alreadyClosed('pause')
    this.#paused = true
    this.#core.backend.setReceiving(this.index, false)
  }

  /** Ends a `pause()`. */
  resume(): void {
    if (this.#closed) throw alreadyClosed('resume')
    if (!this.#paused) return
    if (this.#pauseEnd.position < 0) this.#core.backend.setReceiving(this.index, true)
    this.#paused = false
    this.#core.touch()
  }

  /**
   * Stops listening at once; clients in the backlog are refused. A `close` event follows.
   * Connections taken before stay.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this._silent = true
    this.#core.deadlines.delete(this.#pauseEnd)
    this.#core.backend.release(this.index, RELEASE.close)
    this.#core.unregister(this)
    this.#core.emit({ type: 'close', socket: this, userPtr: this.userPtr })
  }

  /** Sets an option of the socket, by the same names as `Socket.setOption`. */
  setOption<K extends SocketOptionName>(name: K, value: SocketOptions[K]): void {
    if (this.#closed) throw alreadyClosed('setsockopt')
    setSocketOption(this.#handle, name, value)
  }

  /** Reads an option of the socket, by the same names as `Socket.getOption`. */
  getOption<K extends SocketOptionName>(name: K): SocketOptions[K] {
    if (this.#closed) throw alreadyClosed('getsockopt')
    return getSocketOption(this.#handle, name)
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * @internal Nothing could be accepted: descriptors or memory have run out. Rests for a while, so
   *   that it neither spins nor dies.
   */
  _onAcceptFailed(error: SocketError): void {
    // It rests already: the same shortage met another connection of this batch.
    if (this.#closed || this.#pauseEnd.position >= 0) return
    this.#pauseMs = nextPauseMs(this.#pauseMs)
    this.#core.stats.acceptPauses++
    this.#core.backend.setReceiving(this.index, false)
    this.#core.setDeadline(this.#pauseEnd, this.#core.now + this.#pauseMs)
    this.#core.emit({ type: 'error', socket: this, userPtr: this.userPtr, error })
  }

  /** @internal */
  _onAccepted(): void {
    this.#pauseMs = 0
  }

  /** @internal */
  _onPollerClosed(): void {
    this.#closed = true
    this._silent = true
  }

  #resumeAfterPause(): void {
    if (this.#paused) return
    try {
      this.#core.backend.setReceiving(this.index, true)
    } catch (error) {
      // Watching takes memory too (epoll_ctl(2): ENOMEM, ENOSPC): the shortage is not over.
      this._onAcceptFailed(error as SocketError)
    }
  }
}
