// A player of a cluster in a simulated network: it plays, talks, makes rooms and comes back at any
// node. Unlike a witness of one lobby it does not expect its seat to be kept whatever happens, for
// that can be lost with a node.
import type { Poller, TcpConnection } from 'pollport'
import type { SimulatedHost } from 'pollport/simulation'
import { encode, type Request, type ServerMessage } from '../wire/protocol.ts'
import { takeTurns } from './simulated-turns.ts'

export type MatchEnd = Extract<ServerMessage, { type: 'match-ended' }>

/** What a guest is given. */
export interface GuestOptions {
  /** At which addresses it finds a node. */
  nodes: readonly string[]
  port: number
  onMatchEnded: (match: MatchEnd) => void
  /** From then on it does not lose its connection by itself. */
  calmFromMs: number
  /** From then on it signs out, and does not come back. */
  leavesAtMs: number
  /** What came about. */
  seen: GuestsSeen
}

export interface GuestsSeen {
  resumes: number
  /** Seats that came back at another node than they were at. */
  moves: number
  matches: number
  rooms: number
  /** Tokens that were good for nothing any more. */
  lostSeats: number
}

const ACT_EVERY_MS = 500
/** A connection without a pong for so long is given up, as a good client does. */
const SILENCE_MS = 3_000
/** Who comes back may have to wait until its old node is known to be dead. */
const SIGN_IN_MS = 6_000
/** In so many of its turns it loses its connection, or leaves for good. */
const LOSS = 0.03
const SIGN_OUT = 0.01
/** Names and rooms are few: guests at different nodes want the same ones. */
const NAMES = 12
export const ROOM_NAMES = ['den 0', 'den 1', 'den 2', 'den 3']
const ROOM_TURNS = 40

export class ClusterGuest {
  readonly #options: GuestOptions
  readonly #host: SimulatedHost
  readonly #poller: Poller<ClusterGuest>
  #name: string
  #names = NAMES
  #connection: TcpConnection<ClusterGuest> | undefined
  #node: string | undefined
  #seatedAt: string | undefined
  #token: string | undefined
  #account: string | undefined
  #isResuming = false
  #shallKnock = false
  #isSignedIn = false
  #isPlaced = false
  #isReady = false
  #turnsInRoom = 0
  #connectedAtMs = 0
  /** When the last ping was sent that has an answer. */
  #servedAtMs = Number.NEGATIVE_INFINITY
  #lines = 0
  /** The last things that happened to it, for the words of a failure. */
  readonly #story: string[] = []

  constructor(host: SimulatedHost, options: GuestOptions) {
    this.#host = host
    this.#options = options
    this.#poller = host.poller()
    this.#name = this.#anyName()
  }

  /** The moment of the last ping that was answered. */
  get servedAtMs(): number {
    return this.#servedAtMs
  }

  /** It is not here, and has no seat that it could come back to. */
  get hasLeft(): boolean {
    return this.#connection === undefined && this.#token === undefined
  }

  toString(): string {
    return `${this.#name} of ${this.#host.address}, at ${this.#node}: ${this.#story.join(', ')}`
  }

  async run(): Promise<void> {
    await takeTurns({
      host: this.#host,
      poller: this.#poller,
      everyMs: ACT_EVERY_MS,
      act: () => this.#act(),
      connection: () => this.#connection,
      hear: (message) => this.#hear(message),
      onClose: () => this.#lose('is disconnected')
    })
  }

