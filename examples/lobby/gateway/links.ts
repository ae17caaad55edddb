// The interfaces between the gateways, which hold connections, and the hub, which holds the rules.
// Both may be in one thread, or a gateway in a worker: then its calls travel as messages
// (gateway-thread.ts, remote-gateway.ts). A connection is a number, unique in its gateway.

import type { GatewayFigures } from '../server/server-figures.ts'
import type { Direction, RefusalCode } from '../wire/protocol.ts'

/** What a gateway reports. Each connection: `enter` first, `lose` or `leave` last and once. */
export interface HubLink {
  enter(client: number, address: string): void
  /**
   * A frame within its sender's limits. It can be a view of memory that is reused after the call.
   */
  receive(client: number, frame: Uint8Array): void
  steer(client: number, match: number, seq: number, direction: Direction): void
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
   * `state` is an encoded {@link MatchState}: a datagram to those who receive datagrams, a message
   * to the others if they keep up.
   */
  deliverState(clients: readonly number[], state: Uint8Array): void
  /** A last message, then the end. The gateway reports nothing more of it, not even `lose`. */
  dismiss(client: number, frame: Uint8Array): void
  /** The same for all, and the gateway accepts no more. */
  stop(frame: Uint8Array): void
  readonly figures: GatewayFigures
}
