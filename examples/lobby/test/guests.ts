// Players of a cluster over real sockets, in real time: they play, talk, and come back at another
// node when theirs is gone. They write down whatever breaks a promise. Depends on no test runner.
import { connect, type Socket } from 'node:net'
import { CoinHunter } from '../games/coin-arena/bot.ts'
import type { ArenaView } from '../games/coin-arena/rules.ts'
import type { ServerMessage } from '../wire/protocol.ts'
import type { Door } from './cluster.ts'
import { until } from './patience.ts'

type MessageOf<T extends ServerMessage['type']> = Extract<ServerMessage, { type: T }>

const ACT_EVERY_MS = 250
/** A connection without an answer for so long is given up, as a good client does. */
const SILENCE_MS = 2_000
/** Who waits for a place gets no answer for a while: so long is its node given the time. */
const SIGN_IN_MS = 6_000
/** A guest that got an answer within this time is served: it asks four times a second. */
export const SERVED_MS = 1_000
const SAY_EVERY = 8
const ASK_AGAIN_MS = 1_000
const USUAL = new Set(['state', 'event', 'chat', 'pong', 'ready', 'countdown'])
const MOST_OF_A_STORY = 60
/** An entry of a story: when, what, and how often. */
const REPEATED = /^(\d+) (.*?)(?: \((\d+) times, until \d+\))?$/
const LINE = /^line (\d+)$/
/** The same again, at the same node: the place may be free, or known, in a moment. */
const LATER = new Set(['cluster-away', 'name-taken'])
/** The same at the next node. */
const ELSEWHERE = new Set(['draining', 'server-full'])

/** A connection, and what came over it after it was given up. */
interface Line {
  door: Door
  socket: Socket
  rest: Buffer
  late: { atMs: number; message: ServerMessage }[]
}

export interface GuestReport {
  resumes: number
  /** Its token was good for nothing any more: a new life under the same name. */
  lostSeats: string[]
  /** Lines of the lobby may come twice to a player that moves between nodes in that moment. */
  doubledLines: number
  /** It was in a room, and that is gone. */
  lostRooms: number
  ends: MessageOf<'match-ended'>[]
  /** Promises that were broken. */
  broken: string[]
}

export class Guest {
  readonly name: string
  /** Plays and talks by itself; otherwise it is only there. */
  plays = true
  readonly report: GuestReport = {
    resumes: 0,
    lostSeats: [],
    doubledLines: 0,
    lostRooms: 0,
    ends: [],
    broken: []
  }
  /** Given up, but not closed: a process that was stopped may still speak to it. */
  readonly old: Line[] = []
  /** As the last match left it. */
  skill: number | undefined
  isPlaying = false
  room: string | undefined
  readonly #doors: () => readonly Door[]
  #at: number
  #line: Line | undefined
  onChat: (text: string) => void = () => {}
  #token: string | undefined
  #account: string | undefined
  #isResuming = false
  /** Once more, on the same connection. */
  #shallKnock = false
  #isSignedIn = false
  #isPlaced = false
  #isReady = false
  #answeredMs = Number.NEGATIVE_INFINITY
  /** Since it opened, or the last answer; while its process stood still, no answer could come. */
  #silentMs = 0
  #actedMs = 0
  #acts: number
  #lines = 0
  #inputs = 0
  #game: { match: number; mind: CoinHunter; view: ArenaView | undefined } | undefined
  /** The last things that happened to it, for the sentence of a test that fails. */
  readonly #story: string[] = []
  readonly #heardLines = new Map<string, number>()
  readonly #endedMatches = new Set<string>()
  readonly #waiting: { type: string; then: (message: ServerMessage) => void }[] = []
  readonly #timer: NodeJS.Timeout

  /** `doors`: the nodes that it knows; it begins with the one at `first`, and goes round. */
  constructor(name: string, doors: () => readonly Door[], first = 0) {
    this.name = name
    this.#doors = doors
    this.#at = first
    this.#acts = first
    this.#timer = setInterval(() => this.#act(), ACT_EVERY_MS)
    this.#act()
  }

  /** Where it is connected. */
  get door(): Door | undefined {
    return this.#line?.door
  }

  get isServed(): boolean {
    return this.#isSignedIn && performance.now() - this.#answeredMs <= SERVED_MS
  }

  /** The same, with an answer that came after this moment. */
  isServedSince(ms: number): boolean {
    return this.isServed && this.#answeredMs > ms
  }

