// The links of a node to all others of the cluster: one connection for each pair, which the younger
// node dials, again and again while the directory lists the other one. Both prove that they have
// the cluster's secret (handshake.ts). What the calls mean is for its user.
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Logger } from 'pino'
import {
  FrameDecoder,
  FrameEncoder,
  type PollEvent,
  type Poller,
  type TcpConnection,
  type TcpListener
} from 'pollport'
import { type Alarm, type Place, system } from '../place.ts'
import { blockOf, firstOfLargest } from '../rules/address.ts'
import { isSameNode, type NodeRef } from '../rules/passport.ts'
import { Handshake, MAX_HANDSHAKE_BYTES } from './handshake.ts'
import {
  CALL_LENGTH_BYTES,
  decodeCall,
  type LinkCall,
  LinkCallError,
  MAX_CALL_BYTES
} from './link-calls.ts'
import {
  type LinkFigures,
  type LinkLimits,
  linkLimits,
  NodeLink,
  NodeRequestError,
  type Statement
} from './node-link.ts'

/** Ticks run between two batches: see gateway.ts. */
const SMALL_BATCHES = { maxEvents: 32, readBudgetBytes: 64 * 1024 }
/** From the connect to the last message of the handshake. */
const HANDSHAKE_MS = 3_000
/** Connections that have not proved anything yet. */
const MAX_UNPROVEN = 64
const FIRST_RETRY_MS = 50
const MAX_RETRY_MS = 2_000
/** What a node says of its directory must be known before anybody's lease ends: see lease.ts. */
const BEATS_PER_LEASE = 8
/** How often deadlines are looked at. */
const LOOKS_PER_BEAT = 2
/** What is queued has so long to leave when the node ends in order. */
const GOODBYE_MS = 1_000
/** Of another node, that are being answered. */
const MAX_REQUESTS = 64

/** Of the directory's list. */
export interface ListedNode extends NodeRef {
  /** host:port, or [host]:port. */
  readonly address: string
}

/** What happens on the links. A link is opened first, and closed last and once. */
export interface LinkEvents {
  opened(link: NodeLink): void
  /**
   * Any call but those of the links themselves. Frames are views of memory that is used again after
   * the call. A {@link LinkCallError} ends the link.
   */
  called(link: NodeLink, call: LinkCall): void
  /** `isForGood`: this life of the node is over, as far as is known, and no link follows. */
  closed(link: NodeLink, isForGood: boolean): void
  /** What a node says of its directory, in the moment when it comes. */
  stated(statement: Statement): void
  /** Answers a request of another node. An error's message is its answer, too. */
  request(from: NodeRef, body: object): Promise<object>
}

export interface NodeLinksOptions {
  /** Where it listens: a numeric address, and 0 for a free port. */
  address: string
  port: number
  leaseMs: number
  /** Whether this node reaches the directory: what it says to the others. */
  hasDirectory: () => boolean
  log: Logger
  place?: Place
  limits?: LinkLimits
}

/** Why a connection was refused: how often. */
export type LinkRefusal = 'secret' | 'stale' | 'late' | 'garbage' | 'flood'

/** A connection, from its first moment. The `userPtr`. */
class Line {
  readonly connection: TcpConnection<Line>
  /** Which node it dials; undefined: it was accepted. */
  readonly to: ListedNode | undefined
  readonly sinceMs: number
  readonly decoder = new FrameDecoder({
    lengthBytes: CALL_LENGTH_BYTES,
    maxFrameBytes: MAX_CALL_BYTES
  })
  /** What the handshake has said so far. */
  challenge: Buffer | undefined
  answer: Buffer | undefined
  /** Once both are sure of each other. */
  link: NodeLink | undefined
  isOver = false

  constructor(connection: TcpConnection<Line>, to: ListedNode | undefined, nowMs: number) {
    this.connection = connection
    this.to = to
    this.sinceMs = nowMs
  }
}

/** Another node, as long as the directory lists it. */
interface Peer {
  node: ListedNode
  /** That dials it. */
  line: Line | undefined
  isResolving: boolean
  failures: number
  readonly retry: Alarm
}

