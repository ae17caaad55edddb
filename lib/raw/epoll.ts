// Epoll as the system has it: epoll_create1, epoll_ctl, epoll_pwait2. Knows what it watches
// (sockets, other epolls) and userPtrs; receives and sends nothing.

import { EPOLL_OP, type EpollBinding } from '../binding/epoll.ts'
import { addon } from '../binding/load.ts'
import { WOKEN } from '../binding/waker.ts'
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP } from '../constants.ts'
import {
  alreadyClosed,
  check,
  invalidArgType,
  namedSocketError,
  unsupportedPlatform
} from '../errors.ts'
import { EventBatch } from '../event-batch.ts'
import { Slots } from '../slots.ts'
import { bindToThread } from '../thread-bound.ts'
import { integer, timeout } from '../validate.ts'
import { waitInSlices } from '../wait-slices.ts'
import { Socket, type Watcher } from './socket.ts'
import { Waker } from './waker.ts'

const DEFAULT_MAX_EVENTS = 1024
const NUMBERS_PER_EVENT = 3

/**
 * What an {@link Epoll} can watch. An epoll inside another is readable there while it has events of
 * its own, or was woken.
 * @category Raw
 */
export type Pollable = Socket | Epoll<unknown, Pollable>

/**
 * A socket that is ready, or an inner epoll, as {@link Epoll.wait} returns it.
 * @category Raw
 */
export interface EpollEvent<U, S extends Pollable = Socket> {
  /** The socket or epoll that is ready. */
  readonly socket: S
  /** What you gave to `add`. */
  readonly userPtr: U
  /** The kernel's mask, an OR of `EPOLL…`. */
  readonly events: number
  /**
   * EPOLLIN, EPOLLPRI or EPOLLRDHUP: a receive will not block. It may return 0 bytes since the peer
   * finished, or throw the pending error.
   */
  readonly readable: boolean
  /** EPOLLOUT: a send will not block. */
  readonly writable: boolean
  /** EPOLLHUP: both directions are over. */
  readonly hangUp: boolean
  /** EPOLLERR: an error is pending; read it from `socket.error`. */
  readonly error: boolean
}

interface Entry<U, S> {
  readonly socket: S
  readonly userPtr: U
}

class ReadyEvent<U, S extends Pollable> implements EpollEvent<U, S> {
  readonly entry: Entry<U, S>
  readonly id: number
  readonly events: number

  constructor(entry: Entry<U, S>, id: number, events: number) {
    this.entry = entry
    this.id = id
    this.events = events
  }

  get socket(): S {
    return this.entry.socket
  }

  get userPtr(): U {
    return this.entry.userPtr
  }

  get readable(): boolean {
    return (this.events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP)) !== 0
  }

  get writable(): boolean {
    return (this.events & EPOLLOUT) !== 0
  }

  get hangUp(): boolean {
    return (this.events & EPOLLHUP) !== 0
  }

  get error(): boolean {
    return (this.events & EPOLLERR) !== 0
  }
}

/**
 * An epoll instance: reports which of many sockets are *ready* (Linux only; epoll(7)). You receive
 * and send yourself. It belongs to the thread that made it.
 *
 * `U` is the type of your `userPtr`. `new Epoll<U, Epoll>()` watches other epolls,
 * `new Epoll<U, Pollable>()` sockets and epolls.
 * @category Raw
 * @example
 * ```ts
 * import { Epoll, Socket, WOULD_BLOCK } from 'pollport'
 *
 * const socket = new Socket({ type: 'udp', nonBlocking: true })
 * socket.bind({ address: '127.0.0.1', port: 0 })
 * const epoll = new Epoll<string>()
 * epoll.add(socket, 'my socket')
 * socket.sendTo('hello', socket.localAddress)
 * for (const event of epoll.wait(1000)) {
 *   if (!event.readable) continue
 *   const data = event.socket.recv()
 *   if (data !== WOULD_BLOCK) console.log(event.userPtr, String(data)) // my socket hello
 * }
 * epoll.close()
 * socket.close()
 * ```
 */
