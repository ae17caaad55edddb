// A room: who is in it, who is ready, and the match that runs in it. Tells its members what happens. Knows no sockets; the time is passed in.
import type { Limits } from './config.ts'
import { Match } from './match.ts'
import { type Player, sessionsOf } from './player.ts'
import { type MemberInfo, Refusal, type RoomInfo, type ServerMessage } from './protocol.ts'
import type { Session } from './session.ts'

/** How the rules talk: one message to any number of players. */
export type Deliver = (to: Iterable<Session>, message: ServerMessage) => void

export class Room {
  readonly name: string
  readonly #members = new Set<Player>()
  readonly #ready = new Set<Player>()
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

  join(player: Player): void {
    if (this.isPlaying) throw new Refusal('match-running', 'a match is running in this room')
    if (this.#members.size >= this.#limits.maxRoomPlayers) throw new Refusal('room-full', 'this room is full')
    this.#tell({ type: 'member-joined', name: player.name })
    this.#members.add(player)
    player.room = this
    this.#showTo(player)
  }

  /** The connection of a member is lost: the seat stays, and who is not here is not ready. */
  lose(player: Player): void {
    this.#ready.delete(player)
    this.#tell({ type: 'member-away', name: player.name })
  }

  /** A member is back: sees the room as it is now. */
  welcomeBack(player: Player, nowMs: number): void {
    const others = [...this.#members].filter((member) => member !== player)
    this.#deliver(sessionsOf(others), { type: 'member-back', name: player.name })
    this.#showTo(player)
    if (this.#match === undefined || player.session === undefined) return
    const endsInMs = Math.max(this.#match.endsMs - nowMs, 0)
    this.#deliver([player.session], { type: 'match-started', players: this.#match.players, endsInMs })
  }

  /** By command, or because a lost connection did not come back: to the others it is the same. */
  leave(player: Player, nowMs: number): void {
    this.#members.delete(player)
    this.#ready.delete(player)
    player.room = undefined
    this.#tell({ type: 'member-left', name: player.name })
    this.#match?.leave(player.name)
    this.tick(nowMs)
    this.#startIfAllAreReady(nowMs) // the one who left may have been the one they waited for
  }

  setReady(player: Player, ready: boolean, nowMs: number): void {
    if (this.isPlaying) throw new Refusal('match-running', 'the match has started already')
    if (ready) this.#ready.add(player)
    else this.#ready.delete(player)
    this.#tell({ type: 'ready', name: player.name, ready })
    this.#startIfAllAreReady(nowMs)
  }

  roll(player: Player, nowMs: number): void {
    if (this.#match === undefined) throw new Refusal('no-match', 'no match is running')
    const value = this.#match.roll(player.name)
    if (value === undefined) throw new Refusal('already-rolled', 'you have rolled already')
    this.#tell({ type: 'rolled', name: player.name, value })
    this.tick(nowMs)
  }

  say(player: Player, text: string): void {
    this.#tell({ type: 'chat', from: player.name, to: 'room', text })
  }

  /** Ends a match that is over; the room is then open again, and nobody is ready. */
  tick(nowMs: number): void {
    if (!this.#match?.isOver(nowMs)) return
    const { seed } = this.#match
    const result = this.#match.result()
    this.#match = undefined
    this.#ready.clear()
    this.#tell({ type: 'match-ended', ...result, seed })
  }

  #tell(message: ServerMessage): void {
    this.#deliver(sessionsOf(this.#members), message)
  }

  #showTo(player: Player): void {
    if (player.session === undefined) return
    const members = [...this.#members].map((member): MemberInfo => {
      return { name: member.name, ready: this.#ready.has(member), away: member.session === undefined }
    })
    this.#deliver([player.session], { type: 'joined', room: this.name, members })
  }

  #startIfAllAreReady(nowMs: number): void {
    const count = this.#members.size
    if (this.isPlaying || count < this.#limits.minMatchPlayers || this.#ready.size < count) return
    const players = [...this.#members].map((member) => member.name)
    this.#match = new Match(players, this.#newSeed(), nowMs + this.#limits.matchMs)
    this.#tell({ type: 'match-started', players, endsInMs: this.#limits.matchMs })
  }
}
