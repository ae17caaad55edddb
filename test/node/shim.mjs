// Preloaded into a test of Node's: gives it connections of a transport in place of Node's own
// sockets. `net.connect` and every server's `listen()` (http's, https's, tls's and http2's are
// servers of net) use the transport; what it cannot give goes to Node itself: Unix sockets,
// descriptors, names that need DNS, and `new net.Socket()`. Loopback's addresses alone.
import { appendFileSync } from 'node:fs'
import http from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import { addAbortSignal, Duplex } from 'node:stream'
import tls from 'node:tls'

const { POLLPORT_NODE_TRANSPORT: transportFile, POLLPORT_NODE_TALLY: tally } = process.env

const nodes = {
  connect: net.connect,
  listen: net.Server.prototype._listen2,
  tlsConnect: tls.connect
}
const transport = await import(transportFile)

// A test that opens no connection shows nothing about connections: the runner wants to know.
let isCounted = false
function count() {
  if (isCounted) return
  isCounted = true
  appendFileSync(tally, 'a connection\n')
}

const loopback = new Map([
  [undefined, '127.0.0.1'],
  ['', '127.0.0.1'],
  ['localhost', '127.0.0.1']
])

function isPort(port) {
  if (typeof port !== 'number' && typeof port !== 'string') return false
  return String(port).trim() !== '' && Number.isInteger(+port) && +port >= 0 && +port <= 65_535
}

/**
 * Whether a transport can make this connection: what is left to Node is also every argument that
 * Node refuses.
 */
function canConnect(options) {
  const { host, port, path, lookup, fd, handle, onread, localAddress, localPort } = options
  if (path || lookup || onread || fd !== undefined || handle || !isPort(port)) return false
  if (options.objectMode || options.readableObjectMode || options.writableObjectMode) return false
  if (!['undefined', 'boolean'].includes(typeof options.autoSelectFamily)) return false
  if (options.autoSelectFamilyAttemptTimeout !== undefined) return false
  if (localAddress !== undefined && net.isIP(localAddress) === 0) return false
  if (localPort !== undefined && !isPort(localPort)) return false
  if (host === undefined || host === null) return true
  return loopback.has(host) || net.isIP(host) !== 0
}

/**
 * Does `leave` as soon as the stream begins to be destroyed: it is then that a net.Socket tells its
 * server.
 */
function onDestroy(stream, leave) {
  const { _destroy: destroy } = stream
  stream._destroy = function (error, done) {
    leave()
    destroy.call(this, error, done)
  }
}

function failed(error) {
  const stream = new Duplex({ read() {}, write() {} })
  setImmediate(() => stream.destroy(error)) // A net.Socket fails when its name has been looked up.
  return stream
}

function connect(...args) {
  const [options, onConnect] = net._normalizeArgs(args)
  if (!canConnect(options)) return nodes.connect(...args)
  count()
  const address = loopback.get(options.host ?? undefined) ?? options.host
  let stream
  try {
    stream = transport.connect({ ...options, address, port: +options.port })
  } catch (error) {
    return failed(error)
  }
  if (onConnect !== null) stream.once('connect', onConnect)
  if (options.noDelay) stream.setNoDelay(true)
  if (options.keepAlive) stream.setKeepAlive(true, options.keepAliveInitialDelay)
  if (options.timeout) stream.setTimeout(options.timeout)
  if (options.signal) addAbortSignal(options.signal, stream)
  return stream
}

function tlsConnect(...args) {
  const [first, second] = args
  // As tls itself sorts its arguments: (options), (port, options), (port, host, options).
  const [options, onSecure] = net._normalizeArgs(args)
  const given = [second, args[2]].find((arg) => arg !== null && typeof arg === 'object')
  const all = { ...options, ...given }
  if (first === undefined || all.socket || all.secureContext === null || !canConnect(all))
    return nodes.tlsConnect(...args)
  const { signal, timeout, ...rest } = all
  const socket = connect({ ...rest, allowHalfOpen: false })
  const secure = nodes.tlsConnect({ ...all, socket }, ...(onSecure === null ? [] : [onSecure]))
  socket.allowHalfOpen = true // See onConnection.
  if (timeout) secure.setTimeout(timeout)
  return secure
}

/** What net.Server asks of its handle. */
class ServerHandle {
  #listener

  constructor(listener) {
    this.#listener = listener
  }

  getsockname(out) {
    return Object.assign(out, this.#listener.address()) && 0
  }

  close() {
    this.#listener.close()
  }

  ref() {
    this.#listener.ref?.()
  }

  unref() {
    this.#listener.unref?.()
  }

  getAsyncId() {
    return 0
  }
}

function onConnection(server, peer, make) {
  if (server.maxConnections && server._connections >= server.maxConnections) {
    peer.refuse()
    server.emit('drop', peer.endPoints())
    return
  }
  const { allowHalfOpen, highWaterMark } = server
  const stream = make({ allowHalfOpen, highWaterMark })
  server._connections++
  onDestroy(stream, () => {
    server._connections--
    server._emitCloseIfDrained()
  })
  stream.server = server
  stream._server = server
  if (server.noDelay) stream.setNoDelay(true)
  if (server.keepAlive) stream.setKeepAlive(true, server.keepAliveInitialDelay * 1000)
  server.emit('connection', stream)
  // tls ends the stream itself, and may have to say more after the peer's FIN; its own socket has
  // taken over by now that it is not half-open.
  if (server instanceof tls.Server) stream.allowHalfOpen = true
}

function listen(address, port, addressType, backlog, fd, flags) {
  if (this._handle || addressType === -1 || (typeof fd === 'number' && fd >= 0)) {
    return nodes.listen.call(this, address, port, addressType, backlog, fd, flags)
  }
  count()
  const options = {
    address: address || '::',
    port: port ?? 0,
    backlog: backlog || 511,
    ipv6Only: Boolean(flags & 1)
  }
  const onError = (error) => {
    this._handle = null
    process.nextTick(() => this.emit('error', error))
  }
  let listener
  try {
    listener = transport.listen(options, (peer, make) => onConnection(this, peer, make), onError)
  } catch (error) {
    onError(error)
    return
  }
  this._handle = new ServerHandle(listener)
  this._connectionKey = `${addressType ?? 6}:${options.address}:${port}`
  if (this._unref) this.unref()
  process.nextTick(() => {
    if (this._handle) this.emit('listening')
  })
}

net.connect = net.createConnection = connect
net.Server.prototype._listen2 = listen
tls.connect = tlsConnect
http.Agent.prototype.createConnection = connect
syncBuiltinESMExports()
