// The interfaces between the gateways, which hold connections, and the hub, which holds the rules.
// Both may be in one thread, or a gateway in a worker: then its calls travel as messages
// (gateway-thread.ts, remote-gateway.ts). A connection is a number, unique in its gateway.
// In a cluster a switchboard stands between them (cluster/switchboard.ts), and the hub can be that
// of another node: then there are more calls in both directions.

import type { Homecoming, NodeRef, Passport } from '../rules/passport.ts'
import type { RefusalCode } from '../wire/protocol.ts'
import type { GatewayFigures } from './figures.ts'

/** The calls of an interface as tuples, each with its name first: so they travel as messages. */
type CallsOf<Link> = {
  [Name in keyof Link]: Link[Name] extends (...args: infer Arguments) => void
    ? readonly [Name, ...Arguments]
    : never
}[keyof Link]

/** What a worker is asked: what any gateway is, and to take over a connection. */
export type GatewayCall =
  | CallsOf<Omit<GatewayLink, 'figures'>>
  | readonly ['adopt', handle: number, isWeb: boolean]

/** What a worker reports: what any gateway does, and how it goes itself. */
export type HubCall =
  | CallsOf<HubLink>
  | readonly ['listening', ports: OpenPorts]
  | readonly ['figures', figures: GatewayFigures]
  | readonly ['taken', handle: number]

/** Where a gateway listens; undefined where another thread hands connections over. */
export interface OpenPorts {
  port: number | undefined
  webPort: number | undefined
  udpPort: number
}

/** What a gateway reports. Each connection: `enter` first, `lose` or `leave` last and once. */
export interface HubLink {
  enter(client: number, address: string): void
  /**
   * A frame within its sender's limits. It can be a view of memory that is reused after the call.
   */
  receive(client: number, frame: Uint8Array): void
  /**
   * By datagram, as the game encodes it. It can be a view of memory that is reused after the call.
   */
  input(client: number, match: number, seq: number, input: Uint8Array): void
  /** The connection is gone; its player may come back. */
  lose(client: number): void
  /** The gateway itself has disconnected it, for good. */
  leave(client: number, reason: RefusalCode): void
  /** The gateway has refused something, and the connection stays. */
  refused(reason: RefusalCode): void
}

/**
 * What the hub asks of a gateway. Frames are whole: two bytes of length, then JSON. Numbers of
 * closed connections are ignored.
 */
export interface GatewayLink {
  deliver(clients: readonly number[], frame: Uint8Array): void
  /**
   * `state` is a whole encoded state (datagram.ts) of this game: a datagram to those who receive
   * datagrams, a message to the others if they keep up.
   */
  deliverState(clients: readonly number[], game: string, state: Uint8Array): void
  /** A last message, then the end. The gateway reports nothing more of it, not even `lose`. */
  dismiss(client: number, frame: Uint8Array): void
  /** The same for all, and the gateway accepts no more. */
  stop(frame: Uint8Array): void
  readonly figures: GatewayFigures
}

/** What the switchboard of a cluster reports to a hub, its own or that of another node. */
export interface NodeHubLink extends HubLink {
  /**
   * Instead of `enter`: a client of another hub comes over, and has been greeted there. With its
   * player; or with none, and then a frame says what it wants, for example `resume`. `frames` count
   * as received, in this order, before all others; if one of them moves it on, those behind it go
   * along. They can be views of memory that is reused after the call. If its player lives here
   * already, with the connection lost, the client takes that seat again.
   *
   * `why`: the player should be elsewhere, and this is the hub of its connection's node.
   */
  adopt(
    client: number,
    address: string,
    passport: Passport | undefined,
    frames: readonly Uint8Array[],
    why?: Homecoming
  ): void
}

/**
 * What a hub asks of the switchboard of its own node or of another one: that node's gateways
 * together.
 */
export interface NodeGatewayLink extends GatewayLink {
  /** The node whose connections these are; undefined if that is the hub's own. */
  readonly node: NodeRef | undefined
  /**
   * The client goes over to the hub of `to`, which may be that of its connection's node. From now
   * on it is none of this hub's: nothing more is reported of it, not even `lose`, and what it sends
   * goes to the new one. The lobby has released its player before; the passport says all about it,
   * and without one the client has no player yet. `frames` are done there: the command that is the
   * reason, and what came after it.
   */
  move(
    client: number,
    to: NodeRef,
    passport: Passport | undefined,
    frames: readonly Uint8Array[]
  ): void
  /**
   * The player of this client now: what the switchboard goes on from when this node is lost. A hub
   * says it after `adopt` and after each change that counts. undefined: it has signed out.
   */
  passport(client: number, passport: Passport | undefined): void
}

/** Whether clients of this gateway can move: not so without a cluster. */
export function isOfNode(link: GatewayLink): link is NodeGatewayLink {
  return 'move' in link
}
