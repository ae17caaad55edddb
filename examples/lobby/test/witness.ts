// A player in a simulated network that looks closely: it plays, talks and comes back, and throws at
// the first thing that breaks a promise of the lobby.
import type { Poller, TcpConnection } from 'pollport'
import type { SimulatedHost } from 'pollport/simulation'
import { encode, type Request, type ServerMessage } from '../wire/protocol.ts'
import { takeTurns } from './simulated-turns.ts'

const ACT_EVERY_MS = 1_000
/**
 * A connection without a pong for so long is given up, as a good client does: what it went on
 * sending would arrive at once, and look like a flood.
 */
const SILENCE_MS = 5_000
/** The server may notice a lost connection so much earlier than the witness: an answer's way. */
const MARGIN_MS = 2_000
/** In so many of its turns it loses its connection, as phones do; before `welcome` as well. */
const LOSS = 0.05
const LINE = /^line (\d+)$/

/** What a witness is given. */
export interface WitnessOptions {
  name: string
  server: { address: string; port: number }
  /** Which start of the server it is: a new one knows no seats. */
  life: () => number
  resumeMs: number
  /** Is it in the store? */
  isKept: (match: Extract<ServerMessage, { type: 'match-ended' }>) => boolean
  /** From then on it does not lose its connection by itself. */
  calmFromMs: number
  /** How often a promise was put to the test. */
  seen: Seen
}

export interface Seen {
  resumes: number
  matches: number
  lines: number
}

export class Witness {
  readonly #options: WitnessOptions
  readonly #host: SimulatedHost
  readonly #poller: Poller<Witness>
  #name: string
  #connection: TcpConnection<Witness> | undefined
  #token: string | undefined
  /** Whose name it is, once a match was played under it. */
  #account: string | undefined
  /** Of the server that gave the token. */
  #life = 0
  #isResuming = false
  #isSignedIn = false
  #isPlaced = false
  #isReady = false
  #heardAtMs = 0
  /** The last pong, or the welcome. */
  #answeredAtMs = Number.NEGATIVE_INFINITY
  #acts = 0
  #lines = 0
  /** The last line of each, by name. */
  readonly #heardLines = new Map<string, number>()
  readonly #endedMatches = new Set<string>()

  constructor(host: SimulatedHost, options: WitnessOptions) {
    this.#host = host
    this.#name = options.name
    this.#options = options
    this.#poller = host.poller()
  }

  /** Whether the server serves it: it has a name, and an answer that is not old. */
  isServed(withinMs: number): boolean {
    return this.#isSignedIn && this.#host.now - this.#answeredAtMs <= withinMs
  }

  async run(): Promise<void> {
    await takeTurns({
      host: this.#host,
      poller: this.#poller,
      everyMs: ACT_EVERY_MS,
      act: () => this.#act(),
      connection: () => this.#connection,
      hear: (message) => this.#hear(message),
      onClose: () => this.#lose()
    })
  }

  #send(request: Request): void {
    this.#connection?.send(encode(request))
  }

  #lose(): void {
    this.#connection = undefined
    this.#isSignedIn = false
  }

  #act(): void {
    const { server } = this.#options
    if (this.#connection === undefined) {
      this.#connection = this.#poller.connectTcp({ ...server, timeoutMs: SILENCE_MS })
      this.#isResuming = this.#token !== undefined
      this.#send(
        this.#token === undefined
          ? { type: 'name', name: this.#name, account: this.#account }
          : { type: 'resume', token: this.#token }
      )
      return
    }
    const isSilent = this.#isSignedIn && this.#host.now - this.#answeredAtMs > SILENCE_MS
    const isLost = this.#host.now < this.#options.calmFromMs && this.#host.random.chance(LOSS)
    if (isSilent || isLost) {
      this.#connection.reset()
      this.#lose()
      return
    }
    if (!this.#isSignedIn) return
    this.#send({ type: 'ping', id: 1 })
    if (++this.#acts % 3 === 0) this.#send({ type: 'say', text: `line ${++this.#lines}` })
    if (!this.#isPlaced) this.#send({ type: 'queue' })
    else if (!this.#isReady) this.#send({ type: 'ready', ready: true })
    this.#isReady = this.#isPlaced
  }

  #hear(message: ServerMessage): void {
    if (message.type === 'hello') return
    const silentMs = this.#host.now - this.#heardAtMs
    switch (message.type) {
      case 'welcome':
        if (message.name !== this.#name) throw new Error(`it is ${message.name} now`)
        if (this.#isResuming) this.#options.seen.resumes++
        else this.#isPlaced = false
        this.#isResuming = false
        this.#isReady = false
        this.#isSignedIn = true
        this.#answeredAtMs = this.#host.now
        this.#token = message.token
        this.#account = message.account
        this.#life = this.#options.life()
        break
      case 'joined':
        this.#isPlaced = true
        this.#isReady = false
        break
      case 'left':
      case 'kicked':
      case 'unqueued':
        this.#isPlaced = false
        break
      case 'queued':
        this.#isPlaced = true
        this.#isReady = true
        break
      case 'pong':
        this.#answeredAtMs = this.#host.now
        break
      case 'chat':
        this.#hearLine(message.from, LINE.exec(message.text)?.[1])
        break
      case 'match-ended':
        this.#isReady = false
        this.#hearEnd(message)
        break
      case 'error':
        this.#hearError(message, silentMs)
        break
    }
    // A connection that was refused says nothing of the seat.
    if (this.#isSignedIn) this.#heardAtMs = this.#host.now
  }

  #hearLine(from: string, number: string | undefined): void {
    if (number === undefined) return
    const last = this.#heardLines.get(from) ?? 0
    if (Number(number) <= last) throw new Error(`line ${number} of ${from} came after line ${last}`)
    this.#heardLines.set(from, Number(number))
    this.#options.seen.lines++
  }

  #hearEnd(message: Extract<ServerMessage, { type: 'match-ended' }>): void {
    const which = `${this.#life} ${message.match}`
    if (this.#endedMatches.has(which)) throw new Error(`match ${message.match} ended twice`)
    this.#endedMatches.add(which)
    if (!message.saved) throw new Error(`match ${message.match} was not saved`)
    if (!this.#options.isKept(message))
      throw new Error(`match ${message.match} is not in the store`)
    this.#options.seen.matches++
  }

  #hearError({ code }: Extract<ServerMessage, { type: 'error' }>, silentMs: number): void {
    // Its welcome got lost, and the name is taken until that seat is given up: a person takes
    // another one.
    if (code === 'name-taken') this.#name = `${this.#options.name}${this.#host.random.below(10)}`
    if (!this.#isResuming) return // a full queue, and the like
    this.#isResuming = false
    // The token came too late for this connection: the next one may bring it in time.
    if (code === 'sign-in-timeout') {
      this.#connection?.reset()
      this.#lose()
      return
    }
    const isPromised =
      this.#life === this.#options.life() && silentMs < this.#options.resumeMs - MARGIN_MS
    if (isPromised) throw new Error(`the seat was promised, and not given: ${code}`)
    this.#token = undefined
    this.#connection?.reset()
    this.#lose()
  }
}
