// A room: its seats, its host, who is ready, and the match that runs in it. Sends what happens to
// those inside. Uses no sockets; the time is passed in.

import { type MemberInfo, Refusal, type RoomInfo, type ServerMessage } from '../wire/protocol.ts'
import type { RoomDetail } from './details.ts'
import type { Game, GameEvent } from './game.ts'
import type { Limits } from './limits.ts'
import {
  type Audience,
  type EncodedView,
  Match,
  type MatchFailure,
  type MatchResult
} from './match.ts'
import { PasswordTries } from './password-tries.ts'
import { hearersOf, type Player, sessionsOf } from './player.ts'
import { SeatTurns } from './seat-turns.ts'
import type { Session } from './session.ts'
import { ShutOut } from './shut-out.ts'

/** Sends one message to any number of players. */
export type Deliver = (to: Iterable<Session>, message: ServerMessage) => void

/** The same for messages that are soon outdated: a client that cannot take it now misses it. */
export type DeliverState = (to: Iterable<Session>, view: EncodedView) => void

/** How storing a match went. */
export interface KeptMatch {
  skills: { name: string; skill: number }[]
  saved: boolean
}

/** What a room needs from its lobby. */
export interface RoomOutlet {
  deliver: Deliver
  deliverState: DeliverState
  /** The room's entry in the list may have changed. */
  changed(room: Room): void
  /** A match has ended. Calls `then` when its result is stored, at once or later. */
  finished(
    room: Room,
    players: readonly string[],
    result: MatchResult,
    then: (kept: KeptMatch) => void
  ): void
  /** The game has made a mistake: that match has ended without a result. */
  failed(room: Room, match: Match, failure: MatchFailure): void
  /** A number that no other match of this server has had, and a seed. */
  newMatch(): { number: number; seed: string }
  /** A match begins, or somebody has come into it. */
  playing(room: Room): void
  /** Nobody can guess them. */
  randomBytes(count: number): Buffer
  /** Whether matches may begin. */
  mayStart(): boolean
}

/** What its founder chose. */
export interface RoomOptions {
  readonly capacity: number
  /** Not in the list: you need the code to join. */
  readonly isPrivate: boolean
  readonly password: string | undefined
  readonly game: Game
  /** Of the game: what the room chose, and the operator's settings for the rest. */
  readonly settings: Record<string, unknown>
  /** Against bots: its matches do not count. */
  readonly isPractice?: boolean
}

/** Who plays: later the player may be gone. */
export interface Contestant {
  readonly account: string
  readonly block: string
}

// No letters and digits that people take for each other.
const CODE_LETTERS = 'ABCDEFGHJKLMNPQRSTUVWXYZ23456789'
export const CODE_CHARS = 8

/** There are 32 letters: each byte has the same chance to become each of them. */
export function newCode(bytes: Buffer): string {
  return Array.from(bytes, (byte) => CODE_LETTERS[byte % CODE_LETTERS.length]).join('')
}

export class Room {
  readonly name: string
  readonly options: RoomOptions
  /** Of the tick: when its match moves on. */
  readonly part: number
  /** Only of a private room. */
  readonly code: string | undefined
  readonly #limits: Limits
  readonly #outlet: RoomOutlet
  /** Those who play, in the order in which they came. */
  readonly #members = new Set<Player>()
  readonly #spectators = new Set<Player>()
  readonly #ready = new Set<Player>()
  /**
   * Seats that are kept for somebody on the way in, and until when; the first one to end comes
   * first.
   */
  readonly #held = new Map<Player, number>()
  /** On the way here from another node, by their ids, and until when they are expected. */
  readonly #expected = new Map<string, number>()
  /** Those whom the host removed. */
  readonly #kicked = new ShutOut()
  readonly #tries: PasswordTries
  /** Of those who play, or have played, in the match: who they are, by their names. */
  #contestants = new Map<string, Contestant>()
  #host: Player | undefined
  /** Of those who want a seat kept. */
  readonly #turns: SeatTurns
  #startsMs: number | undefined
  /** Without a match; undefined while there is one. */
  #idleSinceMs: number | undefined
  #match: Match | undefined
  /** Of matches whose results are not kept yet. */
  #ends = 0

