// I/O completion ports as the system has them: CreateIoCompletionPort, GetQueuedCompletionStatusEx,
// PostQueuedCompletionStatus. Knows sockets and userPtrs; starts no operations: sockets do.
import { COMPLETION } from '../binding/iocp.ts'
import { WOKEN } from '../binding/waker.ts'
import {
  alreadyClosed,
  check,
  invalidArgType,
  namedSocketError,
  type SocketError
} from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import { Slots } from '../slots.ts'
import { bindToThread } from '../thread-bound.ts'
import { integer, timeout } from '../validate.ts'
import { waitInSlices } from '../wait-slices.ts'
import {
  type Completions,
  native,
  Overlapped,
  operationsAt,
  overlappedOf,
  overlappedPool
} from './overlapped.ts'
import { Socket } from './socket.ts'
import { Waker } from './waker.ts'

const DEFAULT_MAX_EVENTS = 1024

/**
 * What {@link Iocp.wait} returns: an operation that is complete, or a packet of {@link Iocp.post}.
 * @category Raw
 */
export interface Completion<U> {
  /** The socket of the operation, which you may have closed since; undefined for a `post`. */
  readonly socket: Socket | undefined
  /** What you gave to `add` or `post`. */
  readonly userPtr: U
  /** The operation, the same object that started it; undefined for a `post` without one. */
  readonly overlapped: Overlapped | undefined
  /** Bytes; of a TCP receive, 0 = the peer finished sending. For a `post` what you gave to it. */
  readonly bytesTransferred: number
  /**
   * Why the operation failed: `ECONNRESET`, `ECONNREFUSED`, `ECANCELED` (cancelled, or its socket
   * was closed), …
   */
  readonly error?: SocketError
}

/**
 * Options of an {@link Iocp}.
 * @category Raw
 * @example
 * ```ts
 * import { Iocp, type IocpOptions } from 'pollport'
 *
 * const options: IocpOptions = { concurrency: 1 }
 * const iocp = new Iocp<string>(options)
 * iocp.post('a packet of my own')
 * for (const { userPtr } of iocp.wait()) console.log(userPtr) // a packet of my own
 * iocp.close()
 * ```
 */
export interface IocpOptions {
  /**
   * How many threads the system lets handle completions at once, 0 to 2^31-1; 0, the default, means
   * as many as there are processors.
   */
  concurrency?: number | undefined
}

const IOCP_OPTIONS: OptionNames<IocpOptions> = { concurrency: true }

interface Entry<U> {
  /** undefined for a `post`. */
  readonly socket: Socket | undefined
  readonly userPtr: U
  /** The overlapped of a `post`. */
  readonly overlapped: Overlapped | undefined
  /** The socket's operations; undefined for a `post`. */
  readonly completions: Completions | undefined
  /** The socket is gone: the entry goes with the last of its operations. */
  isLeaving: boolean
}

/**
 * An I/O completion port: reports which overlapped operations of many sockets are *complete*
 * (Windows only; Microsoft Learn, "I/O Completion Ports").
 *
 * Add each socket once, start operations with its `overlapped…` methods, and get exactly one
 * completion for each. The Iocp belongs to the thread that made it.
 * @category Raw
 * @example
 * ```ts
 * import { Iocp, Socket } from 'pollport'
 *
 * const socket = new Socket({ type: 'udp' })
 * socket.bind({ address: '127.0.0.1', port: 0 })
 * const iocp = new Iocp<string>()
 * iocp.add(socket, 'my socket')
 * const receive = socket.overlappedReceiveFrom(1500)
 * socket.overlappedSendTo('hello', socket.localAddress)
 * while (receive.pending) {
 *   for (const { userPtr, overlapped, error } of iocp.wait(1000)) {
 *     if (error) throw error
 *     if (overlapped === receive) console.log(userPtr, String(receive.data)) // my socket hello
 *   }
 * }
 * socket.close()
 * iocp.close()
 * ```
 */