  #anyName(): string {
    return `guest ${this.#host.random.below(this.#names)}`
  }

  #note(what: string): void {
    this.#story.push(`${Math.round(this.#host.now)} ${what}`)
    if (this.#story.length > 20) this.#story.shift()
  }

  #send(request: Request): void {
    this.#connection?.send(encode(request))
  }

  #lose(why: string): void {
    this.#note(why)
    this.#connection = undefined
    this.#isSignedIn = false
  }

  #giveUp(why: string): void {
    this.#connection?.reset()
    this.#lose(why)
  }

  /** Unlike a reset, this cannot get lost. */
  #leave(why: string): void {
    this.#connection?.end()
    this.#lose(why)
  }

  #act(): void {
    const { random, now } = this.#host
    const isLeaving = now >= this.#options.leavesAtMs
    if (isLeaving && this.#token === undefined) {
      return this.#leave('leaves')
    }
    if (this.#connection === undefined) return this.#connect()
    const sinceMs = Math.max(this.#connectedAtMs, this.#servedAtMs)
    if (now - sinceMs > (this.#isSignedIn ? SILENCE_MS : SIGN_IN_MS)) return this.#giveUp('waits')
    const isRestless = now < this.#options.calmFromMs
    if (isRestless && random.chance(LOSS)) return this.#giveUp('goes')
    if (!this.#isSignedIn) {
      if (this.#shallKnock) this.#knock()
      return
    }
    if (isLeaving) return this.#send({ type: 'sign-out' })
    this.#send({ type: 'ping', id: Math.floor(now) })
    if (random.chance(0.2)) this.#send({ type: 'say', text: `line ${++this.#lines}` })
    if (isRestless && random.chance(SIGN_OUT)) return this.#send({ type: 'sign-out' })
    if (!this.#isPlaced) return this.#choose()
    if (!this.#isReady) this.#send({ type: 'ready', ready: true })
    this.#isReady = true
    if (++this.#turnsInRoom % ROOM_TURNS === 0) this.#send({ type: 'leave' })
  }

  /** What to do next, out of everything. */
  #choose(): void {
    const { random } = this.#host
    const room = ROOM_NAMES[random.below(ROOM_NAMES.length)]
    const dice = random.below(4)
    if (dice < 2) this.#send({ type: 'queue' })
    else if (dice === 2) this.#send({ type: 'create', room, capacity: 4 })
    else this.#send({ type: 'join', room })
  }

  #connect(): void {
    const { nodes, port } = this.#options
    this.#node = nodes[this.#host.random.below(nodes.length)]
    this.#connection = this.#poller.connectTcp({ address: this.#node, port, timeoutMs: SILENCE_MS })
    this.#connectedAtMs = this.#host.now
    this.#note(`goes to ${this.#node}`)
    this.#knock()
  }

  /** Who it is: a token, or a name. */
  #knock(): void {
    this.#shallKnock = false
    this.#isResuming = this.#token !== undefined
    this.#send(
      this.#token === undefined
        ? { type: 'name', name: this.#name, account: this.#account }
        : { type: 'resume', token: this.#token }
    )
  }

  #hear(message: ServerMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#hearWelcome(message)
        break
      case 'joined':
        this.#options.seen.rooms++
        this.#isPlaced = true
        this.#isReady = false
        break
      case 'queued':
        this.#isPlaced = true
        this.#isReady = true
        break
      case 'left':
      case 'kicked':
      case 'unqueued':
        this.#isPlaced = false
        break
      case 'signed-out':
        this.#token = undefined
        this.#leave('has signed out')
        break
      case 'pong':
        this.#servedAtMs = Math.max(this.#servedAtMs, message.id)
        break
      case 'match-ended':
        this.#isReady = false
        this.#options.seen.matches++
        this.#options.onMatchEnded(message)
        break
      case 'error':
        this.#hearError(message.code)
        break
    }
  }

  #hearWelcome(message: Extract<ServerMessage, { type: 'welcome' }>): void {
    if (message.name !== this.#name) throw new Error(`${this} is ${message.name} now`)
    const { seen } = this.#options
    if (this.#isResuming) seen.resumes++
    if (this.#isResuming && this.#node !== this.#seatedAt) seen.moves++
    this.#note(this.#isResuming ? 'is back' : 'is new')
    this.#seatedAt = this.#node
    this.#isResuming = false
    this.#isSignedIn = true
    this.#isPlaced = false // `joined` follows, if it is in a room
    this.#isReady = false
    this.#token = message.token
    this.#account = message.account
  }

  #hearError(code: string): void {
    if (this.#isSignedIn) return // a room that is taken, a full queue, and the like
    this.#note(code)
    if (code === 'cluster-away') {
      this.#shallKnock = true
      return
    }
    if (code === 'name-taken' || code === 'name-reserved') {
      this.#names = Math.min(2 * this.#names, 1_000)
      this.#name = this.#anyName()
      this.#shallKnock = true
      return
    }
    // The token came too late for this connection: the next one may bring it in time.
    if (this.#isResuming && code !== 'sign-in-timeout') {
      this.#options.seen.lostSeats++
      this.#token = undefined
    }
    this.#giveUp('gives up')
  }
}
