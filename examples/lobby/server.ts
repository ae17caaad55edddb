// Connections in, frames to the rules, messages out, and an end for whoever costs too much. The only file of the server that knows pollport;
// it knows no rules.
import { randomInt } from 'node:crypto'
import { type Logger, pino } from 'pino'
import { FrameDecoder, type PollEvent, Poller, type TcpConnection, type TcpListener } from 'pollport'
import { type Limits, limitsOf, type Settings, TICK_MS } from './config.ts'
import { Lobby } from './lobby.ts'
import { Operators } from './operators.ts'
import { encode, LENGTH_BYTES, Refusal, type ServerMessage } from './protocol.ts'
import { Session } from './session.ts'

/** What hangs on a connection as its userPtr. */
class Client {
  readonly connection: TcpConnection<Client>
  readonly session: Session
  readonly decoder: FrameDecoder
  /** When a client that is being said goodbye to is cut off, if it has not gone by itself; undefined for everybody else. */
  resetAtMs: number | undefined

  constructor(connection: TcpConnection<Client>, limits: Limits, nowMs: number) {
    this.connection = connection
    this.session = new Session(limits, nowMs)
    this.decoder = new FrameDecoder({ lengthBytes: LENGTH_BYTES, maxFrame: limits.maxFrameBytes })
  }
}

/** `messages…` and `bytes…` count since the start, the others say how it is now. */
export interface ServerFigures {
  connections: number
  players: number
  /** Of them, those whose connection is lost. */
  away: number
  /** Waiting for a match. */
  queued: number
  rooms: number
  matches: number
  messagesIn: number
  messagesOut: number
  bytesIn: number
  bytesOut: number
}

export class LobbyServer {
  readonly port: number
  readonly operatorPort: number
  readonly #limits: Limits
  readonly #drainMs: number
  readonly #log: Logger
  readonly #operators: Operators
  readonly #poller: Poller<Client>
  readonly #listener: TcpListener<Client>
  readonly #operatorListener: TcpListener<Client>
  readonly #lobby: Lobby
  readonly #clients = new Map<Session, Client>()
  /** On their way out: they may read why, and nothing that they send counts. */
  readonly #leaving = new Set<Client>()
  /** More is queued for them than anybody may keep waiting. */
  readonly #lagging = new Set<Client>()
  readonly #stopped = new AbortController()
  #isStopping = false
  /** When the server ends, whatever is still going on; undefined while it does not drain. */
  #drainedMs: number | undefined
  #messagesIn = 0
  #messagesOut = 0

  /** Listens at both ports. Throws a SocketError, for example `EADDRINUSE`, with the port. */
  constructor(address: string, operatorAddress: string, settings: Settings, log: Logger = pino({ level: 'silent' })) {
    this.#limits = limitsOf(settings)
    this.#drainMs = settings.drainMs
    this.#log = log
    this.#poller = new Poller({ highWaterMark: settings.maxUnreadBytes })
    try {
      this.#listener = this.#listen(address, settings.port, settings.sendBufferBytes)
      this.#operatorListener = this.#listen(operatorAddress, settings.operatorPort)
    } catch (error) {
      this.#poller.close()
      throw error
    }
    this.port = this.#listener.localAddress.port
    this.operatorPort = this.#operatorListener.localAddress.port
    this.#operators = new Operators(
      () => this.figures,
      () => this.#drainedMs !== undefined || this.#isStopping
    )
    log.info({ port: this.port, operatorPort: this.operatorPort }, 'listening')
    const outlet = { deliver: this.#deliver.bind(this), dismiss: this.#dismiss.bind(this) }
    this.#lobby = new Lobby(this.#limits, outlet, () => randomInt(2 ** 32))
  }

