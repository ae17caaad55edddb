// The figures of a run: what each is called, its unit, and how it is written. Knows numbers only.

export type FigureName = keyof typeof figures

/** What was measured in one run; what a run has no notion of is not there. */
export type Figures = Partial<Record<FigureName, number>>

interface Figure {
  title: string
  unit: string
  /** Of several rounds the worst counts, not the median: what must never happen. */
  ofWorstRound?: boolean
}

export const figures = {
  cpuUs: { title: 'CPU a message', unit: 'µs' },
  perSecond: { title: 'messages/s', unit: '/s' },
  mbPerSecond: { title: 'throughput', unit: 'MB/s' },
  p50Us: { title: 'p50', unit: 'µs' },
  p99Us: { title: 'p99', unit: 'µs' },
  p999Us: { title: 'p99.9', unit: 'µs' },
  lost: { title: 'lost', unit: '', ofWorstRound: true },
  cpuShare: { title: 'CPU', unit: '%' },
  residentBytes: { title: 'resident memory a connection', unit: 'B' },
  lateP50Ms: { title: 'lateness p50', unit: 'ms' },
  lateP99Ms: { title: 'lateness p99', unit: 'ms' },
  lateMaxMs: { title: 'longest lateness', unit: 'ms', ofWorstRound: true },
  missed: { title: 'missed ticks', unit: '', ofWorstRound: true },
  majorCollections: { title: 'major collections', unit: '' },
  longestMajorMs: { title: 'longest major collection', unit: 'ms', ofWorstRound: true },
  heapMb: { title: 'heap', unit: 'MB' },
  heapGrowthMb: { title: 'growth of the heap a minute', unit: 'MB' }
} satisfies Record<string, Figure>

/** The figure of several rounds. */
export function overRounds(name: FigureName, values: readonly number[]): number {
  const figure: Figure = figures[name]
  return figure.ofWorstRound ? Math.max(...values) : median(values)
}

/**
 * A whole number as it is; else three digits that count, at most three of them behind the point.
 * Thousands apart.
 */
export function written(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en')
  if (Math.abs(value) < 0.0005) return '0'
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toLocaleString('en', {
    minimumFractionDigits: Math.min(digits, 3),
    maximumFractionDigits: Math.min(digits, 3)
  })
}

export function withUnit(name: FigureName, value: number): string {
  return `${written(value)} ${figures[name].unit}`.trimEnd()
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The value that `share` of the others do not exceed. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
}

/** How much y grows for each x: the least-squares line. */
export function slope(points: readonly { x: number; y: number }[]): number {
  const mean = (of: (point: { x: number; y: number }) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const x = mean((point) => point.x)
  const y = mean((point) => point.y)
  const spread = mean((point) => (point.x - x) ** 2)
  return spread === 0 ? 0 : mean((point) => (point.x - x) * (point.y - y)) / spread
}
