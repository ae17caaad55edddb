// A WebSocket of a client: connects, asks, and opens it when the server's answer is right (RFC
// 6455, 4.1).
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { invalidArgValue, namedSocketError } from '../errors.ts'
import { toDuplex } from '../helpers/duplex.ts'
import { chosen, knownOptions, type OptionNames } from '../option-names.ts'
import { CONNECT_TCP_OPTIONS, type ConnectTcpOptions } from '../poller/options.ts'
import type { Poller } from '../poller/poller.ts'
import type { TcpConnection } from '../poller/tcp-connection.ts'
import { object } from '../validate.ts'
import { subprotocols } from './admission.ts'
import { type Asked, handshakeRequest, newKey, readAnswer } from './client-handshake.ts'
import { ownConnection } from './connection-events.ts'
import { Endpoint, type Watched } from './endpoint.ts'
import {
  HANDLER_NAMES,
  LIMIT_NAMES,
  type WebSocketHandlers,
  type WebSocketLimits
} from './handlers.ts'
import { WebSocketHandshakeError } from './handshake-error.ts'
import { checkExtraHeaders, type ExtraHeaders } from './http-answer.ts'
import { HeadReader, parseHead } from './http-head.ts'
import type { Link, LinkOwner } from './link.ts'
import { StreamLink } from './stream-link.ts'
import { WebSocket } from './websocket.ts'

/**
 * Options of {@link connectWebSocket}: the server, what is asked of it, limits and handlers.
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
export interface ConnectWebSocketOptions<U = unknown>
  extends WebSocketHandlers<U>,
    WebSocketLimits,
    ConnectTcpOptions {
  /** The WebSocket's `userPtr`. */
  userPtr?: U | undefined
  /** What is asked for, with its query. Default `'/'`. */
  path?: string | undefined
  /** The server's name, for `Host` and for TLS. Default: the address, with the port. */
  host?: string | undefined
  /** The subprotocols to offer, the best first. */
  protocols?: readonly string[] | undefined
  /** More header fields, such as `Authorization`, `Cookie` or `Origin`. */
  headers?: ExtraHeaders | undefined
  /**
   * TLS, with the options of `node:tls`' `connect()`; false for none. The poller has to run in
   * Node's loop, by `run()` or a `runLoop` that is not exclusive. A bare `wait()` that would block
   * it throws `EDEADLK`.
   */
  tls?: boolean | ConnectionOptions | undefined
}

const NAMES: OptionNames<ConnectWebSocketOptions> = {
  ...CONNECT_TCP_OPTIONS,
  ...HANDLER_NAMES,
  ...LIMIT_NAMES,
  userPtr: true,
  path: true,
  host: true,
  protocols: true,
  headers: true,
  tls: true
}

