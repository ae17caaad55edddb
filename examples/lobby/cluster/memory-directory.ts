// A directory in the memory of one process: for the simulation, and for nodes that share a process.
// As one behind a network it takes time, may be away, and may lose its data.
import type { Place } from '../place.ts'
import type { NodeRef } from '../rules/passport.ts'
import type { MatchRecord, SkillSum } from '../rules/records.ts'
import type { Presence, RoomInfo } from '../wire/protocol.ts'
import {
  type ChatLine,
  type Directory,
  DirectoryError,
  type DirectoryEvents,
  type JoiningNode,
  type Owned,
  type PlayerEntry,
  type PlayerUpdate,
  type RenewalRequest,
  type RestoredJournal,
  type RoomClaim
} from './directory.ts'
import { DirectoryState } from './directory-state.ts'

/** How often it looks at all players and rooms for those of dead nodes. */
const TIDY_EVERY_MS = 1_000

export interface MemoryEngineOptions {
  /** There and back, and half of it there. Default: 1 to 3. */
  latencyMs?: { min: number; max: number }
  /** After which a call is rejected as `away`. Default: 500. */
  timeoutMs?: number
  /** How many messages to others get lost, from 0 to 1. Default: 0. */
  loss?: number
}

/** What all directories of one cluster share. */
export class MemoryEngine {
  /** Nothing reaches it, and it reaches nobody. */
  isAway = false
  readonly state: DirectoryState
  readonly options: Required<MemoryEngineOptions>
  readonly directories = new Set<MemoryDirectory>()
  readonly #place: Place
  #tidiedMs = Number.NEGATIVE_INFINITY

  /** `place`: its clock, and its randomness. */
  constructor(place: Place, options: MemoryEngineOptions = {}) {
    this.#place = place
    this.options = { latencyMs: { min: 1, max: 3 }, timeoutMs: 500, loss: 0, ...options }
    this.state = new DirectoryState(() => place.randomBytes(16).toString('hex'), place.dateMs())
  }

  /** A directory for one node, whose clock and randomness are those of `place`. */
  open(place: Place, events: DirectoryEvents): MemoryDirectory {
    const directory = new MemoryDirectory(this, place, events)
    this.directories.add(directory)
    return directory
  }

