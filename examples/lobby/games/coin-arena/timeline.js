// @ts-check
// The states of a match as they come in, and what they show at any moment between two of them.
// Pure: the time is passed in.

/** @typedef {import('./rules.ts').ArenaView & { tick: number }} MatchState */
/**
 * @typedef {{ seat: number, x: number, y: number, score: number, dx: number, dy: number }} Sight
 */

/**
 * The page shows what was so long ago, so that there are two states to draw between: the one before
 * and the one after. A little more than one tick, since a state that comes a few milliseconds late
 * should not make anybody stumble.
 */
export const DELAY_TICKS = 1.3
/** Enough for the delay and for what comes in a burst. */
const KEPT_STATES = 8
/**
 * How fast the estimate of when a tick's state arrives follows what is seen: a part of the
 * difference with each state.
 */
const FOLLOW = 0.1
/** Further off than that is no jitter: the page slept, or the network has changed. */
const RESYNC_MS = 250

export class Timeline {
  #tickMs
  /** @type {MatchState[]} */
  #states = []
  /** When the state of tick 0 would have arrived. @type {number | undefined} */
  #originMs

  /** @param {number} ticksPerSecond */
  constructor(ticksPerSecond) {
    this.#tickMs = 1000 / ticksPerSecond
  }

  /** The newest state as it came. */
  get latest() {
    return this.#states.at(-1)
  }

  /** @param {MatchState} state @param {number} nowMs */
  push(state, nowMs) {
    if (this.latest !== undefined && state.tick <= this.latest.tick) return
    this.#states.push(state)
    if (this.#states.length > KEPT_STATES) this.#states.shift()
    const seenMs = nowMs - state.tick * this.#tickMs
    const originMs = this.#originMs ?? seenMs
    const offMs = seenMs - originMs
    this.#originMs = Math.abs(offMs) > RESYNC_MS ? seenMs : originMs + offMs * FOLLOW
  }

  /**
   * Everybody at this moment; `dx` and `dy` say which way they move, in units a tick. Undefined
   * before the first state.
   * @param {number} nowMs
   * @returns {{ players: Sight[], coins: { x: number, y: number }[] } | undefined}
   */
  at(nowMs) {
    if (this.#originMs === undefined) return undefined
    const tick = (nowMs - this.#originMs) / this.#tickMs - DELAY_TICKS
    const index = this.#states.findLastIndex((state) => state.tick <= tick)
    // Earlier than all that is kept, or later than the newest: that one as it is, since nobody
    // knows where they went.
    const before = this.#states[Math.max(index, 0)]
    const after = this.#states[Math.max(index, 0) + 1] ?? before
    const ticks = after.tick - before.tick
    const part = ticks === 0 ? 0 : Math.min(Math.max((tick - before.tick) / ticks, 0), 1)
    const players = before.players.map((from) => {
      const to = after.players.find(({ seat }) => seat === from.seat) ?? from // has left
      const dx = to.x - from.x
      const dy = to.y - from.y
      const { seat, score } = from
      return {
        seat,
        score,
        x: from.x + dx * part,
        y: from.y + dy * part,
        dx: dx / (ticks || 1),
        dy: dy / (ticks || 1)
      }
    })
    return { players, coins: before.coins }
  }
}