  constructor(
    name: string,
    options: RoomOptions,
    part: number,
    limits: Limits,
    outlet: RoomOutlet,
    code?: string
  ) {
    this.name = name
    this.options = options
    this.part = part
    this.code = options.isPrivate ? (code ?? newCode(outlet.randomBytes(CODE_CHARS))) : undefined
    this.#limits = limits
    this.#tries = new PasswordTries(limits)
    this.#turns = new SeatTurns(limits.seatHoldMs)
    this.#outlet = outlet
  }

  /** Nobody who plays is in it, and nobody is expected. */
  get isEmpty(): boolean {
    return this.#members.size === 0 && this.#held.size === 0 && this.#expected.size === 0
  }

  get isPlaying(): boolean {
    return this.#match !== undefined
  }

  /** No match runs, and everybody has heard of the end of the last one: its result is kept. */
  get isIdle(): boolean {
    return !this.isPlaying && this.#ends === 0
  }

  /** Of those who have played in the last match, by their names. */
  get contestants(): ReadonlyMap<string, Contestant> {
    return this.#contestants
  }

  /** Somebody who has a seat here is still on the way from another node. */
  get isExpecting(): boolean {
    return this.#expected.size > 0
  }

  get playerCount(): number {
    return this.#members.size
  }

  get info(): RoomInfo {
    return {
      name: this.name,
      players: this.#members.size,
      capacity: this.options.capacity,
      spectators: this.#spectators.size,
      isPlaying: this.isPlaying,
      hasPassword: this.options.password !== undefined,
      game: this.options.game.name
    }
  }

  /** As the list says it: seats that are kept for somebody count as free. */
  get isJoinable(): boolean {
    return !this.isPlaying && this.#members.size < this.options.capacity
  }

  /** Whether somebody could sit down now. */
  get hasSeat(): boolean {
    const taken = this.#members.size + this.#held.size + this.#expected.size
    return this.#isOpen && taken < this.options.capacity
  }

  /** Bots wait here for somebody who does not get ready. */
  isIdlePractice(nowMs: number): boolean {
    const sinceMs = this.options.isPractice ? this.#idleSinceMs : undefined
    return sinceMs !== undefined && nowMs - sinceMs >= this.#limits.practiceIdleMs
  }

  // ---- Coming and going ----

  /**
   * Keeps a seat for a while: nobody else gets it meanwhile. Returns until when. To ask again makes
   * it no longer.
   */
  hold(player: Player, password: string | undefined, nowMs: number): number {
    this.#checkDoor(player, password, nowMs)
    this.#checkSeat(player)
    const keptMs = this.#held.get(player)
    if (keptMs !== undefined) return keptMs
    const untilMs = this.#turns.take(player.marks, nowMs)
    if (untilMs === undefined)
      throw new Refusal('too-fast', 'a seat here was kept for you a moment ago: join, or wait')
    this.#held.set(player, untilMs)
    player.heldRoom = this
    // Those inside see a free seat that nobody can take
    this.#tell({ type: 'seat-kept', name: player.name, forMs: untilMs - nowMs })
    return untilMs
  }

  /** Gives up a seat that was kept. */
  letGo(player: Player): void {
    this.#held.delete(player)
    // Or it is in another room; the lobby gives that one up
    if (player.heldRoom === this) player.heldRoom = undefined
  }

