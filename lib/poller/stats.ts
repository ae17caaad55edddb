// The poller's counters. Knows nothing but numbers.

/**
 * Counters of one poller since it was made; read them at any time, they never go back (except
 * `sockets`).
 */
export interface PollerStats {
  /** Calls of `wait()`, and turns of `run()`. */
  readonly waits: number
  /** Events made. */
  readonly events: number
  /** Sockets open now, listeners included. */
  readonly sockets: number
  /** Connections taken from listeners. */
  readonly accepted: number
  /** Connections made by `connectTcp()`. */
  readonly connected: number
  /** Sockets closed, by whomever. */
  readonly closed: number
  /** Bytes received by connections. */
  readonly bytesReceived: number
  /** Bytes of connections that the system took. */
  readonly bytesSent: number
  /** Datagrams received, truncated ones included. */
  readonly datagramsReceived: number
  /** Datagrams that the system took. */
  readonly datagramsSent: number
  /**
   * Datagrams that were not sent: `send()` returned false, the system refused them (an `error`
   * event says so), or their socket was closed while the system had no room for them. Nothing else
   * is dropped on the way out.
   */
  readonly datagramsDropped: number
  /** How often a listener was paused because descriptors or memory had run out. */
  readonly acceptPauses: number
}

export class Counters implements PollerStats {
  waits = 0
  events = 0
  sockets = 0
  accepted = 0
  connected = 0
  closed = 0
  bytesReceived = 0
  bytesSent = 0
  datagramsReceived = 0
  datagramsSent = 0
  datagramsDropped = 0
  acceptPauses = 0
}
