// A loop with fixed ticks over a poller. Knows the public Poller alone.

import { clockMs } from '../clock.ts'
import { invalidArgType } from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import type { PollEvent } from '../poller/events.ts'
import { Poller } from '../poller/poller.ts'
import { whenRejected } from '../rejections.ts'
import { turnOfNodeLoop } from '../turns.ts'
import { abortSignal, boolean, callback, number } from '../validate.ts'
import { type Lateness, LatenessHistogram } from './lateness.ts'

const MAX_HZ = 10_000
// A tick in 31 years. Less is a period that no number of milliseconds can tell.
const MIN_HZ = 1e-9

/** What {@link runLoop} runs. */
export interface LoopOptions<U> {
  /** Ticks a second, 1e-9 to 10,000; fractions allowed. */
  hz: number
  /**
   * Gets every batch that `wait()` gives, before the tick that follows. What it throws rejects the
   * promise of {@link runLoop}; what its `for … of` had not come to of the batch comes with the
   * next `wait()`, or all of the batch if it had not begun one. An async function is not waited
   * for.
   */
  onEvents?: ((events: PollEvent<U>[]) => void) | undefined
  /**
   * The game's step. `tick` counts from 0 and counts missed ticks too; `lateMs` is how late it
   * comes. `false` ends the loop. What it sends leaves at once after it, also in the last tick.
   */
  onTick(tick: number, lateMs: number): void | boolean
  /**
   * Ends the loop before its next tick. With `process.once('SIGINT', () => controller.abort())`
   * that is what Ctrl-C does.
   */
  signal?: AbortSignal | undefined
  /**
   * Never return to Node's loop until the end: the steadiest ticks, but no promise, timer or signal
   * handler of Node runs meanwhile, so that only `onTick` can end it, and SIGINT and SIGTERM end
   * the process as the system does it unless they have handlers, which are not called. Default
   * false: Node's loop gets one turn a tick.
   */
  exclusive?: boolean | undefined
}

const LOOP_OPTIONS: OptionNames<LoopOptions<never>> = {
  hz: true,
  onEvents: true,
  onTick: true,
  signal: true,
  exclusive: true
}

/** How the loop went. */
export interface LoopStats {
  /** Calls of `onTick`. */
  readonly ticks: number
  /** Ticks that were left out because the loop was more than a whole tick late. */
  readonly missed: number
  /** How late `onTick` was called. */
  readonly lateness: Lateness
}

/**
 * Calls `onTick` at a fixed rate without drift: tick n is due n periods after the start, whatever
 * the ones before did. Between ticks it waits in `poller.wait()`, with fractions of a millisecond.
 * A loop that is late by a whole tick or more leaves those ticks out instead of hurrying after
 * them.
 *
 * Handlers may be async functions, though nobody waits for them: the loop ends and is rejected when
 * one of their promises is, seen after the tick. With `exclusive` no promise has a turn before the
 * loop ends: it is seen then.
 * @returns a promise of {@link LoopStats}, fulfilled when `onTick` gives false, the signal aborts
 *   or the poller is closed; rejected by what a handler throws
 * @throws (as a rejection) TypeError or RangeError for wrong options, SocketError `EBUSY` inside
 *   `run()`
 */
export async function runLoop<U>(poller: Poller<U>, options: LoopOptions<U>): Promise<LoopStats> {
  const {
    hz,
    onEvents = ignore,
    onTick,
    signal,
    exclusive = false
  } = knownOptions(options, LOOP_OPTIONS)
  if (!(poller instanceof Poller)) throw invalidArgType('poller', 'a Poller', poller)
  number(hz, 'hz', MIN_HZ, MAX_HZ)
  callback(onEvents, 'onEvents')
  callback(onTick, 'onTick')
  boolean(exclusive, 'exclusive')
  if (signal !== undefined) abortSignal(signal, 'signal')

  const periodMs = 1000 / hz
  const lateness = new LatenessHistogram()
  const failures = new Failures()
  let ticks = 0
  let missed = 0
  const start = clockMs()
  try {
    for (let tick = 0; ; tick++) {
      const dueMs = start + tick * periodMs
      if (!waitUntil(poller, dueMs, (events) => failures.watch(onEvents(events)))) break
      if (signal?.aborted) break
      const lateMs = clockMs() - dueMs
      lateness.add(lateMs)
      ticks++
      const result = onTick(tick, lateMs)
      if (result === false || poller.closed) break
      failures.watch(result)
      // What the tick sent leaves now, not after Node's turn and what it brings.
      poller.flush()
      if (!exclusive) await turnOfNodeLoop()
      failures.throwFirst()
      const behind = Math.floor((clockMs() - start) / periodMs) - (tick + 1)
      if (behind > 0) {
        missed += behind
        tick += behind
      }
      if (signal?.aborted || poller.closed) break
    }
    // A turn for the promises of the last tick.
    if (failures.isWatching) await turnOfNodeLoop()
    failures.throwFirst()
  } finally {
    failures.close()
    if (!poller.closed) poller.flush()
  }
  return { ticks, missed, lateness: lateness.summary() }
}

/**
 * Handles events until the tick is due, and at least once, so that a late loop still receives.
 * False when a handler closed the poller.
 */
function waitUntil<U>(
  poller: Poller<U>,
  dueMs: number,
  onEvents: (events: PollEvent<U>[]) => void
): boolean {
  for (;;) {
    if (poller.closed) return false
    const events = poller.wait(Math.max(dueMs - clockMs(), 0))
    try {
      if (events.length > 0) onEvents(events)
    } catch (error) {
      poller._giveBack(events)
      throw error
    }
    if (clockMs() >= dueMs) return !poller.closed
  }
}

/** How the promises of async handlers fail. */
class Failures {
  isWatching = false
  #isOver = false
  #first: { readonly error: unknown } | undefined

  /** `result` is what a handler returned. */
  watch(result: unknown): void {
    if (result === undefined || result === true) return
    this.isWatching = true
    whenRejected(result, (error) => {
      // The loop throws one; the others are nobody's, and neither is one that comes afterwards.
      if (this.#isOver || this.#first !== undefined) throw error
      this.#first = { error }
    })
  }

  throwFirst(): void {
    if (this.#first !== undefined) throw this.#first.error
  }

  close(): void {
    this.#isOver = true
  }
}

function ignore(): void {}
