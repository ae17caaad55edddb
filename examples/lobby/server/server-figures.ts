// The figures of a running server: operators, the live line and the load command read them.
// Types, and the arithmetic of lateness. Pure.
import type { ClusterFigures } from '../cluster/cluster-node.ts'
import type { GatewayFigures } from '../gateway/figures.ts'

/** Of the whole server: the sums of its gateways', and what only the rules know. */
export interface ServerFigures extends GatewayFigures {
  /**
   * With a name; and of them, those whose connection is lost, who wait for a match, and who play
   * one.
   */
  players: number
  away: number
  queued: number
  playing: number
  rooms: number
  matches: number
  isDraining: boolean
  /** Since the start, as everything below. */
  uptimeMs: number
  signIns: number
  /** By {@link RefusalCode}. */
  refusals: Record<string, number>
  /** Matches whose result could not be saved. */
  unsavedMatches: number
  /** Matches that a mistake of their game has ended. */
  failedMatches: number
  /** Of all parts of the rooms: four times thirty a second. */
  ticks: number
  /** Skipped because the server was a whole period late. */
  missedTicks: number
  lateness: LatenessCounts
  memory: { rss: number; heapUsed: number; external: number; arrayBuffers: number }
  gateways: GatewayFigures[]
  /** Only in a cluster. */
  cluster?: ClusterFigures
}

/** What an operator did. */
export interface AuditEntry {
  /** ISO 8601, in UTC. */
  at: string
  /** The name that the operator gave, or `operator`. */
  by: string
  /** Where the request came from. */
  address: string
  action: string
  /** What the request asked for. */
  request: object
  /** Only of a second entry: why the action was not done. */
  refused?: string
}

/** For orchestrators: a list of what is wrong, empty if nothing is. */
export interface Health {
  /** The process does not turn: it should be started again. */
  stuck: string[]
  /** It should get no more players. */
  unready: string[]
}

/**
 * How many ticks were how late: `counts[n]` at most `boundsMs[n]`, and the last one more than all
 * bounds.
 */
export interface LatenessCounts {
  boundsMs: readonly number[]
  counts: readonly number[]
  /** Of all of them together. */
  sumMs: number
}

// Fine where the goal is (5 ms), coarse beyond.
export const LATENESS_BOUNDS_MS: readonly number[] = [
  0.1, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 10, 15, 20, 33, 50,
  100, 250, 1000
]

/** What came after `before`. */
export function latenessSince(now: LatenessCounts, before: LatenessCounts): LatenessCounts {
  const counts = now.counts.map((count, at) => count - before.counts[at])
  return { boundsMs: now.boundsMs, counts, sumMs: now.sumMs - before.sumMs }
}

/**
 * The bound that this share of the ticks (0.99, say) kept; Infinity when it is over all bounds, 0
 * without ticks.
 */
export function latenessAt(
  { boundsMs, counts }: Pick<LatenessCounts, 'boundsMs' | 'counts'>,
  share: number
): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  let seen = 0
  for (const [at, count] of counts.entries()) {
    seen += count
    if (total > 0 && seen >= total * share) return boundsMs[at] ?? Number.POSITIVE_INFINITY
  }
  return 0
}
