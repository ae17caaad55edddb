// The connections of one thread: bytes in, frames to the hub, frames out, and an end for whoever
// costs too much. With server.ts the only file of the server that knows pollport; it knows no
// rules.
import type { Logger } from 'pino'
import {
  type ConnectionDuplex,
  FrameDecoder,
  type PollEvent,
  Poller,
  Socket,
  type TcpConnection,
  type TcpListener
} from 'pollport'
import type { WebSocket } from 'ws'
import { type Limits, limitsOf, type Settings } from './config.ts'
import { decodeState } from './datagram.ts'
import type { GatewayLink, HubLink } from './links.ts'
import { encode, LENGTH_BYTES, Refusal, type RefusalCode, type ServerMessage } from './protocol.ts'
import type { GatewayFigures } from './server-figures.ts'
import { Throttle } from './session.ts'
import { type UdpPath, UdpPaths } from './udp-paths.ts'
import { WebDoor } from './web-door.ts'

/** So much is looked at before who sent too much can be cut off. */
const CHUNK_BYTES = 4 * 1024
/** How often goodbyes that last too long are looked for. */
const CLOCK_MS = 50
/**
 * Between two batches the ticks have their turn: what one batch costs, a tick may be late. These
 * cost about half a millisecond.
 */
const SMALL_BATCHES = { maxEvents: 32, readBudgetBytes: 64 * 1024 }
/**
 * So many are told at once, which takes a millisecond, and the next ones after a pause: nobody else
 * waits longer for that.
 */
const CROWD = 200
const CROWD_EVERY_MS = 10
/**
 * Messages to larger crowds that may be on their way; one more is left out. What is said in the
 * lobby is worth little when it comes late.
 */
const MAX_CROWDS = 50
/**
 * A state is not sent to who has more than that of earlier messages unread: a newer one comes soon.
 */
const STATE_BACKLOG_BYTES = 4096

/** Where a gateway listens. */
export interface Doors {
  address: string
  /** undefined: connections are handed over to it. */
  listen: { port: number; webPort: number; isShared: boolean } | undefined
  udpPort: number
}

/** What hangs on a connection as its userPtr. */
class Client {
  readonly id: number
  readonly connection: TcpConnection<Client>
  /** Only of a browser. */
  readonly socket: WebSocket | undefined
  readonly throttle: Throttle
  readonly decoder: FrameDecoder | undefined
  path: UdpPath | undefined
  /**
   * When a client that is being said goodbye to is cut off, if it has not gone by itself; undefined
   * for everybody else.
   */
  resetAtMs: number | undefined

  constructor(
    id: number,
    connection: TcpConnection<Client>,
    socket: WebSocket | undefined,
    limits: Limits
  ) {
    this.id = id
    this.connection = connection
    this.socket = socket
    this.throttle = new Throttle(limits, performance.now())
    const maxFrameBytes = limits.maxFrameBytes
    this.decoder =
      socket === undefined
        ? new FrameDecoder({ lengthBytes: LENGTH_BYTES, maxFrameBytes })
        : undefined
  }

  /**
   * Queued here, and not yet taken by the system: a browser's waits in two places, since its stream
   * fills the connection's queue first.
   */
  get bufferedBytes(): number {
    return this.connection.bufferedBytes + (this.socket?.bufferedAmount ?? 0)
  }

  /** Sends what is queued and then the end. */
  end(): void {
    if (this.socket === undefined) this.connection.end()
    else this.socket.close(1008)
  }

  reset(): void {
    this.connection.reset()
  }
}

export class Gateway implements GatewayLink {
  readonly #limits: Limits
  readonly #log: Logger
  readonly #poller: Poller<Client>
  readonly #listener: TcpListener<Client> | undefined
  readonly #webListener: TcpListener<Client> | undefined
  readonly #paths: UdpPaths
  readonly #web: WebDoor
  readonly #clients = new Map<number, Client>()
  /** On their way out: they may read why, and nothing that they send counts. */
  readonly #leaving = new Set<Client>()
  /** More is queued for them than anybody may keep waiting. */
  readonly #lagging = new Set<Client>()
  readonly #stopped = new AbortController()
  /**
   * Messages to more than a few, on their way; the first one is told to the end before the next.
   */
  readonly #crowds: { ids: readonly number[]; frame: Uint8Array; next: number }[] = []
  #isServingCrowds = false
  #hub: HubLink | undefined
  #nextId = 1
  #isStopping = false
  #webConnections = 0
  #messagesIn = 0
  #messagesOut = 0

