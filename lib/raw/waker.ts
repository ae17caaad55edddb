// Ends a wait from any thread. Knows a number, not what it wakes.
import { addon } from '../binding/load.ts'
import { check, invalidArgType, outOfRange } from '../errors.ts'
import { bindToThread } from '../thread-bound.ts'

/**
 * Ends the `wait()` of an {@link Epoll}, {@link Iocp} or {@link Poller}, from any thread of the
 * process. Many wakes before the wait are one. Get it from `waker()`, post its `handle` to a
 * worker, and call {@link Waker.from} there. A handle is never used again, so a wake after the
 * owner was closed does nothing.
 * @category Common
 * @example
 * ```ts
 * import { isMainThread, Worker, workerData } from 'node:worker_threads'
 * import { Poller, Waker } from 'pollport'
 *
 * if (isMainThread) {
 *   const poller = new Poller()
 *   new Worker(new URL(import.meta.url), { workerData: poller.waker().handle })
 *   console.log(poller.wait()) // [ { type: 'wake' } ]
 *   poller.close()
 * } else {
 *   Waker.from(workerData).wake()
 * }
 * ```
 */
export class Waker {
  /** A number, which you can post to another thread. */
  readonly handle: number

  private constructor(handle: number) {
    this.handle = handle
    bindToThread(this)
  }

  /**
   * The waker with that handle, in any thread.
   * @throws TypeError `ERR_INVALID_ARG_TYPE` or RangeError `ERR_OUT_OF_RANGE` if it cannot be one
   */
  static from(handle: number): Waker {
    if (typeof handle !== 'number') throw invalidArgType('handle', 'a number', handle)
    if (!Number.isSafeInteger(handle) || handle < 1)
      throw outOfRange('handle', 'the handle of a Waker', handle)
    return new Waker(handle)
  }

  /**
   * Ends the current `wait()`, or the next one if none is running. Does nothing if the owner is
   * closed. Never blocks.
   */
  wake(): void {
    check(addon().wakerWake(this.handle), 'wake')
  }
}
