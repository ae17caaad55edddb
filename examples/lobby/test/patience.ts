// Waiting on a machine that may stand still for a while. Depends on no test runner.
import { setTimeout as delay } from 'node:timers/promises'

/** What passes beyond it between two looks was no time for anybody: the machine stood still. */
const MOST_BETWEEN_LOOKS_MS = 100

/** Waits until it is true. Returns for how long; throws when it takes more than `mostMs`. */
export async function until(what: () => string, isTrue: () => boolean, mostMs: number) {
  let waitedMs = 0
  let lookedMs = performance.now()
  while (!isTrue()) {
    if (waitedMs > mostMs) throw new Error(`not within ${mostMs} ms: ${what()}`)
    await delay(5)
    const nowMs = performance.now()
    waitedMs += Math.min(nowMs - lookedMs, MOST_BETWEEN_LOOKS_MS)
    lookedMs = nowMs
  }
  return waitedMs
}