  join(player: Player, password: string | undefined, nowMs: number): void {
    this.#checkDoor(player, password, nowMs)
    this.#checkSeat(player)
    this.letGo(player)
    this.#tell({ type: 'member-joined', name: player.name, spectator: false })
    this.#members.add(player)
    player.room = this
    this.#host ??= player
    this.#showTo(player)
    if (this.#match !== undefined) this.#joinMatch(this.#match, player, nowMs)
    this.#outlet.changed(this)
    this.#startIfAllAreReady(nowMs)
  }

  /** Seats the players of a quick match, all of them ready. */
  seat(players: readonly Player[], nowMs: number): void {
    for (const player of players) {
      this.#members.add(player)
      this.#ready.add(player)
      player.room = this
    }
    this.#host = players[0]
    for (const player of players) this.#showTo(player)
    this.#startIfAllAreReady(nowMs)
  }

  /** These come from another node; no match starts without them, until that time. */
  expect(ids: readonly string[], untilMs: number): void {
    for (const id of ids) this.#expected.set(id, untilMs)
  }

  /** Whether this player has a seat here, and is on its way. */
  expects(id: string): boolean {
    return this.#expected.has(id)
  }

  /** One of those that are expected: it takes its seat, whatever the door says. */
  arrive(
    player: Player,
    as: { isHost: boolean; isReady: boolean; isSpectator: boolean },
    nowMs: number
  ): void {
    this.#expected.delete(player.id)
    const { isHost, isReady, isSpectator } = as
    // To the others: the player itself gets the room as it is then.
    this.#tell({ type: 'member-joined', name: player.name, spectator: isSpectator })
    if (isReady) this.#tell({ type: 'ready', name: player.name, ready: true })
    if (isHost) this.#setHost(player)
    player.room = this
    if (isSpectator) this.#spectators.add(player)
    else this.#members.add(player)
    if (isReady) this.#ready.add(player)
    if (!isSpectator) this.#host ??= player
    this.#showTo(player)
    this.#outlet.changed(this)
    this.#startIfAllAreReady(nowMs)
  }

  /** Who is inside, as {@link arrive} takes it. */
  get seats(): { player: Player; isHost: boolean; isReady: boolean; isSpectator: boolean }[] {
    return this.#inside().map((player) => ({
      player,
      isHost: this.#host === player,
      isReady: this.#ready.has(player),
      isSpectator: this.#spectators.has(player)
    }))
  }

  /** To look on: also while a match runs. */
  spectate(player: Player, password: string | undefined, nowMs: number): void {
    this.#checkDoor(player, password, nowMs)
    if (this.#spectators.size >= this.#limits.maxSpectators)
      throw new Refusal('room-full', 'there are too many spectators already')
    this.#tell({ type: 'member-joined', name: player.name, spectator: true })
    this.#spectators.add(player)
    player.room = this
    this.#showTo(player)
    this.#showMatchTo(player, nowMs)
    this.#outlet.changed(this)
  }

  /**
   * A member lost its connection: the seat stays, but it is not ready.
   */
  lose(player: Player, nowMs: number): void {
    this.#ready.delete(player)
    this.#tell({ type: 'member-away', name: player.name })
    this.#happened(this.#match?.away(player.name))
    this.#lookAtClock(nowMs)
    this.#startIfAllAreReady(nowMs)
  }

  /** A member is back: it gets the room as it is now. */
  welcomeBack(player: Player, nowMs: number): void {
    const others = [...this.#inside()].filter((other) => other !== player)
    this.#outlet.deliver(sessionsOf(others), { type: 'member-back', name: player.name })
    this.#showTo(player)
    this.#showMatchTo(player, nowMs)
    this.#happened(this.#match?.back(player.name))
  }

  /** By its own command, the host's, or because its connection did not come back. */
  leave(player: Player, nowMs: number, kicked = false): void {
    this.#members.delete(player)
    this.#spectators.delete(player)
    this.#ready.delete(player)
    player.room = undefined
    this.#tell({ type: 'member-left', name: player.name, kicked })
    if (this.#host === player) this.#passHostOn()
    this.#happened(this.#match?.leave(player.name))
    this.#lookAtClock(nowMs)
    this.#startIfAllAreReady(nowMs) // the one who left may have been the one they waited for
    this.#outlet.changed(this)
  }

  /** Empties a room without players: the spectators get `left`. */
  dissolve(nowMs: number): Player[] {
    const left = [...this.#spectators]
    for (const player of left) this.leave(player, nowMs)
    return left
  }

  /**
   * Ends it, whatever happens inside: the match that runs has no result. Returns who was in it.
   */
  close(): Player[] {
    const inside = this.#inside()
    this.#match = undefined
    this.#startsMs = undefined
    for (const player of [...this.#held.keys()]) this.letGo(player)
    for (const player of inside) player.room = undefined
    this.#expected.clear()
    this.#members.clear()
    this.#spectators.clear()
    this.#ready.clear()
    return inside
  }

  // ---- The host ----

  /**
   * Removes a member, or who has a seat kept, and refuses it for a while. Returns who
   * it was.
   */
  kick(by: Player, name: string, nowMs: number): Player {
    this.#mustBeHost(by)
    const comer = [...this.#held.keys()].find((one) => one.name === name)
    const player = comer ?? this.#find(name)
    if (player === by)
      throw new Refusal('no-such-member', 'you cannot kick yourself: leave instead')
    this.#kicked.add(player.marks, nowMs, this.#limits.kickedMs)
    if (comer === undefined) this.leave(player, nowMs, true)
    else this.letGo(comer)
    return player
  }

  handOver(by: Player, name: string): void {
    this.#mustBeHost(by)
    const player = this.#find(name)
    if (!this.#members.has(player))
      throw new Refusal('no-such-member', 'a spectator cannot be host')
    this.#setHost(player)
  }

  // ---- Playing ----

  setReady(player: Player, ready: boolean, nowMs: number): void {
    if (this.isPlaying) throw new Refusal('match-running', 'the match has started already')
    if (!this.#members.has(player)) throw new Refusal('spectator', 'you are a spectator')
    if (ready) this.#ready.add(player)
    else this.#ready.delete(player)
    this.#tell({ type: 'ready', name: player.name, ready })
    this.#startIfAllAreReady(nowMs)
  }

  inputByCommand(player: Player, match: number, seq: number, input: unknown, nowMs: number): void {
    if (this.#match === undefined) throw new Refusal('no-match', 'no match is running')
    if (!this.#members.has(player)) throw new Refusal('spectator', 'you are a spectator')
    const checked = this.#match.game.checkInput(input)
    if (checked === undefined)
      throw new Refusal('bad-input', `${this.options.game.title} has no such input`)
    this.#input(player, match, seq, checked, nowMs)
  }

  /** What is no input, or comes from nobody who plays, is ignored. */
  inputByDatagram(
    player: Player,
    match: number,
    seq: number,
    bytes: Uint8Array,
    nowMs: number
  ): void {
    const input = this.#match?.game.readInput(bytes)
    if (input !== undefined) this.#input(player, match, seq, input, nowMs)
  }

  /** For another match than the running one it is late, or forged: ignored. */
  #input(player: Player, match: number, seq: number, input: unknown, nowMs: number): void {
    if (this.#match?.number !== match) return
    this.#happened(this.#match.input(player.name, seq, input, nowMs))
    this.#lookAtClock(nowMs)
  }

  say(player: Player, text: string): void {
    player.says(text)
    const message = { type: 'chat', from: player.name, to: 'room', text } as const
    this.#outlet.deliver(hearersOf(this.#inside(), player), message)
  }

  /** Looks again whether a match may begin. */
  reconsider(nowMs: number): void {
    this.#startIfAllAreReady(nowMs)
  }

  /**
   * Does what is due: the next step of the match, seats that were kept too long, the end of the
   * countdown, and of a match.
   */
  tick(nowMs: number): void {
    if (this.#match !== undefined) this.#step(this.#match, nowMs)
    this.#idleSinceMs = this.isPlaying ? undefined : (this.#idleSinceMs ?? nowMs)
    for (const [player, untilMs] of this.#held) if (nowMs >= untilMs) this.letGo(player)
    if (this.#expected.size > 0) this.#expectNoMore(nowMs)
    this.#lookAtClock(nowMs)
  }

  /** Who has not come in time will not. */
  #expectNoMore(nowMs: number): void {
    for (const [id, untilMs] of this.#expected) if (nowMs >= untilMs) this.#expected.delete(id)
    this.#startIfAllAreReady(nowMs)
  }

  /** For operators. */
  detail(nowMs: number): RoomDetail {
    const match = this.#match
    return {
      name: this.name,
      isPrivate: this.options.isPrivate,
      hasPassword: this.options.password !== undefined,
      game: this.options.game.name,
      capacity: this.options.capacity,
      players: [...this.#members].map((member) => {
        return {
          name: member.name,
          away: member.session === undefined,
          ready: this.#ready.has(member)
        }
      }),
      spectators: [...this.#spectators].map(({ name }) => name),
      match: match && {
        number: match.number,
        tick: match.tick,
        ...endsIn(match, nowMs),
        scores: match.scores
      }
    }
  }

  // ---- Inside ----

  #inside(): Player[] {
    return [...this.#members, ...this.#spectators]
  }

  #tell(message: ServerMessage): void {
    this.#outlet.deliver(sessionsOf(this.#members, this.#spectators), message)
  }

  #showTo(player: Player): void {
    if (player.session === undefined) return
    const members = this.#inside().map((member): MemberInfo => {
      const spectator = this.#spectators.has(member)
      return {
        name: member.name,
        ready: this.#ready.has(member),
        away: member.session === undefined,
        spectator
      }
    })
    const { capacity, game, settings, isPractice } = this.options
    const host = this.#host?.name ?? ''
    this.#outlet.deliver([player.session], {
      type: 'joined',
      room: this.name,
      ...(this.code === undefined ? {} : { code: this.code }),
      host,
      capacity,
      game: game.name,
      settings,
      ...(isPractice ? { practice: true } : {}),
      members
    })
  }

  #showMatchTo(player: Player, nowMs: number): void {
    if (this.#match === undefined || player.session === undefined) return
    this.#outlet.deliver([player.session], matchStarted(this.#match, nowMs))
    this.#match.showAgain(this.#match.numberOf(player.name) ?? 'spectators')
  }

  #find(name: string): Player {
    const player = this.#inside().find((member) => member.name === name)
    if (player === undefined)
      throw new Refusal('no-such-member', 'nobody with this name is in the room')
    return player
  }

  #mustBeHost(player: Player): void {
    // What it decides is kept: nobody may be thrown out of it, or into a host's hands.
    if (this.isPlaying) throw new Refusal('match-running', 'the host has to wait for its end')
    if (this.#host !== player)
      throw new Refusal('not-host', 'only the host of the room can do that')
  }

  #checkDoor(player: Player, password: string | undefined, nowMs: number): void {
    if (this.#kicked.has(player.marks, nowMs))
      throw new Refusal('kicked', 'the host removed you from this room')
    const right = this.options.password
    // A player with a reserved seat has given the password already.
    if (right === undefined || player.heldRoom === this) return
    // Who asks without one does not guess.
    if (password === undefined) throw new Refusal('password-needed', 'this room has a password')
    this.#tries.check(player.block, password === right, nowMs)
  }

  #checkSeat(player: Player): void {
    if (!this.#isOpen) throw new Refusal('match-running', 'a match is running in this room')
    if ([...this.#members].some(({ account }) => account === player.account))
      throw new Refusal('in-a-room', 'you are in this room already, on another connection')
    const others = this.#held.size - (this.#held.has(player) ? 1 : 0) + this.#expected.size
    if (this.#members.size + others >= this.options.capacity)
      throw new Refusal('room-full', 'this room is full')
  }

  /** Whether players can come in: while a match runs only if its game lets them. */
  get #isOpen(): boolean {
    if (this.#match === undefined) return true
    const { onJoin, players } = this.#match.game
    return onJoin !== undefined && this.#match.players.length < players.most
  }

  #setHost(player: Player): void {
    this.#host = player
    this.#tell({ type: 'host', name: player.name })
  }

  /** The member who has been here longest becomes host, a connected one if there is any. */
  #passHostOn(): void {
    const [first] = this.#members
    const next = [...this.#members].find((member) => member.session !== undefined) ?? first
    if (next === undefined) this.#host = undefined
    else this.#setHost(next)
  }

  #startIfAllAreReady(nowMs: number): void {
    const count = this.#members.size
    const all =
      this.#outlet.mayStart() &&
      !this.isPlaying &&
      this.#expected.size === 0 &&
      count >= Math.max(this.#limits.minMatchPlayers, this.options.game.players.least) &&
      this.#ready.size === count
    if (!all && this.#startsMs !== undefined) {
      this.#startsMs = undefined
      this.#tell({ type: 'countdown-stopped' })
    }
    if (!all || this.#startsMs !== undefined) return
    const startsInMs = this.#limits.countdownMs
    if (startsInMs === 0) return this.#start(nowMs)
    this.#startsMs = nowMs + startsInMs
    this.#tell({ type: 'countdown', startsInMs })
  }

  #lookAtClock(nowMs: number): void {
    if (this.#startsMs !== undefined && nowMs >= this.#startsMs) this.#start(nowMs)
    const match = this.#match
    const result = match?.result(nowMs)
    if (match !== undefined && result !== undefined) this.#end(match, result)
    else if (match?.failure !== undefined) this.#giveUp(match, match.failure)
  }

  #start(nowMs: number): void {
    this.#startsMs = undefined
    this.#contestants = new Map([...this.#members].map((member) => [member.name, whoIs(member)]))
    this.#outlet.playing(this)
    this.#match = new Match(
      {
        ...this.#outlet.newMatch(),
        game: this.options.game,
        settings: this.options.settings,
        players: [...this.#members].map((member) => member.name)
      },
      nowMs
    )
    this.#tell(matchStarted(this.#match, nowMs))
    this.#outlet.changed(this)
  }

  /** Somebody comes into the running match: for everybody it has one player more. */
  #joinMatch(match: Match, player: Player, nowMs: number): void {
    this.#contestants.set(player.name, whoIs(player))
    this.#outlet.playing(this)
    const events = match.join(player.name)
    this.#tell(matchStarted(match, nowMs))
    this.#happened(events)
  }

  #happened(events: readonly GameEvent[] | undefined): void {
    if (this.#match === undefined) return
    for (const event of events ?? [])
      this.#tell({ type: 'event', match: this.#match.number, event })
  }

  #step(match: Match, nowMs: number): void {
    const events = match.step(nowMs)
    if (events === undefined) return
    this.#happened(events)
    if (match.game.isShared) this.#show(match, 'all', this.#members, this.#spectators)
    else this.#showEach(match)
  }

  /** To each its own, and to those who only watch what everybody may see. */
  #showEach(match: Match): void {
    const spectators = [...this.#spectators]
    for (const member of this.#members) {
      const number = match.numberOf(member.name)
      if (number === undefined) spectators.push(member)
      else if (member.session !== undefined) this.#show(match, number, [member])
    }
    if (spectators.length > 0) this.#show(match, 'spectators', spectators)
  }

  #show(match: Match, audience: Audience, ...to: Iterable<Player>[]): void {
    const view = match.viewFor(audience)
    if (view !== undefined) this.#outlet.deliverState(sessionsOf(...to), view)
  }

  /** It ends without a result, and the room is open again. */
  #giveUp(match: Match, failure: MatchFailure): void {
    this.#match = undefined
    this.#ready.clear()
    const { number, seed } = match
    const end = { winners: [], scores: [], skills: [], seed, saved: true }
    const text = 'The game made a mistake: this match has no result. The operators can read why.'
    this.#tell({ type: 'match-ended', match: number, ...end })
    this.#tell({ type: 'announcement', to: 'you', text })
    this.#outlet.failed(this, match, failure)
    this.#outlet.changed(this)
  }

  /**
   * The room is open again, and nobody is ready. The winner is announced when the result is stored.
   */
  #end(match: Match, result: MatchResult): void {
    this.#match = undefined
    this.#ready.clear()
    const { number, seed } = match
    this.#ends++
    this.#outlet.finished(this, match.players, result, ({ skills, saved }) => {
      this.#ends--
      const end = { type: 'match-ended', match: number, ...result, skills, seed, saved } as const
      this.#tell(end)
      for (const player of this.#inside()) if (player.session === undefined) player.missed = end
    })
    this.#outlet.changed(this)
  }
}

function whoIs({ account, block }: Player): Contestant {
  return { account, block }
}

function matchStarted(match: Match, nowMs: number): ServerMessage {
  const { number, game, players } = match
  return {
    type: 'match-started',
    match: number,
    game: game.name,
    players: [...players],
    ...endsIn(match, nowMs)
  }
}

/** Nothing for a match that no clock ends. */
function endsIn({ endsMs }: Match, nowMs: number): { endsInMs?: number } {
  return endsMs === undefined ? {} : { endsInMs: Math.max(endsMs - nowMs, 0) }
}