  toString(): string {
    const { name, door } = this
    const silentMs = Math.round(performance.now() - this.#answeredMs)
    return `${name} at ${door?.port}, silent for ${silentMs} ms: ${this.#story.join(', ')}`
  }

  send(message: object): void {
    const body = Buffer.from(JSON.stringify(message))
    const length = Buffer.alloc(2)
    length.writeUInt16BE(body.length)
    this.#line?.socket.write(Buffer.concat([length, body]))
  }

  /**
   * Sends this once it is served, and again after each second, until such an answer has come.
   * Returns how long that took.
   */
  async ask<T extends ServerMessage['type']>(
    message: object,
    type: T,
    isIt: (answer: MessageOf<T>) => boolean,
    withinMs: number
  ): Promise<number> {
    let isAnswered = false
    const then = (heard: ServerMessage) => {
      isAnswered ||= isIt(heard as MessageOf<T>)
    }
    const waiter = { type, then }
    this.#waiting.push(waiter)
    let nextMs = 0
    const look = () => {
      const nowMs = performance.now()
      if (this.isServed && nowMs >= nextMs) {
        this.send(message)
        nextMs = nowMs + ASK_AGAIN_MS
      }
      return isAnswered
    }
    try {
      return await until(() => `${type} to ${JSON.stringify(message)}: ${this}`, look, withinMs)
    } finally {
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
    }
  }

  /** Gives its connection up, and comes back at the next node. */
  giveUp(): void {
    if (this.#line === undefined) return
    this.#note('gives up')
    this.old.push(this.#line)
    this.#lose()
  }

  end(): void {
    clearInterval(this.#timer)
    for (const { socket } of this.old) socket.destroy()
    this.#line?.socket.destroy()
  }

  // ---- Its connection ----

  #connect(): void {
    const doors = this.#doors()
    if (doors.length === 0) return
    const door = doors[this.#at++ % doors.length]
    const { host, port } = door
    const socket = connect({ host, port, noDelay: true })
    const line: Line = { door, socket, rest: Buffer.alloc(0), late: [] }
    this.#line = line
    this.#silentMs = 0
    this.#note(`connects to ${port} with ${this.#token === undefined ? 'a name' : 'a token'}`)
    socket.on('data', (data) => this.#onData(line, data))
    socket.on('error', () => {}) // 'close' follows
    socket.on('close', () => {
      if (this.#line !== line) return
      this.#note('is disconnected')
      this.#lose()
    })
    this.#knock()
  }

  /** Who it is: a token, or a name. */
  #knock(): void {
    this.#shallKnock = false
    this.#isResuming = this.#token !== undefined
    this.send(
      this.#token === undefined
        ? { type: 'name', name: this.name, account: this.#account }
        : { type: 'resume', token: this.#token }
    )
  }

  #lose(): void {
    this.#line = undefined
    this.#isSignedIn = false
  }

  #onData(line: Line, data: Buffer): void {
    line.rest = Buffer.concat([line.rest, data])
    while (line.rest.length >= 2 && line.rest.length >= 2 + line.rest.readUInt16BE(0)) {
      const end = 2 + line.rest.readUInt16BE(0)
      const message: ServerMessage = JSON.parse(line.rest.toString('utf8', 2, end))
      line.rest = line.rest.subarray(end)
      if (line === this.#line) this.#hear(message)
      else line.late.push({ atMs: performance.now(), message })
    }
  }

  // ---- What it does ----

  #act(): void {
    const nowMs = performance.now()
    this.#silentMs += Math.min(nowMs - this.#actedMs, 2 * ACT_EVERY_MS)
    this.#actedMs = nowMs
    if (this.#line === undefined) return this.#connect()
    if (this.#silentMs > (this.#isSignedIn ? SILENCE_MS : SIGN_IN_MS)) return this.giveUp()
    this.#acts++
    if (!this.#isSignedIn) {
      if (this.#shallKnock) this.#knock()
      return
    }
    this.send({ type: 'ping', id: 1 })
    if (!this.plays && !this.isPlaying) return
    if (this.#acts % SAY_EVERY === 0) this.send({ type: 'say', text: `line ${++this.#lines}` })
    if (this.isPlaying) return this.#play()
    if (!this.#isPlaced) this.send({ type: 'queue' })
    else if (!this.#isReady) this.send({ type: 'ready', ready: true })
    this.#isReady = this.#isPlaced
  }

  #play(): void {
    const { match, mind, view } = this.#game ?? {}
    if (mind === undefined || view === undefined) return
    this.send({ type: 'input', match, seq: ++this.#inputs, input: mind.think(view) })
  }

  #note(what: string): void {
    const atMs = Math.round(performance.now())
    const last = this.#story.at(-1)
    // The same again and again: how often, and when the last time
    const repeated = last === undefined ? undefined : REPEATED.exec(last)
    if (repeated?.[2] === what) {
      const times = Number(repeated[3] ?? 1) + 1
      this.#story[this.#story.length - 1] = `${repeated[1]} ${what} (${times} times, until ${atMs})`
      return
    }
    this.#story.push(`${atMs} ${what}`)
    if (this.#story.length > MOST_OF_A_STORY) this.#story.shift()
  }

  // ---- What it hears ----

  #hear(message: ServerMessage): void {
    if (!USUAL.has(message.type)) this.#note(wordOf(message))
    for (const waiter of [...this.#waiting]) if (waiter.type === message.type) waiter.then(message)
    switch (message.type) {
      case 'welcome':
        this.#hearWelcome(message)
        break
      case 'joined':
        this.#isPlaced = true
        this.#isReady = false
        this.room = message.room
        break
      case 'match-started':
        this.isPlaying = true
        this.#game = {
          match: message.match,
          mind: new CoinHunter(message.players.indexOf(this.name), Math.random),
          view: undefined
        }
        break
      case 'state':
        if (this.#game?.match === message.match) this.#game.view = message.view as ArenaView
        break
      case 'left':
        if (message.byNode !== undefined) this.report.lostRooms++
        this.#leave()
        break
      case 'kicked':
      case 'unqueued':
        this.#leave()
        break
      case 'queued':
        this.#isPlaced = true
        this.#isReady = true
        break
      case 'pong':
        this.#answered()
        break
      case 'chat':
        this.onChat(message.text)
        this.#hearLine(message.from, LINE.exec(message.text)?.[1])
        break
      case 'match-ended':
        this.#hearEnd(message)
        break
      case 'error':
        this.#hearError(message)
        break
    }
  }

  #hearWelcome(message: MessageOf<'welcome'>): void {
    if (message.name !== this.name) this.report.broken.push(`${this.name} is ${message.name} now`)
    if (this.#isResuming) this.report.resumes++
    this.#isResuming = false
    this.#isSignedIn = true
    this.#leave() // `joined` follows, if it is in a room
    this.#isReady = false
    this.#answered()
    this.#token = message.token
    this.#account = message.account
  }

  #answered(): void {
    this.#answeredMs = performance.now()
    this.#silentMs = 0
  }

  #leave(): void {
    this.isPlaying = false
    this.#isPlaced = false
    this.room = undefined
  }

  #hearLine(from: string, number: string | undefined): void {
    if (number === undefined) return
    const last = this.#heardLines.get(from) ?? 0
    if (Number(number) === last) this.report.doubledLines++
    if (Number(number) < last)
      this.report.broken.push(`line ${number} of ${from} came after line ${last}`)
    this.#heardLines.set(from, Number(number))
  }

  #hearEnd(message: MessageOf<'match-ended'>): void {
    this.isPlaying = false
    this.#isReady = false
    const which = `${message.seed} ${JSON.stringify(message.scores)}`
    if (this.#endedMatches.has(which)) this.report.broken.push(`match ${which} ended twice`)
    this.#endedMatches.add(which)
    if (!message.saved) this.report.broken.push(`match ${which} was not saved`)
    this.report.ends.push(message)
    this.skill = message.skills.find(({ name }) => name === this.name)?.skill ?? this.skill
  }

  #hearError({ code }: MessageOf<'error'>): void {
    if (this.#isSignedIn) return
    if (LATER.has(code)) {
      this.#shallKnock = true
      return
    }
    if (this.#isResuming && !ELSEWHERE.has(code)) {
      this.report.lostSeats.push(code)
      this.#token = undefined
    }
    this.giveUp()
  }
}

/** Of a message, for a story. */
function wordOf(message: ServerMessage): string {
  switch (message.type) {
    case 'error':
      return `error ${message.code}`
    case 'joined':
      return `joined ${message.room}`
    case 'left':
      return `left ${message.room}${message.byNode === undefined ? '' : ` (${message.byNode})`}`
    default:
      return message.type
  }
}
