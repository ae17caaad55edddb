// The seam between those who hold connections (gateways) and the one who holds the rules (the hub).
// Both may be in one thread, or a gateway in a worker: then its calls travel as messages
// (gateway-thread.ts, remote-gateway.ts). A connection is a number, unique in its gateway.
import type { Direction, RefusalCode } from './protocol.ts'
import type { GatewayFigures } from './server-figures.ts'

/** What a gateway tells. For each connection: `enter` first, `lose` or `leave` last and once. */
export interface HubLink {
  enter(client: number, address: string): void
  /**
   * A frame that kept its sender's limits. It may be a view of memory that is used again after the
   * call.
   */
  receive(client: number, frame: Uint8Array): void
  steer(client: number, match: number, seq: number, direction: Direction): void
  /** The connection is gone; its player may come back. */
  lose(client: number): void
  /** The gateway itself has sent it away, for good. */
  leave(client: number, reason: RefusalCode): void
  /** The gateway has refused something, and the connection stays. */
  refused(reason: RefusalCode): void
}

/**
 * What a gateway is asked to do. Frames are whole: two bytes of length, then JSON. Numbers of
 * connections that are gone are passed over.
 */
export interface GatewayLink {
  deliver(clients: readonly number[], frame: Uint8Array): void
  /**
   * `state` is an encoded {@link MatchState}: a datagram to those who hear datagrams, a message to
   * the others if they keep up.
   */
  deliverState(clients: readonly number[], state: Uint8Array): void
  /** Last words, then the end. Nothing is heard of this connection any more, not even `lose`. */
  dismiss(client: number, frame: Uint8Array): void
  /** The same for all, and nobody comes in any more. */
  stop(frame: Uint8Array): void
  readonly figures: GatewayFigures
}
