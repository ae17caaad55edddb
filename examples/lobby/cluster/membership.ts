// A node's place in the cluster: joins, renews its lease, registers when the directory has started
// anew, and joins again when its epoch is over. What is to be done about it, others do.
import type { Alarm, Place } from '../place.ts'
import type { NodeRef } from '../rules/passport.ts'
import {
  type Directory,
  DirectoryError,
  type JoiningNode,
  type Lost,
  type NodeInfo,
  type NodeLoad,
  type Owned
} from './directory.ts'
import { Lease, type LeaseOptions, RENEWALS_A_LEASE, type Statement } from './lease.ts'

export interface MembershipOptions extends LeaseOptions {
  readonly self: JoiningNode
  readonly directory: Directory
  readonly place: Place
  load(): NodeLoad
  /** All that this node owns now. */
  owned(): Omit<Owned, 'self'>
  /** A new epoch has begun; nothing is owned in it. */
  onJoined(self: NodeRef, secret: Buffer): void
  /** The cluster has another secret: nodes that are older than this one have registered. */
  onSecret(secret: Buffer): void
  /**
   * This node is about to speak again: what another one took meanwhile, as the directory says, is
   * to end here first.
   */
  beforeSpeaking(): Promise<void>
  /** After each renewal. `generation`: another one than before, and it was registered. */
  onRenewed(nodes: readonly NodeInfo[], isNewGeneration: boolean): void
  /** These have other owners: end them here. */
  onLost(lost: Lost): void
  /** Other nodes ask for these players: end them here, then {@link Directory.letGo}. */
  onWanted(ids: readonly string[]): void
  /** Other nodes have passed these rooms on to this one, by their keys. */
  onPassed(keys: readonly string[]): void
  /** The epoch is over: end all rooms and players. The membership joins again by itself. */
  onEnded(): void
  /** A call failed; the membership goes on. */
  onTrouble?(error: DirectoryError): void
}

export class Membership {
  readonly #options: MembershipOptions
  readonly #alarm: Alarm
  /** With the secret that the cluster has agreed on, once this node has joined. */
  #about: JoiningNode
  #lease: Lease | undefined
  #generation: string | undefined
  /** All that live, as far as this node can know. */
  #listed: readonly NodeInfo[] = []
  #isStopped = false
  #isReachable = false
  #turn: Promise<void> = Promise.resolve()

  constructor(options: MembershipOptions) {
    this.#options = options
    this.#about = options.self
    this.#alarm = options.place.alarm(() => {
      this.#turn = this.#takeTurn()
    })
  }

  /** Joins as soon as the directory can be reached. */
  start(): void {
    this.#alarm.set(0)
  }

  /** undefined: it has not joined, or its epoch is over. */
  get self(): NodeRef | undefined {
    return this.#lease?.self
  }

  get nodes(): readonly NodeInfo[] {
    return this.#lease?.nodes ?? []
  }

  /** Ask before each tick and each send; see lease.ts. */
  maySpeak(): boolean {
    return this.#lease?.maySpeak(this.#options.place.nowMs()) ?? false
  }

  /** What this node says to others that ask. */
  hasDirectory(): boolean {
    return this.#lease?.hasDirectory(this.#options.place.nowMs()) ?? false
  }

  /** For people: whether names and rooms can be given away now. */
  get directoryState(): 'here' | 'away' | 'settling' {
    if (!this.#isReachable || !this.hasDirectory()) return 'away'
    return this.#lease?.isSettled ? 'here' : 'settling'
  }

  /** Call it as soon as the other node has answered. */
  heard(statement: Statement): void {
    this.#lease?.heard(statement, this.#options.place.nowMs())
  }

  /** Another call was rejected as `stale`. */
  end(): void {
    if (this.#lease === undefined) return
    this.#lease.end()
    this.#lease = undefined
    this.#generation = undefined
    this.#options.onEnded()
  }

  /** Leaves: what this node owned is free. Fulfilled also if the directory is away. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#alarm.cancel()
    await this.#turn
    const hasJoined = this.#lease !== undefined
    this.#lease?.end()
    this.#lease = undefined
    if (hasJoined) await this.#options.directory.leave().catch(() => {})
  }

  async #takeTurn(): Promise<void> {
    const { place, leaseMs } = this.#options
    const startedMs = place.nowMs()
    try {
      const isDone = await (this.#lease === undefined ? this.#join() : this.#renew(this.#lease))
      this.#isReachable = true
      if (this.#isStopped) return
      const nextMs = startedMs + leaseMs / RENEWALS_A_LEASE - place.nowMs()
      this.#alarm.set(isDone ? Math.max(nextMs, 1) : 1)
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error
      if (error.code === 'away') {
        this.#isReachable = false
        this.#lease?.failed()
      }
      if (error.code === 'stale') this.end()
      this.#options.onTrouble?.(error)
      if (!this.#isStopped) this.#alarm.set(leaseMs / RENEWALS_A_LEASE)
    }
  }

  /** Returns false: there is more to do at once. */
  async #join(): Promise<boolean> {
    const { directory, self, onJoined } = this.#options
    const { epoch, secret } = await directory.join(this.#about)
    if (this.#isStopped) {
      await directory.leave().catch(() => {}) // others would take it for one that lives
      return true
    }
    this.#about = { ...self, secret }
    this.#lease = new Lease({ id: self.id, epoch }, this.#options)
    onJoined(this.#lease.self, secret)
    return false
  }

  async #renew(lease: Lease): Promise<boolean> {
    const { directory, place, ...options } = this.#options
    if (!lease.maySpeak(place.nowMs())) await this.#options.beforeSpeaking()
    if (lease !== this.#lease) return false
    const sentMs = place.nowMs()
    const renewal = await directory.renew({
      load: this.#options.load(),
      ...lease.request(sentMs)
    })
    if (lease !== this.#lease) return false
    lease.renewed(renewal, sentMs, place.nowMs())
    if (renewal.mustRegister) {
      const lost = await directory.register({ self: this.#about, ...this.#options.owned() })
      if (lease !== this.#lease) return false
      if (lost.players.length > 0 || lost.rooms.length > 0) options.onLost(lost)
      return false
    }
    if (!renewal.secret.equals(this.#about.secret)) {
      this.#about = { ...this.#about, secret: renewal.secret }
      options.onSecret(renewal.secret)
    }
    const isNew = renewal.generation !== this.#generation
    this.#generation = renewal.generation
    if (renewal.wanted.length > 0) options.onWanted(renewal.wanted)
    if (renewal.passed.length > 0) options.onPassed(renewal.passed)
    // Before the directory has settled, a node that is not in its list may still register.
    const isMissing = ({ id }: NodeInfo) => !renewal.nodes.some((node) => node.id === id)
    const missing = renewal.isSettled ? [] : this.#listed.filter(isMissing)
    this.#listed = [...renewal.nodes, ...missing]
    options.onRenewed(this.#listed, isNew)
    return true
  }
}
