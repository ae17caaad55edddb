// The rules of the house: who may do what, and who hears of it. Takes frames and gives messages. Knows no sockets; the time is passed in.
import type { Limits } from './config.ts'
import { Player, sessionsOf } from './player.ts'
import { type Command, keyOf, PROTOCOL_VERSION, parseCommand, Refusal } from './protocol.ts'
import { type Deliver, Room } from './room.ts'
import type { Session } from './session.ts'
import { TokenSigner } from './tokens.ts'

/** Says why and ends the connection. Calls {@link Lobby.leave} before it returns. */
export type Dismiss = (session: Session, reason: Refusal) => void

/** What the rules ask of whoever holds the connections. */
export interface Outlet {
  deliver: Deliver
  dismiss: Dismiss
}

export class Lobby {
  readonly #limits: Limits
  readonly #deliver: Deliver
  readonly #dismiss: Dismiss
  readonly #newSeed: () => number
  readonly #tokens = new TokenSigner()
  /** Connected and nameless, the longest waiting first. */
  readonly #arrivals = new Set<Session>()
  // Names come from strangers, so they are keys of maps and never of plain objects.
  readonly #players = new Map<string, Player>()
  readonly #byId = new Map<string, Player>()
  readonly #rooms = new Map<string, Room>()
  /** The players who are in no room: the lobby proper. */
  readonly #inLobby = new Set<Player>()
  /** Those whose connection is lost, the longest away first. */
  readonly #away = new Set<Player>()

  constructor(limits: Limits, outlet: Outlet, newSeed: () => number) {
    this.#limits = limits
    this.#deliver = outlet.deliver
    this.#dismiss = outlet.dismiss
    this.#newSeed = newSeed
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

  /** Counted when asked for, which is once a second. */
  get matchCount(): number {
    let count = 0
    for (const room of this.#rooms.values()) if (room.isPlaying) count++
    return count
  }

  /** Somebody connected. */
  enter(session: Session): void {
    this.#arrivals.add(session)
    const { maxFrameBytes } = this.#limits
    this.#deliver([session], { type: 'hello', version: PROTOCOL_VERSION, maxFrameBytes })
  }

  /** Somebody is sent away, and does not come back. Harmless when repeated. */
  leave(session: Session, nowMs: number): void {
    this.#arrivals.delete(session)
    const { player } = session
    if (player === undefined) return
    session.player = undefined
    player.session = undefined
    this.#remove(player, nowMs)
  }

  /** A connection is lost: its player may come back. Harmless when repeated. */
  lose(session: Session, nowMs: number): void {
    this.#arrivals.delete(session)
    const { player } = session
    if (player === undefined) return
    session.player = undefined
    player.session = undefined
    player.awayUntilMs = nowMs + this.#limits.resumeMs
    this.#away.add(player)
    player.room?.lose(player)
  }

  /** A frame came in. Whatever is wrong with it is between the server and its sender. */
  receive(session: Session, frame: Uint8Array, nowMs: number): void {
    const admission = session.admit(nowMs)
    if (admission === 'cut') this.#dismiss(session, new Refusal('flood', 'far too many commands; goodbye'))
    if (admission === 'warn') this.#refuse(session, new Refusal('too-fast', 'too many commands; some are dropped'))
    if (admission !== 'do') return
    try {
      this.#obey(session, parseCommand(frame, this.#limits), nowMs)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error // a fault of ours: it must not look like one of theirs
      this.#refuse(session, error)
    }
  }

  /** Does what is due by the clock. */
  tick(nowMs: number): void {
    for (const session of this.#arrivals) {
      if (nowMs - session.arrivedMs < this.#limits.signInMs) break
      this.#dismiss(session, new Refusal('sign-in-timeout', 'nobody stays here without a name'))
    }
    for (const player of this.#away) {
      if (nowMs < player.awayUntilMs) break
      this.#remove(player, nowMs)
    }
    for (const room of this.#rooms.values()) room.tick(nowMs)
  }

  #obey(session: Session, command: Command, nowMs: number): void {
    switch (command.type) {
      case 'ping':
        this.#deliver([session], { type: 'pong', id: command.id })
        return
      case 'name':
        this.#signIn(session, command.name, nowMs)
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
        this.#list(session, command.from)
        break
      case 'create':
        this.#create(player, command.room)
        break
      case 'join':
        this.#join(player, command.room)
        break
      case 'leave':
        this.#leaveByCommand(session, player, nowMs)
        break
      case 'ready':
        this.#roomOf(player).setReady(player, command.ready, nowMs)
        break
      case 'roll':
        this.#roomOf(player).roll(player, nowMs)
        break
      case 'say':
        if (player.room !== undefined) player.room.say(player, command.text)
        else this.#sayInLobby(session, player, command.text, nowMs)
        break
    }
  }

  #signIn(session: Session, name: string, nowMs: number): void {
    this.#mustBeNobody(session)
    const key = keyOf(name)
    // Also of one who is away: the name is part of the seat.
    if (this.#players.has(key)) throw new Refusal('name-taken', 'somebody else has this name')
    const player = new Player(name)
    this.#players.set(key, player)
    this.#byId.set(player.id, player)
    this.#inLobby.add(player)
    this.#seat(session, player, nowMs)
  }

  /** Whoever shows a player's last token is that player. Nothing is touched before the token has passed every check. */
  #resume(session: Session, token: string, nowMs: number): void {
    this.#mustBeNobody(session)
    const claim = this.#tokens.verify(token)
    if (claim === undefined) throw new Refusal('bad-token', 'that is no token of this server')
    const player = this.#byId.get(claim.id)
    if (player === undefined || nowMs >= claim.expiresMs)
      throw new Refusal('token-expired', 'the seat has been given up')
    if (player.tokenSerial !== claim.serial) throw new Refusal('token-used', 'this token has been used')
    const before = player.session
    if (before !== undefined) {
      // The old connection may be dead without knowing it: the new one counts.
      before.player = undefined
      this.#dismiss(before, new Refusal('replaced', 'you have come back on another connection'))
    }
    this.#away.delete(player)
    this.#seat(session, player, nowMs)
    player.room?.welcomeBack(player, nowMs)
  }

  #seat(session: Session, player: Player, nowMs: number): void {
    this.#arrivals.delete(session)
    session.player = player
    player.session = session
    player.tokenSerial++
    const expiresMs = Math.floor(nowMs + this.#limits.tokenMs)
    const token = this.#tokens.sign({ id: player.id, serial: player.tokenSerial, expiresMs })
    this.#deliver([session], { type: 'welcome', name: player.name, token, resumeMs: this.#limits.resumeMs })
  }

  /** The connection stays, and belongs to nobody again. */
  #signOut(session: Session, nowMs: number): void {
    this.leave(session, nowMs)
    session.arrivedMs = nowMs
    this.#arrivals.add(session)
    this.#deliver([session], { type: 'signed-out' })
  }

  #remove(player: Player, nowMs: number): void {
    this.#away.delete(player)
    this.#leaveRoom(player, nowMs)
    this.#inLobby.delete(player)
    this.#players.delete(keyOf(player.name))
    this.#byId.delete(player.id)
  }