export class NodeLinks {
  readonly #options: NodeLinksOptions
  readonly #place: Place
  readonly #log: Logger
  readonly #limits: LinkLimits
  readonly #poller: Poller<Line>
  readonly #listener: TcpListener<Line>
  readonly #clock: Alarm
  readonly #closed = new AbortController()
  readonly #frames = new FrameEncoder({ lengthBytes: CALL_LENGTH_BYTES })
  readonly #peers = new Map<string, Peer>()
  readonly #lines = new Set<Line>()
  /** Accepted, and without proof so far; with their addresses. */
  readonly #unproven = new Map<Line, string>()
  /** By the id of the node. */
  readonly #links = new Map<string, Line>()
  readonly #refusals = new Map<LinkRefusal, number>()
  #self: NodeRef | undefined
  #handshake: Handshake | undefined
  #events: LinkEvents | undefined
  /** Nodes with this epoch or a lower one that the directory does not list are gone. */
  #highestEpoch = -1
  #looks = 0
  #requests = 0
  /** No new links are made. */
  #isResting = false
  #closingMs: number | undefined

  /** Listens. Throws a SocketError, for example `EADDRINUSE`. */
  constructor(options: NodeLinksOptions) {
    this.#options = options
    this.#place = options.place ?? system
    this.#log = options.log
    this.#limits = options.limits ?? linkLimits
    this.#clock = this.#place.alarm(() => this.#look())
    this.#poller = this.#place.poller(SMALL_BATCHES)
    try {
      this.#listener = this.#poller.listenTcp({ address: options.address, port: options.port })
    } catch (error) {
      this.#poller.close()
      throw error
    }
  }

  get port(): number {
    return this.#listener.localAddress.port
  }