export class Epoll<U = unknown, S extends Pollable = Socket> {
  readonly #native: EpollBinding & ReturnType<typeof addon>
  readonly #core: number
  readonly #entries = new Slots<Entry<U, S>>()
  readonly #ids = new Map<Pollable, number>()
  readonly #watchers = new Set<Watcher>()
  #records = new Int32Array(DEFAULT_MAX_EVENTS * NUMBERS_PER_EVENT)
  #closed = false

  /**
   * Makes an epoll instance (epoll_create1).
   * @throws Error `ERR_UNSUPPORTED_PLATFORM` on other systems; SocketError `EMFILE`, `ENFILE`,
   *   `ENOMEM`
   */
  constructor() {
    const native = addon()
    if (native.epollCreate === undefined) throw unsupportedPlatform('Epoll')
    this.#native = native as EpollBinding & typeof native
    this.#core = check(this.#native.epollCreate(this), 'epoll_create1')
    bindToThread(this)
  }

  /**
   * The epoll's own descriptor. It stays the epoll's: do not close it.
   * @throws SocketError `EBADF` when closed
   */
  get fd(): number {
    this.#assertOpen('epoll_wait')
    return this.#native.epollFd(this.#core)
  }

  /** How many sockets and epolls it watches. */
  get size(): number {
    return this.#ids.size
  }

