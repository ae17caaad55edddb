// The rules: who may do what, and who gets which message. Takes frames and returns messages. Uses
// no sockets; the time is passed in.

import {
  type Command,
  type GameInfo,
  keyOf,
  type LimitsInfo,
  type PlayedMatch,
  PROTOCOL_VERSION,
  type Presence,
  parseCommand,
  Refusal,
  type RoomFilter,
  type RoomInfo,
  type ServerMessage
} from '../wire/protocol.ts'
import {
  AccountSigner,
  newPlayerId,
  TOKEN_KEY_BYTES,
  type TokenClaim,
  TokenSigner
} from '../wire/tokens.ts'
import { unhandled } from '../wire/unhandled.ts'
import { Accounts } from './accounts.ts'
import { AddressRates } from './address-rates.ts'
import { Arrivals } from './arrivals.ts'
import { type Ban, Bans } from './bans.ts'
import type { ClusterOutlet, RemoteLine } from './cluster-outlet.ts'
import type { PersonPage, RoomPage } from './details.ts'
import type { Game, Games } from './game.ts'
import { Leaderboard } from './leaderboard.ts'
import { HISTORY_COST, type Limits, REPORT_COST, TICK_PARTS } from './limits.ts'
import { LobbyTalk } from './lobby-talk.ts'
import type { Match, MatchFailure, MatchResult } from './match.ts'
import type { Passport, SeatTicket, Standing } from './passport.ts'
import { hearersOf, Player, sessionsOf } from './player.ts'
import { QuickMatch } from './quick-match.ts'
import { dayOf, isFirstOfAccount, RatedPairs } from './rated-pairs.ts'
import type { MatchRecord } from './records.ts'
import { RemoteRooms } from './remote-rooms.ts'
import { RemoteSpeakers } from './remote-speakers.ts'
import { type Report, Reports } from './reports.ts'
import {
  CODE_CHARS,
  type Contestant,
  type Deliver,
  type DeliverState,
  type KeptMatch,
  newCode,
  Room,
  type RoomOptions,
  type RoomOutlet
} from './room.ts'
import { RoomList } from './room-list.ts'
import type { Session } from './session.ts'
import { MAX_SKILLS, Skills, tenths } from './skills.ts'

/** Says why and ends the connection. Calls {@link Lobby.leave} before it returns. */
export type Dismiss = (session: Session, reason: Refusal) => void

/** What the rules ask of those who hold the connections and the results. */
export interface Outlet {
  deliver: Deliver
  deliverState: DeliverState
  dismiss: Dismiss
  /**
   * Stores a match, and the skills after it. Calls `then` when no kill can lose it any more, or
   * when storing has failed.
   */
  keep(match: MatchRecord, then: (saved: boolean) => void): void
  /** Signs accounts and resume tokens; without one they end with this lobby. */
  readonly tokenKey?: Buffer | undefined
  /** A game has made a mistake: a match of that room has ended without a result. */
  failed?(room: Room, match: Match, failure: MatchFailure): void
  /** Somebody was reported to the operators; {@link Lobby.reports} has it, too. */
  reported?(report: Report): void
  /** Reads a player's last matches. Calls `then` with undefined if that fails. */
  history(key: string, then: (matches: PlayedMatch[] | undefined) => void): void
  newSeed(): string
  /** Milliseconds since 1970. */
  dateMs(): number
  /** Nobody can guess them. */
  randomBytes(count: number): Buffer
  /** Sends bots into the room with this code. Returns false if there are not so many. */
  sendBots(code: string, count: number): boolean
  /** The other nodes; undefined where this lobby is the only one. */
  readonly cluster?: ClusterOutlet | undefined
}

/** Who somebody with a new name is. */
export interface Identity {
  readonly id: string
  readonly account: string
}

/** What others have found out, or settled, before a command is done. */
export interface Prepared {
  readonly identity?: Identity
  /** Of the private room that is about to be made. */
  readonly code?: string
}

/** What can be played, and the operator's settings of each game, by its name. */
export interface LobbyGames {
  list: Games
  settings: ReadonlyMap<string, Record<string, unknown>>
}

/** What a lobby goes on from: what a server before it has kept. */
export interface Kept {
  skills?: Skills
  leaders?: Leaderboard
  bans?: Bans
  accounts?: Accounts
  ratedPairs?: RatedPairs
}

/** Of what is wrong with a setting: the names in it come from the sender. */
const MAX_REASON_CHARS = 200
/** By one player; of more the first one is heard again. */
const MAX_MUTED = 100
/** Players of a room that moves here come within so long, or not at all. */
const ARRIVAL_MS = 5_000
/** The seats of a practice, with the one of the player. */
const PRACTICE_SEATS = 4

export class Lobby {
  readonly #limits: Limits
  readonly #outlet: Outlet
  readonly #deliver: Deliver
  readonly #dismiss: Dismiss
  readonly #ofRooms: RoomOutlet
  #tokens: TokenSigner
  #accountTokens: AccountSigner
  readonly #accounts: Accounts
  readonly #ratedPairs: RatedPairs
  readonly reports: Reports
  /** Connected, and not being disconnected. */
  readonly #present = new Set<Session>()
  /** Those of them without a name yet. */
  readonly #arrivals = new Arrivals()
  // Names come from strangers, so they are keys of maps and never of plain objects.
  readonly #players = new Map<string, Player>()
  readonly #byId = new Map<string, Player>()
  readonly #rooms = new Map<string, Room>()
  /** Private ones, by their codes. */
  readonly #byCode = new Map<string, Room>()
  readonly #list: RoomList
  /** The public ones of other nodes. */
  readonly elsewhere: RemoteRooms
  readonly #remoteSpeakers = new RemoteSpeakers()
  readonly #games: LobbyGames
  /** By game. */
  readonly #queues: ReadonlyMap<Game, QuickMatch>
  readonly #skills: Skills
  readonly #leaders: Leaderboard
  readonly bans: Bans
  /** How many connections each address has. */
  readonly #addresses = new Map<string, number>()
  readonly #signInRates: AddressRates
  readonly #newRoomRates: AddressRates
  /** By the address of the founder; and for each room that one. */
  readonly #roomsOfAddress = new Map<string, number>()
  readonly #founders = new Map<Room, string>()
  /** Of the names of rooms that no other node may give: see {@link nameForQuickMatch}. */
  prefix = ''
  #matches: number
  #roomsMade = 0
  #signIns = 0
  #quickMatches = 0
  #practices = 0
  #isDraining = false
  /** The players who are in no room: the lobby proper. */
  readonly #inLobby = new Set<Player>()
  readonly #lobbyTalk: LobbyTalk
  /** Those whose connection is lost, the longest away first. */
  readonly #away = new Set<Player>()

