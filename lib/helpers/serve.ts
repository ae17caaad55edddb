// A server of node:net, http, https, http2 or tls on a listener of a poller: does for it what its
// own listen() does, on the public listener and toDuplex(). Which of Node's own fields that takes
// is listed here, and test/promises/serve-fields.test.ts holds Node to it.
import { Server } from 'node:net'
import { type Duplex, getDefaultHighWaterMark } from 'node:stream'
import { type TLSSocket, Server as TlsServer } from 'node:tls'
import type { SocketAddress } from '../address.ts'
import { asNodesError, invalidArgType, SocketError, serverListensAlready } from '../errors.ts'
import type { ListenBoundOptions, ListenTcpOptions } from '../poller/options.ts'
import { Poller } from '../poller/poller.ts'
import type { TcpConnection } from '../poller/tcp-connection.ts'
import type { TcpListener } from '../poller/tcp-listener.ts'
import { atNextTick } from '../turns.ts'
import { type ConnectionDuplex, type ToDuplexOptions, toDuplex } from './duplex.ts'

const NODE_MAJOR = Number.parseInt(process.versions.node, 10)

/** An end point as Node has it. */
interface NodesAddress {
  address: string
  family: 'IPv4' | 'IPv6'
  port: number
}

/** What a net.Server calls on its handle, which it has while it listens. */
interface ServerHandle {
  getsockname(out: object): number
  close(): void
  ref(): void
  unref(): void
}

/** What is in no typings, or not in those of Node 20. */
interface NodesServer extends Server {
  _handle: ServerHandle | null
  /** How many connections are open. */
  _connections: number
  /** `'close'`, if neither a handle nor a connection is left. */
  _emitCloseIfDrained(): void
  /** Whether `unref()` was called, perhaps before it listens. */
  _unref: boolean
  // As the options of createServer() said.
  allowHalfOpen: boolean
  pauseOnConnect: boolean
  keepAlive: boolean
  /** In seconds. */
  keepAliveInitialDelay: number
  highWaterMark: number
  blockList?: { check(address: string, family: 'ipv4' | 'ipv6'): boolean }
}

interface NodesTlsSocket extends TLSSocket {
  readonly _handle?: { readonly _parentWrap?: StreamWrap } | null
}

/** What Node puts around a stream that is none of its own, for TLS and for http2. */
interface StreamWrap {
  readonly stream?: Duplex
  readonly _handle?: object | null
}

/**
 * Serves a server of Node's (`http`, `https`, `http2`, `tls`, `net`, and what is built on them:
 * Express, Fastify, socket.io) on a listener of a poller, in place of its `listen()`.
 *
 * The server behaves as with `listen()`: `'listening'` and `address()`, `close()` and its
 * `'close'`, `closeIdleConnections()`, `headersTimeout`, `requestTimeout` and `keepAliveTimeout`,
 * `maxConnections` with `'drop'`, `'upgrade'`, `getConnections()`, `ref()` and `unref()`,
 * `await using`. Each connection is a {@link ConnectionDuplex}, also for `remoteAddress` behind
 * TLS. The poller's batches have neither the listener's events nor those of its connections.
 *
 * It works in Node's loop alone: by {@link Poller.run}, which you call, or by a {@link runLoop}
 * that is not `exclusive`. A bare `wait()` that would block it throws `EDEADLK`.
 *
 * `noDelay` is an option of the listener, true if you do not give it, and not the server's. With
 * `unref()`, do not `await` the promise of `run()`: Node ends a program that waits for nothing else
 * with the exit code 13.
 * @category Helpers
 * @param server a server that does not listen; `close()` ends it, and then you can serve it again
 * @param poller the poller to listen on; closing it closes the server
 * @param options where to listen, as for {@link Poller.listenTcp}
 * @returns the listener; undefined if the system refuses to listen (`EADDRINUSE`, `EACCES`, …): as
 *   with `listen()`, an `'error'` of the server follows. So does one when descriptors run out, if
 *   the server has a listener for it; otherwise it is a warning of the process.
 * @throws TypeError and RangeError as `listenTcp()`, and for what is no server of Node's; Error
 *   `ERR_SERVER_ALREADY_LISTEN`; SocketError `EBADF` for a closed poller, `EDEADLK` inside an
 *   exclusive `runLoop`
 * @example
 * ```ts
 * import { createServer, get } from 'node:http'
 * import { Poller, serve } from 'pollport'
 *
 * const server = createServer((_request, response) => response.end('hello'))
 * const poller = new Poller()
 * serve(server, poller, { address: '127.0.0.1', port: 0 })
 * server.on('listening', () => {
 *   const { port } = server.address() as { port: number }
 *   get({ port, agent: false }, (response) => {
 *     console.log(response.statusCode) // 200
 *     response.resume().on('end', () => server.close(() => poller.close()))
 *   })
 * })
 * await poller.run(() => {})
 * ```
 */
