// A request for a WebSocket, as a program sees it, and what RFC 6455, 4.2.1 asks of it.
import type { SocketAddress } from '../address.ts'
import { isKey } from './accept-key.ts'
import { type Extension, parseExtensions } from './extensions.ts'
import { badRequest, upgradeRequired, VERSION, WebSocketHandshakeError } from './handshake-error.ts'
import { type Head, type Headers, hasItem, isToken, listOf } from './http-head.ts'
import type { Link } from './link.ts'

/** The one version there is (RFC 6455, 4.1). */
const REQUEST_LINE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+ [\x21-\x7e\x80-\xff]+ HTTP\/\d\.\d$/

/**
 * A client's request to become a WebSocket.
 * @example
 * ```ts
 * import { Poller } from 'pollport'
 * import { connectWebSocket, WebSocketServer } from 'pollport/websocket'
 *
 * const poller = new Poller()
 * const server = new WebSocketServer<string>(poller, {
 *   address: '127.0.0.1',
 *   port: 0,
 *   path: '/play',
 *   protocols: ['lobby.v1'],
 *   origins: ['https://game.example'],
 *   compression: { thresholdBytes: 4096 },
 *   maxMessageBytes: 64 * 1024,
 *   onUpgrade: ({ url, headers }) =>
 *     headers.authorization === 'secret' ? { userPtr: url } : { reject: 401 },
 *   onOpen: (socket) => socket.close(1000, `welcome to ${socket.userPtr}`)
 * })
 * connectWebSocket(poller, {
 *   address: '127.0.0.1',
 *   port: server.localAddress.port,
 *   path: '/play?room=5',
 *   protocols: ['lobby.v1'],
 *   compression: {},
 *   headers: { Authorization: 'secret' },
 *   onClose: (socket, code, reason) => {
 *     console.log(socket.protocol, code, reason) // lobby.v1 1000 welcome to /play?room=5
 *     poller.close()
 *   }
 * })
 * await poller.run(() => {})
 * ```
 */
export class UpgradeRequest {
  /** What the request line names, such as `/play?room=5`. */
  readonly url: string
  /** The url's path alone, without a host and a query, such as `/play`. */
  readonly path: string
  /** Header fields by name in lower case. Of a name that comes twice the values are one list. */
  readonly headers: Headers
  /** The subprotocols that the client would speak, in its order. */
  readonly protocols: readonly string[]
  /** @internal */
  readonly _key: string
  /** @internal */
  readonly _extensions: readonly Extension[]
  readonly #link: Link

  /**
   * @internal
   * @throws WebSocketHandshakeError for a request that is no handshake
   */
  constructor(method: string, url: string, headers: Headers, link: Link) {
    if (method !== 'GET')
      throw new WebSocketHandshakeError(`the method is ${method}, not GET`, 405, { Allow: 'GET' })
    if (headers['sec-websocket-version'] !== VERSION) throw upgradeRequired('the version is not 13')
    const key = headers['sec-websocket-key']
    if (!isKey(key)) throw badRequest('Sec-WebSocket-Key is not 16 bytes in base64')
    const { 'content-length': length = '0', 'transfer-encoding': coding } = headers
    // What would be a body to one reader would be frames to another.
    if (length !== '0' || coding !== undefined) throw badRequest('the request has a body')
    const protocols = listOf(headers['sec-websocket-protocol'])
    if (
      !protocols.every(isToken) ||
      (protocols.length > 1 && new Set(protocols).size < protocols.length)
    )
      throw badRequest('Sec-WebSocket-Protocol is malformed, or names one twice')
    const offered = headers['sec-websocket-extensions']
    const extensions = offered === undefined ? [] : parseExtensions(offered)
    if (extensions === undefined) throw badRequest('Sec-WebSocket-Extensions is malformed')
    this.url = url
    // RFC 9112, 3.2.2: a server takes the absolute form, too.
    this.path = url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').replace(/[?#].*$/s, '') || '/'
    this.headers = headers
    this.#link = link
    this.protocols = protocols
    this._key = key
    this._extensions = extensions
  }

  /** The peer; behind a proxy that is the proxy. */
  get remoteAddress(): SocketAddress | undefined {
    // Made when somebody asks: kept by each connection, it would be memory for each.
    return this.#link.remoteAddress
  }

  /**
   * @internal
   * @throws WebSocketHandshakeError for what is no HTTP/1.1
   */
  static readStart({ startLine, headers }: Head): { method: string; url: string } {
    if (!REQUEST_LINE.test(startLine)) throw badRequest('the request line is malformed')
    const [method, url, version] = startLine.split(' ')
    if (!version.startsWith('HTTP/1.') || version === 'HTTP/1.0')
      throw new WebSocketHandshakeError('the request is not HTTP/1.1', 505)
    const { host } = headers
    if (host === undefined || host.includes(',')) throw badRequest('there is not one Host')
    return { method, url }
  }
}

/** Whether a request asks to become a WebSocket. */
export function asksForWebSocket(headers: Headers): boolean {
  return hasItem(headers.upgrade, 'websocket') && hasItem(headers.connection, 'upgrade')
}
