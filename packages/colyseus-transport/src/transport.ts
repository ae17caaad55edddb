// The transport: an http server on pollport's listener, and pollport's WebSockets for what it is
// asked to upgrade. What happens to a client then is the framework's (`connectClientToRoom`).
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import {
  type AuthContext,
  CloseCode,
  connectClientToRoom,
  createAuthContext,
  debugAndPrintError,
  debugConnection,
  isDevMode,
  matchMaker,
  Protocol,
  type Router,
  runBeforeUpgrade,
  Transport,
  toNodeHandler
} from '@colyseus/core'
import { Poller, serve } from 'pollport'
import { WebSocketError, WebSocketServer, type WebSocketServerOptions } from 'pollport/websocket'
import { PollportClient } from './client.ts'
import { Connection, type Shared } from './connection.ts'
import { type PollportTransportOptions, webSocketOptions } from './options.ts'
import { addressOf, portOf } from './resolve.ts'
import { writeResponse } from './upgrade-response.ts'

const require = createRequire(import.meta.url)

/** How long a connection that joins no room may stay: it is there to measure the latency. */
const PING_CONNECTION_MS = 1000
/** The room's id, the last of the two parts of the path. */
const ROOM_PATH = /\/[a-zA-Z0-9_-]+\/([a-zA-Z0-9_-]+)$/
const PONG = Uint8Array.of(Protocol.PING)

/** Express' type, for those who have it. */
type ExpressApp = Awaited<ReturnType<NonNullable<Transport['getExpressApp']>>>

/** A request that becomes a WebSocket right now. */
interface Arrival {
  readonly url: URL
  readonly context: AuthContext
}

/**
 * Colyseus' transport on pollport: WebSockets, and http on the same port, in Node's own loop.
 * @example
 * ```ts
 * import { defineRoom, defineServer, Room } from '@colyseus/core'
 * import { PollportTransport } from '@pollport/colyseus-transport'
 *
 * const server = defineServer({
 *   transport: new PollportTransport(),
 *   rooms: { game: defineRoom(class extends Room {}) }
 * })
 * await server.listen(2567)
 * ```
 */
export class PollportTransport extends Transport {
  /** The http server; its `address()` is where the transport listens. */
  declare server: Server | SecureServer
  readonly #options: PollportTransportOptions
  readonly #webSocketOptions: WebSocketServerOptions<Connection>
  readonly #shared: Shared = { latencyMs: 0 }
  #poller: Poller<unknown> | undefined
  #sockets: WebSocketServer<Connection> | undefined
  #arrival: Arrival | undefined
  #isShutDown = false
  #expressApp: ExpressApp | undefined

