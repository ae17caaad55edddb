// A loop with fixed ticks over a poller. Knows the public Poller alone.

import { clockMs } from '../clock.ts'
import { invalidArgType } from '../errors.ts'
import type { PollEvent } from '../poller/events.ts'
import { Poller } from '../poller/poller.ts'
import { turnOfNodesLoop } from '../turns.ts'
import { abortSignal, boolean, callback, number, object } from '../validate.ts'
import { type Lateness, LatenessHistogram } from './lateness.ts'

const MAX_HZ = 10_000

/** What {@link runLoop} runs. */
export interface LoopOptions<U> {
  /** Ticks a second, over 0 up to 10,000; fractions allowed. */
  hz: number
  /** Gets every batch that `wait()` gives, before the tick that follows. */
  onEvents?: ((events: PollEvent<U>[]) => void) | undefined
  /** The game's step. `tick` counts from 0 and counts missed ticks too; `lateMs` is how late it comes. `false` ends the loop. */
  onTick(tick: number, lateMs: number): void | boolean
  /** Ends the loop before its next tick. With `process.once('SIGINT', () => controller.abort())` that is what Ctrl-C does. */
  signal?: AbortSignal | undefined
  /**
   * Never return to Node's loop until the end: the steadiest ticks, but no promise, timer or signal handler of Node runs meanwhile, so that only
   * `onTick` can end it, and SIGINT and SIGTERM end the process as the system does it unless they have handlers, which are not called. Default
   * false: Node's loop gets one turn a tick.
   */
  exclusive?: boolean | undefined
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
 * Calls `onTick` at a fixed rate without drift: tick n is due n periods after the start, whatever the ones before did. Between ticks it waits in
 * `poller.wait()`, with fractions of a millisecond. A loop that is late by a whole tick or more leaves those ticks out instead of hurrying after them.
 * @returns a promise of {@link LoopStats}, fulfilled when `onTick` gives false, the signal aborts or the poller is closed; rejected by what a handler throws
 * @throws (as a rejection) TypeError or RangeError for wrong options, SocketError `EBUSY` inside `run()`
 */
export async function runLoop<U>(poller: Poller<U>, options: LoopOptions<U>): Promise<LoopStats> {
  const { hz, onEvents = ignore, onTick, signal, exclusive = false } = object(options, 'options')
  if (!(poller instanceof Poller)) throw invalidArgType('poller', 'a Poller', poller)
  number(hz, 'hz', Number.MIN_VALUE, MAX_HZ)
  callback(onEvents, 'onEvents')
  callback(onTick, 'onTick')
  boolean(exclusive, 'exclusive')
  if (signal !== undefined) abortSignal(signal, 'signal')

  const periodMs = 1000 / hz
  const lateness = new LatenessHistogram()
  let ticks = 0
  let missed = 0
  const start = clockMs()
  for (let tick = 0; ; tick++) {
    const dueMs = start + tick * periodMs
    if (!waitUntil(poller, dueMs, onEvents)) break
    if (signal?.aborted) break
    const lateMs = clockMs() - dueMs
    lateness.add(lateMs)
    ticks++
    if (onTick(tick, lateMs) === false || poller.closed) break
    // What the tick sent leaves now, not after Node's turn and what it brings.
    poller.flush()
    if (!exclusive) await turnOfNodesLoop()
    const behind = Math.floor((clockMs() - start) / periodMs) - (tick + 1)
    if (behind > 0) {
      missed += behind
      tick += behind
    }
    if (signal?.aborted || poller.closed) break
  }
  return { ticks, missed, lateness: lateness.summary() }
}

/** Handles events until the tick is due, and at least once, so that a late loop still receives. False when a handler closed the poller. */
function waitUntil<U>(poller: Poller<U>, dueMs: number, onEvents: (events: PollEvent<U>[]) => void): boolean {
  for (;;) {
    if (poller.closed) return false
    const events = poller.wait(Math.max(dueMs - clockMs(), 0))
    if (events.length > 0) onEvents(events)
    if (clockMs() >= dueMs) return !poller.closed
  }
}

function ignore(): void {}
