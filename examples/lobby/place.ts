// Where a server or its bots run: whose pollers, whose time and whose chance. This one is the
// system's; tests have a host of a simulated network instead (load/simulated-place.ts). Contains no
// rules.
import { randomBytes } from 'node:crypto'
import { Poller, type PollerOptions } from 'pollport'

/** Calls back once, unless it is set again or cancelled before. */
export interface Alarm {
  /** From now on, in milliseconds. */
  set(ms: number): void
  cancel(): void
}

export interface Place {
  poller<U>(options?: PollerOptions): Poller<U>
  /** Milliseconds, of a clock that never goes back. */
  nowMs(): number
  /** Milliseconds since 1970. */
  dateMs(): number
  alarm(callback: () => void): Alarm
  /** Of a server: nobody can guess them. */
  randomBytes(count: number): Buffer
  /** 0 or more, less than 1. */
  fraction(): number
}

/** This system: its kernel, its clocks, its randomness. */
export const system: Place = {
  poller: (options) => new Poller(options),
  nowMs: () => performance.now(),
  dateMs: () => Date.now(),
  alarm(callback) {
    let timer: NodeJS.Timeout | undefined
    return {
      set(ms) {
        clearTimeout(timer)
        timer = setTimeout(callback, ms)
      },
      cancel: () => clearTimeout(timer)
    }
  },
  randomBytes,
  fraction: Math.random
}
