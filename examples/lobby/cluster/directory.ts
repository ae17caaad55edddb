// What the nodes of a cluster know together: which of them live, who owns which name, room and
// player, and what the results were. Redis or Valkey keeps it (redis-directory.ts), or the memory
// of one process (memory-directory.ts). Each change is atomic, and names the node that makes it.
// Knows no time: how long a lease lasts, and who is dead, is for lease.ts to say.
import type { NodeRef, Standing } from '../rules/passport.ts'
import type { MatchRecord, SkillSum } from '../rules/records.ts'
import type { Presence, RoomInfo } from '../wire/protocol.ts'

/** How busy a node is. */
export interface NodeLoad {
  readonly players: number
  readonly rooms: number
  readonly matches: number
  /** It takes no one in: nobody moves there, and another node becomes the matchmaker. */
  readonly isDraining: boolean
}

/** What the others know of a node. */
export interface NodeInfo extends NodeRef {
  /** `host:port`, where other nodes reach it. */
  readonly address: string
  /** `host:port` of its operators' port. */
  readonly operatorAddress: string
  readonly load: NodeLoad
  /**
   * Of its last {@link ListingChange}; 0 before the first, but 1 or more once it has registered. A
   * larger one than you have: a gap.
   */
  readonly listingSeq: number
  /** Counts up with each renewal: the node lives as long as others see it change. */
  readonly beat: number
  /** Counts up with each node that joins or registers in this generation. */
  readonly member: number
  /** The largest `member` in the last list that this node had: these nodes it knows. */
  readonly knows: number
}

/**
 * - `away`: not reached, or not in time. The change may have been made all the same: every call can
 *   be repeated.
 * - `stale`: this epoch is over, since others have declared the node dead. It must end what it owns
 *   and join again.
 * - `settling`: the directory has started anew, perhaps with data lost. Nothing is assigned until
 *   the living nodes have registered what they own, which takes a lease.
 */
export type DirectoryErrorCode = 'away' | 'stale' | 'settling'

/** Why a call to the directory did nothing, or perhaps nothing. */
export class DirectoryError extends Error {
  readonly code: DirectoryErrorCode

  constructor(code: DirectoryErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'DirectoryError'
    this.code = code
  }
}

/** What a node says as it joins. */
export interface JoiningNode {
  readonly id: string
  readonly address: string
  readonly operatorAddress: string
  /** Of the whole cluster: the first node's proposal counts. */
  readonly secret: Buffer
  /**
   * Names the store of this node; see {@link Store.journal}. One process at a time has it open: so
   * a node that joins with the same one is the proof that the one before is dead. One that begins
   * with `memory ` is gone with its process.
   */
  readonly journal: string
}

export interface Joined {
  readonly epoch: number
  readonly secret: Buffer
}

/** A node that has not renewed for a lease: dead, unless it has renewed since that beat. */
export interface DeadNode extends NodeRef {
  readonly beat: number
}

/** What a node says with each renewal; lease.ts makes it, but for the load. */
export interface RenewalRequest {
  readonly load: NodeLoad
  /** The largest {@link NodeInfo.member} of the last list. */
  readonly knows: number
  /** Those that are to be declared dead. */
  readonly dead: readonly DeadNode[]
  /** A whole lease has passed in this generation: what nobody has registered is free. */
  readonly settled: string | undefined
}

export interface Renewal {
  /** All living nodes, this one with them. */
  readonly nodes: readonly NodeInfo[]
  /**
   * A random name for the time since the directory started last. Another one than before: call
   * {@link Directory.register}.
   */
  readonly generation: string
  /** False: until then most calls are rejected as `settling`. */
  readonly isSettled: boolean
  /**
   * Of the whole cluster. After data was lost, nodes that register bring it again: that of the
   * oldest one counts, and the others take it over.
   */
  readonly secret: Buffer
  /** This node is not in this generation yet: no lease is renewed before it has registered. */
  readonly mustRegister: boolean
  /**
   * Players that live here and that another node has asked for since the last renewal; see
   * {@link Directory.letGo}. It asks again as long as it wants them.
   */
  readonly wanted: readonly string[]
  /** Keys of rooms that were passed to this node, until it claims or releases them. */
  readonly passed: readonly string[]
}

