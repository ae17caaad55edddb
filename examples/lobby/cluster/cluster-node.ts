// All of a node that it needs to be one of many: its place in the directory, its links to the other
// nodes, the switchboard of its clients, and what stands before its rules. Puts them together.
import { createHash } from 'node:crypto'
import type { Logger } from 'pino'
import type { Place } from '../place.ts'
import type { NodeRef, Passport } from '../rules/passport.ts'
import type { Store } from '../rules/records.ts'
import { numberInName } from '../wire/names.ts'
import type { Directory, DirectoryEvents, JoiningNode, NodeInfo } from './directory.ts'
import { Front, type FrontHub } from './front.ts'
import { Membership } from './membership.ts'
import type { LinkFigures } from './node-link.ts'
import { NodeLinks } from './node-links.ts'
import { Results } from './results.ts'
import { Switchboard, type SwitchedHub } from './switchboard.ts'

/** A link that breaks may come back within this time: its clients wait for it. */
const RETURN_MS = 2_000
/** How long a node goes on without a directory when all the others do, too. */
const OUTAGE_MS = 60_000

/** What of a hub is for a cluster. */
export interface ClusterHub extends FrontHub, SwitchedHub {
  /** All players and rooms are somebody else's: the connections end, and their clients return. */
  abandon(): void
}

export interface ClusterNodeOptions {
  readonly id: string
  /** Where it listens for other nodes: a numeric address; and 0 for a free port. */
  readonly address: string
  readonly port: number
  /** `host:port`, where others reach it; '': where it listens. */
  readonly reachedAt: string
  readonly operatorAddress: string
  /** '': that of the first node that has joined. */
  readonly secret: string
  /** Proposed to the others, if this is the first node. */
  readonly key: Buffer
  readonly leaseMs: number
  /** Names the store; see JoiningNode. */
  readonly journal: string
  readonly store: Store
  readonly openDirectory: (events: DirectoryEvents) => Directory
  /** Something that an operator of this node or another one has ordered for all. */
  readonly onOrder: (from: NodeRef, order: object) => void
  /** Another node asks; see NodeLinks. */
  readonly onRequest: (from: NodeRef, body: object) => Promise<object>
  /** There is a link to one more node. */
  readonly onLinked: () => void
  readonly place: Place
  readonly log: Logger
}

/** What operators see of it. */
export interface ClusterFigures {
  readonly node: string
  readonly epoch: number
  readonly maySpeak: boolean
  readonly directory: 'here' | 'away' | 'settling'
  readonly nodes: readonly (NodeRef & NodeInfo['load'] & { readonly operatorAddress: string })[]
  /** Sent to the directory since the start, by kind. */
  readonly commands: Record<string, number>
  readonly links: readonly (Omit<LinkFigures, 'node'> & { readonly node: string })[]
  /** Connections of this node whose players are at another one. */
  readonly elsewhere: number
  /** Players that came from other nodes, and that went there. */
  readonly movedIn: number
  readonly movedOut: number
}

export class ClusterNode {
  readonly front: Front
  readonly directory: Directory
  readonly links: NodeLinks
  readonly #options: ClusterNodeOptions
  readonly #membership: Membership
  /** Of the matches of this node, on their way to the directory. */
  readonly results: Results
  #hub: ClusterHub | undefined
  #switchboard: Switchboard | undefined
  #running: Promise<void> | undefined
  #hasBegun = false
  #isDraining = () => false

