// How often each address may do something that costs others something. Forgets an address as soon
// as it could do all of it again. Uses no clock; the time is passed in.
import { TokenBucket } from './session.ts'

/** A crowd of addresses must not fill the memory: the one that did nothing for longest goes. */
const MAX_ADDRESSES = 100_000
const MINUTE_MS = 60_000

export class AddressRates {
  readonly #perMinute: number
  /** Who did something longest ago comes first. */
  readonly #buckets = new Map<string, { bucket: TokenBucket; usedMs: number }>()

  /** So many at once, and so many a minute. */
  constructor(perMinute: number) {
    this.#perMinute = perMinute
  }

  /** How many addresses are remembered. */
  get size(): number {
    return this.#buckets.size
  }

  /** Counts one, or does not and returns false when it is one too many. */
  take(block: string, nowMs: number): boolean {
    const bucket =
      this.#buckets.get(block)?.bucket ??
      new TokenBucket(this.#perMinute, this.#perMinute / 60, nowMs)
    this.#buckets.delete(block) // to the end of the line
    this.#buckets.set(block, { bucket, usedMs: nowMs })
    for (const [first, { usedMs }] of this.#buckets) {
      if (this.#buckets.size <= MAX_ADDRESSES && nowMs - usedMs < MINUTE_MS) break
      this.#buckets.delete(first)
    }
    return bucket.take(1, nowMs)
  }
}
