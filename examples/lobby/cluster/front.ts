// What stands before the rules of a node: whatever concerns all nodes goes to the directory first,
// and a player goes to the node where its room is. The rules stay as they are, and know one node.
import type { Logger } from 'pino'
import type { Alarm, Place } from '../place.ts'
import type { ClusterOutlet, RemoteLine } from '../rules/cluster-outlet.ts'
import type { Game } from '../rules/game.ts'
import { SHOWN_LEADERS } from '../rules/leaderboard.ts'
import type { Lobby } from '../rules/lobby.ts'
import {
  type Homecoming,
  isSameNode,
  type NodeRef,
  type Passport,
  type SeatTicket
} from '../rules/passport.ts'
import type { Player } from '../rules/player.ts'
import type { Room } from '../rules/room.ts'
import type { Session } from '../rules/session.ts'
import {
  type Command,
  keyOf,
  type Presence,
  Refusal,
  type ServerMessage
} from '../wire/protocol.ts'
import type { TokenClaim } from '../wire/tokens.ts'
import {
  type Directory,
  DirectoryError,
  type DirectoryEvents,
  type FoundPlayer,
  type ListingChange,
  type Lost,
  type NodeInfo,
  type Owned,
  type PlayerEntry,
  type PlayerUpdate,
  type RoomClaim
} from './directory.ts'

/** What the front needs of its hub. */
export interface FrontHub {
  readonly lobby: Lobby
  /** Whether this connection is still one of this hub. */
  has(session: Session): boolean
  tell(session: Session, message: ServerMessage): void
  /** The client goes over to the hub of that node: see NodeGatewayLink. */
  move(
    session: Session,
    to: NodeRef,
    passport: Passport | undefined,
    frames: readonly Uint8Array[]
  ): void
  /** Whether it can: what plays from inside this process cannot. */
  canMove(session: Session): boolean
  /** The player of this connection has changed; undefined: it has none. */
  showPassport(session: Session, passport: Passport | undefined): void
}

/** Frames of one client that wait while a command of it is with the directory. */
const MAX_WAITING = 64
/** How often presences and passports are looked at. */
const LOOK_EVERY_MS = 1_000
const PUBLISH_EVERY_MS = 250
/** Changes of lists that a node gets a second: each of the others publishes more seldom so. */
const LISTINGS_A_SECOND = 100
/** How often a player that another node has is asked for before its client gets a refusal. */
const TAKE_TRIES = 12
const TAKE_EVERY_MS = 500
/** How often a node that may not speak looks whether it may again. */
const ALIVE_EVERY_MS = 100
/** The same for one that comes home: an outage of the directory may last as long. */
const HOMECOMING_TRIES = 120
/** So long after a room was passed on, its players have come, or none of them will. */
const PASSED_MS = 10_000
/** A client that came back so lately is not taken for a dead connection. */
const JUST_BACK_MS = 2_000
/** How often a call is made whose answer does not come. */
const CALL_TRIES = 3
/** Without Redis a call fails at once: a short interruption is over by the next try. */
const CALL_EVERY_MS = 200
/** Presences that are reported in one look. */
const MAX_REPORTED = 2_000
/** What changes no passport. */
const SMALL_TALK = new Set(['input', 'ping', 'say'])
/** Of the codes of private rooms. */
const CODE = /^[A-Z2-9]{8}$/

/** A player that the directory knows as ours, and what it knows of it. */
interface Known {
  readonly player: Player
  serial: number
  where: Presence | undefined
  passport: string
}

export class Front implements ClusterOutlet {
  /** This node, as long as it is one of the cluster. */
  self: NodeRef = { id: '', epoch: 0 }
  /** Moves since the start: players that came, and that went. */
  readonly moved = { in: 0, out: 0 }
  readonly #place: Place
  readonly #log: Logger
  readonly #look: Alarm
  readonly #publish: Alarm
  /** Of what waits to try again. */
  readonly #pauses = new Set<Alarm>()
  #isStopped = false
  #directory: Directory | undefined
  #hub: FrontHub | undefined
  /** All living nodes, this one included. */
  #nodes: readonly NodeInfo[] = []
  /** Of each node: the number of the last change of its list that is in ours. */
  readonly #listingSeqs = new Map<string, number>()
  readonly #readingListings = new Set<string>()
  /** Whose lists are to be read, one after the other. */
  readonly #unread = new Map<string, NodeRef>()
  #isReading = false
  /** Players sent to nodes since those have said how many they have. */
  readonly #sentTo = new Map<string, number>()
  /** Sessions whose last command is with the directory, and the frames that wait for it. */
  readonly #waiting = new Map<Session, Uint8Array[]>()
  readonly #known = new Map<string, Known>()
  readonly #rooms = new Map<Room, RoomClaim>()
  /** Those of them that the directory may not have. */
  readonly #unclaimed = new Set<Room>()
  /** Given up while the directory was away. */
  readonly #freePlayers = new Set<string>()
  readonly #freeRooms = new Set<string>()
  #isRetrying = false
  /** Players that the directory may have as this node's although they are not here. */
  readonly #strays = new Set<string>()
  /** Public rooms that have changed since they were published; and names that went. */
  readonly #changed = new Set<Room>()
  /** Keys of rooms that others have passed to this node: until when their players come. */
  readonly #passed = new Map<string, number>()
  /** To which node this one passes a room on: that may be done, although no answer came. */
  readonly #passingTo = new Map<Room, NodeRef>()
  /** Players that went to another node, which may not have said so yet: until when. */
  readonly #gone = new Map<string, number>()
  /** Players that are being taken, by their ids: until the last one that waits has its turn. */
  readonly #turns = new Map<string, Promise<void>>()
  /** Of players whose clients come back, by their ids: the last connection with the last token. */
  readonly #returning = new Map<string, { session: Session; serial: number }>()
  /** While this node may not speak: until it looks again, for all who wait for that. */
  #silence: Promise<void> | undefined
  readonly #isAlive: () => boolean
  readonly #isLinkedTo: (node: NodeRef) => boolean

