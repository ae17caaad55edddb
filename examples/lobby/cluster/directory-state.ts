// The rules of a directory, in memory: who owns what, and what becomes of it when a node dies or
// the directory starts anew. redis-scripts.ts has the same rules for Redis, and the same tests.
// Pure: the time is passed in.

import { isSameNode, type NodeRef, type Standing } from '../rules/passport.ts'
import type { MatchRecord, SkillSum } from '../rules/records.ts'
import { FIRST_SKILL, MAX_SKILLS, tenths } from '../rules/skills.ts'
import { keyOf } from '../wire/names.ts'
import type { Presence, RoomInfo } from '../wire/protocol.ts'
import {
  DirectoryError,
  type FoundPlayer,
  type Joined,
  type JoiningNode,
  type Lost,
  type NameClaim,
  type NodeInfo,
  type NodeLoad,
  type Owned,
  type PlayerEntry,
  type PlayerUpdate,
  type Renewal,
  type RenewalRequest,
  type RestoredJournal,
  type RoomClaim,
  type RoomClaimed
} from './directory.ts'
import { changesOf, countsOf, type SkillChange } from './skill-changes.ts'

/** Of a dead node's players, names are kept so long, for them to come back. */
export const KEPT_AFTER_DEATH_MS = 30_000
/** Of all nodes together; then the one that has not played for longest is forgotten. */
export const MAX_CLUSTER_SKILLS = 10 * MAX_SKILLS
/** Of one day: what comes then is counted by each node alone. */
export const MAX_CLUSTER_COUNTS = 1_000_000
/** A renewal says no more at once of which players are wanted; and as many rooms. */
export const MAX_WANTED = 500

const NO_LOAD: NodeLoad = { players: 0, rooms: 0, matches: 0, isDraining: false }

interface Node {
  id: string
  address: string
  operatorAddress: string
  journal: string
  load: NodeLoad
  listingSeq: number
  beat: number
  member: number
  knows: number
  readonly wanted: Set<string>
  readonly passed: Set<string>
  readonly listings: Map<string, RoomInfo>
}

interface Player {
  entry: PlayerEntry
  where: Presence
  /** Its node has ended it. */
  isFree: boolean
  /** Since its node is dead, or let go of it. */
  untilMs: number | undefined
}

interface Room {
  owner: NodeRef
  code: string | undefined
  creationId: string
}

export class DirectoryState {
  readonly #newName: () => string
  generation = ''
  #isSettled = false
  #members = 0
  #epoch = 0
  #secret: Buffer | undefined
  /** Of the node that has brought it. */
  #secretEpoch = Number.POSITIVE_INFINITY
  /** By their epochs. */
  #nodes = new Map<number, Node>()
  #players = new Map<string, Player>()
  /** Ids, by the keys of names. */
  #names = new Map<string, string>()
  #rooms = new Map<string, Room>()
  #codes = new Map<string, string>()
  #matchmakers = new Map<string, NodeRef>()
  /** The one that has not played for longest comes first. */
  #skills = new Map<string, { name: string; skill: number; atMs: number }>()
  #keys = new Map<string, string>()
  #owners = new Map<string, string>()
  /** By days and names: see RatedPairs. */
  #counts = new Map<number, Map<string, number>>()
  /** Of journals: the number of the last match. */
  #applied = new Map<string, number>()
  /** Of journals that are being restored: the sums that are in the skills, by keys. */
  #restored = new Map<string, Map<string, number>>()

  /** `newName`: random, for generations. */
  constructor(newName: () => string, dateMs: number) {
    this.#newName = newName
    this.startAnew(dateMs)
  }

  /** The engine was started again, and has its data. */
  startAnew(dateMs: number): void {
    this.generation = this.#newName()
    this.#isSettled = false
    this.#members = 0
    this.#nodes.clear()
    this.#matchmakers.clear()
    // Above all before, also those that are lost: a clock goes faster than nodes join.
    this.#epoch = Math.max(this.#epoch, dateMs)
  }

