// Until when a node may act, and which others are dead. All nodes keep to these rules:
//
// 1. A renewal is good for `leaseMs`, counted from before it was sent, on the own monotonic clock.
// 2. A node has the directory while its renewals are answered, and the last one was sent less than
//    half a lease ago. So it says that it has none while the leases of others are still good.
// 3. With the lease over, a node acts only while all nodes of its last list have said, without a
//    gap, that they have no directory either; each statement is good for a lease, counted from
//    before it was asked for. It does so for `outageMs` at most. After a gap it is silent until it
//    has renewed, whatever others say then.
// 4. A node declares another dead when it has seen no renewal of it for a lease, in which it had
//    the directory all the time: by then rule 3 has silenced the other one. If that one may not
//    know it, since it joined later: for a lease and `outageMs`. The declaration may arrive late:
//    it does nothing if the other one has renewed meanwhile.
// 5. What nobody has registered in a generation is free when a node has seen that generation for a
//    lease, in which it had the directory all the time.
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
  /** See rule 2. */
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
  /** Since when it has the directory without a gap, and until when the lease is good. */
  #sinceMs = Number.POSITIVE_INFINITY
  #untilMs = Number.NEGATIVE_INFINITY
  #generation: string | undefined
  #generationSinceMs = Number.POSITIVE_INFINITY
  #isSettled = false
  /** By epoch: the last beat, and since when it has been that; anew after a gap of the lease. */
  #seen = new Map<number, { beat: number; atMs: number }>()
  /** By epoch: until when a node cannot have declared this one dead. */
  readonly #harmlessUntilMs = new Map<number, number>()
  /** The last renewal was not answered. */
  #hasFailed = false
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

  /** What this node says to others that ask. */
  hasDirectory(nowMs: number): boolean {
    if (this.#hasEnded || this.#hasFailed) return false
    return nowMs < this.#untilMs - this.#options.leaseMs / 2
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
    if (!this.hasDirectory(nowMs)) return { knows, dead: [], settled: undefined }
    const sinceMs = Math.max(this.#sinceMs, this.#generationSinceMs)
    const settled = nowMs >= sinceMs + leaseMs ? this.#generation : undefined
    return { knows, dead: this.#dead(nowMs), settled }
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
    if (!this.hasDirectory(nowMs)) {
      this.#sinceMs = nowMs
      this.#seen.clear()
    }
    this.#untilMs = Math.max(this.#untilMs, untilMs)
    this.#nodes = renewal.nodes
    this.#hasFailed = false
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

  /** A renewal was not answered in time: perhaps it was done, perhaps not. */
  failed(): void {
    this.#hasFailed = true
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
