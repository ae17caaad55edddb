// What a match has changed: whose skill, and by how much. Pure.
import { dayOf } from '../rules/rated-pairs.ts'
import type { MatchRecord } from '../rules/records.ts'
import { keyOf } from '../wire/names.ts'

export interface SkillChange {
  /** Under which the skill is. */
  readonly key: string
  readonly name: string
  /** undefined: of a store of an earlier version. */
  readonly account: string | undefined
  /** undefined: of a store of an earlier version; then only the skill after it is known. */
  readonly change: number | undefined
  /** After the match, as far as the node knew. */
  readonly skill: number
  /** Milliseconds since 1970: when the match ended. */
  readonly atMs: number
}

/** What it adds to which counts, on which day. */
export function countsOf({ endedAtMs, counts = {} }: MatchRecord) {
  return { day: dayOf(endedAtMs), counts: Object.entries(counts) }
}

/** None without a winner: such a match changes nothing, and makes nobody known. */
export function changesOf(record: MatchRecord): SkillChange[] {
  const { endedAtMs: atMs, winners, skills, identities } = record
  if (winners.length === 0) return []
  return skills.map(({ name, skill }) => {
    const identity = identities?.find((one) => one.name === name)
    return {
      key: identity?.key ?? keyOf(name),
      name,
      account: identity?.account,
      change: identity?.change,
      skill,
      atMs
    }
  })
}