  /** Started again, with its data. */
  restart(): void {
    this.state.startAnew(this.#place.dateMs())
  }

  loseData(): void {
    this.state.loseData(this.#place.dateMs())
  }

  /** Now and then, and not at all while nobody renews. */
  tidy(): void {
    const nowMs = this.#place.nowMs()
    if (nowMs < this.#tidiedMs + TIDY_EVERY_MS) return
    this.#tidiedMs = nowMs
    this.state.tidy(nowMs)
  }

  after(ms: number, callback: () => void): void {
    this.#place.alarm(callback).set(Math.max(ms, 0))
  }
}

export class MemoryDirectory implements Directory {
  readonly commands = new Map<string, number>()
  /** This node alone does not reach it: the network is cut between them. */
  isCut = false
  readonly #engine: MemoryEngine
  readonly #place: Place
  readonly #events: DirectoryEvents
  #self: NodeRef = { id: '', epoch: 0 }
  #isClosed = false
  /** A change must not overtake the one before: when the last one arrives. */
  #arrivesMs = 0

  constructor(engine: MemoryEngine, place: Place, events: DirectoryEvents) {
    this.#engine = engine
    this.#place = place
    this.#events = events
  }

  async join(self: JoiningNode) {
    this.#self = { id: self.id, epoch: 0 }
    const joined = await this.#call('join', (state) => state.join(self))
    this.#self = { id: self.id, epoch: joined.epoch }
    return joined
  }

  renew(request: RenewalRequest) {
    return this.#call('renew', (state, self) => {
      this.#engine.tidy()
      return state.renew(self, request)
    })
  }

  leave() {
    return this.#call('leave', (state, self) => state.leave(self))
  }

  register(owned: Owned) {
    return this.#call('register', (state, self) => state.register(self, owned))
  }

  claimName(player: PlayerEntry) {
    return this.#call('claimName', (state, self) => state.claimName(self, player))
  }

  updatePlayer(player: PlayerEntry, where: Presence) {
    return this.updatePlayers([{ player, where }]).then((lost) => lost.length === 0)
  }

  updatePlayers(players: readonly PlayerUpdate[]) {
    return this.#call('updatePlayers', (state, self) => state.updatePlayers(self, players))
  }

  releasePlayer(id: string) {
    return this.#call('releasePlayer', (state, self) => state.releasePlayer(self, id))
  }

  findPlayer(id: string) {
    return this.#call('findPlayer', (state, self) => state.findPlayer(self, id))
  }

  takePlayer(id: string) {
    return this.#call('takePlayer', (state, self) => state.takePlayer(self, id))
  }

  letGo(ids: readonly string[]) {
    return this.#call('letGo', (state, self) => state.letGo(self, ids))
  }

  people(from: number, count: number) {
    return this.#call('people', (state, self) => state.people(self, from, count))
  }

  claimRoom(room: RoomClaim) {
    return this.#call('claimRoom', (state, self) => state.claimRoom(self, room))
  }

  passRoom(key: string, to: NodeRef) {
    return this.#call('passRoom', (state, self) => state.passRoom(self, key, to))
  }

  releaseRoom(key: string) {
    return this.#call('releaseRoom', (state, self) => state.releaseRoom(self, key))
  }

  findRoom(keyOrCode: string) {
    return this.#call('findRoom', (state, self) => state.findRoom(self, keyOrCode))
  }

  publishListings(changed: readonly RoomInfo[], gone: readonly string[]) {
    return this.#call('publishListings', (state, self) => {
      const seq = state.publishListings(self, changed, gone)
      const change = { node: self, seq, changed: [...changed], gone: [...gone] }
      this.#publish((events) => events.listings(change))
    })
  }

  listings(node: NodeRef) {
    return this.#call('listings', (state, self) => state.listings(self, node))
  }

  matchmaker(game: string) {
    return this.#call('matchmaker', (state, self) => state.matchmaker(self, game))
  }

  say(line: ChatLine) {
    return this.#call('say', (_state, self) => this.#publish((events) => events.chat(self, line)))
  }

  order(order: object) {
    return this.#call('order', (_state, self) =>
      this.#publish((events) => events.order(self, order))
    )
  }

  recordMatches(first: number, records: readonly MatchRecord[]) {
    return this.#call('recordMatches', (state, self) => state.recordMatches(self, first, records))
  }

  counts(day: number, names: readonly string[]) {
    return this.#call('counts', (state, self) => state.counts(self, day, names))
  }

  restoreSkills(sums: readonly SkillSum[], end?: RestoredJournal) {
    return this.#call('restoreSkills', (state, self) => state.restoreSkills(self, sums, end))
  }

  standing(account: string, name: string) {
    return this.#call('standing', (state, self) => state.standing(self, account, name))
  }

  leaders(count: number) {
    return this.#call('leaders', (state, self) => state.leaders(self, count))
  }

  close(): void {
    this.#isClosed = true
    this.#engine.directories.delete(this)
  }

  get #isAway(): boolean {
    return this.isCut || this.#isClosed || this.#engine.isAway
  }

  /**
   * There, the change, and back. What gets lost on the way back is done all the same, and the node
   * does not know.
   */
  #call<T>(name: string, change: (state: DirectoryState, self: NodeRef) => T): Promise<T> {
    this.commands.set(name, (this.commands.get(name) ?? 0) + 1)
    const self = this.#self
    const { latencyMs, timeoutMs } = this.#engine.options
    const half = this.#latency(latencyMs) / 2
    const nowMs = this.#place.nowMs()
    this.#arrivesMs = Math.max(this.#arrivesMs, nowMs + half)
    return new Promise<T>((resolve, reject) => {
      const giveUp = () =>
        this.#after(nowMs + timeoutMs - this.#place.nowMs(), () =>
          reject(new DirectoryError('away', 'the directory does not answer'))
        )
      // What is on its way arrives, even if the node's process is stopped meanwhile.
      this.#engine.after(this.#arrivesMs - nowMs, () => {
        if (this.#isAway) return giveUp()
        let settle: () => void
        try {
          const answer = structuredCloneOf(change(this.#engine.state, self))
          settle = () => resolve(answer)
        } catch (error) {
          if (!(error instanceof DirectoryError)) throw error
          settle = () => reject(error)
        }
        this.#after(half, () => (this.#isAway ? giveUp() : settle()))
      })
    })
  }

  /** To all, the one that says it with them. */
  #publish(event: (events: DirectoryEvents) => void): void {
    for (const directory of this.#engine.directories) directory.#receive(event)
  }

  #receive(event: (events: DirectoryEvents) => void): void {
    const { latencyMs, loss } = this.#engine.options
    if (this.#place.fraction() < loss) return
    this.#after(this.#latency(latencyMs) / 2, () => {
      if (!this.#isAway) event(this.#events)
    })
  }

  #latency({ min, max }: { min: number; max: number }): number {
    return min + this.#place.fraction() * (max - min)
  }

  /** For the node, whose process may be stopped. */
  #after(ms: number, callback: () => void): void {
    this.#place.alarm(callback).set(Math.max(ms, 0))
  }
}

/** A copy: nobody shares objects with another node. Buffers stay such. */
function structuredCloneOf<T>(value: T): T {
  if (Buffer.isBuffer(value)) return Buffer.from(value) as T
  if (Array.isArray(value)) return value.map(structuredCloneOf) as T
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, structuredCloneOf(each)])
  ) as T
}
