// The control, a transport for shim.mjs: Node's own sockets behind a plain stream.Duplex. What a
// test asks beyond a stream fails here too.
import net from 'node:net'
import { Duplex } from 'node:stream'

const listenInNode = net.Server.prototype._listen2 // shim.mjs puts its own there

class NetDuplex extends Duplex {
  #socket

  constructor(socket, options) {
    super(options)
    this.#socket = socket
    socket.on('data', (data) => {
      if (!this.push(data)) socket.pause()
    })
    socket.on('end', () => {
      this.push(null)
      // As net.Socket does: the end comes without a reader when nothing is left to read.
      this.read(0)
    })
    socket.on('error', (error) => this.destroy(error))
    socket.on('close', () => this.destroy())
    for (const name of ['connect', 'ready', 'timeout']) socket.on(name, () => this.emit(name))
  }

  _read() {
    this.#socket.resume()
  }

  _write(chunk, encoding, done) {
    this.#socket.write(chunk, encoding, done)
  }

  _final(done) {
    this.#socket.end(done)
  }

  _destroy(error, done) {
    if (this.#socket.closed) return done(error)
    this.#socket.once('close', () => done(error))
    this.#socket.destroy()
  }

  setTimeout(ms, onTimeout) {
    if (onTimeout !== undefined) {
      if (ms === 0) this.off('timeout', onTimeout)
      else this.once('timeout', onTimeout)
    }
    this.#socket.setTimeout(ms)
    return this
  }

  destroySoon() {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  resetAndDestroy() {
    this.#socket.resetAndDestroy()
    return this
  }

  address() {
    return this.#socket.address()
  }

  static {
    for (const name of ['setNoDelay', 'setKeepAlive', 'ref', 'unref']) {
      NetDuplex.prototype[name] = function (...args) {
        this.#socket[name](...args)
        return this
      }
    }
    const names = [
      'remoteAddress',
      'remotePort',
      'remoteFamily',
      'localAddress',
      'localPort',
      'localFamily',
      'timeout'
    ]
    for (const name of [
      ...names,
      'bytesRead',
      'bytesWritten',
      'connecting',
      'pending',
      'readyState',
      'bufferSize'
    ]) {
      Object.defineProperty(NetDuplex.prototype, name, {
        configurable: true,
        get() {
          return this.#socket[name]
        }
      })
    }
  }
}

export function connect({ address, port, localAddress, localPort, allowHalfOpen, highWaterMark }) {
  const socket = new net.Socket({ allowHalfOpen: true })
  socket.connect({ host: address, port, localAddress, localPort })
  return new NetDuplex(socket, { allowHalfOpen: Boolean(allowHalfOpen), highWaterMark })
}

export function listen({ address, port, backlog, ipv6Only }, onConnection, onError) {
  const server = new net.Server({ allowHalfOpen: true })
  listenInNode.call(
    server,
    address,
    port,
    net.isIPv6(address) ? 6 : 4,
    backlog,
    undefined,
    ipv6Only ? 1 : 0
  )
  server.on('error', onError)
  server.on('connection', (socket) => {
    const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = socket
    const ends = { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily }
    const peer = { refuse: () => socket.destroy(), endPoints: () => ends }
    onConnection(
      peer,
      (options) =>
        new NetDuplex(socket, { ...options, allowHalfOpen: Boolean(options.allowHalfOpen) })
    )
  })
  return {
    address: () => server.address(),
    close: () => server.close(),
    ref: () => server.ref(),
    unref: () => server.unref()
  }
}
