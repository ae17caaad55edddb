// A server of WebSockets on a poller's listener: puts together admission, handshakes, handlers and
// topics.
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { SecureContextOptions, TlsOptions } from 'node:tls'
import type { SocketAddress } from '../address.ts'
import { alreadyClosed, invalidArgType, invalidArgValue, namedSocketError } from '../errors.ts'
import { ConnectionDuplex } from '../helpers/duplex.ts'
import { chosen, knownOptions, type OptionNames } from '../option-names.ts'
import { LISTEN_TCP_OPTIONS, type ListenTcpOptions } from '../poller/options.ts'
import type { Poller } from '../poller/poller.ts'
import type { TcpConnection } from '../poller/tcp-connection.ts'
import type { TcpListener } from '../poller/tcp-listener.ts'
import { callback, integer, object } from '../validate.ts'
import { Admission, type AdmissionOptions } from './admission.ts'
import { sentCloseCode } from './close-codes.ts'
import { ownConnection } from './connection-events.ts'
import { Door, type Tenant } from './door.ts'
import type { MessageOptions } from './encoder.ts'
import { Endpoint } from './endpoint.ts'
import {
  HANDLER_NAMES,
  LIMIT_NAMES,
  type WebSocketHandlers,
  type WebSocketLimits
} from './handlers.ts'
import { WebSocketHandshakeError } from './handshake-error.ts'
import { refusal } from './http-answer.ts'
import type { Headers } from './http-head.ts'
import type { Link } from './link.ts'
import type { UpgradeDecision } from './pending-handshake.ts'
import { SecureDoor } from './secure-door.ts'
import { StreamLink } from './stream-link.ts'
import { Topics } from './topics.ts'
import { UpgradeRequest } from './upgrade-request.ts'

const DEFAULT_MAX_HANDSHAKES = 1024
/** "Going away" (RFC 6455, 7.4.1). */
const GOING_AWAY = 1001

/** What decides about a request, at once or by a promise; nothing admits it. */
export type OnUpgrade<U> = (
  request: UpgradeRequest
) => UpgradeDecision<U> | undefined | void | PromiseLike<UpgradeDecision<U> | undefined | void>

/**
 * Options of a {@link WebSocketServer}: where it listens, its limits, and its handlers.
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
export interface WebSocketServerOptions<U = unknown>
  extends WebSocketHandlers<U>,
    WebSocketLimits,
    AdmissionOptions,
    Partial<ListenTcpOptions> {
  /**
   * A listener that exists, in place of `address` and `port`. Several servers may share one: each
   * request goes to the first that serves its path. Either all of them have `tls` or none has, and
   * the oldest one's certificate is used. `null`: it has none, and gets its connections by
   * `accept()` and `upgrade()`.
   */
  listener?: TcpListener<never> | null | undefined
  /**
   * Requests that ask for no WebSocket are handed to this server, with the bytes read so far. It
   * need not listen itself. It works on streams of Node's: the poller has to run in Node's loop, by
   * `run()` or a `runLoop` that is not exclusive. A bare `wait()` that would block it throws
   * `EDEADLK`. Without it they get 426.
   */
  http?: HttpServer | undefined
  /**
   * TLS, with the options of `node:tls`' `createServer()`; false for none. Needs Node's loop, as
   * `http` does.
   */
  tls?: false | TlsOptions | undefined
  /** How many handshakes may be under way. Of more the oldest is reset. Default 1,024. */
  maxHandshakes?: number | undefined
  /**
   * What becomes of a subscriber that is over `highWaterMarkBytes` when something is published: it
   * misses that (`'skip'`, the default), or is terminated with 1013 (`'close'`).
   */
  slowSubscriber?: 'skip' | 'close' | undefined
  /**
   * Asked about each request that is a handshake, after path and origin. Nothing, or an object
   * without `reject`, admits it. May return a promise: Node's loop has to get its turns for it, and
   * the handshake's time goes on.
   */
  onUpgrade?: OnUpgrade<U> | undefined
  /**
   * A handshake failed, TLS did, or the listener is out of descriptors. Nothing has to be done
   * about it: the peer has its answer.
   */
  onError?: ((error: Error) => void) | undefined
}

const NAMES: OptionNames<WebSocketServerOptions> = {
  ...LISTEN_TCP_OPTIONS,
  ...HANDLER_NAMES,
  ...LIMIT_NAMES,
  listener: true,
  http: true,
  tls: true,
  path: true,
  origins: true,
  protocols: true,
  maxHandshakes: true,
  slowSubscriber: true,
  onUpgrade: true,
  onError: true
}

