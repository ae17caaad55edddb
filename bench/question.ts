// What a benchmark is, as data: which load in which sizes, who competes, which figure decides, and
// what pollport has promised.
import type { FigureName } from './figures.ts'

/** What a server is asked to do. */
export type Role =
  | 'echo'
  | 'sink'
  | 'source'
  | 'http'
  | 'fanout'
  | 'tick'
  | 'udp-echo'
  | 'udp-fanout'
  | 'ws-echo'
  | 'ws-publish'

/**
 * What the load generator does; bench/load/ says how. To a server whose role begins with `ws` it
 * speaks WebSocket.
 */
export type Load =
  | 'echo'
  | 'sink'
  | 'source'
  | 'http'
  | 'http-close'
  | 'rate'
  | 'fanout'
  | 'accept'
  | 'idle'
  | 'udp-echo'
  | 'udp-fanout'

/** One size of a load. */
export interface Variant {
  name: string
  connections: number
  /** Of a message. */
  bytes: number
  /** Messages to each member in a tick of a fan-out; requests in flight on each connection. */
  each?: number
  /** Where it is not the load of the question. */
  load?: Load
  /** Messages a second in all, with the load `rate`. */
  rate?: number
  /** How many of the connections send, with the load `rate`. All, if not given. */
  active?: number
  /** Ticks a second that the server makes. */
  hz?: number
  /** Left out of the quick form. */
  onlyInFull?: boolean
}

/** How long and how often it is measured. */
export interface Effort {
  rounds: number
  warmUpSeconds: number
  seconds: number
}

/**
 * What `figure` of pollport must reach: by itself, or as a ratio (or difference) to a competitor in
 * the same variant, or to its own in another variant.
 */
export interface Goal {
  figure: FigureName
  /** Who promises it; `Poller` if not given. */
  of?: string
  to?: string
  toVariant?: string
  as?: 'difference'
  atMost?: number
  atLeast?: number
  /** The variants for which it is promised; all if not given. */
  variants?: string[]
}

export interface Question {
  name: string
  /** What is asked, in one line. */
  title: string
  role: Role
  load: Load
  variants: Variant[]
  /** Names in competitors.ts, in the order of the table. */
  competitors: string[]
  /** The figure that competitors are compared by. */
  figure: FigureName
  /** What else the table shows, in its order. */
  columns: FigureName[]
  goals: Goal[]
  /** Where it differs from the usual effort. */
  full?: Partial<Effort>
  quick?: Partial<Effort>
  /** Node's own options for servers that Node runs. */
  nodeOptions?: string[]
  /** Whether the chart shows it: only what is measured in CPU a message, with a C yardstick. */
  inChart?: boolean
  /** Whether the pages leave it out, for its many variants; results/latest.json has it. */
  notInPages?: boolean
}

export const usualEffort: { full: Effort; quick: Effort } = {
  full: { rounds: 5, warmUpSeconds: 0.4, seconds: 1.2 },
  quick: { rounds: 2, warmUpSeconds: 0.25, seconds: 0.4 }
}
