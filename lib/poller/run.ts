// The poller inside Node's own loop: a thread watches the backend, and each batch is followed by
// one turn of that loop. Refuses to know events.
import { EventBatch } from '../event-batch.ts'
import { whenRejected } from '../rejections.ts'
import { beforeNodeLoopGoesOn, turnOfNodeLoop } from '../turns.ts'
import type { BackendWatch } from './backend.ts'
import type { PollEvent } from './events.ts'
import type { PollerState } from './poller-state.ts'
import { collectEvents } from './wait.ts'

/** What it does at the moment, which decides what a touch has to bring about. */
type Phase = 'collecting' | 'waiting' | 'turning' | 'elsewhere'

/**
 * Gives batch after batch without holding up Node's loop. Open from the first `next()` until
 * `close()`.
 */
export class NodeLoop<U> {
  readonly #poller: PollerState<U>
  readonly #onClose: () => void
  readonly #watch: BackendWatch
  #phase: Phase = 'elsewhere'
  #isOver = false
  #isClosed = false
  #failure: { readonly error: unknown } | undefined
  /** The batch that the program is handling, until the next one is collected. */
  #latest: PollEvent<U>[] | undefined
  #hasTurnDue = false
  #hasFoundNothing = false
  #hasFlushDue = false
  #wakeUp: ((isTouched: boolean) => void) | undefined

  /** `onClose` is called once. */
  constructor(poller: PollerState<U>, onClose: () => void) {
    this.#poller = poller
    this.#onClose = onClose
    this.#watch = poller.backend.openWatch(() => this.#stopWaiting(false))
    poller.onTouch = (mustCollect) => this.#onTouch(mustCollect)
    poller.onClose = () => this.close()
    poller.onReference = () => this.#watch.keepAlive(poller.keepsAlive)
    if (!poller.keepsAlive) this.#watch.keepAlive(false)
  }

