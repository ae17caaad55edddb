// The rules of the house: who may do what, and who hears of it. Takes frames and gives messages. Knows no sockets; the time is passed in.
import type { Limits } from './config.ts'
import { type Command, keyOf, PROTOCOL_VERSION, parseCommand, Refusal } from './protocol.ts'
import { type Deliver, Room } from './room.ts'
import type { Session } from './session.ts'

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
  /** Connected and nameless, the longest waiting first. */
  readonly #arrivals = new Set<Session>()
  // Names come from strangers, so they are keys of maps and never of plain objects.
  readonly #players = new Map<string, Session>()
  readonly #rooms = new Map<string, Room>()
  /** The players who are in no room: the lobby proper. */
  readonly #inLobby = new Set<Session>()

  constructor(limits: Limits, outlet: Outlet, newSeed: () => number) {
    this.#limits = limits
    this.#deliver = outlet.deliver
    this.#dismiss = outlet.dismiss
    this.#newSeed = newSeed
  }

  get playerCount(): number {
    return this.#players.size
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

  /** Somebody is gone, for whatever reason. Harmless when repeated. */
  leave(session: Session, nowMs: number): void {
    this.#arrivals.delete(session)
    this.#leaveRoom(session, nowMs)
    this.#inLobby.delete(session)
    if (session.name !== '') this.#players.delete(keyOf(session.name))
    session.name = ''
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
    for (const room of this.#rooms.values()) room.tick(nowMs)
  }

  #obey(session: Session, command: Command, nowMs: number): void {
    if (session.name === '' && command.type !== 'name' && command.type !== 'ping') {
      throw new Refusal('name-first', 'choose a name first')
    }
    switch (command.type) {
      case 'ping':
        this.#deliver([session], { type: 'pong', id: command.id })
        break
      case 'name':
        this.#signIn(session, command.name)
        break
      case 'rooms':
        this.#list(session, command.from)
        break
      case 'create':
        this.#create(session, command.room)
        break
      case 'join':
        this.#join(session, command.room)
        break
      case 'leave':
        this.#leaveByCommand(session, nowMs)
        break
      case 'ready':
        this.#roomOf(session).setReady(session, command.ready, nowMs)
        break
      case 'roll':
        this.#roomOf(session).roll(session, nowMs)
        break
      case 'say':
        if (session.room !== undefined) session.room.say(session, command.text)
        else this.#sayInLobby(session, command.text, nowMs)
        break
    }
  }

  #signIn(session: Session, name: string): void {
    if (session.name !== '') throw new Refusal('already-named', `your name is ${session.name}`)
    const key = keyOf(name)
    if (this.#players.has(key)) throw new Refusal('name-taken', 'somebody else has this name')
    session.name = name
    this.#arrivals.delete(session)
    this.#players.set(key, session)
    this.#inLobby.add(session)
    this.#deliver([session], { type: 'welcome', name })
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

  #create(session: Session, name: string): void {
    this.#mustBeInLobby(session)
    const key = keyOf(name)
    if (this.#rooms.has(key)) throw new Refusal('room-taken', 'there is a room of this name')
    if (this.#rooms.size >= this.#limits.maxRooms) throw new Refusal('too-many-rooms', 'there are too many rooms')
    const room = new Room(name, this.#limits, this.#deliver, this.#newSeed)
    this.#rooms.set(key, room)
    this.#enterRoom(session, room)
  }

  #join(session: Session, name: string): void {
    this.#mustBeInLobby(session)
    const room = this.#rooms.get(keyOf(name))
    if (room === undefined) throw new Refusal('no-such-room', 'there is no room of this name')
    this.#enterRoom(session, room)
  }

  #enterRoom(session: Session, room: Room): void {
    room.join(session)
    this.#inLobby.delete(session)
  }

  #leaveByCommand(session: Session, nowMs: number): void {
    const { name } = this.#roomOf(session)
    this.#leaveRoom(session, nowMs)
    this.#inLobby.add(session)
    this.#deliver([session], { type: 'left', room: name })
  }

  #leaveRoom(session: Session, nowMs: number): void {
    const { room } = session
    if (room === undefined) return
    room.leave(session, nowMs)
    if (room.isEmpty) this.#rooms.delete(keyOf(room.name))
  }

  #sayInLobby(session: Session, text: string, nowMs: number): void {
    if (!session.bucket.take(this.#limits.lobbyChatMessages - 1, nowMs)) {
      throw new Refusal('too-fast', 'the whole lobby hears this: more slowly, please')
    }
    this.#deliver(this.#inLobby, { type: 'chat', from: session.name, to: 'lobby', text })
  }

  #roomOf(session: Session): Room {
    if (session.room === undefined) throw new Refusal('not-in-a-room', 'you are in no room')
    return session.room
  }

  #mustBeInLobby(session: Session): void {
    if (session.room !== undefined) throw new Refusal('in-a-room', `leave ${session.room.name} first`)
  }

  #refuse(session: Session, reason: Refusal): void {
    this.#deliver([session], reason.toMessage())
  }
}
