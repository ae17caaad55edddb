// HTTP for operators: the monitor page and its figures, metrics for Prometheus, the health check.
// It speaks HTTP over connections that others accept, and limits what each of them can cost;
// contains no rules of the lobby.

import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse
} from 'node:http'
import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { type ConnectionDuplex, type TcpConnection, toDuplex } from 'pollport'
import { pathOf, StaticFiles, securityHeaders } from '../gateway/static-files.ts'
import type { TlsFiles } from '../gateway/tls-files.ts'
import { blockOf, firstOfLargest } from '../rules/address.ts'
import type { RoomPage } from '../rules/details.ts'
import type { Admin } from './admin.ts'
import { Metrics } from './metrics.ts'
import type { OperatorGuard } from './operator-guard.ts'
import type { Health, ServerFigures } from './server-figures.ts'

export interface OperatorsSource {
  figures(): ServerFigures
  /** A page of the rooms, from this one on. */
  rooms(from: number): RoomPage
  health(): Health
  readonly admin: Admin
}

export const defaultOperatorLimits = {
  /**
   * At once; a browser opens six for a page. Of one more, the address with most of them loses the
   * oldest one, of those that are not being answered.
   */
  maxConnections: 64,
  /**
   * From connecting, or from the last answer, to the end of the next request, and then until the
   * answer is read. Slower connections are closed.
   */
  requestMs: 10_000,
  /** A request's line and headers. */
  maxRequestBytes: 8 * 1024
}

const packageFile = (path: string) => pathToFileURL(createRequire(import.meta.url).resolve(path))
const pageFile = (name: string) => new URL(`../monitor/${name}`, import.meta.url)
const pageModules = [
  'monitor.js',
  'actions.js',
  'history.js',
  'nodes.js',
  'pager.js',
  'people.js',
  'plots.js',
  'rooms.js',
  'format.js',
  'dom.js'
]

const page = {
  '/': pageFile('index.html'),
  '/monitor.css': pageFile('monitor.css'),
  '/icon.svg': pageFile('icon.svg'),
  ...Object.fromEntries(pageModules.map((name) => [`/${name}`, pageFile(name)])),
  '/uplot.js': packageFile('uplot/dist/uPlot.iife.min.js'),
  '/uplot.css': packageFile('uplot/dist/uPlot.min.css')
}

/** A connection that is open. */
interface Visit {
  raw: ConnectionDuplex
  address: string
  /** Of that: see {@link blockOf}. */
  block: string
  deadline: NodeJS.Timeout
  /** A request is being answered. */
  isServed: boolean
}

export class Operators {
  readonly #source: OperatorsSource
  readonly #guard: OperatorGuard
  readonly #limits: typeof defaultOperatorLimits
  readonly #page = new StaticFiles(page)
  readonly #metrics = new Metrics()
  readonly #http
  /**
   * Each connection that is open, the oldest first, with its deadline. An `http.Server` that does
   * not listen itself checks no `headersTimeout` (see `toDuplex`), and its `timeout` starts again
   * with every byte: a client that sends one now and then would stay for ever.
   */
  readonly #visits = new Map<Duplex, Visit>()

