// What the library asks of Node's own loop. A test that fakes timers replaces the functions of the
// same names, globally and in node:timers, perhaps before it imports the library: nothing here may
// be one of those.
import { AsyncResource } from 'node:async_hooks'
import * as timers from 'node:timers'
import { scheduler } from 'node:timers/promises'
import { addon } from './binding/load.ts'

// Copies: the module's own names would be the faked ones later.
const { setImmediate, clearImmediate, setTimeout, clearTimeout } = timers
const { nextTick } = process
// The way to an immediate that stands in no fake's table: Node's module calls its own function.
// Slower, since it makes promises.
const yieldTurn = scheduler.yield.bind(scheduler)
const waitMs = scheduler.wait.bind(scheduler)
/** Whether timers were faked when the library was imported: then it takes the slower way. */
export const isFaked: boolean = !isNodesOwn()

/** One turn of Node's loop. Callbacks given to {@link inATurnOfItsOwn} before have run by then. */
export function turnOfNodeLoop(): Promise<void> {
  return isFaked ? yieldTurn() : new Promise((resolve) => setImmediate(resolve))
}

/**
 * Calls back in a later turn of Node's loop, as `setImmediate()` does: in the order in which it was
 * asked for, with `process.nextTick()` callbacks and microtasks between two of them. What
 * `callback` throws is an uncaught exception.
 */
export function inATurnOfItsOwn(callback: () => void): void {
  if (isFaked) void yieldTurn().then(callback).catch(throwUncaught)
  else setImmediate(callback)
}

/**
 * Calls back when the JavaScript that runs now has returned to Node, before Node's loop goes on.
 * `callback` throws nothing.
 */
export function beforeNodeLoopGoesOn(callback: () => void): void {
  // No fake replaces promises.
  void Promise.resolve().then(callback)
}

/**
 * As `process.nextTick()`. Streams of Node's do not work where that is faked before they are
 * loaded, so nothing is done about it.
 */
export function atNextTick(callback: () => void): void {
  nextTick(callback)
}

/**
 * Fulfilled when the microtasks that are queued now, and those that they queue, have run: without a
 * turn of Node's loop.
 */
export function afterMicrotasks(): Promise<void> {
  return new Promise((resolve) => nextTick(resolve))
}

/**
 * A number that goes up by one with each call, and with all else that Node is asked to call back:
 * timers, immediates, and ticks, such as {@link afterMicrotasks} takes, but not promises (asyncId()
 * in Node's documentation of async_hooks).
 */
export function numberOfRequests(): number {
  return new AsyncResource('pollport', { requireManualDestroy: true }).asyncId()
}

/**
 * Calls back once after so many milliseconds, 0 to 2^31-1, unless it is restarted or cancelled
 * before. Does not keep the process alive.
 */
export class Timer {
  readonly #callback: () => void
  readonly #ms: number
  #timeout: NodeJS.Timeout | undefined
  #cancelled: AbortController | undefined

  constructor(callback: () => void, ms: number) {
    this.#callback = callback
    this.#ms = ms
    if (isFaked) this.restart()
    else this.#timeout = setTimeout(callback, ms).unref()
  }

  /** The time begins anew, also after it was over. */
  restart(): void {
    if (this.#timeout !== undefined) {
      this.#timeout.refresh()
      return
    }
    this.cancel()
    this.#cancelled = new AbortController()
    const { signal } = this.#cancelled
    void waitMs(this.#ms, { signal }).then(
      () => void (signal.aborted || inATurnOfItsOwn(this.#callback)),
      () => {} // cancelled
    )
  }

  cancel(): void {
    clearTimeout(this.#timeout)
    this.#cancelled?.abort()
  }
}

/** An uncaught exception, as from any of Node's own callbacks. */
export function throwUncaught(error: unknown): void {
  addon().throwUncaught(error)
}

/**
 * The same, when the JavaScript that runs now has returned to Node: what a handler throws ends no
 * batch that others are handed events of.
 */
export function throwLater(error: unknown): void {
  beforeNodeLoopGoesOn(() => throwUncaught(error))
}

function isNodesOwn(): boolean {
  const immediate: unknown = setImmediate(() => {})
  // A field of Node's class, which clearImmediate() empties; a fake's immediate has none.
  const isNodes =
    typeof (immediate as { _onImmediate?: unknown } | undefined)?._onImmediate === 'function'
  clearImmediate(immediate as NodeJS.Immediate)
  return isNodes
}