export interface PlayerEntry {
  readonly id: string
  readonly name: string
  readonly account: string
  /** Of the last resume token. */
  readonly serial: number
  /**
   * Counts up as the player moves from node to node: of two nodes that both believe to have it, the
   * one with the larger number is right, or the first one to say so.
   */
  readonly moves: number
  readonly node: NodeRef
}

export interface FoundPlayer extends PlayerEntry {
  readonly where: Presence
  /** False: its node is dead, or has let go of it; {@link Directory.takePlayer} gets it. */
  readonly isOwned: boolean
}

export interface PlayerUpdate {
  readonly player: PlayerEntry
  readonly where: Presence
}

export interface NameClaim {
  readonly isYours: boolean
  /** Another account has played under this name, and keeps it. */
  readonly isReserved: boolean
  /** Who has the name, if it is not yours. */
  readonly holder: PlayerEntry | undefined
  /** Under which the account's skill and results are. */
  readonly key: string
  /** undefined: nothing is known. */
  readonly skill: number | undefined
}

export interface RoomClaim {
  /** By keyOf. */
  readonly key: string
  /** Of a private room. It may follow in a second claim with the same `creationId`. */
  readonly code?: string | undefined
  /** Of the request that makes the room: a repeated one makes no second room. */
  readonly creationId: string
}

export interface RoomClaimed {
  readonly isYours: boolean
  /** Somebody else's, or the one that the same request made before. */
  readonly owner: NodeRef
  /** Whether the room that there is has this `creationId`. */
  readonly isSameCreation: boolean
}

/** What a node has when the directory has started anew. */
export interface Owned {
  /** As in {@link JoiningNode}. */
  readonly self: JoiningNode
  readonly players: readonly PlayerUpdate[]
  readonly rooms: readonly RoomClaim[]
  readonly listings: readonly RoomInfo[]
}

/** What has another owner by now: end it here. */
export interface Lost {
  readonly players: readonly string[]
  readonly rooms: readonly string[]
}

/**
 * Of one node's public rooms; `seq` counts up by one. After a gap read the whole list:
 * {@link Directory.listings}.
 */
export interface ListingChange {
  readonly node: NodeRef
  readonly seq: number
  readonly changed: readonly RoomInfo[]
  /** Names. */
  readonly gone: readonly string[]
}

/** What {@link Directory.restoreSkills} has brought. */
export interface RestoredJournal {
  /** The number of the last match that is in it; -1: none is. */
  readonly applied: number
  /** For so many players there were sums. */
  readonly players: number
}

/** A line of the lobby's chat. */
export interface ChatLine {
  readonly name: string
  /** By which others may have muted the player. */
  readonly marks: readonly string[]
  readonly text: string
}

/**
 * What the others have said. It may get lost, and it comes to the node that said it, too. Calls
 * that throw end the process: catch what you expect.
 */
export interface DirectoryEvents {
  listings(change: ListingChange): void
  chat(from: NodeRef, line: ChatLine): void
  /** For all nodes: bans, announcements, drain of a node, as operators ask. */
  order(from: NodeRef, order: object): void
}

/**
 * What one node has of the directory. Calls are rejected with a {@link DirectoryError} and no other
 * error; none of them lasts longer than a timeout, and each may be repeated. A node joins first;
 * `stale` from any call means that it has to join again.
 */
export interface Directory {
  /**
   * Begins an epoch of this node; one before, under the same journal, is dead from then on. The
   * node has no lease yet: renew.
   */
  join(self: JoiningNode): Promise<Joined>
  renew(request: RenewalRequest): Promise<Renewal>
  /** Its rooms are free at once. Players that are still here are kept, as those of a dead node. */
  leave(): Promise<void>
  /**
   * After {@link Renewal.mustRegister}: the node keeps its epoch, and what it owns, but for what
   * another node has registered with more moves or under a higher epoch.
   */
  register(owned: Owned): Promise<Lost>

