// A process of a simulated host: it can be stopped for a while, and when it is gone, nothing of it
// goes on.
import type { SimulatedHost } from 'pollport/simulation'
import { placeOf } from '../load/simulated-place.ts'
import type { Place } from '../place.ts'

/** A process that can be stopped, as by SIGSTOP: it does nothing then, and much afterwards. */
export class Stoppable {
  readonly place: Place
  readonly #host: SimulatedHost
  #hasEnded = false
  #stoppedAtMs = 0
  #stoppedMs = 0

  constructor(host: SimulatedHost) {
    this.#host = host
    const place = placeOf(host)
    this.place = {
      ...place,
      // What was under way elsewhere for a process before comes to nothing.
      alarm: (callback) => place.alarm(() => this.#hasEnded || callback())
    }
  }

  get isStopped(): boolean {
    return this.#host.isPaused
  }

  /** For how long it was stopped so far. */
  get stoppedMs(): number {
    return this.#stoppedMs
  }

  stop(): void {
    this.#stoppedAtMs = this.#host.now
    this.#host.pause()
  }

  goOn(): void {
    this.#stoppedMs += this.#host.now - this.#stoppedAtMs
    this.#host.resume()
  }

  /** It has crashed, or is over. */
  end(): void {
    this.#hasEnded = true
  }
}
