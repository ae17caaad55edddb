// Node's own protocols, and ws, run over pollport's connections as they do over Node's sockets:
// http, WebSocket, TLS; either side, and both.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import tls from 'node:tls'
import { type ConnectionDuplex, toDuplex } from 'pollport'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { LOCAL } from '../support/net-peer.ts'
import { runningPoller } from '../support/running-poller.ts'

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex')

/** A poller whose accepted connections become streams. */
function serving(
  onStream: (stream: ConnectionDuplex) => void,
  options: Parameters<typeof toDuplex>[1] = {}
) {
  const poller = runningPoller((connection) => onStream(toDuplex(connection, options)))
  return { poller, port: poller.listenTcp({ address: LOCAL, port: 0 }).localAddress.port }
}

/** An http server over pollport; what it serves is up to `onRequest`. */
function servingHttp(onRequest: http.RequestListener, options: http.ServerOptions = {}) {
  const server = http.createServer(options, onRequest)
  const all = new Set<ConnectionDuplex>()
  const { poller, port } = serving((stream) => {
    all.add(stream)
    stream.on('close', () => all.delete(stream))
    server.emit('connection', stream)
  })
  return { server, poller, port, all }
}

async function bodyOf(response: http.IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of response) pieces.push(piece as Buffer)
  return Buffer.concat(pieces)
}

async function ask(options: http.RequestOptions, body?: Buffer) {
  const request = http.request({ host: LOCAL, ...options })
  request.end(body)
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  return { response, body: await bodyOf(response) }
}

test('http: requests and answers are whole, small and of 8 MiB, on one connection and on many', {
  timeout: 60_000
}, async () => {
  const { port } = servingHttp(async (request, response) => {
    const body = await bodyOf(request)
    response.setHeader('x-from', request.socket.remoteAddress as string)
    response.end(request.method === 'GET' ? `you asked for ${request.url}` : body)
  })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  for (let round = 0; round < 20; round++) {
    const { response, body } = await ask({ port, agent, path: `/${round}` })
    expect(response).toMatchObject({ statusCode: 200, headers: { 'x-from': LOCAL } })
    expect(String(body)).toBe(`you asked for /${round}`)
  }
  const large = randomBytes(8 * 1024 * 1024)
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => ask({ port, method: 'POST', agent: new http.Agent() }, large))
  )
  for (const { body } of answers) expect(sha256(body)).toBe(sha256(large))
})

test('http: the client side runs over pollport too, and its connection closes when the server wants it', async () => {
  const { port, all } = servingHttp((_, response) => {
    response.setHeader('connection', 'close')
    response.end('bye')
  })
  const poller = runningPoller(() => {})
  const createConnection = () => toDuplex(poller.connectTcp({ address: LOCAL, port }))
  const { body } = await ask({ createConnection: createConnection as never })
  expect(String(body)).toBe('bye')
  while (all.size > 0 || poller.stats.sockets > 0)
    await new Promise((resolve) => setImmediate(resolve))
})

test('http: a request that is not one is answered with 400, and an idle one is cut off by the timeout of the server', async () => {
  const { server, port, all } = servingHttp(() => {})
  const wrong = net.connect(port, LOCAL)
  wrong.write('nonsense\r\n\r\n')
  expect(String((await once(wrong, 'data'))[0])).toMatch('HTTP/1.1 400 ')
  await once(wrong.resume(), 'close')

  server.timeout = 50
  const slow = net.connect(port, LOCAL)
  slow.write('GET / HTTP/1.1\r\nHost: x\r\n')
  await once(slow.resume(), 'close')
  while (all.size > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('ws: messages of every size go both ways, in order, and closing is orderly', {
  timeout: 60_000
}, async () => {
  const { server, port, all } = servingHttp((_, response) => response.writeHead(426).end())
  const sockets = new WebSocketServer({ server, maxPayload: 4 * 1024 * 1024 })
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data as Buffer, { binary: isBinary }))
  })
  const poller = runningPoller(() => {})
  const overPollport = {
    createConnection: () => toDuplex(poller.connectTcp({ address: LOCAL, port })) as never
  }
  for (const options of [{}, overPollport]) {
    const client = new WebSocket(`ws://${LOCAL}:${port}`, options)
    await once(client, 'open')
    const sent = [0, 1, 125, 126, 65_535, 65_536, 3 * 1024 * 1024].map((bytes) =>
      randomBytes(bytes)
    )
    const came: Buffer[] = []
    client.on('message', (data) => came.push(data as Buffer))
    for (const data of sent) client.send(data)
    while (came.length < sent.length) await once(client, 'message')
    expect(came.map(sha256)).toEqual(sent.map(sha256))
    const closed = once(client, 'close')
    client.close(4000, 'enough')
    expect((await closed)[0]).toBe(4000)
  }
  while (all.size > 0 || poller.stats.sockets > 0)
    await new Promise((resolve) => setImmediate(resolve))
})

