// A handshake that did not become a WebSocket.

/** The one version of the protocol (RFC 6455, 4.1). */
export const VERSION = '13'

/**
 * An opening handshake failed: the other side asked, or answered, what cannot be.
 * @example
 * ```ts
 * import { Poller } from 'pollport'
 * import { connectWebSocket, WebSocketServer } from 'pollport/websocket'
 *
 * const poller = new Poller()
 * const server = new WebSocketServer(poller, { address: '127.0.0.1', port: 0, path: '/play' })
 * connectWebSocket(poller, {
 *   address: '127.0.0.1',
 *   port: server.localAddress.port,
 *   path: '/other',
 *   onClose: (_socket, _code, _reason, error) => {
 *     console.log(error?.message) // the server answered 404
 *     poller.close()
 *   }
 * })
 * await poller.run(() => {})
 * ```
 */
export class WebSocketHandshakeError extends Error {
  /** The same for every failed handshake; `status` says more. */
  readonly code = 'ERR_WEBSOCKET_HANDSHAKE'
  /**
   * The HTTP status: what a server answered with, or what a client was answered. Undefined if there
   * was no answer that HTTP knows.
   */
  readonly status: number | undefined
  readonly #headers: Readonly<Record<string, string>>

  /** @internal */
  constructor(message: string, status?: number, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.name = 'WebSocketHandshakeError'
    this.status = status
    this.#headers = headers
  }

  /** Header fields that the answer must have, such as the versions that are supported. @internal */
  get _headers(): Readonly<Record<string, string>> {
    return this.#headers
  }
}

/** A request that is no handshake: 400. */
export function badRequest(message: string): WebSocketHandshakeError {
  return new WebSocketHandshakeError(message, 400)
}

/** A request that must ask for a WebSocket, in the version that there is: 426 (RFC 6455, 4.4). */
export function upgradeRequired(message: string): WebSocketHandshakeError {
  return new WebSocketHandshakeError(message, 426, {
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': VERSION
  })
}