export function serve(
  server: Server,
  poller: Poller<never> | Poller<unknown>,
  options: ListenTcpOptions | ListenBoundOptions
): TcpListener<unknown> | undefined {
  if (!(server instanceof Server)) throw invalidArgType('server', 'a server of Node', server)
  if (!(poller instanceof Poller)) throw invalidArgType('poller', 'a Poller', poller)
  if (server.listening) throw serverListensAlready()
  const owner = poller as Poller<unknown>
  owner._assertGivesTurns('listen')
  const listener = listen(server, owner, options)
  if (listener !== undefined) new Serving(server as NodesServer, owner, listener).begin()
  return listener
}

/** What the system refuses is an event of the server; a wrong call throws. */
function listen(
  server: Server,
  poller: Poller<unknown>,
  options: ListenTcpOptions | ListenBoundOptions
): TcpListener<unknown> | undefined {
  try {
    return poller.listenTcp(options)
  } catch (error) {
    if (!(error instanceof SocketError) || error.code === 'EBADF') throw error
    atNextTick(() => server.emit('error', asNodesError(error)))
    return undefined
  }
}

/** A server while it listens, and the connections that came meanwhile. */
class Serving {
  readonly #server: NodesServer
  readonly #poller: Poller<unknown>
  readonly #listener: TcpListener<unknown>
  readonly #handle: ServerHandle
  readonly #isTls: boolean

  constructor(server: NodesServer, poller: Poller<unknown>, listener: TcpListener<unknown>) {
    this.#server = server
    this.#poller = poller
    this.#listener = listener
    this.#isTls = server instanceof TlsServer
    this.#handle = {
      getsockname: (out) => {
        Object.assign(out, nodesAddress(listener.localAddress))
        return 0
      },
      close: () => listener.close(),
      ref: () => listener.ref(),
      unref: () => listener.unref()
    }
  }

  begin(): void {
    const server = this.#server
    nameStreamsOf(server)
    this.#listener.divert((event) => {
      if (event.type === 'accept') this.#onAccept(event.socket)
      else if (event.type === 'error') this.#onAcceptError(asNodesError(event.error))
      // The listener, or the poller, was closed and not the server.
      else if (server._handle === this.#handle) server.close()
    })
    server._handle = this.#handle
    if (server._unref) this.#listener.unref()
    // No connection comes before 'listening', which http waits for to look at its timeouts.
    this.#listener.pause()
    this.#poller._needTurn()
    atNextTick(() => {
      if (server._handle !== this.#handle || this.#listener.closed) return
      this.#listener.resume()
      server.emit('listening')
    })
  }

  #onAccept(connection: TcpConnection<unknown>): void {
    const server = this.#server
    if (isFull(server)) {
      const dropped = endPointsOf(connection)
      connection.close()
      server.emit('drop', dropped)
      return
    }
    if (server.blockList !== undefined && isBlocked(server.blockList, connection)) {
      connection.close()
      return
    }
    this.#poller._needTurn()
    const stream = toDuplex(connection, streamOptions(server)) as ConnectionDuplex & {
      server?: Server
    }
    if (server.keepAlive) stream.setKeepAlive(true, server.keepAliveInitialDelay * 1000)
    if (server.pauseOnConnect) stream.pause()
    server._connections++
    stream._onLeave = this.#onLeave
    stream.server = server
    server.emit('connection', stream)
    // TLS ends the stream itself, and may write after the peer's FIN; its own socket has taken over
    // by now that it is not half-open.
    if (this.#isTls) stream.allowHalfOpen = true
  }

  readonly #onLeave = (): void => {
    this.#server._connections--
    this.#server._emitCloseIfDrained()
  }

  // It goes on by itself: without a listener for it, it ends no program.
  #onAcceptError(error: Error): void {
    if (this.#server.listenerCount('error') > 0) this.#server.emit('error', error)
    else process.emitWarning(error)
  }
}

