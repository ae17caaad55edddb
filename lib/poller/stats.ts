// The poller's counters: numbers, and nothing else.

/**
 * Counters of one poller since it was made. Read them at any time. They never go back, except
 * `sockets`.
 */
export interface PollerStats {
  /** Calls of `wait()`, and turns of `run()`. */
  readonly waits: number
  /** Events returned. */
  readonly events: number
  /** Sockets open now, listeners included. */
  readonly sockets: number
  /** Connections accepted by listeners. */
  readonly accepted: number
  /** Connections established by `connectTcp()`. */
  readonly connected: number
  /** Sockets closed, by you, by the peer or by an error. */
  readonly closed: number
  /** Bytes that connections received. */
  readonly bytesReceived: number
  /** Bytes of connections that were handed to the kernel. */
  readonly bytesSent: number
  /** Datagrams received, truncated ones included. */
  readonly datagramsReceived: number
  /** Datagrams handed to the kernel. */
  readonly datagramsSent: number
  /**
   * Datagrams that were not sent: `send()` returned false, the kernel refused them (an `error`
   * event says so), or their socket was closed while the kernel had no room for them. The poller
   * drops nothing else on the way out.
   */
  readonly datagramsDropped: number
  /** How often a listener paused because the process had no descriptor or memory left. */
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
