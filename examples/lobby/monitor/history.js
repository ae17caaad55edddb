// @ts-check
// The last minutes of the server's figures, as rates per second and as lateness of ticks. Knows no page: arithmetic alone.

/** @typedef {import('../server-figures.ts').ServerFigures} ServerFigures */
/** @typedef {import('../server-figures.ts').LatenessCounts} LatenessCounts */

/** @typedef {Record<typeof COUNTERS[number], number>} Rates per second */
/** @typedef {{ p50: number, p99: number, max: number }} Lateness in milliseconds, each rounded up to a bound of the histogram; Infinity: over all bounds */
/** @typedef {{ rates: Rates, gateways: Rates[], lateness: Lateness | undefined }} Changes what the figures say together with those before them */
/** @typedef {{ atMs: number, figures?: ServerFigures, changes?: Changes }} Sample without figures: the server could not be reached */

export const WINDOW_MS = 5 * 60_000
/** At 30 ticks a second one second's 99th percentile would be its maximum. */
export const LATENESS_WINDOW_MS = 10_000

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
    const before = this.latest?.figures
    if (figures !== undefined && before !== undefined && before.uptimeMs < figures.uptimeMs) {
      sample.changes = { ...this.#rates(figures, before), lateness: this.#latenessUntil(atMs, figures) }
    }
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
    return Object.fromEntries(Object.entries(now.refusals).map(([code, total]) => [code, total - (before[code] ?? 0)]))
  }

  /**
   * @param {ServerFigures} now
   * @param {ServerFigures} before
   */
  #rates(now, before) {
    // By the server's clock: how long an answer took to get here is no part of it.
    const seconds = (now.uptimeMs - before.uptimeMs) / 1000
    return {
      rates: ratesOf(now, before, seconds),
      gateways: now.gateways.map((gateway, at) => ratesOf(gateway, before.gateways[at] ?? gateway, seconds))
    }
  }

  /**
   * @param {number} atMs
   * @param {ServerFigures} now
   */
  #latenessUntil(atMs, now) {
    const before = this.#firstOfSameServer(now, atMs - LATENESS_WINDOW_MS)
    return before && latenessBetween(now.lateness, before.lateness)
  }

  /**
   * A server that was started anew counts from zero, and what its predecessor counted is nothing to compare with.
   * @param {ServerFigures} now
   * @param {number} sinceMs
   */
  #firstOfSameServer(now, sinceMs) {
    /** @param {Sample} sample */
    const ofOther = ({ figures }) => figures !== undefined && figures.uptimeMs > now.uptimeMs
    const start = this.samples.findLastIndex(ofOther) + 1
    return this.samples.slice(start).find(({ atMs, figures }) => figures !== undefined && atMs >= sinceMs)?.figures
  }
}

/**
 * @param {Rates} now
 * @param {Rates} before
 * @param {number} seconds
 */
function ratesOf(now, before, seconds) {
  const rates = COUNTERS.map((counter) => [counter, Math.max(0, now[counter] - before[counter]) / seconds])
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
