// I/O completion ports as the system has them: CreateIoCompletionPort, GetQueuedCompletionStatusEx,
// PostQueuedCompletionStatus. Knows sockets and userPtrs; refuses to start operations: sockets do.
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

/** What `Iocp.wait` tells of an operation that is complete, or of a `post`. */
export interface Completion<U> {
  /** The socket of the operation; undefined for a `post`. It may be closed by now. */
  readonly socket: Socket | undefined
  /** What was given to `add` or `post`. */
  readonly userPtr: U
  /** The operation; undefined for a `post` without one. Compare it with the ones that you keep. */
  readonly overlapped: Overlapped | undefined
  /** For a receive 0 = the peer finished sending. For a `post` what was given to it. */
  readonly bytesTransferred: number
  /**
   * Why the operation failed: `ECONNRESET`, `ECONNREFUSED`, `ECANCELED` (cancelled, or its socket
   * was closed), …
   */
  readonly error?: SocketError
}

/** Options of an {@link Iocp}. */
export interface IocpOptions {
  /**
   * How many threads the system lets work off completions at once; 0, the default, means as many as
   * there are processors.
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
 * Tells which overlapped operations of many sockets are *complete* (Windows). Sockets are added
 * once, operations are started by the sockets' `overlapped…` methods, and each gives exactly one
 * completion. It belongs to the thread that made it.
 * @throws Error `ERR_UNSUPPORTED_PLATFORM` on other systems; SocketError from
 *   CreateIoCompletionPort
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
   * @throws Error `ERR_UNSUPPORTED_PLATFORM` on a system that has none; RangeError for a
   *   `concurrency` below 0; SocketError if the system refuses
   */
  constructor(options: IocpOptions = {}) {
    const { concurrency = 0 } = knownOptions(options, IOCP_OPTIONS)
    this.#native = native('Iocp')
    integer(concurrency, 'concurrency', 0, 2 ** 31 - 1)
    this.#port = check(this.#native.iocpCreate(this, concurrency), 'CreateIoCompletionPort')
    bindToThread(this)
  }

  /** How many sockets it has. */
  get size(): number {
    return this.#ids.size
  }

  /** Whether `close()` was called. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Binds a socket to the port, for as long as the socket lives; `userPtr` comes with each of its
   * completions.
   * @throws SocketError `EEXIST` when it was added already, `EINVAL` when another port has it,
   *   `EBADF` when closed
   */
  add(socket: Socket, userPtr: U): void {
    this.#assertOpen('CreateIoCompletionPort')
    if (!(socket instanceof Socket)) throw invalidArgType('socket', 'a Socket', socket)
    if (socket.closed) throw alreadyClosed('CreateIoCompletionPort')
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
   * Waits until operations are complete, the time is over, or a wake; gives what is complete, `[]`
   * for nothing.
   * @param timeoutMs milliseconds; fractions are rounded up to whole ones, and the system's timer
   *   may add some; -1 = for ever, 0 = do not wait
   * @param maxEvents 1 to 65,536, default 1,024; what is beyond comes with the next wait
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
   * Puts a packet of the program's own into the port (PostQueuedCompletionStatus); `wait` gives it
   * in its turn, as it was posted.
   * @param bytes 0 to 2^32-1, given back as `bytesTransferred`
   * @param overlapped given back as it is; it is not started, and may even be pending
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

  /**
   * Ends the current or the next `wait()`, which may give `[]` then. Many wakes before it are one.
   */
  wake(): void {
    this.waker().wake()
  }

  /**
   * What another thread may end a `wait()` with: post its `handle` there, and use
   * `Waker.from(handle)`.
   */
  waker(): Waker {
    this.#assertOpen('PostQueuedCompletionStatus')
    return Waker.from(this.#native.iocpWakerHandle(this.#port))
  }

  /**
   * Closes the port: what is in flight is cancelled, and its memory is given back by the system
   * before this returns. The sockets stay open, but no other port takes them. Closing twice is
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

  /** @internal The socket's handle is about to go. What it has in flight completes as cancelled. */
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
    if (this.#closed) throw alreadyClosed(call)
  }
}
