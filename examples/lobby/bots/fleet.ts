// Any number of bots on pollport's client side, on one Poller: their connections, their datagrams,
// whose turn it is, and how long they wait for answers. Uses sockets and time; how a bot behaves is
// in bot-*.ts.
import { build, type Histogram } from 'hdr-histogram-js'
import { FrameDecoder, type PollEvent, type Poller, SocketAddress, type UdpSocket } from 'pollport'
import { connectWebSocket, type WebSocketHandlers } from 'pollport/websocket'
import { games } from '../games/index.ts'
import type { BotFigures, BotReport, Times } from '../load/figures.ts'
import { type Place, system } from '../place.ts'
import type { Game } from '../rules/game.ts'
import { ReceivedViews } from '../rules/views.ts'
import { MAX_REPLY_BYTES } from '../server/config.ts'
import { decodeToPlayer, encodeFromPlayer, type FromPlayer } from '../wire/datagram.ts'
import {
  LENGTH_BYTES,
  type MatchState,
  parseMessage,
  type Request,
  type ServerMessage
} from '../wire/protocol.ts'
import { Seal, sealedHead } from '../wire/sealed.ts'
import type { Bot, Deed, Ledger } from './bot.ts'
import { type Line, type Speech, TcpLine, TlsLine, WebLine } from './line.ts'
import {
  type Behaviour,
  badBehaviours,
  behaviourNames,
  inOrder,
  type Mix,
  newBot,
  sizeOf
} from './mix.ts'
import { pace } from './pace.ts'
import { DatagramWay, InputClock } from './udp.ts'
import { Wheel } from './wheel.ts'

/** The argument of the bots' process, as JSON. */
export interface FleetOptions {
  address: string
  port: number
  mix: Mix
  /** The ramp. Default: as in bot-pace.ts. */
  connectsPerSecond?: number
  maxArriving?: number
  /** The web port, and how many of a hundred players come to it by WebSocket. Default: none. */
  web?: { port: number; percent: number }
  /** Over TLS, whatever certificate the server has; then datagrams are encrypted. */
  encrypted?: boolean
}

/** So many bots share an address, as players behind one router do. */
const BOTS_PER_ADDRESS = 20

/**
 * Where a bot comes from: on this machine each few of them have an address of their own in 127/8,
 * since a server bounds what one address may take. Undefined: the system's own choice.
 */
export function addressOfBot(number: number, server: string): string | undefined {
  if (!server.startsWith('127.')) return undefined
  const home = 2 + Math.floor(number / BOTS_PER_ADDRESS) // 127.0.0.1 is for people
  return `127.${(home >> 16) & 255}.${(home >> 8) & 255}.${home & 255}`
}

/** One bot with its sockets. */
export interface Guest {
  readonly behaviour: Behaviour
  readonly bot: Bot
  readonly clock: InputClock
  readonly speech: Speech
  /** Its own; undefined: the system's choice. */
  readonly address: string | undefined
  line: Line | undefined
  /** Connecting, or not signed in yet. */
  isArriving: boolean
  hasArrived: boolean
  /** It does not come back. */
  isDismissed: boolean
  /** When its next turn is; a turn that was due at another time does not count. */
  dueMs: number
  /** When the ping was sent that has no answer yet. */
  pingedMs: number | undefined
  udp: UdpSocket<Guest> | undefined
  /** Where its datagrams go. */
  udpServer: SocketAddress | undefined
  way: DatagramWay | undefined
  /** Of its datagrams, if they are encrypted. */
  seal: Seal | undefined
  /** What it plays, and what came of that by datagrams. */
  game: Game | undefined
  views: ReceivedViews | undefined
  /** Whether it is in the wheel of those who play. */
  isPlaying: boolean
  /** As JSON. */
  lastInput: string | undefined
  /** Over TCP it repeats this less often. */
  untilRepeat: number
}

/** Where the type of a message begins: after {"type":" */
const TYPE_AT = 9
const CHAT = Buffer.from('chat').readUInt32BE()
const PONG = Buffer.from('pong').readUInt32BE()
const SLOT_MS = 1000 / pace.ticksPerSecond
/** Over TCP, where nothing gets lost, an unchanged input is repeated only every so many times. */
const TCP_REPEAT = 10
const NO_WEB = { port: 0, percent: 0 }
/** It only acknowledges. */
const NO_INPUT = new Uint8Array(0)

