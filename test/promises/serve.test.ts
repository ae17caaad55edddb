// A server of Node's behaves under serve() as under its own listen(): each behaviour is tried both
// ways, and what is seen must be equal.
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import { Poller, serve } from 'pollport'
import { generate } from 'selfsigned'
import { describe, expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { codeOf } from '../support/raw-pair.ts'
import { type Listen, listenByNode, listenByServe, portOf } from '../support/served.ts'

const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }])
const NODE_MAJOR = Number.parseInt(process.versions.node, 10)

/** A client of bytes. */
function client(port: number): net.Socket {
  const socket = net.connect(port, LOCAL).on('error', () => {})
  onTestFinished(() => void socket.destroy())
  return socket
}

/** What comes until the server ends. */
async function textOf(socket: AsyncIterable<unknown>): Promise<string> {
  let text = ''
  for await (const piece of socket) text += String(piece)
  return text
}

/** Reads until the text has come. */
async function until(socket: net.Socket, text: string): Promise<string> {
  let seen = ''
  while (!seen.includes(text)) {
    const [piece] = await once(socket, 'data')
    seen += String(piece)
  }
  return seen
}

function connectionsOf(server: net.Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
  })
}

async function untilConnections(server: net.Server, wanted: number): Promise<number> {
  while ((await connectionsOf(server)) !== wanted)
    await new Promise((resolve) => setImmediate(resolve))
  return wanted
}

function closed(server: net.Server): Promise<Error | undefined> {
  return new Promise((resolve) => void server.close(resolve))
}

function statusOf(text: string): string {
  return text.slice(0, text.indexOf('\r\n'))
}

const hello: http.RequestListener = (_request, response) => void response.end('hello')
const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

