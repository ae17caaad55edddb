// The rules, and who is behind which connection of which gateway. Frames come in from the gateways;
// their messages go out, each encoded once for all its receivers. Uses no sockets and no threads.

import type { Logger } from 'pino'
import { PracticeBots } from '../bots/practice.ts'
import type { ClusterHub, ClusterNode } from '../cluster/cluster-node.ts'
import { type GatewayLink, isOfNode, type NodeHubLink } from '../gateway/links.ts'
import type { Place } from '../place.ts'
import type { RoomPage } from '../rules/details.ts'
import { TICKS_PER_SECOND } from '../rules/game.ts'
import { type Limits, TICK_PARTS } from '../rules/limits.ts'
import { type Kept, Lobby, type LobbyGames } from '../rules/lobby.ts'
import type { EncodedView, Match, MatchFailure } from '../rules/match.ts'
import type { NodeRef, Passport } from '../rules/passport.ts'
import type { MatchRecord, Store } from '../rules/records.ts'
import type { Report } from '../rules/reports.ts'
import type { Room } from '../rules/room.ts'
import { Session } from '../rules/session.ts'
import { FIRST_SKILL } from '../rules/skills.ts'
import { encodeState } from '../wire/datagram.ts'
import {
  encode,
  type PlayedMatch,
  Refusal,
  type RefusalCode,
  type ServerMessage
} from '../wire/protocol.ts'
import { SessionLog } from './session-log.ts'
import { keyIn } from './store.ts'
import { Ticker } from './ticker.ts'

/** A session, and its gateway. */
class LinkedSession extends Session {
  readonly link: GatewayLink
  readonly client: number

  constructor(link: GatewayLink, client: number, limits: Limits, nowMs: number, address: string) {
    super(limits, nowMs, address)
    this.link = link
    this.client = client
  }
}

/** To who comes while this node may not speak: what it has may be another node's by now. */
const notNow = new Refusal('cluster-away', 'this server has lost the others; try again in a moment')
/** While results cannot be saved. */
const PROBE_EVERY_MS = 5_000
/** Whether the store is still there: costs one call of the system. */
const CHECK_EVERY_MS = 2_000
/** One look at the store may take so long; after that results count as not savable. */
const MAX_LOOK_MS = 5_000
/** How long a drained node of a cluster waits for what others say to its clients. */
const LAST_WORDS_MS = 1_000
/** Of one player, at once. */
const HISTORY_MATCHES = 20

export interface HubOptions {
  limits: Limits
  drainMs: number
  store: Store
  /** By a server before. */
  kept: Kept
  games: LobbyGames
  /** Of accounts and resume tokens. */
  tokenKey: Buffer | undefined
  newSeed: () => string
  /** How many bots may play with people who practise. */
  maxPracticeBots: number
  log: Logger
  place: Place
  /** undefined: this lobby is the only one. */
  cluster: ClusterNode | undefined
  /** Draining is over: the last match has ended. */
  onDrained: () => void
}

export class Hub implements ClusterHub {
  readonly lobby: Lobby
  readonly ticker: Ticker
  /** Since the start, by code. */
  readonly refusals: Record<string, number> = {}
  unsavedMatches = 0
  /** Ended by a mistake of their game. */
  failedMatches = 0
  /** Why results cannot be saved now; undefined while they can. */
  unsavable: string | undefined
  readonly #sessions: SessionLog
  readonly #practiceBots: PracticeBots
  #probeAtMs = 0
  /** Since when the store is looked at; undefined: it is not. */
  #lookingSinceMs: number | undefined
  readonly #options: HubOptions
  readonly #linkedSessions = new Map<GatewayLink, Map<number, LinkedSession>>()
  /** Results on their way to the store; for their players these matches are not over yet. */
  #keeping = 0
  /**
   * While it drains: since when all have left who could go to other nodes; undefined before. What
   * the rules there say to them first still comes by this node.
   */
  #allAwaySinceMs: number | undefined = Number.NEGATIVE_INFINITY
  #isMoving = false
  #isStuck = false
  /** When the server ends, even if matches still run; undefined unless it drains. */
  #drainedMs: number | undefined
  #isStopped = false

