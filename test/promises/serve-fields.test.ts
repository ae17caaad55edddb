// What serve() takes of Node's servers that is in no documentation: every field and method, and who
// calls what. A Node that changes one of them fails here, and names it.
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import net from 'node:net'
import { Duplex, getDefaultHighWaterMark } from 'node:stream'
import tls from 'node:tls'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'
import { codeOf } from '../support/raw-pair.ts'
import { listenByNode, portOf } from '../support/served.ts'

const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }])

/** A server with what is in no typings. */
interface Fields extends net.Server {
  [name: string]: unknown
}

/** A handle that notes which of its members are asked for; it answers to those that it has. */
function noting(members: object): { handle: object; asked: Set<string> } {
  const asked = new Set<string>()
  const handle = new Proxy(members, {
    get(target, name) {
      if (typeof name === 'string') asked.add(name)
      return Reflect.get(target, name)
    }
  })
  return { handle, asked }
}

/** Two ends of a connection in memory, none of them Node's own socket. */
function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = []
  for (const other of [1, 0])
    ends.push(
      new Duplex({
        read() {},
        write(chunk, _encoding, done) {
          ends[other].push(chunk)
          done()
        },
        final(done) {
          ends[other].push(null)
          done()
        }
      })
    )
  return ends as [Duplex, Duplex]
}

test('fields of a server that does not listen', () => {
  const servers = {
    net: net.createServer(),
    http: http.createServer(),
    tls: tls.createServer(),
    http2: http2.createServer()
  }
  for (const [name, server] of Object.entries(servers)) {
    const { _handle, _connections, _unref } = server as unknown as Fields
    expect({ name, _handle, _connections, _unref }).toEqual({
      name,
      _handle: null,
      _connections: 0,
      _unref: false
    })
    expect((server as unknown as Fields)._emitCloseIfDrained).toBeTypeOf('function')
  }
})

test('fields that the options of createServer() become', () => {
  const fieldsOf = (server: net.Server) => {
    const { allowHalfOpen, pauseOnConnect, keepAlive, keepAliveInitialDelay, highWaterMark } =
      server as Fields
    return { allowHalfOpen, pauseOnConnect, keepAlive, keepAliveInitialDelay, highWaterMark }
  }
  expect(fieldsOf(net.createServer())).toEqual({
    allowHalfOpen: false,
    pauseOnConnect: false,
    keepAlive: false,
    keepAliveInitialDelay: 0,
    highWaterMark: getDefaultHighWaterMark(false)
  })
  const options = {
    allowHalfOpen: true,
    pauseOnConnect: true,
    keepAlive: true,
    keepAliveInitialDelay: 5000,
    highWaterMark: 1234
  }
  expect(fieldsOf(net.createServer(options as net.ServerOpts))).toEqual({
    ...options,
    keepAliveInitialDelay: 5 // seconds
  })
  expect((http.createServer() as unknown as Fields).allowHalfOpen).toBe(true)
})

test('a server calls of its handle getsockname, ref, unref and close, and nothing else', async () => {
  const calls: string[] = []
  const { handle, asked } = noting({
    getsockname: (out: object) => {
      calls.push('getsockname')
      Object.assign(out, { address: '1.2.3.4', family: 'IPv4', port: 5 })
      return 0
    },
    ref: () => void calls.push('ref'),
    unref: () => void calls.push('unref'),
    close: () => void calls.push('close')
  })
  const server = http.createServer() as unknown as Fields & http.Server
  server._handle = handle
  expect(server.listening).toBe(true)
  expect(server.address()).toEqual({ address: '1.2.3.4', family: 'IPv4', port: 5 })
  server.unref()
  expect(server._unref).toBe(true)
  server.ref()
  expect(server._unref).toBe(false)
  expect(codeOf(() => server.listen(0))).toBe('ERR_SERVER_ALREADY_LISTEN')
  server.emit('listening')
  server.closeIdleConnections()
  server.closeAllConnections()
  server._connections = 2
  let isClosed = false
  server.close(() => {
    isClosed = true
  })
  expect(server._handle).toBe(null)
  expect(calls).toEqual(['getsockname', 'unref', 'ref', 'close'])
  expect([...asked].sort()).toEqual(['close', 'getsockname', 'ref', 'unref'])
  expect(await new Promise((resolve) => server.getConnections((_, n) => resolve(n)))).toBe(2)
  // 'close' comes when both have left, and the second says so.
  server._connections = 0
  expect(isClosed).toBe(false)
  ;(server._emitCloseIfDrained as () => void)()
  await once(server, 'close')
  expect(isClosed).toBe(true)
})

test('http looks at its timeouts from its listening on', async () => {
  const server = http.createServer({ connectionsCheckingInterval: 10 })
  server.headersTimeout = 20
  const [far, near] = pair()
  server.emit('listening')
  server.emit('connection', near)
  far.write('GET / HTTP/1.1\r\nX-Slow: ')
  const [answer] = await once(far, 'data')
  expect(String(answer)).toContain('408')
  server.close()
})

test('TLS around a stream asks _handle._parentWrap’s handle for addresses and options', async () => {
  const server = tls.createServer({ key, cert })
  const [far, near] = pair()
  server.emit('connection', near)
  tls.connect({ socket: far, rejectUnauthorized: false }).on('error', () => {})
  const [socket] = await once(server, 'secureConnection')
  onTestFinished(() => socket.destroy())
  const wrap = socket._handle._parentWrap
  expect(wrap.stream).toBe(near)
  expect(wrap._handle).toBe(socket._handle._parent)
  expect(addressesBy(socket, wrap._handle)).toEqual(addresses)
})

test('http2 around a stream asks its session’s socket’s handle for addresses', async () => {
  const server = http2.createServer()
  const [far, near] = pair()
  const opening = once(server, 'session')
  server.emit('connection', near)
  const client = http2.connect('http://x', { createConnection: () => far })
  client.on('error', () => {})
  const [session] = await opening
  onTestFinished(() => {
    client.destroy()
    session.destroy()
  })
  expect(session.socket.stream).toBe(near)
  expect(session.socket._handle).toBeTypeOf('object')
  expect(addressesBy(session.socket, session.socket._handle)).toEqual(addresses)
})

test('what Node itself accepts has the field `server`', async () => {
  const server = net.createServer()
  listenByNode(server)
  const peer = net.connect(await portOf(server))
  const [socket] = await once(server, 'connection')
  expect(socket.server).toBe(server)
  peer.destroy()
  socket.destroy()
})

const addresses = ['1.2.3.4', 'IPv4', 5, '6.7.8.9', 10]

/** What a socket says when its handle has these members. */
function addressesBy(socket: net.Socket, handle: object): unknown[] {
  Object.assign(handle, {
    getpeername: (out: object) => {
      Object.assign(out, { address: '1.2.3.4', family: 'IPv4', port: 5 })
      return 0
    },
    getsockname: (out: object) => {
      Object.assign(out, { address: '6.7.8.9', family: 'IPv4', port: 10 })
      return 0
    }
  })
  const { remoteAddress, remoteFamily, remotePort, localAddress, localPort } = socket
  return [remoteAddress, remoteFamily, remotePort, localAddress, localPort]
}
