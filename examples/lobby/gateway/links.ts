// The interfaces between the gateways, which hold connections, and the hub, which holds the rules.
// Both may be in one thread, or a gateway in a worker: then its calls travel as messages
// (gateway-thread.ts, remote-gateway.ts). A connection is a number, unique in its gateway.

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