export class Iocp<U = unknown> {
  readonly #native: ReturnType<typeof native>
  readonly #port: number
  // The completion key is the slot's id.
  readonly #entries = new Slots<Entry<U>>()
  readonly #ids = new Map<Socket, number>()
  #numbers = new Float64Array(DEFAULT_MAX_EVENTS * COMPLETION.stride)
  #closed = false

  /**
   * Makes a completion port (CreateIoCompletionPort).
   * @throws Error `ERR_UNSUPPORTED_PLATFORM` on other systems; SocketError if the system has no
   *   memory for it
   */
  constructor(options: IocpOptions = {}) {
    const { concurrency = 0 } = knownOptions(options, IOCP_OPTIONS)
    this.#native = native('Iocp')
    integer(concurrency, 'concurrency', 0, 2 ** 31 - 1)
    this.#port = check(this.#native.iocpCreate(this, concurrency), 'CreateIoCompletionPort')
    bindToThread(this)
  }

  /** How many open sockets were added. */
  get size(): number {
    return this.#ids.size
  }

  /** Whether it is closed. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Associates a socket with the port, for as long as the socket lives: Windows cannot undo it.
   * @param socket an open socket without a port
   * @param userPtr any value; it comes with each completion of the socket
   * @throws SocketError `EEXIST` when it was added already, `EINVAL` when it has another port,
   *   `EBADF` when closed
   */
  add(socket: Socket, userPtr: U): void {
    this.#assertOpen('CreateIoCompletionPort')
    if (!(socket instanceof Socket)) throw invalidArgType('socket', 'a Socket', socket)
    if (socket.closed) throw alreadyClosed('the socket', 'CreateIoCompletionPort')
    if (this.#ids.has(socket)) throw namedSocketError('EEXIST', 'CreateIoCompletionPort')
    const completions = { port: this.#port, inFlight: 0 }
    const id = this.#entries.insert({
      socket,
      userPtr,
      overlapped: undefined,
      completions,
      isLeaving: false
    })
    const result = this.#native.iocpAssociate(
      this.#port,
      socket.handle,
      Slots.indexOf(id),
      Slots.generationOf(id)
    )
    if (result < 0) {
      this.#entries.delete(id)
      check(result, 'CreateIoCompletionPort')
    }
    this.#ids.set(socket, id)
    socket._completeAt(completions)
    socket._addWatcher(this)
  }

  /**
   * Blocks until operations are complete, the time is over, or a {@link Waker} ends it
   * (GetQueuedCompletionStatusEx).
   * @param timeoutMs milliseconds; fractions are rounded up, and the system's timer may add up to
   *   16; -1, the default, = no limit, 0 = do not block
   * @param maxEvents the most completions to return, 1 to 65,536, default 1,024; the others come
   *   with the next wait
   * @returns the completions; `[]` after the time, or a wake
   * @throws SocketError `EBADF` when closed
   */
  wait(timeoutMs?: number, maxEvents: number = DEFAULT_MAX_EVENTS): Completion<U>[] {
    const limit = timeout(timeoutMs)
    integer(maxEvents, 'maxEvents', 1, 65_536)
    this.#assertOpen('GetQueuedCompletionStatusEx')
    if (this.#numbers.length < maxEvents * COMPLETION.stride)
      this.#numbers = new Float64Array(maxEvents * COMPLETION.stride)
    this.#native.reapHandles()
    const count = waitInSlices(limit, (ms) =>
      this.#native.iocpWait(this.#port, overlappedPool(), this.#numbers, maxEvents, ms)
    )
    if (count === WOKEN || check(count, 'GetQueuedCompletionStatusEx') === 0) return []
    const completions: Completion<U>[] = []
    for (let at = 0; at < count * COMPLETION.stride; at += COMPLETION.stride) {
      const completion = this.#complete(this.#numbers, at)
      if (completion !== undefined) completions.push(completion)
    }
    return completions
  }

  /**
   * Queues a packet of your own (PostQueuedCompletionStatus); {@link Iocp.wait} returns it in turn.
   * @param userPtr any value, returned as it is
   * @param bytes 0 to 2^32-1, default 0, returned as `bytesTransferred`
   * @param overlapped returned as it is; nothing is started, and it may be pending
   * @throws SocketError `EBADF` when closed, `ENOMEM`
   */
  post(userPtr: U, bytes = 0, overlapped?: Overlapped): void {
    this.#assertOpen('PostQueuedCompletionStatus')
    integer(bytes, 'bytes', 0, 2 ** 32 - 1)
    if (overlapped !== undefined && !(overlapped instanceof Overlapped))
      throw invalidArgType('overlapped', 'an Overlapped', overlapped)
    const id = this.#entries.insert({
      socket: undefined,
      userPtr,
      overlapped,
      completions: undefined,
      isLeaving: true
    })
    const result = this.#native.iocpPost(
      this.#port,
      Slots.indexOf(id),
      Slots.generationOf(id),
      bytes
    )
    if (result < 0) this.#entries.delete(id)
    check(result, 'PostQueuedCompletionStatus')
  }

  /** Ends the current or the next `wait()`, which may return `[]`. Many wakes before it are one. */
  wake(): void {
    this.waker().wake()
  }

  /**
   * What another thread can end a `wait()` with: post its `handle` there, and use
   * {@link Waker.from}.
   * @throws SocketError `EBADF` when closed
   */
  waker(): Waker {
    this.#assertOpen('PostQueuedCompletionStatus')
    return Waker.from(this.#native.iocpWakerHandle(this.#port))
  }

  /**
   * Closes the port. It cancels what is in flight, and returns when the kernel no longer uses the
   * memory of it. The sockets stay open, but cannot be added to another port. Closing twice is
   * harmless.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const socket of this.#ids.keys()) {
      socket._removeWatcher(this)
      socket._completeAt(undefined)
    }
    this.#ids.clear()
    this.#native.iocpClose(this.#port, overlappedPool())
    for (const overlapped of operationsAt(({ port }) => port === this.#port)) overlapped._abandon()
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal The socket is about to close. What it has in flight completes as cancelled. */
  _forget(socket: Socket): void {
    const id = this.#ids.get(socket)
    if (id === undefined) return
    this.#ids.delete(socket)
    socket._removeWatcher(this)
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    entry.isLeaving = true
    this.#dropIfDone(id, entry)
  }

  #complete(numbers: Float64Array, at: number): Completion<U> | undefined {
    const id = Slots.idOf(numbers[at + COMPLETION.index], numbers[at + COMPLETION.generation])
    const bytes = numbers[at + COMPLETION.bytes]
    const entry = this.#entries.get(id)
    if (numbers[at + COMPLETION.posted] === 1) {
      if (entry === undefined) return undefined
      this.#entries.delete(id)
      const { userPtr, overlapped } = entry
      return { socket: undefined, userPtr, overlapped, bytesTransferred: bytes }
    }
    const overlapped = overlappedOf(numbers[at + COMPLETION.token])
    if (overlapped === undefined) return undefined
    const error = overlapped._finish(bytes, numbers[at + COMPLETION.error])
    if (entry === undefined) return undefined
    this.#dropIfDone(id, entry)
    const { socket, userPtr } = entry
    const completion = { socket, userPtr, overlapped, bytesTransferred: bytes }
    return error === undefined ? completion : { ...completion, error }
  }

  /** A key must find its entry until the last operation has come back. */
  #dropIfDone(id: number, entry: Entry<U>): void {
    if (entry.isLeaving && entry.completions?.inFlight === 0) this.#entries.delete(id)
  }

  #assertOpen(call: string): void {
    if (this.#closed) throw alreadyClosed('the iocp', call)
  }
}
