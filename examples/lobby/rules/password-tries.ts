// How often an address may try the password of a room: then it has to wait, and even the right one
// does not open. Pure; the time is passed in.

import { Refusal } from '../wire/protocol.ts'
import type { Limits } from './limits.ts'

/** More addresses are not remembered: then the one that has waited longest may try again. */
const MAX_ADDRESSES = 1_000

export class PasswordTries {
  readonly #limits: Limits
  /** By address: wrong ones in a row, and until when they count. */
  readonly #wrong = new Map<string, { count: number; untilMs: number }>()

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Throws a {@link Refusal} unless it is right, and the address may try at all. */
  check(block: string, isRight: boolean, nowMs: number): void {
    const { maxPasswordTries, passwordLockMs } = this.#limits
    const before = this.#wrong.get(block)
    const count = before !== undefined && nowMs < before.untilMs ? before.count : 0
    if (count >= maxPasswordTries)
      throw new Refusal('locked-out', 'too many wrong passwords; wait a while')
    this.#wrong.delete(block)
    if (isRight) return
    this.#wrong.set(block, { count: count + 1, untilMs: nowMs + passwordLockMs })
    const [first] = this.#wrong.keys()
    if (this.#wrong.size > MAX_ADDRESSES) this.#wrong.delete(first)
    throw new Refusal('wrong-password', 'wrong password')
  }
}