  /** Serves until {@link close}. */
  async run(): Promise<void> {
    this.#clock.set(this.#lookMs)
    try {
      await this.#poller.run((events) => this.#onEvents(events), { signal: this.#closed.signal })
    } finally {
      this.#clock.cancel()
      for (const peer of this.#peers.values()) peer.retry.cancel()
      for (const line of [...this.#lines]) this.#over(line, true)
      this.#poller.close()
    }
  }

  /** Before that, and without it, nobody is let in, and nobody is dialled. */
  begin(self: NodeRef, secret: Buffer, events: LinkEvents): void {
    this.#events = events
    this.#be(self, secret)
  }

  /** Another life of this node: all links end, and those that dial begin anew. */
  setSelf(self: NodeRef, secret: Buffer): void {
    this.#be(self, secret)
    for (const line of [...this.#lines]) this.#cut(line, 'this node lives a new life', true)
    for (const peer of this.#peers.values()) this.#dial(peer)
  }

  #be(self: NodeRef, secret: Buffer): void {
    this.#self = self
    this.#handshake = new Handshake(secret, (count) => this.#place.randomBytes(count))
  }

  /** What the directory lists, this node with it. */
  setNodes(nodes: readonly ListedNode[]): void {
    const listed = new Map(nodes.map((node) => [node.id, node]))
    for (const { epoch } of nodes) this.#highestEpoch = Math.max(this.#highestEpoch, epoch)
    for (const [id, { retry, line }] of this.#peers) {
      if (listed.has(id)) continue
      retry.cancel()
      this.#peers.delete(id)
      if (line !== undefined && line.link === undefined) this.#cut(line, 'not listed any more')
    }
    for (const line of [...this.#links.values()]) {
      const { node, openedMs } = line.link as NodeLink
      const other = listed.get(node.id)
      const isNew = this.#place.nowMs() - openedMs < this.#options.leaseMs
      if (
        other === undefined ? !(isNew && node.epoch > this.#highestEpoch) : other.epoch > node.epoch
      )
        this.#cut(line, 'the node is gone', true)
    }
    for (const node of nodes) if (node.id !== this.#self?.id) this.#know(node)
  }

  /** The open link to this life of a node. */
  get(node: NodeRef): NodeLink | undefined {
    const link = this.#links.get(node.id)?.link
    return link?.is(node) ? link : undefined
  }

  get all(): NodeLink[] {
    return [...this.#links.values()].map(({ link }) => link as NodeLink)
  }

  get figures(): { links: LinkFigures[]; refusals: Record<string, number> } {
    return {
      links: this.all.map(({ figures }) => figures),
      refusals: Object.fromEntries(this.#refusals)
    }
  }

  /**
   * Asks another node for something, in JSON. Rejected with a {@link NodeRequestError} when there
   * is no link, when it ends, when the other one refuses, and when no answer comes in time.
   */
  async request(to: NodeRef, body: object, timeoutMs: number): Promise<unknown> {
    const link = this.get(to)
    if (link === undefined) throw new NodeRequestError(`there is no link to the node ${to.id}`)
    return link.request(body, this.#place.nowMs() + timeoutMs)
  }

  /**
   * No new links from now on: of a node that ends, others would wait in vain for a word. Those that
   * are there stay until {@link close}.
   */
  rest(): void {
    if (this.#isResting) return
    this.#isResting = true
    this.#listener.close()
    for (const peer of this.#peers.values()) peer.retry.cancel()
    for (const line of [...this.#lines]) if (line.link === undefined) this.#cut(line, 'closing')
  }

  /** Says goodbye to all; {@link run} ends when that is sent, or after a second. */
  close(): void {
    if (this.#closingMs !== undefined) return
    this.rest()
    this.#closingMs = this.#place.nowMs() + GOODBYE_MS
    for (const { link, connection } of this.#lines) {
      if (link === undefined) continue
      link.send(['ends'])
      link.ended()
      connection.end()
    }
    if (this.#lines.size === 0) this.#closed.abort()
  }

  // ---- Dialling ----

  #know(node: ListedNode): void {
    let peer = this.#peers.get(node.id)
    if (peer === undefined) {
      const known: Peer = {
        node,
        line: undefined,
        isResolving: false,
        failures: 0,
        retry: this.#place.alarm(() => this.#dial(known))
      }
      peer = known
      this.#peers.set(node.id, peer)
    }
    if (!isSameNode(peer.node, node)) peer.failures = 0
    peer.node = node
    if (peer.failures === 0) this.#dial(peer) // otherwise it is about to
  }

  /** If there is no link yet, and it is this node that has to. */
  #dial(peer: Peer): void {
    const { node } = peer
    const self = this.#self
    if (self === undefined || this.#isResting || peer.isResolving) return
    if (node.epoch >= self.epoch || this.get(node) !== undefined) return
    if (peer.line !== undefined) {
      if (peer.line.to !== undefined && isSameNode(peer.line.to, node)) return
      this.#cut(peer.line, 'the node lives a new life')
    }
    const { host, port } = hostAndPort(node.address)
    if (isIP(host) !== 0) return this.#connect(peer, host, port)
    peer.isResolving = true
    lookup(host).then(
      ({ address }) => {
        peer.isResolving = false
        if (this.#peers.get(node.id) === peer) this.#connect(peer, address, port)
      },
      (error) => {
        peer.isResolving = false
        this.#failed(peer, error)
      }
    )
  }

  #connect(peer: Peer, address: string, port: number): void {
    if (this.#isResting) return
    try {
      const connection = this.#poller.connectTcp({ address, port })
      const line = new Line(connection, peer.node, this.#place.nowMs())
      connection.userPtr = line
      peer.line = line
      this.#lines.add(line)
    } catch (error) {
      this.#failed(peer, error as Error) // for example out of descriptors
    }
  }

  #failed(peer: Peer, error: Error | undefined): void {
    peer.line = undefined
    if (this.#peers.get(peer.node.id) !== peer || this.#isResting) return
    const { id, address } = peer.node
    // Once is worth a line, and then it is known.
    const level = peer.failures === 0 ? 'info' : 'debug'
    this.#log[level]({ node: id, address, err: error }, 'no link to the node; trying again')
    const mostMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(peer.failures++, 10))
    peer.retry.set(mostMs * (0.5 + this.#place.fraction() / 2))
  }

  // ---- Connections ----

  #onEvents(events: PollEvent<Line>[]): void {
    for (const event of events) {
      if (event.type === 'accept') this.#onAccept(event.socket)
      else if (event.type === 'receive') this.#onReceive(event.userPtr as Line, event.data)
      else if (event.type === 'end') this.#cut(event.userPtr as Line, 'the node has ended the link')
      else if (event.type === 'close') {
        const line = event.userPtr
        if (line !== undefined) this.#onClose(line, event.error)
      } else if (event.type === 'error') this.#log.error({ err: event.error }, 'node listener')
    }
  }

  #onAccept(connection: TcpConnection<Line>): void {
    const line = new Line(connection, undefined, this.#place.nowMs())
    connection.userPtr = line
    this.#lines.add(line)
    if (this.#handshake === undefined || this.#isResting)
      return this.#cut(line, 'this node is not in the cluster')
    this.#unproven.set(line, blockOf(connection.remoteAddress.address))
    line.challenge = this.#handshake.challenge()
    connection.send(this.#frames.encode(line.challenge))
    if (this.#unproven.size > MAX_UNPROVEN) this.#refuse(firstOfLargest(this.#unproven), 'flood')
  }

  #onReceive(line: Line, data: Buffer): void {
    if (line.isOver) return
    try {
      for (const frame of line.decoder.push(data)) {
        if (line.isOver) return
        if (line.link !== undefined) this.#onCall(line, line.link, frame)
        else if (frame.length > MAX_HANDSHAKE_BYTES) return this.#refuse(line, 'garbage')
        else this.#onHandshake(line, frame)
      }
    } catch (error) {
      const { code } = error as { code?: unknown }
      if (!(error instanceof LinkCallError) && code !== 'ERR_FRAME_TOO_LARGE') throw error
      if (line.link !== undefined)
        this.#log.error({ node: line.link.node, err: error }, 'a node that sends nonsense')
      return this.#refuse(line, 'garbage')
    }
    const { bufferedBytes } = line.decoder
    if (!line.isOver && line.link === undefined && bufferedBytes > MAX_HANDSHAKE_BYTES)
      this.#refuse(line, 'garbage')
  }

  #onHandshake(line: Line, frame: Buffer): void {
    const handshake = this.#handshake as Handshake
    const self = this.#self as NodeRef
    const { to, connection } = line
    if (to === undefined) {
      const { challenge } = line
      const names = challenge && handshake.verify(challenge, frame)
      if (challenge === undefined || names === undefined) return this.#refuse(line, 'secret')
      if (!isSameNode(names.to, self) || !this.#isWelcome(names.from, self))
        return this.#refuse(line, 'stale')
      this.#unproven.delete(line)
      connection.send(this.#frames.encode(handshake.confirmation(challenge, frame)))
      this.#open(line, names.from)
    } else if (line.challenge === undefined || line.answer === undefined) {
      line.challenge = Buffer.from(frame)
      line.answer = handshake.answer(line.challenge, { from: self, to })
      if (line.answer === undefined) return this.#refuse(line, 'garbage')
      connection.send(this.#frames.encode(line.answer))
    } else if (handshake.isConfirmed(line.challenge, line.answer, frame)) this.#open(line, to)
    else this.#refuse(line, 'secret')
  }

  /** A younger node, in the life that the directory knows or in a later one. */
  #isWelcome(from: NodeRef, self: NodeRef): boolean {
    if (from.id === self.id || from.epoch <= self.epoch) return false
    const listed = this.#peers.get(from.id)?.node
    return from.epoch >= (listed?.epoch ?? this.#highestEpoch + 1)
  }

  #open(line: Line, node: NodeRef): void {
    const before = this.#links.get(node.id)
    if (before !== undefined) {
      const isForGood = !(before.link as NodeLink).is(node)
      this.#cut(before, 'the node has opened another link', isForGood)
    }
    line.link = new NodeLink(
      { id: node.id, epoch: node.epoch },
      line.connection as TcpConnection<never>,
      this.#limits,
      this.#place.nowMs(),
      (reason) => this.#cut(line, reason)
    )
    this.#links.set(node.id, line)
    this.#log.info({ node: node.id, epoch: node.epoch }, 'linked')
    this.#beat(line.link)
    this.#events?.opened(line.link)
  }

  #onCall(line: Line, link: NodeLink, bytes: Buffer): void {
    const call = decodeCall(bytes)
    link.hear(call, this.#place.nowMs())
    switch (call[0]) {
      case 'ping':
        link.send(['pong', call[1], this.#options.hasDirectory()])
        break
      case 'pong': {
        // It works: only now, so that one that ends at once is not dialled at once again.
        const peer = this.#peers.get(link.node.id)
        if (peer !== undefined) peer.failures = 0
        if (link.statement !== undefined) this.#events?.stated(link.statement)
        break
      }
      case 'answer':
        break // the link has it
      case 'request':
        this.#answer(link, call[1], call[2])
        break
      case 'ends':
        this.#cut(line, 'the node ends', true)
        break
      default:
        this.#events?.called(link, call)
    }
  }

  #answer(link: NodeLink, number: number, body: object): void {
    if (this.#requests >= MAX_REQUESTS)
      return link.send(['answer', number, undefined, 'too many requests'])
    this.#requests++
    const events = this.#events as LinkEvents
    const asked = Promise.resolve().then(() => events.request(link.node, body))
    asked
      .then((answer) => link.send(['answer', number, answer, undefined]))
      .catch((error) => link.send(['answer', number, undefined, String(error?.message ?? error)]))
      .finally(() => this.#requests--)
  }

  // ---- Ends ----

  #refuse(line: Line, why: LinkRefusal): void {
    this.#refusals.set(why, (this.#refusals.get(why) ?? 0) + 1)
    this.#cut(line, why)
  }

  /** By RST: what is queued is worth nothing any more. */
  #cut(line: Line, reason: string, isForGood = false): void {
    if (line.isOver) return
    const node = line.link?.node ?? line.to
    this.#log[line.link === undefined ? 'debug' : 'info']({ node, reason }, 'no link any more')
    this.#over(line, isForGood)
    line.connection.reset()
  }

  #onClose(line: Line, error: Error | undefined): void {
    if (!line.isOver) this.#log.debug({ node: line.link?.node, err: error }, 'a link was closed')
    this.#over(line, false)
    this.#lines.delete(line)
    if (this.#closingMs !== undefined && this.#lines.size === 0) this.#closed.abort()
  }

  /** Once for each connection, before its `close` event or with it. */
  #over(line: Line, isForGood: boolean): void {
    if (line.isOver) return
    line.isOver = true
    this.#unproven.delete(line)
    const { link } = line
    if (link !== undefined) {
      if (this.#links.get(link.node.id) === line) this.#links.delete(link.node.id)
      link.ended()
      this.#events?.closed(link, isForGood)
    }
    for (const peer of this.#peers.values()) if (peer.line === line) this.#failed(peer, undefined)
  }

  // ---- The clock ----

  get #lookMs(): number {
    return this.#options.leaseMs / BEATS_PER_LEASE / LOOKS_PER_BEAT
  }

  #look(): void {
    this.#clock.set(this.#lookMs)
    const nowMs = this.#place.nowMs()
    for (const line of [...this.#lines]) {
      const { link } = line
      if (this.#closingMs !== undefined) {
        if (nowMs >= this.#closingMs) line.connection.reset()
      } else if (link === undefined) {
        if (nowMs - line.sinceMs >= HANDSHAKE_MS) this.#refuse(line, 'late')
      } else if (nowMs - link.heardMs >= this.#options.leaseMs)
        this.#cut(line, 'nothing came from the node for a lease')
    }
    if (this.#looks++ % LOOKS_PER_BEAT !== 0) return
    for (const link of this.all) this.#beat(link)
  }

  #beat(link: NodeLink): void {
    link.beat(this.#options.hasDirectory(), this.#place.nowMs())
  }
}

/** Of `host:port` or `[host]:port`. Throws a TypeError for anything else. */
export function hostAndPort(address: string): { host: string; port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(address) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || port > 65_535) throw new TypeError(`${address} is not host:port`)
  return { host, port }
}