  /**
   * Takes a name, by keyOf, for a player of this node. A name whose holder's node is dead goes to
   * the same account at once, to others after a while.
   */
  claimName(player: PlayerEntry): Promise<NameClaim>
  /**
   * Where the player is, also after it has moved to this node, with `moves` one larger. False:
   * another node has it; end it here.
   */
  updatePlayer(player: PlayerEntry, where: Presence): Promise<boolean>
  /** The same for many at once. Returns the ids of those that another node has. */
  updatePlayers(players: readonly PlayerUpdate[]): Promise<string[]>
  /** The player, and its name, if they are this node's. */
  releasePlayer(id: string): Promise<void>
  /** undefined: there is no such player. `settling` while its node may still register it. */
  findPlayer(id: string): Promise<FoundPlayer | undefined>
  /**
   * For a connection that came back here: an entry is the player, which lives at this node now. It
   * has moved once more, even if it was this node's: another one to which it was on its way must
   * not have it. 'asked': its node lives, and was asked for it; take it again after a renewal.
   * 'gone': there is no such player any more.
   */
  takePlayer(id: string): Promise<PlayerEntry | 'asked' | 'gone'>
  /** Others may have these: this node has ended them. The names stay theirs for a while. */
  letGo(ids: readonly string[]): Promise<void>
  /** A page of all players, in the order in which they came. */
  people(
    from: number,
    count: number
  ): Promise<{ players: { name: string; where: Presence }[]; total: number }>

  claimRoom(room: RoomClaim): Promise<RoomClaimed>
  /**
   * To a living node. False: it is neither this node's nor that one's, or that node is dead.
   * Repeat it with the same node: with another one it is false if the first call was done.
   */
  passRoom(key: string, to: NodeRef): Promise<boolean>
  releaseRoom(key: string): Promise<void>
  /**
   * By its key or its code; undefined if there is none, or its owner is dead. `settling` while one
   * may still be registered.
   */
  findRoom(keyOrCode: string): Promise<NodeRef | undefined>
  /** Of rooms of this node. Changes that were rejected belong into the next call. */
  publishListings(changed: readonly RoomInfo[], gone: readonly string[]): Promise<void>
  /** All of a node; none, with number 0, if it is dead, or has yet to register. */
  listings(node: NodeRef): Promise<{ seq: number; rooms: RoomInfo[] }>

  /**
   * Which node forms the groups of this game: the one that does so already, unless it is dead or
   * drains; else this one, from now on.
   */
  matchmaker(game: string): Promise<NodeRef>
  say(line: ChatLine): Promise<void>
  order(order: object): Promise<void>

  /**
   * Applies results of this node's journal, each once: those up to the last number that was applied
   * are passed over. Returns that number; smaller than `first - 1`: nothing was applied, begin
   * after it. undefined: the directory knows nothing of the journal; see {@link restoreSkills}.
   */
  recordMatches(first: number, records: readonly MatchRecord[]): Promise<number | undefined>
  /**
   * What the matches of that day have added to these counts, see {@link MatchRecord.counts}, in the
   * same order; 0 for what nobody has counted. Days before the last one are forgotten.
   */
  counts(day: number, names: readonly string[]): Promise<number[]>
  /**
   * Some of the sums of this node's journal, as long as the directory knows nothing of it: it adds
   * up those of all journals. A later sum of a player stands for an earlier one, so all of it can
   * be repeated, by another process too. Ended by `end`; but if the directory lost its data
   * meanwhile, so that it has fewer players, it still knows nothing: begin again.
   */
  restoreSkills(sums: readonly SkillSum[], end?: RestoredJournal): Promise<void>
  /** What all results have come to; undefined: there are none of this account or name. */
  standing(account: string, name: string): Promise<Standing | undefined>
  /** The best ones, and how many have played. */
  leaders(count: number): Promise<{ leaders: { name: string; skill: number }[]; players: number }>

  /** Commands sent since the start, by kind, for the metrics and the load command. */
  readonly commands: ReadonlyMap<string, number>
  /** Nothing comes after it; calls are rejected as `away`. */
  close(): void
}
