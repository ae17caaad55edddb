// The door for browsers: the page and its files by HTTP, and WebSockets for players. Speaks over connections that it is handed; knows no players.
import { readdirSync } from 'node:fs'
import { createServer, type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type ConnectionDuplex, type TcpConnection, toDuplex } from 'pollport'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Limits } from './config.ts'
import { StaticFiles } from './static-files.ts'

/** Who has asked for nothing by then, or is still asking, is no browser. */
const REQUEST_MS = 10_000
/** Visitors of the page at once, who are no players yet. */
const MAX_VISITORS = 256
const PLAY = '/play'

function pages(): StaticFiles {
  const folder = new URL('./web/', import.meta.url)
  const files = Object.fromEntries(readdirSync(folder).map((name) => [`/${name}`, new URL(name, folder)]))
  return new StaticFiles({ '/': new URL('index.html', folder), ...files })
}

export class WebDoor {
  readonly #files = pages()
  readonly #http = createServer((request, response) => {
    if (this.#files.answer(request, response)) return
    response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('there is nothing here\n')
  })
  readonly #sockets: WebSocketServer
  /** Not players yet, and when they are cut off; the first one comes first. */
  readonly #visitors = new Map<Duplex, number>()

  /** `onPlayer` is given each WebSocket, and the stream below it. */
  constructor(limits: Limits, onPlayer: (socket: WebSocket, stream: ConnectionDuplex) => void) {
    this.#http.keepAliveTimeout = REQUEST_MS
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: limits.maxFrameBytes, perMessageDeflate: false })
    this.#http.on('upgrade', (request: IncomingMessage, duplex: Duplex, head: Buffer) => {
      const { url = '' } = request
      if (url.split('?')[0] !== PLAY || !isFromOurPage(request)) {
        refuse(duplex, url.startsWith(PLAY) ? 403 : 404)
        return
      }
      this.#visitors.delete(duplex)
      this.#sockets.handleUpgrade(request, duplex, head, (socket) => {
        onPlayer(socket, duplex as ConnectionDuplex)
      })
    })
  }

  /** A connection that was accepted at this door. */
  accept(connection: TcpConnection<never> | TcpConnection<unknown>): void {
    if (this.#visitors.size >= MAX_VISITORS) {
      connection.reset()
      return
    }
    const duplex = toDuplex(connection as TcpConnection<unknown>)
    this.#visitors.set(duplex, performance.now() + REQUEST_MS)
    duplex.on('close', () => this.#visitors.delete(duplex))
    duplex.on('error', () => {}) // 'close' follows, and nobody has asked for more
    this.#http.emit('connection', duplex)
  }

  cutLate(nowMs: number): void {
    for (const [duplex, untilMs] of this.#visitors) {
      if (nowMs < untilMs) break
      this.#visitors.delete(duplex)
      duplex.destroy()
    }
  }

  /** Cuts off the visitors; players are for others to say goodbye to. */
  close(): void {
    for (const duplex of this.#visitors.keys()) duplex.destroy()
  }
}

/** Browsers say which page opens a WebSocket: one of another site must not play in its visitor's name. Programs say nothing. */
function isFromOurPage({ headers: { origin, host } }: IncomingMessage): boolean {
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`
}

function refuse(duplex: Duplex, status: number): void {
  duplex.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
