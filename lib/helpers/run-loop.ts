// A loop with fixed ticks over a poller. Uses the public Poller alone.

import { invalidArgType, invalidArgValue } from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import type { PollEvent } from '../poller/events.ts'
import { Poller } from '../poller/poller.ts'
import { whenRejected } from '../rejections.ts'
import { abortSignal, boolean, callback, number } from '../validate.ts'
import { type Lateness, LatenessHistogram } from './lateness.ts'

const MAX_HZ = 10_000
// A tick in 31 years. The period of a lower rate does not fit a number of milliseconds.
const MIN_HZ = 1e-9
const MAX_SPIN_MS = 1000

/**
 * What {@link runLoop} runs.
 * @category Helpers
 * @example
 * ```ts
 * import { type LoopOptions, Poller, runLoop } from 'pollport'
 *
 * const poller = new Poller<string>()
 * const options: LoopOptions<string> = {
 *   hz: 30,
 *   onEvents: (events) => console.log(events.length),
 *   onTick: (tick) => tick < 2 // false ends the loop
 * }
 * await runLoop(poller, options)
 * poller.close()
 * ```
 */
export interface LoopOptions<U> {
  /** Ticks a second, 1e-9 to 10,000, fractions allowed. */
  hz: number
  /**
   * Gets every batch of events, before the tick that follows. What it throws rejects the promise of
   * {@link runLoop}; the events that its `for … of` had not reached come with the next `wait()`, or
   * all of the batch if it had not begun one. If it is an async function, the loop does not wait
   * for it.
   */
  onEvents?: ((events: PollEvent<U>[]) => void) | undefined
  /**
   * Your step. `tick` counts from 0, missed ticks included; `lateMs` is how late it comes. Return
   * `false` to end the loop. What it sends leaves right after it, also in the last tick.
   */
  onTick(tick: number, lateMs: number): void | boolean
  /**
   * Ends the loop before its next tick. For Ctrl-C:
   * `process.once('SIGINT', () => controller.abort())`.
   */
  signal?: AbortSignal | undefined
  /**
   * true: never return to Node's loop until the end. Ticks are steadiest, but no promise, timer or
   * signal handler of Node runs: only `onTick` can end the loop, and SIGINT and SIGTERM end the
   * process unless they have handlers, which do not run. Default false: Node's loop gets one turn a
   * tick.
   */
  exclusive?: boolean | undefined
  /**
   * For so many milliseconds before a tick the loop does not block but polls, and still passes
   * events to `onEvents`: 0 to 1000, fractions allowed, default 0. It costs up to
   * `spinMs * hz / 10` percent of a core, so use it where a core is free. Measured on Linux, at
   * 60 Hz without clients: with 0.2, half of the ticks were at most 0.002 ms late, where it was
   * 0.13 ms without; the latest (p99) came no earlier. Windows was not measured.
   *
   * Where `capabilities.subMillisecondWait` is false, the wait before the spin ends in whole
   * milliseconds, rounded up. On Windows, below 10 Hz, no fine timer is held, and that wait may end
   * later still (docs/platforms.md, "Times"). If `spinMs` is a period (1000 / hz) or more, the loop
   * never blocks. A simulation ignores it.
   */
  spinMs?: number | undefined
}

const LOOP_OPTIONS: OptionNames<LoopOptions<never>> = {
  hz: true,
  onEvents: true,
  onTick: true,
  signal: true,
  exclusive: true,
  spinMs: true
}

/**
 * How the loop of {@link runLoop} went.
 * @category Helpers
 */
export interface LoopStats {
  /** Calls of `onTick`. */
  readonly ticks: number
  /** Ticks that were skipped because the loop was late by a whole tick or more. */
  readonly missed: number
  /** How late `onTick` was called. */
  readonly lateness: Lateness
}

/**
 * Calls `onTick` at a fixed rate without drift: tick n is due n periods after the start, however
 * long the ones before took. Between ticks it blocks in {@link Poller.wait}, to fractions of a
 * millisecond, and passes events to `onEvents`; for the last `spinMs` before a tick it polls. A
 * loop that is late by a whole tick or more skips those ticks; it does not hurry after them.
 *
 * Handlers may be async functions, but the loop does not wait for them. If one of their promises is
 * rejected, the loop ends after the tick and is rejected too; with `exclusive`, at its end.
 * @category Helpers
 * @param poller the poller to wait on; you keep it, and close it
 * @param options the rate and your handlers
 * @returns statistics, when `onTick` returns false, the signal aborts or the poller is closed;
 *   rejected with what a handler throws
 * @throws (as a rejection) TypeError or RangeError for wrong options, SocketError `EBUSY` inside
 *   {@link Poller.run}
 * @example
 * ```ts
 * import { Poller, runLoop } from 'pollport'
 *
 * const poller = new Poller()
 * const stats = await runLoop(poller, {
 *   hz: 60,
 *   onEvents: (events) => {
 *     for (const event of events) if (event.type === 'receive') event.socket.send(event.data)
 *   },
 *   onTick: (tick) => tick < 5
 * })
 * console.log(stats.ticks, stats.missed, stats.lateness.p99Ms)
 * poller.close()
 * ```
 */
