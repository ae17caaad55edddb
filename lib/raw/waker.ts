// Ends a wait from any thread. Knows a number, not what it wakes.
import { addon } from '../binding/load.ts'
import { check, invalidArgType, outOfRange } from '../errors.ts'
import { bindToThread } from '../thread-bound.ts'

/**
 * Ends the `wait()` of an Epoll, Iocp or Poller, from any thread of the process. Many wakes before
 * the wait are one. Post `handle` to a worker and make another Waker of it there; handles are never
 * used twice, so a wake that comes after the owner was closed reaches nobody.
 */
export class Waker {
  /** A number that may be posted to another thread. */
  readonly handle: number

  private constructor(handle: number) {
    this.handle = handle
    bindToThread(this)
  }

  /** The waker with that handle. Throws TypeError or RangeError for what cannot be a handle. */
  static from(handle: number): Waker {
    if (typeof handle !== 'number') throw invalidArgType('handle', 'a number', handle)
    if (!Number.isSafeInteger(handle) || handle < 1)
      throw outOfRange('handle', 'the handle of a Waker', handle)
    return new Waker(handle)
  }

  /**
   * Ends the wait, or the next one if nobody waits. Does nothing when the owner is closed. Never
   * blocks.
   * @throws SocketError `ENOBUFS` or `ENOMEM`, and no wait ends: Windows has no memory for the
   *   packet that would end it. Try again later. Linux needs none.
   */
  wake(): void {
    check(addon().wakerWake(this.handle), 'wake')
  }
}
