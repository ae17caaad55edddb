// Which requests a server lets in, by path and by origin, and which subprotocol is spoken (RFC
// 6455, 4.2.2 and 10.2). Knows no sockets.
import { invalidArgType, invalidArgValue } from '../errors.ts'
import { WebSocketHandshakeError } from './handshake-error.ts'
import { isToken } from './http-head.ts'
import type { UpgradeRequest } from './upgrade-request.ts'

/**
 * Options of a server about who is let in.
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
export interface AdmissionOptions {
  /**
   * The path that is served; the others get 404. A function may decide. Default: every path.
   */
  path?: string | ((path: string, request: UpgradeRequest) => boolean) | undefined
  /**
   * The pages, by their origin (`'https://game.example'`), that may connect; a browser from
   * elsewhere gets 403. `'*'` admits all. Default: pages of the same host as the request's `Host`.
   * A request without `Origin`, which is none of a browser, is admitted always.
   */
  origins?: readonly string[] | '*' | undefined
  /**
   * The subprotocols that are spoken, the best first. The first that the client offers is agreed
   * on; with none of them, the connection has no subprotocol.
   */
  protocols?: readonly string[] | undefined
}

/** {@link AdmissionOptions}, checked. */
export class Admission {
  readonly #path: AdmissionOptions['path']
  readonly #origins: ReadonlySet<string> | '*' | undefined
  readonly #protocols: readonly string[]

  constructor({ path, origins, protocols = [] }: AdmissionOptions) {
    if (path !== undefined && typeof path !== 'string' && typeof path !== 'function')
      throw invalidArgType('path', 'a string or a function', path)
    if (typeof path === 'string' && !path.startsWith('/'))
      throw invalidArgValue('path', path, "it begins with '/'")
    this.#path = path
    this.#origins =
      origins === undefined || origins === '*' ? origins : new Set(strings(origins, 'origins'))
    this.#protocols = subprotocols(protocols)
  }

  /** Whether this path is served; several servers may share a listener by that. */
  serves(request: UpgradeRequest): boolean {
    const path = this.#path
    if (path === undefined) return true
    return typeof path === 'string' ? path === request.path : path(request.path, request)
  }

  /** @throws WebSocketHandshakeError 403 for a page that may not connect */
  checkOrigin({ headers: { origin, host } }: UpgradeRequest): void {
    if (origin === undefined || this.#origins === '*') return
    const isAdmitted =
      this.#origins === undefined
        ? hostOf(origin) === host?.toLowerCase()
        : this.#origins.has(origin)
    if (!isAdmitted)
      throw new WebSocketHandshakeError(`the origin ${origin} is not in 'origins'`, 403)
  }

  /** The subprotocol to speak; `''` for none. */
  protocolFor({ protocols }: UpgradeRequest): string {
    if (protocols.length === 0) return ''
    return this.#protocols.find((protocol) => protocols.includes(protocol)) ?? ''
  }
}

/** The host of an origin as `Host` has it: without the port that its scheme implies. */
function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host
  } catch {
    return undefined // such as `null`, of a page without an origin
  }
}

/** Throws unless each can stand in Sec-WebSocket-Protocol. */
export function subprotocols(protocols: readonly string[]): readonly string[] {
  for (const protocol of strings(protocols, 'protocols'))
    if (!isToken(protocol)) throw invalidArgValue('protocols', protocol, 'it is no token of HTTP')
  return [...protocols]
}

function strings(values: readonly string[], name: string): readonly string[] {
  if (!Array.isArray(values) || !values.every((value) => typeof value === 'string'))
    throw invalidArgType(name, 'an array of strings', values)
  return [...values]
}
