// What outlives the server: how good players are, and what came of their matches. In a folder, by LevelDB; or in memory alone.

/** A match as it is kept. */
export interface MatchRecord {
  /** Milliseconds since 1970. */
  endedAtMs: number
  room: string
  scores: { name: string; score: number }[]
  winners: string[]
  /** Of its players, after it. */
  skills: { name: string; skill: number }[]
}

/** Where it is kept. */
export interface Store {
  /** Keeps a match and the skills after it, both or neither. Fulfilled when no end of the process, kill -9 included, can lose it. */
  keep(match: MatchRecord): Promise<void>
  /** The last matches, the newest first. */
  recent(count: number): Promise<MatchRecord[]>
  close(): Promise<void>
}