  /**
   * The next batch that has something; undefined once it is stopped. Throws what `fail()` was
   * given.
   */
  async next(): Promise<PollEvent<U>[] | undefined> {
    for (;;) {
      if (this.#hasTurnDue) await this.#turn()
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#isOver) return undefined
      const events = this.#collectNow()
      if (events.length > 0) {
        this.#latest = events
        return events
      }
      if (this.#hasTurnDue) continue
      // A watch that reports what a wait does not find must not hold up Node's loop either: its
      // calls may come in one turn.
      this.#hasTurnDue = this.#hasFoundNothing
      this.#hasFoundNothing = true
      if (!this.#hasTurnDue) this.#hasTurnDue = await this.#wait()
    }
  }

  /** An async handler has failed: `next()` throws it. False when there is no `next()` to come. */
  fail(events: PollEvent<U>[], error: unknown): boolean {
    if (this.#isOver || this.#failure !== undefined) return false
    // A later batch may have written over its bytes.
    if (this.#latest === events) this.#poller.giveBack(events)
    this.#failure = { error }
    this.#stopWaiting(false)
    return true
  }

  /** What the program had not come to of this batch comes again with the next one. */
  giveBack(events: PollEvent<U>[]): void {
    this.#poller.giveBack(events)
  }

  /**
   * What a `for … of` over the latest batch was broken off before comes again with the next one.
   */
  giveBackLatest(): void {
    if (this.#latest !== undefined && EventBatch.reachedIn(this.#latest) > 0)
      this.#poller.giveBack(this.#latest)
  }

  /** A `next()` that waits gives undefined, and so do all later ones. */
  stop(): void {
    this.#isOver = true
    this.#stopWaiting(false)
  }

  /** Stops, and ends the watching. What is queued is sent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#poller.onTouch = undefined
    this.#poller.onClose = undefined
    this.#poller.onReference = undefined
    this.#watch.close()
    this.stop()
    this.#onClose()
    if (!this.#poller.closed) this.#poller.flush()
  }

  #collectNow(): PollEvent<U>[] {
    this.#phase = 'collecting'
    this.#latest = undefined
    const events = collectEvents(this.#poller, 0)
    this.#phase = 'elsewhere'
    // Whether it was the program or a diverted connection that got something.
    this.#hasTurnDue = this.#poller.hasHandedOut
    if (!this.#poller.outbox.isEmpty) this.#flushSoon()
    return events
  }

  async #turn(): Promise<void> {
    this.#phase = 'turning'
    this.#watch.looked()
    await this.#poller.backend.turn()
    this.#phase = 'elsewhere'
    this.#hasTurnDue = false
    this.#hasFoundNothing = false
  }

  /**
   * Until there may be something to collect. True if the program did something, which may have been
   * in this very turn.
   */
  async #wait(): Promise<boolean> {
    const { next } = this.#poller.deadlines
    const waiting = new Promise<boolean>((resolve) => {
      this.#wakeUp = resolve
    })
    this.#phase = 'waiting'
    this.#watch.arm(
      next === Number.POSITIVE_INFINITY ? -1 : Math.max(next - this.#poller.clockMs(), 0)
    )
    const isTouched = await waiting
    this.#phase = 'elsewhere'
    return isTouched
  }

  #stopWaiting(isTouched: boolean): void {
    const wakeUp = this.#wakeUp
    this.#wakeUp = undefined
    wakeUp?.(isTouched)
  }

  // The program sent, closed or timed something, in a handler, a timer or a promise.
  #onTouch(mustCollect: boolean): void {
    // A wait() comes in this turn, and brings all of it about.
    if (this.#phase === 'collecting' || this.#phase === 'turning') return
    this.#flushSoon()
    if (mustCollect) this.#stopWaiting(true)
  }

  // Once for everything that the same callback sends, and before Node's loop goes on, so that it
  // leaves in this turn.
  #flushSoon(): void {
    if (this.#hasFlushDue) return
    this.#hasFlushDue = true
    beforeNodeLoopGoesOn(() => {
      this.#hasFlushDue = false
      if (!this.#poller.closed) this.#poller.flush()
    })
  }
}

/** `onEvents` for each batch until `signal` aborts, the poller is closed, or it throws. */
export async function runInNodeLoop<U>(
  loop: NodeLoop<U>,
  onEvents: (events: PollEvent<U>[]) => unknown,
  signal?: AbortSignal
): Promise<void> {
  const onAbort = () => loop.stop()
  signal?.addEventListener('abort', onAbort)
  if (signal?.aborted) loop.stop()
  try {
    for (let events = await loop.next(); events !== undefined; events = await loop.next())
      handle(loop, events, onEvents)
  } finally {
    signal?.removeEventListener('abort', onAbort)
    loop.close()
  }
}

function handle<U>(
  loop: NodeLoop<U>,
  events: PollEvent<U>[],
  onEvents: (events: PollEvent<U>[]) => unknown
): void {
  let result: unknown
  try {
    result = onEvents(events)
  } catch (error) {
    loop.giveBack(events)
    throw error
  }
  whenRejected(result, (error) => {
    // run() has ended: there is nobody else to say so.
    if (!loop.fail(events, error)) throw error
  })
}

/** The batches of {@link NodeLoop} for `for await`. */
export class Batches<U> implements AsyncIterableIterator<PollEvent<U>[]> {
  readonly #open: () => NodeLoop<U>
  #loop: NodeLoop<U> | undefined
  #isOver = false
  #latest: Promise<unknown> = Promise.resolve()

  /** Opens it when the first batch is asked for. */
  constructor(open: () => NodeLoop<U>) {
    this.#open = open
  }

  /** Each call gives a batch of its own, in the order of the calls. */
  async next(): Promise<IteratorResult<PollEvent<U>[], undefined>> {
    if (this.#isOver) return { done: true, value: undefined }
    this.#loop ??= this.#open()
    const loop = this.#loop
    const result = this.#latest.then(() => this.#next(loop))
    this.#latest = result.catch(ignore)
    return result
  }

  /** Ends it at once, also for a `next()` that waits. */
  async return(): Promise<IteratorResult<PollEvent<U>[], undefined>> {
    this.#end()
    // Node takes leave of the watch in its own turn, so that what is dropped next can be collected.
    await turnOfNodeLoop()
    return { done: true, value: undefined }
  }

  async throw(error: unknown): Promise<never> {
    this.#end()
    throw error
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async #next(loop: NodeLoop<U>): Promise<IteratorResult<PollEvent<U>[], undefined>> {
    try {
      const value = await loop.next()
      if (value !== undefined && !this.#isOver) return { done: false, value }
      // It was ended in the very moment between the two.
      if (value !== undefined) loop.giveBack(value)
      this.#end()
      return { done: true, value: undefined }
    } catch (error) {
      this.#end()
      throw error
    }
  }

  #end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#loop?.giveBackLatest()
    this.#loop?.close()
  }
}

function ignore(): void {}