/**
 * Serves WebSockets on a {@link Poller}, on the same loop as everything else of it.
 *
 * Its connections and its listener are in none of the poller's batches. `U` is the type of the
 * `userPtr` that `onUpgrade` gives to a WebSocket.
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
export class WebSocketServer<U = unknown> {
  readonly #poller: Poller<unknown>
  readonly #listener: TcpListener<unknown> | undefined
  readonly #ownsListener: boolean
  readonly #door: Door
  readonly #side: Tenant
  readonly #endpoint: Endpoint<U>
  readonly #topics: Topics<U>
  #closing: Promise<void> | undefined

  /**
   * @throws TypeError or RangeError for options that are not right; SocketError as
   *   `Poller.listenTcp()`, and `EDEADLK` for `tls` or `http` inside an exclusive `runLoop`
   */
  constructor(poller: Poller<never> | Poller<unknown>, options: WebSocketServerOptions<U>) {
    const given = knownOptions(options, NAMES)
    const { maxHandshakes = DEFAULT_MAX_HANDSHAKES, slowSubscriber = 'skip', onUpgrade } = given
    const { http, tls, listener, onError } = given
    integer(maxHandshakes, 'maxHandshakes', 1, 2 ** 20)
    if (slowSubscriber !== 'skip' && slowSubscriber !== 'close')
      throw invalidArgValue('slowSubscriber', slowSubscriber, "it is 'skip' or 'close'")
    if (onUpgrade !== undefined) callback(onUpgrade, 'onUpgrade')
    const owner = poller as Poller<unknown>
    if (listener && !owner._owns(listener as TcpListener<unknown>))
      throw invalidArgValue('listener', listener, 'it is a listener of another poller')
    this.#poller = owner
    const admission = new Admission(given)
    const endpoint = new Endpoint<U>('server', (due) => owner.timer(due), given)
    const report = (error: Error): void => {
      try {
        onError?.(error)
      } catch (thrown) {
        endpoint.onThrown(thrown)
      }
    }
    // Streams of Node's.
    if ((tls !== undefined && tls !== false) || http !== undefined) {
      owner._assertGivesTurns('listen')
      owner._needTurn()
    }
    const secureDoor =
      tls === undefined || tls === false
        ? undefined
        : new SecureDoor(object(tls, 'tls'), endpoint.handshakeTimeoutMs, report)
    this.#endpoint = endpoint
    this.#topics = new Topics<U>(
      (to, frame) => owner.broadcast(to, frame),
      slowSubscriber === 'close'
    )
    this.#side = {
      endpoint: endpoint as Endpoint<unknown>,
      admission,
      topics: this.#topics as Topics<unknown>,
      http,
      maxHandshakes,
      secureDoor,
      onStream: () => owner._needTurn(),
      onUpgrade: (request) => onUpgrade?.(request) as ReturnType<Tenant['onUpgrade']>,
      onError: report
    }
    this.#ownsListener = listener === undefined
    this.#listener =
      listener === undefined
        ? owner.listenTcp(chosen(given, LISTEN_TCP_OPTIONS))
        : ((listener as TcpListener<unknown> | null) ?? undefined)
    this.#door = Door.of(this.#listener)
    this.#door.add(this.#side)
  }

  /** Where it listens. Throws `EBADF` when closed, and without a listener. */
  get localAddress(): SocketAddress {
    if (this.#listener === undefined)
      throw namedSocketError('EBADF', 'getsockname', 'the server has no listener')
    return this.#listener.localAddress
  }

  /** How many WebSockets are open or closing. */
  get connections(): number {
    return this.#endpoint.sockets
  }

  /**
   * Sends a message to all subscribers of a topic: encoded once, and by one native call (over TLS
   * one by one). One that is over `highWaterMarkBytes` misses it, or is closed: `slowSubscriber`.
   * @returns how many it is sent to
   * @throws TypeError for anything but bytes or a string
   */
  publish(topic: string, data: Uint8Array | string, options?: MessageOptions): number {
    return this.#topics.publish(topic, data, options)
  }

  /** How many have subscribed to a topic. */
  subscriberCount(topic: string): number {
    return this.#topics.count(topic)
  }

  /**
   * Takes a connection as though the listener had accepted it: one that you accepted yourself, or
   * that another thread did (`Poller.adopt()`).
   * @param received what you have read from it already, and what belongs to the request or to TLS:
   *   of a connection that begins with a proxy's header, what came behind that header. Nothing else
   *   may have been read, and nothing more of it may be in the batch: see
   *   `TcpConnection.divert()`.
   * @throws SocketError `EBADF` when the server, or the connection, is closed; TypeError when
   *   `received` is not a Buffer
   */
  accept(connection: TcpConnection<never> | TcpConnection<unknown>, received?: Buffer): void {
    if (this.#closing !== undefined) throw alreadyClosed('the server', 'accept')
    if (connection.closed) throw alreadyClosed('the connection', 'accept')
    if (!this.#poller._owns(connection as TcpConnection<unknown>))
      throw invalidArgValue('connection', connection, 'it is a connection of another poller')
    if (received !== undefined && !Buffer.isBuffer(received))
      throw invalidArgType('received', 'a Buffer', received)
    const isEmpty = received === undefined || received.length === 0
    this.#door.accept(connection as TcpConnection<unknown>, isEmpty ? undefined : received)
  }

  /**
   * The connection below a stream that this server has given to `http`; over TLS the stream itself
   * does not say. Undefined for any other stream.
   */
  connectionOf(stream: Duplex): TcpConnection<unknown> | undefined {
    if (stream instanceof ConnectionDuplex) return stream.connection
    return this.#side.secureDoor?.connectionOf(stream)
  }

  /**
   * Replaces the certificate and the key of `tls`, for the connections that come from now on, as
   * `tls.Server.setSecureContext()` does: when a certificate was renewed, say.
   * @param options as of `tls.createSecureContext()`
   * @throws SocketError `EINVAL` for a server without `tls`; what OpenSSL says of the options, with
   *   nothing changed
   */
  setSecureContext(options: SecureContextOptions): void {
    const { secureDoor } = this.#side
    if (secureDoor === undefined)
      throw namedSocketError('EINVAL', 'setSecureContext', 'the server was made without tls')
    secureDoor.setSecureContext(options)
  }

  /**
   * For the `'upgrade'` event of an http server: makes a WebSocket of its request, by the same
   * rules as one that came by the listener.
   *
   * ```js
   * http.on('upgrade', (request, stream, head) => server.upgrade(request, stream, head))
   * ```
   *
   * If the stream was made by `toDuplex()`, its connection is taken back from it, without losing a
   * byte, and costs no more than any other; otherwise (TLS, a `net.Socket`) the frames go over the
   * stream. After `close()` the request gets 503.
   */
  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    if (this.#closing !== undefined) {
      // A peer brings this about, so it is no exception of the program's.
      stream.on('error', () => {})
      stream.end(refusal(new WebSocketHandshakeError('the server closes', 503)))
      return
    }
    const connection = this.connectionOf(stream)
    // The connection of another poller stays behind its stream.
    const isOurs = connection !== undefined && this.#poller._owns(connection)
    const isPlain = stream instanceof ConnectionDuplex
    const taken = isOurs && isPlain ? stream._takeBack() : undefined
    if (taken !== undefined && connection !== undefined) {
      const handshake = this.#door.begin(connection)
      ownConnection(connection, handshake)
      handshake.decideAbout(this.#side, requestOf(request, connection), [head, taken])
      return
    }
    const link = new StreamLink(stream, connection)
    const handshake = this.#door.begin(link)
    link.userPtr = handshake
    handshake.decideAbout(this.#side, requestOf(request, link), [head])
  }

  /**
   * Stops listening (if it made the listener itself), and closes every WebSocket.
   * @param code what the peers get: 1001 by default
   * @returns a promise that is fulfilled when all are closed, which `closeTimeoutMs` bounds. Every
   *   call gives the same.
   * @throws RangeError for a code that may not be sent
   */
  close(code: number = GOING_AWAY): Promise<void> {
    sentCloseCode(code)
    this.#closing ??= new Promise((resolve) => {
      // Before the door gives it back: its own close is no event of the program's.
      if (this.#ownsListener) this.#listener?.close()
      this.#door.delete(this.#side)
      this.#endpoint.shutDown(code, resolve)
    })
    return this.#closing
  }

  /** The same as `close()`, which a scope does not wait for: see `await using`. */
  [Symbol.dispose](): void {
    void this.close()
  }

  /** The same as `close()`, for `await using`. The poller has to run meanwhile. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Makes the request when it is read: what is wrong with it is an answer, and no exception. */
function requestOf(
  { method = '', url = '', headers }: IncomingMessage,
  link: Link
): () => UpgradeRequest {
  const lists: Record<string, string> = Object.create(null)
  for (const [name, value] of Object.entries(headers))
    lists[name] = Array.isArray(value) ? value.join(', ') : (value ?? '')
  return () => new UpgradeRequest(method, url, lists as Headers, link)
}
