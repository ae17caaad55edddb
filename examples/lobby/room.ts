// A room: who is in it, who is ready, and the match that runs in it. Tells its members what happens. Knows no sockets; the time is passed in.
import type { Limits } from './config.ts'
import { Match } from './match.ts'
import { Refusal, type RoomInfo, type ServerMessage } from './protocol.ts'
import type { Session } from './session.ts'

/** How the rules talk: one message to any number of players. */
export type Deliver = (to: Iterable<Session>, message: ServerMessage) => void

export class Room {
  readonly name: string
  readonly #members = new Set<Session>()
  readonly #ready = new Set<Session>()
  #match: Match | undefined
  readonly #limits: Limits
  readonly #deliver: Deliver
  readonly #newSeed: () => number

  constructor(name: string, limits: Limits, deliver: Deliver, newSeed: () => number) {
    this.name = name
    this.#limits = limits
    this.#deliver = deliver
    this.#newSeed = newSeed
  }

  get isEmpty(): boolean {
    return this.#members.size === 0
  }

  get isPlaying(): boolean {
    return this.#match !== undefined
  }

  get info(): RoomInfo {
    return { name: this.name, players: this.#members.size, isPlaying: this.isPlaying }
  }

  join(session: Session): void {
    if (this.isPlaying) throw new Refusal('match-running', 'a match is running in this room')
    if (this.#members.size >= this.#limits.maxRoomPlayers) throw new Refusal('room-full', 'this room is full')
    this.#deliver(this.#members, { type: 'member-joined', name: session.name })
    this.#members.add(session)
    session.room = this
    const members = [...this.#members].map((member) => ({ name: member.name, ready: this.#ready.has(member) }))
    this.#deliver([session], { type: 'joined', room: this.name, members })
  }

  /** By command or by losing the connection: to the others it is the same. */
  leave(session: Session, nowMs: number): void {
    this.#members.delete(session)
    this.#ready.delete(session)
    session.room = undefined
    this.#deliver(this.#members, { type: 'member-left', name: session.name })
    this.#match?.leave(session.name)
    this.tick(nowMs)
    this.#startIfAllAreReady(nowMs) // the one who left may have been the one they waited for
  }

  setReady(session: Session, ready: boolean, nowMs: number): void {
    if (this.isPlaying) throw new Refusal('match-running', 'the match has started already')
    if (ready) this.#ready.add(session)
    else this.#ready.delete(session)
    this.#deliver(this.#members, { type: 'ready', name: session.name, ready })
    this.#startIfAllAreReady(nowMs)
  }

  roll(session: Session, nowMs: number): void {
    if (this.#match === undefined) throw new Refusal('no-match', 'no match is running')
    const value = this.#match.roll(session.name)
    if (value === undefined) throw new Refusal('already-rolled', 'you have rolled already')
    this.#deliver(this.#members, { type: 'rolled', name: session.name, value })
    this.tick(nowMs)
  }

  say(session: Session, text: string): void {
    this.#deliver(this.#members, { type: 'chat', from: session.name, to: 'room', text })
  }

  /** Ends a match that is over; the room is then open again, and nobody is ready. */
  tick(nowMs: number): void {
    if (!this.#match?.isOver(nowMs)) return
    const { seed } = this.#match
    const result = this.#match.result()
    this.#match = undefined
    this.#ready.clear()
    this.#deliver(this.#members, { type: 'match-ended', ...result, seed })
  }

  #startIfAllAreReady(nowMs: number): void {
    const count = this.#members.size
    if (this.isPlaying || count < this.#limits.minMatchPlayers || this.#ready.size < count) return
    const players = [...this.#members].map((member) => member.name)
    this.#match = new Match(players, this.#newSeed(), nowMs + this.#limits.matchMs)
    this.#deliver(this.#members, { type: 'match-started', players, endsInMs: this.#limits.matchMs })
  }
}
