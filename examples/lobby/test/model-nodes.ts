// For tests of the links and switchboards of a cluster: nodes with hubs that have no rules. A
// player sends numbered frames and goes from node to node; the hub where it lives notes them down.
import { pino } from 'pino'
import { type LinkLimits, linkLimits, type Statement } from '../cluster/node-link.ts'
import { type ListedNode, NodeLinks } from '../cluster/node-links.ts'
import { Switchboard, type SwitchedHub } from '../cluster/switchboard.ts'
import { NO_GATEWAY_FIGURES } from '../gateway/figures.ts'
import {
  type GatewayLink,
  type HubLink,
  isOfNode,
  type NodeGatewayLink,
  type NodeHubLink
} from '../gateway/links.ts'
import { type Place, system } from '../place.ts'
import { isSameNode, type NodeRef, type Passport } from '../rules/passport.ts'
import { encode, LENGTH_BYTES } from '../wire/protocol.ts'

export const LEASE_MS = 1_000
export const SECRET = Buffer.alloc(32, 5)

/** What all nodes share: the list of those that live, and where each player lives. */
export class ModelDirectory {
  readonly nodes = new Map<string, ModelNode>()
  /** With how often the player has moved. */
  readonly homes = new Map<string, { node: NodeRef; moves: number }>()
  /** What hubs have noted of each player, in order. */
  readonly noted = new Map<string, number[]>()
  #epoch = 0

  get epoch(): number {
    return ++this.#epoch
  }

  /** Everybody gets the list as it is now. */
  renew(): void {
    for (const node of this.nodes.values()) node.links.setNodes(this.#list(undefined))
  }

  /** One node renews its lease, and gets the list of those that have done so within theirs. */
  renewOne(node: ModelNode, nowMs: number): void {
    node.renewedMs = nowMs
    node.links.setNodes(this.#list(nowMs))
  }

  #list(nowMs: number | undefined): ListedNode[] {
    const all = [...this.nodes.values()]
    const living = all.filter((node) => nowMs === undefined || nowMs - node.renewedMs < LEASE_MS)
    return living.map(({ listed }) => listed)
  }

  /** Of those that take a player with one passport, the first one has it. */
  claim(id: string, moves: number, node: NodeRef): boolean {
    const home = this.homes.get(id)
    const isFirst = home === undefined || moves > home.moves || isSameNode(home.node, node)
    if (isFirst) this.homes.set(id, { node, moves })
    return isFirst
  }

  /** As the real one: a living node is asked, and gives the player up; a dead one is not. */
  take(id: string, by: NodeRef): number {
    const home = this.homes.get(id)
    if (home !== undefined) this.nodes.get(home.node.id)?.hub.giveUp(id)
    const moves = (home?.moves ?? 0) + 1
    this.homes.set(id, { node: by, moves })
    return moves
  }
}

/** A hub without rules. */
export class ModelHub implements SwitchedHub {
  readonly #node: () => ModelNode
  readonly #sessions = new Map<NodeGatewayLink, Map<number, { passport: Passport | undefined }>>()
  /** The clients that are away, by the ids of their players. */
  readonly away = new Set<string>()
  readonly words: string[] = []

  constructor(node: () => ModelNode) {
    this.#node = node
  }

