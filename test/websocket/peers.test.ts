// WebSockets that others wrote understand ours, and ours them: `ws` as client and as server, and
// Node's own client where Node has one.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connectWebSocket } from 'pollport/websocket'
import { generate } from 'selfsigned'
import { describe, expect, onTestFinished, test } from 'vitest'
import Peer, { WebSocketServer as PeerServer } from 'ws'
import { LOCAL, serve, until } from './serving.ts'

describe.each([
  ['without compression', false],
  ['with compression', true]
])('ws as a client, %s', (_, isCompressing) => {
  const options = isCompressing ? { compression: { thresholdBytes: 10 } } : {}

  test('sends, receives, pings, and closes', async () => {
    const { port, words } = serve({ protocols: ['p'], maxMessageBytes: 2 ** 24, ...options })
    const peer = new Peer(`ws://${LOCAL}:${port}/`, ['p'], {
      perMessageDeflate: isCompressing ? { threshold: 0 } : false
    })
    const got: (string | Buffer)[] = []
    peer.on('message', (data: Buffer, isBinary) => got.push(isBinary ? data : data.toString()))
    await once(peer, 'open')
    expect(peer.protocol).toBe('p')
    expect(peer.extensions.includes('permessage-deflate')).toBe(isCompressing)
    const bytes = Buffer.from(Array.from({ length: 3_000_000 }, (_, at) => at * 7))
    peer.send('κόσμε')
    peer.send('')
    peer.send(bytes)
    peer.send('in ', { fin: false })
    peer.send('pieces', { fin: true })
    peer.ping('there?')
    await Promise.all([once(peer, 'pong'), until('all came back', () => got.length === 4)])
    expect(got[0]).toBe('κόσμε')
    expect(got[1]).toBe('')
    expect(bytes.equals(got[2] as Buffer)).toBe(true)
    expect(got[3]).toBe('in pieces')
    peer.close(4000, 'bye')
    const [code] = await once(peer, 'close')
    expect(code).toBe(4000)
    await until('it is told', () => words.length === 2)
    expect(words).toEqual(['open', 'close 4000 bye'])
  })

  test('ws as a server', async () => {
    const peers = new PeerServer({ port: 0, host: LOCAL, perMessageDeflate: isCompressing })
    onTestFinished(() => void peers.close())
    peers.on('connection', (peer) => {
      peer.on('message', (data: Buffer, isBinary) => peer.send(data, { binary: isBinary }))
    })
    await once(peers, 'listening')
    const { poller } = serve()
    const told: string[] = []
    const sent = ['short', 'long '.repeat(50_000), '']
    connectWebSocket(poller, {
      address: LOCAL,
      port: (peers.address() as AddressInfo).port,
      ...options,
      onOpen(socket) {
        told.push(`open ${socket.isCompressing}`)
        for (const message of sent) socket.send(message)
        socket.send(Buffer.alloc(70_000, 3))
      },
      onMessage(socket, data, isText) {
        told.push(isText ? socket.text(data) : `${data.length} bytes of ${data[0]}`)
        if (told.length === 5) socket.close(4001, 'done')
      },
      onClose: (_socket, code, reason) => void told.push(`close ${code} ${reason}`)
    })
    await until('it is closed', () => told.length === 6)
    expect(told).toEqual([`open ${isCompressing}`, ...sent, '70000 bytes of 3', 'close 4001 done'])
  })
})

test('ws over TLS, and connectWebSocket over TLS', async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }])
  const { port, words, sockets, poller } = serve({ tls: { key, cert } })
  const peer = new Peer(`wss://${LOCAL}:${port}/`, { rejectUnauthorized: false })
  await once(peer, 'open')
  expect(sockets[0].remoteAddress?.address).toBe(LOCAL)
  peer.send('x'.repeat(100_000))
  const [data] = await once(peer, 'message')
  expect((data as Buffer).length).toBe(100_000)
  peer.close(1000)
  await once(peer, 'close')
  await until('it is told', () => words.includes('close 1000'))

  const told: string[] = []
  connectWebSocket(poller, {
    address: LOCAL,
    port,
    tls: { rejectUnauthorized: false },
    onOpen: (socket) => void socket.send('secret'),
    onMessage(socket, message) {
      told.push(socket.text(message))
      socket.close(1000)
    },
    onClose: (_socket, code) => void told.push(`close ${code}`)
  })
  await until('it is closed', () => told.length === 2)
  expect(told).toEqual(['secret', 'close 1000'])
})

