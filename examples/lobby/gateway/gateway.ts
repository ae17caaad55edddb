// The connections of one thread: bytes in, frames to the hub, frames out; it disconnects a client
// that costs too much. It contains no rules.

import type { TLSSocket } from 'node:tls'
import type { Logger } from 'pino'
import {
  type ConnectionDuplex,
  FrameDecoder,
  type PollEvent,
  type Poller,
  Socket,
  type TcpConnection,
  type TcpListener,
  toDuplex
} from 'pollport'
import { type WebSocket, WebSocketHandshakeError } from 'pollport/websocket'
import { type Alarm, type Place, system } from '../place.ts'
import { blockOf, firstOfLargest } from '../rules/address.ts'
import type { Games } from '../rules/game.ts'
import { type Limits, limitsOf } from '../rules/limits.ts'
import { Throttle } from '../rules/session.ts'
import {
  encode,
  LENGTH_BYTES,
  Refusal,
  type RefusalCode,
  type ServerMessage
} from '../wire/protocol.ts'
import { SECRET_BYTES } from '../wire/sealed.ts'
import { unhandled } from '../wire/unhandled.ts'
import type { GatewayFigures } from './figures.ts'
import { Hosts } from './hosts.ts'
import type { GatewayLink, HubLink } from './links.ts'
import { OutgoingState } from './outgoing-state.ts'
import { looksLikeProxyHeader, ProxyHeaderError, ProxyHeaderReader } from './proxy-header.ts'
import { type GatewaySettings, listOf, webHostOf } from './settings.ts'
import { TlsFiles } from './tls-files.ts'
import { TrustedProxies } from './trusted.ts'
import { type UdpPath, UdpPaths } from './udp-paths.ts'
import { type Visitor, WebDoor } from './web-door.ts'

/** A client that sends too much can be disconnected after each so many bytes. */
const CHUNK_BYTES = 4 * 1024
/** How often the gateway looks for goodbyes that last too long. */
const CLOCK_MS = 50
/**
 * Ticks run between two batches: a tick can be late by what one batch costs. These cost about half
 * a millisecond.
 */
const SMALL_BATCHES = { maxEvents: 32, readBudgetBytes: 64 * 1024 }
/**
 * A message goes to so many at once, which takes a millisecond, and to the next ones after a pause:
 * nobody else waits longer for that.
 */
const CROWD = 200
const CROWD_EVERY_MS = 10
/**
 * Messages to larger crowds that can be on their way; one more is dropped. A chat line of the lobby
 * is worth little when it comes late.
 */
const MAX_CROWDS = 50
/**
 * A client with more than so many bytes unread gets no state: a newer one comes soon.
 */
const STATE_BACKLOG_BYTES = 4096
/** A silent browser may be noticed later by this part of `idleMs`. */
const IDLE_LOOKS = 8
/** A message's text is its frame without the length. */
const AS_TEXT = { isText: true }
/** Why a WebSocket is closed (RFC 6455, 7.4.1). */
const POLICY = 1008
const GOING_AWAY = 1001
const NOTHING = Buffer.alloc(0)

/** Where a gateway listens. */
export interface Doors {
  address: string
  /** undefined: another thread hands connections over to it. */
  listen:
    | { port: number; webAddress: string; webPort: number | undefined; isShared: boolean }
    | undefined
  udpPort: number
}

