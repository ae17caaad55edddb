// Which hub each client of this node's gateways is attached to: that of this node, or that of the
// node where its player lives. Clients go from hub to hub and keep their connection; when a node is
// lost they come home. Contains no rules and no sockets.
import type { Logger } from 'pino'
import { type GatewayFigures, NO_GATEWAY_FIGURES } from '../gateway/figures.ts'
import type { GatewayLink, HubLink, NodeGatewayLink, NodeHubLink } from '../gateway/links.ts'
import type { Alarm, Place } from '../place.ts'
import { type Homecoming, isSameNode, type NodeRef, type Passport } from '../rules/passport.ts'
import { encode, Refusal, type RefusalCode } from '../wire/protocol.ts'
import { type LinkCall, LinkCallError } from './link-calls.ts'
import type { NodeLink } from './node-link.ts'
import { VisitingGateways } from './visiting-gateways.ts'

/** Of one client that is between two hubs: more of what it sends is refused as `too-fast`. */
const MAX_WAITING_FRAMES = 100
const MAX_WAITING_BYTES = 128 * 1024
/** How often clients of lost links are looked at. */
const LOOK_EVERY_MS = 250
/** Players that come home at once: each asks the directory several times. */
const MAX_HOMECOMINGS = 100
/** Numbers of clients have four bytes on a link. */
const MAX_NUMBER = 0xff_ff_ff_ff

/** What a switchboard needs of a hub. */
export interface SwitchedHub {
  connect(link: NodeGatewayLink): NodeHubLink
  disconnect(link: NodeGatewayLink): void
}

export interface SwitchboardOptions {
  /** Of this node. */
  hub: SwitchedHub
  self: NodeRef
  /** The open link to this life of a node. */
  linkTo: (node: NodeRef) => NodeLink | undefined
  /**
   * Makes sure that this player may live here now, however long that takes. The passport to go on
   * with; undefined when the player is gone, or lives elsewhere with another connection.
   */
  takeHome: (passport: Passport) => Promise<Passport | undefined>
  /** Whether this node's lease lets it say anything to its own players. */
  maySpeak: () => boolean
  /** A link that breaks may come back within this time: until then its clients wait. */
  returnMs: number
  log: Logger
  place: Place
}

type Where =
  | { readonly at: 'own' }
  | { readonly at: 'link'; readonly link: NodeLink }
  /** The hub that it leaves has still to hand back what was on its way. */
  | {
      readonly at: 'between'
      readonly from: NodeLink
      readonly to: NodeRef
      readonly frames: Uint8Array[]
    }
  /** The link is lost, and may come back. */
  | { readonly at: 'lost'; readonly node: NodeRef; readonly untilMs: number }
  /** Takes its player home. */
  | { readonly at: 'homecoming' }

const OWN: Where = { at: 'own' }

class Client {
  /** undefined: of one whose connection had ended before its player moved. */
  readonly gateway: GatewayLink | undefined
  /** In its gateway. */
  readonly id: number
  readonly address: string
  /** Where it is attached, under this number. */
  where: Where = OWN
  number = 0
  passport: Passport | undefined
  /** What it has sent while it is nowhere. */
  waiting: Uint8Array[] = []
  waitingBytes = 0
  /** The connection has ended; its player has yet to arrive somewhere to be away there. */
  isGone = false

  constructor(gateway: GatewayLink | undefined, id: number, address: string) {
    this.gateway = gateway
    this.id = id
    this.address = address
  }
}

export class Switchboard implements NodeGatewayLink {
  /** They are of the hub's own node. */
  readonly node = undefined
  readonly #options: SwitchboardOptions
  readonly #hub: NodeHubLink
  readonly #gateways = new Map<GatewayLink, Map<number, Client>>()
  readonly #byNumber = new Map<number, Client>()
  readonly #visiting = new Map<NodeLink, VisitingGateways>()
  /** Those with a lost link. */
  readonly #lost = new Set<Client>()
  #homecomings = 0
  readonly #clock: Alarm
  #self: NodeRef
  #number = 0
  #isStopped = false

  constructor(options: SwitchboardOptions) {
    this.#options = options
    this.#self = options.self
    this.#clock = options.place.alarm(() => this.#look())
    this.#hub = options.hub.connect(this)
  }

  /** Another life of this node. Its links end by themselves. */
  setSelf(self: NodeRef): void {
    this.#self = self
  }

