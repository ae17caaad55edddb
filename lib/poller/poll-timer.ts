// A timer of a poller: what is due within its wait(), and needs no turn of Node's loop. Knows no
// sockets.
import { throwLater } from '../turns.ts'
import { number } from '../validate.ts'
import { Deadline, type DeadlineOwner } from './deadlines.ts'

/** What a timer needs of its poller. */
interface Owner extends DeadlineOwner {
  readonly closed: boolean
}

/**
 * Made by {@link Poller.timer}. It holds up neither the process nor the poller's close.
 * @example
 * ```ts
 * import { Poller } from 'pollport'
 *
 * const poller = new Poller()
 * const timer = poller.timer(() => console.log('due'))
 * timer.set(1000)
 * timer.cancel()
 * poller.close()
 * ```
 */
export class PollTimer {
  readonly #poller: Owner
  readonly #deadline: Deadline

  /** @internal */
  constructor(poller: Owner, callback: () => void) {
    this.#poller = poller
    this.#deadline = new Deadline(() => {
      try {
        callback()
      } catch (error) {
        throwLater(error)
      }
    })
  }

  /**
   * Calls back once in so many milliseconds (fractions allowed), and no longer at the time that was
   * set before.
   * @throws RangeError for less than 0 or more than 2^53
   */
  set(ms: number): void {
    number(ms, 'ms', 0, Number.MAX_SAFE_INTEGER)
    if (!this.#poller.closed) this.#poller.setDeadline(this.#deadline, this.#poller.clockMs() + ms)
  }

  /** Does not call back until it is set again. */
  cancel(): void {
    this.#poller.deadlines.delete(this.#deadline)
  }
}
