// How long a connection has been silent. Moves its deadline only when that comes up, so that a
// message costs nothing. Knows times and a callback, no socket.
import { Deadline, type DeadlineOwner } from './deadlines.ts'

export class IdleTimer {
  readonly #poller: DeadlineOwner
  readonly #onIdle: () => void
  readonly #deadline: Deadline
  #idleMs = 0
  #lastActive = 0

  /** `onIdle` is called once for each silence. */
  constructor(poller: DeadlineOwner, onIdle: () => void) {
    this.#poller = poller
    this.#onIdle = onIdle
    this.#deadline = new Deadline((now) => this.#onDue(now))
  }

  get isOn(): boolean {
    return this.#idleMs > 0
  }

  /** Counts from now on; 0 = never. */
  start(idleMs: number): void {
    this.#idleMs = idleMs
    this.#lastActive = this.#poller.clockMs()
    if (idleMs > 0) this.#poller.setDeadline(this.#deadline, this.#lastActive + idleMs)
    else this.stop()
  }

  /** Something was received or sent: the time begins anew, also after it was over. */
  restart(now: number): void {
    if (this.#idleMs === 0) return
    this.#lastActive = now
    if (this.#deadline.position < 0) this.#poller.setDeadline(this.#deadline, now + this.#idleMs)
  }

  stop(): void {
    this.#idleMs = 0
    this.#poller.deadlines.delete(this.#deadline)
  }

  #onDue(now: number): void {
    const due = this.#lastActive + this.#idleMs
    if (due > now) this.#poller.setDeadline(this.#deadline, due)
    else this.#onIdle()
  }
}
