// A process of a simulated host that can be stopped for a while.
import type { SimulatedHost } from 'pollport/simulation'
import { placeOf } from '../load/simulated-place.ts'
import type { Alarm, Place } from '../place.ts'

/** A process that can be stopped, as by SIGSTOP: it does nothing then, and much afterwards. */
export class Stoppable {
  readonly place: Place
  readonly #late: (() => void)[] = []
  #isStopped = false

  constructor(host: SimulatedHost) {
    const place = placeOf(host)
    const ifRunning = (callback: () => void) => () =>
      this.#isStopped ? void this.#late.push(callback) : callback()
    this.place = { ...place, alarm: (callback): Alarm => place.alarm(ifRunning(callback)) }
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  stop(): void {
    this.#isStopped = true
  }

  /** It has crashed. */
  end(): void {
    this.#late.length = 0
  }

  goOn(): void {
    this.#isStopped = false
    for (const callback of this.#late.splice(0)) callback()
  }
}
