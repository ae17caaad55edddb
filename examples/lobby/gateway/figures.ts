// The figures of the connections of one thread.

/** Of the connections of one thread: how it is now, and counts since its start. */
export interface GatewayFigures {
  /** Players' connections now, those of browsers among them. */
  connections: number
  webConnections: number
  /** Players who get the state of a match by datagrams now. */
  viaUdp: number
  messagesIn: number
  messagesOut: number
  bytesIn: number
  bytesOut: number
  datagramsIn: number
  datagramsOut: number
  /** Of those that came in: no valid token, no right form, or too many. */
  datagramsRefused: number
}

/** Of a thread that has reported nothing yet, or has no connections. */
export const NO_GATEWAY_FIGURES: GatewayFigures = {
  connections: 0,
  webConnections: 0,
  viaUdp: 0,
  messagesIn: 0,
  messagesOut: 0,
  bytesIn: 0,
  bytesOut: 0,
  datagramsIn: 0,
  datagramsOut: 0,
  datagramsRefused: 0
}

/** Those of a gateway's figures that only grow. */
export const GATEWAY_COUNTERS = [
  'messagesIn',
  'messagesOut',
  'bytesIn',
  'bytesOut',
  'datagramsIn',
  'datagramsOut',
  'datagramsRefused'
] as const
