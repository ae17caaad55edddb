// For tests of what waits: a clock that stands still until the test lets time pass.
import { type Place, system } from '../place.ts'

/** Time passes when the test says so. */
export class Clock {
  nowMs = 0
  readonly #alarms = new Set<{ atMs: number; callback: () => void }>()

  /** `offsetMs`: what its clocks show more than others. */
  place(offsetMs: number): Place {
    return {
      ...system,
      nowMs: () => this.nowMs + offsetMs,
      dateMs: () => 1_700_000_000_000 + this.nowMs + offsetMs,
      fraction: () => 0.5,
      alarm: (callback) => {
        const alarm = { atMs: 0, callback }
        return {
          set: (ms) => {
            alarm.atMs = this.nowMs + ms
            this.#alarms.add(alarm)
          },
          cancel: () => this.#alarms.delete(alarm)
        }
      }
    }
  }

  /** How many alarms are set. */
  get alarms(): number {
    return this.#alarms.size
  }

  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve))
      const [next] = [...this.#alarms].sort((one, other) => one.atMs - other.atMs)
      if (next === undefined || next.atMs > untilMs) break
      this.#alarms.delete(next)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.callback()
    }
    this.nowMs = untilMs
  }
}