export async function runLoop<U>(poller: Poller<U>, options: LoopOptions<U>): Promise<LoopStats> {
  const {
    hz,
    onEvents = ignore,
    onTick,
    signal,
    exclusive = false,
    spinMs = 0
  } = knownOptions(options, LOOP_OPTIONS)
  if (!(poller instanceof Poller)) throw invalidArgType('poller', 'a Poller', poller)
  number(hz, 'hz', MIN_HZ, MAX_HZ)
  callback(onEvents, 'onEvents')
  callback(onTick, 'onTick')
  boolean(exclusive, 'exclusive')
  number(spinMs, 'spinMs', 0, MAX_SPIN_MS)
  if (signal !== undefined) abortSignal(signal, 'signal')

  if (exclusive && !poller._mayBlock)
    throw invalidArgValue('exclusive', exclusive, 'in a simulation other programs have to run')

  const periodMs = 1000 / hz
  const lateness = new LatenessHistogram()
  const failures = new Failures()
  let ticks = 0
  let missed = 0
  const start = poller._clockMs()
  poller._setGivesTurns(!exclusive)
  try {
    for (let tick = 0; ; tick++) {
      const dueMs = start + tick * periodMs
      const handle = (events: PollEvent<U>[]) => failures.watch(onEvents(events))
      const isOpen = poller._mayBlock
        ? waitUntil(poller, dueMs, spinMs, handle)
        : await waitWithoutBlocking(poller, dueMs, handle)
      if (!isOpen) break
      if (signal?.aborted) break
      const lateMs = poller._clockMs() - dueMs
      lateness.add(lateMs)
      ticks++
      const result = onTick(tick, lateMs)
      if (result === false || poller.closed) break
      failures.watch(result)
      // What the tick sent leaves now, not after Node's turn and what it brings.
      poller.flush()
      if (!exclusive) await poller._turn()
      failures.throwFirst()
      const behind = Math.floor((poller._clockMs() - start) / periodMs) - (tick + 1)
      if (behind > 0) {
        missed += behind
        tick += behind
      }
      if (signal?.aborted || poller.closed) break
    }
    // A turn for the promises of the last tick.
    if (failures.isWatching) await poller._turn()
    failures.throwFirst()
  } finally {
    poller._setGivesTurns(undefined)
    failures.close()
    if (!poller.closed) poller.flush()
  }
  return { ticks, missed, lateness: lateness.summary() }
}

/**
 * Handles events until the tick is due, and at least once, so that a late loop still receives. For
 * the last `spinMs` it does not block. False when a handler closed the poller.
 */
function waitUntil<U>(
  poller: Poller<U>,
  dueMs: number,
  spinMs: number,
  onEvents: (events: PollEvent<U>[]) => void
): boolean {
  for (;;) {
    if (poller.closed) return false
    const blockMs = dueMs - spinMs - poller._clockMs()
    handOver(poller, poller.wait(Math.max(blockMs, 0)), onEvents)
    if (poller._clockMs() >= dueMs) return !poller.closed
  }
}

/** The same in a simulation, where other programs have to run in this thread. */
async function waitWithoutBlocking<U>(
  poller: Poller<U>,
  dueMs: number,
  onEvents: (events: PollEvent<U>[]) => void
): Promise<boolean> {
  for (;;) {
    if (poller.closed) return false
    const events = await poller._waitWithoutBlocking(Math.max(dueMs - poller._clockMs(), 0))
    handOver(poller, events, onEvents)
    if (poller.closed || poller._clockMs() >= dueMs) return !poller.closed
  }
}

function handOver<U>(
  poller: Poller<U>,
  events: PollEvent<U>[],
  onEvents: (events: PollEvent<U>[]) => void
): void {
  try {
    if (events.length > 0) onEvents(events)
  } catch (error) {
    poller._giveBack(events)
    throw error
  }
}

/** Collects how the promises of async handlers fail. */
class Failures {
  isWatching = false
  #isOver = false
  #first: { readonly error: unknown } | undefined

  /** `result` is what a handler returned. */
  watch(result: unknown): void {
    if (result === undefined || result === true) return
    this.isWatching = true
    whenRejected(result, (error) => {
      // The loop throws one; the others, and one after its end, are unhandled rejections.
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
