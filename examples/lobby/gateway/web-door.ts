// For browsers: WebSockets for players, and by HTTP, on the same port, the page and its files. It
// limits what each of them can cost, and contains no rules.

import { readdirSync } from 'node:fs'
import { createServer, type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContext } from 'node:tls'
import type { ConnectionDuplex, Poller, TcpConnection } from 'pollport'
import { type WebSocketHandlers, WebSocketServer } from 'pollport/websocket'
import { blockOf, firstOfLargest } from '../rules/address.ts'
import type { Limits } from '../rules/limits.ts'
import type { Hosts } from './hosts.ts'
import { StaticFiles } from './static-files.ts'
import type { TlsFiles } from './tls-files.ts'
import type { TrustedProxies } from './trusted.ts'

const PLAY = '/play'
/** A request's line and headers: browsers send less than half of it. */
const MAX_REQUEST_BYTES = 8 * 1024
/** Of a message: browsers send a short one whole. Each piece costs time of its own. */
const MAX_FRAGMENTS = 16
/** What becomes of players when the server stops (RFC 6455, 7.4.1). */
const GOING_AWAY = 1001

/** The first `userPtr` of a WebSocket. */
export interface Visitor {
  forwardedFor: string | undefined
  /** Whose it is: behind a proxy not the peer. Known when it is open. */
  address: string
}

export interface WebDoorOptions {
  limits: Limits
  /** Which pages may connect; none: the server's own. */
  origins: readonly string[]
  hosts: Hosts
  proxies: TrustedProxies
  tls: TlsFiles | undefined
}

/** A connection that speaks HTTP. */
interface Visit {
  /** Of its address: see {@link blockOf}. */
  block: string
  /** When it is cut off. */
  untilMs: number
  /** A request is being answered. */
  isServed: boolean
}

/** What a page consists of, and not what its authors' tools need. */
const pageFile = /\.(html|css|js|svg|png)$/