  #list(session: Session, from: number): void {
    const rooms = []
    let position = 0
    for (const room of this.#rooms.values()) {
      if (position++ < from) continue
      if (rooms.push(room.info) === this.#limits.maxListedRooms) break
    }
    this.#deliver([session], { type: 'rooms', rooms, from, total: this.#rooms.size })
  }

  #create(player: Player, name: string): void {
    this.#mustBeInLobby(player)
    const key = keyOf(name)
    if (this.#rooms.has(key)) throw new Refusal('room-taken', 'there is a room of this name')
    if (this.#rooms.size >= this.#limits.maxRooms) throw new Refusal('too-many-rooms', 'there are too many rooms')
    const room = new Room(name, this.#limits, this.#deliver, this.#newSeed)
    this.#rooms.set(key, room)
    this.#enterRoom(player, room)
  }

  #join(player: Player, name: string): void {
    this.#mustBeInLobby(player)
    const room = this.#rooms.get(keyOf(name))
    if (room === undefined) throw new Refusal('no-such-room', 'there is no room of this name')
    this.#enterRoom(player, room)
  }

  #enterRoom(player: Player, room: Room): void {
    room.join(player)
    this.#inLobby.delete(player)
  }

  #leaveByCommand(session: Session, player: Player, nowMs: number): void {
    const { name } = this.#roomOf(player)
    this.#leaveRoom(player, nowMs)
    this.#inLobby.add(player)
    this.#deliver([session], { type: 'left', room: name })
  }

  #leaveRoom(player: Player, nowMs: number): void {
    const { room } = player
    if (room === undefined) return
    room.leave(player, nowMs)
    if (room.isEmpty) this.#rooms.delete(keyOf(room.name))
  }

  #sayInLobby(session: Session, player: Player, text: string, nowMs: number): void {
    if (!session.bucket.take(this.#limits.lobbyChatMessages - 1, nowMs)) {
      throw new Refusal('too-fast', 'the whole lobby hears this: more slowly, please')
    }
    this.#deliver(sessionsOf(this.#inLobby), { type: 'chat', from: player.name, to: 'lobby', text })
  }

  #roomOf(player: Player): Room {
    if (player.room === undefined) throw new Refusal('not-in-a-room', 'you are in no room')
    return player.room
  }

  #mustBeInLobby(player: Player): void {
    if (player.room !== undefined) throw new Refusal('in-a-room', `leave ${player.room.name} first`)
  }

  #mustBeNobody(session: Session): void {
    if (session.player !== undefined) throw new Refusal('already-named', `your name is ${session.player.name}`)
  }

  #refuse(session: Session, reason: Refusal): void {
    this.#deliver([session], reason.toMessage())
  }
}