/** The `userPtr` of a connection. */
class Client {
  readonly id: number
  /** Of a browser it is the WebSocket's: for its counters and its address. */
  readonly connection: TcpConnection<Client>
  /** Only of a browser. */
  readonly socket: WebSocket<Client> | undefined
  readonly throttle: Throttle
  readonly decoder: FrameDecoder | undefined
  /** Whose connection it is: behind a proxy not the peer. */
  address: string
  /** It speaks TLS, with us or with a proxy of ours, and may be told a secret. */
  isPrivate = false
  /** While a proxy has yet to say whose connection it is. */
  header: ProxyHeaderReader | undefined
  /** It will be a visitor of the web door, and no client itself. */
  isForWeb = false
  /** It has sent nothing yet. */
  isFresh = true
  /** Over TLS, with the stream below it; undefined for browsers, whose WebSocket has it. */
  secure: { stream: TLSSocket; raw: ConnectionDuplex } | undefined
  path: UdpPath | undefined
  /**
   * When a client that got its last message is reset, unless it has closed by then; undefined for
   * all others.
   */
  resetAtMs: number | undefined
  /** Of a browser: how many bytes there had been, in both directions, when there was a change. */
  seenBytes = 0
  seenAtMs = 0

  constructor(
    id: number,
    connection: TcpConnection<Client>,
    socket: WebSocket<Client> | undefined,
    limits: Limits,
    nowMs: number,
    address: string
  ) {
    this.id = id
    this.address = address
    this.connection = connection
    this.socket = socket
    this.throttle = new Throttle(limits, nowMs)
    const maxFrameBytes = limits.maxFrameBytes
    this.decoder =
      socket === undefined
        ? new FrameDecoder({ lengthBytes: LENGTH_BYTES, maxFrameBytes })
        : undefined
  }

  /** Bytes queued here that the kernel has not taken yet: over TLS most are in its stream. */
  get bufferedBytes(): number {
    const inStream = this.socket?.bufferedBytes ?? this.secure?.stream.writableLength ?? 0
    return Math.max(this.connection.bufferedBytes, inStream)
  }

  /** Sends what is queued and then the end. `code` is for a browser. */
  end(code: number): void {
    if (this.socket !== undefined) this.socket.close(code)
    else if (this.secure !== undefined) this.secure.stream.end()
    else this.connection.end()
  }

  reset(): void {
    if (this.socket !== undefined) this.socket.terminate()
    else if (this.secure !== undefined) {
      this.secure.raw.resetAndDestroy()
      this.secure.stream.destroy()
    } else this.connection.reset()
  }
}

export class Gateway implements GatewayLink {
  readonly #limits: Limits
  readonly #log: Logger
  readonly #games: Games
  readonly #place: Place
  readonly #clock: Alarm
  readonly #crowdAlarm: Alarm
  readonly #poller: Poller<Client>
  readonly #listener: TcpListener<Client> | undefined
  readonly #webListener: TcpListener<Client> | undefined
  readonly #paths: UdpPaths
  /** undefined: there is no page, and nobody comes by WebSocket. */
  readonly #web: WebDoor<Client> | undefined
  readonly #clients = new Map<number, Client>()
  /** Those of them that came by WebSocket. */
  readonly #browsers = new Set<Client>()
  /** Those that came over TLS, and not by WebSocket. */
  readonly #secured = new Set<Client>()
  /** Not clients yet: a proxy's header or TLS has to come first. With their addresses. */
  readonly #arriving = new Map<Client, string>()
  /** Whose a proxy has said in this batch; with what came behind that. */
  readonly #announced = new Map<Client, Buffer>()
  readonly #proxies: TrustedProxies
  /** Whether the proxies send their header to the web port, too. */
  readonly #webIsAnnounced: boolean
  readonly #tls: TlsFiles | undefined
  #nextIdleLookMs = 0
  /** Being disconnected: they can read the reason, and what they send is ignored. */
  readonly #leaving = new Set<Client>()
  /** More is queued for them than the limit allows. */
  readonly #lagging = new Set<Client>()
  readonly #stopped = new AbortController()
  /**
   * Messages to more than a few, on their way; the first one reaches all its receivers before the
   * next one starts.
   */
  readonly #crowds: { ids: readonly number[]; frame: Uint8Array; next: number }[] = []
  #isServingCrowds = false
  #hub: HubLink | undefined
  #nextId = 1
  #isStopping = false
  /** The match whose states cannot be sent, so that this is logged once. */
  #silencedMatch: number | undefined
  #messagesIn = 0
  #messagesOut = 0

