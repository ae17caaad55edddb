// How good players are, as far as their matches tell: Elo's arithmetic, each match counted as one against each other player of it. Pure.
import { keyOf } from './protocol.ts'

/** Of whom nothing is known. */
export const FIRST_SKILL = 1500
/** A match between two moves their skills by half of this if they were equal before. */
const K = 32
/** A player whose skill is higher by this wins ten times as often (Elo's scale). */
const TENFOLD = 400

export class Skills {
  readonly #byName = new Map<string, number>()

  of(name: string): number {
    return this.#byName.get(keyOf(name)) ?? FIRST_SKILL
  }

  /** Counts a match; returns what the skills are now, in the order of `players`. A match without a winner changes nothing. */
  record(players: readonly string[], winners: readonly string[]): { name: string; skill: number }[] {
    const before = players.map((name) => this.of(name))
    const won = players.map((name) => winners.includes(name))
    const k = K / Math.max(players.length - 1, 1)
    return players.map((name, at) => {
      let skill = before[at]
      for (const other of players.keys()) {
        if (won[other] === won[at]) continue // neither has beaten the other
        const expected = 1 / (1 + 10 ** ((before[other] - before[at]) / TENFOLD))
        skill += k * ((won[at] ? 1 : 0) - expected)
      }
      skill = Math.round(skill * 10) / 10
      this.#byName.set(keyOf(name), skill)
      return { name, skill }
    })
  }
}