/** Each gives what was seen. */
const behaviours: Record<string, (listen: Listen) => Promise<unknown>> = {
  'listening, address() and the events around them': async (listen) => {
    const server = http.createServer(hello)
    const seen: unknown[] = [server.listening, server.address()]
    server.on('listening', () => seen.push('listening'))
    server.on('close', () => seen.push('close'))
    listen(server)
    const port = await portOf(server)
    await new Promise((resolve) => setImmediate(resolve))
    seen.push(server.listening, { ...(server.address() as net.AddressInfo), port: port > 0 })
    seen.push(await closed(server), server.listening, server.address())
    return seen
  },

  'a port that is taken: an error, and no exception': async (listen) => {
    const first = net.createServer().listen(0, LOCAL)
    onTestFinished(() => void first.close())
    const taken = await portOf(first)
    const server = http.createServer(hello)
    listen(server, taken)
    const [{ code, syscall, errno, address, port }] = await once(server, 'error')
    return [code, syscall, errno, address, port === taken, server.listening]
  },

  'serving it twice': async (listen) => {
    const server = http.createServer(hello)
    listen(server)
    await portOf(server)
    return codeOf(() => listen(server))
  },

  'closing before it listens: no listening follows': async (listen) => {
    const server = http.createServer(hello)
    const seen: string[] = []
    server.on('listening', () => seen.push('listening'))
    listen(server)
    await closed(server)
    await new Promise((resolve) => setImmediate(resolve))
    return seen
  },

  'closing what does not listen': async (listen) => {
    const server = http.createServer(hello)
    listen(server)
    await portOf(server)
    await closed(server)
    return ((await closed(server)) as NodeJS.ErrnoException).code
  },

  'listening again after a close': async (listen) => {
    const server = http.createServer(hello)
    for (let round = 0; round < 3; round++) {
      listen(server)
      const response = await fetch(`http://${LOCAL}:${await portOf(server)}/`)
      expect(await response.text()).toBe('hello')
      server.closeAllConnections()
      await closed(server)
    }
    return server.listening
  },

  'close() waits for the request that is being answered, and ends idle connections': async (
    listen
  ) => {
    let answer: (() => void) | undefined
    const server = http.createServer((request, response) => {
      if (request.url === '/idle') response.end('hello')
      else answer = () => response.end('hello')
    })
    server.keepAliveTimeout = 1 // the one that is answered stays open that long
    listen(server)
    const port = await portOf(server)
    const idle = client(port)
    idle.write('GET /idle HTTP/1.1\r\nHost: x\r\n\r\n')
    await until(idle, 'hello')
    const busy = client(port)
    busy.write(GET)
    while (answer === undefined) await new Promise((resolve) => setImmediate(resolve))
    const seen: unknown[] = [await connectionsOf(server)]
    server.on('close', () => seen.push('close'))
    const closing = closed(server)
    seen.push(await textOf(idle), 'the idle one has ended')
    answer()
    seen.push(statusOf(await textOf(busy)))
    await closing
    seen.push(await connectionsOf(server))
    return seen
  },

  'closeIdleConnections() and closeAllConnections()': async (listen) => {
    const server = http.createServer((request, response) => {
      if (request.url === '/') response.end('hello')
    })
    listen(server)
    const port = await portOf(server)
    const [idle, busy] = [client(port), client(port)]
    idle.write(GET)
    await until(idle, 'hello')
    busy.write('GET /never HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(server, 'request')
    const seen: unknown[] = [await connectionsOf(server)]
    server.closeIdleConnections()
    seen.push(await textOf(idle), await untilConnections(server, 1))
    server.closeAllConnections()
    seen.push(await connectionsOf(server), await textOf(busy).catch(({ code }) => code))
    return seen
  },

  'headersTimeout: 408': async (listen) => {
    const server = http.createServer({ connectionsCheckingInterval: 20 }, hello)
    server.headersTimeout = 50
    listen(server)
    const socket = client(await portOf(server))
    socket.write('GET / HTTP/1.1\r\nX-Slow: ')
    return statusOf(await textOf(socket))
  },

  'requestTimeout: 408': async (listen) => {
    const server = http.createServer({ connectionsCheckingInterval: 20 }, (request, response) => {
      request.resume().on('end', () => response.end('hello'))
    })
    server.requestTimeout = 50
    server.headersTimeout = 40
    listen(server)
    const socket = client(await portOf(server))
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf')
    return statusOf(await textOf(socket))
  },

  'keepAliveTimeout ends an idle connection': async (listen) => {
    const server = http.createServer(hello)
    server.keepAliveTimeout = 50
    listen(server)
    const socket = client(await portOf(server))
    socket.write(GET)
    return statusOf(await textOf(socket))
  },

  'server.setTimeout()': async (listen) => {
    const server = http.createServer(hello)
    server.setTimeout(50)
    listen(server)
    const socket = client(await portOf(server))
    await once(socket, 'connect')
    return textOf(socket)
  },

  maxRequestsPerSocket: async (listen) => {
    const server = http.createServer(hello)
    server.maxRequestsPerSocket = 2
    listen(server)
    const socket = client(await portOf(server))
    const statuses: string[] = []
    for (let round = 0; round < 3; round++) {
      socket.write(GET)
      statuses.push(statusOf(await until(socket, round < 2 ? 'hello' : '\r\n\r\n')))
    }
    return statuses
  },

  'maxConnections drops, with a drop event': async (listen) => {
    const server = net.createServer((socket) => void socket.write('in'))
    server.maxConnections = 1
    listen(server)
    const port = await portOf(server)
    const first = client(port)
    await until(first, 'in')
    const dropping = once(server, 'drop')
    const second = client(port)
    const [dropped] = await dropping
    const rest = await textOf(second.resume()).catch(({ code }) => code)
    first.destroy()
    await untilConnections(server, 0)
    const third = client(port)
    return [
      Object.keys(dropped),
      { ...dropped, localPort: dropped.localPort === port, remotePort: dropped.remotePort > 0 },
      rest,
      await until(third, 'in')
    ]
  },

  'maxConnections 0, which this Node understands in its own way': async (listen) => {
    const server = net.createServer((socket) => void socket.end('in'))
    server.maxConnections = 0
    let drops = 0
    server.on('drop', () => drops++)
    listen(server)
    const socket = client(await portOf(server))
    return [await textOf(socket).catch(({ code }) => code), drops]
  },

  'getConnections() counts from accept to destroy()': async (listen) => {
    const sockets: net.Socket[] = []
    const server = net.createServer((socket) => void sockets.push(socket.on('error', () => {})))
    listen(server)
    const port = await portOf(server)
    const clients = [client(port), client(port), client(port)]
    const seen = [await untilConnections(server, 3)]
    sockets[0].destroy()
    seen.push(await connectionsOf(server))
    clients[1].destroy()
    clients[2].destroy()
    for (const socket of sockets) socket.resume()
    seen.push(await untilConnections(server, 0))
    return seen
  },

  'upgrade: the socket and the first bytes': async (listen) => {
    const server = http.createServer(hello)
    server.on('upgrade', (request, socket, head) => {
      socket.write(`HTTP/1.1 101 Switching\r\nUpgrade: ${request.headers.upgrade}\r\n\r\n`)
      socket.write(`[${head}]`)
      socket.on('data', (data) => socket.end(`<${data}>`))
    })
    listen(server)
    const socket = client(await portOf(server))
    socket.write('GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst')
    const begin = await until(socket, ']')
    socket.write('second')
    return [begin, await textOf(socket), await untilConnections(server, 0)]
  },

  'Expect: 100-continue, chunks, pipelining': async (listen) => {
    const server = http.createServer(async (request, response) => {
      response.end(await textOf(request))
    })
    listen(server)
    const socket = client(await portOf(server))
    socket.write('POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
    const begin = await until(socket, '100')
    const chunked = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n'
    socket.write(`abc${chunked}\r\n3\r\ndef\r\n0\r\n\r\n`)
    socket.write(`${chunked}Connection: close\r\n\r\n3\r\nghi\r\n0\r\n\r\n`)
    const text = await textOf(socket)
    return [statusOf(begin), text.match(/HTTP|abc|def|ghi/g)]
  },

  'a request that is no HTTP: clientError and 400': async (listen) => {
    const server = http.createServer(hello)
    listen(server)
    const socket = client(await portOf(server))
    socket.write('nonsense\r\n\r\n')
    const answer = statusOf(await textOf(socket))
    const failing = once(server, 'clientError')
    client(await portOf(server)).write('nonsense\r\n\r\n')
    const [{ code }, peer] = await failing
    peer.destroy()
    return [answer, code]
  },

  'a client that sends FIN after its request is still answered': async (listen) => {
    const server = http.createServer((_request, response) => {
      setTimeout(() => response.end('hello'), 20)
    })
    listen(server)
    const socket = client(await portOf(server))
    socket.end(GET)
    return statusOf(await textOf(socket))
  },

  'allowHalfOpen of a net server': async (listen) => {
    const server = net.createServer({ allowHalfOpen: true }, async (socket) => {
      socket.end(`${await textOf(socket)} and more`)
    })
    listen(server)
    const socket = client(await portOf(server))
    socket.end('all')
    return textOf(socket)
  },

  pauseOnConnect: async (listen) => {
    const server = net.createServer({ pauseOnConnect: true })
    listen(server)
    const accepting = once(server, 'connection')
    const socket = client(await portOf(server))
    socket.end('bytes')
    const [accepted] = await accepting
    const seen: unknown[] = [accepted.readableFlowing, accepted.isPaused()]
    accepted.resume()
    seen.push(await textOf(accepted))
    return seen
  },

  highWaterMark: async (listen) => {
    const server = net.createServer({ highWaterMark: 5000 } as net.ServerOpts)
    listen(server)
    const accepting = once(server, 'connection')
    client(await portOf(server))
    const [{ readableHighWaterMark, writableHighWaterMark }] = await accepting
    return [readableHighWaterMark, writableHighWaterMark]
  },

  'an exception of a connection listener is uncaught, and the server goes on': async (listen) => {
    let isFirst = true
    const server = net.createServer((socket) => {
      socket.on('error', () => {})
      if (!isFirst) return socket.end('in')
      isFirst = false
      throw new Error('mine')
    })
    listen(server)
    const port = await portOf(server)
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    const failing = once(process, 'uncaughtException')
    client(port)
    const [{ message }] = await failing
    for (const other of others) process.on('uncaughtException', other)
    return [message, await textOf(client(port))]
  },

  'await using closes it': async (listen) => {
    const server = http.createServer(hello)
    listen(server)
    await portOf(server)
    const closing = once(server, 'close')
    await (server as unknown as AsyncDisposable)[Symbol.asyncDispose]()
    await closing
    return [server.listening, server.address()]
  },

  'ref() and unref() give the server back': async (listen) => {
    const server = http.createServer(hello)
    const seen = [server.unref() === server]
    listen(server)
    await portOf(server)
    seen.push(server.ref() === server, server.unref() === server, server.ref() === server)
    return seen
  },

  'addresses of a connection': async (listen) => {
    const server = net.createServer()
    listen(server)
    const port = await portOf(server)
    const accepting = once(server, 'connection')
    const socket = client(port)
    const [accepted] = await accepting
    const { remoteAddress, remoteFamily, localAddress, localFamily, remotePort } = accepted
    return [
      [remoteAddress, remoteFamily, localAddress, localFamily],
      [remotePort === socket.localPort, accepted.localPort === port],
      accepted.server === server
    ]
  },

  'https: addresses behind TLS, keep-alive, close()': async (listen) => {
    const server = https.createServer({ key, cert }, ({ socket }, response) => {
      const { remoteAddress, remoteFamily, remotePort, localAddress, localPort } = socket
      socket.setNoDelay(true).setKeepAlive(true, 1000)
      const { address, family } = socket.address() as net.AddressInfo
      const isIp = typeof remotePort === 'number' && typeof localPort === 'number'
      response.end(String([remoteAddress, remoteFamily, localAddress, address, family, isIp]))
    })
    listen(server)
    const port = await portOf(server)
    const agent = new https.Agent({ keepAlive: true, rejectUnauthorized: false, maxSockets: 1 })
    const texts: string[] = []
    for (let round = 0; round < 2; round++) {
      const request = https.get({ host: LOCAL, port, agent })
      const [response] = await once(request, 'response')
      texts.push(await textOf(response))
    }
    const count = await connectionsOf(server)
    await closed(server)
    agent.destroy()
    return [texts, count]
  },

  'https: headersTimeout': async (listen) => {
    const server = https.createServer({ key, cert, connectionsCheckingInterval: 20 }, hello)
    server.headersTimeout = 50
    listen(server)
    const secure = tls.connect({ port: await portOf(server), rejectUnauthorized: false })
    secure.on('error', () => {}).write('GET / HTTP/1.1\r\nX-Slow: ')
    return statusOf(await textOf(secure))
  },

  'tls: a client that speaks no TLS': async (listen) => {
    const server = tls.createServer({ key, cert })
    listen(server)
    const failing = once(server, 'tlsClientError')
    client(await portOf(server)).end('nonsense nonsense')
    const [{ code }, socket] = await failing
    socket.destroy()
    return [code, await untilConnections(server, 0)]
  },

  'tls: the peer’s address on secureConnection, of a server with allowHalfOpen': async (listen) => {
    const server = tls.createServer({ key, cert, allowHalfOpen: true } as tls.TlsOptions)
    const seen: unknown[] = []
    server.on('secureConnection', async (socket) => {
      seen.push(socket.remoteAddress, socket.localAddress)
      const text = await textOf(socket)
      socket.end(`${text} and more`)
    })
    listen(server)
    const secure = tls.connect({
      port: await portOf(server),
      rejectUnauthorized: false,
      allowHalfOpen: true
    } as tls.ConnectionOptions)
    secure.end('all')
    return [await textOf(secure), seen, await untilConnections(server, 0)]
  },

  'http2 over TLS, with http/1.1 beside it': async (listen) => {
    const server = http2.createSecureServer({ key, cert, allowHTTP1: true }, (request, response) =>
      response.end(`${request.httpVersion} ${request.socket.remoteAddress}`)
    )
    listen(server)
    const port = await portOf(server)
    const session = http2.connect(`https://${LOCAL}:${port}`, { rejectUnauthorized: false })
    onTestFinished(() => session.destroy())
    const texts = [await textOf(session.request({ ':path': '/' }))]
    session.close()
    const options = { host: LOCAL, port, rejectUnauthorized: false, agent: false }
    const [response] = await once(https.get(options), 'response')
    texts.push(await textOf(response))
    await closed(server)
    return texts
  },

  'http2 without TLS: addresses of a session, and close()': async (listen) => {
    const server = http2.createServer()
    const seen: unknown[] = []
    server.on('session', ({ socket }) => {
      seen.push(socket.remoteAddress, socket.remoteFamily, socket.localAddress)
    })
    server.on('stream', (stream) => {
      stream.respond({ ':status': 200 })
      stream.end('hello')
    })
    listen(server)
    const session = http2.connect(`http://${LOCAL}:${await portOf(server)}`)
    onTestFinished(() => session.destroy())
    seen.push(await textOf(session.request({ ':path': '/' })))
    session.close()
    await closed(server)
    return seen
  }
}

describe('as with listen()', () => {
  for (const [name, behaviour] of Object.entries(behaviours)) {
    test(name, async () => {
      const byNode = await behaviour(listenByNode)
      expect(byNode).toBeDefined()
      expect(await behaviour(listenByServe())).toEqual(byNode)
    })
  }
})

test.skipIf(NODE_MAJOR < 24)('a blockList refuses its addresses', async () => {
  const blockList = new net.BlockList()
  blockList.addAddress(LOCAL)
  const seen = async (listen: Listen) => {
    const server = net.createServer({ blockList } as net.ServerOpts, (socket) => socket.end('in'))
    listen(server)
    return textOf(client(await portOf(server)).resume()).catch(({ code }) => code)
  }
  const byNode = await seen(listenByNode)
  expect(await seen(listenByServe())).toEqual(byNode)
})

test('it returns the listener; closing that, or the poller, closes the server', async () => {
  const poller = new Poller()
  const running = poller.run(() => {})
  const server = http.createServer(hello)
  const listener = serve(server, poller, { address: LOCAL, port: 0 })
  expect(listener?.localAddress.port).toBe(await portOf(server))
  let closing = once(server, 'close')
  listener?.close()
  await closing
  expect(server.listening).toBe(false)

  serve(server, poller, { address: LOCAL, port: 0 })
  await portOf(server)
  closing = once(server, 'close')
  poller.close()
  await closing
  expect(server.listening).toBe(false)
  await running
})

test('the batches of the poller have nothing of it', async () => {
  const poller = new Poller()
  const events: unknown[] = []
  const running = poller.run((batch) => void events.push(...batch))
  const server = http.createServer(hello)
  serve(server, poller, { address: LOCAL, port: 0 })
  const response = await fetch(`http://${LOCAL}:${await portOf(server)}/`)
  expect(await response.text()).toBe('hello')
  server.closeAllConnections()
  await closed(server)
  poller.close()
  await running
  expect(events).toEqual([])
})

test('wrong arguments are refused', () => {
  const poller = new Poller()
  const server = net.createServer()
  const where = { address: LOCAL, port: 0 }
  expect(codeOf(() => serve({} as never, poller, where))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(() => serve(server, {} as never, where))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(() => serve(server, poller, { host: LOCAL } as never))).toBe(
    'ERR_INVALID_ARG_VALUE'
  )
  poller.close()
  expect(codeOf(() => serve(server, poller, where))).toBe('EBADF')
  expect(server.listening).toBe(false)
})
