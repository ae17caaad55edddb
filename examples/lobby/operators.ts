// What operators ask over HTTP: is it well, and its figures for Prometheus. Speaks HTTP over a connection that it is handed; knows no players.
import { createServer } from 'node:http'
import { type TcpConnection, toDuplex } from 'pollport'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import type { ServerFigures } from './server.ts'

/** A request that is not there by then is no operator's. */
const REQUEST_MS = 10_000

const gauges: Partial<Record<keyof ServerFigures, string>> = {
  connections: 'Connections of players, signed in or not',
  players: 'Players, those away counted',
  away: 'Players whose connection is lost and whose seat is kept',
  queued: 'Players who wait for a quick match',
  rooms: 'Rooms',
  matches: 'Matches that are going on'
}
const counters: Partial<Record<keyof ServerFigures, string>> = {
  messagesIn: 'Messages from players',
  messagesOut: 'Messages to players',
  bytesIn: 'Bytes from players and operators',
  bytesOut: 'Bytes to players and operators'
}

/** messagesIn -> lobby_messages_in */
const metricName = (figure: string) => `lobby_${figure.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`

export class Operators {
  readonly #http = createServer((request, response) => {
    const answer = this.#answer(request.method, request.url)
    answer.then(
      ({ status, type, body }) => response.writeHead(status, { 'content-type': type }).end(body),
      (error) => response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error))
    )
  })
  readonly #registry = new Registry()
  readonly #isDraining: () => boolean

  constructor(figures: () => ServerFigures, isDraining: () => boolean) {
    this.#isDraining = isDraining
    this.#http.timeout = REQUEST_MS
    const registers = [this.#registry]
    for (const [figure, help] of Object.entries(gauges)) {
      const collect = function (this: Gauge) {
        this.set(figures()[figure as keyof ServerFigures])
      }
      new Gauge({ name: metricName(figure), help, registers, collect })
    }
    for (const [figure, help] of Object.entries(counters)) {
      const collect = function (this: Counter) {
        this.reset()
        this.inc(figures()[figure as keyof ServerFigures])
      }
      new Counter({ name: `${metricName(figure)}_total`, help, registers, collect })
    }
    collectDefaultMetrics({ register: this.#registry })
  }

  /** A connection that was accepted at the operators' port. */
  serve(connection: TcpConnection<never>): void {
    this.#http.emit('connection', toDuplex(connection))
  }

  async #answer(method = '', url = ''): Promise<{ status: number; type: string; body: string }> {
    const text = (status: number, body: string) => ({ status, type: 'text/plain; charset=utf-8', body: `${body}\n` })
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'only GET')
    switch (url.split('?')[0]) {
      case '/healthz':
        // 503: whoever shares out players should send no more.
        return this.#isDraining() ? text(503, 'draining') : text(200, 'ok')
      case '/metrics':
        return { status: 200, type: this.#registry.contentType, body: await this.#registry.metrics() }
      default:
        return text(404, 'there are /healthz and /metrics')
    }
  }
}
