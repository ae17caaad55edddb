// What a poller and its sockets share: the backend, who is registered, the outbox, the batch that
// is being made, deadlines and counters. Refuses to wait: wait.ts does.
import { RELEASE } from '../binding/records.ts'
import { alreadyClosed } from '../errors.ts'
import { EventBatch } from '../event-batch.ts'
import { Slots } from '../slots.ts'
import { throwLater } from '../turns.ts'
import type { Backend } from './backend.ts'
import type { BatchMemory } from './batch-memory.ts'
import { type Deadline, Deadlines } from './deadlines.ts'
import {
  type ConnectionEvent,
  handOut,
  type ListenerEvent,
  type PollEvent,
  type PollSocket
} from './events.ts'
import { Outbox } from './outbox.ts'
import { PeerAddresses } from './peer-addresses.ts'
import { Counters } from './stats.ts'
import { settleSends } from './wait.ts'

/** Who gets the events of a diverted socket, whatever its kind and its userPtr. */
type Handler = (event: never) => void
type HandedEvent<U> = ConnectionEvent<U> | ListenerEvent<U>

export class PollerState<U> {
  readonly backend: Backend
  readonly memory: BatchMemory
  readonly highWaterMarkBytes: number
  readonly registry: Slots<PollSocket<U>> = new Slots()
  readonly outbox: Outbox = new Outbox()
  readonly peers: PeerAddresses = new PeerAddresses()
  readonly deadlines: Deadlines = new Deadlines()
  readonly stats: Counters = new Counters()
  /** The batch that the next wait() returns. */
  events: PollEvent<U>[] = EventBatch.create<PollEvent<U>>(handOut)
  /**
   * `events` begins with what an earlier batch had, whose bytes the next exchange with the system
   * writes over: it is given out first.
   */
  hasGivenBack = false
  /**
   * Whether the last {@link takeEvents} had anything, for the program or for a diverted connection.
   */
  hasHandedOut = false
  /** Diverted connections are being given their events, or timers are being called. */
  isHandingOut = false
  /** Which batch is being made. The one before it is the one that the program is handling. */
  batchNumber = 0
  /** The clock, read once a wait. */
  now: number
  closed = false
  /**
   * Something depends on how sending goes (an end, a close, a drain): that has to be known before
   * the poller waits.
   */
  mustSettle = false
  /** Bytes of connections in the outbox. */
  outgoingBytes = 0
  /** Connections whose events do not go into the batch. */
  diverted = 0
  /**
   * Inside run(): called when the program did something that must not wait for the next event:
   * `false` for what a flush() alone brings about.
   */
  onTouch: ((mustCollect: boolean) => void) | undefined
  /** Open listeners that do not keep the process alive. */
  unreferenced = 0
  /** Inside run(): called when {@link keepsAlive} may have changed. */
  onReference: (() => void) | undefined
  /** Inside run(): ends the thread that watches the backend, before the backend goes. */
  onClose: (() => void) | undefined
  /** Who wants to know when the outbox has been sent. */
  #afterFlush: { _onFlushed(): void }[] = []
  /** The batch that the program got last. */
  #given: PollEvent<U>[] = []
  /** What diverted connections get of it, and how much of that they have got. */
  #handed: HandedEvent<U>[] = []
  #handedCount = 0
  /** While everything is closed: what handlers get once it is. */
  #heldBack: [Handler, HandedEvent<U>][] | undefined

  constructor(backend: Backend, memory: BatchMemory, highWaterMarkBytes: number) {
    this.backend = backend
    this.memory = memory
    this.highWaterMarkBytes = highWaterMarkBytes
    this.now = backend.clockMs()
  }

  /** Milliseconds on the clock that deadlines are on. */
  clockMs(): number {
    return this.backend.clockMs()
  }

  get lowWaterMark(): number {
    return this.highWaterMarkBytes / 2
  }