  /** `isAlive`: whether this node may speak. `isLinkedTo`: whether it reaches another one now. */
  constructor(
    place: Place,
    log: Logger,
    isAlive: () => boolean,
    isLinkedTo: (node: NodeRef) => boolean
  ) {
    this.#place = place
    this.#log = log
    this.#isAlive = isAlive
    this.#isLinkedTo = isLinkedTo
    this.#look = place.alarm(() => {
      this.#look.set(LOOK_EVERY_MS)
      this.#lookAtPlayers()
    })
    this.#publish = place.alarm(() => {
      this.#publish.set(publishEveryMs(this.#nodes.length))
      void this.#publishListings()
    })
  }

  /** What the other nodes say, by way of the directory. */
  readonly events: Omit<DirectoryEvents, 'order'> = {
    listings: (change) => this.#onListings(change),
    chat: (from, line) => {
      if (!isSameNode(from, this.self)) this.#lobby.hear(line, this.#place.nowMs())
    }
  }

  start(directory: Directory, hub: FrontHub): void {
    this.#directory = directory
    this.#hub = hub
    this.#look.set(LOOK_EVERY_MS)
    this.#publish.set(PUBLISH_EVERY_MS)
  }

  /** What waits to try again comes to nothing, and keeps no process alive. */
  stop(): void {
    this.#isStopped = true
    this.#look.cancel()
    this.#publish.cancel()
    for (const pause of this.#pauses) pause.cancel()
  }

  get nodes(): readonly NodeInfo[] {
    return this.#nodes
  }

  // ---- What the node's clients send ----

  /** A frame within its sender's limits, as in HubLink. */
  receive(session: Session, frame: Uint8Array): void {
    const waiting = this.#waiting.get(session)
    if (waiting === undefined) {
      if (this.#isAlive()) return this.#begin(session, frame)
      // Nothing may happen here that players could not be told.
      return this.#do(session, () => this.#untilAlive(), [new Uint8Array(frame)])
    }
    if (waiting.length < MAX_WAITING) waiting.push(new Uint8Array(frame))
    else this.#refuse(session, new Refusal('too-fast', 'too many commands wait for the first'))
  }

  /** A client that comes over from another node, or home: see NodeHubLink. */
  adopt(
    session: Session,
    passport: Passport | undefined,
    views: readonly Uint8Array[],
    why?: Homecoming
  ): void {
    this.#lobby.takeOver(session)
    // They can be views of memory that is used again
    const frames = views.map((frame) => new Uint8Array(frame))
    if (this.#isAlive()) return this.#arrive(session, passport, frames, why)
    this.#do(session, async () => {
      await this.#untilAlive()
      const late = this.#waiting.get(session) ?? []
      this.#waiting.delete(session)
      this.#arrive(session, passport, [...frames, ...late], why)
    })
  }

  #arrive(
    session: Session,
    passport: Passport | undefined,
    frames: readonly Uint8Array[],
    why: Homecoming | undefined
  ): void {
    const lobby = this.#lobby
    const [first] = frames
    if (passport === undefined) {
      // What it asked for cannot be done there: here it is tried once more, in another way.
      const task = why === undefined ? undefined : this.#resumeTask(session, first, true)
      if (task === undefined) return this.#goOn(session, [...frames])
      return this.#do(session, task, frames.slice(1))
    }
    const nowMs = this.#place.nowMs()
    const here = lobby.playerById(passport.id)
    const isConnected = this.#hubNow.has(session)
    if (!isConnected && here?.session !== undefined) return // it has come by another connection
    // One that comes home has been counted by the directory
    const moves = passport.moves + (here === undefined && why !== 'lost' ? 1 : 0)
    const seat = why === undefined ? passport.seat : undefined
    const player = lobby.adopt(session, { ...passport, seat, moves }, nowMs)
    if (player === undefined) return
    this.moved.in++
    this.#gone.delete(player.id)
    this.#know(player)
    if (!isConnected) {
      lobby.lose(session, nowMs)
      void this.#report(player)
      return
    }
    const isHome = why === 'lost' || passport.seat !== seat || passport.room !== undefined
    if (isHome && player.room === undefined)
      lobby.comeHome(session, passport.room ?? passport.seat?.room.name ?? '')
    if (why === 'unreachable' && first !== undefined)
      this.#refuse(session, new Refusal('cluster-away', 'the server of that room is unreachable'))
    this.#showPassport(player)
    this.#do(session, () => this.#report(player), why === 'unreachable' ? frames.slice(1) : frames)
  }

  /**
   * A client whose player was at a node that is lost, or cannot be reached: the passport with which
   * the player goes on here. undefined: it is gone, or has another connection elsewhere.
   */
  async takeHome(passport: Passport): Promise<Passport | undefined> {
    for (let tries = 0; tries < HOMECOMING_TRIES; tries++) {
      const taken = await this.#inTurn(passport.id, () => this.#tryHome(passport))
      if (taken !== 'later') return taken
      await this.#pause(TAKE_EVERY_MS)
    }
    return undefined
  }

  async #tryHome(passport: Passport): Promise<Passport | 'later' | undefined> {
    const { id } = passport
    try {
      const found = await this.#directoryNow.findPlayer(id)
      if (found === undefined) return undefined
      // This node may have taken it before, and the answer was lost: that counts as a move, too
      const isTaken = isSameNode(found.node, this.self) && this.#lobby.playerById(id) === undefined
      const hasMoved = found.moves > passport.moves && !isTaken
      // It has gone on since, on another connection
      if (found.isOwned && (hasMoved || found.serial > passport.serial)) return undefined
      if (this.#isOnItsWay(found)) return 'later'
      if (this.#lobby.playerById(id)?.session !== undefined) return undefined
      const taken = await this.#takePlayer(id)
      if (taken === 'gone') return undefined
      if (taken === 'asked') return 'later'
      const serial = Math.max(taken.serial, passport.serial)
      // A later token than the one in the passport may not have reached its client
      const hasToken = passport.hasToken && passport.serial >= taken.serial
      // Matches since the passport was written count as well
      const standing = await this.#standingOf(taken)
      return { ...passport, ...standing, moves: taken.moves, serial, hasToken }
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error
      return 'later'
    }
  }

  /**
   * Connections of one player, of which one may have been given up, take it one after the other:
   * otherwise each could get a yes from the directory, and throw the other one out.
   */
  #inTurn<T>(id: string, act: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(id) ?? Promise.resolve()).then(act)
    const end = turn
      .catch(() => {})
      .then(() => {
        if (this.#turns.get(id) === end) this.#turns.delete(id)
      })
    this.#turns.set(id, end)
    return turn
  }

  /** What is said before that reaches nobody: its client would wait for it in vain. */
  async #untilAlive(): Promise<void> {
    while (!this.#isAlive()) {
      this.#silence ??= this.#pause(ALIVE_EVERY_MS).then(() => {
        this.#silence = undefined
      })
      await this.#silence
    }
  }

  /** What the directory has answered, as soon as this node may say what comes of it. */
  async #answered<T>(answer: Promise<T>): Promise<T> {
    const settled = await answer
    await this.#untilAlive()
    return settled
  }

  #begin(session: Session, frame: Uint8Array): void {
    const lobby = this.#lobby
    const command = lobby.parse(session, frame)
    if (command === undefined) return
    const task = this.#taskOf(session, command, frame)
    if (task !== undefined) return this.#do(session, task)
    lobby.handle(session, command, this.#place.nowMs())
    if (!SMALL_TALK.has(command.type) && session.player !== undefined)
      this.#showPassport(session.player)
  }

  /** Frames that came meanwhile wait for its end, and are done then. */
  #do(session: Session, task: () => Promise<void>, after: readonly Uint8Array[] = []): void {
    const waiting = [...after]
    this.#waiting.set(session, waiting)
    task()
      .catch(async (error) => {
        const isOfDirectory = error instanceof DirectoryError
        if (!isOfDirectory && !(error instanceof Refusal)) throw error
        await this.#untilAlive()
        this.#refuse(session, isOfDirectory ? awayRefusal(error) : error)
      })
      .then(() => {
        if (this.#waiting.get(session) !== waiting) return // they went with it
        this.#waiting.delete(session)
        this.#goOn(session, waiting)
      })
  }

  #goOn(session: Session, frames: Uint8Array[]): void {
    while (frames.length > 0 && this.#hubNow.has(session)) {
      this.#begin(session, frames.shift() as Uint8Array)
      const waiting = this.#waiting.get(session)
      if (waiting === undefined) continue
      waiting.push(...frames)
      return
    }
  }

  /** undefined: it concerns this node alone. */
  #taskOf(
    session: Session,
    command: Command,
    frame: Uint8Array
  ): (() => Promise<void>) | undefined {
    const { player } = session
    if (!this.#hubNow.canMove(session)) return undefined
    switch (command.type) {
      case 'name':
        return player === undefined ? this.#nameTask(session, command) : undefined
      case 'resume':
        return player === undefined ? this.#resumeTask(session, frame, false) : undefined
    }
    if (player === undefined) return undefined
    switch (command.type) {
      case 'create':
        return player.room === undefined ? this.#createTask(session, command) : undefined
      case 'join':
      case 'hold':
      case 'spectate':
        if (player.room !== undefined || this.#lobby.roomNamed(command.room) !== undefined)
          return undefined
        return () => this.#visit(session, player, command, frame)
      case 'queue':
        return player.room === undefined
          ? () => this.#enqueue(session, player, command, frame)
          : undefined
      case 'players':
        return () => this.#listPeople(session, command.from)
      case 'leaders':
        return () => this.#listLeaders(session, player)
      default:
        return undefined
    }
  }

  #nameTask(
    session: Session,
    command: Extract<Command, { type: 'name' }>
  ): (() => Promise<void>) | undefined {
    const lobby = this.#lobby
    if (lobby.isDraining || lobby.playerNamed(command.name) !== undefined) return undefined
    return async () => {
      const identity = lobby.identityOf(command)
      const { id, account } = identity
      const entry = { id, name: command.name, account, serial: 1, moves: 0, node: this.self }
      const claim = await this.#answered(
        this.#orFree(this.#freePlayers, id, () => this.#directoryNow.claimName(entry))
      )
      if (claim.isReserved)
        throw new Refusal('name-reserved', 'somebody has played under this name, and keeps it')
      if (!claim.isYours) throw new Refusal('name-taken', 'this name is taken')
      if (claim.skill !== undefined)
        lobby.learn(account, { key: claim.key, skill: claim.skill, isKnown: true })
      if (this.#hubNow.has(session))
        lobby.handle(session, command, this.#place.nowMs(), { identity })
      const player = session.player
      if (player?.id !== id) return void this.#freePlayer(id)
      this.#know(player, 'lobby')
      this.#showPassport(player)
    }
  }

  /**
   * `isHere`: it has to be done at this node, for the other one cannot be reached. undefined: the
   * rules have the answer already.
   */
  #resumeTask(
    session: Session,
    frame: Uint8Array | undefined,
    isHere: boolean
  ): (() => Promise<void>) | undefined {
    const lobby = this.#lobby
    const command = frame && lobby.parse(session, frame)
    if (frame === undefined || command?.type !== 'resume') return undefined
    const copy = new Uint8Array(frame)
    if (this.self.epoch === 0) {
      return async () => {
        throw new DirectoryError('away', 'this node has not joined yet')
      }
    }
    const claim = lobby.claimOf(command.token, this.#place.nowMs())
    if (claim === undefined || lobby.playerById(claim.id) !== undefined) {
      if (!isHere) return undefined
      return async () => lobby.handle(session, command, this.#place.nowMs())
    }
    const resume = async () => {
      const { entry, at } = await this.#answered(this.#take(session, claim, isHere))
      if (at !== undefined) return this.#send(session, at, undefined, [copy])
      const standing = entry === undefined ? {} : await this.#answered(this.#standingOf(entry))
      // It can have come here meanwhile by a connection that its client has given up
      const here = lobby.playerById(claim.id)
      if (entry !== undefined && here !== undefined) here.moves = Math.max(here.moves, entry.moves)
      if (!this.#hubNow.has(session)) {
        if (entry === undefined || here !== undefined) return
        this.#strays.add(claim.id)
        return await this.#letStraysGo()
      }
      if (entry === undefined || here !== undefined)
        return lobby.handle(session, command, this.#place.nowMs())
      const player = this.#revive(session, entry, claim.serial, standing)
      if (player === undefined) return
      // Also if it was in the lobby when the directory heard of it last
      lobby.comeHome(session, '')
      await this.#report(player)
    }
    return () => {
      const { id, serial } = claim
      if (serial >= (this.#returning.get(id)?.serial ?? 0))
        this.#returning.set(id, { session, serial })
      return this.#inTurn(id, resume).finally(() => {
        if (this.#returning.get(id)?.session === session) this.#returning.delete(id)
      })
    }
  }

  /** One that was given up may look open for long: the next one does not wait for it. */
  #isReturning(session: Session, id: string): boolean {
    if (this.#returning.get(id)?.session !== session)
      throw new Refusal('replaced', 'you signed in on another connection')
    return this.#hubNow.has(session)
  }

  /** A player that has just left this node is found as soon as the other one has said so. */
  async #findSettled(session: Session, id: string): Promise<FoundPlayer | undefined> {
    for (;;) {
      const found = await this.#directoryNow.findPlayer(id)
      if (found === undefined || !this.#isOnItsWay(found)) return found
      if (!this.#isReturning(session, id)) return found
      await this.#pause(ALIVE_EVERY_MS)
    }
  }

  #isOnItsWay({ id, node }: FoundPlayer): boolean {
    if (isSameNode(node, this.self)) return this.#gone.has(id)
    this.#gone.delete(id) // the other one has said so
    return false
  }

  /** What this node may not know yet; it does without while the directory is away. */
  async #standingOf({ account, name }: PlayerEntry): Promise<Pick<Passport, 'standing'>> {
    try {
      const standing = await this.#directoryNow.standing(account, name)
      return standing === undefined ? {} : { standing }
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error
      return {}
    }
  }

  /** Made anew from what the directory knows: whatever else there was went with its node. */
  #revive(
    session: Session,
    entry: PlayerEntry,
    serial: number,
    standing: Pick<Passport, 'standing'>
  ): Player | undefined {
    const { id, name, account, moves } = entry
    const last = Math.max(serial, entry.serial)
    const nobody = { muted: [], said: [], hasToken: true }
    const passport = { id, name, account, moves, serial: last, ...nobody, ...standing }
    const nowMs = this.#place.nowMs()
    const player = this.#lobby.adopt(session, passport, nowMs)
    if (player === undefined) return undefined
    this.#lobby.welcome(session, player, nowMs)
    this.#know(player)
    this.#showPassport(player)
    return player
  }

  #createTask(
    session: Session,
    command: Extract<Command, { type: 'create' }>
  ): (() => Promise<void>) | undefined {
    const lobby = this.#lobby
    if (lobby.isDraining) return undefined
    return async () => {
      const code = command.private ? lobby.newCode() : undefined
      const key = keyOf(command.room)
      const creationId = this.#place.randomBytes(12).toString('hex')
      const claim = { key, creationId, ...(code === undefined ? {} : { code }) }
      const claimed = await this.#answered(
        this.#orFree(this.#freeRooms, key, () => this.#directoryNow.claimRoom(claim))
      )
      if (!claimed.isYours) throw new Refusal('room-taken', 'a room with this name exists already')
      if (this.#hubNow.has(session)) lobby.handle(session, command, this.#place.nowMs(), { code })
      const room = session.player?.room
      if (room !== undefined && keyOf(room.name) === key) this.#rooms.set(room, claim)
      else if (!lobby.hasRoom(key)) this.#freeRoom(key)
    }
  }

  /** A room that is not here: where it is, the command is done. */
  async #visit(
    session: Session,
    player: Player,
    command: Extract<Command, { type: 'join' | 'hold' | 'spectate' }>,
    frame: Uint8Array
  ): Promise<void> {
    const copy = new Uint8Array(frame)
    const { room } = command
    // The code first: while the directory settles, a name that it does not have has no answer
    const byCode = CODE.test(room) ? await this.#directoryNow.findRoom(room) : undefined
    const node = byCode ?? (await this.#directoryNow.findRoom(keyOf(room)))
    await this.#untilAlive()
    this.#follow(session, player, node, command, copy)
  }

  async #enqueue(
    session: Session,
    player: Player,
    command: Extract<Command, { type: 'queue' }>,
    frame: Uint8Array
  ): Promise<void> {
    const copy = new Uint8Array(frame)
    const game = this.#lobby.gameNamed(command.game)
    const node = game && (await this.#directoryNow.matchmaker(game.name))
    await this.#untilAlive()
    this.#follow(session, player, node, command, copy)
  }

  /** Does a command at that node, or here if that is none or this one. */
  #follow(
    session: Session,
    player: Player,
    node: NodeRef | undefined,
    command: Command,
    frame: Uint8Array
  ): void {
    if (!this.#hubNow.has(session) || session.player !== player) return
    if (node === undefined || isSameNode(node, this.self) || player.room !== undefined)
      return this.#lobby.handle(session, command, this.#place.nowMs())
    this.#sendPlayer(player, node, undefined, [frame])
  }

  async #listPeople(session: Session, from: number): Promise<void> {
    const { pageSize } = this.#lobby
    const { players, total } = await this.#answered(this.#directoryNow.people(from, pageSize))
    this.#hubNow.tell(session, { type: 'players', players, from, total })
  }

  async #listLeaders(session: Session, player: Player): Promise<void> {
    const { account, name } = player
    const [{ leaders, players }, standing] = await Promise.all([
      this.#directoryNow.leaders(SHOWN_LEADERS),
      this.#directoryNow.standing(account, name)
    ])
    const skill = standing?.skill ?? this.#lobby.skillOf(player)
    await this.#untilAlive()
    this.#hubNow.tell(session, { type: 'leaders', leaders, skill, players })
  }

  // ---- Moves ----

  /** Returns false if its connection is lost, or cannot move. */
  #sendPlayer(
    player: Player,
    to: NodeRef,
    seat: SeatTicket | undefined,
    frames: readonly Uint8Array[]
  ): boolean {
    const { session } = player
    if (session === undefined || !this.#hubNow.canMove(session)) return false
    const passport = this.#lobby.release(player)
    this.#known.delete(player.id)
    this.#gone.set(player.id, this.#place.nowMs() + TAKE_TRIES * TAKE_EVERY_MS)
    this.moved.out++
    this.#send(session, to, seat === undefined ? passport : { ...passport, seat }, frames)
    return true
  }

  #send(
    session: Session,
    to: NodeRef,
    passport: Passport | undefined,
    frames: readonly Uint8Array[]
  ): void {
    const waiting = this.#waiting.get(session) ?? []
    this.#waiting.delete(session)
    if (passport === undefined) this.#lobby.leave(session, this.#place.nowMs())
    this.#hubNow.move(session, to, passport, [...frames, ...waiting])
  }

  /**
   * The node where so many players crowd least, of those that can be reached; undefined: there is
   * none. `isOther`: this node is not one of them.
   */
  #emptiest(count: number, isOther: boolean): NodeRef | undefined {
    let best: NodeInfo | undefined
    let least = Number.POSITIVE_INFINITY
    for (const node of this.#nodes) {
      const isSelf = isSameNode(node, this.self)
      if (node.load.isDraining || (isSelf ? isOther : !this.#isLinkedTo(node))) continue
      const sent = this.#sentTo.get(node.id) ?? 0
      const players = isSelf ? this.#lobby.playerCount - count : node.load.players + sent
      if (players >= least) continue
      best = node
      least = players
    }
    return best && { id: best.id, epoch: best.epoch }
  }

  #countSent(to: NodeRef, players: number): void {
    this.#sentTo.set(to.id, (this.#sentTo.get(to.id) ?? 0) + players)
  }

  /** A group of a quick match plays where it is least crowded. */
  place(game: Game, players: readonly Player[]): boolean {
    const to = this.#emptiest(players.length, false)
    if (to === undefined || isSameNode(to, this.self)) return false
    this.#countSent(to, players.length)
    for (const [player, seat] of this.#lobby.seatsOfGroup(game, players))
      this.#sendPlayer(player, to, seat, [])
    return true
  }

  /**
   * While this node drains: its idle rooms and players go to others. Returns whether nobody is left
   * who could go.
   */
  async moveAway(): Promise<boolean> {
    const lobby = this.#lobby
    // First: for them the directory need not answer
    for (const player of lobby.idlePlayers) {
      const to = this.#emptiest(0, true)
      if (to === undefined) break
      if (this.#waiting.has(player.session as Session)) continue
      if (this.#sendPlayer(player, to, undefined, [])) this.#countSent(to, 1)
    }
    for (const room of lobby.idleRooms) {
      if (room.isExpecting) continue // with those who come, or it would be torn apart
      const to = this.#passingTo.get(room) ?? this.#emptiest(0, true)
      if (to === undefined) continue
      if (room.options.isPractice === true || !this.#canGo(room)) {
        lobby.closeRoom(room.name, undefined)
        continue
      }
      const claim = this.#rooms.get(room)
      const key = keyOf(room.name)
      this.#passingTo.set(room, to)
      this.#unclaimed.delete(room) // that node may have it, and a claim would end it here
      const isPassed = await this.#repeated(() => this.#directoryNow.passRoom(key, to))
      if (lobby.roomOfKey(key) !== room) continue
      if (!isPassed) {
        // That node is dead, or has released it by now
        this.#passingTo.delete(room)
        if (claim !== undefined) await this.#claim(room, claim)
        continue
      }
      if (!room.isIdle) continue
      this.#rooms.delete(room) // it is not ours to release any more
      const seats = lobby.releaseRoom(room, claim?.creationId)
      this.#countSent(to, seats.length)
      for (const [player, seat] of seats) this.#sendPlayer(player, to, seat, [])
    }
    if (this.#emptiest(0, true) === undefined) return !this.#mayLinkAgain
    return lobby.idlePlayers.length === 0 && lobby.idleRooms.length === 0
  }

  /** A room is on its way: the directory has been told, or may have been. */
  get isPassing(): boolean {
    return this.#passingTo.size > 0
  }

  /** Others would take this node's players, if it reached them. */
  get #mayLinkAgain(): boolean {
    return this.#nodes.some((node) => !node.load.isDraining && !isSameNode(node, this.self))
  }

  /** Whether it has somebody to go with it: otherwise nobody would be there to end it. */
  #canGo(room: Room): boolean {
    return room.seats.some(
      ({ player: { session } }) => session !== undefined && this.#hubNow.canMove(session)
    )
  }

  // ---- What the rules report ----

  playerGone({ id }: Player): void {
    if (this.#known.delete(id)) this.#freePlayer(id)
  }

  roomMade(room: Room, creationId = this.#place.randomBytes(12).toString('hex')): void {
    const claim = { key: keyOf(room.name), code: room.code, creationId }
    this.#rooms.set(room, claim)
    this.#passed.delete(claim.key)
    this.#claim(room, claim).catch((error) =>
      this.#log.debug({ err: error }, 'a room is not in the directory yet')
    )
  }

  async #claim(room: Room, claim: RoomClaim): Promise<void> {
    this.#unclaimed.add(room)
    const { isYours } = await this.#directoryNow.claimRoom(claim)
    this.#unclaimed.delete(room)
    // Somebody took the name while the room was on its way
    if (!isYours && this.#rooms.delete(room)) this.#lobby.closeRoom(room.name, undefined)
  }

  roomGone(room: Room): void {
    this.#unclaimed.delete(room)
    this.#passingTo.delete(room)
    const claim = this.#rooms.get(room)
    if (claim === undefined) return
    this.#rooms.delete(room)
    this.#freeRoom(claim.key)
  }

  listingChanged(room: Room): void {
    this.#changed.add(room)
  }

  wantCounts(day: number, names: readonly string[]): void {
    this.#directoryNow.counts(day, names).then(
      (counts) =>
        this.#lobby.learnCounts(day, new Map(names.map((name, at) => [name, counts[at]]))),
      (error) => this.#log.debug({ err: error }, 'who rated whom at other nodes is not known')
    )
  }

  said(line: RemoteLine): void {
    this.#directoryNow
      .say(line)
      .catch((error) => this.#log.debug({ err: error }, 'a line of chat stays at this node'))
  }

  // ---- What the cluster says ----

  /** All living nodes, after each renewal. Lists have new numbers in each generation. */
  setNodes(nodes: readonly NodeInfo[], isNewGeneration = false): void {
    const before = new Map(this.#nodes.map((node) => [nameOf(node), node.listingSeq]))
    this.#nodes = nodes
    this.#sentTo.clear()
    if (isNewGeneration) this.#listingSeqs.clear()
    const { elsewhere } = this.#lobby
    const alive = new Map(nodes.map((node) => [nameOf(node), node]))
    for (const name of elsewhere.nodes) {
      if (alive.has(name)) continue
      elsewhere.forget(name)
      this.#listingSeqs.delete(name)
    }
    for (const node of nodes) {
      if (isSameNode(node, this.self)) continue
      // A change since the last renewal may still be on its way: that is no gap yet.
      const due = before.get(nameOf(node)) ?? node.listingSeq
      if (due > (this.#listingSeqs.get(nameOf(node)) ?? 0)) this.#unread.set(nameOf(node), node)
    }
    void this.#readUnread()
    void this.#retry()
  }

  /** Rooms that are this node's from now on: without one of their players their names are free. */
  expectRooms(keys: readonly string[]): void {
    const untilMs = this.#place.nowMs() + PASSED_MS
    for (const key of keys)
      if (!this.#passed.has(key) && !this.#lobby.hasRoom(key)) this.#passed.set(key, untilMs)
  }

  /** Players that are wanted at another node, where their clients came back. */
  async letGo(ids: readonly string[]): Promise<void> {
    // Whoever asked for one that has just come back here did so before; or asks again.
    const sinceMs = this.#place.nowMs() - JUST_BACK_MS
    const unheard = ids.filter((id) => {
      const session = this.#lobby.playerById(id)?.session
      return session === undefined || session.arrivedMs < sinceMs
    })
    if (unheard.length === 0) return
    for (const id of unheard) {
      this.#end(id)
      this.#strays.add(id)
    }
    await this.#letStraysGo()
  }

  /** Their names would be taken for as long as this node lives. */
  async #letStraysGo(): Promise<void> {
    const ids = [...this.#strays].filter((id) => this.#lobby.playerById(id) === undefined)
    this.#strays.clear()
    if (ids.length === 0) return
    await this.#orAgain(this.#strays, ids, () => this.#directoryNow.letGo(ids))
  }

  /**
   * Players that came while the directory could not be asked: those that another node has by now
   * end here.
   */
  async confirm(): Promise<void> {
    const updates = [...this.#known.values()]
      .filter(({ where }) => where === undefined)
      .map(({ player }) => ({
        player: this.#entryOf(player),
        where: this.#lobby.presenceOf(player)
      }))
    if (updates.length === 0) return
    try {
      for (const id of await this.#directoryNow.updatePlayers(updates)) this.#end(id)
    } catch (error) {
      // All players are registered then.
      if (!(error instanceof DirectoryError && error.code === 'settling')) throw error
    }
  }

  /** What others have by now. */
  lose({ players, rooms }: Lost): void {
    for (const id of players) this.#end(id)
    for (const key of rooms) {
      const room = this.#lobby.roomOfKey(key)
      if (room === undefined) continue
      this.#rooms.delete(room)
      this.#lobby.closeRoom(room.name, undefined)
    }
  }

  /** For a directory that has started anew. */
  get owned(): Omit<Owned, 'self'> {
    const players = [...this.#known.values()].map(({ player }) => ({
      player: this.#entryOf(player),
      where: this.#lobby.presenceOf(player)
    }))
    return { players, rooms: [...this.#rooms.values()], listings: this.#lobby.ownListings }
  }

  /** Everything that this node had may be somebody else's by now. */
  forgetAll(): void {
    this.#known.clear()
    this.#rooms.clear()
    this.#unclaimed.clear()
    this.#waiting.clear()
    this.#changed.clear()
    this.#gone.clear()
    this.#passed.clear()
    this.#passingTo.clear()
    this.#freePlayers.clear()
    this.#freeRooms.clear()
    this.#strays.clear()
    for (const name of this.#lobby.elsewhere.nodes) this.#lobby.elsewhere.forget(name)
    this.#listingSeqs.clear()
    this.#unread.clear()
  }

  // ---- Inside ----

  get #hubNow(): FrontHub {
    return this.#hub as FrontHub
  }

  get #lobby(): Lobby {
    return this.#hubNow.lobby
  }

  get #directoryNow(): Directory {
    return this.#directory as Directory
  }

  #end(id: string): void {
    this.#known.delete(id)
    const player = this.#lobby.playerById(id)
    if (player !== undefined) this.#lobby.end(player, this.#place.nowMs())
  }

  /** A claim whose answer is lost may have been made: it is given up when the directory is back. */
  async #orFree<T>(free: Set<string>, key: string, claim: () => Promise<T>): Promise<T> {
    free.delete(key)
    return await this.#orAgain(free, [key], () => this.#repeated(claim))
  }

  /** If it fails these are kept, for {@link #retry}. */
  async #orAgain<T>(kept: Set<string>, keys: string[], call: () => Promise<T>): Promise<T> {
    try {
      return await call()
    } catch (error) {
      for (const key of keys) kept.add(key)
      throw error
    }
  }

  /** Until there is an answer, but not often. */
  async #repeated<T>(call: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        return await call()
      } catch (error) {
        const isAway = error instanceof DirectoryError && error.code === 'away'
        if (!isAway || tries === CALL_TRIES) throw error
        await this.#pause(CALL_EVERY_MS)
      }
    }
  }

  #freePlayer(id: string): void {
    void this.#orLater(() => this.#releasePlayer(id))
  }

  #freeRoom(key: string): void {
    void this.#orLater(() => this.#releaseRoom(key))
  }

  /** What could not be given up, or claimed, before. */
  async #retry(): Promise<void> {
    if (this.#isRetrying) return
    this.#isRetrying = true
    await this.#orLater(async () => {
      for (const id of this.#freePlayers) await this.#releasePlayer(id)
      for (const key of this.#freeRooms) await this.#releaseRoom(key)
      await this.#letStraysGo()
      for (const room of this.#unclaimed) {
        const claim = this.#rooms.get(room)
        if (claim !== undefined) await this.#claim(room, claim)
      }
    })
    this.#isRetrying = false
  }

  /** After each renewal {@link #retry} does what the directory has not done now. */
  async #orLater(act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error
      this.#log.debug({ err: error }, 'given up later')
    }
  }

  async #releasePlayer(id: string): Promise<void> {
    this.#freePlayers.delete(id)
    if (this.#known.has(id)) return
    await this.#orAgain(this.#freePlayers, [id], () => this.#directoryNow.releasePlayer(id))
  }

  async #releaseRoom(key: string): Promise<void> {
    this.#freeRooms.delete(key)
    if (this.#lobby.hasRoom(key)) return
    await this.#orAgain(this.#freeRooms, [key], () => this.#directoryNow.releaseRoom(key))
  }

  /**
   * The player of a client that came back lives here from now on. `at`: it is there, and the client
   * has to go there; neither: there is no such player. `isHere`: where it is now, it cannot be
   * reached; so it is taken from there, but from no other node that may have it by then.
   */
  async #take(
    session: Session,
    { id, serial }: TokenClaim,
    isHere: boolean
  ): Promise<{ entry?: PlayerEntry; at?: NodeRef }> {
    let unreachable: NodeRef | undefined
    for (let tries = 0; tries < TAKE_TRIES && this.#isReturning(session, id); tries++) {
      const found = await this.#findSettled(session, id)
      if (found === undefined) return {}
      const { node } = found
      if (isHere) unreachable ??= node
      const isLost = unreachable !== undefined && isSameNode(node, unreachable)
      if (found.isOwned && !isLost && !isSameNode(node, this.self)) return { at: node }
      if (serial < found.serial - 1) throw new Refusal('token-used', 'this token has been used')
      const taken = await this.#takePlayer(id)
      if (taken === 'gone') return {}
      if (taken !== 'asked') return { entry: taken }
      await this.#pause(TAKE_EVERY_MS)
    }
    throw new Refusal('cluster-away', 'your player is at another server; try again in a moment')
  }

  /** One whose answer is lost may have been made: then the player is this node's, and not here. */
  #takePlayer(id: string): Promise<PlayerEntry | 'asked' | 'gone'> {
    return this.#orAgain(this.#strays, [id], () => this.#directoryNow.takePlayer(id))
  }

  /** Never over once this node has stopped. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isStopped) return
      const pause = this.#place.alarm(() => {
        this.#pauses.delete(pause)
        resolve()
      })
      this.#pauses.add(pause)
      pause.set(ms)
    })
  }

  #know(player: Player, where?: Presence): void {
    const { id, tokenSerial: serial } = player
    this.#known.set(id, { player, serial, where, passport: '' })
  }

  #entryOf({ id, name, account, tokenSerial: serial, moves }: Player): PlayerEntry {
    return { id, name, account, serial, moves, node: this.self }
  }

  /** Where a player is and which token counts. Ends it here if another node has it. */
  async #report(player: Player): Promise<void> {
    const known = this.#known.get(player.id)
    if (known === undefined) return
    const where = this.#lobby.presenceOf(player)
    const { tokenSerial } = player
    try {
      if (!(await this.#directoryNow.updatePlayer(this.#entryOf(player), where))) {
        this.#end(player.id)
        return
      }
      known.where = where
      known.serial = tokenSerial
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error
      known.where = undefined // the next look tries again
    }
  }

  #lookAtPlayers(): void {
    if (!this.#isAlive()) return
    const nowMs = this.#place.nowMs()
    for (const [id, untilMs] of this.#gone) {
      if (nowMs < untilMs) continue
      this.#gone.delete(id)
      this.#strays.add(id) // unless the other node has it by now, as the directory knows
    }
    for (const [key, untilMs] of this.#passed) {
      if (nowMs < untilMs) continue
      this.#passed.delete(key)
      if (!this.#lobby.hasRoom(key)) this.#freeRoom(key)
    }
    const updates: PlayerUpdate[] = []
    for (const known of this.#known.values()) {
      const { player } = known
      this.#showPassport(player)
      const where = this.#lobby.presenceOf(player)
      if (known.where === where && known.serial === player.tokenSerial) continue
      known.where = where
      known.serial = player.tokenSerial
      if (updates.push({ player: this.#entryOf(player), where }) === MAX_REPORTED) break
    }
    if (updates.length > 0) void this.#reportAll(updates)
  }

  async #reportAll(updates: readonly PlayerUpdate[]): Promise<void> {
    try {
      for (const id of await this.#directoryNow.updatePlayers(updates)) this.#end(id)
    } catch (error) {
      if (!(error instanceof DirectoryError)) throw error
      for (const { player } of updates) {
        const known = this.#known.get(player.id)
        if (known !== undefined) known.where = undefined // the next look tries again
      }
    }
  }

  /** To the switchboard of another node, if it has changed. */
  #showPassport(player: Player): void {
    const known = this.#known.get(player.id)
    const { session, tokenSerial, hasToken, muted, room } = player
    if (known === undefined || session === undefined) return
    const mark = `${tokenSerial} ${hasToken} ${muted.size} ${room?.name}`
    if (known.passport === mark) return
    known.passport = mark
    this.#hubNow.showPassport(session, this.#lobby.passportOf(player))
  }

  async #publishListings(): Promise<void> {
    if (this.#changed.size === 0) return
    const rooms = [...this.#changed]
    this.#changed.clear()
    const changed = rooms.filter((room) => this.#lobby.hasListed(room)).map(({ info }) => info)
    const there = new Set(changed.map(({ name }) => name))
    const gone = rooms.map(({ name }) => name).filter((name) => !there.has(name))
    try {
      await this.#directoryNow.publishListings(changed, gone)
    } catch (error) {
      this.#log.debug({ err: error }, 'published later')
      for (const room of rooms) this.#changed.add(room)
    }
  }

  #onListings({ node, seq, changed, gone }: ListingChange): void {
    if (isSameNode(node, this.self)) return
    const name = nameOf(node)
    if (!this.#nodes.some((each) => isSameNode(each, node))) return // not yet, or no longer
    // What is missing then, the next renewal finds
    if (this.#readingListings.has(name) || this.#unread.has(name)) return
    const last = this.#listingSeqs.get(name) ?? 0
    if (seq <= last) return
    if (seq > last + 1) {
      this.#unread.set(name, node)
      return void this.#readUnread()
    }
    this.#listingSeqs.set(name, seq)
    this.#lobby.elsewhere.change(name, changed, gone)
  }

  /**
   * All nodes do so when the directory has started anew, each for all others: at once it would be
   * more than the directory answers in time, also to renewals.
   */
  async #readUnread(): Promise<void> {
    if (this.#isReading) return
    this.#isReading = true
    for (const [name, node] of this.#unread) {
      this.#unread.delete(name)
      await this.#readListings(node)
    }
    this.#isReading = false
  }

  async #readListings(node: NodeRef): Promise<void> {
    const name = nameOf(node)
    this.#readingListings.add(name)
    try {
      const { seq, rooms } = await this.#directoryNow.listings(node)
      if (!this.#nodes.some((each) => isSameNode(each, node))) return
      if (seq === 0) return // it has yet to register: until then its rooms are as they were
      this.#listingSeqs.set(name, seq)
      this.#lobby.elsewhere.replace(name, rooms)
    } catch (error) {
      this.#log.debug({ err: error, node: name }, 'its rooms are read later')
    } finally {
      this.#readingListings.delete(name)
    }
  }

  #refuse(session: Session, reason: Refusal): void {
    if (this.#hubNow.has(session)) this.#hubNow.tell(session, reason.toMessage())
  }
}

/** Of so many nodes, each publishes its listings so often; all together that often to each. */
export function publishEveryMs(nodes: number): number {
  return Math.max(PUBLISH_EVERY_MS, (nodes * 1_000) / LISTINGS_A_SECOND)
}

function nameOf({ id, epoch }: NodeRef): string {
  return `${id} ${epoch}`
}

function awayRefusal({ code }: DirectoryError): Refusal {
  const why =
    code === 'settling'
      ? "the lobby's servers have just found together"
      : "the lobby's directory is away"
  return new Refusal('cluster-away', `${why}; try again in a moment`)
}
