// What bots measure and count.

/** Times in milliseconds; all 0 when nothing was measured. */
export interface Times {
  count: number
  p50Ms: number
  p99Ms: number
  maxMs: number
}

/** What bots measured in some time. */
export interface BotFigures {
  /** From a ping to its pong. */
  roundTrips: Times
  /** From an input to the state that shows it. */
  inputs: Times
  /** How late the bots' own loop was: their measurements are not more exact than that. */
  lateness: Times
}

/**
 * What the bots' process reports once a second: figures of that second, and counts since the start.
 */
export interface BotReport extends BotFigures {
  bots: number
  /** Of them, those who are signed in now, and who have been at some time. */
  signedIn: number
  arrived: number
  /** From the first connection until the last of them had been signed in. */
  rampSeconds: number
  /** Those who receive datagrams. */
  viaUdp: number
  /** What should not have happened, by its kind: a refusal's code, a socket's error. */
  errors: Record<string, number>
  /** What a bot provoked, or lost to somebody quicker. */
  expected: Record<string, number>
}