  /** Listens for other nodes. Throws a SocketError, for example `EADDRINUSE`. */
  constructor(options: ClusterNodeOptions) {
    const { place, log, leaseMs } = options
    this.#options = options
    this.links = new NodeLinks({
      address: options.address,
      port: options.port,
      leaseMs,
      hasDirectory: () => this.#membership.hasDirectory(),
      log,
      place
    })
    this.front = new Front(
      place,
      log,
      () => this.maySpeak(),
      (node) => this.links.get(node) !== undefined
    )
    this.directory = options.openDirectory({
      ...this.front.events,
      order: (from, order) => options.onOrder(from, order)
    })
    this.results = new Results({
      store: options.store,
      directory: this.directory,
      onProblem: (error) => log.error({ err: error }, 'results cannot be read'),
      onLost: (matches) => log.error({ matches }, 'results were given up: the directory was away')
    })
    this.#membership = new Membership({
      self: this.#joining(),
      directory: this.directory,
      place,
      leaseMs,
      outageMs: OUTAGE_MS,
      load: () => {
        const { playerCount: players, roomCount: rooms, matchCount: matches } = this.#hubNow.lobby
        return { players, rooms, matches, isDraining: this.#isDraining() }
      },
      owned: () => this.front.owned,
      onJoined: (self, secret) => this.#onJoined(self, secret),
      onSecret: (secret) => this.#onSecret(secret),
      beforeSpeaking: () => this.front.confirm(),
      onRenewed: (nodes, isNewGeneration) => {
        this.results.bring(isNewGeneration)
        this.links.setNodes(nodes)
        this.front.setNodes(nodes, isNewGeneration)
      },
      onLost: (lost) => this.front.lose(lost),
      onWanted: (ids) =>
        void this.front
          .letGo(ids)
          .catch((error) => log.debug({ err: error }, 'they will be asked for again')),
      onPassed: (keys) => this.front.expectRooms(keys),
      onEnded: () => this.#onEnded(),
      onTrouble: (error) => log.info({ err: error }, 'the directory did not answer as it should')
    })
  }

  /** `isDraining`: whether this node takes no one in. */
  start(hub: ClusterHub, isDraining: () => boolean): Switchboard {
    const { place, log } = this.#options
    this.#hub = hub
    this.#isDraining = isDraining
    this.#switchboard = new Switchboard({
      hub,
      self: this.front.self,
      linkTo: (node) => this.links.get(node),
      takeHome: (passport) => this.#takeHome(passport),
      maySpeak: () => this.maySpeak(),
      returnMs: RETURN_MS,
      log,
      place
    })
    this.front.start(this.directory, hub)
    this.#running = this.links.run()
    this.#membership.start()
    return this.#switchboard
  }

  /** What this node owned is free, once its hub has said its last word. */
  async leave(): Promise<void> {
    this.links.rest()
    this.front.stop()
    await this.#untilBrought()
    this.results.stop()
    await this.#membership.stop()
  }

  /** What is not there in time is brought when this node starts again. */
  async #untilBrought(): Promise<void> {
    const { place, leaseMs } = this.#options
    const untilMs = place.nowMs() + leaseMs
    this.results.bring()
    while (!this.results.isDone && place.nowMs() < untilMs && this.directoryState === 'here')
      await new Promise<void>((resolve) => place.alarm(resolve).set(20))
  }

  /** After {@link leave}. Fulfilled when the links are closed. */
  async stop(): Promise<void> {
    this.links.close()
    await this.#running
    this.directory.close()
  }

  get self(): NodeRef | undefined {
    return this.#membership.self
  }

  /**
   * Ask before each tick and each send: false, and another node may own what this one has. A node
   * that is not in the cluster has nothing, and may say so.
   */
  maySpeak(): boolean {
    return this.self === undefined || this.#membership.maySpeak()
  }

  get directoryState(): 'here' | 'away' | 'settling' {
    return this.#membership.directoryState
  }

  get figures(): ClusterFigures {
    const { id, epoch } = this.front.self
    return {
      node: id,
      epoch,
      maySpeak: this.#membership.maySpeak(),
      directory: this.directoryState,
      nodes: this.front.nodes.map((node) => ({
        id: node.id,
        epoch: node.epoch,
        ...node.load,
        operatorAddress: node.operatorAddress
      })),
      commands: Object.fromEntries(this.directory.commands),
      links: this.links.figures.links.map(({ node, ...figures }) => ({
        ...figures,
        node: node.id
      })),
      elsewhere: this.#switchboard?.elsewhere ?? 0,
      movedIn: this.front.moved.in,
      movedOut: this.front.moved.out
    }
  }

  #joining(): JoiningNode {
    const { id, reachedAt, address, operatorAddress, secret, key, journal } = this.#options
    const host = address.includes(':') ? `[${address}]` : address
    return {
      id,
      address: reachedAt === '' ? `${host}:${this.links.port}` : reachedAt,
      operatorAddress,
      secret: secret === '' ? key : keyOfWords(secret),
      journal
    }
  }

  #onJoined(self: NodeRef, agreed: Buffer): void {
    const { secret, log } = this.#options
    // Words of the operator count, whatever a first node without them has proposed.
    const key = secret === '' ? agreed : keyOfWords(secret)
    log.info({ node: self.id, epoch: self.epoch }, 'joined the cluster')
    this.front.self = self
    this.#hubNow.lobby.useKey(key)
    this.#hubNow.lobby.prefix = `${numberInName(self.epoch)}-`
    this.#switchboard?.setSelf(self)
    this.results.bring(true)
    if (this.#hasBegun) return this.links.setSelf(self, key)
    this.#hasBegun = true
    const board = this.#switchboard as Switchboard
    this.links.begin(self, key, {
      opened: (link) => {
        board.opened(link)
        this.#options.onLinked()
      },
      called: (link, call) => board.called(link, call),
      closed: (link, isForGood) => board.closed(link, isForGood),
      stated: (statement) => this.#membership.heard(statement),
      request: (from, body) => this.#options.onRequest(from, body)
    })
  }

  /** As long as this node had another one, nothing was assigned: nobody has a token of it. */
  #onSecret(agreed: Buffer): void {
    const { secret, log } = this.#options
    if (secret !== '') return
    log.info('takes over the secret of the nodes that were here before')
    this.#hubNow.lobby.useKey(agreed)
    this.links.setSelf(this.front.self, agreed)
  }

  #onEnded(): void {
    const { id, epoch } = this.front.self
    this.#options.log.warn({ node: id, epoch }, 'lease lost: all rooms and players of it end here')
    this.front.forgetAll()
    this.#hubNow.abandon()
  }

  #takeHome(passport: Passport): Promise<Passport | undefined> {
    return this.front.takeHome(passport)
  }

  get #hubNow(): ClusterHub {
    return this.#hub as ClusterHub
  }
}

function keyOfWords(words: string): Buffer {
  return createHash('sha256').update(`pollport lobby cluster ${words}`).digest()
}
