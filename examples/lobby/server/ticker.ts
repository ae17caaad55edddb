// Fixed ticks inside Node's own loop, by the rules of pollport's runLoop: tick n is due n periods
// after the start, whatever the ones before did, and a loop that is late by a whole tick or more
// skips those ticks. (runLoop itself would hold Node's loop between the ticks, where pages,
// WebSockets and threads' messages are served.) Contains no rules.
import { type Alarm, type Place, system } from '../place.ts'
import { LATENESS_BOUNDS_MS, type LatenessCounts } from './server-figures.ts'

export class Ticker {
  ticks = 0
  /** Skipped. */
  missed = 0
  readonly #parts: number
  readonly #periodMs: number
  readonly #partMs: number
  readonly #onTick: (nowMs: number, part: number) => void
  readonly #counts = new Array<number>(LATENESS_BOUNDS_MS.length + 1).fill(0)
  #lateSumMs = 0
  #startMs = 0
  #next = 0
  /** When it looked last whether a tick is due. */
  #lookedMs: number
  readonly #place: Place
  readonly #alarm: Alarm

  /**
   * With `parts`, each of so many parts has its own ticks, evenly spread over the period, so that
   * what all of them do is not done at once. Each call counts as a tick.
   */
  constructor(
    ticksPerSecond: number,
    onTick: (nowMs: number, part: number) => void,
    parts = 1,
    place: Place = system
  ) {
    this.#place = place
    this.#lookedMs = place.nowMs()
    this.#alarm = place.alarm(() => this.#look())
    this.#parts = parts
    this.#periodMs = 1000 / ticksPerSecond
    this.#partMs = this.#periodMs / parts
    this.#onTick = onTick
  }

  get lateness(): LatenessCounts {
    return { boundsMs: LATENESS_BOUNDS_MS, counts: [...this.#counts], sumMs: this.#lateSumMs }
  }

  /** For how long it has not looked at the clock: more than a period is not in order. */
  get silentMs(): number {
    return this.#place.nowMs() - this.#lookedMs
  }

  start(): void {
    this.#startMs = this.#place.nowMs()
    this.#next = 0
    this.#arm()
  }

  stop(): void {
    this.#alarm.cancel()
  }

  #arm(): void {
    // Whole milliseconds, rounded down: Node's timers are late already, and one that is early is
    // armed again.
    const leftMs = this.#startMs + this.#next * this.#partMs - this.#place.nowMs()
    this.#alarm.set(Math.max(Math.floor(leftMs), 0))
  }

  #look(): void {
    const nowMs = this.#place.nowMs()
    this.#lookedMs = nowMs
    const part = this.#next % this.#parts
    const lateMs = nowMs - (this.#startMs + this.#next * this.#partMs)
    if (lateMs >= 0) {
      const at = LATENESS_BOUNDS_MS.findIndex((boundMs) => lateMs <= boundMs)
      this.#counts[at === -1 ? LATENESS_BOUNDS_MS.length : at]++
      this.#lateSumMs += lateMs
      // Whole periods only: a part that is a little late is not left out for the sake of the next
      // one.
      const left = Math.floor(lateMs / this.#periodMs) * this.#parts
      this.missed += left
      this.#next += 1 + left
      this.ticks++
    }
    // First, so that a tick that throws does not end all of them, wherever it is caught.
    this.#arm()
    if (lateMs >= 0) this.#onTick(nowMs, part)
  }
}
