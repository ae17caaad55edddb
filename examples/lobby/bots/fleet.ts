// Any number of bots on pollport's client side, on one Poller: their connections, their datagrams,
// whose turn it is, and how long they wait for answers. Uses sockets and time; how a bot behaves is
// in bot-*.ts.

import { build, type Histogram } from 'hdr-histogram-js'
import { FrameDecoder, type PollEvent, type Poller, SocketAddress, type UdpSocket } from 'pollport'
import { connectWebSocket, type WebSocketHandlers } from 'pollport/websocket'
import { games } from '../games/index.ts'
import { type Place, system } from '../place.ts'
import type { Game } from '../rules/game.ts'
import { ReceivedViews } from '../rules/views.ts'
import { decodeToPlayer, encodeFromPlayer, type FromPlayer } from '../wire/datagram.ts'
import {
  LENGTH_BYTES,
  MAX_REPLY_BYTES,
  type MatchState,
  parseMessage,
  type Request,
  type ServerMessage
} from '../wire/protocol.ts'
import { Seal, sealedHead } from '../wire/sealed.ts'
import { unhandled } from '../wire/unhandled.ts'
import type { Bot, Deed, Ledger } from './bot.ts'
import type { BotFigures, BotReport, Times } from './figures.ts'
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
import { proxyHeader } from './proxy-bytes.ts'
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
  /**
   * The other nodes of a cluster: bots come in evenly at all of them, and each comes back at the
   * next one.
   */
  otherNodes?: { port: number; webPort: number }[]
  /** Over TLS, whatever certificate the server has; then datagrams are encrypted. */
  encrypted?: boolean
  /** As a proxy passes them on that speaks TLS with them; then datagrams are encrypted, too. */
  behindProxy?: boolean
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
export interface Member {
  readonly behaviour: Behaviour
  readonly bot: Bot
  readonly clock: InputClock
  readonly speech: Speech
  /** Its own; undefined: the system's choice. */
  readonly address: string | undefined
  line: Line | undefined
  /** Counts up with each connection: which node it comes to. */
  node: number
  /** Connecting, or not signed in yet. */
  isArriving: boolean
  hasArrived: boolean
  /** It does not come back. */
  isDismissed: boolean
  /** When its next turn is; a turn that was due at another time does not count. */
  dueMs: number
  /** When the ping was sent that has no answer yet. */
  pingedMs: number | undefined
  udp: UdpSocket<Member> | undefined
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

/** PP2_TYPE_SSL of the PROXY protocol: a client of TLS, whose certificate was not asked for. */
const OVER_TLS = Buffer.from([0x20, 0, 5, 1, 0, 0, 0, 0])

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
  readonly #poller: Poller<Member>
  readonly #options: Required<FleetOptions>
  readonly #byBehaviour = new Map<Behaviour, Set<Member>>(
    behaviourNames.map((behaviour) => [behaviour, new Set()])
  )
  /** How many of each there have been. */
  readonly #made = new Map<Behaviour, number>()
  readonly #acts: Wheel<Member>
  readonly #pings: Wheel<Member>
  readonly #plays: Wheel<Member>
  /** Not connected, and about to be. */
  readonly #queue: Member[] = []
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
  readonly #webHandlers: WebSocketHandlers<Member> = {
    onOpen: ({ userPtr }) => this.#onConnect(userPtr),
    onMessage: ({ userPtr }, data) => this.#onFrame(userPtr, data),
    onClose: ({ userPtr }, _code, _reason, error) =>
      this.#onClose(userPtr, (error as NodeJS.ErrnoException | undefined)?.code)
  }

  constructor(poller: Poller<Member>, options: FleetOptions, place: Place = system) {
    this.#place = place
    this.#startedMs = place.nowMs()
    const { connectsPerSecond = pace.connectsPerSecond, maxArriving = pace.maxArriving } = options
    this.#poller = poller
    this.#options = {
      ...options,
      connectsPerSecond,
      maxArriving,
      web: options.web ?? NO_WEB,
      otherNodes: options.otherNodes ?? [],
      encrypted: options.encrypted ?? false,
      behindProxy: options.behindProxy ?? false
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
      const members = this.#byBehaviour.get(behaviour) as Set<Member>
      const wanted = mix[behaviour] ?? 0
      for (const member of members) {
        if (members.size <= wanted) break
        members.delete(member)
        member.isDismissed = true
        member.bot.giveUp()
        member.line?.reset()
      }
      while (members.size < wanted) this.#add(behaviour, sizeOf(mix))
    }
  }

  onTick(lateMs: number): void {
    const nowMs = this.#place.nowMs()
    this.#lastSecond.lateness.record(lateMs)
    this.#phase.lateness.record(lateMs)
    this.#acts.turn(nowMs, (member, dueMs) => {
      if (member.dueMs === dueMs) this.#onTurn(member, nowMs)
    })
    this.#pings.turn(nowMs, (member) => this.#onPingDue(member, nowMs))
    this.#plays.turn(nowMs, (member) => this.#onPlayDue(member, nowMs))
    this.#connectSome()
  }

  onEvents(events: PollEvent<Member>[]): void {
    for (const event of events) {
      if (event.type === 'wake') continue
      const member = event.userPtr as Member
      switch (event.type) {
        case 'connect':
          this.#onConnect(member)
          break
        case 'receive':
          this.#onReceive(member, event.data)
          break
        case 'datagram':
          this.#onDatagram(member, event.data)
          break
        case 'end':
          if (member.bot.endsWithPeer) member.line?.end()
          break
        case 'close':
          if (event.socket === member.line?.connection) this.#onClose(member, event.error?.code)
          break
        case 'error':
          this.#ledger.error(`datagram ${event.error.code}`)
          break
        case 'accept':
        case 'drain':
        case 'timeout':
          break // there are no listeners, and nothing waits for these
        default:
          unhandled(event)
      }
    }
  }

  /** What happened since the last report, and the state now. */
  report(): BotReport {
    const members = [...this.#byBehaviour.values()].flatMap((set) => [...set])
    return {
      ...this.#lastSecond.take(),
      bots: members.length,
      signedIn: members.filter(({ bot }) => bot.isSignedIn).length,
      arrived: this.#arrived,
      rampSeconds: (this.#lastArrivedMs - this.#startedMs) / 1000,
      viaUdp: members.filter(({ way }) => way?.isOpen).length,
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
    const member: Member = {
      behaviour,
      bot,
      clock: new InputClock(),
      speech: bot.speaks ?? this.#nextSpeech(behaviour),
      address: addressOfBot(this.#named, this.#options.address),
      line: undefined,
      node: this.#named,
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
    this.#byBehaviour.get(behaviour)?.add(member)
    this.#queue.push(member)
    if (member.bot.isHonest)
      this.#pings.add(member, this.#place.nowMs() + this.#place.fraction() * pace.pingEveryMs)
  }

  /** Of each behaviour the same share comes by WebSocket, evenly spread. */
  #nextSpeech(behaviour: Behaviour): Speech {
    const made = this.#made.get(behaviour) ?? 0
    this.#made.set(behaviour, made + 1)
    const webAmong = (count: number) => Math.floor((count * this.#options.web.percent) / 100)
    return webAmong(made + 1) > webAmong(made) ? 'web' : 'game'
  }

  /**
   * An error that a bad member provoked is counted under its behaviour: a slow reader should be
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
      const member = this.#queue.shift() as Member
      if (member.isDismissed) continue
      this.#mayConnect--
      this.#arriving++
      member.isArriving = true
      member.line = this.#newLine(member)
    }
  }

  #newLine(member: Member): Line {
    const { address, port, web, otherNodes } = this.#options
    const nodes = [{ port, webPort: web.port }, ...otherNodes]
    const node = nodes[member.node++ % nodes.length]
    const options = {
      address,
      port: member.speech === 'game' ? node.port : node.webPort,
      localAddress: member.address,
      timeoutMs: pace.noAnswerMs,
      receiveBufferSize: member.bot.batchBufferBytes
    }
    if (member.speech === 'web')
      return new WebLine(
        connectWebSocket<Member>(this.#poller, {
          ...options,
          ...this.#webHandlers,
          path: '/play',
          userPtr: member,
          maxMessageBytes: MAX_REPLY_BYTES,
          handshakeTimeoutMs: pace.noAnswerMs,
          closeTimeoutMs: pace.noAnswerMs,
          // Whether the server answers is measured by pings of the game.
          idleTimeoutMs: 0,
          pingIntervalMs: 0,
          tls: this.#options.encrypted && { rejectUnauthorized: false }
        })
      )
    const connection = this.#poller.connectTcp(options, member)
    const decoder =
      member.speech === 'game'
        ? new FrameDecoder({ lengthBytes: LENGTH_BYTES, maxFrameBytes: MAX_REPLY_BYTES })
        : undefined
    if (!this.#options.encrypted || decoder === undefined) return new TcpLine(connection, decoder)
    return new TlsLine(connection, {
      onConnect: () => this.#onConnect(member),
      onData: (data) => {
        for (const frame of decoder.push(data)) this.#onFrame(member, frame)
      },
      onEnd: () => {
        if (member.bot.endsWithPeer) member.line?.end()
      },
      onClose: (line, error) => {
        if (line === member.line) this.#onClose(member, error?.code)
      }
    })
  }

  #onConnect(member: Member): void {
    const { address, behindProxy } = this.#options
    if (behindProxy && member.speech === 'game')
      member.line?.sendBytes(proxyHeader(member.address ?? address, { more: OVER_TLS }))
    this.#do(member, member.bot.connected(), this.#place.nowMs())
    if (!member.bot.isHonest) this.#hasArrived(member) // it may never sign in
  }

  #hasArrived(member: Member): void {
    if (!member.isArriving) return
    member.isArriving = false
    this.#arriving--
    if (member.hasArrived) return
    member.hasArrived = true
    this.#arrived++
    this.#lastArrivedMs = this.#place.nowMs()
  }

  // ---- Turns ----

  #askAt(member: Member, dueMs: number): void {
    member.dueMs = dueMs
    this.#acts.add(member, dueMs)
  }

  #onTurn(member: Member, nowMs: number): void {
    if (member.isDismissed) return
    if (member.line === undefined) this.#queue.push(member)
    else this.#do(member, member.bot.act(), nowMs)
  }

  #do(member: Member, deed: Deed | undefined, nowMs: number): void {
    const { line } = member
    // It gets its next turn once that event came
    if (line === undefined || line.isClosed) return
    for (const request of deed?.send ?? []) line.send(request)
    if (deed?.bytes !== undefined) line.sendBytes(deed.bytes)
    const usualMs = pace.minPauseMs + this.#place.fraction() * (pace.maxPauseMs - pace.minPauseMs)
    this.#askAt(member, nowMs + (deed?.pauseMs ?? usualMs))
    if (deed?.afterwards !== undefined) line[deed.afterwards]()
  }

  #send(member: Member, request: Request): void {
    member.line?.send(request)
  }

  #onPingDue(member: Member, nowMs: number): void {
    if (member.isDismissed) return
    this.#pings.add(member, nowMs + pace.pingEveryMs)
    const { line, pingedMs } = member
    if (line === undefined || line.isConnecting || !member.bot.isSignedIn) return
    if (pingedMs === undefined) {
      member.pingedMs = nowMs
      this.#send(member, { type: 'ping', id: ++this.#pingId })
    } else if (nowMs - pingedMs > pace.noAnswerMs) {
      this.#ledger.error('no answer')
      member.bot.giveUp()
      line.reset()
    }
  }

  // ---- What comes in ----

  #onReceive(member: Member, data: Buffer): void {
    const { decoder } = member.line as TcpLine
    for (const frame of decoder?.push(data) ?? []) this.#onFrame(member, frame)
  }

  /**
   * Four letters are enough to recognize most messages, which need not be parsed then: thousands
   * of bots receive each chat line of the lobby and ignore it.
   */
  #onFrame(member: Member, frame: Buffer): void {
    const letters = frame.length > TYPE_AT + 4 ? frame.readUInt32BE(TYPE_AT) : 0
    if (letters === CHAT) return
    if (letters === PONG) this.#onPong(member)
    else this.#onMessage(member, parseMessage(frame))
  }

  #onPong(member: Member): void {
    if (member.pingedMs === undefined || !member.bot.isHonest) return
    const tookMs = this.#place.nowMs() - member.pingedMs
    this.#lastSecond.roundTrips.record(tookMs)
    this.#phase.roundTrips.record(tookMs)
    member.pingedMs = undefined
  }

  #onMessage(member: Member, message: ServerMessage): void {
    const { bot } = member
    const nowMs = this.#place.nowMs()
    switch (message.type) {
      case 'udp':
        this.#openWay(member, message.port, message.token, message.secret)
        return
      case 'state':
        this.#onState(member, message)
        return
    }
    const soonMs = bot.hear(message)
    if (message.type === 'welcome') {
      this.#hasArrived(member)
      if (bot.wantsDatagrams && member.speech === 'game') this.#send(member, { type: 'udp' })
    }
    if (message.type === 'match-started') {
      member.clock.begin(message.match, message.players.indexOf(bot.name))
      member.game = games.get(message.game)
      member.views = member.game && new ReceivedViews(member.game, message.match)
      this.#startPlaying(member, nowMs)
    }
    if (soonMs !== undefined && nowMs + soonMs < member.dueMs) this.#askAt(member, nowMs + soonMs)
  }

  #onState(member: Member, state: MatchState): void {
    if (!member.clock.isNews(state)) return
    const tookMs = member.clock.hear(state, this.#place.nowMs())
    if (tookMs !== undefined) {
      this.#lastSecond.inputs.record(tookMs)
      this.#phase.inputs.record(tookMs)
    }
    member.bot.hear({ type: 'state', ...state })
  }

  /** Refused, lost, or left: it comes again later. */
  #onClose(member: Member, code: string | undefined): void {
    if (member.isArriving) this.#arriving--
    member.isArriving = false
    member.line = undefined
    member.pingedMs = undefined
    member.udp?.close()
    member.udp = undefined
    member.way = undefined
    const pauseMs = member.bot.gone(code)
    if (!member.isDismissed) this.#askAt(member, this.#place.nowMs() + pauseMs)
  }

  // ---- Datagrams and inputs ----

  #openWay(member: Member, port: number, token: string, secret: string | undefined): void {
    const { address, encrypted, behindProxy } = this.#options
    if (secret === undefined && (encrypted || behindProxy))
      this.#ledger.error('datagrams in the clear')
    member.udp ??= this.#poller.bindUdp(
      { address: address.includes(':') ? '::' : '0.0.0.0', port: 0 },
      member
    )
    member.way = new DatagramWay(token)
    member.seal = secret === undefined ? undefined : new Seal(secret, token, false)
    // Parsed once, and not for each datagram
    member.udpServer = new SocketAddress({ address, port })
    this.#startPlaying(member, this.#place.nowMs())
  }

  #sendDatagram(member: Member, message: FromPlayer): void {
    if (member.udpServer === undefined) return
    const plain = encodeFromPlayer(message)
    const bytes = member.seal?.seal(sealedHead(message.token), plain) ?? plain
    member.udp?.send(bytes, member.udpServer)
  }

  #onDatagram(member: Member, data: Buffer): void {
    const plain = member.seal === undefined ? data : member.seal.open(data, 1)
    const message = plain && decodeToPlayer(plain)
    if (message === undefined || member.way === undefined) return
    if (message.kind === 'state' || message.kind === 'difference') {
      const state = member.views?.read(message)
      if (state === undefined) return
      member.clock.hearDatagram(state)
      this.#onState(member, state)
      return
    }
    const answer = member.way.hear(message, this.#place.nowMs())
    if (answer !== undefined) this.#sendDatagram(member, answer)
  }

  #startPlaying(member: Member, nowMs: number): void {
    if (member.isPlaying) return
    member.isPlaying = true
    this.#plays.add(member, nowMs + this.#place.fraction() * pace.playEveryMs)
  }

  #onPlayDue(member: Member, nowMs: number): void {
    const { bot, way, game } = member
    member.isPlaying = member.line !== undefined && (way !== undefined || bot.isPlaying)
    if (!member.isPlaying) return
    this.#plays.add(member, nowMs + pace.playEveryMs)
    const hello = way?.next(nowMs)
    if (hello !== undefined) this.#sendDatagram(member, hello)
    const move = bot.play()
    if (way?.isOpen && game !== undefined && bot.isPlaying) {
      const input = move === undefined ? NO_INPUT : game.encodeInput(move.input)
      const { heardTick, match } = member.clock
      const seq = move === undefined ? 0 : member.clock.send(nowMs)
      this.#sendDatagram(member, { kind: 'input', token: way.token, match, seq, heardTick, input })
      return
    }
    const text = move && JSON.stringify(move.input)
    if (move !== undefined && (text !== member.lastInput || --member.untilRepeat <= 0)) {
      member.untilRepeat = TCP_REPEAT
      this.#send(member, { type: 'input', ...move, seq: member.clock.send(nowMs) })
    }
    member.lastInput = text
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
