// A host of a simulated network as a place: its pollers, virtual time, and randomness of the seed.
import type { SimulatedHost } from 'pollport/simulation'
import type { Place } from '../place.ts'

/** When virtual time began, as a date. */
const BEGAN_MS = Date.UTC(2026, 0, 1)

export function placeOf(host: SimulatedHost): Place {
  return {
    poller: (options) => host.poller(options),
    nowMs: () => host.now,
    dateMs: () => BEGAN_MS + Math.floor(host.now),
    alarm(callback) {
      let setting = 0
      return {
        set(ms) {
          const own = ++setting
          // At least a millisecond, as Node's own. A crash of the host ends the wait for good.
          void host.sleep(Math.max(ms, 1)).then(() => {
            if (own === setting) callback()
          })
        },
        cancel() {
          setting++
        }
      }
    },
    randomBytes: (count) =>
      Buffer.from(Array.from({ length: count }, () => host.random.below(256))),
    fraction: () => host.random.fraction()
  }
}