  /** Whether run() keeps the process alive: not if all that there is are unreferenced listeners. */
  get keepsAlive(): boolean {
    return this.unreferenced === 0 || this.stats.sockets > this.unreferenced
  }

  /** A listener is unreferenced from now on (1), or no longer (-1). */
  addUnreferenced(change: 1 | -1): void {
    this.unreferenced += change
    this.onReference?.()
  }

  assertOpen(call: string): void {
    if (this.closed) throw alreadyClosed('the poller', call)
  }

  emit(event: PollEvent<U>): void {
    this.stats.events++
    // Not push(), which is slow on a subclass of Array.
    this.events[this.events.length] = event
    this.touch()
  }

  touch(): void {
    if (this.onTouch !== undefined) this.onTouch(true)
  }

  /** Sets or moves a deadline. One that comes before all others cuts short a wait inside run(). */
  setDeadline(deadline: Deadline, at: number): void {
    const isFirst = at < this.deadlines.next
    this.deadlines.set(deadline, at)
    if (isFirst) this.touch()
  }

  /** Calls what is due. A wait() in a timer's callback would write over the batch being made. */
  expireDeadlines(): void {
    this.isHandingOut = true
    try {
      this.deadlines.expire(this.now)
    } finally {
      this.isHandingOut = false
    }
  }

  /** Gives out the batch made so far. */
  takeEvents(): PollEvent<U>[] {
    this.batchNumber++
    this.hasGivenBack = false
    this.hasHandedOut = this.events.length > 0
    this.#given = []
    if (!this.hasHandedOut) return []
    const events = this.events
    this.#given = events
    this.events = EventBatch.create<PollEvent<U>>(handOut)
    return this.diverted === 0 ? events : this.#divert(events)
  }

  /**
   * What the program had not come to of the batch that it got last is given out again by the next
   * takeEvents().
   */
  giveBack(batch: PollEvent<U>[]): void {
    const rest = batch.slice(EventBatch.reachedIn(batch))
    if (this.closed || rest.length === 0) return
    // It counts as the same batch: what closed in it may be used without an error until the program
    // has come to the `close`.
    this.batchNumber--
    this.hasGivenBack = true
    const later = this.events
    this.events = EventBatch.create<PollEvent<U>>(handOut)
    for (const events of [rest, later])
      for (let at = 0; at < events.length; at++) this.events[this.events.length] = events[at]
    this.touch()
  }