  /**
   * Serves until {@link stop}. It lives inside Node's own loop, by `run()` and not by `runLoop()`: nothing here has to happen sixty times a second,
   * an empty lobby costs no processor time, and signals, timers and whatever else the process does need no thought.
   */
  async run(): Promise<void> {
    const ticks = setInterval(() => this.#tick(), TICK_MS)
    try {
      await this.#poller.run((events) => this.#onEvents(events), { signal: this.#stopped.signal })
    } finally {
      clearInterval(ticks)
      this.#poller.close()
    }
  }

  /** No new players and no new matches; those that go on may end, then {@link stop}. */
  drain(): void {
    if (this.#isStopping || this.#drainedMs !== undefined) return
    const nowMs = performance.now()
    this.#drainedMs = nowMs + this.#drainMs
    this.#log.info({ withinMs: this.#drainMs, matches: this.#lobby.matchCount }, 'draining')
    this.#lobby.drain(this.#drainMs, nowMs)
  }

  /** Tells everybody, lets the last words go out, and ends {@link run}. */
  stop(): void {
    if (this.#isStopping) return
    this.#log.info({ connections: this.#clients.size }, 'closing')
    this.#listener.close()
    this.#deliver(this.#clients.keys(), { type: 'bye' })
    this.#isStopping = true
    for (const client of this.#clients.values()) this.#part(client)
    if (this.#clients.size === 0) this.#stopped.abort()
  }

  get figures(): ServerFigures {
    return {
      connections: this.#clients.size,
      players: this.#lobby.playerCount,
      away: this.#lobby.awayCount,
      queued: this.#lobby.queueLength,
      rooms: this.#lobby.roomCount,
      matches: this.#lobby.matchCount,
      messagesIn: this.#messagesIn,
      messagesOut: this.#messagesOut,
      bytesIn: this.#poller.stats.bytesReceived,
      bytesOut: this.#poller.stats.bytesSent
    }
  }

  #listen(address: string, port: number, sendBufferSize?: number): TcpListener<Client> {
    try {
      return this.#poller.listenTcp({ address, port, sendBufferSize })
    } catch (error) {
      throw Object.assign(error as Error, { address, port })
    }
  }

  #onEvents(events: PollEvent<Client>[]): void {
    for (const event of events) {
      switch (event.type) {
        case 'accept':
          if (event.listener === this.#operatorListener) this.#operators.serve(event.socket as TcpConnection<never>)
          else this.#onAccept(event.socket)
          break
        case 'receive':
          this.#onReceive(event.userPtr as Client, event.data)
          break
        case 'timeout':
          this.#dismiss((event.userPtr as Client).session, new Refusal('idle', 'nothing was heard for a long time'))
          break
        case 'end': // the client has said all it wanted to say, and may still read the answers
          this.#lobby.lose((event.userPtr as Client).session, performance.now())
          this.#part(event.userPtr as Client)
          break
        case 'close':
          if (event.userPtr !== undefined) this.#onClose(event.userPtr)
          break
        case 'error':
          this.#log.error({ err: event.error }, 'listener') // out of descriptors, say; it goes on when there are some
          break
        // 'connect', 'datagram', 'wake' do not happen here; for 'drain' nobody waits: who lags that far is cut off.
      }
    }
    this.#cutLagging()
  }

  #onAccept(connection: TcpConnection<Client>): void {
    const client = new Client(connection, this.#limits, performance.now())
    connection.userPtr = client
    const isFull = this.#clients.size - this.#leaving.size >= this.#limits.maxConnections
    this.#clients.set(client.session, client)
    if (isFull) {
      this.#dismiss(client.session, new Refusal('server-full', 'the server is full; try again later'))
      return
    }
    connection.setIdleTimeout(this.#limits.idleMs)
    this.#lobby.enter(client.session)
  }

  #onReceive(client: Client, data: Buffer): void {
    const nowMs = performance.now()
    try {
      // Leaving: read and forgotten. Were it left unread, the system would answer our close with a reset, which overtakes our last words.
      if (client.resetAtMs !== undefined) return
      for (const frame of client.decoder.push(data)) {
        this.#messagesIn++
        this.#lobby.receive(client.session, frame, nowMs)
        if (client.resetAtMs !== undefined) return // that was one too many
      }
    } catch (error) {
      if ((error as { code?: unknown }).code !== 'ERR_FRAME_TOO_LARGE') throw error
      const reason = `a frame has at most ${this.#limits.maxFrameBytes} bytes`
      this.#dismiss(client.session, new Refusal('frame-too-large', reason))
    }
  }

  #onClose(client: Client): void {
    this.#clients.delete(client.session)
    this.#leaving.delete(client)
    this.#lagging.delete(client)
    this.#lobby.lose(client.session, performance.now())
    if (this.#isStopping && this.#clients.size === 0) this.#stopped.abort()
  }

  #tick(): void {
    const nowMs = performance.now()
    this.#lobby.tick(nowMs)
    if (this.#drainedMs !== undefined && (this.#lobby.matchCount === 0 || nowMs >= this.#drainedMs)) this.stop()
    for (const client of this.#leaving) {
      if (nowMs >= (client.resetAtMs as number)) client.connection.reset()
    }
    this.#cutLagging()
  }

  /** However many hear it, it is encoded once and copied once. */
  #deliver(to: Iterable<Session>, message: ServerMessage): void {
    if (this.#isStopping) return // everybody has heard 'bye', after which it does not matter who else leaves
    const connections: TcpConnection<Client>[] = []
    for (const session of to) {
      const client = this.#clients.get(session)
      if (client !== undefined && client.resetAtMs === undefined) connections.push(client.connection)
    }
    if (connections.length === 0) return
    this.#messagesOut += this.#poller.broadcast(connections, encode(message))
    for (const connection of connections) {
      if (connection.bufferedBytes > this.#limits.maxUnreadBytes) this.#lagging.add(connection.userPtr as Client)
    }
  }

  /** Not at once but after the batch: the rules are not to lose a player in the middle of telling the players something. */
  #cutLagging(): void {
    if (this.#lagging.size === 0) return
    this.#poller.flush() // what was only waiting for the end of this turn does not count
    for (const client of this.#lagging) {
      this.#lagging.delete(client)
      if (client.connection.bufferedBytes <= this.#limits.maxUnreadBytes) continue
      this.#log.info({ player: client.session.player?.name, unreadBytes: client.connection.bufferedBytes }, 'cut off')
      client.connection.reset()
      this.#lobby.lose(client.session, performance.now())
    }
  }

  #dismiss(session: Session, reason: Refusal): void {
    this.#log.info({ player: session.player?.name, reason: reason.code }, 'sent away')
    this.#deliver([session], reason.toMessage())
    this.#lobby.leave(session, performance.now())
    const client = this.#clients.get(session)
    if (client !== undefined) this.#part(client)
  }

  /** Sends what is queued for a client and then our end; its own must follow in time. */
  #part(client: Client): void {
    if (client.resetAtMs !== undefined) return
    const nowMs = performance.now()
    client.resetAtMs = nowMs + this.#limits.goodbyeMs
    this.#leaving.add(client)
    if (this.#leaving.size > this.#limits.maxGoodbyes && !this.#isStopping) client.connection.reset()
    else client.connection.end()
  }
}
