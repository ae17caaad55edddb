// The gateways of another node, as the hub of this one sees them: one more gateway. The other end
// of the link is that node's switchboard.
import { type GatewayFigures, NO_GATEWAY_FIGURES } from '../gateway/figures.ts'
import type { NodeGatewayLink, NodeHubLink } from '../gateway/links.ts'
import type { NodeRef, Passport } from '../rules/passport.ts'
import { type LinkCall, LinkCallError, MAX_CLIENTS } from './link-calls.ts'
import type { NodeLink } from './node-link.ts'

export class VisitingGateways implements NodeGatewayLink {
  /** What the hub has given for it. */
  hub: NodeHubLink | undefined
  readonly #link: NodeLink
  readonly #maySpeak: () => boolean
  /** Those that have moved: what still comes from them is handed back. */
  readonly #moving = new Set<number>()

  /** `maySpeak`: whether this node's lease lets it say anything to players. */
  constructor(link: NodeLink, maySpeak: () => boolean) {
    this.#link = link
    this.#maySpeak = maySpeak
  }

  get node(): NodeRef {
    return this.#link.node
  }

  /** That node counts them itself. */
  get figures(): GatewayFigures {
    return NO_GATEWAY_FIGURES
  }

  // ---- What the hub asks ----

  deliver(clients: readonly number[], frame: Uint8Array): void {
    if (!this.#maySpeak()) return
    for (const some of inParts(clients)) this.#link.send(['deliver', some, frame])
  }

  deliverState(clients: readonly number[], game: string, state: Uint8Array): void {
    if (!this.#maySpeak()) return
    for (const some of inParts(clients)) this.#link.send(['deliverState', some, game, state])
  }

  dismiss(client: number, frame: Uint8Array): void {
    this.#link.send(['dismiss', client, frame])
  }

  /** This node ends, and those connections stay: they go home when the link ends. */
  stop(): void {
    this.#link.send(['ends'])
  }

  move(
    client: number,
    to: NodeRef,
    passport: Passport | undefined,
    frames: readonly Uint8Array[]
  ): void {
    this.#moving.add(client)
    this.#link.send(['move', client, to, passport, frames])
  }

  passport(client: number, passport: Passport | undefined): void {
    this.#link.send(['passport', client, passport])
  }

  // ---- What its node reports ----

  /** Returns whether it was one of these calls. */
  called(call: LinkCall): boolean {
    const hub = this.hub as NodeHubLink
    switch (call[0]) {
      case 'adopt':
        hub.adopt(call[1], call[2], call[3], call[4])
        return true
      case 'receive':
        if (this.#moving.has(call[1])) this.#link.send(['late', call[1], call[2]])
        else hub.receive(call[1], call[2])
        return true
      case 'input':
        // Of one that has moved: late as a datagram may be
        if (!this.#moving.has(call[1])) hub.input(call[1], call[2], call[3], call[4])
        return true
      case 'lose':
        if (!this.#moving.has(call[1])) hub.lose(call[1])
        return true
      case 'leave':
        if (!this.#moving.has(call[1])) hub.leave(call[1], call[2])
        return true
      case 'moved':
        if (!this.#moving.delete(call[1]))
          throw new LinkCallError('a client has moved that should not')
        this.#link.send(['moveEnds', call[1]])
        return true
      default:
        return false
    }
  }
}

function* inParts(clients: readonly number[]): Generator<readonly number[]> {
  if (clients.length <= MAX_CLIENTS) return yield clients
  for (let at = 0; at < clients.length; at += MAX_CLIENTS) yield clients.slice(at, at + MAX_CLIENTS)
}