test('a client of no TLS at a server of TLS is an onError', async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }])
  const { port, words } = serve({ tls: { key, cert } })
  const peer = new Peer(`ws://${LOCAL}:${port}/`)
  await once(peer, 'error')
  await until('it is told', () => words.length === 1)
  expect(words[0]).toMatch(/^error /)
})

test('http beside it on the same port: plain requests, also before an upgrade on one connection', async () => {
  const http = createServer((request, response) => response.end(`page ${request.url}`))
  const serving = serve({ http })
  http.on('upgrade', (request, stream, head) => serving.server.upgrade(request, stream, head))
  const { port } = serving
  expect(await (await fetch(`http://${LOCAL}:${port}/a`)).text()).toBe('page /a')
  const posted = await fetch(`http://${LOCAL}:${port}/b`, { method: 'POST', body: 'x'.repeat(1e5) })
  expect(await posted.text()).toBe('page /b')

  const { RawClient, requestText } = await import('./serving.ts')
  const { decode, text } = await import('./frames.ts')
  const client = new RawClient(port)
  await client.write('GET /first HTTP/1.1\r\nHost: a\r\n\r\n')
  await until('the page comes', () => client.text.includes('page /first'))
  client.forgetReceived()
  await client.write(Buffer.concat([Buffer.from(requestText()), text('with the head')]))
  await until('the echo comes', () => client.frames.length === 15)
  await client.write(text('later'))
  await until('the echo comes', () => client.frames.length === 22)
  expect(decode(client.frames, { role: 'client' })).toEqual(['text with the head', 'text later'])
  expect(serving.sockets[0].connection).toBeDefined()
  const peer = new Peer(`ws://${LOCAL}:${port}/`)
  await once(peer, 'open')
  peer.terminate()
})

/** A plain server of Node's that gives its upgrades to a WebSocketServer of `/play`. */
async function upgradingServer() {
  const http = createServer()
  const serving = serve({ path: '/play' })
  http.on('upgrade', (request, stream, head) => serving.server.upgrade(request, stream, head))
  http.listen(0, LOCAL)
  await once(http, 'listening')
  onTestFinished(() => void http.close())
  const { port } = http.address() as AddressInfo
  return { serving, port }
}

test('upgrade() of a plain server of Node’s', async () => {
  const { serving, port } = await upgradingServer()
  const peer = new Peer(`ws://${LOCAL}:${port}/play`)
  await once(peer, 'open')
  peer.send('over a net.Socket')
  const [data] = await once(peer, 'message')
  expect(String(data)).toBe('over a net.Socket')
  peer.close(1000)
  await once(peer, 'close')
  await until('it is told', () => serving.words.length === 2)
  expect(serving.words).toEqual(['open', 'close 1000'])
  const refused = new Peer(`ws://${LOCAL}:${port}/other`)
  const [error] = await once(refused, 'error')
  expect(String(error)).toContain('404')
})

test('upgrade() after close(): 503, and no exception', async () => {
  const { serving, port } = await upgradingServer()
  await serving.server.close()
  const refused = new Peer(`ws://${LOCAL}:${port}/play`)
  const [error] = await once(refused, 'error')
  expect(String(error)).toContain('503')
})

test.skipIf(globalThis.WebSocket === undefined)('Node’s own client', async () => {
  const { port, words } = serve({ protocols: ['p'], compression: { thresholdBytes: 0 } })
  const peer = new globalThis.WebSocket(`ws://${LOCAL}:${port}/`, 'p')
  peer.binaryType = 'arraybuffer'
  const got: unknown[] = []
  peer.addEventListener('message', ({ data }) => got.push(data))
  await once(peer, 'open')
  peer.send('text')
  peer.send(new Uint8Array(70_000))
  await until('both came back', () => got.length === 2)
  expect(got[0]).toBe('text')
  expect((got[1] as ArrayBuffer).byteLength).toBe(70_000)
  peer.close(4000, 'bye')
  await until('it is told', () => words.length === 2)
  expect(words[1]).toBe('close 4000 bye')
})