  get players(): string[] {
    const ids: string[] = []
    for (const sessions of this.#sessions.values())
      for (const { passport } of sessions.values())
        if (passport !== undefined) ids.push(passport.id)
    return ids
  }

  connect(link: NodeGatewayLink): NodeHubLink {
    const sessions = new Map<number, { passport: Passport | undefined }>()
    this.#sessions.set(link, sessions)
    const say = (client: number, message: object) =>
      link.deliver([client], encode(message as never))
    /** `behind`: what came after it, which goes along if the player does. */
    const receive = (client: number, frame: Uint8Array, behind: readonly Uint8Array[] = []) => {
      const session = sessions.get(client)
      if (session === undefined) return
      const { seq, name, go, close } = JSON.parse(Buffer.from(frame).toString())
      if (name !== undefined) {
        session.passport = passportOf(name)
        this.#node().directory.claim(name, 0, this.#node().self)
      }
      const { passport } = session
      if (passport === undefined) return
      if (go === undefined) {
        const noted = this.#node().directory.noted
        noted.set(passport.id, [...(noted.get(passport.id) ?? []), seq])
        if (close !== undefined) {
          sessions.delete(client)
          link.dismiss(client, encode({ type: 'bye' }))
        } else say(client, { type: 'pong', id: seq })
        return
      }
      const to = this.#node().directory.nodes.get(go)?.self ?? { id: go, epoch: 0 }
      sessions.delete(client)
      const rest = Buffer.from(JSON.stringify({ seq }))
      link.move(client, to, { ...passport, serial: passport.serial + 1 }, [rest, ...behind])
    }
    return {
      enter: (client) => {
        sessions.set(client, { passport: undefined })
        say(client, { type: 'pong', id: 0 })
      },
      adopt: (client, _address, passport, frames, why) => {
        let own = passport
        if (passport !== undefined) {
          const { id } = passport
          const isBack = this.away.delete(id)
          const moves = passport.moves + (isBack || why === 'lost' ? 0 : 1)
          own = { ...passport, moves }
          if (!this.#node().directory.claim(id, moves, this.#node().self)) return
          link.passport(client, own)
        }
        sessions.set(client, { passport: own })
        if (why !== undefined) {
          this.words.push(why)
          say(client, { type: 'announcement', to: 'you', text: why })
        }
        for (const [at, frame] of frames.entries()) receive(client, frame, frames.slice(at + 1))
      },
      receive: (client, frame) => receive(client, frame),
      input: (client, match, seq, input) => {
        const state = Buffer.from(JSON.stringify({ match, seq, input: [...input] }))
        link.deliverState([client], 'model', state)
      },
      lose: (client) => {
        const passport = sessions.get(client)?.passport
        sessions.delete(client)
        if (passport !== undefined) this.away.add(passport.id)
      },
      leave: (client) => {
        sessions.delete(client)
      },
      refused: (reason) => this.words.push(reason)
    }
  }

  disconnect(link: NodeGatewayLink): void {
    for (const { passport } of this.#sessions.get(link)?.values() ?? [])
      if (passport !== undefined) this.away.add(passport.id)
    this.#sessions.delete(link)
  }

  giveUp(id: string): void {
    this.away.delete(id)
    for (const sessions of this.#sessions.values())
      for (const [client, { passport }] of sessions)
        if (passport?.id === id) sessions.delete(client)
  }

  /** To everybody here. */
  broadcast(message: object): void {
    for (const [link, sessions] of this.#sessions)
      link.deliver([...sessions.keys()], encode(message as never))
  }

  stop(): void {
    for (const link of this.#sessions.keys()) if (isOfNode(link)) link.stop(encode({ type: 'bye' }))
  }
}

function passportOf(id: string): Passport {
  const nothing = { muted: [], said: [], hasToken: true, moves: 0 }
  return { id, name: id, account: id, serial: 1, ...nothing }
}

/** A gateway without sockets: its clients are the test's. */
export class ModelGateway implements GatewayLink {
  readonly figures = NO_GATEWAY_FIGURES
  hub: HubLink | undefined
  /** What each client has got, as JSON. */
  readonly heard = new Map<number, object[]>()
  readonly states = new Map<number, object[]>()
  readonly closed = new Set<number>()
  isStopped = false

  come(client: number): void {
    this.heard.set(client, [])
    this.states.set(client, [])
    this.hub?.enter(client, '192.0.2.1')
  }

  say(client: number, message: object): void {
    this.hub?.receive(client, Buffer.from(JSON.stringify(message)))
  }

  deliver(clients: readonly number[], frame: Uint8Array): void {
    const message = JSON.parse(Buffer.from(frame.subarray(LENGTH_BYTES)).toString())
    for (const client of clients)
      if (!this.closed.has(client)) this.heard.get(client)?.push(message)
  }

  deliverState(clients: readonly number[], game: string, state: Uint8Array): void {
    if (game !== 'model') throw new Error(`this gateway does not have the game ${game}`)
    for (const client of clients)
      this.states.get(client)?.push(JSON.parse(Buffer.from(state).toString()))
  }

  dismiss(client: number, frame: Uint8Array): void {
    this.deliver([client], frame)
    this.closed.add(client)
  }

  stop(frame: Uint8Array): void {
    this.deliver([...this.heard.keys()], frame)
    this.isStopped = true
  }

  /** The numbers that a client has been answered, without the greeting. */
  answers(client: number): number[] {
    const heard = (this.heard.get(client) ?? []) as { type: string; id: number }[]
    return heard.filter(({ type, id }) => type === 'pong' && id > 0).map(({ id }) => id)
  }
}

export interface ModelOptions {
  place?: Place
  address?: string
  port?: number
  secret?: Buffer
  limits?: Partial<LinkLimits>
  returnMs?: number
  leaseMs?: number
}

export class ModelNode {
  readonly directory: ModelDirectory
  readonly self: NodeRef
  readonly hub: ModelHub
  readonly gateway = new ModelGateway()
  readonly links: NodeLinks
  readonly switchboard: Switchboard
  readonly ended: Promise<void>
  readonly #address: string
  renewedMs = 0
  hasDirectory = true
  maySpeak = true
  /** At the same moment. */
  mostHomecomings = 0
  #homecomings = 0
  readonly requests: object[] = []
  readonly statements: Statement[] = []

  constructor(directory: ModelDirectory, id: string, options: ModelOptions = {}) {
    const { place = system, address = '127.0.0.1', port = 0, limits, returnMs = 300 } = options
    this.directory = directory
    this.self = { id, epoch: directory.epoch }
    const log = pino({ level: process.env.LOG ?? 'silent' })
    this.links = new NodeLinks({
      address,
      port,
      leaseMs: options.leaseMs ?? LEASE_MS,
      hasDirectory: () => this.hasDirectory,
      log,
      place,
      limits: { ...linkLimits, ...limits }
    })
    this.#address = `${address}:${this.links.port}`
    this.hub = new ModelHub(() => this)
    this.switchboard = new Switchboard({
      hub: this.hub,
      self: this.self,
      linkTo: (node) => this.links.get(node),
      takeHome: async (passport) => {
        this.mostHomecomings = Math.max(this.mostHomecomings, ++this.#homecomings)
        await new Promise((resolve) => setImmediate(resolve))
        this.#homecomings--
        return { ...passport, moves: directory.take(passport.id, this.self) }
      },
      maySpeak: () => this.maySpeak,
      returnMs,
      log,
      place
    })
    this.gateway.hub = this.switchboard.connect(this.gateway)
    this.links.begin(this.self, options.secret ?? SECRET, {
      opened: (link) => this.switchboard.opened(link),
      closed: (link, isForGood) => this.switchboard.closed(link, isForGood),
      called: (link, call) => this.switchboard.called(link, call),
      stated: (statement) => this.statements.push(statement),
      request: async (from, body) => {
        this.requests.push(body)
        if ('refuse' in body) throw new Error('not here')
        if ('wait' in body) await new Promise(() => {})
        return { from, body }
      }
    })
    directory.nodes.set(id, this)
    this.ended = this.links.run()
  }

  get listed(): ListedNode {
    return { ...this.self, address: this.#address }
  }

  isLinkedTo(other: ModelNode): boolean {
    return this.links.get(other.self) !== undefined && other.links.get(this.self) !== undefined
  }

  /** Without a word, as kill -9 does. */
  leaveList(): void {
    this.directory.nodes.delete(this.self.id)
  }
}
