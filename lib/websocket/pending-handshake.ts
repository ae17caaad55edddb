// A connection that has not become a WebSocket yet, on the server's side: reads the request, asks
// the server, and answers (RFC 6455, 4.2). Refuses to know what carries it.
import type { Server as HttpServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { invalidArgType, invalidArgValue } from '../errors.ts'
import { isThenable } from '../rejections.ts'
import { integer } from '../validate.ts'
import type { Admission } from './admission.ts'
import type { Endpoint, Watched } from './endpoint.ts'
import { acceptDeflate } from './extensions.ts'
import { badRequest, upgradeRequired, WebSocketHandshakeError } from './handshake-error.ts'
import { checkExtraHeaders, type ExtraHeaders, refusal, switchingProtocols } from './http-answer.ts'
import { HeadReader, isToken, parseHead } from './http-head.ts'
import type { Link, LinkOwner } from './link.ts'
import type { Topics } from './topics.ts'
import { asksForWebSocket, UpgradeRequest } from './upgrade-request.ts'
import { WebSocket } from './websocket.ts'

const NOTHING = Buffer.alloc(0)
const OPEN_DECISION = {}

/** What `onUpgrade` decides: to admit, with these properties, or to refuse. */
export type UpgradeDecision<U> =
  | {
      /** The WebSocket's `userPtr`. */
      userPtr?: U | undefined
      /**
       * The subprotocol: one of the request's `protocols`, or `''` for none. A request that did not
       * offer it is refused with 400. Default: the first of the server's `protocols` that was
       * offered.
       */
      protocol?: string | undefined
      /** Header fields for the answer. */
      headers?: ExtraHeaders | undefined
      /** Not given: the request is admitted. */
      reject?: undefined
    }
  | {
      /** The HTTP status that says why not, 400 to 599. */
      reject: number
      /** Header fields for the answer. */
      headers?: ExtraHeaders | undefined
    }

/** What a handshake asks of a server. */
export interface ServerSide<U> {
  readonly endpoint: Endpoint<U>
  readonly admission: Admission
  readonly topics: Topics<U>
  readonly http: HttpServer | undefined
  onUpgrade(
    request: UpgradeRequest
  ): UpgradeDecision<U> | undefined | PromiseLike<UpgradeDecision<U> | undefined>
  onError(error: Error): void
}

/** The servers behind one listener. */
export interface Servers {
  readonly servers: readonly ServerSide<unknown>[]
  /** The connection as a stream again, with bytes that come first. */
  handOver(link: Link, bytes: Buffer): Duplex
  onDone(handshake: PendingHandshake): void
}

export class PendingHandshake implements LinkOwner, Watched {
  readonly #link: Link
  readonly #door: Servers
  /** Of the server whose limits and clock count: the first one, until the path is known. */
  #endpoint: Endpoint<unknown>
  readonly #reader: HeadReader
  #phase: 'reading' | 'deciding' | 'over' = 'reading'
  /** The peer has sent FIN, and the link is closing. */
  #hasEnded = false
  /** A peer that has sent no byte asked for nothing: browsers open such spare connections. */
  #isSilent = true
  #rest: Buffer = NOTHING
  #round: number

  constructor(link: Link, door: Servers, first: ServerSide<unknown>) {
    this.#link = link
    this.#door = door
    this.#endpoint = first.endpoint
    this.#reader = new HeadReader(first.endpoint.maxHandshakeBytes)
    this.#round = first.endpoint.rounds.now
    first.endpoint.watch(this)
  }

  _onConnect(): void {}

  _onReceive(data: Buffer): void {
    this.#isSilent = false
    if (this.#phase === 'over') return
    if (this.#phase === 'deciding') {
      this.#rest = Buffer.concat([this.#rest, data])
      // Until then it is read, so that a peer that leaves is noticed: a FIN comes behind the rest.
      if (this.#rest.length > this.#endpoint.maxHandshakeBytes) this.#link.pause()
      return
    }
    try {
      const found = this.#reader.push(data)
      if (found !== undefined) this.#onHead(found.head, found.rest)
    } catch (error) {
      this.#onFailure(error)
    }
  }

  _onDrain(): void {}

  _onEnd(): void {
    // The peer cannot become a WebSocket any more; what was answered still leaves.
    this.#hasEnded = true
    this.#link.close()
  }

  _onClosed(error: Error | undefined): void {
    const wasOver = this.#phase === 'over'
    this.#finish()
    if (wasOver) return
    const message = 'the connection ended during the handshake'
    this.#report(Object.assign(new WebSocketHandshakeError(message), { cause: error }))
  }

  _onRound(): void {
    const { rounds, handshakeRounds, closeRounds } = this.#endpoint
    const isOver = this.#phase === 'over'
    if (rounds.now - this.#round < (isOver ? closeRounds : handshakeRounds)) return
    if (isOver) this.#link.reset()
    else this.#refuse(new WebSocketHandshakeError('the handshake took too long', 408))
  }

  _shutDown(): void {
    const [next] = this.#door.servers
    // Another server behind the listener may be the one that is asked for.
    if (this.#phase === 'reading' && next !== undefined) this.#moveTo(next.endpoint)
    else if (this.#phase === 'over') this.#link.reset()
    else this.#refuse(new WebSocketHandshakeError('the server closes', 503))
  }

  /** There are too many of them. */
  drop(): void {
    if (this.#phase === 'over') return this.#link.reset()
    this.#phase = 'over'
    this.#link.reset()
    this.#report(new WebSocketHandshakeError('more than maxHandshakes are under way'))
  }

  #moveTo(endpoint: Endpoint<unknown>): void {
    if (endpoint === this.#endpoint) return
    this.#endpoint.unwatch(this)
    this.#endpoint = endpoint
    this.#round = endpoint.rounds.now
    endpoint.watch(this)
  }

  /** A function of the program may have closed the server, the poller or the connection. */
  get #isGone(): boolean {
    return this.#phase === 'over' || this.#link.closed
  }

  #onHead(head: Buffer, rest: Buffer): void {
    const { servers } = this.#door
    const http = servers.find((server) => server.http !== undefined)?.http
    let parsed: ReturnType<typeof readRequest>
    try {
      parsed = readRequest(head)
      if (http === undefined && !parsed.isUpgrade)
        throw upgradeRequired('the request asks for no WebSocket')
    } catch (error) {
      if (http === undefined) throw error
      return this.#giveToHttp(http, head, rest)
    }
    if (!parsed.isUpgrade) return this.#giveToHttp(http as HttpServer, head, rest)
    const { method, url, headers } = parsed
    const request = new UpgradeRequest(method, url, headers, this.#link)
    const server = servers.find(({ admission }) => admission.serves(request))
    if (this.#isGone) return
    if (server === undefined)
      throw new WebSocketHandshakeError(`no server has the path ${request.path}`, 404)
    this.#decide(server, request, rest)
  }

  #giveToHttp(http: HttpServer, head: Buffer, rest: Buffer): void {
    this.#finish()
    if (this.#link.closed) return // by a reset in the same batch
    const stream = this.#door.handOver(this.#link, Buffer.concat([head, rest]))
    http.emit('connection', stream)
    stream.resume() // over TLS it was read before, and is paused
  }

  /** The request was read by somebody else; `rest` is what came after it. */
  decideAbout(server: ServerSide<unknown>, read: () => UpgradeRequest, rest: Buffer[]): void {
    this.#isSilent = false
    try {
      const request = read()
      if (!asksForWebSocket(request.headers)) throw badRequest('the upgrade is to no WebSocket')
      const isServed = server.admission.serves(request)
      if (this.#isGone) return
      if (!isServed)
        throw new WebSocketHandshakeError(`no server has the path ${request.path}`, 404)
      this.#decide(server, request, Buffer.concat(rest))
    } catch (error) {
      this.#onFailure(error)
    }
  }

  #decide(server: ServerSide<unknown>, request: UpgradeRequest, rest: Buffer): void {
    this.#moveTo(server.endpoint)
    try {
      server.admission.checkOrigin(request)
      const decision = server.onUpgrade(request)
      if (this.#isGone) return ignore(decision)
      if (!isThenable(decision)) return this.#onDecision(server, request, decision, rest)
      this.#phase = 'deciding'
      this.#rest = Buffer.from(rest)
      decision.then(
        (decided) => this.#onLateDecision(server, request, decided),
        (error) => this.#onFailure(error)
      )
    } catch (error) {
      this.#onFailure(error)
    }
  }

  #onLateDecision(
    server: ServerSide<unknown>,
    request: UpgradeRequest,
    decision: UpgradeDecision<unknown> | undefined
  ): void {
    if (this.#isGone || this.#hasEnded) return // it took too long, or the peer has gone
    try {
      this.#link.resume()
      this.#onDecision(server, request, decision, this.#rest)
    } catch (error) {
      this.#onFailure(error)
    }
  }

  #onDecision(
    server: ServerSide<unknown>,
    request: UpgradeRequest,
    decision: UpgradeDecision<unknown> = OPEN_DECISION,
    rest: Buffer
  ): void {
    if (decision === null || typeof decision !== 'object')
      throw invalidArgType('the decision of onUpgrade', 'an object or undefined', decision)
    const { headers } = decision
    if (headers !== undefined) checkExtraHeaders(headers)
    if (decision.reject !== undefined) {
      const message = 'onUpgrade refused the request'
      const status = integer(decision.reject, 'reject', 400, 599)
      return this.#refuse(new WebSocketHandshakeError(message, status), headers)
    }
    const { endpoint, admission, topics } = server
    const protocol = decision.protocol ?? admission.protocolFor(request)
    if (protocol !== '' && !isToken(protocol))
      throw invalidArgValue('protocol', protocol, 'it is no token of HTTP')
    // RFC 6455, 4.2.2: one of the client's, or none. What it offers is the peer's doing, and no
    // exception of the program's.
    if (protocol !== '' && !request.protocols.includes(protocol))
      throw badRequest(`the client did not offer the subprotocol ${protocol}`)
    const deflate =
      endpoint.compression === undefined ? undefined : acceptDeflate(request._extensions)
    const answer = switchingProtocols(request._key, protocol, deflate?.answer, headers)
    this.#finish()
    const socket = new WebSocket(endpoint, this.#link, decision.userPtr, topics)
    this.#link.userPtr = socket
    this.#link.send(answer)
    socket._open(protocol, deflate?.windowBits ?? 0)
    if (rest.length > 0) socket._onReceive(rest)
  }

  #onFailure(error: unknown): void {
    if (this.#hasEnded && error instanceof WebSocketHandshakeError) return
    if (error instanceof WebSocketHandshakeError) return this.#refuse(error)
    // The program's own: a function that decides has thrown.
    this.#endpoint.onThrown(error)
    this.#refuse(new WebSocketHandshakeError('the server failed', 500))
  }

  #refuse(error: WebSocketHandshakeError, headers: ExtraHeaders = {}): void {
    if (this.#phase === 'over') return
    this.#phase = 'over'
    this.#round = this.#endpoint.rounds.now
    if (!this.#link.closed) {
      this.#link.resume()
      this.#link.send(refusal(error, headers))
      this.#link.end()
    }
    this.#report(error)
  }

  #report(error: Error): void {
    if (this.#isSilent) return
    this.#door.servers[0]?.onError(error)
  }

  #finish(): void {
    this.#phase = 'over'
    this.#endpoint.unwatch(this)
    this.#door.onDone(this)
  }
}

/** A promise of which nothing will come: what it may be rejected with is nobody's. */
function ignore(decision: unknown): void {
  if (isThenable(decision as PromiseLike<unknown>))
    (decision as PromiseLike<unknown>).then(undefined, () => {})
}

function readRequest(head: Buffer) {
  const parsed = parseHead(head)
  const { headers } = parsed
  const { method, url } = UpgradeRequest.readStart(parsed)
  return { method, url, headers, isUpgrade: asksForWebSocket(headers) }
}
