// How late ticks were, in a bounded histogram: buckets of one microsecond up to 64, then 32 for
// each doubling, which keeps the error under 3 %.

const LINEAR_US = 64
const BUCKETS_PER_DOUBLING = 32
// 2^31 microseconds, over half an hour, is as late as it tells apart.
const DOUBLINGS = 25

/**
 * How late the ticks of {@link runLoop} were, in milliseconds. Percentiles are at most 3 % too
 * high.
 * @category Helpers
 */
export interface Lateness {
  /** The mean. */
  readonly meanMs: number
  /** Half of the ticks were no later than this. */
  readonly p50Ms: number
  /** 90 % of the ticks were no later than this. */
  readonly p90Ms: number
  /** 99 % of the ticks were no later than this. */
  readonly p99Ms: number
  /** 99.9 % of the ticks were no later than this. */
  readonly p999Ms: number
  /** The latest tick. */
  readonly maxMs: number
}

export class LatenessHistogram {
  readonly #counts = new Float64Array(LINEAR_US + DOUBLINGS * BUCKETS_PER_DOUBLING + 1)
  #count = 0
  #sumMs = 0
  #maxMs = 0

  add(ms: number): void {
    this.#counts[bucketOf(ms * 1000)]++
    this.#count++
    this.#sumMs += ms
    if (ms > this.#maxMs) this.#maxMs = ms
  }

  summary(): Lateness {
    return {
      meanMs: this.#count === 0 ? 0 : this.#sumMs / this.#count,
      p50Ms: this.#percentile(0.5),
      p90Ms: this.#percentile(0.9),
      p99Ms: this.#percentile(0.99),
      p999Ms: this.#percentile(0.999),
      maxMs: this.#maxMs
    }
  }

  /**
   * The upper end of the bucket in which that share of the ticks is reached, but not more than the
   * latest one.
   */
  #percentile(share: number): number {
    let left = Math.ceil(this.#count * share)
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      left -= this.#counts[bucket]
      if (left <= 0) return Math.min(upperEndOf(bucket) / 1000, this.#maxMs)
    }
    return this.#maxMs
  }
}

function bucketOf(us: number): number {
  if (us < LINEAR_US) return Math.max(Math.floor(us), 0)
  const doubling = Math.floor(Math.log2(us / LINEAR_US))
  if (doubling >= DOUBLINGS) return LINEAR_US + DOUBLINGS * BUCKETS_PER_DOUBLING
  const within = us / (LINEAR_US * 2 ** doubling) - 1
  return (
    LINEAR_US +
    doubling * BUCKETS_PER_DOUBLING +
    Math.min(Math.floor(within * BUCKETS_PER_DOUBLING), BUCKETS_PER_DOUBLING - 1)
  )
}

function upperEndOf(bucket: number): number {
  if (bucket < LINEAR_US) return bucket + 1
  if (bucket === LINEAR_US + DOUBLINGS * BUCKETS_PER_DOUBLING) return Number.POSITIVE_INFINITY
  const doubling = Math.floor((bucket - LINEAR_US) / BUCKETS_PER_DOUBLING)
  const within = (bucket - LINEAR_US) % BUCKETS_PER_DOUBLING
  return LINEAR_US * 2 ** doubling * (1 + (within + 1) / BUCKETS_PER_DOUBLING)
}
