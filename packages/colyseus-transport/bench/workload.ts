// What the parts of the benchmark say to each other, and how much work there is.

export const CLIENTS_A_ROOM = 50

export interface Workload {
  clients: number
  /** How often a client sends. */
  movesPerSecond: number
  /** How often a room sends what has changed. */
  patchMs: number
}

/**
 * Colyseus' own patch rate, and clients that send as often; five times as many clients do so a
 * fifth as often, so that one core does it.
 */
export const workloads: Workload[] = [
  { clients: 1000, movesPerSecond: 20, patchMs: 50 },
  { clients: 5000, movesPerSecond: 4, patchMs: 250 }
]

/** Reserve so many seats, or say how you are. */
export interface Question {
  seats?: number
}

export interface Answer {
  port?: number
  paths?: string[]
  cpuUs?: number
  messages?: number
  residentBytes?: number
}

/** What the clients saw. */
export interface Seen {
  patches: number
  moves: number
}