  /** How many of this node's clients play at another node. */
  get elsewhere(): number {
    let count = 0
    for (const { where } of this.#byNumber.values()) if (where.at !== 'own') count++
    return count
  }

  // ---- The gateways of this node ----

  /** In place of the hub's own connect(). */
  connect(gateway: GatewayLink): HubLink {
    const clients = new Map<number, Client>()
    this.#gateways.set(gateway, clients)
    return {
      enter: (id, address) => {
        const client = new Client(gateway, id, address)
        clients.set(id, client)
        this.#count(client)
        this.#hub.enter(client.number, address)
      },
      receive: (id, frame) => {
        const client = clients.get(id)
        if (client !== undefined) this.#receive(client, frame)
      },
      input: (id, match, seq, input) => {
        const client = clients.get(id)
        if (client === undefined) return
        const { where, number } = client
        if (where.at === 'own') this.#hub.input(number, match, seq, input)
        else if (where.at === 'link' && !where.link.isFull)
          where.link.send(['input', number, match, seq, input])
      },
      lose: (id) => {
        const client = clients.get(id)
        clients.delete(id)
        if (client !== undefined) this.#leave(client, ['lose', client.number])
      },
      leave: (id, reason) => {
        const client = clients.get(id)
        clients.delete(id)
        if (client !== undefined) this.#leave(client, ['leave', client.number, reason])
      },
      refused: (reason) => this.#hub.refused(reason)
    }
  }

  /** In place of the hub's own disconnect(). */
  disconnect(gateway: GatewayLink): void {
    const clients = this.#gateways.get(gateway)
    this.#gateways.delete(gateway)
    for (const client of clients?.values() ?? []) this.#leave(client, ['lose', client.number])
  }

  #receive(client: Client, frame: Uint8Array): void {
    const { where, number } = client
    if (where.at === 'own') return this.#hub.receive(number, frame)
    if (where.at === 'link') {
      if (!where.link.isFull) return where.link.send(['receive', number, frame])
    } else if (
      client.waiting.length < MAX_WAITING_FRAMES &&
      client.waitingBytes + frame.length <= MAX_WAITING_BYTES
    ) {
      client.waiting.push(Buffer.from(frame)) // a view otherwise
      client.waitingBytes += frame.length
      return
    }
    const refusal = new Refusal('too-fast', 'the server does not keep up')
    client.gateway?.deliver([client.id], encode(refusal.toMessage()))
    this.#hub.refused(refusal.code as RefusalCode)
  }

