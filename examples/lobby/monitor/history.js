// @ts-check
// The last minutes of the server's figures, as rates per second and as lateness of ticks. Knows no
// page: arithmetic alone.

/** @typedef {import('../server/server-figures.ts').ServerFigures} ServerFigures */
/** @typedef {import('../server/server-figures.ts').LatenessCounts} LatenessCounts */

/** @typedef {Record<typeof COUNTERS[number], number>} Rates per second */
/**
 * @typedef {{ p50: number, p99: number, max: number }} Lateness in milliseconds, each rounded up to
 *   a bound of the histogram; Infinity: over all bounds
 */
/**
 * @typedef {{ rates: Rates, gateways: Rates[], lateness: Lateness | undefined }} Changes what the
 *   figures say together with those before them
 */
/**
 * @typedef {{ atMs: number, figures?: ServerFigures, changes?: Changes }} Sample without figures:
 *   the server could not be reached
 */

export const WINDOW_MS = 5 * 60_000
/**
 * Longer than the half second in which threads report their counts: a rate over one second would
 * have half of them, or half of them too many.
 */
const RATE_WINDOW_MS = 3_500
/** At 30 ticks a second one second's 99th percentile would be its maximum. */
const LATENESS_WINDOW_MS = 10_000

const COUNTERS = /** @type {const} */ ([
  'messagesIn',
  'messagesOut',
  'bytesIn',
  'bytesOut',
  'datagramsIn',
  'datagramsOut',
  'datagramsRefused'
])

export class History {
  /** @type {Sample[]} The oldest first. */
  samples = []

  /** The last one with figures. */
  get latest() {
    return this.samples.findLast(({ figures }) => figures !== undefined)
  }

  /**
   * @param {number} atMs the browser's clock
   * @param {ServerFigures} [figures] none: the server did not answer
   */
  add(atMs, figures) {
    /** @type {Sample} */
    const sample = { atMs, figures }
    if (figures !== undefined) sample.changes = this.#changes(atMs, figures)
    this.samples.push(sample)
    while (this.samples[0].atMs < atMs - WINDOW_MS) this.samples.shift()
  }

  /**
   * The refusals within the window, by code.
   * @returns {Record<string, number>}
   */
  recentRefusals() {
    const now = this.latest?.figures
    if (now === undefined) return {}
    const before = this.#firstOfSameServer(now, 0)?.refusals ?? {}
    return Object.fromEntries(
      Object.entries(now.refusals).map(([code, total]) => [code, total - (before[code] ?? 0)])
    )
  }

  /**
   * @param {number} atMs
   * @param {ServerFigures} now
   * @returns {Changes | undefined}
   */
  #changes(atMs, now) {
    const beforeRates = this.#firstOfSameServer(now, atMs - RATE_WINDOW_MS)
    const beforeLateness = this.#firstOfSameServer(now, atMs - LATENESS_WINDOW_MS)
    if (beforeRates === undefined || beforeLateness === undefined) return undefined
    // By the server's clock: how long an answer took to get here is no part of it.
    const seconds = (now.uptimeMs - beforeRates.uptimeMs) / 1000
    if (seconds === 0) return undefined
    return {
      rates: ratesOf(now, beforeRates, seconds),
      gateways: now.gateways.map((gateway, at) =>
        ratesOf(gateway, beforeRates.gateways[at] ?? gateway, seconds)
      ),
      lateness: latenessBetween(now.lateness, beforeLateness.lateness)
    }
  }

  /**
   * The first figures since then; without any, the last ones, as when a browser wakes up a page
   * that was hidden. A restarted server counts from zero, so earlier counts cannot be
   * compared.
   * @param {ServerFigures} now
   * @param {number} sinceMs
   */
  #firstOfSameServer(now, sinceMs) {
    const known = this.samples.filter(({ figures }) => figures !== undefined)
    const start =
      known.findLastIndex(
        ({ figures }) => figures !== undefined && figures.uptimeMs > now.uptimeMs
      ) + 1
    const ofServer = known.slice(start)
    return (ofServer.find(({ atMs }) => atMs >= sinceMs) ?? ofServer.at(-1))?.figures
  }
}

/**
 * @param {Rates} now
 * @param {Rates} before
 * @param {number} seconds
 */
function ratesOf(now, before, seconds) {
  const rates = COUNTERS.map((counter) => [
    counter,
    Math.max(0, now[counter] - before[counter]) / seconds
  ])
  return /** @type {Rates} */ (Object.fromEntries(rates))
}

/**
 * How late the ticks between two counts were; undefined without any.
 * @param {LatenessCounts} now
 * @param {LatenessCounts} before
 * @returns {Lateness | undefined}
 */
export function latenessBetween(now, before) {
  const counts = now.counts.map((value, at) => value - before.counts[at])
  const total = counts.reduce((sum, value) => sum + value, 0)
  if (total === 0) return undefined
  /** @param {number} share */
  const boundOf = (share) => {
    let seen = 0
    const at = counts.findIndex((value) => {
      seen += value
      return seen >= total * share
    })
    return now.boundsMs[at] ?? Number.POSITIVE_INFINITY
  }
  return { p50: boundOf(0.5), p99: boundOf(0.99), max: boundOf(1) }
}
