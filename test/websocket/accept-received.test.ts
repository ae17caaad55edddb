// Connections of which the program has read the beginning itself, as a proxy's header comes before
// the request; and what a server with TLS knows of its connections, and changes for the next ones.
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect, type TLSSocket } from 'node:tls'
import { Poller, type TcpConnection } from 'pollport'
import { type WebSocket, WebSocketServer, type WebSocketServerOptions } from 'pollport/websocket'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL, RawClient, requestText, until } from './serving.ts'

const certificateOf = async (name: string) => {
  const pems = await generate([{ name: 'commonName', value: name }], { keySize: 2048 })
  return { key: pems.private, cert: pems.cert }
}

/** Reads until the first `|`, and gives the connection to a server with what came behind it. */
function serveBehind(options: Partial<WebSocketServerOptions>) {
  const poller = new Poller<Buffer>()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const sockets: WebSocket[] = []
  const server = new WebSocketServer(poller as unknown as Poller<unknown>, {
    listener: null,
    onOpen: (socket) => void sockets.push(socket),
    ...options
  })
  const running = poller.run((events) => {
    const whole: [TcpConnection<Buffer>, Buffer][] = []
    for (const event of events) {
      if (event.type !== 'receive') continue
      const socket = event.socket as TcpConnection<Buffer>
      socket.userPtr = Buffer.concat([socket.userPtr ?? Buffer.alloc(0), event.data])
      const at = socket.userPtr.indexOf('|')
      if (at >= 0) whole.push([socket, socket.userPtr.subarray(at + 1)])
    }
    for (const [socket, rest] of whole)
      server.accept(socket as unknown as TcpConnection<unknown>, rest)
  })
  onTestFinished(async () => {
    poller.close()
    await running
  })
  return { server, port: listener.localAddress.port, sockets }
}

/** TLS over a connection on which something else came first. */
async function secureBehind(port: number, before: string): Promise<TLSSocket> {
  const raw = new RawClient(port)
  raw.socket.removeAllListeners('data')
  await raw.write(before)
  return secure(raw.socket)
}

function secure(socket: Socket): TLSSocket {
  const stream = connect({ socket, rejectUnauthorized: false })
  stream.on('error', () => {})
  onTestFinished(() => void stream.destroy())
  return stream
}

async function hears(stream: TLSSocket, text: string): Promise<void> {
  let heard = ''
  stream.on('data', (data) => {
    heard += data
  })
  await until(`${text} comes`, () => heard.includes(text))
}

test.each([0, 1, 40])(
  'what was read already counts, with %i bytes of the request',
  async (some) => {
    const { port, sockets } = serveBehind({})
    const client = new RawClient(port)
    const request = requestText()
    await client.write(`header|${request.slice(0, some)}`)
    await client.write(request.slice(some))
    expect(await client.answered()).toBe(101)
    expect(sockets).toHaveLength(1)
  }
)

test('over TLS, too', async () => {
  const { port } = serveBehind({ tls: await certificateOf('localhost') })
  const stream = await secureBehind(port, 'header|')
  stream.write(requestText())
  await hears(stream, 'HTTP/1.1 101')
})

test('nothing but a Buffer was received', () => {
  const poller = new Poller<unknown>()
  onTestFinished(() => poller.close())
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const server = new WebSocketServer(poller, { listener: null })
  const connection = poller.connectTcp(listener.localAddress)
  expect(() => server.accept(connection, 'text' as unknown as Buffer)).toThrow(TypeError)
})

test('a WebSocket after an ordinary request over TLS has its connection, as any other', async () => {
  const http = createServer((_request, response) => response.end('page'))
  const { server, port, sockets } = serveBehind({ tls: await certificateOf('localhost'), http })
  const below: unknown[] = []
  http.on('upgrade', (request, stream, head) => {
    below.push(server.connectionOf(stream), server.connectionOf(new Duplex()))
    server.upgrade(request, stream, head)
  })
  const stream = await secureBehind(port, '|')
  stream.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await hears(stream, 'page')
  stream.write(requestText())
  await until('it is open', () => sockets.length === 1)
  expect(sockets[0].connection?.bytesReceived).toBeGreaterThan(0)
  expect(below).toEqual([sockets[0].connection, undefined])
  expect(sockets[0].remoteAddress?.address).toBe(LOCAL)
})

test('setSecureContext() is for the connections that come after it', async () => {
  const { server, port } = serveBehind({ tls: await certificateOf('first') })
  const nameSeen = async () => {
    const stream = await secureBehind(port, '|')
    await until('it is secure', () => stream.getPeerCertificate().subject !== undefined)
    return stream.getPeerCertificate().subject.CN
  }
  expect(await nameSeen()).toBe('first')
  server.setSecureContext(await certificateOf('second'))
  expect(await nameSeen()).toBe('second')
  expect(() => server.setSecureContext({ key: 'no key', cert: 'none' })).toThrow()
  expect(await nameSeen()).toBe('second')
  const plain = serveBehind({}).server
  expect(() => plain.setSecureContext({})).toThrow(expect.objectContaining({ code: 'EINVAL' }))
})
