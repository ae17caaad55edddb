// How one bot plays: what it hears and what it does next. Pure, as the server's rules are: no sockets, and chance is passed in.
import type { Request, RoomInfo, ServerMessage } from './protocol.ts'

/** Refusals that happen to the best: somebody else was quicker. Any other is a fault, of the bot or of the server. */
const racesLost = new Set([
  'name-taken',
  'room-taken',
  'room-full',
  'no-such-room',
  'match-running',
  'no-match',
  'already-rolled',
  'queue-full',
  'draining'
])

/** Left to people who come later. */
const seatsKeptFree = 2
const sayings = [
  'hello',
  'good luck',
  'who starts?',
  'one more',
  'well played',
  'again!',
  'wait for me',
  'ready when you are'
]

export class Bot {
  /** Refusals that should not have been. */
  faults = 0
  readonly #wantedName: string
  readonly #random: () => number
  #name = ''
  #triedNames = 0
  #rooms: RoomInfo[] | undefined
  #roomTotal = 0
  #isQueued = false
  #isInRoom = false
  #memberCount = 0
  #isReady = false
  #isPlaying = false
  #hasRolled = false

  constructor(wantedName: string, random: () => number) {
    this.#wantedName = wantedName
    this.#random = random
  }

  hear(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#name = message.name
        break
      case 'rooms':
        this.#rooms = message.rooms
        this.#roomTotal = message.total
        break
      case 'queued':
        this.#isQueued = true
        break
      case 'joined':
        this.#isQueued = false
        this.#isInRoom = true
        this.#isReady = false
        this.#memberCount = message.members.length
        break
      case 'left':
        this.#isInRoom = false
        break
      case 'member-joined':
        this.#memberCount++
        break
      case 'member-left':
        this.#memberCount--
        break
      case 'match-started':
        this.#isPlaying = true
        this.#hasRolled = false
        break
      case 'match-ended':
        this.#isPlaying = false
        this.#isReady = false
        break
      case 'error':
        if (!racesLost.has(message.code)) this.faults++
        break
      // The rest is what others do, of which a bot makes nothing.
    }
  }

  /** The next thing that it does, or undefined when it only listens this time. */
  act(): Request | undefined {
    if (this.#name === '') return { type: 'name', name: this.#nextName() }
    if (!this.#isInRoom) return this.#actInLobby()
    return this.#isPlaying ? this.#actInMatch() : this.#actInRoom()
  }

  #nextName(): string {
    const suffix = this.#triedNames++ === 0 ? '' : `-${Math.floor(this.#random() * 1e6)}`
    return `${this.#wantedName}${suffix}`
  }

  #actInLobby(): Request | undefined {
    if (this.#isQueued) return undefined // the next thing is a room
    if (this.#chance(0.1)) return { type: 'queue' }
    if (this.#chance(0.02)) return this.#say()
    const rooms = this.#rooms
    this.#rooms = undefined
    if (rooms === undefined) {
      // One page of the list, from anywhere: so that the bots do not all crowd into the oldest rooms.
      return { type: 'rooms', from: Math.floor(this.#random() * Math.max(this.#roomTotal - 10, 0)) }
    }
    const open = rooms.filter(({ players, capacity, isPlaying }) => !isPlaying && players < capacity - seatsKeptFree)
    if (open.length === 0 || this.#chance(0.05)) return { type: 'create', room: `${this.#name}'s` }
    return { type: 'join', room: open[Math.floor(this.#random() * open.length)].name }
  }

  #actInRoom(): Request | undefined {
    if (this.#chance(0.25)) return this.#say()
    const isAlone = this.#memberCount < 2
    if (this.#chance(isAlone ? 0.3 : 0.05)) return { type: 'leave' }
    if (isAlone || this.#isReady) return undefined
    this.#isReady = true
    return { type: 'ready', ready: true }
  }

  #actInMatch(): Request | undefined {
    if (this.#hasRolled || this.#chance(0.25)) return this.#say()
    this.#hasRolled = true
    return { type: 'roll' }
  }

  #say(): Request {
    return { type: 'say', text: sayings[Math.floor(this.#random() * sayings.length)] }
  }

  #chance(probability: number): boolean {
    return this.#random() < probability
  }
}