export class Fleet {
  readonly #place: Place
  readonly #poller: Poller<Guest>
  readonly #options: Required<FleetOptions>
  readonly #byBehaviour = new Map<Behaviour, Set<Guest>>(
    behaviourNames.map((behaviour) => [behaviour, new Set()])
  )
  /** How many of each there have been. */
  readonly #made = new Map<Behaviour, number>()
  readonly #acts: Wheel<Guest>
  readonly #pings: Wheel<Guest>
  readonly #plays: Wheel<Guest>
  /** Not connected, and about to be. */
  readonly #queue: Guest[] = []
  readonly #errors = new Counts()
  readonly #expected = new Counts()
  readonly #ledger: Ledger = {
    error: (kind) => this.#errors.add(kind),
    expected: (kind) => this.#expected.add(kind)
  }
  readonly #lastSecond = new Measured()
  readonly #phase = new Measured()
  #named = 0
  #arriving = 0
  #arrived = 0
  #lastArrivedMs = 0
  readonly #startedMs: number
  #mayConnect = 0
  #pingId = 0
  /** For all that come by WebSocket. */
  readonly #webHandlers: WebSocketHandlers<Guest> = {
    onOpen: ({ userPtr }) => this.#onConnect(userPtr),
    onMessage: ({ userPtr }, data) => this.#onFrame(userPtr, data),
    onClose: ({ userPtr }, _code, _reason, error) =>
      this.#onClose(userPtr, (error as NodeJS.ErrnoException | undefined)?.code)
  }

  constructor(poller: Poller<Guest>, options: FleetOptions, place: Place = system) {
    this.#place = place
    this.#startedMs = place.nowMs()
    const { connectsPerSecond = pace.connectsPerSecond, maxArriving = pace.maxArriving } = options
    this.#poller = poller
    this.#options = {
      ...options,
      connectsPerSecond,
      maxArriving,
      web: options.web ?? NO_WEB,
      encrypted: options.encrypted ?? false
    }
    const nowMs = this.#place.nowMs()
    this.#acts = new Wheel(SLOT_MS, nowMs)
    this.#pings = new Wheel(SLOT_MS, nowMs)
    this.#plays = new Wheel(SLOT_MS, nowMs)
    for (const behaviour of inOrder(options.mix)) this.#add(behaviour, sizeOf(options.mix))
  }

  /** From now on there are so many; bots over that number close without `sign-out`. */
  setMix(mix: Mix): void {
    for (const behaviour of behaviourNames) {
      const guests = this.#byBehaviour.get(behaviour) as Set<Guest>
      const wanted = mix[behaviour] ?? 0
      for (const guest of guests) {
        if (guests.size <= wanted) break
        guests.delete(guest)
        guest.isDismissed = true
        guest.bot.giveUp()
        guest.line?.reset()
      }
      while (guests.size < wanted) this.#add(behaviour, sizeOf(mix))
    }
  }

  onTick(lateMs: number): void {
    const nowMs = this.#place.nowMs()
    this.#lastSecond.lateness.record(lateMs)
    this.#phase.lateness.record(lateMs)
    this.#acts.turn(nowMs, (guest, dueMs) => {
      if (guest.dueMs === dueMs) this.#onTurn(guest, nowMs)
    })
    this.#pings.turn(nowMs, (guest) => this.#onPingDue(guest, nowMs))
    this.#plays.turn(nowMs, (guest) => this.#onPlayDue(guest, nowMs))
    this.#connectSome()
  }

  onEvents(events: PollEvent<Guest>[]): void {
    for (const event of events) {
      if (event.type === 'wake') continue
      const guest = event.userPtr as Guest
      switch (event.type) {
        case 'connect':
          this.#onConnect(guest)
          break
        case 'receive':
          this.#onReceive(guest, event.data)
          break
        case 'datagram':
          this.#onDatagram(guest, event.data)
          break
        case 'end':
          if (guest.bot.endsWithPeer) guest.line?.end()
          break
        case 'close':
          if (event.socket === guest.line?.connection) this.#onClose(guest, event.error?.code)
          break
        case 'error':
          this.#ledger.error(`datagram ${event.error.code}`)
          break
      }
    }
  }

  /** What happened since the last report, and the state now. */
  report(): BotReport {
    const guests = [...this.#byBehaviour.values()].flatMap((set) => [...set])
    return {
      ...this.#lastSecond.take(),
      bots: guests.length,
      signedIn: guests.filter(({ bot }) => bot.isSignedIn).length,
      arrived: this.#arrived,
      rampSeconds: (this.#lastArrivedMs - this.#startedMs) / 1000,
      viaUdp: guests.filter(({ way }) => way?.isOpen).length,
      errors: this.#errors.toRecord(),
      expected: this.#expected.toRecord()
    }
  }

  /** What was measured since the last call. */
  takePhase(): BotFigures {
    return this.#phase.take()
  }

  #add(behaviour: Behaviour, crowd: number): void {
    const options = {
      name: `bot ${++this.#named}`,
      random: this.#place.fraction,
      ledger: this.#ledgerOf(behaviour),
      crowd
    }
    const bot = newBot(behaviour, options)
    const guest: Guest = {
      behaviour,
      bot,
      clock: new InputClock(),
      speech: bot.speaks ?? this.#nextSpeech(behaviour),
      address: addressOfBot(this.#named, this.#options.address),
      line: undefined,
      isArriving: false,
      hasArrived: false,
      isDismissed: false,
      dueMs: 0,
      pingedMs: undefined,
      udp: undefined,
      udpServer: undefined,
      way: undefined,
      seal: undefined,
      game: undefined,
      views: undefined,
      isPlaying: false,
      lastInput: undefined,
      untilRepeat: 0
    }
    this.#byBehaviour.get(behaviour)?.add(guest)
    this.#queue.push(guest)
    if (guest.bot.isHonest)
      this.#pings.add(guest, this.#place.nowMs() + this.#place.fraction() * pace.pingEveryMs)
  }

  /** Of each behaviour the same share comes by WebSocket, evenly spread. */
  #nextSpeech(behaviour: Behaviour): Speech {
    const made = this.#made.get(behaviour) ?? 0
    this.#made.set(behaviour, made + 1)
    const webAmong = (count: number) => Math.floor((count * this.#options.web.percent) / 100)
    return webAmong(made + 1) > webAmong(made) ? 'web' : 'game'
  }

  /**
   * An error that a bad guest provoked is counted under its behaviour: a slow reader should be
   * reset, and nobody else should.
   */
  #ledgerOf(behaviour: Behaviour): Ledger {
    if (!badBehaviours.has(behaviour)) return this.#ledger
    const { error, expected } = this.#ledger
    return {
      error: (kind) => error(`${behaviour} ${kind}`),
      expected: (kind) => expected(`${behaviour} ${kind}`)
    }
  }

  /** A paced ramp, so that ten thousand bots do not overflow the listener's backlog. */
  #connectSome(): void {
    const { connectsPerSecond, maxArriving } = this.#options
    this.#mayConnect = Math.min(
      this.#mayConnect + connectsPerSecond / pace.ticksPerSecond,
      maxArriving
    )
    while (this.#mayConnect >= 1 && this.#arriving < maxArriving && this.#queue.length > 0) {
      const guest = this.#queue.shift() as Guest
      if (guest.isDismissed) continue
      this.#mayConnect--
      this.#arriving++
      guest.isArriving = true
      guest.line = this.#newLine(guest)
    }
  }

  #newLine(guest: Guest): Line {
    const { address, port, web } = this.#options
    const options = {
      address,
      port: guest.speech === 'game' ? port : web.port,
      localAddress: guest.address,
      timeoutMs: pace.noAnswerMs,
      receiveBufferSize: guest.bot.batchBufferBytes
    }
    if (guest.speech === 'web')
      return new WebLine(
        connectWebSocket<Guest>(this.#poller, {
          ...options,
          ...this.#webHandlers,
          path: '/play',
          userPtr: guest,
          maxMessageBytes: MAX_REPLY_BYTES,
          handshakeTimeoutMs: pace.noAnswerMs,
          closeTimeoutMs: pace.noAnswerMs,
          // Whether the server answers is measured by pings of the game.
          idleTimeoutMs: 0,
          pingIntervalMs: 0,
          tls: this.#options.encrypted && { rejectUnauthorized: false }
        })
      )
    const connection = this.#poller.connectTcp(options, guest)
    const decoder =
      guest.speech === 'game'
        ? new FrameDecoder({ lengthBytes: LENGTH_BYTES, maxFrameBytes: MAX_REPLY_BYTES })
        : undefined
    if (!this.#options.encrypted || decoder === undefined) return new TcpLine(connection, decoder)
    return new TlsLine(connection, {
      onConnect: () => this.#onConnect(guest),
      onData: (data) => {
        for (const frame of decoder.push(data)) this.#onFrame(guest, frame)
      },
      onEnd: () => {
        if (guest.bot.endsWithPeer) guest.line?.end()
      },
      onClose: (line, error) => {
        if (line === guest.line) this.#onClose(guest, error?.code)
      }
    })
  }

  #onConnect(guest: Guest): void {
    this.#do(guest, guest.bot.connected(), this.#place.nowMs())
    if (!guest.bot.isHonest) this.#hasArrived(guest) // it may never sign in
  }

  #hasArrived(guest: Guest): void {
    if (!guest.isArriving) return
    guest.isArriving = false
    this.#arriving--
    if (guest.hasArrived) return
    guest.hasArrived = true
    this.#arrived++
    this.#lastArrivedMs = this.#place.nowMs()
  }

  // ---- Turns ----

  #askAt(guest: Guest, dueMs: number): void {
    guest.dueMs = dueMs
    this.#acts.add(guest, dueMs)
  }

  #onTurn(guest: Guest, nowMs: number): void {
    if (guest.isDismissed) return
    if (guest.line === undefined) this.#queue.push(guest)
    else this.#do(guest, guest.bot.act(), nowMs)
  }

  #do(guest: Guest, deed: Deed | undefined, nowMs: number): void {
    const { line } = guest
    // It gets its next turn once that event came
    if (line === undefined || line.isClosed) return
    for (const request of deed?.send ?? []) line.send(request)
    if (deed?.bytes !== undefined) line.sendBytes(deed.bytes)
    const usualMs = pace.minPauseMs + this.#place.fraction() * (pace.maxPauseMs - pace.minPauseMs)
    this.#askAt(guest, nowMs + (deed?.pauseMs ?? usualMs))
    if (deed?.afterwards !== undefined) line[deed.afterwards]()
  }

  #send(guest: Guest, request: Request): void {
    guest.line?.send(request)
  }

  #onPingDue(guest: Guest, nowMs: number): void {
    if (guest.isDismissed) return
    this.#pings.add(guest, nowMs + pace.pingEveryMs)
    const { line, pingedMs } = guest
    if (line === undefined || line.isConnecting || !guest.bot.isSignedIn) return
    if (pingedMs === undefined) {
      guest.pingedMs = nowMs
      this.#send(guest, { type: 'ping', id: ++this.#pingId })
    } else if (nowMs - pingedMs > pace.noAnswerMs) {
      this.#ledger.error('no answer')
      guest.bot.giveUp()
      line.reset()
    }
  }

  // ---- What comes in ----

  #onReceive(guest: Guest, data: Buffer): void {
    const { decoder } = guest.line as TcpLine
    for (const frame of decoder?.push(data) ?? []) this.#onFrame(guest, frame)
  }

  /**
   * Four letters are enough to recognize most messages, which need not be parsed then: thousands
   * of bots receive each chat line of the lobby and ignore it.
   */
  #onFrame(guest: Guest, frame: Buffer): void {
    const letters = frame.length > TYPE_AT + 4 ? frame.readUInt32BE(TYPE_AT) : 0
    if (letters === CHAT) return
    if (letters === PONG) this.#onPong(guest)
    else this.#onMessage(guest, parseMessage(frame))
  }

  #onPong(guest: Guest): void {
    if (guest.pingedMs === undefined || !guest.bot.isHonest) return
    const tookMs = this.#place.nowMs() - guest.pingedMs
    this.#lastSecond.roundTrips.record(tookMs)
    this.#phase.roundTrips.record(tookMs)
    guest.pingedMs = undefined
  }

  #onMessage(guest: Guest, message: ServerMessage): void {
    const { bot } = guest
    const nowMs = this.#place.nowMs()
    switch (message.type) {
      case 'udp':
        this.#openWay(guest, message.port, message.token, message.secret)
        return
      case 'state':
        this.#onState(guest, message)
        return
    }
    const soonMs = bot.hear(message)
    if (message.type === 'welcome') {
      this.#hasArrived(guest)
      if (bot.wantsDatagrams && guest.speech === 'game') this.#send(guest, { type: 'udp' })
    }
    if (message.type === 'match-started') {
      guest.clock.begin(message.match, message.players.indexOf(bot.name))
      guest.game = games.get(message.game)
      guest.views = guest.game && new ReceivedViews(guest.game, message.match)
      this.#startPlaying(guest, nowMs)
    }
    if (soonMs !== undefined && nowMs + soonMs < guest.dueMs) this.#askAt(guest, nowMs + soonMs)
  }

  #onState(guest: Guest, state: MatchState): void {
    if (!guest.clock.isNews(state)) return
    const tookMs = guest.clock.hear(state, this.#place.nowMs())
    if (tookMs !== undefined) {
      this.#lastSecond.inputs.record(tookMs)
      this.#phase.inputs.record(tookMs)
    }
    guest.bot.hear({ type: 'state', ...state })
  }

  /** Refused, lost, or left: it comes again later. */
  #onClose(guest: Guest, code: string | undefined): void {
    if (guest.isArriving) this.#arriving--
    guest.isArriving = false
    guest.line = undefined
    guest.pingedMs = undefined
    guest.udp?.close()
    guest.udp = undefined
    guest.way = undefined
    const pauseMs = guest.bot.gone(code)
    if (!guest.isDismissed) this.#askAt(guest, this.#place.nowMs() + pauseMs)
  }

  // ---- Datagrams and inputs ----

  #openWay(guest: Guest, port: number, token: string, secret: string | undefined): void {
    const { address } = this.#options
    guest.udp ??= this.#poller.bindUdp(
      { address: address.includes(':') ? '::' : '0.0.0.0', port: 0 },
      guest
    )
    guest.way = new DatagramWay(token)
    guest.seal = secret === undefined ? undefined : new Seal(secret, token, false)
    guest.udpServer = new SocketAddress({ address, port }) // parsed once, and not for each datagram
    this.#startPlaying(guest, this.#place.nowMs())
  }

  #sendDatagram(guest: Guest, message: FromPlayer): void {
    if (guest.udpServer === undefined) return
    const plain = encodeFromPlayer(message)
    const bytes = guest.seal?.seal(sealedHead(message.token), plain) ?? plain
    guest.udp?.send(bytes, guest.udpServer)
  }

  #onDatagram(guest: Guest, data: Buffer): void {
    const plain = guest.seal === undefined ? data : guest.seal.open(data, 1)
    const message = plain && decodeToPlayer(plain)
    if (message === undefined || guest.way === undefined) return
    if (message.kind === 'state' || message.kind === 'difference') {
      const state = guest.views?.read(message)
      if (state === undefined) return
      guest.clock.hearDatagram(state)
      this.#onState(guest, state)
      return
    }
    const answer = guest.way.hear(message, this.#place.nowMs())
    if (answer !== undefined) this.#sendDatagram(guest, answer)
  }

  #startPlaying(guest: Guest, nowMs: number): void {
    if (guest.isPlaying) return
    guest.isPlaying = true
    this.#plays.add(guest, nowMs + this.#place.fraction() * pace.playEveryMs)
  }

  #onPlayDue(guest: Guest, nowMs: number): void {
    const { bot, way, game } = guest
    guest.isPlaying = guest.line !== undefined && (way !== undefined || bot.isPlaying)
    if (!guest.isPlaying) return
    this.#plays.add(guest, nowMs + pace.playEveryMs)
    const hello = way?.next(nowMs)
    if (hello !== undefined) this.#sendDatagram(guest, hello)
    const move = bot.play()
    if (way?.isOpen && game !== undefined && bot.isPlaying) {
      const input = move === undefined ? NO_INPUT : game.encodeInput(move.input)
      const { heardTick, match } = guest.clock
      const seq = move === undefined ? 0 : guest.clock.send(nowMs)
      this.#sendDatagram(guest, { kind: 'input', token: way.token, match, seq, heardTick, input })
      return
    }
    const text = move && JSON.stringify(move.input)
    if (move !== undefined && (text !== guest.lastInput || --guest.untilRepeat <= 0)) {
      guest.untilRepeat = TCP_REPEAT
      this.#send(guest, { type: 'input', ...move, seq: guest.clock.send(nowMs) })
    }
    guest.lastInput = text
  }
}

class Counts {
  readonly #counts = new Map<string, number>()

  add(kind: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1)
  }

  toRecord(): Record<string, number> {
    return Object.fromEntries(this.#counts)
  }
}

/** In microseconds inside. */
class TimesRecorder {
  readonly #histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: 60_000_000,
    numberOfSignificantValueDigits: 3
  })

  record(ms: number): void {
    this.#histogram.recordValue(Math.min(Math.round(ms * 1000), 60_000_000))
  }

  take(): Times {
    const histogram = this.#histogram
    const ms = (share: number) => histogram.getValueAtPercentile(share) / 1000
    const times = {
      count: histogram.totalCount,
      p50Ms: ms(50),
      p99Ms: ms(99),
      maxMs: histogram.maxValue / 1000
    }
    histogram.reset()
    return times
  }
}

class Measured {
  readonly roundTrips = new TimesRecorder()
  readonly inputs = new TimesRecorder()
  readonly lateness = new TimesRecorder()

  take(): BotFigures {
    return {
      roundTrips: this.roundTrips.take(),
      inputs: this.inputs.take(),
      lateness: this.lateness.take()
    }
  }
}
