// A lobby: the hub with its rules and its store, the gateways that hold the connections, in this
// thread or in workers, and the door for operators.

import { hostname } from 'node:os'
import { join } from 'node:path'
import { type Logger, pino } from 'pino'
import type { PollEvent, Poller, TcpConnection, TcpListener } from 'pollport'
import { ClusterNode } from '../cluster/cluster-node.ts'
import type { Directory, DirectoryEvents } from '../cluster/directory.ts'
import { RedisDirectory } from '../cluster/redis-directory.ts'
import type { Switchboard } from '../cluster/switchboard.ts'
import { games } from '../games/index.ts'
import { GATEWAY_COUNTERS, type GatewayFigures } from '../gateway/figures.ts'
import { type Doors, Gateway } from '../gateway/gateway.ts'
import type { GatewayLink, HubLink, OpenPorts } from '../gateway/links.ts'
import { RemoteGateway } from '../gateway/remote-gateway.ts'
import { listOf } from '../gateway/settings.ts'
import { TlsFiles } from '../gateway/tls-files.ts'
import { TrustedProxies } from '../gateway/trusted.ts'
import { type Place, system } from '../place.ts'
import { Accounts } from '../rules/accounts.ts'
import { Bans } from '../rules/bans.ts'
import type { PersonPage, RoomPage } from '../rules/details.ts'
import type { Games } from '../rules/game.ts'
import { Leaderboard } from '../rules/leaderboard.ts'
import { limitsOf } from '../rules/limits.ts'
import type { Kept } from '../rules/lobby.ts'
import { newSeed } from '../rules/random.ts'
import { dayOf, RatedPairs } from '../rules/rated-pairs.ts'
import type { MatchRecord, Store } from '../rules/records.ts'
import { MAX_SKILLS, Skills } from '../rules/skills.ts'
import { keyOf } from '../wire/names.ts'
import { TOKEN_KEY_BYTES } from '../wire/tokens.ts'
import { Admin } from './admin.ts'
import { AuditLog } from './audit-log.ts'
import { ClusterActions } from './cluster-actions.ts'
import { gameSettingsOf, gamesFor, type Settings } from './config.ts'
import { Hub } from './hub.ts'
import { OperatorActions } from './operator-actions.ts'
import { OperatorGuard } from './operator-guard.ts'
import { Operators, type OperatorsSource } from './operators.ts'
import type { Health, ServerFigures } from './server-figures.ts'
import { memoryStore, openStore } from './store.ts'
import { tokenKeyIn } from './token-key.ts'

/**
 * A thread that ends with an error is started again, and its players come back with their tokens.
 * More often than this, the server gives up.
 */
const MAX_NEW_THREADS = 10
const NEW_THREADS_WITHIN_MS = 60_000

/** A tick is due 120 times a second, and a thread reports twice a second. */
const STUCK_MS = 5_000
/** An answer of Redis that takes longer, or a quarter of a lease, is worth nothing. */
const MOST_REDIS_MS = 500

export interface LobbyOptions {
  log?: Logger
  /**
   * With workers, whether this thread accepts and hands over. Default: where the system cannot
   * share a port among listeners, which is Windows.
   */
  handOver?: boolean
  /** Of each match's random numbers. By default it is unpredictable. */
  newSeed?: () => string
  /** Default: this system. */
  place?: Place
  /** Of matches and skills. Default: what the settings say. The server closes it. */
  store?: Store
  /** Signs accounts and resume tokens: 32 bytes. Default: the one beside the store. */
  tokenKey?: Buffer
  /** Where the web port listens. Default: where the others do. */
  webAddress?: string
  /** Whether it has a page and WebSockets. A simulated place has none. Default: true. */
  hasWeb?: boolean
  /** Of the cluster. Default: the Redis of `--cluster`, if that is set. */
  openDirectory?: (events: DirectoryEvents) => Directory
  /** Default: those of games/index.ts. Others can be played without workers alone. */
  games?: Games
}