  /**
   * Listens at its doors. Throws a SocketError, for example `EADDRINUSE`, with address and port.
   */
  constructor(
    doors: Doors,
    settings: GatewaySettings,
    log: Logger,
    games: Games,
    place: Place = system
  ) {
    this.#place = place
    this.#clock = place.alarm(() => this.#onClock())
    this.#crowdAlarm = place.alarm(() => this.#serveCrowds())
    const limits = limitsOf(settings)
    this.#limits = limits
    this.#log = log
    this.#games = games
    this.#proxies = new TrustedProxies(listOf(settings.trustedProxies))
    this.#webIsAnnounced = settings.webProxies === 'tcp'
    this.#tls = TlsFiles.of('game', settings, log)
    const webTls = TlsFiles.of('web', settings, log)
    const origins = listOf(settings.webOrigins)
    this.#poller = place.poller({
      highWaterMarkBytes: limits.maxUnreadBytes,
      ...SMALL_BATCHES
    })
    const { address, listen, udpPort } = doors
    try {
      if (listen !== undefined) {
        const { webAddress, isShared } = listen
        const open = (address: string, port: number) =>
          at(address, port, () =>
            this.#poller.listenTcp({
              address,
              port,
              reusePort: isShared,
              sendBufferSize: limits.sendBufferBytes
            })
          )
        this.#listener = open(address, listen.port)
        if (listen.webPort !== undefined) this.#webListener = open(webAddress, listen.webPort)
      }
      this.#paths = at(address, udpPort, (port) => {
        const onInput: HubLink['input'] = (...input) => this.#hub?.input(...input)
        return new UdpPaths({ address, port, limits: this.#limits, onInput, log, place })
      })
    } catch (error) {
      this.#poller.close()
      throw error
    }
    if (listen?.webPort === undefined && listen !== undefined) return
    this.#web = new WebDoor<Client>(
      this.#poller,
      {
        limits: this.#limits,
        origins,
        hosts: new Hosts([webHostOf(settings), ...origins]),
        proxies: this.#proxies,
        tls: webTls
      },
      {
        onOpen: (socket) => this.#onBrowser(socket),
        onMessage: ({ userPtr }, data, isText) => this.#onText(userPtr, data, isText),
        // Answered by the WebSocket itself; they count all the same.
        onPing: ({ userPtr }) => void this.#admits(userPtr),
        onPong: ({ userPtr }) => void this.#admits(userPtr),
        onClose: ({ userPtr }, code, _reason, error) => {
          this.#log.debug({ client: userPtr.id, code, err: error }, 'WebSocket')
          this.#onClose(userPtr)
        }
      },
      // A request that failed has got its answer; otherwise it is as with the other listener.
      (error) =>
        this.#log[error instanceof WebSocketHandshakeError ? 'debug' : 'error'](
          { err: error },
          'web listener'
        )
    )
  }

  /** `undefined` where another thread hands connections over. */
  get port(): number | undefined {
    return this.#listener?.localAddress.port
  }

  get webPort(): number | undefined {
    return this.#webListener?.localAddress.port
  }

  get udpPort(): number {
    return this.#paths.port
  }

  /** Serves until {@link stop}. */
  async run(hub: HubLink): Promise<void> {
    this.#hub = hub
    this.#clock.set(CLOCK_MS)
    const { signal } = this.#stopped
    const serving = [
      this.#poller.run((events) => this.#onEvents(events), { signal }),
      this.#paths.run(signal)
    ]
    try {
      await Promise.all(serving)
    } finally {
      this.#clock.cancel()
      this.#crowdAlarm.cancel()
      this.#poller.close()
      this.#paths.end()
    }
  }

  /** Takes over a connection that another thread has accepted. */
  adopt(handle: number, isWeb: boolean): void {
    const socket = Socket.fromHandle(handle, { type: 'tcp' })
    let connection: TcpConnection<Client> | undefined
    try {
      connection = this.#poller.adopt(socket) as TcpConnection<Client>
      // Read now, which caches it: once the peer is gone its address is lost
      void connection.remoteAddress
      this.#onAccept(connection, isWeb)
    } catch (error) {
      this.#log.debug({ err: error }, 'reset while it was handed over')
      connection?.reset()
      socket.close() // unless it has been adopted
    }
  }

  // ---- What the hub asks ----

  deliver(ids: readonly number[], frame: Uint8Array): void {
    // A crowd half as large waits, too, while others do: a message to a crowd that has become a
    // little smaller must not overtake an earlier one to all of it.
    const least = this.#crowds.length > 0 ? CROWD / 2 : CROWD
    if (ids.length <= least) this.#deliverNow(ids, frame)
    else if (this.#crowds.length < MAX_CROWDS) this.#crowds.push({ ids, frame, next: 0 })
    else
      this.#log.warn(
        { clients: ids.length },
        'a message to a crowd was dropped: too many are on their way'
      )
    if (this.#crowds.length > 0 && !this.#isServingCrowds) this.#serveCrowds()
  }

  /**
   * Sends to a part of the first crowd: to send to thousands at once would delay everything else.
   */
  #serveCrowds(): void {
    const [crowd] = this.#crowds
    this.#isServingCrowds = crowd !== undefined && !this.#isStopping
    if (!this.#isServingCrowds) return
    this.#deliverNow(crowd.ids.slice(crowd.next, crowd.next + CROWD), crowd.frame)
    crowd.next += CROWD
    if (crowd.next >= crowd.ids.length) this.#crowds.shift()
    this.#crowdAlarm.set(CROWD_EVERY_MS)
  }

  #deliverNow(ids: readonly number[], frame: Uint8Array): void {
    const connections: TcpConnection<Client>[] = []
    for (const id of ids) {
      const client = this.#clients.get(id)
      if (client === undefined || client.resetAtMs !== undefined) continue
      if (client.socket !== undefined) this.#sendToBrowser(client, frame)
      else if (client.secure !== undefined) this.#sendSecurely(client, client.secure.stream, frame)
      else connections.push(client.connection)
    }
    if (connections.length === 0) return
    this.#messagesOut += this.#poller.broadcast(connections, frame)
    for (const connection of connections) {
      if (connection.bufferedBytes > this.#limits.maxUnreadBytes)
        this.#lagging.add(connection.userPtr as Client)
    }
  }

  deliverState(ids: readonly number[], name: string, bytes: Uint8Array): void {
    const game = this.#games.get(name)
    if (game === undefined) throw new Error(`this gateway does not have the game ${name}`)
    const state = new OutgoingState(game, bytes)
    try {
      this.#deliverState(ids, state)
    } catch (error) {
      // Its codec, or a view that no frame can hold. It comes again with the next state.
      if (state.match !== this.#silencedMatch)
        this.#log.error({ err: error, game: name, match: state.match }, 'a state cannot be sent')
      this.#silencedMatch = state.match
    }
  }

  #deliverState(ids: readonly number[], state: OutgoingState): void {
    const nowMs = this.#place.nowMs()
    const others: number[] = []
    for (const id of ids) {
      const client = this.#clients.get(id)
      if (client === undefined || client.resetAtMs !== undefined) continue
      if (client.path !== undefined && this.#paths.send(client.path, state, nowMs)) continue
      if (client.bufferedBytes <= STATE_BACKLOG_BYTES) others.push(id)
    }
    if (others.length > 0) this.deliver(others, state.message)
  }

  dismiss(id: number, frame: Uint8Array): void {
    const client = this.#clients.get(id)
    if (client === undefined) return
    this.deliver([id], frame)
    this.#sayGoodbye(client)
  }

  stop(frame: Uint8Array): void {
    if (this.#isStopping) return
    this.#listener?.close()
    this.#webListener?.close()
    this.#deliverNow([...this.#clients.keys()], frame)
    this.#isStopping = true
    for (const client of this.#clients.values()) this.#sayGoodbye(client)
    for (const client of this.#arriving.keys()) client.reset()
    this.#web?.close()
    if (this.#clients.size === 0) this.#stopped.abort()
  }

  get figures(): GatewayFigures {
    const { bytesReceived, bytesSent } = this.#poller.stats
    return {
      connections: this.#clients.size,
      webConnections: this.#browsers.size,
      viaUdp: this.#paths.countHearing(this.#place.nowMs()),
      messagesIn: this.#messagesIn,
      messagesOut: this.#messagesOut,
      bytesIn: bytesReceived + this.#paths.bytesIn,
      bytesOut: bytesSent + this.#paths.bytesOut,
      datagramsIn: this.#paths.in,
      datagramsOut: this.#paths.out,
      datagramsRefused: this.#paths.refused
    }
  }

  // ---- Connections ----

  #onEvents(events: PollEvent<Client>[]): void {
    for (const event of events) {
      switch (event.type) {
        case 'accept':
          this.#onAccept(event.socket, event.listener === this.#webListener)
          break
        case 'receive':
          this.#onReceive(event.userPtr as Client, event.data)
          break
        case 'timeout':
          this.#onIdle(event.userPtr as Client)
          break
        case 'end':
          this.#onEnd(event.userPtr as Client)
          break
        case 'close':
          if (event.userPtr !== undefined) this.#onClose(event.userPtr)
          break
        case 'error':
          // For example out of descriptors; it accepts again when there are some
          this.#log.error({ err: event.error }, 'listener')
          break
        // The first three do not happen here, and nothing waits for 'drain': a client so far behind
        // is reset.
        case 'connect':
        case 'datagram':
        case 'wake':
        case 'drain':
          break
        default:
          unhandled(event)
      }
    }
    this.#beginAnnounced()
    this.#cutLagging()
  }

  #newClient(
    connection: TcpConnection<Client>,
    socket: WebSocket<Client> | undefined,
    address: string
  ): Client {
    const nowMs = this.#place.nowMs()
    return new Client(this.#nextId++, connection, socket, this.#limits, nowMs, address)
  }

  #onAccept(connection: TcpConnection<Client>, isForWeb: boolean): void {
    const { address } = connection.remoteAddress
    const isAnnounced = this.#proxies.has(address) && (!isForWeb || this.#webIsAnnounced)
    if (isForWeb && !isAnnounced) return this.#web?.accept(connection)
    const client = this.#newClient(connection, undefined, address)
    connection.userPtr = client
    if (!isAnnounced) return this.#begin(client, NOTHING)
    client.header = new ProxyHeaderReader()
    client.isForWeb = isForWeb
    this.#await(client)
  }

  /** Who has not arrived in time is reset; of too many, one of the address that has most. */
  #await(client: Client): void {
    this.#arriving.set(client, blockOf(client.address))
    client.seenAtMs = this.#place.nowMs()
    if (this.#arriving.size <= this.#limits.maxVisitors) return
    const first = firstOfLargest(this.#arriving)
    this.#arriving.delete(first) // it is closed later: others of this batch must not find it again
    first.reset()
  }

  /** The first bytes of a connection from a trusted proxy. */
  #onHeader(client: Client, reader: ProxyHeaderReader, data: Buffer): void {
    const before = this.#announced.get(client)
    if (before !== undefined) {
      this.#announced.set(client, Buffer.concat([before, data]))
      return
    }
    try {
      const header = reader.push(data)
      if (header === undefined) return
      this.#arriving.delete(client)
      client.isFresh = false
      client.address = header.address ?? client.address
      client.isPrivate = header.isSecure
      if (client.isForWeb || this.#tls !== undefined) this.#announced.set(client, header.rest)
      else {
        client.header = undefined
        this.#begin(client, header.rest)
      }
    } catch (error) {
      if (!(error instanceof ProxyHeaderError)) throw error
      this.#log.warn({ proxy: client.address, err: error }, 'reset: no PROXY header')
      this.#cut(client)
    }
  }

  /**
   * After the batch: what else it has of a connection that TLS or the web door gets would come here
   * all the same.
   */
  #beginAnnounced(): void {
    for (const [client, received] of this.#announced) {
      this.#announced.delete(client)
      client.header = undefined
      const { connection, address } = client
      if (connection.closed) continue // in the same batch
      if (client.isForWeb) this.#web?.accept(connection, { address, received })
      else this.#begin(client, received)
    }
  }

  /** `rest`: what came with a proxy's header. */
  #begin(client: Client, rest: Buffer): void {
    if (this.#tls !== undefined) return this.#beginTls(client, this.#tls, rest)
    client.connection.setIdleTimeout(this.#limits.idleMs)
    this.#enter(client)
    if (rest.length > 0) this.#onReceive(client, rest)
  }

  #beginTls(client: Client, tls: TlsFiles, rest: Buffer): void {
    const raw = toDuplex(client.connection)
    if (rest.length > 0) raw.unshift(rest)
    const stream = tls.secure(raw)
    client.secure = { stream, raw }
    client.isPrivate = true
    client.isFresh = false // what is no TLS is refused by TLS
    this.#await(client)
    stream.on('secure', () => {
      this.#arriving.delete(client)
      client.seenAtMs = this.#place.nowMs()
      this.#secured.add(client)
      this.#enter(client)
    })
    stream.on('data', (data) => this.#onReceive(client, data))
    stream.on('end', () => this.#onEnd(client))
    stream.on('error', (error) => this.#log.debug({ client: client.id, err: error }, 'TLS'))
    stream.on('close', () => this.#onClose(client))
  }

  /** The client has sent all it wanted, and can still read the answers. */
  #onEnd(client: Client): void {
    if (!this.#clients.has(client.id)) return client.reset()
    this.#lose(client)
    this.#sayGoodbye(client)
  }

  #onBrowser(socket: WebSocket<Client>): void {
    const connection = socket.connection as TcpConnection<Client>
    const { address } = socket.userPtr as unknown as Visitor
    const client = this.#newClient(connection, socket, address)
    socket.userPtr = client
    client.seenAtMs = this.#place.nowMs()
    this.#browsers.add(client)
    this.#enter(client)
  }

  #onText(client: Client, data: Buffer, isText: boolean): void {
    if (client.resetAtMs !== undefined) return
    if (isText) this.#onFrame(client, data)
    else this.#sendAway(client, new Refusal('bad-json', 'messages are text'))
  }

  /** The hub refuses a connection over the limit; but it may be slow to do so. */
  #enter(client: Client): void {
    const { maxConnections, maxGoodbyes } = this.#limits
    const most = maxConnections + maxGoodbyes
    // Who has to go for this one, the rules decide; those who leave already have no say in it
    if (this.#clients.size >= most && !this.#isStopping) this.#cutLongestLeaving()
    const isCrowded = this.#clients.size >= most
    this.#clients.set(client.id, client)
    if (this.#isStopping || isCrowded) this.#cut(client)
    else this.#hub?.enter(client.id, client.address)
  }

  #onIdle(client: Client): void {
    const { idleMs } = this.#limits
    const nowMs = this.#place.nowMs()
    // A client that plays by datagrams sends nothing else.
    if (client.path !== undefined && nowMs - client.path.receivedAtMs < idleMs) {
      client.seenAtMs = nowMs
      if (client.secure === undefined) client.connection.setIdleTimeout(idleMs)
    } else this.#sendAway(client, new Refusal('idle', 'no data for a long time'))
  }

  /**
   * The idle timeout of browsers and over TLS, which their connections cannot have: those report to
   * the WebSockets, and to TLS. Any byte in either direction counts.
   */
  #lookForIdle(nowMs: number): void {
    if (nowMs < this.#nextIdleLookMs) return
    const { idleMs } = this.#limits
    this.#nextIdleLookMs = nowMs + idleMs / IDLE_LOOKS
    for (const client of [...this.#browsers, ...this.#secured]) {
      const { bytesReceived, bytesSent } = client.connection
      if (client.seenBytes !== bytesReceived + bytesSent) {
        client.seenBytes = bytesReceived + bytesSent
        client.seenAtMs = nowMs
      } else if (nowMs - client.seenAtMs >= idleMs) this.#onIdle(client)
    }
  }

  #onReceive(client: Client, data: Buffer): void {
    if (client.header !== undefined) return this.#onHeader(client, client.header, data)
    if (client.isFresh && looksLikeProxyHeader(data)) {
      this.#log.debug({ client: client.id }, 'reset: a PROXY header, and no proxy of ours')
      this.#lose(client)
      return this.#cut(client)
    }
    client.isFresh = false
    try {
      // Being disconnected: read and ignored. With unread data the kernel would turn our close into
      // an RST, which overtakes our last message.
      if (client.resetAtMs !== undefined) return
      for (let at = 0; at < data.length; at += CHUNK_BYTES) {
        for (const frame of (client.decoder as FrameDecoder).push(
          data.subarray(at, at + CHUNK_BYTES)
        )) {
          this.#onFrame(client, frame)
          if (client.resetAtMs !== undefined) return // that was one too many
        }
      }
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_FRAME_TOO_LARGE') throw error
      this.#sendAway(
        client,
        new Refusal('frame-too-large', `a frame has at most ${this.#limits.maxFrameBytes} bytes`)
      )
    }
  }

  #onFrame(client: Client, frame: Buffer): void {
    this.#messagesIn++
    if (!this.#admits(client)) return
    if (frame.length < MAX_UDP_REQUEST_BYTES && isUdpRequest(frame)) this.#openPath(client)
    else this.#hub?.receive(client.id, frame)
  }

  #admits(client: Client): boolean {
    if (client.resetAtMs !== undefined) return false
    const admission = client.throttle.admit(this.#place.nowMs())
    if (admission === 'warn')
      this.#refuse(client, new Refusal('too-fast', 'too many commands; some are dropped'))
    if (admission === 'cut')
      this.#sendAway(client, new Refusal('flood', 'far too many commands; goodbye'))
    return admission === 'do'
  }

  /** Browsers have no datagrams. */
  #openPath(client: Client): void {
    if (client.socket !== undefined) {
      this.#refuse(client, new Refusal('no-udp', 'browsers get the state over their WebSocket'))
      return
    }
    if (client.path !== undefined) this.#paths.close(client.path)
    // With one, nothing but encrypted datagrams counts
    const secret = client.isPrivate ? this.#newSecret() : undefined
    client.path = this.#paths.open(client.id, secret)
    const { token } = client.path
    const encryption = secret === undefined ? {} : { secret }
    this.#tell(client, { type: 'udp', port: this.udpPort, token, ...encryption })
  }

  #onClose(client: Client): void {
    this.#lose(client)
    this.#clients.delete(client.id)
    this.#browsers.delete(client)
    this.#secured.delete(client)
    this.#arriving.delete(client)
    this.#leaving.delete(client)
    this.#lagging.delete(client)
    if (this.#isStopping && this.#clients.size === 0) this.#stopped.abort()
  }

  /** The hub gets this once: a client that is being disconnected is not reported as lost. */
  #lose(client: Client): void {
    if (client.path !== undefined) this.#paths.close(client.path)
    client.path = undefined
    if (client.resetAtMs === undefined && this.#clients.has(client.id)) this.#hub?.lose(client.id)
  }

  // ---- Ends ----

  #onClock(): void {
    this.#clock.set(CLOCK_MS)
    const nowMs = this.#place.nowMs()
    for (const client of this.#leaving) {
      if (nowMs >= (client.resetAtMs as number)) client.reset()
    }
    for (const client of this.#arriving.keys()) {
      if (nowMs - client.seenAtMs < this.#limits.visitMs) break
      client.reset()
    }
    this.#web?.cutLate(nowMs)
    this.#lookForIdle(nowMs)
    this.#cutLagging()
  }

  /** Not at once but after the batch: what the batch is about to send does not count. */
  #cutLagging(): void {
    if (this.#lagging.size === 0) return
    this.#poller.flush()
    for (const client of this.#lagging) {
      this.#lagging.delete(client)
      const { bufferedBytes } = client
      if (bufferedBytes <= this.#limits.maxUnreadBytes) continue
      this.#log.info({ client: client.id, unreadBytes: bufferedBytes }, 'reset: it does not read')
      this.#lose(client)
      this.#cut(client)
    }
  }

  /** By RST, without a message. */
  #cut(client: Client): void {
    client.resetAtMs = this.#place.nowMs()
    client.reset()
  }

  /** Because of the gateway's own limits. */
  #sendAway(client: Client, reason: Refusal): void {
    if (client.resetAtMs !== undefined) return
    this.#tell(client, reason.toMessage())
    this.#hub?.leave(client.id, reason.code as RefusalCode)
    this.#sayGoodbye(client)
  }

  #refuse(client: Client, reason: Refusal): void {
    this.#tell(client, reason.toMessage())
    this.#hub?.refused(reason.code)
  }

  #tell(client: Client, message: ServerMessage): void {
    this.deliver([client.id], encode(message))
  }

  #newSecret(): string {
    return this.#place.randomBytes(SECRET_BYTES).toString('hex')
  }

  #sendSecurely(client: Client, stream: TLSSocket, frame: Uint8Array): void {
    if (!stream.writable) return
    stream.write(frame)
    this.#messagesOut++
    if (client.bufferedBytes > this.#limits.maxUnreadBytes) this.#lagging.add(client)
  }

  #sendToBrowser(client: Client, frame: Uint8Array): void {
    client.socket?.send(frame.subarray(LENGTH_BYTES), AS_TEXT)
    this.#messagesOut++
    if (client.bufferedBytes > this.#limits.maxUnreadBytes) this.#lagging.add(client)
  }

  /** Sends what is queued for a client and then our end; its own must follow in time. */
  #sayGoodbye(client: Client): void {
    if (client.resetAtMs !== undefined) return
    if (client.path !== undefined) this.#paths.close(client.path)
    client.path = undefined
    client.resetAtMs = this.#place.nowMs() + this.#limits.goodbyeMs
    this.#leaving.add(client)
    client.end(this.#isStopping ? GOING_AWAY : POLICY)
    if (this.#leaving.size > this.#limits.maxGoodbyes && !this.#isStopping)
      this.#cutLongestLeaving()
  }

  /** It has had the most time to read the reason. Its place is free at once, before its `close`. */
  #cutLongestLeaving(): void {
    const [client] = this.#leaving
    if (client === undefined) return
    client.reset()
    this.#onClose(client)
  }
}

const MAX_UDP_REQUEST_BYTES = 64

/**
 * Whether it is the command 'udp', the only one that concerns the connection and not the player.
 */
function isUdpRequest(frame: Buffer): boolean {
  if (!frame.includes('udp')) return false
  try {
    return (JSON.parse(frame.toString()) as { type?: unknown } | null)?.type === 'udp'
  } catch {
    return false // the hub answers with what is wrong with it
  }
}

function at<T>(address: string, port: number, open: (port: number) => T): T {
  try {
    return open(port)
  } catch (error) {
    throw Object.assign(error as Error, { address, port })
  }
}