test('tls: both sides over pollport, with a certificate of the test: bytes are whole, and a wrong name is refused', {
  timeout: 60_000
}, async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'lobby.test' }] }]
  })
  // Of tls's own sockets too: the server's pipe ends them, and the clients are destroyed.
  const halfOpen = { allowHalfOpen: true }
  const secureContext = tls.createSecureContext({ key, cert })
  const { port } = serving((stream) => {
    const secure = new tls.TLSSocket(stream, { isServer: true, secureContext })
    secure.on('error', () => {})
    secure.pipe(secure)
  }, halfOpen)
  const poller = runningPoller(() => {})
  const connect = (servername: string) => {
    const socket = toDuplex(poller.connectTcp({ address: LOCAL, port }), halfOpen)
    return tls.connect({ socket, servername, ca: cert })
  }
  const client = connect('lobby.test')
  await once(client, 'secureConnect')
  expect(client.authorized).toBe(true)
  const sent = randomBytes(4 * 1024 * 1024)
  client.end(sent)
  const pieces: Buffer[] = []
  for await (const piece of client) pieces.push(piece as Buffer)
  expect(sha256(Buffer.concat(pieces))).toBe(sha256(sent))

  const stranger = connect('elsewhere.test')
  expect((await once(stranger, 'error'))[0]).toMatchObject({ code: 'ERR_TLS_CERT_ALTNAME_INVALID' })

  // Node's own client, over a socket of Node's.
  const other = tls.connect({ port, host: LOCAL, servername: 'lobby.test', ca: cert })
  await once(other, 'secureConnect')
  other.write('hello')
  expect(String((await once(other, 'data'))[0])).toBe('hello')
  other.destroy()
})

/** A TLS server over pollport; each stream becomes half-open when tls has it. */
async function servingTls(onSecure: (secure: tls.TLSSocket) => void) {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }], {
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'lobby.test' }] }]
  })
  const server = tls.createServer({ key, cert }, onSecure)
  const open = new Set<ConnectionDuplex>()
  const { port } = serving((stream) => {
    open.add(stream)
    stream.on('close', () => open.delete(stream))
    server.emit('connection', stream)
    stream.allowHalfOpen = true
  })
  const client = tls.connect({ port, host: LOCAL, servername: 'lobby.test', ca: cert })
  client.allowHalfOpen = true
  onTestFinished(() => void client.destroy())
  await once(client, 'secureConnect')
  return { open, client }
}

test('TLS: what the server says after the client has finished arrives', async () => {
  const answer = randomBytes(1024 * 1024)
  const { open, client } = await servingTls((secure) =>
    secure.resume().on('end', () => secure.end(answer))
  )
  client.end('that is all')
  const pieces: Buffer[] = []
  for await (const piece of client) pieces.push(piece as Buffer)
  expect(sha256(Buffer.concat(pieces))).toBe(sha256(answer))
  while (open.size > 0) await new Promise((resolve) => setImmediate(resolve))
})

test('TLS: a client that has finished leaves no connection behind, though the server says nothing', async () => {
  const { open, client } = await servingTls((secure) => secure.resume())
  client.end()
  await once(client.resume(), 'end')
  while (open.size > 0) await new Promise((resolve) => setImmediate(resolve))
})