export class LobbyServer {
  /** Fulfilled when the server has ended in order, and everybody is gone. */
  readonly ended: Promise<void>
  /** What the operators' port asks for: of the settings, or one for this run. */
  readonly operatorToken: string
  readonly #place: Place
  readonly #hasWeb: boolean
  readonly #settings: Settings
  readonly #address: string
  readonly #webAddress: string
  readonly #log: Logger
  readonly #games: Games
  readonly #store: Store
  readonly #hub: Hub
  readonly #cluster: ClusterNode | undefined
  readonly #actions: ClusterActions | undefined
  #knowsBans = false
  #switchboard: Switchboard | undefined
  readonly #poller: Poller<never>
  readonly #operatorListener: TcpListener<never>
  readonly #operators: Operators
  readonly #audit: AuditLog
  readonly #operatorTls: TlsFiles | undefined
  readonly #handsOver: boolean
  readonly #remotes = new Set<RemoteGateway>()
  readonly #endings: Promise<void>[] = []
  readonly #quiet = new AbortController()
  #ports: OpenPorts = { port: 0, webPort: 0, udpPort: 0 }
  #local: Gateway | undefined
  #doors: { game: TcpListener<never>; web: TcpListener<never> } | undefined
  /**
   * The counts of threads that have ended: a sum that shrinks would look like a restart.
   */
  readonly #countedByGone = new Map<keyof GatewayFigures, number>()
  #nextRemote = 0
  /** When threads were started again, lately. */
  #newThreads: number[] = []
  #failure: Error | undefined
  #isStopping = false
  readonly #startedMs: number
  #finish: (error?: Error) => void = () => {}

  /**
   * Listens at all its ports. Rejected with a SocketError, for example `EADDRINUSE`, with the port,
   * or with a StoreError.
   */
  static async open(
    address: string,
    operatorAddress: string,
    settings: Settings,
    options: LobbyOptions = {}
  ) {
    const { store = settings.store === '' ? memoryStore() : await openStore(settings.store) } =
      options
    let server: LobbyServer | undefined
    try {
      server = new LobbyServer(
        address,
        operatorAddress,
        settings,
        options,
        store,
        await keptIn(store, settings, (options.place ?? system).dateMs()),
        await store.journal()
      )
      await server.#start()
      return server
    } catch (error) {
      server?.stop()
      await (server?.ended ?? store.close())
      throw error
    }
  }