  /** The engine was started again, without data. */
  loseData(dateMs: number): void {
    this.#epoch = 0
    this.#secret = undefined
    this.#secretEpoch = Number.POSITIVE_INFINITY
    for (const map of [this.#players, this.#names, this.#rooms, this.#codes]) map.clear()
    for (const map of [this.#skills, this.#keys, this.#owners]) map.clear()
    for (const map of [this.#applied, this.#restored, this.#counts]) map.clear()
    this.startAnew(dateMs)
  }

  // ---- Nodes ----

  join(self: JoiningNode): Joined {
    for (const [epoch, { id, address, journal }] of this.#nodes) {
      const hasAddress = id === self.id && address === self.address
      if (journal === self.journal || hasAddress) this.#bury(epoch)
    }
    this.#epoch++
    this.#enter(self, this.#epoch)
    const secret = this.#secret ?? self.secret
    if (this.#secret === undefined) this.#bringSecret(secret, this.#epoch)
    return { epoch: this.#epoch, secret }
  }

  renew(self: NodeRef, request: RenewalRequest): Renewal {
    const { load, knows, dead, settled } = request
    const node = this.#nodes.get(self.epoch)
    if (node === undefined && this.#isSettled) throw stale(self)
    if (node !== undefined) {
      Object.assign(node, { load, knows, beat: node.beat + 1 })
      for (const { epoch, beat } of dead)
        if (this.#nodes.get(epoch)?.beat === beat) this.#bury(epoch)
      if (settled === this.generation) this.#isSettled = true
    }
    const wanted = takeSome(node?.wanted)
    // They stay until the node has claimed or released them: this answer may be lost.
    const passed = [...(node?.passed ?? [])].slice(0, MAX_WANTED)
    return {
      nodes: [...this.#nodes].map(([epoch, each]) => infoOf(epoch, each)),
      generation: this.generation,
      isSettled: this.#isSettled,
      secret: this.#secret ?? Buffer.alloc(0),
      mustRegister: node === undefined,
      wanted,
      passed
    }
  }

  leave(self: NodeRef): void {
    if (this.#isAlive(self)) this.#bury(self.epoch)
  }

  register(self: NodeRef, { self: about, players, rooms, listings }: Owned): Lost {
    const node = this.#nodes.get(self.epoch)
    if (node === undefined && this.#isSettled) throw stale(self)
    this.#bringSecret(about.secret, self.epoch)
    this.#epoch = Math.max(this.#epoch, self.epoch)
    const here = node ?? this.#enter(about, self.epoch)
    const list = here.listings
    // It may have given up some of them since the data was written that is left.
    for (const [id, { entry }] of this.#players) if (isSameNode(entry.node, self)) this.#forget(id)
    for (const [key, { owner }] of this.#rooms) if (isSameNode(owner, self)) this.#forgetRoom(key)
    list.clear()
    const lostPlayers = players.filter(({ player, where }) => !this.#place(self, player, where))
    const lostRooms = rooms.filter((room) => !this.#registerRoom(self, room))
    for (const info of listings) list.set(keyOf(info.name), info)
    here.listingSeq = Math.max(1, here.listingSeq) // it has a list from now on
    return {
      players: lostPlayers.map(({ player }) => player.id),
      rooms: lostRooms.map(({ key }) => key)
    }
  }

  /**
   * After data was lost, that of the oldest node counts: the others have taken it over, but one
   * that has joined since may not have heard of it yet. Epochs grow with time.
   */
  #bringSecret(secret: Buffer, epoch: number): void {
    if (epoch > this.#secretEpoch) return
    this.#secret = secret
    this.#secretEpoch = epoch
  }

  #enter(self: JoiningNode, epoch: number): Node {
    const node = {
      id: self.id,
      address: self.address,
      operatorAddress: self.operatorAddress,
      journal: self.journal,
      load: NO_LOAD,
      listingSeq: 0,
      beat: 0,
      member: ++this.#members,
      knows: 0,
      wanted: new Set<string>(),
      passed: new Set<string>(),
      listings: new Map<string, RoomInfo>()
    }
    this.#nodes.set(epoch, node)
    return node
  }

  /** Its rooms are gone at once; its players may come back for a while. */
  #bury(epoch: number): void {
    this.#nodes.delete(epoch)
    for (const [key, { owner }] of this.#rooms) if (owner.epoch === epoch) this.#forgetRoom(key)
  }

  /** Names of those whose nodes are dead are free after a while. */
  tidy(nowMs: number): void {
    if (!this.#isSettled) return
    for (const [id, player] of this.#players) {
      if (this.#isOwned(player)) player.untilMs = undefined
      else player.untilMs ??= nowMs + KEPT_AFTER_DEATH_MS
      if (player.untilMs !== undefined && nowMs >= player.untilMs) this.#forget(id)
    }
    for (const [key, { owner }] of this.#rooms) if (!this.#isAlive(owner)) this.#forgetRoom(key)
  }

  // ---- Players ----

  claimName(self: NodeRef, player: PlayerEntry): NameClaim {
    this.#mustAssign(self)
    const nameKey = keyOf(player.name)
    const { account } = player
    const key = this.#keys.get(account) ?? nameKey
    const skill = this.#skills.get(key)?.skill
    const reserved = this.#owners.get(nameKey)
    if (reserved !== undefined && reserved !== account)
      return { isYours: false, isReserved: true, holder: undefined, key, skill }
    const holder = this.#players.get(this.#names.get(nameKey) ?? '')
    if (holder !== undefined && holder.entry.id !== player.id) {
      if (this.#isOwned(holder) || holder.entry.account !== account)
        return { isYours: false, isReserved: false, holder: holder.entry, key, skill }
      this.#forget(holder.entry.id)
    }
    const isYours = this.#place(self, player, 'lobby')
    return { isYours, isReserved: false, holder: isYours ? undefined : holder?.entry, key, skill }
  }

  /** Returns the ids of those that another node has. */
  updatePlayers(self: NodeRef, players: readonly PlayerUpdate[]): string[] {
    this.#mustBeHere(self)
    if (players.some(({ player }) => !this.#players.has(player.id))) this.#mustAssign(self)
    const lost = players.filter(({ player, where }) => !this.#place(self, player, where))
    return lost.map(({ player }) => player.id)
  }

  releasePlayer(self: NodeRef, id: string): void {
    this.#mustBeHere(self)
    const player = this.#players.get(id)
    if (player !== undefined && isSameNode(player.entry.node, self)) this.#forget(id)
  }

  findPlayer(self: NodeRef, id: string): FoundPlayer | undefined {
    this.#mustBeHere(self)
    const player = this.#players.get(id)
    if (player === undefined) return this.#noneIfSettled()
    return { ...player.entry, where: player.where, isOwned: this.#isOwned(player) }
  }

  takePlayer(self: NodeRef, id: string): PlayerEntry | 'asked' | 'gone' {
    this.#mustAssign(self)
    const player = this.#players.get(id)
    if (player === undefined) return 'gone'
    const { entry } = player
    if (this.#isOwned(player) && !isSameNode(entry.node, self)) {
      this.#nodes.get(entry.node.epoch)?.wanted.add(id)
      return 'asked'
    }
    this.#place(self, { ...entry, moves: entry.moves + 1 }, 'lobby')
    return player.entry
  }

  letGo(self: NodeRef, ids: readonly string[]): void {
    this.#mustBeHere(self)
    const { wanted } = this.#nodes.get(self.epoch) as Node
    for (const id of ids) {
      wanted.delete(id)
      const player = this.#players.get(id)
      if (player !== undefined && isSameNode(player.entry.node, self)) player.isFree = true
    }
  }

  people(self: NodeRef, from: number, count: number) {
    this.#mustBeHere(self)
    const all = [...this.#players.values()].filter((player) => this.#isOwned(player))
    const page = all.slice(from, from + count)
    return {
      players: page.map(({ entry, where }) => ({ name: entry.name, where })),
      total: all.length
    }
  }

  /** Returns false if another node has the player, or another player has the name. */
  #place(self: NodeRef, player: PlayerEntry, where: Presence): boolean {
    const nameKey = keyOf(player.name)
    const before = this.#players.get(player.id)
    const entry = { ...player, node: { id: self.id, epoch: self.epoch } }
    if (before === undefined) {
      const namesake = this.#players.get(this.#names.get(nameKey) ?? '')
      if (namesake !== undefined && !this.#mayReplace(namesake, entry)) return false
      if (namesake !== undefined) this.#forget(namesake.entry.id)
      this.#players.set(player.id, { entry, where, isFree: false, untilMs: undefined })
      this.#names.set(nameKey, player.id)
      return true
    }
    const { moves, node } = before.entry
    const isNext = player.moves > moves
    const isStill = player.moves === moves && isSameNode(node, self) && !before.isFree
    if (!isNext && !isStill && (this.#isOwned(before) || player.moves < moves)) return false
    if (isNext) this.#nodes.get(node.epoch)?.wanted.delete(player.id)
    Object.assign(before, { entry, where, isFree: false, untilMs: undefined })
    return true
  }

  /** As nodes register: a name that two of them have goes to the later epoch. */
  #mayReplace(holder: Player, entry: PlayerEntry): boolean {
    if (!this.#isOwned(holder)) return !this.#isSettled || holder.entry.account === entry.account
    return !this.#isSettled && entry.node.epoch > holder.entry.node.epoch
  }

  #isOwned({ entry, isFree }: Player): boolean {
    return !isFree && this.#isAlive(entry.node)
  }

  #forget(id: string): void {
    const player = this.#players.get(id)
    this.#players.delete(id)
    const nameKey = keyOf(player?.entry.name ?? '')
    if (this.#names.get(nameKey) === id) this.#names.delete(nameKey)
  }

  // ---- Rooms ----

  claimRoom(self: NodeRef, { key, code, creationId }: RoomClaim): RoomClaimed {
    this.#mustAssign(self)
    const room = this.#rooms.get(key)
    if (room !== undefined && this.#isAlive(room.owner)) {
      const isSameCreation = room.creationId === creationId
      const isYours = isSameCreation && isSameNode(room.owner, self)
      if (isYours) this.#nodes.get(self.epoch)?.passed.delete(key)
      if (isYours && code !== undefined) this.#setCode(key, room, code)
      return { isYours, owner: room.owner, isSameCreation }
    }
    this.#setRoom(self, { key, code, creationId })
    return { isYours: true, owner: self, isSameCreation: true }
  }

  passRoom(self: NodeRef, key: string, to: NodeRef): boolean {
    this.#mustAssign(self)
    const room = this.#rooms.get(key)
    if (room === undefined || !this.#isAlive(to)) return false
    if (isSameNode(room.owner, to)) return true // repeated, since the answer was lost
    if (!isSameNode(room.owner, self)) return false
    room.owner = { id: to.id, epoch: to.epoch }
    this.#nodes.get(self.epoch)?.passed.delete(key)
    this.#nodes.get(to.epoch)?.passed.add(key)
    return true
  }

  releaseRoom(self: NodeRef, key: string): void {
    this.#mustBeHere(self)
    const room = this.#rooms.get(key)
    if (room !== undefined && isSameNode(room.owner, self)) this.#forgetRoom(key)
  }

  findRoom(self: NodeRef, keyOrCode: string): NodeRef | undefined {
    this.#mustBeHere(self)
    const room = this.#rooms.get(keyOrCode) ?? this.#rooms.get(this.#codes.get(keyOrCode) ?? '')
    return room !== undefined && this.#isAlive(room.owner) ? room.owner : this.#noneIfSettled()
  }

  #forgetRoom(key: string): void {
    const { code, owner } = this.#rooms.get(key) as Room
    this.#rooms.delete(key)
    this.#nodes.get(owner.epoch)?.passed.delete(key)
    if (code !== undefined) this.#codes.delete(code)
  }

  #registerRoom(self: NodeRef, claim: RoomClaim): boolean {
    const room = this.#rooms.get(claim.key)
    const isOthers =
      room !== undefined && this.#isAlive(room.owner) && room.owner.epoch > self.epoch
    if (!isOthers) this.#setRoom(self, claim)
    return !isOthers
  }

  #setRoom(self: NodeRef, { key, code, creationId }: RoomClaim): void {
    if (this.#rooms.has(key)) this.#forgetRoom(key)
    const room = { owner: { id: self.id, epoch: self.epoch }, code: undefined, creationId }
    this.#rooms.set(key, room)
    if (code !== undefined) this.#setCode(key, room, code)
  }

  #setCode(key: string, room: Room, code: string): void {
    if (room.code !== undefined) this.#codes.delete(room.code)
    room.code = code
    this.#codes.set(code, key)
  }

  /** Returns the number of the change. */
  publishListings(self: NodeRef, changed: readonly RoomInfo[], gone: readonly string[]): number {
    this.#mustBeHere(self)
    const node = this.#nodes.get(self.epoch) as Node
    for (const name of gone) node.listings.delete(keyOf(name))
    for (const info of changed) node.listings.set(keyOf(info.name), info)
    return ++node.listingSeq
  }

  listings(self: NodeRef, of: NodeRef): { seq: number; rooms: RoomInfo[] } {
    this.#mustBeHere(self)
    if (!this.#isAlive(of)) return { seq: 0, rooms: [] }
    const { listingSeq, listings } = this.#nodes.get(of.epoch) as Node
    return { seq: listingSeq, rooms: [...listings.values()] }
  }

  matchmaker(self: NodeRef, game: string): NodeRef {
    this.#mustAssign(self)
    const holder = this.#matchmakers.get(game)
    const isDraining = this.#nodes.get(holder?.epoch ?? 0)?.load.isDraining ?? false
    if (holder !== undefined && this.#isAlive(holder) && !isDraining) return holder
    const own = { id: self.id, epoch: self.epoch }
    this.#matchmakers.set(game, own)
    return own
  }

  // ---- Results ----

  recordMatches(self: NodeRef, first: number, records: readonly MatchRecord[]): number | undefined {
    this.#mustBeHere(self)
    const journal = this.#journalOf(self)
    const applied = this.#applied.get(journal)
    if (applied === undefined) return undefined
    for (const [at, record] of records.entries()) {
      const number = first + at
      if (number !== (this.#applied.get(journal) as number) + 1) continue
      for (const one of changesOf(record)) {
        const { key, change, skill } = one
        this.#setSkill(one, change === undefined ? skill : this.#skillOf(key) + change)
      }
      this.#count(record)
      this.#applied.set(journal, number)
    }
    return this.#applied.get(journal)
  }

  #count(record: MatchRecord): void {
    const { day, counts } = countsOf(record)
    if (counts.length === 0) return
    const all = this.#counts.get(day) ?? new Map<string, number>()
    this.#counts.set(day, all)
    for (const before of this.#counts.keys()) if (before < day - 1) this.#counts.delete(before)
    for (const [name, adds] of counts)
      if (all.has(name) || all.size < MAX_CLUSTER_COUNTS) all.set(name, (all.get(name) ?? 0) + adds)
  }

  counts(self: NodeRef, day: number, names: readonly string[]): number[] {
    this.#mustBeHere(self)
    return names.map((name) => this.#counts.get(day)?.get(name) ?? 0)
  }

  restoreSkills(self: NodeRef, sums: readonly SkillSum[], end?: RestoredJournal): void {
    this.#mustBeHere(self)
    const journal = this.#journalOf(self)
    if (this.#applied.has(journal)) return
    const restored = this.#restored.get(journal) ?? new Map<string, number>()
    this.#restored.set(journal, restored)
    for (const one of sums) {
      const { key, sum } = one
      this.#setSkill(one, this.#skillOf(key) + sum - (restored.get(key) ?? 0))
      restored.set(key, sum)
    }
    if (end === undefined || restored.size < end.players) return
    this.#applied.set(journal, end.applied)
    this.#restored.delete(journal)
  }

  standing(self: NodeRef, account: string, name: string): Standing | undefined {
    this.#mustBeHere(self)
    const key = this.#keys.get(account) ?? keyOf(name)
    const skill = this.#skills.get(key)?.skill
    return skill === undefined ? undefined : { key, skill, isKnown: this.#keys.has(account) }
  }

  leaders(self: NodeRef, count: number) {
    this.#mustBeHere(self)
    const all = [...this.#skills.values()].sort((one, other) => other.skill - one.skill)
    const leaders = all.slice(0, count).map(({ name, skill }) => ({ name, skill }))
    return { leaders, players: this.#skills.size }
  }

  #journalOf(self: NodeRef): string {
    return (this.#nodes.get(self.epoch) as Node).journal
  }

  #skillOf(key: string): number {
    return this.#skills.get(key)?.skill ?? FIRST_SKILL
  }

  /** Results come in any order: name and account are those of the latest match. */
  #setSkill({ key, name, account, atMs }: SkillSum | SkillChange, skill: number): void {
    const known = this.#skills.get(key)
    const isLatest = known === undefined || atMs >= known.atMs
    this.#skills.delete(key)
    this.#skills.set(key, { ...(isLatest ? { name, atMs } : known), skill: tenths(skill) })
    if (isLatest && account !== undefined) this.#claimKey(account, key)
    const [first] = this.#skills.keys()
    if (this.#skills.size <= MAX_CLUSTER_SKILLS) return
    this.#skills.delete(first)
    this.#keys.delete(this.#owners.get(first) ?? '')
    this.#owners.delete(first)
  }

  /** As Accounts.claim does. */
  #claimKey(account: string, key: string): void {
    const before = this.#owners.get(key)
    if (before !== undefined && before !== account) this.#keys.delete(before)
    this.#keys.set(account, key)
    this.#owners.set(key, account)
  }

  // ---- Who may ----

  #isAlive({ id, epoch }: NodeRef): boolean {
    return this.#nodes.get(epoch)?.id === id
  }

  #mustBeHere(self: NodeRef): void {
    if (this.#isAlive(self)) return
    if (this.#isSettled) throw stale(self)
    throw new DirectoryError('settling', 'the directory has started anew; register first')
  }

  #mustAssign(self: NodeRef): void {
    this.#mustBeHere(self)
    this.#noneIfSettled()
  }

  /** Before, what nobody has registered may still be somebody's. */
  #noneIfSettled(): undefined {
    if (this.#isSettled) return undefined
    throw new DirectoryError('settling', 'the directory waits for nodes that may still register')
  }
}

function takeSome(ids: Set<string> = new Set()): string[] {
  const some = [...ids].slice(0, MAX_WANTED)
  for (const id of some) ids.delete(id)
  return some
}

function infoOf(epoch: number, node: Node): NodeInfo {
  const { id, address, operatorAddress, load, listingSeq, beat, member, knows } = node
  return { id, epoch, address, operatorAddress, load, listingSeq, beat, member, knows }
}

function stale({ id, epoch }: NodeRef): DirectoryError {
  return new DirectoryError('stale', `epoch ${epoch} of node ${id} is over`)
}