  constructor(
    source: OperatorsSource,
    guard: OperatorGuard,
    limits: Partial<typeof defaultOperatorLimits> = {}
  ) {
    this.#source = source
    this.#guard = guard
    this.#limits = { ...defaultOperatorLimits, ...limits }
    this.#http = createServer(
      { maxHeaderSize: this.#limits.maxRequestBytes },
      (request, response) => {
        const visit = this.#visits.get(request.socket)
        if (visit !== undefined) visit.isServed = true
        visit?.deadline.refresh()
        response.once('close', () => {
          if (visit !== undefined) visit.isServed = false
          visit?.deadline.refresh()
        })
        this.#answer(request, response, visit?.address ?? '').catch((error) =>
          send(response, 500, `${error}\n`)
        )
      }
    )
  }

  /** A connection that was accepted at the operators' port. */
  serve(connection: TcpConnection<never>, tls?: TlsFiles): void {
    if (this.#visits.size >= this.#limits.maxConnections) this.#makeRoom()
    const { address } = connection.remoteAddress
    const raw = toDuplex(connection)
    const stream = tls === undefined ? raw : tls.secure(raw)
    stream.on('error', () => {}) // 'close' follows
    // It keeps no process alive: the server's own end closes the connections.
    const deadline = setTimeout(() => raw.resetAndDestroy(), this.#limits.requestMs).unref()
    this.#visits.set(stream, { raw, address, block: blockOf(address), deadline, isServed: false })
    stream.once('close', () => {
      clearTimeout(deadline)
      this.#visits.delete(stream)
    })
    if (tls === undefined) this.#http.emit('connection', stream)
    else stream.once('secure', () => this.#http.emit('connection', stream))
  }

  /** Nobody alone can keep everybody else out: not the monitor, and not what asks for /healthz. */
  #makeRoom(): void {
    const idle = [...this.#visits].filter(([, { isServed }]) => !isServed)
    const blocks = new Map(
      (idle.length > 0 ? idle : [...this.#visits]).map(([stream, { block }]) => [stream, block])
    )
    const first = firstOfLargest(blocks)
    this.#visits.get(first)?.raw.resetAndDestroy()
    this.#visits.delete(first)
  }

  /** `address`: of who asks. Over TLS the request itself does not say it. */
  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    address: string
  ): Promise<void> {
    const instead = this.#guard.judge(request)
    if (instead !== undefined) {
      const headers = { ...instead.headers, ...(hasBody(request) ? { connection: 'close' } : {}) }
      return send(response, instead.status, instead.body, headers)
    }
    const path = pathOf(request)
    if (path.startsWith('/admin/')) {
      const { status, body, headers } = await this.#source.admin.answer(request, path, address)
      return sendJson(response, body, status, headers)
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return send(response, 405, 'only GET and HEAD\n', { allow: 'GET, HEAD', connection: 'close' })
    }
    if (hasBody(request))
      return send(response, 413, 'requests with a body are not accepted\n', { connection: 'close' })
    if (this.#page.answer(request, response)) return
    switch (path) {
      case '/figures':
        return sendJson(response, this.#source.figures())
      case '/rooms': {
        const from = new URLSearchParams(request.url?.split('?')[1]).get('from') ?? '0'
        if (!/^\d{1,9}$/.test(from)) return send(response, 400, 'from must be a whole number\n')
        return sendJson(response, this.#source.rooms(Number(from)))
      }
      case '/metrics': {
        const text = await this.#metrics.textOf(this.#source.figures())
        return send(response, 200, text, { 'content-type': this.#metrics.contentType })
      }
      case '/healthz': // 503: it should be started again
        return sendHealth(response, this.#source.health().stuck)
      case '/readyz': // 503: a load balancer should send no more players
        return sendHealth(response, this.#source.health().unready)
      default:
        return send(
          response,
          404,
          'there are / (the monitor page), /figures, /rooms?from=0, /metrics, /healthz, /readyz and /admin\n'
        )
    }
  }
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

function sendHealth(response: ServerResponse, problems: string[]): void {
  if (problems.length === 0) send(response, 200, 'ok\n')
  else send(response, 503, problems.map((problem) => `${problem}\n`).join(''))
}

function sendJson(
  response: ServerResponse,
  value: object,
  status = 200,
  headers: OutgoingHttpHeaders = {}
): void {
  const all = { 'content-type': 'application/json', ...headers }
  send(response, status, JSON.stringify(value), all)
}

function send(
  response: ServerResponse,
  status: number,
  body: string,
  headers: OutgoingHttpHeaders = {}
): void {
  const common = {
    ...securityHeaders,
    'cache-control': 'no-store',
    'content-type': 'text/plain; charset=utf-8'
  }
  response
    .writeHead(status, { ...common, 'content-length': Buffer.byteLength(body), ...headers })
    .end(body)
}