  private constructor(
    address: string,
    operatorAddress: string,
    settings: Settings,
    options: LobbyOptions,
    store: Store,
    kept: Kept,
    journal: string
  ) {
    const log = options.log ?? pino({ level: 'silent' })
    this.#place = options.place ?? system
    this.#startedMs = this.#place.nowMs()
    this.#hasWeb = options.hasWeb ?? true
    this.#settings = settings
    this.#address = address
    this.#webAddress = options.webAddress ?? address
    this.#log = log
    this.#games = options.games ?? gamesFor(settings, games)
    this.#store = store
    const tokenKey =
      options.tokenKey ?? (settings.store === '' ? undefined : tokenKeyIn(settings.store))
    this.#audit = new AuditLog(
      settings.store === '' ? undefined : join(settings.store, 'audit.jsonl')
    )
    this.#operatorTls = TlsFiles.of('operators', settings, log)
    this.#poller = this.#place.poller()
    // Whatever comes after the cluster is made does not fail: nobody would close it.
    try {
      this.#operatorListener = this.#listen(operatorAddress, settings.operatorPort)
      this.#cluster = this.#clusterOf(options, operatorAddress, tokenKey, journal)
    } catch (error) {
      this.#poller.close()
      throw error
    }
    this.#hub = new Hub({
      limits: limitsOf(settings),
      drainMs: settings.drainMs,
      store,
      kept,
      games: { list: this.#games, settings: gameSettingsOf(settings, this.#games) },
      newSeed: options.newSeed ?? (() => newSeed((count) => this.#place.randomBytes(count))),
      tokenKey,
      cluster: this.#cluster,
      maxPracticeBots: settings.maxPracticeBots,
      log,
      place: this.#place,
      onDrained: () => this.stop()
    })
    this.operatorToken = settings.operatorToken || this.#place.randomBytes(24).toString('base64url')
    const proxies = new TrustedProxies(listOf(settings.trustedProxies))
    const actions = new OperatorActions(this.#hub.lobby, store, this.#place, proxies, () =>
      this.drain()
    )
    this.#actions = this.#cluster && new ClusterActions(actions, this.#cluster, this.#place)
    const source: OperatorsSource = {
      figures: () => this.figures,
      rooms: (from) => this.rooms(from),
      health: () => this.health,
      admin: new Admin(this.#actions ?? actions, this.#audit)
    }
    const names = [settings.operatorHost, ...listOf(settings.operatorHosts)]
    this.#operators = new Operators(source, new OperatorGuard(this.operatorToken, names))
    this.#handsOver =
      settings.workers > 0 && (options.handOver ?? !this.#poller.capabilities.reusePort)
    this.ended = this.#run()
  }

  get port(): number {
    return this.#ports.port as number
  }

  get webPort(): number {
    return this.#ports.webPort as number
  }

  get operatorPort(): number {
    return this.#operatorListener.localAddress.port
  }

  /** No new players and no new matches; when the running ones have ended, {@link stop}. */
  drain(): void {
    this.#hub.drain()
  }

  /** Sends 'bye' to everybody, flushes it, and ends. */
  stop(): void {
    if (this.#isStopping) return
    this.#isStopping = true
    this.#log.info({ players: this.#hub.lobby.playerCount }, 'closing')
    this.#doors?.game.close()
    this.#doors?.web.close()
    this.#hub.stop()
    Promise.all([...this.#endings, this.#cluster?.leave()])
      .then(() => this.#cluster?.stop())
      .then(() => this.#finish(this.#failure))
  }

  /** What an orchestrator asks for. */
  get health(): Health {
    const { ticker, isDraining, unsavable } = this.#hub
    const stuck: string[] = []
    if (ticker.silentMs > STUCK_MS) stuck.push('the rules do not tick')
    const silent = [...this.#remotes].filter(({ silentMs }) => silentMs > STUCK_MS).length
    if (silent > 0) stuck.push(`${silent} of ${this.#settings.workers} threads do not answer`)
    const unready = [...stuck]
    // Its threads start, or the last one of them starts again
    const isOpen = this.#local !== undefined || [...this.#remotes].some(({ isOpen }) => isOpen)
    if (!isOpen) unready.push('the doors are not open')
    if (isDraining) unready.push('draining')
    const directory = this.#cluster?.directoryState ?? 'here'
    if (directory !== 'here') unready.push(`the directory of the cluster is ${directory}`)
    if (unsavable !== undefined) unready.push(`results cannot be saved: ${unsavable}`)
    if (this.#audit.problem !== undefined)
      unready.push(`the audit log cannot be written: ${this.#audit.problem}`)
    return { stuck, unready }
  }

  /** The rooms from that place on, as operators see them. */
  rooms(from: number): RoomPage {
    return this.#hub.roomPage(from)
  }

  /** Whether it is a node of a cluster that may act now. */
  get maySpeak(): boolean {
    return this.#cluster?.self !== undefined && this.#cluster.maySpeak()
  }

  /** The players from that place on, as operators see them. */
  people(from: number): PersonPage {
    return this.#hub.lobby.people(from, '')
  }

  get figures(): ServerFigures {
    const { lobby, ticker, refusals, unsavedMatches, failedMatches, isDraining } = this.#hub
    const gateways =
      this.#local === undefined
        ? [...this.#remotes].map(({ figures }) => figures)
        : [this.#local.figures]
    const sum = (name: keyof GatewayFigures) => {
      return gateways.reduce(
        (total, figures) => total + figures[name],
        this.#countedByGone.get(name) ?? 0
      )
    }
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage()
    return {
      connections: sum('connections'),
      webConnections: sum('webConnections'),
      players: lobby.playerCount,
      away: lobby.awayCount,
      queued: lobby.queueLength,
      playing: lobby.playingCount,
      viaUdp: sum('viaUdp'),
      rooms: lobby.roomCount,
      matches: lobby.matchCount,
      isDraining,
      uptimeMs: this.#place.nowMs() - this.#startedMs,
      signIns: lobby.signIns,
      messagesIn: sum('messagesIn'),
      messagesOut: sum('messagesOut'),
      bytesIn: sum('bytesIn'),
      bytesOut: sum('bytesOut'),
      datagramsIn: sum('datagramsIn'),
      datagramsOut: sum('datagramsOut'),
      datagramsRefused: sum('datagramsRefused'),
      refusals: { ...refusals },
      unsavedMatches,
      failedMatches,
      ticks: ticker.ticks,
      missedTicks: ticker.missed,
      lateness: ticker.lateness,
      memory: { rss, heapUsed, external, arrayBuffers },
      gateways,
      ...(this.#cluster === undefined ? {} : { cluster: this.#cluster.figures })
    }
  }

  // ---- Starting ----

  #clusterOf(
    { openDirectory }: LobbyOptions,
    operatorAddress: string,
    tokenKey: Buffer | undefined,
    journal: string
  ): ClusterNode | undefined {
    const { cluster, node, nodePort, nodeAddress, clusterSecret, leaseMs } = this.#settings
    const open = openDirectory ?? redisAt(cluster, leaseMs, this.#place, this.#log)
    if (open === undefined) return undefined
    const operatorPort = this.#operatorListener.localAddress.port
    return new ClusterNode({
      id: node || `${hostname()}-${operatorPort}`,
      address: this.#settings.nodeHost,
      port: nodePort,
      reachedAt: nodeAddress,
      operatorAddress: `${operatorAddress}:${operatorPort}`,
      secret: clusterSecret,
      key: tokenKey ?? this.#place.randomBytes(TOKEN_KEY_BYTES),
      leaseMs,
      journal,
      store: this.#store,
      openDirectory: open,
      onOrder: (from, order) => this.#actions?.onOrder(from, order),
      onRequest: async (_from, body) => (await this.#actions?.obey(body)) ?? {},
      onLinked: () => this.#learnBans(),
      place: this.#place,
      log: this.#log
    })
  }

  /** With the first link, and again if that fails. */
  #learnBans(): void {
    if (this.#knowsBans) return
    this.#knowsBans = true
    this.#actions?.learnBans().then(
      (hasLearnt) => {
        this.#knowsBans = hasLearnt
      },
      (error) => this.#log.warn({ err: error }, 'the bans of the other nodes cannot be kept')
    )
  }

  /** Of a gateway: to the hub, or to the switchboard that stands before it in a cluster. */
  #connect(gateway: GatewayLink): HubLink {
    return (this.#switchboard ?? this.#hub).connect(gateway)
  }

  #disconnect(gateway: GatewayLink): void {
    ;(this.#switchboard ?? this.#hub).disconnect(gateway)
  }

  async #start(): Promise<void> {
    const { port, webPort, udpPort, workers } = this.#settings
    this.#switchboard = this.#cluster?.start(this.#hub, () => this.#hub.isDraining)
    if (workers === 0) {
      const doors = {
        address: this.#address,
        listen: {
          port,
          webAddress: this.#webAddress,
          webPort: this.#hasWeb ? webPort : undefined,
          isShared: false
        },
        udpPort
      }
      const gateway = new Gateway(doors, this.#settings, this.#log, this.#games, this.#place)
      this.#local = gateway
      this.#ports = { port: gateway.port, webPort: gateway.webPort, udpPort: gateway.udpPort }
      const isOver = gateway.run(this.#connect(gateway)).catch((error) => {
        this.#disconnect(gateway)
        this.#fail(error)
      })
      this.#endings.push(isOver)
    } else if (this.#handsOver) {
      const { game, web } = this.#openDoors(port, webPort)
      this.#doors = { game, web }
      this.#ports = { port: game.localAddress.port, webPort: web.localAddress.port, udpPort }
      // Connections wait until there is a thread to hand them over to.
      game.pause()
      web.pause()
      await this.#startThreads(0, workers)
      game.resume()
      web.resume()
    } else {
      // Threads share their ports with each other, and so they would with another lobby that is
      // there already.
      const { game, web } = this.#openDoors(port, webPort)
      game.close()
      web.close()
      // With port 0 the first one finds out which it is; the others share it.
      this.#ports = { port, webPort, udpPort }
      this.#ports = await this.#startThread(0)
      await this.#startThreads(1, workers)
    }
    this.#hub.ticker.start()
    const { webPort: web } = this
    this.#log.info(
      { port: this.port, webPort: web, operatorPort: this.operatorPort, workers },
      'listening'
    )
  }

  async #startThreads(from: number, to: number): Promise<void> {
    await Promise.all(
      Array.from({ length: to - from }, (_, number) => this.#startThread(from + number))
    )
  }

  async #startThread(number: number): Promise<OpenPorts> {
    const { port, webPort } = this.#ports
    const udpPort = this.#settings.udpPort === 0 ? 0 : this.#settings.udpPort + number
    const listen = this.#handsOver
      ? undefined
      : {
          port: port as number,
          webAddress: this.#webAddress,
          webPort: webPort as number,
          isShared: true
        }
    const doors: Doors = { address: this.#address, listen, udpPort }
    const remote = new RemoteGateway({ doors, settings: this.#settings })
    remote.hub = this.#connect(remote)
    this.#remotes.add(remote)
    const isOver = remote.ended.then((failure) => this.#onThreadEnded(number, remote, failure))
    this.#endings.push(isOver)
    return remote.listening
  }

  async #onThreadEnded(
    number: number,
    remote: RemoteGateway,
    failure: Error | undefined
  ): Promise<void> {
    this.#remotes.delete(remote)
    for (const name of GATEWAY_COUNTERS) {
      this.#countedByGone.set(name, (this.#countedByGone.get(name) ?? 0) + remote.figures[name])
    }
    this.#disconnect(remote)
    // One that has never served was reported by start().
    if (this.#isStopping || !remote.isOpen) return
    this.#log.error(
      { err: failure, thread: number },
      'a thread has ended; its players can reconnect to another one'
    )
    await this.#startAnew(number)
  }

  async #startAnew(number: number): Promise<void> {
    while (!this.#isStopping) {
      const nowMs = this.#place.nowMs()
      this.#newThreads = this.#newThreads.filter(
        (startedMs) => nowMs - startedMs < NEW_THREADS_WITHIN_MS
      )
      if (this.#newThreads.push(nowMs) > MAX_NEW_THREADS) {
        this.#fail(new Error('threads keep ending'))
        return
      }
      try {
        await this.#startThread(number)
        return
      } catch (error) {
        this.#log.error({ err: error, thread: number }, 'not started again')
      }
    }
  }

  /** An internal error: {@link ended} is rejected with it once all connections are closed. */
  #fail(error: Error): void {
    this.#failure ??= error
    this.stop()
  }

  // ---- What this thread itself accepts ----

  #openDoors(port: number, webPort: number) {
    const { sendBufferBytes } = this.#settings
    const game = this.#listen(this.#address, port, sendBufferBytes)
    return { game, web: this.#listen(this.#webAddress, webPort, sendBufferBytes) }
  }

  #listen(address: string, port: number, sendBufferSize?: number): TcpListener<never> {
    try {
      return this.#poller.listenTcp({ address, port, sendBufferSize })
    } catch (error) {
      throw Object.assign(error as Error, { address, port })
    }
  }

  async #run(): Promise<void> {
    const finished = new Promise<void>((resolve, reject) => {
      this.#finish = (error) => (error === undefined ? resolve() : reject(error))
    })
    const serving = this.#poller.run((events) => this.#onEvents(events), {
      signal: this.#quiet.signal
    })
    serving.catch((error) => this.#fail(error))
    try {
      await finished
    } finally {
      this.#quiet.abort()
      await serving
      this.#poller.close()
      await this.#store.close()
    }
  }

  #onEvents(events: PollEvent<never>[]): void {
    for (const event of events) {
      if (event.type === 'error') this.#log.error({ err: event.error }, 'listener')
      if (event.type !== 'accept') continue
      if (event.listener === this.#operatorListener)
        this.#operators.serve(event.socket, this.#operatorTls)
      else this.#handOver(event.socket, event.listener === this.#doors?.web)
    }
  }

  /** To each thread in turn. */
  #handOver(connection: TcpConnection<never>, isWeb: boolean): void {
    const remotes = [...this.#remotes].filter(({ isOpen }) => isOpen)
    const remote = remotes[this.#nextRemote++ % remotes.length]
    // All threads have ended, and new ones are on their way
    if (remote === undefined) return connection.reset()
    remote.adopt(connection.detach(), isWeb)
  }
}

function redisAt(url: string, leaseMs: number, place: Place, log: Logger) {
  if (url === '') return undefined
  return (events: DirectoryEvents): Directory =>
    new RedisDirectory({
      url,
      events,
      randomBytes: (count) => place.randomBytes(count),
      timeoutMs: Math.min(MOST_REDIS_MS, leaseMs / 4),
      onProblem: (error) => log.error({ err: error }, 'the directory')
    })
}

async function keptIn(store: Store, settings: Settings, nowMs: number): Promise<Kept> {
  const skills = await store.skills()
  const names = new Map(await store.names())
  const leaders = new Leaderboard(MAX_SKILLS)
  for (const [key, skill] of skills) leaders.set(key, names.get(key) ?? key, skill)
  const owners = (await store.owners()).map(([key, account]) => {
    return [key, account, keyOf(names.get(key) ?? key)] as const
  })
  const accounts = new Accounts(MAX_SKILLS, owners)
  return {
    skills: new Skills(skills),
    leaders,
    bans: new Bans(await store.bans()),
    accounts,
    ratedPairs: await ratedToday(store, settings, nowMs)
  }
}

/** A restart must not begin the day anew for those who farm skill. */
async function ratedToday(store: Store, settings: Settings, nowMs: number): Promise<RatedPairs> {
  const pairs = new RatedPairs(settings)
  const isOfToday = ({ endedAtMs }: MatchRecord) => dayOf(endedAtMs) === dayOf(nowMs)
  for (let count = 500; ; count *= 2) {
    const matches = await store.recent(count)
    const today = matches.filter(isOfToday)
    if (today.length === matches.length && matches.length === count) continue // there may be more
    for (const match of today.reverse()) pairs.restore(match)
    return pairs
  }
}