  constructor(limits: Limits, outlet: Outlet, games: LobbyGames, kept: Kept = {}) {
    this.#limits = limits
    this.#outlet = outlet
    // Players go from node to node: what is left of a match there must not be taken for one here.
    this.#matches = outlet.cluster === undefined ? 0 : outlet.randomBytes(4).readUInt32BE() >>> 1
    this.#deliver = outlet.deliver
    this.#dismiss = outlet.dismiss
    this.#skills = kept.skills ?? new Skills()
    this.#leaders = kept.leaders ?? new Leaderboard(MAX_SKILLS)
    this.bans = kept.bans ?? new Bans()
    this.#signInRates = new AddressRates(limits.maxSignInsPerAddress)
    this.reports = new Reports(limits)
    this.#newRoomRates = new AddressRates(limits.maxNewRoomsPerAddress)
    this.#list = new RoomList(limits, outlet.deliver)
    this.elsewhere = new RemoteRooms(this.#list)
    this.#games = games
    this.#queues = new Map(
      [...games.list.values()].map((game) => [game, new QuickMatch(limits, game)])
    )
    this.#lobbyTalk = new LobbyTalk(limits)
    const key = outlet.tokenKey ?? outlet.randomBytes(TOKEN_KEY_BYTES)
    this.#tokens = new TokenSigner(key)
    this.#accountTokens = new AccountSigner(key)
    this.#accounts = kept.accounts ?? new Accounts(MAX_SKILLS)
    this.#ratedPairs = kept.ratedPairs ?? new RatedPairs(limits)
    this.#ofRooms = {
      deliver: outlet.deliver,
      deliverState: outlet.deliverState,
      changed: (room) => this.#changed(room),
      finished: this.#finish.bind(this),
      failed: (room, match, failure) => outlet.failed?.(room, match, failure),
      playing: (room) => this.#askForCounts(room),
      newMatch: () => ({ number: ++this.#matches, seed: outlet.newSeed() }),
      randomBytes: outlet.randomBytes,
      mayStart: () => !this.#isDraining
    }
  }

  /** With those who are away. */
  get playerCount(): number {
    return this.#players.size
  }

  get awayCount(): number {
    return this.#away.size
  }

  get roomCount(): number {
    return this.#rooms.size
  }

  get queueLength(): number {
    let length = 0
    for (const queue of this.#queues.values()) length += queue.size
    return length
  }

  /** Names chosen and seats taken again, since the start. */
  get signIns(): number {
    return this.#signIns
  }

  /** Counted when asked for, which is once a second: matches, and who plays in them. */
  get matchCount(): number {
    let count = 0
    for (const room of this.#rooms.values()) if (room.isPlaying) count++
    return count
  }

  get playingCount(): number {
    let count = 0
    for (const room of this.#rooms.values()) if (room.isPlaying) count += room.playerCount
    return count
  }

  /** A page of all rooms, the private ones too: for operators. */
  roomDetails(from: number, nowMs: number): RoomPage {
    const page = [...this.#rooms.values()].slice(from, from + this.#limits.maxListedRooms)
    return { rooms: page.map((room) => room.detail(nowMs)), from, total: this.#rooms.size }
  }

  // ---- What operators do ----

  playerNamed(name: string): Player | undefined {
    return this.#players.get(keyOf(name))
  }

  /** The account that a name belongs to, whether its player is here or not. */
  ownerOf(name: string): string | undefined {
    return this.#accounts.ownerOf(name)
  }

  /** A page of the players whose names or addresses contain `find`. */
  people(from: number, find: string): PersonPage {
    const key = keyOf(find)
    const found = [...this.#players].filter(
      ([name, { session }]) => name.includes(key) || session?.address.includes(find)
    )
    const page = found.slice(from, from + this.#limits.maxListedRooms)
    const players = page.map(([, player]) => {
      const { name, session, room } = player
      return { name, address: session?.address, where: this.#whereIs(player), room: room?.name }
    })
    return { players, from, total: found.length }
  }

  /** Ends a player's connection and gives up the seat, also of one that is away. */
  sendAway(player: Player, reason: Refusal, nowMs: number): void {
    if (player.session === undefined) this.#remove(player, nowMs)
    else this.#dismiss(player.session, reason)
  }

  /** The players that it is for are disconnected, and stay out until it ends. */
  enforce(ban: Ban, nowMs: number): void {
    const isMeant = (player: Player, key: string) =>
      key === ban.key || (ban.account !== undefined && player.account === ban.account)
    for (const [key, player] of [...this.#players])
      if (isMeant(player, key)) this.sendAway(player, refusalOf(ban), nowMs)
    if (ban.address === undefined) return
    const there = [...this.#present].filter(({ block }) => block === ban.address)
    for (const session of there) this.#dismiss(session, refusalOf(ban))
  }

  /**
   * Returns whether there was such a room. Everybody in it is in the lobby again. Without a reason:
   * since this node cannot go on with it.
   */
  closeRoom(name: string, reason: string | undefined): boolean {
    const room = this.#rooms.get(keyOf(name))
    if (room === undefined) return false
    this.#close(room, reason === undefined ? { byNode: 'drained' } : { byOperator: reason })
    return true
  }

  /** To one player, or to everybody. */
  announce(text: string, player?: Player): void {
    const to = player === undefined ? 'all' : 'you'
    const players = player === undefined ? this.#players.values() : [player]
    this.#deliver(sessionsOf(players), { type: 'announcement', to, text })
  }

  // ---- Connections ----

  /**
   * From now on no player can join and no match starts; a player with a seat can still come back.
   */
  drain(withinMs: number, nowMs: number): void {
    this.#isDraining = true
    for (const queue of this.#queues.values())
      for (const player of queue.clear()) this.#tell(player, { type: 'unqueued' })
    for (const room of this.#rooms.values()) room.reconsider(nowMs)
    this.#deliver(sessionsOf(this.#players.values()), { type: 'draining', withinMs })
  }

  /** Somebody connected. */
  enter(session: Session): void {
    this.#arrivals.add(session)
    this.#present.add(session)
    const count = (this.#addresses.get(session.block) ?? 0) + 1
    this.#addresses.set(session.block, count)
    const ban = this.bans.of({ address: session.block }, this.#outlet.dateMs())
    if (ban !== undefined) return this.#dismiss(session, refusalOf(ban))
    if (count > this.#limits.maxConnectionsPerAddress) {
      this.#dismiss(
        session,
        new Refusal('too-many-connections', 'there are too many connections from your address')
      )
      return
    }
    if (this.#present.size > this.#limits.maxConnections) {
      const leaving = this.#arrivals.oneTooMany(session)
      this.#dismiss(leaving, new Refusal('server-full', 'the server is full; try again later'))
      if (leaving === session) return
    }
    const { maxFrameBytes } = this.#limits
    this.#deliver([session], {
      type: 'hello',
      version: PROTOCOL_VERSION,
      maxFrameBytes,
      limits: limitsInfo(this.#limits),
      games: this.#gameInfos()
    })
  }

  /** A connection is closed for good; its seat is given up. Calling it again does nothing. */
  leave(session: Session, nowMs: number): void {
    this.#depart(session)
    this.#standUp(session, nowMs)
  }

  #standUp(session: Session, nowMs: number): void {
    const { player } = session
    if (player === undefined) return
    session.player = undefined
    player.session = undefined
    this.#remove(player, nowMs)
  }

  /** A connection is lost: its player can come back. Calling it again does nothing. */
  lose(session: Session, nowMs: number): void {
    this.#depart(session)
    const { player } = session
    if (player === undefined) return
    session.player = undefined
    player.session = undefined
    player.awayUntilMs = nowMs + this.#limits.resumeMs
    this.#away.add(player)
    this.#list.watch(player, undefined)
    this.#unqueue(player) // a match must not begin without its players
    player.room?.lose(player, nowMs)
    // More than could all come back at once: a client that connects, takes a name and disconnects,
    // again and again, must not fill the lobby with empty seats.
    const [longestAway] = this.#away
    if (this.#away.size > this.#limits.maxConnections) this.#remove(longestAway, nowMs)
  }

  /**
   * Handles a frame of a session that is within its rate. Only its sender gets to see what is wrong
   * with it.
   */
  receive(session: Session, frame: Uint8Array, nowMs: number): void {
    const command = this.parse(session, frame)
    if (command !== undefined) this.handle(session, command, nowMs)
  }

  /** What the frame says. Returns undefined when it is no command: then its sender knows. */
  parse(session: Session, frame: Uint8Array): Command | undefined {
    return this.#unlessRefused(session, () => parseCommand(frame, this.#limits))
  }

  /** Does a command, or refuses it. */
  handle(session: Session, command: Command, nowMs: number, prepared: Prepared = {}): void {
    this.#unlessRefused(session, () => {
      if (session.player !== undefined) session.player.hasToken = true
      this.#obey(session, command, nowMs, prepared)
    })
  }

  #unlessRefused<T>(session: Session, act: () => T): T | undefined {
    try {
      return act()
    } catch (error) {
      // A bug of ours: it must not look like a mistake of the client
      if (!(error instanceof Refusal)) throw error
      this.#refuse(session, error)
      return undefined
    }
  }

  // ---- The other nodes of a cluster ----

  /** How it is written in a passport: what another node needs to go on with this player. */
  passportOf(player: Player): Passport {
    const { id, name, account, tokenSerial, moves, hasToken, muted, said, missed, room } = player
    const watching = this.#list.filterOf(player)
    const key = this.#keyOf(player)
    return {
      id,
      name,
      account,
      serial: tokenSerial,
      moves,
      hasToken,
      muted: [...muted],
      said: [...said],
      ...(watching === undefined ? {} : { watching }),
      ...(missed === undefined ? {} : { missed }),
      ...(room === undefined ? {} : { room: room.name }),
      standing: { key, skill: this.#skills.of(key), isKnown: this.#accounts.isKnown(account) }
    }
  }

  /**
   * The player goes on at another node: here it is no more, and its connection is nobody's. It must
   * not be in a room; see {@link releaseRoom}.
   */
  release(player: Player): Passport {
    if (this.#unqueue(player)) this.#tell(player, { type: 'unqueued' })
    const passport = this.passportOf(player)
    player.heldRoom?.letGo(player)
    this.#leaveLobby(player)
    this.#away.delete(player)
    this.#players.delete(keyOf(player.name))
    this.#byId.delete(player.id)
    const { session } = player
    if (session !== undefined) {
      this.#depart(session)
      session.player = undefined
      player.session = undefined
    }
    return passport
  }

  /** The players of a group that plays at another node. */
  seatsOfGroup(game: Game, players: readonly Player[]): [player: Player, seat: SeatTicket][] {
    const room = {
      name: this.nameForQuickMatch(),
      game: game.name,
      settings: this.#settingsOf(game),
      capacity: players.length,
      isPrivate: true,
      expected: players.map(({ id }) => id),
      host: players[0].id
    }
    return players.map((player) => [player, { room, isReady: true, isSpectator: false }])
  }

  /**
   * A room goes on at another node, with those inside who are connected; others have left it. No
   * match may run in it.
   */
  releaseRoom(room: Room, creationId?: string): [player: Player, seat: SeatTicket][] {
    const seats = room.seats
    const moving = seats.filter(({ player }) => player.session !== undefined)
    const { game, settings, capacity, isPrivate, password } = room.options
    const plan = {
      name: room.name,
      ...(room.code === undefined ? {} : { code: room.code }),
      ...(creationId === undefined ? {} : { creationId }),
      game: game.name,
      settings,
      capacity,
      isPrivate,
      ...(password === undefined ? {} : { password }),
      expected: moving.map(({ player }) => player.id),
      host: seats.find(({ isHost }) => isHost)?.player.id ?? ''
    }
    for (const player of room.close()) this.#inLobby.add(player)
    this.#forget(room)
    return moving.map(({ player, isReady, isSpectator }) => [
      player,
      { room: plan, isReady, isSpectator }
    ])
  }

  /** Rooms in which no match runs; those of practices end with their players' stay. */
  get idleRooms(): Room[] {
    return [...this.#rooms.values()].filter((room) => room.isIdle)
  }

  /** Those who are connected and in no room. */
  get idlePlayers(): Player[] {
    return [...this.#inLobby].filter(({ session }) => session !== undefined)
  }

  /** From now on accounts and tokens are signed with this key, as at all nodes of the cluster. */
  useKey(key: Buffer): void {
    this.#tokens = new TokenSigner(key)
    this.#accountTokens = new AccountSigner(key)
  }

  get isDraining(): boolean {
    return this.#isDraining
  }

  /** undefined: there is no such game. Without a name, that of the first one. */
  gameNamed(name: string | undefined): Game | undefined {
    const { list } = this.#games
    return name === undefined ? [...list.values()][0] : list.get(name)
  }

  skillOf(player: Player): number {
    return this.#skills.of(this.#keyOf(player))
  }

  /** Another node has this player, or wants it: here it ends, without a word of the directory. */
  end(player: Player, nowMs: number): void {
    if (player.session === undefined) return this.#remove(player, nowMs)
    const { session } = player
    this.#dismiss(session, new Refusal('replaced', 'you signed in on another connection'))
  }

  get players(): IterableIterator<Player> {
    return this.#players.values()
  }

  playerById(id: string): Player | undefined {
    return this.#byId.get(id)
  }

  presenceOf(player: Player): Presence {
    return this.#whereIs(player)
  }

  /** A connection comes over from another node, where it has been greeted. */
  takeOver(session: Session): void {
    this.#arrivals.add(session)
    this.#present.add(session)
    this.#addresses.set(session.block, (this.#addresses.get(session.block) ?? 0) + 1)
  }

  /**
   * A player goes on here, on this connection: see {@link takeOver}. Undefined when it plays here
   * on another one that came later: then this connection is ended.
   */
  adopt(session: Session, passport: Passport, nowMs: number): Player | undefined {
    this.#arrivals.delete(session)
    const { id, name, account, seat, standing, watching } = passport
    if (standing !== undefined) this.learn(account, standing)
    const here = this.#byId.get(id)
    if (here !== undefined) {
      // A node that was stopped for a while offers connections that their players have given up.
      if (here.session !== undefined && passport.moves <= here.moves) {
        this.#dismiss(session, new Refusal('replaced', 'you signed in on another connection'))
        return undefined
      }
      here.moves = Math.max(here.moves, passport.moves)
      this.#takeSeatOf(session, here, nowMs)
      return here
    }
    const player = new Player(name, id, account)
    player.tokenSerial = passport.serial
    player.moves = passport.moves
    player.hasToken = passport.hasToken
    player.address = session.address
    player.block = session.block
    player.missed = passport.missed
    player.said.push(...passport.said)
    for (const mark of passport.muted) player.muted.add(mark)
    const namesake = this.#players.get(keyOf(name))
    if (namesake !== undefined)
      this.sendAway(namesake, new Refusal('replaced', 'this name belongs to somebody else'), nowMs)
    this.#players.set(keyOf(name), player)
    this.#byId.set(id, player)
    this.#inLobby.add(player)
    session.player = player
    player.session = session
    if (watching !== undefined && seat === undefined) this.#watch(player, watching)
    if (seat !== undefined) this.#sitDown(player, seat, nowMs)
    return player
  }

  /** What the cluster knows of an account: under which key its results are, and its skill. */
  learn(account: string, { key, skill, isKnown }: Standing): void {
    if (isKnown) this.#accounts.learn(account, key)
    // Strangers take no place of those who are known
    if (isKnown || skill !== this.#skills.of(key)) this.#skills.learn(key, skill)
  }

  /** Its player is in the lobby again, since the node where it was is lost. */
  comeHome(session: Session, room: string): void {
    this.#deliver([session], { type: 'unqueued' })
    this.#deliver([session], { type: 'left', room, byNode: 'lost' })
  }

  /** A new token for a player who has used one. */
  welcome(session: Session, player: Player, nowMs: number): void {
    this.#seat(session, player, nowMs)
  }

  /** A line of the lobby's chat from another node. */
  hear(line: RemoteLine, nowMs: number): void {
    this.#remoteSpeakers.heard(line)
    if (!this.#lobbyTalk.bears(this.#inLobby.size, nowMs)) return
    const message = { type: 'chat', from: line.name, to: 'lobby', text: line.text } as const
    this.#deliver(hearersOf(this.#inLobby, line), message)
  }

  /** What a token says if it is one of this lobby and still good. */
  claimOf(token: string, nowMs: number): TokenClaim | undefined {
    const claim = this.#tokens.verify(token)
    return claim !== undefined && this.#tokenClock(nowMs) < claim.expiresMs ? claim : undefined
  }

  /** The code of a private room that is about to be made. */
  newCode(): string {
    return newCode(this.#outlet.randomBytes(CODE_CHARS))
  }

  hasListed(room: Room): boolean {
    return this.#list.has(room)
  }

  /** The public rooms of this node. */
  get ownListings(): RoomInfo[] {
    return [...this.#rooms.values()].filter((room) => this.#list.has(room)).map(({ info }) => info)
  }

  roomOfKey(key: string): Room | undefined {
    return this.#rooms.get(key)
  }

  hasRoom(key: string): boolean {
    return this.#rooms.has(key)
  }

  /** Entries of one page of a list. */
  get pageSize(): number {
    return this.#limits.maxListedRooms
  }

  /**
   * Everything ends here without a word, for others may have taken it over. Returns the connections
   * that there are.
   */
  abandon(): Session[] {
    const sessions = [...this.#present]
    for (const room of this.#rooms.values()) {
      room.close()
      this.#list.delete(room)
    }
    for (const player of this.#players.values()) {
      this.#leaveLobby(player)
      if (player.session !== undefined) player.session.player = undefined
      player.session = undefined
    }
    for (const each of [this.#rooms, this.#byCode, this.#founders, this.#roomsOfAddress])
      each.clear()
    for (const each of [this.#players, this.#byId, this.#away, this.#inLobby]) each.clear()
    for (const session of sessions) this.#depart(session)
    return sessions
  }

  #sitDown(player: Player, { room: plan, isReady, isSpectator }: SeatTicket, nowMs: number): void {
    const room = this.#rooms.get(keyOf(plan.name)) ?? this.#roomFor(plan, nowMs)
    if (room === undefined || !room.expects(player.id)) {
      this.#tell(player, { type: 'left', room: plan.name, byNode: 'drained' })
      return
    }
    this.#leaveLobby(player)
    room.arrive(player, { isHost: plan.host === player.id, isReady, isSpectator }, nowMs)
  }

  /** undefined: its game is not played here. */
  #roomFor(plan: SeatTicket['room'], nowMs: number): Room | undefined {
    const game = this.#games.list.get(plan.game)
    if (game === undefined) return undefined
    const { name, code, settings, capacity, isPrivate, password } = plan
    const room = this.#newRoom(name, { capacity, isPrivate, password, game, settings }, code)
    room.expect(plan.expected, nowMs + ARRIVAL_MS)
    this.#keepRoom(room)
    this.#outlet.cluster?.roomMade(room, plan.creationId)
    return room
  }

  #watch(player: Player, filter: RoomFilter): void {
    this.#list.watch(player, filter)
    this.#tell(player, { type: 'rooms', from: 0, ...this.#list.page(0, filter) })
  }

  // ---- Of commands ----

  /** By a datagram: it is ignored without an answer when it does not count. */
  input(session: Session, match: number, seq: number, bytes: Uint8Array, nowMs: number): void {
    const { player } = session
    player?.room?.inputByDatagram(player, match, seq, bytes, nowMs)
  }

  /**
   * Does what is due by the clock. With `part` only the rooms of that part, of {@link TICK_PARTS},
   * advance.
   */
  tick(nowMs: number, part?: number): void {
    for (const session of this.#arrivals) {
      if (nowMs - session.arrivedMs < this.#limits.signInMs) break
      this.#dismiss(session, new Refusal('sign-in-timeout', 'you did not choose a name in time'))
    }
    for (const player of this.#away) {
      if (nowMs < player.awayUntilMs) break
      this.#remove(player, nowMs)
    }
    for (const room of this.#rooms.values()) {
      if (part !== undefined && room.part !== part) continue
      room.tick(nowMs)
      if (room.isIdlePractice(nowMs)) this.#close(room, { isIdle: true })
      else this.#closeIfEmpty(room, nowMs)
    }
    for (const [game, queue] of this.#queues)
      for (const group of queue.takeGroups(nowMs)) this.#bringTogether(game, group, nowMs)
    this.#list.tellChanges(nowMs)
  }

  #obey(session: Session, command: Command, nowMs: number, prepared: Prepared): void {
    switch (command.type) {
      case 'ping':
        this.#deliver([session], { type: 'pong', id: command.id })
        return
      case 'name':
        this.#signIn(session, command, prepared.identity, nowMs)
        return
      case 'resume':
        this.#resume(session, command.token, nowMs)
        return
    }
    const { player } = session
    if (player === undefined) throw new Refusal('name-first', 'choose a name first')
    switch (command.type) {
      case 'sign-out':
        this.#signOut(session, nowMs)
        break
      case 'rooms':
        this.#tell(player, {
          type: 'rooms',
          from: command.from,
          ...this.#list.page(command.from, command.filter)
        })
        break
      case 'watch-rooms':
        if (command.on) this.#watch(player, command.filter)
        else this.#list.watch(player, undefined)
        break
      case 'players':
        this.#tell(player, this.#presences(command.from))
        break
      case 'leaders': {
        const { size: players } = this.#leaders
        const leaders = [...this.#leaders.top()]
        const skill = this.#skills.of(this.#keyOf(player))
        this.#tell(player, { type: 'leaders', leaders, skill, players })
        break
      }
      case 'history':
        if (!session.bucket.take(HISTORY_COST, nowMs))
          throw new Refusal('too-fast', 'you ask for your matches too often; wait a moment')
        this.#outlet.history(this.#keyOf(player), (matches) => {
          if (matches !== undefined) this.#tell(player, { type: 'history', matches })
          else
            this.#refuse(session, new Refusal('no-history', 'your matches cannot be read just now'))
        })
        break
      case 'create':
        this.#create(session, player, command, prepared.code, nowMs)
        break
      case 'hold':
        this.#hold(player, command.room, command.password, nowMs)
        break
      case 'join':
        this.#mustBeInLobby(player)
        this.#enterRoom(player, this.#find(command.room), (room) =>
          room.join(player, command.password, nowMs)
        )
        break
      case 'spectate':
        this.#mustBeInLobby(player)
        this.#enterRoom(player, this.#find(command.room), (room) =>
          room.spectate(player, command.password, nowMs)
        )
        break
      case 'queue':
        this.#enqueue(player, this.#gameOf(command.game), nowMs)
        break
      case 'unqueue':
        if (!this.#unqueue(player)) throw new Refusal('not-queued', 'you are not in the queue')
        this.#tell(player, { type: 'unqueued' })
        break
      case 'practice':
        this.#practise(player, this.#gameOf(command.game), nowMs)
        break
      case 'leave':
        this.#leaveByCommand(player, nowMs)
        break
      case 'kick':
        this.#kick(player, command.name, nowMs)
        break
      case 'host':
        this.#roomOf(player).handOver(player, command.name)
        break
      case 'ready':
        this.#roomOf(player).setReady(player, command.ready, nowMs)
        break
      case 'input':
        this.#roomOf(player).inputByCommand(
          player,
          command.match,
          command.seq,
          command.input,
          nowMs
        )
        break
      case 'udp':
        // The gateway answers it where there are datagrams.
        throw new Refusal('no-udp', 'datagrams are not available on this connection')
      case 'say':
        if (player.room !== undefined) player.room.say(player, command.text)
        else this.#sayInLobby(session, player, command.text, nowMs)
        break
      case 'mute':
        this.#mute(player, command.name, command.on)
        break
      case 'report':
        this.#report(session, player, command.name, command.text, nowMs)
        break
      default:
        unhandled(command)
    }
  }

  #signIn(
    session: Session,
    command: Extract<Command, { type: 'name' }>,
    prepared: Identity | undefined,
    nowMs: number
  ): void {
    const { name } = command
    this.#mustBeNobody(session)
    this.#mustNotDrain()
    if (!this.#signInRates.take(session.block, nowMs))
      throw new Refusal('too-fast', 'too many sign-ins from your address; wait a moment')
    const key = keyOf(name)
    const { id, account } = prepared ?? this.identityOf(command)
    this.#mustNotBeBanned(key, account)
    // Also that of a player who is away: the name is part of the seat.
    if (this.#players.has(key)) throw new Refusal('name-taken', 'this name is taken')
    if (prepared === undefined && !this.#accounts.mayUse(account, name))
      throw new Refusal('name-reserved', 'somebody has played under this name, and keeps it')
    const player = new Player(name, id, account)
    this.#players.set(key, player)
    this.#byId.set(player.id, player)
    this.#inLobby.add(player)
    this.#seat(session, player, nowMs)
  }

  /** Who a player with this account token is; without a good one, somebody new. */
  identityOf({ account: token }: { account: string | undefined }): Identity {
    const { randomBytes } = this.#outlet
    const known = token && this.#accountTokens.verify(token)
    return { id: newPlayerId(randomBytes), account: known || newPlayerId(randomBytes) }
  }

  /**
   * A player's last token identifies that player. Nothing changes before the token has passed every
   * check.
   */
  #resume(session: Session, token: string, nowMs: number): void {
    this.#mustBeNobody(session)
    const claim = this.#tokens.verify(token)
    if (claim === undefined) throw new Refusal('bad-token', 'this token is not from this server')
    const player = this.#byId.get(claim.id)
    if (player === undefined || this.#tokenClock(nowMs) >= claim.expiresMs)
      throw new Refusal('token-expired', 'the seat has been given up')
    // A `welcome` can get lost: until the player has spoken, the token before counts, too.
    const least = player.hasToken ? player.tokenSerial : player.tokenSerial - 1
    if (claim.serial < least) throw new Refusal('token-used', 'this token has been used')
    if (claim.serial === player.tokenSerial) player.hasToken = true
    this.#takeSeatOf(session, player, nowMs)
  }

  #takeSeatOf(session: Session, player: Player, nowMs: number): void {
    const before = player.session
    if (before !== undefined) {
      // The old connection may be dead and not know it yet: the new one counts.
      before.player = undefined
      this.#dismiss(before, new Refusal('replaced', 'you signed in on another connection'))
    }
    this.#away.delete(player)
    this.#seat(session, player, nowMs)
    player.room?.welcomeBack(player, nowMs)
    const { missed } = player
    player.missed = undefined
    if (missed !== undefined) this.#deliver([session], missed)
  }

  /** Nodes of a cluster have no other clock in common than the date. */
  #tokenClock(nowMs: number): number {
    return this.#outlet.cluster === undefined ? nowMs : this.#outlet.dateMs()
  }

  #seat(session: Session, player: Player, nowMs: number): void {
    this.#arrivals.delete(session)
    this.#signIns++
    session.player = player
    player.session = session
    player.address = session.address
    player.block = session.block
    // One that perhaps got lost on its way is sent again.
    if (player.hasToken) player.tokenSerial++
    player.hasToken = false
    const expiresMs = Math.floor(this.#tokenClock(nowMs) + this.#limits.tokenMs)
    const token = this.#tokens.sign({ id: player.id, serial: player.tokenSerial, expiresMs })
    this.#deliver([session], {
      type: 'welcome',
      name: player.name,
      token,
      resumeMs: this.#limits.resumeMs,
      account: this.#accountTokens.sign(player.account)
    })
  }

  /** The connection stays open, without a player again. */
  #signOut(session: Session, nowMs: number): void {
    this.#standUp(session, nowMs)
    session.arrivedMs = nowMs
    this.#arrivals.add(session)
    this.#deliver([session], { type: 'signed-out' })
  }

  #depart(session: Session): void {
    this.#arrivals.delete(session)
    if (!this.#present.delete(session)) return
    countDown(this.#addresses, session.block)
  }

  #finish(
    room: Room,
    players: readonly string[],
    result: MatchResult,
    then: (kept: KeptMatch) => void
  ): void {
    // A name that comes twice was that of somebody who has left: the last one is whose it is.
    const keys = new Map<string, string>()
    const identities = [...new Set(players)].map((name) => {
      const { account, block } = room.contestants.get(name) as Contestant
      let key = keys.get(account) ?? this.#accounts.keyFor(account, name)
      // Of two accounts under names that look the same, the first one has that key.
      const isTaken = !keys.has(account) && [...keys.values()].includes(key)
      if (isTaken) key = keyOf(account)
      keys.set(account, key)
      return { name, account, key, block }
    })
    const skillsOf = (players: readonly { name: string; key: string }[]) =>
      players.map(({ name, key }) => ({ name, skill: this.#skills.of(key) }))
    if (room.options.isPractice) return then({ skills: skillsOf(identities), saved: true })
    const day = dayOf(this.#outlet.dateMs())
    const counts: Record<string, number> = {}
    // Without a winner nobody becomes known: it is no result
    const newcomers = new Set(
      result.winners.length > 0
        ? identities.filter(({ account }) => !this.#accounts.isKnown(account))
        : []
    )
    // Who left a match and came back under another name has one result all the same.
    const all = identities.filter(isFirstOfAccount)
    const rated = all.filter(
      (one) => !newcomers.has(one) || this.#ratedPairs.takeNew(one, day, counts)
    )
    const counted = identities.filter(({ account }) => rated.some((one) => one.account === account))
    const before = rated.map(({ key }) => this.#skills.of(key))
    const changed = this.#skills.record(
      rated.map(({ key }) => key),
      counted.filter(({ name }) => result.winners.includes(name)).map(({ key }) => key),
      {
        outOf: all.length,
        mayRate: (one, other) =>
          this.#ratedPairs.take(rated[one], rated[other], all.length, day, counts),
        isNew: (at) => !this.#accounts.isKnown(rated[at].account)
      }
    )
    const record = {
      endedAtMs: this.#outlet.dateMs(),
      room: room.name,
      ...result,
      skills: skillsOf(counted),
      identities: identities.map((one) => {
        const at = rated.indexOf(one)
        const change = at === -1 ? 0 : tenths(changed[at].skill - before[at])
        // Who does not count has no name, either: somebody else may play under it
        const key = counted.includes(one) ? one.key : keyOf(one.account)
        return { ...one, key, change, ...(newcomers.has(one) ? { isNew: true } : {}) }
      }),
      ...(this.#outlet.cluster === undefined ? {} : { counts })
    }
    if (result.winners.length > 0) {
      for (const { name, account, key } of counted) {
        const skill = this.#skills.of(key)
        this.#accounts.claim(account, key, keyOf(name))
        this.#leaders.set(key, name, skill)
        this.#skills.learn(key, skill) // all three forget the same one
      }
    }
    const skills = skillsOf(identities)
    this.#outlet.keep(record, (saved) => then({ skills, saved }))
  }

  /** Early enough: until the match ends, the others have said how often these have rated today. */
  #askForCounts(room: Room): void {
    const { cluster } = this.#outlet
    if (cluster === undefined || room.options.isPractice) return
    const players = [...room.contestants].map(([name, { account, block }]) => {
      return { key: this.#accounts.keyFor(account, name), block }
    })
    const names = this.#ratedPairs.namesOf(players)
    if (names.length > 0) cluster.wantCounts(dayOf(this.#outlet.dateMs()), names)
  }

  /** What all nodes have counted, of what {@link ClusterOutlet.wantCounts} has asked for. */
  learnCounts(day: number, counts: ReadonlyMap<string, number>): void {
    this.#ratedPairs.learn(day, counts)
  }

  /** Under which the player's skill and results are. */
  #keyOf({ account, name }: Player): string {
    return this.#accounts.keyFor(account, name)
  }

  #remove(player: Player, nowMs: number): void {
    this.#away.delete(player)
    player.heldRoom?.letGo(player)
    this.#leaveRoom(player, nowMs)
    this.#leaveLobby(player)
    this.#players.delete(keyOf(player.name))
    this.#byId.delete(player.id)
    this.#outlet.cluster?.playerGone(player)
  }

  #presences(from: number): ServerMessage {
    const players: { name: string; where: Presence }[] = []
    let position = 0
    for (const player of this.#players.values()) {
      if (position++ < from) continue
      if (
        players.push({ name: player.name, where: this.#whereIs(player) }) ===
        this.#limits.maxListedRooms
      )
        break
    }
    return { type: 'players', players, from, total: this.#players.size }
  }

  #create(
    { block }: Session,
    player: Player,
    command: Extract<Command, { type: 'create' }>,
    code: string | undefined,
    nowMs: number
  ): void {
    this.#mustBeInLobby(player)
    this.#mustNotDrain()
    const { maxRoomPlayers, minMatchPlayers, maxRooms } = this.#limits
    const game = this.#gameOf(command.game)
    const settings = this.#settingsOf(game, command.settings)
    const most = Math.min(maxRoomPlayers, game.players.most)
    const least = Math.min(Math.max(minMatchPlayers, game.players.least), most)
    const { capacity = most, password } = command
    if (capacity < least || capacity > most) {
      throw new Refusal('bad-capacity', `a room of ${game.title} has ${least} to ${most} seats`)
    }
    const key = keyOf(command.room)
    if (this.#rooms.has(key))
      throw new Refusal('room-taken', 'a room with this name exists already')
    if (this.#rooms.size >= maxRooms)
      throw new Refusal('too-many-rooms', 'there are too many rooms')
    this.#mustNotCrowd(block, nowMs)
    const options = { capacity, isPrivate: command.private, password, game, settings }
    const room = this.#newRoom(command.room, options, code)
    this.#countFor(block, room)
    this.#keepRoom(room)
    this.#enterRoom(player, room, () => room.join(player, password, nowMs))
  }

  /** One address has so many rooms at once, and makes so many a minute. */
  #mustNotCrowd(block: string, nowMs: number): void {
    const isCrowded = (this.#roomsOfAddress.get(block) ?? 0) >= this.#limits.maxRoomsPerAddress
    if (isCrowded || !this.#newRoomRates.take(block, nowMs))
      throw new Refusal('too-many-rooms', 'there are too many rooms from your address')
  }

  #countFor(block: string, room: Room): void {
    this.#roomsOfAddress.set(block, (this.#roomsOfAddress.get(block) ?? 0) + 1)
    this.#founders.set(room, block)
  }

  #newRoom(name: string, options: RoomOptions, code?: string): Room {
    const part = this.#roomsMade++ % TICK_PARTS
    return new Room(name, options, part, this.#limits, this.#ofRooms, code)
  }

  #keepRoom(room: Room): void {
    this.#rooms.set(keyOf(room.name), room)
    if (room.code !== undefined) this.#byCode.set(room.code, room)
    if (room.options.isPrivate) return
    this.#list.add(room)
    this.#outlet.cluster?.listingChanged(room)
  }

  #changed(room: Room): void {
    if (room.options.isPrivate) return
    this.#list.touch(room)
    this.#outlet.cluster?.listingChanged(room)
  }

  /** By its name; a private one only by its code. undefined: not here. */
  roomNamed(name: string): Room | undefined {
    const byName = this.#rooms.get(keyOf(name))
    return byName !== undefined && !byName.options.isPrivate ? byName : this.#byCode.get(name)
  }

  #find(name: string): Room {
    const room = this.roomNamed(name)
    if (room === undefined) throw new Refusal('no-such-room', 'there is no room with this name')
    return room
  }

  #hold(player: Player, name: string, password: string | undefined, nowMs: number): void {
    this.#mustBeInLobby(player)
    const room = this.#find(name)
    if (player.heldRoom !== room) player.heldRoom?.letGo(player) // one seat each
    const untilMs = room.hold(player, password, nowMs)
    this.#tell(player, { type: 'held', room: room.name, forMs: untilMs - nowMs })
  }

  #enterRoom(player: Player, room: Room, enter: (room: Room) => void): void {
    enter(room)
    if (player.heldRoom !== undefined) player.heldRoom.letGo(player)
    this.#leaveLobby(player)
  }

  #leaveLobby(player: Player): void {
    this.#unqueue(player)
    this.#list.watch(player, undefined)
    this.#inLobby.delete(player)
  }

  /** Who waits for another game waits for this one now. */
  #enqueue(player: Player, game: Game, nowMs: number): void {
    this.#mustBeInLobby(player)
    this.#mustNotDrain()
    const queue = this.#queues.get(game) as QuickMatch
    if (queue.isFull) throw new Refusal('queue-full', 'the queue is full')
    const skill = this.#skills.of(this.#keyOf(player))
    if (!queue.has(player)) this.#unqueue(player)
    queue.add(player, skill, nowMs)
    this.#tell(player, { type: 'queued', game: game.name, skill, players: queue.size })
  }

  /** Returns whether the player waited. */
  #unqueue(player: Player): boolean {
    for (const queue of this.#queues.values()) if (queue.delete(player)) return true
    return false
  }

  /** A room of their own, in no list; it begins at once. */
  #bringTogether(game: Game, players: Player[], nowMs: number): void {
    if (this.#outlet.cluster?.place(game, players)) return
    for (const player of players) {
      player.heldRoom?.letGo(player)
      this.#leaveLobby(player)
    }
    const room = this.#newRoom(this.nameForQuickMatch(), {
      capacity: players.length,
      isPrivate: true,
      password: undefined,
      game,
      settings: this.#settingsOf(game)
    })
    this.#keepRoom(room)
    this.#outlet.cluster?.roomMade(room)
    room.seat(players, nowMs)
  }

  nameForQuickMatch(): string {
    return this.#freeName(() => `Quick match ${this.prefix}${++this.#quickMatches}`)
  }

  #freeName(next: () => string): string {
    for (;;) {
      const name = next()
      if (!this.#rooms.has(keyOf(name))) return name
    }
  }

  /** A room in no list, with bots that get ready at once, as the player does. */
  #practise(player: Player, game: Game, nowMs: number): void {
    this.#mustBeInLobby(player)
    this.#mustNotDrain()
    const { maxRoomPlayers, minMatchPlayers, maxRooms } = this.#limits
    if (this.#rooms.size >= maxRooms)
      throw new Refusal('too-many-rooms', 'there are too many rooms')
    if (game.bot === undefined) throw new Refusal('no-bots', `${game.title} has no bots`)
    this.#mustNotCrowd(player.block, nowMs) // all bots, in the end
    const most = Math.min(PRACTICE_SEATS, maxRoomPlayers, game.players.most)
    const capacity = Math.max(most, minMatchPlayers, game.players.least)
    const name = this.#freeName(() => `Practice ${++this.#practices}`)
    const room = this.#newRoom(name, {
      capacity,
      isPrivate: true,
      password: undefined,
      isPractice: true,
      game,
      settings: this.#settingsOf(game)
    })
    const code = room.code as string
    if (!this.#outlet.sendBots(code, capacity - 1))
      throw new Refusal('no-bots', 'all bots are playing with others; try again in a moment')
    this.#countFor(player.block, room)
    this.#keepRoom(room)
    this.#enterRoom(player, room, () => room.join(player, undefined, nowMs))
    room.setReady(player, true, nowMs)
  }

  #close(room: Room, why: { byOperator: string } | { byNode: 'drained' } | { isIdle: true }): void {
    for (const player of room.close()) {
      this.#inLobby.add(player)
      this.#tell(player, { type: 'left', room: room.name, ...why })
    }
    this.#forget(room)
  }

  #leaveByCommand(player: Player, nowMs: number): void {
    const room = this.#roomOf(player)
    this.#leaveRoom(player, nowMs)
    this.#inLobby.add(player)
    this.#tell(player, { type: 'left', room: room.name })
  }

  #kick(by: Player, name: string, nowMs: number): void {
    const room = this.#roomOf(by)
    const player = room.kick(by, name, nowMs)
    this.#inLobby.add(player)
    this.#tell(player, { type: 'kicked', room: room.name })
  }

  #leaveRoom(player: Player, nowMs: number): void {
    const { room } = player
    if (room === undefined) return
    room.leave(player, nowMs)
    this.#closeIfEmpty(room, nowMs)
  }

  /** A room lives as long as somebody plays in it, or is expected. */
  #closeIfEmpty(room: Room, nowMs: number): void {
    if (!room.isEmpty) return
    for (const player of room.dissolve(nowMs)) {
      this.#inLobby.add(player)
      this.#tell(player, { type: 'left', room: room.name })
    }
    this.#forget(room)
  }

  #forget(room: Room): void {
    this.#rooms.delete(keyOf(room.name))
    const founder = this.#founders.get(room)
    if (this.#founders.delete(room)) countDown(this.#roomsOfAddress, founder as string)
    if (room.code !== undefined) this.#byCode.delete(room.code)
    this.#list.delete(room)
    if (!room.options.isPrivate) this.#outlet.cluster?.listingChanged(room)
    this.#outlet.cluster?.roomGone(room)
  }

  #sayInLobby(session: Session, player: Player, text: string, nowMs: number): void {
    if (!session.bucket.take(this.#limits.lobbyChatMessages, nowMs)) {
      throw new Refusal('too-fast', 'you chat too fast in the lobby; wait a moment')
    }
    this.#lobbyTalk.admit(player.block, text, this.#inLobby.size, nowMs)
    player.says(text)
    const message = { type: 'chat', from: player.name, to: 'lobby', text } as const
    this.#deliver(hearersOf(this.#inLobby, player), message)
    this.#outlet.cluster?.said({ name: player.name, marks: this.#marksOf(player), text })
  }

  #mute(player: Player, name: string, on: boolean): void {
    const remote = this.#players.has(keyOf(name)) ? undefined : this.#remoteSpeakers.of(name)
    if (remote !== undefined) {
      const one = remote.marks.find((mark) => mark !== player.block)
      this.#muteMarks(player, on && one !== undefined ? [one] : remote.marks, on)
      this.#tell(player, { type: 'muted', name: remote.name, on })
      return
    }
    const other = this.#mustBeHere(name)
    const marks = this.#marksOf(other)
    const [mark] = other.block === player.block ? [other.account] : marks
    this.#muteMarks(player, on ? [mark] : marks, on)
    this.#tell(player, { type: 'muted', name: other.name, on })
  }

  /** An account with nothing to lose is soon another one: then its address comes first. */
  #marksOf(player: Player): string[] {
    return this.#accounts.isKnown(player.account) ? player.marks : player.marks.reverse()
  }

  #muteMarks({ muted }: Player, marks: readonly string[], on: boolean): void {
    for (const mark of marks) {
      if (on) muted.add(mark)
      else muted.delete(mark)
    }
    const [first] = muted
    if (muted.size > MAX_MUTED) muted.delete(first)
  }

  #report(session: Session, player: Player, name: string, text: string, nowMs: number): void {
    const remote = this.#players.has(keyOf(name)) ? undefined : this.#remoteSpeakers.of(name)
    const other = remote ?? this.#mustBeHere(name)
    if (!session.bucket.take(REPORT_COST, nowMs))
      throw new Refusal('too-fast', 'you report too often; wait a moment')
    this.reports.admit(player.account, player.block, other.name, nowMs)
    const report = this.reports.add({
      atMs: this.#outlet.dateMs(),
      by: player.name,
      byAddress: player.block,
      name: other.name,
      address: other instanceof Player ? other.block : '',
      room: other instanceof Player ? other.room?.name : undefined,
      text,
      said: [...other.said]
    })
    this.#outlet.reported?.(report)
    this.#tell(player, { type: 'reported', name: other.name })
  }

  #mustBeHere(name: string): Player {
    const player = this.#players.get(keyOf(name))
    if (player === undefined) throw new Refusal('no-such-player', 'nobody has this name now')
    return player
  }

  #roomOf(player: Player): Room {
    if (player.room === undefined) throw new Refusal('not-in-a-room', 'you are not in a room')
    return player.room
  }

  #gameInfos(): GameInfo[] {
    return [...this.#games.list.values()].map(({ name, title, players }) => {
      return { name, title, least: players.least, most: players.most }
    })
  }

  /** Without a name, the first game of the lobby. */
  #gameOf(name: string | undefined): Game {
    const game = this.gameNamed(name)
    if (game === undefined) throw new Refusal('no-such-game', 'this lobby has no such game')
    return game
  }

  /** The operator's settings, and what a room chooses instead. */
  #settingsOf(game: Game, chosen: Record<string, unknown> = {}): Record<string, unknown> {
    // Before anything is copied or checked: thousands of unknown ones would be work for nothing.
    const most = Object.keys(game.settings.shape).length
    if (Object.keys(chosen).length > most)
      throw new Refusal('bad-settings', `${game.title} has ${most} settings`)
    const { success, data, error } = game.settings.safeParse({
      ...this.#games.settings.get(game.name),
      ...chosen
    })
    if (success) return data
    const [issue] = error.issues
    const where = issue.path.join('.') || game.title
    throw new Refusal('bad-settings', `${where}: ${issue.message}`.slice(0, MAX_REASON_CHARS))
  }

  #mustBeInLobby(player: Player): void {
    if (player.room !== undefined) throw new Refusal('in-a-room', `leave ${player.room.name} first`)
  }

  #mustNotDrain(): void {
    if (this.#isDraining) throw new Refusal('draining', 'the server is about to shut down')
  }

  #mustNotBeBanned(key: string, account: string): void {
    const ban = this.bans.of({ key, account }, this.#outlet.dateMs())
    if (ban !== undefined) throw refusalOf(ban)
  }

  #mustBeNobody(session: Session): void {
    if (session.player !== undefined)
      throw new Refusal('already-named', `your name is ${session.player.name}`)
  }

  #whereIs(player: Player): Presence {
    if (player.session === undefined) return 'away'
    if (player.room !== undefined) return player.room.isPlaying ? 'match' : 'room'
    for (const queue of this.#queues.values()) if (queue.has(player)) return 'queue'
    return 'lobby'
  }

  #tell(player: Player, message: ServerMessage): void {
    this.#deliver(sessionsOf([player]), message)
  }

  #refuse(session: Session, reason: Refusal): void {
    this.#deliver([session], reason.toMessage())
  }
}

function countDown(counts: Map<string, number>, key: string): void {
  const count = (counts.get(key) ?? 0) - 1
  if (count > 0) counts.set(key, count)
  else counts.delete(key)
}

function limitsInfo(limits: Limits): LimitsInfo {
  const { maxNameChars, maxTextChars, maxPasswordChars, maxRoomPlayers } = limits
  const { minMatchPlayers, kickedMs, resumeMs } = limits
  return {
    maxNameChars,
    maxTextChars,
    maxPasswordChars,
    maxRoomPlayers,
    minMatchPlayers,
    kickedMs,
    resumeMs
  }
}

function refusalOf({ untilMs, reason }: Ban): Refusal {
  const until = new Date(untilMs)
    .toISOString()
    .replace(/:\d\d\.\d+Z/, ' UTC')
    .replace('T', ' ')
  return new Refusal('banned', `an operator keeps you out until ${until}: ${reason}`)
}