  /**
   * Listens at its doors. Throws a SocketError, for example `EADDRINUSE`, with address and port.
   */
  constructor(doors: Doors, settings: Settings, log: Logger) {
    this.#limits = limitsOf(settings)
    this.#log = log
    this.#poller = new Poller({
      highWaterMarkBytes: settings.maxUnreadBytes,
      ...SMALL_BATCHES
    })
    const { address, listen, udpPort } = doors
    try {
      if (listen !== undefined) {
        const shared = {
          address,
          reusePort: listen.isShared,
          sendBufferSize: settings.sendBufferBytes
        }
        this.#listener = at(listen.port, (port) => this.#poller.listenTcp({ ...shared, port }))
        this.#webListener = at(listen.webPort, (port) =>
          this.#poller.listenTcp({ ...shared, port })
        )
      }
      this.#paths = at(udpPort, (port) => {
        const onSteer: HubLink['steer'] = (...steer) => this.#hub?.steer(...steer)
        return new UdpPaths({ address, port, limits: this.#limits, onSteer, log })
      })
    } catch (error) {
      this.#poller.close()
      throw Object.assign(error as Error, { address })
    }
    this.#web = new WebDoor(this.#limits, (socket, stream) => this.#onBrowser(socket, stream))
  }

  /** `undefined` where connections are handed over. */
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
    const clock = setInterval(() => this.#onClock(), CLOCK_MS)
    const { signal } = this.#stopped
    const serving = [
      this.#poller.run((events) => this.#onEvents(events), { signal }),
      this.#paths.run(signal)
    ]
    try {
      await Promise.all(serving)
    } finally {
      clearInterval(clock)
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
      void connection.remoteAddress // asked for now and known from now on: a moment later the peer may be gone, and its address with it
      if (isWeb) this.#web.accept(connection)
      else this.#onAccept(connection)
    } catch (error) {
      this.#log.debug({ err: error }, 'reset on the way here')
      connection?.reset()
      socket.close() // unless it has been adopted
    }
  }

  // ---- What the hub asks ----

  deliver(ids: readonly number[], frame: Uint8Array): void {
    // Half as many wait, too, while others do: what is told to a crowd that has become a little
    // smaller must not come before what was told to all of it.
    const least = this.#crowds.length > 0 ? CROWD / 2 : CROWD
    if (ids.length <= least) this.#deliverNow(ids, frame)
    else if (this.#crowds.length < MAX_CROWDS) this.#crowds.push({ ids, frame, next: 0 })
    else
      this.#log.warn(
        { clients: ids.length },
        'a message to a crowd is left out: too many are on their way'
      )
    if (this.#crowds.length > 0 && !this.#isServingCrowds) this.#serveCrowds()
  }

  /**
   * A part of the first crowd: to tell thousands something would hold up everything else for as
   * long as that takes.
   */
  #serveCrowds(): void {
    const [crowd] = this.#crowds
    this.#isServingCrowds = crowd !== undefined && !this.#isStopping
    if (!this.#isServingCrowds) return
    this.#deliverNow(crowd.ids.slice(crowd.next, crowd.next + CROWD), crowd.frame)
    crowd.next += CROWD
    if (crowd.next >= crowd.ids.length) this.#crowds.shift()
    setTimeout(() => this.#serveCrowds(), CROWD_EVERY_MS)
  }

  #deliverNow(ids: readonly number[], frame: Uint8Array): void {
    const connections: TcpConnection<Client>[] = []
    for (const id of ids) {
      const client = this.#clients.get(id)
      if (client === undefined || client.resetAtMs !== undefined) continue
      if (client.socket === undefined) connections.push(client.connection)
      else this.#sendToBrowser(client, frame)
    }
    if (connections.length === 0) return
    this.#messagesOut += this.#poller.broadcast(connections, frame)
    for (const connection of connections) {
      if (connection.bufferedBytes > this.#limits.maxUnreadBytes)
        this.#lagging.add(connection.userPtr as Client)
    }
  }

  deliverState(ids: readonly number[], bytes: Uint8Array): void {
    const state = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    const match = state.readUInt32BE(1)
    const tick = state.readUInt32BE(5)
    const nowMs = performance.now()
    const others: number[] = []
    for (const id of ids) {
      const client = this.#clients.get(id)
      if (client === undefined || client.resetAtMs !== undefined) continue
      if (client.path !== undefined && this.#paths.send(client.path, bytes, match, tick, nowMs))
        continue
      if (client.bufferedBytes <= STATE_BACKLOG_BYTES) others.push(id)
    }
    const decoded = others.length > 0 ? decodeState(state) : undefined
    if (decoded !== undefined) this.deliver(others, encode({ type: 'state', ...decoded }))
  }

  dismiss(id: number, frame: Uint8Array): void {
    const client = this.#clients.get(id)
    if (client === undefined) return
    this.deliver([id], frame)
    this.#part(client)
  }

  stop(frame: Uint8Array): void {
    if (this.#isStopping) return
    this.#listener?.close()
    this.#webListener?.close()
    this.#web.close()
    this.#deliverNow([...this.#clients.keys()], frame)
    this.#isStopping = true
    for (const client of this.#clients.values()) this.#part(client)
    if (this.#clients.size === 0) this.#stopped.abort()
  }

  get figures(): GatewayFigures {
    const { bytesReceived, bytesSent } = this.#poller.stats
    return {
      connections: this.#clients.size,
      webConnections: this.#webConnections,
      viaUdp: this.#paths.countHearing(performance.now()),
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
          if (event.listener === this.#webListener) this.#web.accept(event.socket)
          else this.#onAccept(event.socket)
          break
        case 'receive':
          this.#onReceive(event.userPtr as Client, event.data)
          break
        case 'timeout':
          this.#onIdle(event.userPtr as Client)
          break
        case 'end': // the client has said all it wanted to say, and may still read the answers
          this.#lose(event.userPtr as Client)
          this.#part(event.userPtr as Client)
          break
        case 'close':
          if (event.userPtr !== undefined) this.#onClose(event.userPtr)
          break
        case 'error':
          this.#log.error({ err: event.error }, 'listener') // out of descriptors, say; it goes on when there are some
          break
        // 'connect', 'datagram', 'wake' do not happen here; for 'drain' nobody waits: who lags that
        // far is cut off.
      }
    }
    this.#cutLagging()
  }

  #onAccept(connection: TcpConnection<Client>): void {
    const client = new Client(this.#nextId++, connection, undefined, this.#limits)
    connection.userPtr = client
    connection.setIdleTimeout(this.#limits.idleMs)
    this.#enter(client)
  }

  #onBrowser(socket: WebSocket, stream: ConnectionDuplex): void {
    const client = new Client(
      this.#nextId++,
      stream.connection as TcpConnection<Client>,
      socket,
      this.#limits
    )
    this.#webConnections++
    socket.on('message', (data, isBinary) => {
      if (client.resetAtMs !== undefined) return
      if (isBinary) this.#sendAway(client, new Refusal('bad-json', 'messages are text'))
      else this.#onFrame(client, data as Buffer)
    })
    // Answered by `ws` itself; they count all the same.
    socket.on('ping', () => this.#admits(client))
    socket.on('pong', () => this.#admits(client))
    socket.on('close', () => {
      this.#webConnections--
      this.#onClose(client)
    })
    // Something that is no WebSocket: it has been told so, and has as long to go as anybody who is
    // sent away.
    socket.on('error', (error) => {
      this.#log.debug({ err: error }, 'WebSocket')
      this.#lose(client)
      this.#part(client)
    })
    stream.setTimeout(this.#limits.idleMs, () => this.#onIdle(client))
    this.#enter(client)
  }

  /** The hub says who is one too many; but it may be slow to. */
  #enter(client: Client): void {
    const { maxConnections, maxGoodbyes } = this.#limits
    const isCrowded = this.#clients.size >= maxConnections + maxGoodbyes
    this.#clients.set(client.id, client)
    if (this.#isStopping || isCrowded) this.#cut(client)
    else this.#hub?.enter(client.id, client.connection.remoteAddress.address)
  }

  #onIdle(client: Client): void {
    const { idleMs } = this.#limits
    const nowMs = performance.now()
    // Who plays by datagrams says nothing else.
    if (client.path !== undefined && nowMs - client.path.receivedAtMs < idleMs)
      client.connection.setIdleTimeout(idleMs)
    else this.#sendAway(client, new Refusal('idle', 'nothing was heard for a long time'))
  }

  #onReceive(client: Client, data: Buffer): void {
    try {
      // Leaving: read and forgotten. Were it left unread, the system would answer our close with a
      // reset, which overtakes our last words.
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
    const admission = client.throttle.admit(performance.now())
    if (admission === 'warn')
      this.#refuse(client, new Refusal('too-fast', 'too many commands; some are dropped'))
    if (admission === 'cut')
      this.#sendAway(client, new Refusal('flood', 'far too many commands; goodbye'))
    return admission === 'do'
  }

  /** Browsers have no datagrams. */
  #openPath(client: Client): void {
    if (client.socket !== undefined) {
      this.#refuse(client, new Refusal('no-udp', 'browsers are sent the state by their WebSocket'))
      return
    }
    if (client.path !== undefined) this.#paths.close(client.path)
    client.path = this.#paths.open(client.id)
    this.#tell(client, { type: 'udp', port: this.udpPort, token: client.path.token })
  }

  #onClose(client: Client): void {
    this.#lose(client)
    this.#clients.delete(client.id)
    this.#leaving.delete(client)
    this.#lagging.delete(client)
    if (this.#isStopping && this.#clients.size === 0) this.#stopped.abort()
  }

  /** The hub hears it once: who parts is not lost any more. */
  #lose(client: Client): void {
    if (client.path !== undefined) this.#paths.close(client.path)
    client.path = undefined
    if (client.resetAtMs === undefined && this.#clients.has(client.id)) this.#hub?.lose(client.id)
  }

  // ---- Ends ----

  #onClock(): void {
    const nowMs = performance.now()
    for (const client of this.#leaving) {
      if (nowMs >= (client.resetAtMs as number)) client.reset()
    }
    this.#web.cutLate(nowMs)
    this.#cutLagging()
  }

  /** Not at once but after the batch: what was only waiting for its end does not count. */
  #cutLagging(): void {
    if (this.#lagging.size === 0) return
    this.#poller.flush()
    for (const client of this.#lagging) {
      this.#lagging.delete(client)
      const { bufferedBytes } = client
      if (bufferedBytes <= this.#limits.maxUnreadBytes) continue
      this.#log.info({ client: client.id, unreadBytes: bufferedBytes }, 'cut off')
      this.#lose(client)
      this.#cut(client)
    }
  }

  /** Without a word. */
  #cut(client: Client): void {
    client.resetAtMs = performance.now()
    client.reset()
  }

  /** By the gateway's own limits. */
  #sendAway(client: Client, reason: Refusal): void {
    if (client.resetAtMs !== undefined) return
    this.#tell(client, reason.toMessage())
    this.#hub?.leave(client.id, reason.code as RefusalCode)
    this.#part(client)
  }

  #refuse(client: Client, reason: Refusal): void {
    this.#tell(client, reason.toMessage())
    this.#hub?.refused(reason.code)
  }

  #tell(client: Client, message: ServerMessage): void {
    this.deliver([client.id], encode(message))
  }

  #sendToBrowser(client: Client, frame: Uint8Array): void {
    // A message's text is its frame without the length.
    client.socket?.send(frame.subarray(LENGTH_BYTES), { binary: false })
    this.#messagesOut++
    if (client.bufferedBytes > this.#limits.maxUnreadBytes) this.#lagging.add(client)
  }

  /** Sends what is queued for a client and then our end; its own must follow in time. */
  #part(client: Client): void {
    if (client.resetAtMs !== undefined) return
    if (client.path !== undefined) this.#paths.close(client.path)
    client.path = undefined
    client.resetAtMs = performance.now() + this.#limits.goodbyeMs
    this.#leaving.add(client)
    if (this.#leaving.size > this.#limits.maxGoodbyes && !this.#isStopping) client.reset()
    else client.end()
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
    return false // the hub says what is wrong with it
  }
}

function at<T>(port: number, open: (port: number) => T): T {
  try {
    return open(port)
  } catch (error) {
    throw Object.assign(error as Error, { port })
  }
}