  /** Whether it is closed. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * Watches a socket, or another epoll (EPOLL_CTL_ADD).
   * @param socket what to watch
   * @param userPtr any value; it comes with each event of the socket
   * @param events an OR of `EPOLL…` masks; by default `EPOLLIN`, level-triggered
   * @throws SocketError `EEXIST` when it is watched already, `EBADF` when closed, `EINVAL` for the
   *   epoll itself, `ELOOP` when epolls would watch each other in a circle or more than five deep,
   *   `ENOSPC`, `ENOMEM`
   */
  add(socket: S, userPtr: U, events: number = EPOLLIN): void {
    this.#assertOpen('epoll_ctl')
    checkSocket(socket)
    const mask = checkMask(events)
    if (socket.closed) throw alreadyClosed('the socket', 'epoll_ctl')
    if (this.#ids.has(socket)) throw namedSocketError('EEXIST', 'epoll_ctl')
    const id = this.#entries.insert({ socket, userPtr })
    const result = this.#control(EPOLL_OP.add, socket, mask, id)
    if (result < 0) {
      this.#entries.delete(id)
      check(result, 'epoll_ctl')
    }
    this.#ids.set(socket, id)
    socket._addWatcher(this)
  }

  /**
   * Changes the events that are watched for, and arms a one-shot again (EPOLL_CTL_MOD).
   * @param socket a watched socket or epoll
   * @param events an OR of `EPOLL…` masks
   * @throws SocketError `ENOENT` when it is not watched, `EBADF` when closed
   */
  modify(socket: S, events: number): void {
    this.#assertOpen('epoll_ctl')
    checkSocket(socket)
    const mask = checkMask(events)
    if (socket.closed) throw alreadyClosed('the socket', 'epoll_ctl')
    check(this.#control(EPOLL_OP.modify, socket, mask, this.#idOf(socket)), 'epoll_ctl')
  }

  /**
   * Stops watching a socket (EPOLL_CTL_DEL). Closing the socket does the same.
   * @throws SocketError `ENOENT` when it is not watched, `EBADF` when closed
   */
  remove(socket: S): void {
    this.#assertOpen('epoll_ctl')
    checkSocket(socket)
    if (socket.closed) throw alreadyClosed('the socket', 'epoll_ctl')
    const id = this.#idOf(socket)
    this.#drop(socket, id)
    check(this.#control(EPOLL_OP.remove, socket, 0, id), 'epoll_ctl')
  }

  /**
   * Blocks until a socket is ready, the time is over, or a {@link Waker} ends it. A signal does not
   * shorten it.
   * @param timeoutMs milliseconds, fractions allowed (epoll_pwait2; rounded up on kernels before
   *   5.11); -1, the default, = no limit, 0 = do not block
   * @param maxEvents the most events to return, 1 to 65,536, default 1,024; the others come with
   *   the next wait
   * @returns what is ready; `[]` after the time, or a wake. `for … of` skips sockets that you
   *   closed or removed while you handled earlier ones.
   * @throws SocketError `EBADF` when closed
   */
  wait(timeoutMs?: number, maxEvents: number = DEFAULT_MAX_EVENTS): EpollEvent<U, S>[] {
    const limit = timeout(timeoutMs)
    integer(maxEvents, 'maxEvents', 1, 65_536)
    this.#assertOpen('epoll_wait')
    if (this.#records.length < maxEvents * NUMBERS_PER_EVENT)
      this.#records = new Int32Array(maxEvents * NUMBERS_PER_EVENT)
    const native = this.#native
    native.reapHandles()
    const count = waitInSlices(limit, (ms) =>
      native.epollWait(this.#core, this.#records, maxEvents, ms)
    )
    if (count === WOKEN || check(count, 'epoll_wait') === 0) return []
    const batch = EventBatch.create<ReadyEvent<U, S>>(
      (event) => this.#entries.get(event.id) === event.entry
    )
    for (let at = 0; at < count * NUMBERS_PER_EVENT; at += NUMBERS_PER_EVENT) {
      const index = this.#records[at]
      const generation = this.#records[at + 1]
      const entry = this.#entries.at(index, generation)
      if (entry !== undefined)
        batch.push(new ReadyEvent(entry, Slots.idOf(index, generation), this.#records[at + 2]))
    }
    return batch
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
    this.#assertOpen('epoll_wait')
    return Waker.from(this.#native.epollWakerHandle(this.#core))
  }

  /** Closes the epoll; the sockets that it watches stay open. Closing twice is harmless. */
  close(): void {
    if (this.#closed) return
    for (const watcher of [...this.#watchers]) watcher._forget(this)
    this.#closed = true
    for (const socket of this.#ids.keys()) socket._removeWatcher(this)
    this.#ids.clear()
    this.#native.epollClose(this.#core)
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal */
  _addWatcher(watcher: Watcher): void {
    this.#watchers.add(watcher)
  }

  /** @internal */
  _removeWatcher(watcher: Watcher): void {
    this.#watchers.delete(watcher)
  }

  /** @internal The descriptor of what is watched is about to close. */
  _forget(socket: Pollable): void {
    const id = this.#ids.get(socket)
    if (id === undefined) return
    this.#drop(socket, id)
    // Nothing to do about a failure: the handle is closed next, which takes it out if this did not.
    this.#control(EPOLL_OP.remove, socket, 0, id)
  }

  #control(op: number, socket: Pollable, mask: number, id: number): number {
    const handle = socket instanceof Epoll ? socket.fd : socket.handle
    return this.#native.epollControl(
      this.#core,
      op,
      handle,
      mask,
      Slots.indexOf(id),
      Slots.generationOf(id)
    )
  }

  #drop(socket: Pollable, id: number): void {
    this.#entries.delete(id)
    this.#ids.delete(socket)
    socket._removeWatcher(this)
  }

  #idOf(socket: Pollable): number {
    const id = this.#ids.get(socket)
    if (id === undefined) throw namedSocketError('ENOENT', 'epoll_ctl')
    return id
  }

  #assertOpen(call: string): void {
    if (this.#closed) throw alreadyClosed('the epoll', call)
  }
}

function checkSocket(socket: unknown): asserts socket is Pollable {
  if (!(socket instanceof Socket || socket instanceof Epoll))
    throw invalidArgType('socket', 'a Socket or an Epoll', socket)
}

function checkMask(events: number): number {
  // `a | b` of masks with bit 31 is negative in JavaScript: the same bits all the same.
  return integer(events, 'events', -(2 ** 31), 2 ** 32 - 1) >>> 0
}