  /** The connection has ended. Its hub gets the last word about it, once it has one. */
  #leave(
    client: Client,
    word: readonly ['lose', number] | readonly ['leave', number, RefusalCode]
  ) {
    const { where, number } = client
    if (where.at === 'between' || where.at === 'homecoming') {
      client.isGone = true
      return
    }
    this.#forget(client)
    if (where.at === 'link') where.link.send(word)
    else if (where.at === 'lost')
      return // that node takes it for lost as well
    else if (word[0] === 'lose') this.#hub.lose(number)
    else this.#hub.leave(number, word[2])
  }

  // ---- What this node's hub asks ----

  /** Each gateway counts its own. */
  get figures(): GatewayFigures {
    return NO_GATEWAY_FIGURES
  }

  deliver(numbers: readonly number[], frame: Uint8Array): void {
    if (this.#options.maySpeak()) this.#deliver(undefined, numbers, frame)
  }

  deliverState(numbers: readonly number[], game: string, state: Uint8Array): void {
    if (this.#options.maySpeak()) this.#deliverState(undefined, numbers, game, state)
  }

  dismiss(number: number, frame: Uint8Array): void {
    this.#dismiss(undefined, number, frame)
  }

  move(
    number: number,
    to: NodeRef,
    passport: Passport | undefined,
    frames: readonly Uint8Array[]
  ): void {
    const client = this.#of(undefined, number)
    if (client !== undefined) this.#attach(client, to, passport, frames)
  }

  /** It lives here: nothing has to be kept in case that it is lost. */
  passport(): void {}

  /** All connections of this node, wherever their players are, and the gateways accept no more. */
  stop(frame: Uint8Array): void {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#clock.cancel()
    for (const gateway of this.#gateways.keys()) gateway.stop(frame)
    for (const client of [...this.#byNumber.values()]) {
      const { where } = client
      if (where.at === 'link') where.link.send(['lose', client.number])
      // Its player goes on to where it was sent, and is away there
      if (where.at === 'between' && this.#options.linkTo(where.to) !== undefined) {
        client.isGone = true
        this.#arrive(client, where)
      }
    }
    this.#byNumber.clear()
    for (const clients of this.#gateways.values()) clients.clear()
  }

  // ---- The links to other nodes ----

  opened(link: NodeLink): void {
    const visiting = new VisitingGateways(link, this.#options.maySpeak)
    this.#visiting.set(link, visiting)
    visiting.hub = this.#options.hub.connect(visiting)
    for (const client of [...this.#lost]) {
      const { where, passport } = client
      if (where.at !== 'lost' || !link.is(where.node)) continue
      this.#attach(client, where.node, passport, [])
    }
  }

  closed(link: NodeLink, isForGood: boolean): void {
    const visiting = this.#visiting.get(link) as VisitingGateways
    this.#visiting.delete(link)
    this.#options.hub.disconnect(visiting)
    const untilMs = this.#options.place.nowMs() + (isForGood ? 0 : this.#options.returnMs)
    for (const client of [...this.#byNumber.values()]) {
      const { where } = client
      if (where.at === 'between' && where.from === link) this.#arrive(client, where)
      else if (where.at === 'link' && where.link === link) {
        client.where = { at: 'lost', node: link.node, untilMs }
        this.#lost.add(client)
      }
    }
    if (this.#lost.size > 0) this.#look()
  }

  /** @throws LinkCallError for what makes no sense on this link */
  called(link: NodeLink, call: LinkCall): void {
    const visiting = this.#visiting.get(link) as VisitingGateways
    if (visiting.called(call)) return
    switch (call[0]) {
      case 'deliver':
        this.#deliver(link, call[1], call[2])
        break
      case 'deliverState':
        try {
          this.#deliverState(link, call[1], call[2], call[3])
        } catch (error) {
          // A game that is not played here, or no state of it: the gateway does not take either
          throw new LinkCallError('a state that is none', { cause: error })
        }
        break
      case 'dismiss':
        this.#dismiss(link, call[1], call[2])
        break
      case 'passport': {
        const client = this.#of(link, call[1])
        if (client !== undefined) client.passport = call[2]
        break
      }
      case 'move':
        this.#moveFrom(link, call[1], call[2], call[3], call[4])
        break
      case 'late': {
        const where = this.#byNumber.get(call[1])?.where
        if (where?.at === 'between' && where.from === link) where.frames.push(Buffer.from(call[2]))
        break
      }
      case 'moveEnds': {
        const client = this.#byNumber.get(call[1])
        const where = client?.where
        if (client !== undefined && where?.at === 'between' && where.from === link)
          this.#arrive(client, where)
        break
      }
      default:
        throw new LinkCallError(`${call[0]} at this end of the link`)
    }
  }

  /** Of its player's hub, what was sent there before it knew of the move has to come back first. */
  #moveFrom(
    link: NodeLink,
    number: number,
    to: NodeRef,
    passport: Passport | undefined,
    frames: readonly Uint8Array[]
  ): void {
    link.send(['moved', number])
    let client = this.#of(link, number)
    if (client === undefined) {
      // Its connection has ended meanwhile; the player has left that hub all the same.
      if (this.#byNumber.has(number)) throw new LinkCallError('a client moves that is elsewhere')
      client = new Client(undefined, 0, '')
      client.isGone = true
      client.number = number
      this.#byNumber.set(number, client)
    }
    client.passport = passport
    client.where = {
      at: 'between',
      from: link,
      to,
      frames: frames.map((frame) => Buffer.from(frame))
    }
  }

  #arrive(client: Client, { to, frames }: Extract<Where, { at: 'between' }>): void {
    this.#attach(client, to, client.passport, frames)
  }

  // ---- Attaching ----

  /** `to`, or this node when that cannot be reached. */
  #attach(
    client: Client,
    to: NodeRef,
    passport: Passport | undefined,
    frames: readonly Uint8Array[],
    why?: Homecoming
  ): void {
    const isHome = isSameNode(to, this.#self)
    const link = isHome ? undefined : this.#options.linkTo(to)
    const all = [...frames, ...client.waiting]
    client.waiting = []
    client.waitingBytes = 0
    client.passport = passport
    this.#lost.delete(client)
    this.#count(client)
    const { number, address } = client
    if (link === undefined) {
      client.where = OWN
      this.#hub.adopt(number, address, passport, all, why ?? (isHome ? undefined : 'unreachable'))
    } else {
      client.where = { at: 'link', link }
      link.send(['adopt', number, address, passport, all])
    }
    if (client.isGone) this.#leave(client, ['lose', client.number])
  }

  /** A new number: what is still said to the one before is for nobody. */
  #count(client: Client): void {
    this.#byNumber.delete(client.number)
    do this.#number = (this.#number % MAX_NUMBER) + 1
    while (this.#byNumber.has(this.#number))
    client.number = this.#number
    this.#byNumber.set(client.number, client)
  }

  #forget(client: Client): void {
    this.#byNumber.delete(client.number)
    this.#lost.delete(client)
    if (client.gateway !== undefined) this.#gateways.get(client.gateway)?.delete(client.id)
  }

  #look(): void {
    if (this.#isStopped) return
    const nowMs = this.#options.place.nowMs()
    for (const client of this.#lost) {
      if (this.#homecomings === MAX_HOMECOMINGS) break
      if (client.where.at === 'lost' && nowMs >= client.where.untilMs) this.#comeHome(client)
    }
    if (this.#lost.size > 0) this.#clock.set(LOOK_EVERY_MS)
  }

  #comeHome(client: Client): void {
    const { passport } = client
    this.#lost.delete(client)
    client.where = { at: 'homecoming' }
    if (passport === undefined) return this.#attach(client, this.#self, undefined, [], 'lost')
    this.#homecomings++
    const taken = this.#options.takeHome(passport).finally(() => {
      this.#homecomings--
      if (this.#lost.size > 0) this.#look()
    })
    taken.then(
      (mine) => {
        if (this.#isStopped || client.where.at !== 'homecoming') return
        if (mine !== undefined) return this.#attach(client, this.#self, mine, [], 'lost')
        this.#forget(client)
        if (client.isGone) return
        const refusal = new Refusal('token-expired', 'the seat has been given up')
        this.#hub.refused(refusal.code as RefusalCode)
        client.gateway?.dismiss(client.id, encode(refusal.toMessage()))
      },
      (error) => {
        this.#options.log.error({ err: error }, 'a player cannot come home')
        this.#forget(client)
        client.gateway?.dismiss(client.id, encode({ type: 'bye' }))
      }
    )
  }

  // ---- What a hub says to its clients; undefined: this node's own ----

  /** The client, if it is attached to that hub. */
  #of(link: NodeLink | undefined, number: number): Client | undefined {
    const client = this.#byNumber.get(number)
    if (client === undefined) return undefined
    const { where } = client
    const isThere =
      link === undefined ? where.at === 'own' : where.at === 'link' && where.link === link
    return isThere ? client : undefined
  }

  #deliver(from: NodeLink | undefined, numbers: readonly number[], frame: Uint8Array): void {
    const { gateway, ids, others } = this.#byGateway(from, numbers)
    gateway?.deliver(ids, frame)
    for (const [other, its] of others ?? []) other.deliver(its, frame)
  }

  #deliverState(
    from: NodeLink | undefined,
    numbers: readonly number[],
    game: string,
    state: Uint8Array
  ): void {
    const { gateway, ids, others } = this.#byGateway(from, numbers)
    gateway?.deliverState(ids, game, state)
    for (const [other, its] of others ?? []) other.deliverState(its, game, state)
  }

  #dismiss(from: NodeLink | undefined, number: number, frame: Uint8Array): void {
    const client = this.#of(from, number)
    if (client === undefined) return
    this.#forget(client)
    client.gateway?.dismiss(client.id, frame)
  }

  /** Most messages go to one gateway; `others` only if there are more. */
  #byGateway(from: NodeLink | undefined, numbers: readonly number[]) {
    let gateway: GatewayLink | undefined
    const ids: number[] = []
    let others: Map<GatewayLink, number[]> | undefined
    for (const number of numbers) {
      const client = this.#of(from, number)
      if (client?.gateway === undefined) continue
      gateway ??= client.gateway
      if (client.gateway === gateway) {
        ids.push(client.id)
        continue
      }
      others ??= new Map()
      const its = others.get(client.gateway)
      if (its === undefined) others.set(client.gateway, [client.id])
      else its.push(client.id)
    }
    return { gateway, ids, others }
  }
}