  /** Gives diverted connections their events, and the rest back. */
  #divert(events: PollEvent<U>[]): PollEvent<U>[] {
    const rest = EventBatch.create<PollEvent<U>>(handOut)
    const handed = this.#handed
    const handlers: Handler[] = []
    this.#given = rest
    for (let at = 0; at < events.length; at++) {
      const event = events[at]
      const eventHandler = handlerOf(event)
      if (eventHandler === undefined) rest[rest.length] = event
      else {
        handed.push(event as HandedEvent<U>)
        handlers.push(eventHandler)
      }
    }
    this.isHandingOut = true
    for (let at = 0; at < handed.length; at++) {
      const event = handed[at]
      this.#handedCount = at + 1
      // One that was handed out before may have closed this one.
      // And it may have given this one to another owner.
      if (handOut(event)) this.handOver(handlerOf(event) ?? handlers[at], event)
    }
    this.isHandingOut = false
    this.#handed = []
    this.#handedCount = 0
    return rest
  }

  /**
   * Whether bytes of `socket` were received that the program has not come to yet: by an iteration
   * of the batch, its forEach(), or divert().
   */
  hasUnseenBytes(socket: PollSocket<U>): boolean {
    const isTheirs = (event: PollEvent<U>) => event.type === 'receive' && event.socket === socket
    return (
      this.#given.slice(EventBatch.reachedIn(this.#given)).some(isTheirs) ||
      this.#handed.slice(this.#handedCount).some(isTheirs) ||
      this.events.some(isTheirs)
    )
  }

  /**
   * What an event handler throws is not caught, as with any listener of Node's: the others still
   * get their events.
   */
  handOver(eventHandler: Handler, event: HandedEvent<U>): void {
    if (this.#heldBack !== undefined) {
      this.#heldBack.push([eventHandler, event])
      return
    }
    if (event.type === 'close') this.diverted--
    try {
      ;(eventHandler as (event: HandedEvent<U>) => void)(event)
    } catch (error) {
      throwLater(error)
    }
  }

  /** If it is the close of a diverted connection. */
  #handOverClose(event: PollEvent<U>): void {
    if (event.type !== 'close') return
    const eventHandler = handlerOf(event)
    if (eventHandler !== undefined) this.handOver(eventHandler, event as HandedEvent<U>)
  }

  /** Makes a new socket known. Its index and generation are what the backend calls it by. */
  register(socket: PollSocket<U>): number {
    this.stats.sockets++
    if (this.unreferenced > 0) this.onReference?.()
    return this.registry.insert(socket)
  }

  /** A socket that the backend no longer has. */
  unregister(socket: PollSocket<U>): void {
    this.registry.delete(socket.id)
    this.stats.sockets--
    this.stats.closed++
    if (this.unreferenced > 0) this.onReference?.()
  }

  /**
   * Room in the outbox for one more send of `byteLength` bytes. May flush, after which any
   * connection may have a queue or be closed.
   */
  makeRoom(byteLength: number): void {
    if (this.outbox.makeRoom(byteLength)) return
    this.flush()
    this.outbox.makeRoom(byteLength)
  }

  /**
   * Queues bytes that are in the outbox's arena for a socket that has no queue of its own. Returns
   * how many of its bytes are there now.
   */
  queue(index: number, offset: number, length: number, addressOffset: number): number {
    if (this.onTouch !== undefined) this.onTouch(false)
    return this.outbox.add(index, offset, length, addressOffset)
  }

  /**
   * Calls `sender._onFlushed()` when the outbox has been sent. Most need not know, so that a small
   * message costs nothing afterwards.
   */
  notifyAfterFlush(sender: { _onFlushed(): void }): void {
    this.#afterFlush.push(sender)
  }

  /** Sends what is queued, without waiting. What it has to tell comes with the next wait(). */
  flush(): void {
    if (this.outbox.isEmpty) return
    this.memory.prepare(this.outbox.count)
    const count = this.backend.flush(this.outbox, this.memory)
    settleSends(this, Math.max(count, 0), this.memory.flushSlab)
  }

  /** What was in the outbox is with the system, but for what sockets have taken back. */
  outboxIsSent(): void {
    this.outbox.clear()
    this.stats.bytesSent += this.outgoingBytes
    this.outgoingBytes = 0
    if (this.#afterFlush.length === 0) return
    const senders = this.#afterFlush
    this.#afterFlush = []
    for (const sender of senders) sender._onFlushed()
  }

  /** Closes everything at once, without events. */
  close(): void {
    if (this.closed) return
    this.flush()
    this.closed = true
    // A handler may use another socket, which must be closed by then.
    const heldBack: [Handler, HandedEvent<U>][] = []
    this.#heldBack = heldBack
    // What was closed before has left the registry, and no wait() comes that would say so.
    for (let at = 0; at < this.events.length; at++) this.#handOverClose(this.events[at])
    for (const socket of this.registry.values()) {
      this.backend.release(socket.index, RELEASE.close)
      socket._onPollerClosed()
      this.unregister(socket)
    }
    this.#heldBack = undefined
    for (const [eventHandler, event] of heldBack) this.handOver(eventHandler, event)
    this.events = []
    this.onClose?.()
    this.backend.close()
  }
}

function handlerOf<U>(event: PollEvent<U>): Handler | undefined {
  if (event.type === 'wake') return undefined
  // An `accept` is the listener's.
  return event.type === 'accept' ? event.listener._eventHandler : event.socket._eventHandler
}
