// What the rules ask of a store. server/store.ts is one.
import type { Ban } from './bans.ts'

/** Whose a result is: see accounts.ts. */
export interface Identity {
  name: string
  account: string
  key: string
  /** The address, or IPv6 /64, for {@link RatedPairs}. */
  block?: string
  /** Of the skill, by this match. */
  change?: number
  /** The account had no result that counts before it. */
  isNew?: boolean
}

/** A match as it is kept. */
export interface MatchRecord {
  /** Milliseconds since 1970. */
  endedAtMs: number
  room: string
  scores: { name: string; score: number }[]
  /** Nobody: then the skills are those of before. */
  winners: string[]
  /** After it, of its players whose results count: see {@link RatedPairs}. */
  skills: { name: string; skill: number }[]
  /** A store of an earlier version has none. */
  identities?: Identity[]
  /** What it adds to the counts of {@link RatedPairs}, for the other nodes of a cluster. */
  counts?: Record<string, number>
}

/** What the matches in a store have changed of a player's skill. */
export interface SkillSum {
  readonly key: string
  readonly name: string
  /** undefined: of a store of an earlier version. */
  readonly account: string | undefined
  /**
   * Of the changes by all matches that were kept in this store: the skill is {@link FIRST_SKILL},
   * plus the sums of all stores.
   */
  readonly sum: number
  /** Milliseconds since 1970: of the last of these matches. */
  readonly atMs: number
}

/** Where it is kept. */
export interface Store {
  /**
   * Keeps a match and the skills after it, both or neither. Fulfilled when no end of the process,
   * kill -9 included, can lose it. Rejected with a {@link StoreError} when it may be lost. Matches
   * should come in the order in which they ended.
   */
  keep(match: MatchRecord): Promise<void>
  /** The last matches, the newest first. */
  recent(count: number): Promise<MatchRecord[]>
  /**
   * For the start of a server: the skills that it goes on from, by {@link keyOf} of the names. Who
   * has not played for longest comes first.
   */
  skills(): Promise<[key: string, skill: number][]>
  /**
   * Names this store, and no other: in a cluster, the results of all nodes come together by it and
   * by their numbers. A copy of its folder has the same name, so two nodes must not use copies.
   */
  journal(): Promise<string>
  /**
   * At most `count` matches, in the order in which they were kept: from that number, or from the
   * first one that is still there. Their numbers count up by one: before a gap it returns fewer.
   */
  records(from: number, count: number): Promise<{ first: number; records: MatchRecord[] }>
  /**
   * From this number on, no match goes to make room for new ones, up to a limit. The next match has
   * this number at least: of a store that was restored from an older backup, the directory has more
   * than it knows.
   */
  keepFrom(number: number): void
  /**
   * For a directory that knows nothing of this store: the sums for all players as they were after
   * the match `applied`, in parts. With `records` after it, that is all that this store knows.
   */
  known(): Promise<{ applied: number; sums: AsyncIterable<SkillSum[]> }>
  /** Of the same players, by the same keys: their names as they were written last. */
  names(): Promise<[key: string, name: string][]>
  /** Whose these keys are; those of an earlier version are nobody's. */
  owners(): Promise<[key: string, account: string][]>
  /** The last matches of the player with this {@link keyOf}, the newest first. */
  matchesOf(key: string, count: number): Promise<MatchRecord[]>
  /** Those that have not been deleted, the oldest first. */
  bans(): Promise<Ban[]>
  /** Adds one, and deletes some: both or neither. Fulfilled and rejected as {@link keep}. */
  changeBans(added: Ban | undefined, deletedIds: readonly number[]): Promise<void>
  /** Writes something, to see whether that works. Fulfilled and rejected as {@link keep}. */
  probe(): Promise<void>
  /** Looks whether it is still there, without writing. Rejected with a {@link StoreError}. */
  check(): Promise<void>
  /** Waits for pending writes, then closes. Calling it again does nothing. */
  close(): Promise<void>
}