/** RFC 9110, 7.2: a host and a port, and nothing that ends the line or makes a list of it. */
const HOST = /^[\w.~%!$&'()*+;=:[\]-]+$/

/**
 * Connects to a WebSocket server: for bots, gateways and tests.
 *
 * Its connection is in none of the poller's batches.
 * @returns the WebSocket, which opens later: `onOpen`, or `onClose` with the error
 *   (`ERR_WEBSOCKET_HANDSHAKE`, `ECONNREFUSED`, …)
 * @throws TypeError or RangeError for options that are not right; SocketError as
 *   `Poller.connectTcp()`
 * @example
 * ```ts
 * import { Poller } from 'pollport'
 * import { connectWebSocket, WebSocketServer } from 'pollport/websocket'
 *
 * const poller = new Poller()
 * const server = new WebSocketServer(poller, {
 *   address: '127.0.0.1',
 *   port: 0,
 *   onMessage: (socket, data, isText) => socket.send(data, { isText })
 * })
 * connectWebSocket(poller, {
 *   address: '127.0.0.1',
 *   port: server.localAddress.port,
 *   onOpen: (socket) => socket.send('hello'),
 *   onMessage: (socket, data) => {
 *     console.log(socket.text(data)) // hello
 *     poller.close()
 *   }
 * })
 * await poller.run(() => {})
 * ```
 */
export function connectWebSocket<U = undefined>(
  poller: Poller<never> | Poller<unknown>,
  options: ConnectWebSocketOptions<U>
): WebSocket<U> {
  const given = knownOptions(options, NAMES)
  const { path = '/', protocols = [], headers = {}, tls = false, compression = false } = given
  if (!/^\/[\x21-\x7e]*$/.test(path))
    throw invalidArgValue('path', path, "it begins with '/', and is ASCII without spaces")
  checkExtraHeaders(headers)
  const { host = hostOf(given) } = given
  if (!HOST.test(host))
    throw invalidArgValue('host', host, 'it is a name or an address, and a port')
  const owner = poller as Poller<unknown>
  const asked: Asked = {
    key: newKey(owner._randomInt32),
    path,
    host,
    protocols: subprotocols(protocols),
    hasDeflate: compression !== false,
    headers
  }
  const secured = tls === false ? undefined : tls === true ? {} : object(tls, 'tls')
  if (secured !== undefined) {
    owner._assertGivesTurns('connect')
    owner._needTurn()
  }
  const endpoint = new Endpoint<U>('client', (due) => owner.timer(due), given, owner._randomInt32)
  const connection = owner.connectTcp(chosen(given, CONNECT_TCP_OPTIONS))
  const link = secured === undefined ? connection : secure(connection, secured, asked)
  const socket = new WebSocket<U>(endpoint, link, given.userPtr as U, undefined)
  const opening = new Opening(link, asked, endpoint, socket)
  if (link === connection) ownConnection(connection, opening)
  else link.userPtr = opening
  return socket
}

/** The client's side of a handshake that is under way. */
class Opening<U> implements LinkOwner, Watched {
  readonly #link: Link
  readonly #asked: Asked
  readonly #endpoint: Endpoint<U>
  readonly #socket: WebSocket<U>
  readonly #reader: HeadReader
  readonly #round: number

  constructor(link: Link, asked: Asked, endpoint: Endpoint<U>, socket: WebSocket<U>) {
    this.#link = link
    this.#asked = asked
    this.#endpoint = endpoint
    this.#socket = socket
    this.#reader = new HeadReader(endpoint.maxHandshakeBytes)
    this.#round = endpoint.rounds.now
    endpoint.watch(this)
  }

  _onConnect(): void {
    this.#link.send(handshakeRequest(this.#asked))
  }

  _onReceive(data: Buffer): void {
    try {
      const found = this.#reader.push(data)
      if (found === undefined) return
      const { protocol, windowBits } = readAnswer(parseHead(found.head), this.#asked)
      this.#link.userPtr = this.#socket
      this.#endpoint.unwatch(this)
      this.#socket._open(protocol, windowBits)
      if (found.rest.length > 0) this.#socket._onReceive(found.rest)
    } catch (error) {
      if (!(error instanceof WebSocketHandshakeError)) throw error
      this.#fail(error)
    }
  }

  _onDrain(): void {}

  _onEnd(): void {
    this.#fail(new WebSocketHandshakeError('the connection ended during the handshake'))
  }

  _onClosed(error: Error | undefined): void {
    this.#endpoint.unwatch(this)
    this.#socket._onClosed(error)
  }

  _onRound(): void {
    const { rounds, handshakeRounds } = this.#endpoint
    if (rounds.now - this.#round >= handshakeRounds)
      this.#fail(namedSocketError('ETIMEDOUT', 'connect', 'the handshake took too long'))
  }

  _shutDown(): void {}

  #fail(error: Error): void {
    this.#socket._failOpening(error)
  }
}

/** Node's TLS over the connection, as a link. @throws whatever node:tls says of the options */
function secure(
  connection: TcpConnection<unknown>,
  options: ConnectionOptions,
  { host }: Asked
): StreamLink {
  const name = host.replace(/:\d+$/, '')
  // RFC 6066, 3: no address may be a server's name.
  const servername = /^[\d.]+$|:/.test(name) ? undefined : name
  const carrier = toDuplex(connection)
  let stream: TLSSocket
  try {
    stream = connectTls({ servername, ...options, socket: carrier })
  } catch (error) {
    carrier.destroy() // nobody else knows of the connection
    throw error
  }
  const link = new StreamLink(stream, connection)
  stream.once('secureConnect', () => (link.userPtr as LinkOwner)._onConnect())
  return link
}

function hostOf({ address, port }: { address: string; port: number }): string {
  const text = `${address}` // what is no string, connectTcp() refuses
  const host = text.includes(':') ? `[${text.replace(/%.*$/, '')}]` : text
  return `${host}:${port}`
}
