// The options of the transport: those that it shares with Colyseus' own have its names and
// defaults.
import type { Server } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { BeforeUpgradeHandler } from '@colyseus/core'
import type { Poller } from 'pollport'
import type { WebSocketServerOptions } from 'pollport/websocket'

/** What of a `WebSocketServer` of pollport may be chosen. */
type WebSocketOptions = Pick<
  WebSocketServerOptions,
  | 'origins'
  | 'protocols'
  | 'maxFragments'
  | 'maxHandshakes'
  | 'highWaterMarkBytes'
  | 'maxBufferedBytes'
  | 'closeTimeoutMs'
>

/** Options of a {@link PollportTransport}; each has a default. */
export interface PollportTransportOptions {
  /**
   * The http server for requests that ask for no WebSocket, such as one with an Express app; an
   * https server for TLS. Default: one that the transport makes.
   */
  server?: Server | SecureServer | undefined
  /** How often a silent client is pinged, in milliseconds. 0: never. Default 3000. */
  pingInterval?: number | undefined
  /**
   * After how many pings without an answer a client is disconnected. 0: never, and no pings.
   * Default 2.
   */
  pingMaxRetries?: number | undefined
  /** The longest message of a client in bytes; a longer one closes it, with 1009. Default 4096. */
  maxPayload?: number | undefined
  /**
   * Whether messages are compressed (permessage-deflate), from `threshold` bytes on. Default false.
   */
  perMessageDeflate?: boolean | { threshold?: number | undefined } | undefined
  /** The framework's: answers a request in place of the upgrade, or admits it. */
  beforeUpgrade?: BeforeUpgradeHandler | undefined
  /**
   * A poller that the program already runs in Node's loop, by `run()`. Default: one of the
   * transport's own, from `listen()` to `shutdown()`.
   */
  poller?: Poller<never> | Poller<unknown> | undefined
  /** Limits of pollport's `WebSocketServer`. By default pages of every origin may connect. */
  websocket?: WebSocketOptions | undefined
}

const NAMES: Record<keyof PollportTransportOptions, true> = {
  server: true,
  pingInterval: true,
  pingMaxRetries: true,
  maxPayload: true,
  perMessageDeflate: true,
  beforeUpgrade: true,
  poller: true,
  websocket: true
}

const DEFAULT_PING_INTERVAL_MS = 3000
const DEFAULT_PING_MAX_RETRIES = 2
const DEFAULT_MAX_PAYLOAD_BYTES = 4 * 1024

/**
 * What they are for a `WebSocketServer`.
 * @throws TypeError for an option that there is not: one of `ws` would be ignored in silence
 */
export function webSocketOptions<U>(options: PollportTransportOptions): WebSocketServerOptions<U> {
  for (const name of Object.keys(options))
    if (!Object.hasOwn(NAMES, name))
      throw new TypeError(
        `PollportTransport has no option '${name}'; there are ${Object.keys(NAMES).join(', ')}`
      )
  const {
    pingInterval = DEFAULT_PING_INTERVAL_MS,
    pingMaxRetries = DEFAULT_PING_MAX_RETRIES,
    maxPayload = DEFAULT_MAX_PAYLOAD_BYTES,
    perMessageDeflate = false,
    websocket = {}
  } = options
  for (const [name, value] of Object.entries({ pingInterval, pingMaxRetries, maxPayload }))
    if (typeof value !== 'number' || !(value >= 0))
      throw new TypeError(`${name} must be a number of 0 or more`)
  const pings = pingInterval > 0 && pingMaxRetries > 0
  return {
    origins: '*',
    ...websocket,
    maxMessageBytes: maxPayload,
    pingIntervalMs: pings ? pingInterval : 0,
    idleTimeoutMs: pings ? pingInterval * (pingMaxRetries + 1) : 0,
    compression: compressionOf(perMessageDeflate)
  }
}

function compressionOf(
  perMessageDeflate: NonNullable<PollportTransportOptions['perMessageDeflate']>
): WebSocketServerOptions['compression'] {
  if (typeof perMessageDeflate === 'boolean') return perMessageDeflate ? {} : false
  const { threshold } = perMessageDeflate
  return threshold === undefined ? {} : { thresholdBytes: threshold }
}
