// Whether a series of samples grows: the median of the slopes between all pairs of samples, and the
// range in which the true one lies with 95 % confidence (Theil 1950 and Sen 1968, "Estimates of the
// Regression Coefficient Based on Kendall's Tau", section 5, without ties). It needs no normal
// distribution, and a third of the samples may be wild. Knows numbers, not what they count.

export interface Sample {
  readonly atMs: number
  readonly value: number
}

/** Growth a minute. */
export interface Trend {
  readonly perMinute: number
  readonly low: number
  readonly high: number
}

// Of the normal distribution, for 95 % on both sides together.
const Z = 1.96
// The steps between two collections are no noise of their own but one long saw: what lies between
// two points is their median, and points are few.
const POINTS = 40
const MIN_PER_POINT = 3

const ascending = (numbers: Iterable<number>): Float64Array => Float64Array.from(numbers).sort()

function median(numbers: Iterable<number>): number {
  const sorted = ascending(numbers)
  const middle = sorted.length / 2
  return sorted.length % 2 === 1
    ? sorted[Math.floor(middle)]
    : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Medians of stretches of equal length. */
function thinned(samples: readonly Sample[]): Sample[] {
  const each = Math.max(Math.ceil(samples.length / POINTS), MIN_PER_POINT)
  const points: Sample[] = []
  for (let at = 0; at + each <= samples.length; at += each) {
    const part = samples.slice(at, at + each)
    points.push({
      atMs: median(part.map(({ atMs }) => atMs)),
      value: median(part.map(({ value }) => value))
    })
  }
  return points
}

/** Throws for fewer samples than say anything. */
export function trendOf(samples: readonly Sample[]): Trend {
  const points = thinned(samples)
  if (points.length < 8) throw new RangeError(`${samples.length} samples are too few for a trend`)
  const slopes: number[] = []
  for (const [at, later] of points.entries()) {
    for (const earlier of points.slice(0, at)) {
      slopes.push((60_000 * (later.value - earlier.value)) / (later.atMs - earlier.atMs))
    }
  }
  const sorted = ascending(slopes)
  const n = points.length
  // Half the width of the confidence, counted in slopes: from the variance of Kendall's S.
  const width = Z * Math.sqrt((n * (n - 1) * (2 * n + 5)) / 18)
  const at = (rank: number) => sorted[Math.min(Math.max(Math.round(rank), 0), sorted.length - 1)]
  return {
    perMinute: median(slopes),
    low: at((sorted.length - width) / 2 - 1),
    high: at((sorted.length + width) / 2)
  }
}

/** Whether it surely grows by more than `bound` a minute. */
export function grows(trend: Trend, bound: number): boolean {
  return trend.low > bound
}