/** The page, and the parts of it that belong to the games, at /games/NAME/. */
function pages(): StaticFiles {
  const files = filesIn(new URL('../web/', import.meta.url), '/')
  const games = new URL('../games/', import.meta.url)
  for (const entry of readdirSync(games, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue
    Object.assign(files, filesIn(new URL(`${entry.name}/`, games), `/games/${entry.name}/`))
  }
  return new StaticFiles({ '/': files['/index.html'], ...files })
}

function filesIn(folder: URL, path: string): Record<string, URL> {
  const names = readdirSync(folder).filter((name) => pageFile.test(name))
  return Object.fromEntries(names.map((name) => [path + name, new URL(name, folder)]))
}

export class WebDoor<U> {
  readonly #limits: Limits
  readonly #hosts: Hosts
  readonly #files = pages()
  readonly #http = createServer(
    { maxHeaderSize: MAX_REQUEST_BYTES, keepAliveTimeout: 0 },
    this.#onRequest.bind(this)
  )
  readonly #sockets: WebSocketServer<U>
  /**
   * The first to be closed comes first. (An `http.Server` that does not listen itself checks no
   * `headersTimeout`: see `toDuplex`. And its `timeout` starts again with every byte.)
   */
  readonly #visits = new Map<Duplex, Visit>()
  /** Without a request yet, and their addresses; the longest waiting first. */
  readonly #knocking = new Map<TcpConnection<unknown>, string>()
  /** Whose a connection is, where a proxy's header has said so. */
  readonly #announced = new WeakMap<TcpConnection<unknown>, string>()
  readonly #tls: TlsFiles | undefined
  #usedContext: SecureContext | undefined

  /**
   * `players` gets what happens to WebSockets; how long they may be silent, and how much may be
   * queued for them, is its business.
   */
  constructor(
    poller: Poller<unknown>,
    { limits, origins, hosts, proxies, tls }: WebDoorOptions,
    players: WebSocketHandlers<U>,
    onError: (error: Error) => void
  ) {
    this.#limits = limits
    this.#hosts = hosts
    this.#tls = tls
    this.#usedContext = tls?.context
    this.#http.prependListener('connection', (duplex) => this.#onVisitor(duplex))
    this.#http.on('upgrade', (request, duplex, head) => this.#onUpgrade(request, duplex, head))
    this.#sockets = new WebSocketServer(poller, {
      ...players,
      onOpen: (socket) => {
        const connection = socket.connection as TcpConnection<unknown>
        this.#knocking.delete(connection)
        const visitor = socket.userPtr as unknown as Visitor
        visitor.address = proxies.clientOf(this.#addressOf(connection), visitor.forwardedFor)
        players.onOpen?.(socket)
      },
      onUpgrade: ({ headers }) => {
        if (!hosts.has(headers.host)) return { reject: 421 }
        const forwardedFor = headers['x-forwarded-for']
        return { userPtr: { forwardedFor, address: '' } satisfies Visitor as U }
      },
      ...(origins.length > 0 ? { origins } : {}),
      tls: tls?.files,
      listener: null,
      http: this.#http,
      path: PLAY,
      maxMessageBytes: limits.maxFrameBytes,
      maxFragments: MAX_FRAGMENTS,
      maxHandshakeBytes: MAX_REQUEST_BYTES,
      // accept() bounds them, and chooses better which one goes.
      maxHandshakes: 2 ** 20,
      handshakeTimeoutMs: limits.visitMs,
      closeTimeoutMs: limits.goodbyeMs,
      idleTimeoutMs: 0,
      pingIntervalMs: 0,
      highWaterMarkBytes: limits.maxUnreadBytes,
      onError
    })
  }

  /**
   * A connection to the web port. Too many without a request: of the address with most of them, the
   * one that has waited longest is closed. A browser's request is there in a moment.
   *
   * `announced`: whose it is, as a proxy's header said, and what came behind that header.
   */
  accept(
    connection: TcpConnection<unknown>,
    announced?: { address: string; received: Buffer }
  ): void {
    if (announced !== undefined) this.#announced.set(connection, announced.address)
    if (this.#knocking.size >= this.#limits.maxVisitors) this.#forgetClosed()
    if (this.#knocking.size >= this.#limits.maxVisitors) {
      const first = firstOfLargest(this.#knocking)
      this.#knocking.delete(first)
      first.reset()
    }
    this.#knocking.set(connection, blockOf(this.#addressOf(connection)))
    this.#useNewCertificate()
    this.#sockets.accept(connection, announced?.received)
  }

  #addressOf(connection: TcpConnection<unknown>): string {
    return this.#announced.get(connection) ?? connection.remoteAddress.address
  }

  #useNewCertificate(): void {
    const context = this.#tls?.context // which looks at the files now and then
    if (context === this.#usedContext) return
    this.#usedContext = context
    this.#sockets.setSecureContext(this.#tls?.files ?? {})
  }

  #forgetClosed(): void {
    for (const connection of this.#knocking.keys())
      if (connection.closed) this.#knocking.delete(connection)
  }

  cutLate(nowMs: number): void {
    this.#forgetClosed()
    for (const [duplex, { untilMs }] of this.#visits) {
      if (nowMs < untilMs) break
      this.#cut(duplex)
    }
  }

  /** Closes everything. Players should have got their last message. */
  close(): void {
    for (const duplex of this.#visits.keys()) duplex.destroy()
    void this.#sockets.close(GOING_AWAY)
  }

  /** It asks for no WebSocket; its request will come again by this stream. */
  #onVisitor(duplex: Duplex): void {
    const connection = this.#sockets.connectionOf(duplex) as TcpConnection<unknown>
    this.#knocking.delete(connection)
    if (this.#visits.size >= this.#limits.maxVisitors) {
      const blocks = new Map([...this.#visits].map(([other, { block }]) => [other, block]))
      this.#cut(firstOfLargest(blocks))
    }
    this.#visits.set(duplex, this.#newVisit(blockOf(this.#addressOf(connection))))
    duplex.on('close', () => this.#visits.delete(duplex))
    duplex.on('error', () => {}) // 'close' follows, and nobody has asked for more
  }

  #newVisit(block: string): Visit {
    return { block, untilMs: performance.now() + this.#limits.visitMs, isServed: false }
  }

  #cut(duplex: Duplex): void {
    this.#visits.delete(duplex)
    this.#sockets.connectionOf(duplex)?.reset()
    duplex.destroy()
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const duplex: Duplex = request.socket
    const visit = this.#visits.get(duplex)
    // Browsers wait for an answer before they ask for more: a thousand requests in one packet would
    // be a thousand answers in our memory.
    if (visit === undefined || visit.isServed) return this.#cut(duplex)
    visit.isServed = true
    if (!this.#hosts.has(request.headers.host)) {
      const why = 'this server is not known by that name (see --web-origins)\n'
      response.writeHead(421, { 'content-type': 'text/plain', connection: 'close' }).end(why)
      return
    }
    response.on('close', () => {
      // To the end of the line
      if (this.#visits.delete(duplex)) this.#visits.set(duplex, this.#newVisit(visit.block))
    })
    if (this.#files.answer(request, response)) return
    response
      .writeHead(404, { 'content-type': 'text/plain; charset=utf-8' })
      .end('there is nothing here\n')
  }

  /** Node's parser has released this connection; it gets only this one answer. */
  #answerWithoutUpgrade(request: IncomingMessage, duplex: Duplex): void {
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(duplex as Socket)
    response.on('finish', () => (duplex as ConnectionDuplex).destroySoon())
    this.#onRequest(request, response)
  }

  #onUpgrade(request: IncomingMessage, duplex: Duplex, head: Buffer): void {
    // An upgrade that we do not speak, such as curl's to HTTP/2 (h2c), is passed over (RFC 9110,
    // 7.8).
    if (request.headers.upgrade?.toLowerCase() !== 'websocket')
      return this.#answerWithoutUpgrade(request, duplex)
    // The end of that answer would be taken for a frame
    if (this.#visits.get(duplex)?.isServed) return this.#cut(duplex)
    this.#visits.delete(duplex)
    this.#sockets.upgrade(request, duplex, head)
  }
}
