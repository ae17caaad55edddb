// HTTP for browsers: the page and its files, and WebSockets for players. It speaks over connections
// that others accept, and limits what each of them can cost; contains no rules.
import { readdirSync } from 'node:fs'
import { createServer, type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type ConnectionDuplex, type TcpConnection, toDuplex } from 'pollport'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Limits } from './config.ts'
import { pathOf, StaticFiles } from './static-files.ts'

const PLAY = '/play'
/** A request's line and headers: browsers send less than half of it. */
const MAX_REQUEST_BYTES = 8 * 1024
/**
 * A client that sends too much can be disconnected after each so many bytes; no honest request and
 * no message is longer.
 */
const CHUNK_BYTES = 4 * 1024
/**
 * Of a message: browsers send a short one whole. Each piece costs memory or time of its own,
 * however little is in it.
 */
const MAX_FRAGMENTS = 16
const MAX_CHUNKS = 256

/** A connection that is no player yet. */
interface Visit {
  /** When it is cut off. */
  untilMs: number
  /** A request is being answered. */
  isServed: boolean
}

function pages(): StaticFiles {
  const folder = new URL('./web/', import.meta.url)
  // And not what its authors' tools need
  const names = readdirSync(folder).filter((name) => /\.(html|css|js|svg|png)$/.test(name))
  const files = Object.fromEntries(names.map((name) => [`/${name}`, new URL(name, folder)]))
  return new StaticFiles({ '/': new URL('index.html', folder), ...files })
}

export class WebDoor {
  readonly #limits: Limits
  readonly #files = pages()
  readonly #http = createServer(
    { maxHeaderSize: MAX_REQUEST_BYTES, keepAliveTimeout: 0 },
    this.#onRequest.bind(this)
  )
  readonly #sockets: WebSocketServer
  /**
   * The first to be closed comes first. (An `http.Server` that does not listen itself checks no
   * `headersTimeout`: see `toDuplex`. And its `timeout` starts again with every byte.)
   */
  readonly #visits = new Map<Duplex, Visit>()
  readonly #onPlayer: (socket: WebSocket, stream: ConnectionDuplex) => void

  /** `onPlayer` is given each WebSocket, and the stream below it. */
  constructor(limits: Limits, onPlayer: (socket: WebSocket, stream: ConnectionDuplex) => void) {
    this.#limits = limits
    this.#onPlayer = onPlayer
    const options = {
      noServer: true,
      clientTracking: false,
      maxPayload: limits.maxFrameBytes,
      maxFragments: MAX_FRAGMENTS,
      maxBufferedChunks: MAX_CHUNKS,
      closeTimeout: limits.goodbyeMs,
      perMessageDeflate: false
    }
    this.#sockets = new WebSocketServer(options)
    this.#http.on('upgrade', (request, duplex, head) => this.#onUpgrade(request, duplex, head))
  }

  /** A connection that was accepted at this door. */
  accept(connection: TcpConnection<never> | TcpConnection<unknown>): void {
    // Too many: the one that made no progress for longest is closed. Browsers become
    // players, or are answered, in a moment.
    const [first] = this.#visits.keys()
    if (this.#visits.size >= this.#limits.maxVisitors) this.#cut(first)
    const duplex = toDuplex(connection as TcpConnection<unknown>, {
      readableHighWaterMark: CHUNK_BYTES
    })
    this.#visits.set(duplex, this.#newVisit())
    duplex.on('close', () => this.#visits.delete(duplex))
    duplex.on('error', () => {}) // 'close' follows, and nobody has asked for more
    this.#http.emit('connection', duplex)
  }

  cutLate(nowMs: number): void {
    for (const [duplex, { untilMs }] of this.#visits) {
      if (nowMs < untilMs) break
      this.#cut(duplex)
    }
  }

  /** Closes the visitors; the gateway closes the players. */
  close(): void {
    for (const duplex of this.#visits.keys()) duplex.destroy()
  }

  #newVisit(): Visit {
    return { untilMs: performance.now() + this.#limits.visitMs, isServed: false }
  }

  #cut(duplex: Duplex): void {
    this.#visits.delete(duplex)
    ;(duplex as ConnectionDuplex).resetAndDestroy()
  }

  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    const duplex: Duplex = request.socket
    const visit = this.#visits.get(duplex)
    // Browsers wait for an answer before they ask for more: a thousand requests in one packet would
    // be a thousand answers in our memory.
    if (visit === undefined || visit.isServed) return this.#cut(duplex)
    visit.isServed = true
    response.on('close', () => {
      // To the end of the line
      if (this.#visits.delete(duplex)) this.#visits.set(duplex, this.#newVisit())
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
    if (pathOf(request) !== PLAY) return refuse(duplex, 404)
    if (!isFromOurPage(request)) return refuse(duplex, 403)
    // The end of that answer would be taken for a frame
    if (this.#visits.get(duplex)?.isServed) return this.#cut(duplex)
    this.#sockets.handleUpgrade(request, duplex, head, (socket) => {
      this.#visits.delete(duplex)
      this.#onPlayer(socket, duplex as ConnectionDuplex)
    })
  }
}

/**
 * Browsers send the origin of the page that opens a WebSocket: another site must not play in its
 * visitor's name. Other programs send none.
 */
function isFromOurPage({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`
}

function refuse(duplex: Duplex, status: number): void {
  duplex.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`
  )
}