function streamOptions({ allowHalfOpen, highWaterMark }: NodesServer): ToDuplexOptions {
  const options: ToDuplexOptions = { allowHalfOpen }
  // Node's default is that of any stream, and says nothing about chunks.
  if (highWaterMark === getDefaultHighWaterMark(false)) return options
  return {
    ...options,
    readableHighWaterMark: highWaterMark,
    writableHighWaterMark: highWaterMark
  }
}

function isFull({ maxConnections, _connections }: NodesServer): boolean {
  // 0 admits none, and was no limit before Node 21 (Node.js documentation,
  // "server.maxConnections").
  if (maxConnections === undefined || maxConnections === null) return false
  if (maxConnections === 0 && NODE_MAJOR < 21) return false
  return _connections >= maxConnections
}

function isBlocked(
  blockList: NonNullable<NodesServer['blockList']>,
  { remoteAddress: { address, family } }: TcpConnection<unknown>
): boolean {
  return blockList.check(address, family)
}

/** As the `'drop'` event has them. */
function endPointsOf({ localAddress, remoteAddress }: TcpConnection<unknown>): object {
  const local = nodesAddress(localAddress)
  const remote = nodesAddress(remoteAddress)
  return {
    localAddress: local.address,
    localPort: local.port,
    localFamily: local.family,
    remoteAddress: remote.address,
    remotePort: remote.port,
    remoteFamily: remote.family
  }
}

function nodesAddress({ address, family, port }: SocketAddress): NodesAddress {
  return { address, family: family === 'ipv4' ? 'IPv4' : 'IPv6', port }
}

// ---- Streams below TLS and http2 ----

const named = new WeakSet<Server>()

/**
 * Node's own sockets around a stream ask a handle for their addresses, which a stream of ours has
 * not: it gets one's answers, before the server's own listeners see the socket.
 */
function nameStreamsOf(server: Server): void {
  if (named.has(server)) return
  named.add(server)
  if (!(server instanceof TlsServer)) {
    // Of http2 without TLS; the others have no such event.
    server.prependListener('session', ({ socket }: { socket: StreamWrap }) => name(socket))
    return
  }
  const onSocket = (socket: TLSSocket) => name((socket as NodesTlsSocket)._handle?._parentWrap)
  server.prependListener('secureConnection', onSocket)
  server.prependListener('tlsClientError', (_error, socket) => onSocket(socket))
}

function name(wrap: StreamWrap | undefined): void {
  const stream = wrap?.stream as ConnectionDuplex | undefined
  const handle = wrap?._handle
  if (stream === undefined || handle === undefined || handle === null) return
  Object.assign(handle, {
    getpeername: (out: object) => {
      const { remoteAddress: address, remoteFamily: family, remotePort: port } = stream
      Object.assign(out, { address, family, port })
      return 0
    },
    getsockname: (out: object) => {
      Object.assign(out, stream.address())
      return 0
    },
    setNoDelay: (noDelay: boolean) => {
      stream.setNoDelay(noDelay)
      return 0
    },
    setKeepAlive: (enable: boolean, seconds: number) => {
      stream.setKeepAlive(enable, seconds * 1000)
      return 0
    }
  })
}
