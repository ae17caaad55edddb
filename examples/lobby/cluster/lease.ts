// Until when a node may act, and which others are dead. All nodes keep to these rules:
//
// 1. A renewal is good for `leaseMs`, counted from before it was sent, on the own monotonic clock.
// 2. With the lease over, a node acts only while all nodes of its last list have said, without a
//    gap of a lease, that they have no directory either: then none of them can have declared it
//    dead. It does so for `outageMs` at most.
// 3. A node declares another dead when it has seen no renewal of it for a lease, in which it had
//    its own lease all the time. If the other one may not know it, since it joined later: for a
//    lease and `outageMs`.
// 4. What nobody has registered in a generation is free when a node has seen that generation for a
//    lease, in which it had its own lease all the time.
//
// No clock of one machine is compared with that of another. Pure: the time is passed in.
import { isSameNode, type NodeRef } from '../rules/passport.ts'
import type { DeadNode, NodeInfo, Renewal, RenewalRequest } from './directory.ts'

export interface LeaseOptions {
  readonly leaseMs: number
  /** How long a node goes on without a directory if all the others do, too. */
  readonly outageMs: number
}

/** What another node has said of itself. */
export interface Statement {
  readonly node: NodeRef
  /** Whether its own lease is good. */
  readonly hasDirectory: boolean
  /** On the own monotonic clock: from before it was asked for. */
  readonly askedMs: number
}

/** A lease is renewed so often while it lasts. */
export const RENEWALS_A_LEASE = 4

export class Lease {
  readonly self: NodeRef
  readonly #options: LeaseOptions
  #nodes: readonly NodeInfo[] = []
  /** Since when the lease is good without a gap, and until when. */
  #sinceMs = Number.POSITIVE_INFINITY
  #untilMs = Number.NEGATIVE_INFINITY
  #generation: string | undefined
  #generationSinceMs = Number.POSITIVE_INFINITY
  #isSettled = false
  /** By epoch: the last beat, and since when it has been that; anew after a gap of the lease. */
  #seen = new Map<number, { beat: number; atMs: number }>()
  /** By epoch: until when a node cannot have declared this one dead. */
  readonly #harmlessUntilMs = new Map<number, number>()
  /** The directory's clock at the last renewal, and whether that was a quick one. */
  #directoryMs = 0
  #wasQuick = false
  #hasEnded = false

  constructor(self: NodeRef, options: LeaseOptions) {
    this.self = self
    this.#options = options
  }

  /** Of the last renewal: all living nodes, this one with them. */
  get nodes(): readonly NodeInfo[] {
    return this.#nodes
  }

  get isSettled(): boolean {
    return this.#isSettled
  }

  /** What this node says to others that ask: whether its lease is good. */
  hasDirectory(nowMs: number): boolean {
    return !this.#hasEnded && nowMs < this.#untilMs
  }

  /** Ask before each tick and each send: false, and another node may own what this one had. */
  maySpeak(nowMs: number): boolean {
    if (this.#hasEnded) return false
    if (nowMs < this.#untilMs) return true
    if (nowMs >= this.#untilMs + this.#options.outageMs) return false
    for (const until of this.#harmlessUntilMs.values()) if (nowMs >= until) return false
    return this.#nodes.length > 0
  }

  /** The rest of a renewal, as it is sent now. */
  request(nowMs: number): Omit<RenewalRequest, 'load'> {
    const { leaseMs } = this.#options
    const knows = Math.max(0, ...this.#nodes.map(({ member }) => member))
    // A renewal that arrives late, when this node has perhaps said that it has no directory, must
    // declare nothing.
    const mayDeclare = this.hasDirectory(nowMs) && this.#wasQuick
    const sinceMs = Math.max(this.#sinceMs, this.#generationSinceMs)
    const isSettled = mayDeclare && nowMs >= sinceMs + leaseMs
    return {
      knows,
      dead: mayDeclare ? this.#dead(nowMs) : [],
      settled: isSettled ? this.#generation : undefined,
      declareUntilMs: this.#directoryMs + leaseMs / 2
    }
  }

  #dead(nowMs: number): DeadNode[] {
    const { leaseMs, outageMs } = this.#options
    const own = this.#nodes.find((node) => isSameNode(node, this.self))
    return this.#nodes.flatMap(({ id, epoch, beat, knows }) => {
      const seen = this.#seen.get(epoch)
      if (own === undefined || seen === undefined) return []
      const waitMs = knows >= own.member ? leaseMs : leaseMs + outageMs
      return nowMs >= seen.atMs + waitMs ? [{ id, epoch, beat }] : []
    })
  }

  /** An answer to what was sent at `sentMs`. One that asks to register renews nothing. */
  renewed(renewal: Renewal, sentMs: number, nowMs: number): void {
    const { leaseMs } = this.#options
    if (renewal.generation !== this.#generation) {
      this.#generation = renewal.generation
      this.#generationSinceMs = nowMs
      this.#seen.clear()
    }
    this.#isSettled = renewal.isSettled
    if (renewal.mustRegister) return
    const untilMs = sentMs + leaseMs
    if (nowMs >= untilMs) return // too late to be worth anything
    if (nowMs >= this.#untilMs) {
      this.#sinceMs = nowMs
      this.#seen.clear()
    }
    this.#untilMs = Math.max(this.#untilMs, untilMs)
    this.#nodes = renewal.nodes
    this.#directoryMs = renewal.directoryMs
    this.#wasQuick = nowMs - sentMs < leaseMs / 4
    const seen = new Map<number, { beat: number; atMs: number }>()
    const harmless = new Map<number, number>()
    for (const { epoch, beat } of this.#others()) {
      const before = this.#seen.get(epoch)
      seen.set(epoch, before?.beat === beat ? before : { beat, atMs: nowMs })
      const until = this.#harmlessUntilMs.get(epoch) ?? 0
      harmless.set(epoch, Math.max(until, this.#untilMs))
    }
    this.#seen = seen
    this.#harmlessUntilMs.clear()
    for (const [epoch, until] of harmless) this.#harmlessUntilMs.set(epoch, until)
  }

  /**
   * Another node has said, just now, whether it has a directory. Without one it does no harm for a
   * lease: it would have to have one for so long before.
   */
  heard({ node, hasDirectory, askedMs }: Statement, nowMs: number): void {
    if (hasDirectory) return
    const until = this.#harmlessUntilMs.get(node.epoch)
    // After a gap it may have done it already.
    if (until === undefined || nowMs >= until) return
    this.#harmlessUntilMs.set(node.epoch, Math.max(until, askedMs + this.#options.leaseMs))
  }

  /** This epoch is over: others have declared the node dead, or it has left. */
  end(): void {
    this.#hasEnded = true
  }

  #others(): NodeInfo[] {
    return this.#nodes.filter((node) => !isSameNode(node, this.self))
  }
}
