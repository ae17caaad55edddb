// One connection: how fast it may talk, and whose it is. Knows no sockets; the time is passed in.

import { blockOf } from './address.ts'
import type { Limits } from './limits.ts'
import type { Player } from './player.ts'

/** So many at once, refilled steadily. */
export class TokenBucket {
  readonly #capacity: number
  readonly #perMs: number
  #tokens: number
  #filledMs: number

  constructor(capacity: number, perSecond: number, nowMs: number) {
    this.#capacity = capacity
    this.#perMs = perSecond / 1000
    this.#tokens = capacity
    this.#filledMs = nowMs
  }

  /** Takes `count` tokens, or none and says false. */
  take(count: number, nowMs: number): boolean {
    const passedMs = Math.max(0, nowMs - this.#filledMs)
    this.#tokens = Math.min(this.#capacity, this.#tokens + passedMs * this.#perMs)
    this.#filledMs = nowMs
    if (this.#tokens < count) return false
    this.#tokens -= count
    return true
  }
}

/**
 * What happens to a command: it is done; dropped with a warning; dropped in silence (one warning is
 * enough); or it was one too many, and the client is disconnected.
 */
export type Admission = 'do' | 'warn' | 'drop' | 'cut'

/** How fast one connection may talk. */
export class Throttle {
  readonly #bucket: TokenBucket
  readonly #maxDropped: number
  #droppedInARow = 0

  constructor(limits: Limits, nowMs: number) {
    this.#bucket = new TokenBucket(limits.burstMessages, limits.messagesPerSecond, nowMs)
    this.#maxDropped = limits.maxDroppedMessages
  }

  /**
   * Asked for each frame before it is looked at, so that a flood of nonsense counts like any other.
   */
  admit(nowMs: number): Admission {
    if (this.#bucket.take(1, nowMs)) {
      this.#droppedInARow = 0
      return 'do'
    }
    this.#droppedInARow++
    if (this.#droppedInARow > this.#maxDropped) return 'cut'
    return this.#droppedInARow === 1 ? 'warn' : 'drop'
  }
}

/** A connection as the rules see it. */
export class Session {
  /** Where it comes from, as text. */
  readonly address: string
  /** What limits count it under: see {@link blockOf}. */
  readonly block: string
  /** Since when it belongs to nobody. */
  arrivedMs: number
  /** The player that has signed in here. */
  player: Player | undefined
  /** For commands that cost others something, too. */
  readonly bucket: TokenBucket

  constructor(limits: Limits, nowMs: number, address = '') {
    this.address = address
    this.block = blockOf(address)
    this.arrivedMs = nowMs
    this.bucket = new TokenBucket(limits.burstMessages, limits.messagesPerSecond, nowMs)
  }
}