  constructor(options: HubOptions) {
    this.#options = options
    this.#sessions = new SessionLog(options.log)
    const outlet = {
      deliver: this.#deliver.bind(this),
      deliverState: this.#deliverState.bind(this),
      dismiss: this.#dismiss.bind(this),
      keep: this.#keep.bind(this),
      history: this.#history.bind(this),
      failed: this.#failed.bind(this),
      reported: (report: Report) => options.log.warn(report, 'a player was reported'),
      tokenKey: options.tokenKey,
      newSeed: options.newSeed,
      cluster: options.cluster?.front,
      sendBots: (code: string, count: number) => this.#practiceBots.send(code, count),
      dateMs: () => options.place.dateMs(),
      randomBytes: (count: number) => options.place.randomBytes(count)
    }
    this.lobby = new Lobby(options.limits, outlet, options.games, options.kept)
    this.#practiceBots = new PracticeBots(
      options.games.list,
      (link) => this.connect(link),
      options.maxPracticeBots,
      options.place,
      ({ name: game }, err) => options.log.error({ err, game }, 'a bot of a game has thrown')
    )
    this.ticker = new Ticker(
      TICKS_PER_SECOND,
      (nowMs, part) => this.#tick(nowMs, part),
      TICK_PARTS,
      options.place
    )
  }

  get isDraining(): boolean {
    return this.#drainedMs !== undefined || this.#isStopped
  }

  roomPage(from: number): RoomPage {
    return this.lobby.roomDetails(from, this.#options.place.nowMs())
  }

  /** Adds a gateway. Returns the object that it calls for what happens there. */
  connect(link: GatewayLink): NodeHubLink {
    const linkedSessions = new Map<number, LinkedSession>()
    this.#linkedSessions.set(link, linkedSessions)
    const { limits, cluster } = this.#options
    const newSession = (client: number, address: string) => {
      const linked = new LinkedSession(link, client, limits, this.#options.place.nowMs(), address)
      linkedSessions.set(client, linked)
      this.#sessions.entered(linked)
      return linked
    }
    return {
      enter: (client, address) => {
        if (cluster?.maySpeak() !== false) this.lobby.enter(newSession(client, address))
        else link.dismiss(client, encode(notNow.toMessage()))
      },
      adopt: (client, address, passport, frames, why) =>
        cluster?.front.adopt(newSession(client, address), passport, frames, why),
      receive: (client, frame) => {
        const linked = linkedSessions.get(client)
        if (linked === undefined) return
        if (cluster === undefined) this.lobby.receive(linked, frame, this.#options.place.nowMs())
        else cluster.front.receive(linked, frame)
      },
      input: (client, match, seq, input) => {
        const linked = linkedSessions.get(client)
        if (linked !== undefined && cluster?.maySpeak() !== false)
          this.lobby.input(linked, match, seq, input, this.#options.place.nowMs())
      },
      lose: (client) => {
        const linked = linkedSessions.get(client)
        linkedSessions.delete(client)
        if (linked === undefined) return
        this.#sessions.lost(linked)
        this.lobby.lose(linked, this.#options.place.nowMs())
      },
      leave: (client, reason) => {
        this.#count(reason)
        const linked = linkedSessions.get(client)
        linkedSessions.delete(client)
        if (linked === undefined) return
        this.#sessions.disconnected(linked, reason)
        this.lobby.leave(linked, this.#options.place.nowMs())
      },
      refused: (reason) => this.#count(reason)
    }
  }

  /** A gateway is gone, and all its connections with it. */
  disconnect(link: GatewayLink): void {
    const linkedSessions = this.#linkedSessions.get(link) ?? new Map<number, LinkedSession>()
    this.#linkedSessions.delete(link)
    for (const linked of linkedSessions.values())
      this.lobby.lose(linked, this.#options.place.nowMs())
  }

  /**
   * Accepts no new players and starts no matches; when the running ones have ended, it calls
   * {@link HubOptions.onDrained}.
   */
  drain(): void {
    if (this.isDraining) return
    const { drainMs, log } = this.#options
    const nowMs = this.#options.place.nowMs()
    this.#drainedMs = nowMs + drainMs
    if (this.#options.cluster !== undefined) this.#allAwaySinceMs = undefined
    log.info({ withinMs: drainMs, matches: this.lobby.matchCount }, 'draining')
    this.lobby.drain(drainMs, nowMs)
  }

  /** Sends 'bye' to everybody. */
  stop(): void {
    this.#isStopped = true // everybody gets 'bye', after which it does not matter who else leaves
    this.ticker.stop()
    const bye = encode({ type: 'bye' })
    for (const link of this.#linkedSessions.keys()) link.stop(bye)
  }

  // ---- In a cluster ----

  has(session: Session): boolean {
    const { link, client } = session as LinkedSession
    return this.#linkedSessions.get(link)?.get(client) === session
  }

  tell(session: Session, message: ServerMessage): void {
    this.#deliver([session], message)
  }

  canMove(session: Session): boolean {
    return isOfNode((session as LinkedSession).link)
  }

  move(
    session: Session,
    to: NodeRef,
    passport: Passport | undefined,
    frames: readonly Uint8Array[]
  ): void {
    const { link, client } = session as LinkedSession
    this.#linkedSessions.get(link)?.delete(client)
    this.#sessions.moved(session, to)
    if (isOfNode(link)) link.move(client, to, passport, frames)
  }

  showPassport(session: Session, passport: Passport | undefined): void {
    const { link, client } = session as LinkedSession
    if (isOfNode(link) && link.node !== undefined) link.passport(client, passport)
  }

  abandon(): void {
    const bye = encode({ type: 'bye' })
    for (const session of this.lobby.abandon()) {
      const { link, client } = session as LinkedSession
      this.#linkedSessions.get(link)?.delete(client)
      link.dismiss(client, bye)
    }
  }

  /** Others take whom they can while this node drains. */
  #moveAway(cluster: ClusterNode): void {
    if (this.#isMoving) return
    this.#isMoving = true
    cluster.front
      .moveAway()
      .then((areAllAway) => {
        this.#isStuck = false
        if (!areAllAway) this.#allAwaySinceMs = undefined
        else this.#allAwaySinceMs ??= this.#options.place.nowMs()
      })
      .catch((error) => {
        // Once, and not with each of its tries
        if (!this.#isStuck) this.#options.log.info({ err: error }, 'rooms cannot move now')
        this.#isStuck = true
      })
      .finally(() => {
        this.#isMoving = false
      })
  }

  #tick(nowMs: number, part: number): void {
    const { cluster } = this.#options
    // Also one that may not speak, and cannot know whether it ever will
    if (nowMs >= (this.#drainedMs ?? Number.POSITIVE_INFINITY)) {
      const { playerCount: players, roomCount: rooms, matchCount: matches } = this.lobby
      this.#options.log.warn({ players, rooms, matches }, 'the time to drain is over')
      return this.#options.onDrained()
    }
    if (cluster !== undefined && !cluster.maySpeak()) return
    this.lobby.tick(nowMs, part)
    if (cluster !== undefined && this.#drainedMs !== undefined) this.#moveAway(cluster)
    if (nowMs >= this.#probeAtMs) this.#lookAtStore(nowMs)
    if (this.#drainedMs === undefined) return
    const isPlaying = this.lobby.matchCount > 0 || this.#keeping > 0
    // Their room has yet to go to another node: when the match is over, or when that is known
    if (cluster !== undefined && (isPlaying || cluster.front.isPassing))
      this.#allAwaySinceMs = undefined
    const areAllAway =
      this.#allAwaySinceMs !== undefined && nowMs >= this.#allAwaySinceMs + LAST_WORDS_MS
    if (!isPlaying && areAllAway) this.#options.onDrained()
  }

  #deliver(to: Iterable<Session>, message: ServerMessage): void {
    if (this.#isStopped) return
    if (message.type === 'error') this.#count(message.code)
    let sessions = to
    if (this.#sessions.wants(message)) {
      sessions = [...to] // it can be read only once
      this.#sessions.delivered(sessions as Session[], message)
    }
    let frame: Uint8Array | undefined
    for (const [link, clients] of this.#byGateway(sessions)) {
      frame ??= encode(message)
      link.deliver(clients, frame)
    }
  }

  #deliverState(to: Iterable<Session>, view: EncodedView): void {
    if (this.#isStopped) return
    let bytes: Uint8Array | undefined
    for (const [link, clients] of this.#byGateway(to)) {
      bytes ??= encodeState(view)
      link.deliverState(clients, view.game.name, bytes)
    }
  }

  #dismiss(session: Session, reason: Refusal): void {
    const { link, client } = session as LinkedSession
    this.#count(reason.code)
    this.#sessions.disconnected(session, reason.code)
    this.#linkedSessions.get(link)?.delete(client)
    link.dismiss(client, encode(reason.toMessage()))
    this.lobby.leave(session, this.#options.place.nowMs())
  }

  /** With all that is needed to play it again: the seed makes the same random numbers. */
  #failed(
    room: Room,
    { number, seed, tick, game, settings }: Match,
    { part, error }: MatchFailure
  ) {
    this.failedMatches++
    const where = { game: game.name, part, room: room.name, match: number, tick, seed, settings }
    this.#options.log.error({ err: error, ...where }, 'a game has thrown: its match is over')
  }

  #keep(match: MatchRecord, then: (saved: boolean) => void): void {
    this.#keeping++
    this.#options.store.keep(match).then(
      () => {
        this.#keeping--
        this.#onSaved()
        then(true)
        this.#options.cluster?.results.bring()
      },
      (error) => {
        this.#keeping--
        this.unsavedMatches++
        this.unsavable = (error as Error).message
        this.#probeAtMs = this.#options.place.nowMs() + PROBE_EVERY_MS
        this.#options.log.error({ err: error, room: match.room }, 'a match could not be saved')
        then(false)
      }
    )
  }

  /** Without matches nobody would find out that results can be saved again, or no longer. */
  #lookAtStore(nowMs: number): void {
    const { store } = this.#options
    const isSaving = this.unsavable === undefined
    this.#probeAtMs = nowMs + (isSaving ? CHECK_EVERY_MS : PROBE_EVERY_MS)
    if (this.#lookingSinceMs !== undefined) {
      // A folder of a dead network file system does not even fail
      if (nowMs - this.#lookingSinceMs > MAX_LOOK_MS)
        this.#onUnsavable(new Error('the store does not answer'))
      return
    }
    this.#lookingSinceMs = nowMs
    const look = isSaving ? store.check() : store.probe().then(() => this.#onSaved())
    look
      .catch((error) => this.#onUnsavable(error))
      .finally(() => {
        this.#lookingSinceMs = undefined
      })
  }

  #onUnsavable(error: Error): void {
    if (this.unsavable === undefined)
      this.#options.log.error({ err: error }, 'results cannot be saved')
    this.unsavable = error.message
  }

  #onSaved(): void {
    if (this.unsavable !== undefined) this.#options.log.info('results can be saved again')
    this.unsavable = undefined
  }

  #history(key: string, then: (matches: PlayedMatch[] | undefined) => void): void {
    this.#options.store.matchesOf(key, HISTORY_MATCHES).then(
      (records) => then(records.map((record) => playedBy(key, record))),
      (error) => {
        this.#options.log.error({ err: error }, 'matches cannot be read')
        then(undefined)
      }
    )
  }

  #count(reason: RefusalCode): void {
    this.refusals[reason] = (this.refusals[reason] ?? 0) + 1
  }

  /**
   * The connections by gateway, without those that are closed. Most messages go to one gateway, and
   * most servers have one.
   */
  #byGateway(to: Iterable<Session>): Map<GatewayLink, number[]> {
    const clients = new Map<GatewayLink, number[]>()
    let latest: GatewayLink | undefined
    let list: number[] | undefined
    for (const session of to) {
      const { link, client } = session as LinkedSession
      if (link !== latest) {
        latest = link
        list = clients.get(link) ?? (this.#linkedSessions.has(link) ? [] : undefined)
        if (list !== undefined) clients.set(link, list)
      }
      list?.push(client)
    }
    return clients
  }
}

/** A match as one of its players remembers it. */
function playedBy(key: string, record: MatchRecord) {
  const { endedAtMs, room, scores, winners, skills } = record
  const isOwn = ({ name }: { name: string }) => keyIn(record, name) === key
  return {
    endedAtMs,
    room,
    players: scores.length,
    score: scores.find(isOwn)?.score ?? 0,
    won: winners.some((name) => isOwn({ name })),
    skill: skills.find(isOwn)?.skill ?? FIRST_SKILL
  }
}