  /** @throws TypeError or RangeError for options that are not right */
  constructor(options: PollportTransportOptions = {}) {
    super()
    this.#webSocketOptions = webSocketOptions(options)
    this.#options = options
    this.server = options.server ?? createServer()
    this.server.on('upgrade', (request, stream, head) => this.#onUpgrade(request, stream, head))
    this.server.on('error', (error) => debugAndPrintError(error))
    // Also when the program opens and closes the server itself.
    this.server.on('listening', () => this.#start())
    this.server.on('close', () => void this.#shutDown())
  }

  /**
   * Listens, also on a host name, and calls back when it does. Without a host name it listens on
   * every address of the machine.
   * @param onListening called with the error if it cannot listen
   */
  listen(
    port?: number | string,
    hostname?: string,
    backlog?: number,
    onListening?: (error?: Error) => void
  ): this {
    void this.#listen(port, hostname, backlog).then(
      () => onListening?.(),
      (error) => onListening?.(error)
    )
    return this
  }

  /**
   * Stops listening, lets http answer what it was asked, closes the WebSockets that are left with
   * 1001, and ends the poller if it is the transport's own.
   */
  shutdown(): void {
    void this.#shutDown()
  }

  /** Holds back what is sent to clients for so long. */
  simulateLatency(milliseconds: number): void {
    this.#shared.latencyMs = milliseconds <= Number.EPSILON ? 0 : milliseconds
  }

  /** An Express app on the same port; made when it is first asked for. Needs `express`. */
  override getExpressApp(): ExpressApp {
    if (this.#expressApp === undefined) {
      const app: NonNullable<ExpressApp> = require('express')()
      this.#expressApp = app
      this.server.on('request', app)
    }
    return this.#expressApp
  }

  /**
   * Serves a router's endpoints. The framework does so itself for a transport that has a `server`,
   * as this one; it is for routers of your own.
   */
  override bindRouter(router: Router): void {
    this.server.on('request', toNodeHandler(router.handler))
  }

  async #listen(
    port: number | string | undefined,
    hostname: string | undefined,
    backlog: number | undefined
  ): Promise<void> {
    try {
      if (this.#isShutDown) throw new Error('the transport was shut down')
      this.#start()
      const poller = this.#poller as Poller<unknown>
      const place = { port: portOf(port), address: await addressOf(hostname, poller), backlog }
      const listening = once(this.server, 'listening')
      // What the system refuses is an 'error' of the server, which `listening` rejects with.
      serve(this.server, poller, place)
      await listening
    } catch (error) {
      // Nothing of it keeps the process alive; what listens already goes on.
      if (!this.server.listening) this.#stop()
      throw error
    }
  }

  #start(): void {
    if (this.#poller !== undefined) return
    const poller = (this.#options.poller ?? new Poller()) as Poller<unknown>
    this.#sockets = new WebSocketServer<Connection>(poller, {
      ...this.#webSocketOptions,
      // Http has it, and hands over what it is asked to upgrade.
      listener: null,
      onUpgrade: () => ({ userPtr: new Connection(this.#shared) }),
      onOpen: (socket) => {
        const connection = socket.userPtr
        connection._onOpen(socket)
        void this.#onConnection(connection, this.#arrival as Arrival)
      },
      // A copy: the room may keep it, and pollport's is valid until the handler returns.
      onMessage: ({ userPtr }, data, isText) =>
        void userPtr.emit('message', Buffer.from(data), !isText),
      onDrain: ({ userPtr }) => userPtr._onDrain(),
      onPong: ({ userPtr }, data) => void userPtr.emit('pong', Buffer.from(data)),
      onClose: ({ userPtr }, code, reason, error) => {
        if (error instanceof WebSocketError) debugAndPrintError(error)
        userPtr._onClose(code, reason)
      },
      onError: (error) => debugConnection('a client did not become a WebSocket: %s', error.message)
    })
    this.#poller = poller
    if (this.#options.poller !== undefined) return
    // There are no events in its batches: each socket of it has handlers.
    poller.run(() => {}).catch((error) => this.server.emit('error', error))
  }

  async #shutDown(): Promise<void> {
    if (this.#isShutDown) return
    this.#isShutDown = true
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()))
    await Promise.all([closed, this.#sockets?.close()])
    this.#stop()
  }

  #stop(): void {
    if (this.#options.poller === undefined) this.#poller?.close()
    this.#poller = undefined
    this.#sockets = undefined
  }

  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    // Http has taken its own listener off, and a peer may break the connection at any time.
    const destroy = () => void stream.destroy()
    stream.on('error', destroy)
    let arrival: Arrival
    try {
      arrival = arrivalOf(request)
    } catch {
      void writeResponse(stream, new Response(null, { status: 400 }))
      return
    }
    const { beforeUpgrade } = this.#options
    if (beforeUpgrade === undefined) return this.#upgrade(request, stream, head, arrival, destroy)
    runBeforeUpgrade(beforeUpgrade, request.url ?? '/', arrival.context)
      .then((response) => {
        if (stream.destroyed) return
        if (response !== undefined) return writeResponse(stream, response)
        this.#upgrade(request, stream, head, arrival, destroy)
      })
      .catch((error) => {
        debugAndPrintError(error)
        stream.destroy()
      })
  }

  #upgrade(
    request: IncomingMessage,
    stream: Duplex,
    head: Buffer,
    arrival: Arrival,
    onError: () => void
  ): void {
    if (this.#sockets === undefined || this.#isShutDown) {
      void writeResponse(stream, new Response(null, { status: 503 }))
      return
    }
    stream.off('error', onError)
    // `onOpen` is called before this returns.
    this.#arrival = arrival
    this.#sockets.upgrade(request, stream, head)
    this.#arrival = undefined
  }

  async #onConnection(connection: Connection, { url, context }: Arrival): Promise<void> {
    const sessionId = url.searchParams.get('sessionId')
    const roomId = ROOM_PATH.exec(url.pathname)?.[1]
    if (!sessionId && !roomId) return answerPings(connection)
    const reconnectionToken = url.searchParams.get('reconnectionToken') ?? undefined
    const client = new PollportClient(sessionId as string, connection)
    try {
      await connectClientToRoom(matchMaker.getLocalRoomById(roomId as string), client, context, {
        reconnectionToken,
        skipHandshake: url.searchParams.has('skipHandshake')
      })
    } catch (error) {
      const { code, message } = error as { code: number; message: string }
      debugAndPrintError(error as Error)
      client.error(code, message, () => connection.close(closeCode(reconnectionToken)))
    }
  }
}

/** In development the room may be about to come back: the SDK tries again. */
function closeCode(reconnectionToken: string | undefined): number {
  if (reconnectionToken === undefined) return CloseCode.WITH_ERROR
  return isDevMode ? CloseCode.MAY_TRY_RECONNECT : CloseCode.FAILED_TO_RECONNECT
}

/** @throws TypeError for a request whose url is none */
function arrivalOf({ url: path = '/', headers, socket }: IncomingMessage): Arrival {
  const url = new URL(`ws://server${path}`)
  const context = createAuthContext({
    headers: headers as Record<string, string | undefined>,
    token: url.searchParams.get('_authToken'),
    remoteAddress: socket.remoteAddress
  })
  return { url, context }
}

/** The SDK's latency check: a connection without a room. */
function answerPings(connection: Connection): void {
  const timeout = setTimeout(() => connection.close(CloseCode.NORMAL_CLOSURE), PING_CONNECTION_MS)
  connection.on('message', () => connection.send(PONG))
  connection.on('close', () => clearTimeout(timeout))
}
