// Peers that mean harm, or are broken: whatever they do costs a bounded amount of memory and time,
// and the server goes on for the others.
import { constants, deflateRawSync } from 'node:zlib'
import { connectWebSocket, WebSocket } from 'pollport/websocket'
import { describe, expect, test } from 'vitest'
import { binary, close, decode, first, goOn, ping, text } from './frames.ts'
import { answerText, RawServer } from './raw-server.ts'
import { ask, LOCAL, RawClient, requestText, type Serving, serve, until } from './serving.ts'

const KIB = 1024
const MIB = 1024 * KIB

const words = (client: RawClient): string[] => decode(client.frames, { role: 'client' })

/** Somebody else is served as if nothing were the matter. */
async function isServed({ port }: Serving<unknown>): Promise<void> {
  const client = await ask(port)
  await client.write(ping('me, too'))
  await until('it is answered', () => words(client).length > 0)
  expect(words(client)).toEqual([`pong ${Buffer.from('me, too').toString('hex')}`])
}

describe('floods', () => {
  test('of pings, from a peer that reads: each is answered', async () => {
    const serving = serve()
    const client = await ask(serving.port)
    const count = 50_000
    await client.write(Buffer.concat(Array.from({ length: count }, () => ping('12345678'))))
    await until('all are answered', () => client.frames.length === count * 10)
    expect(serving.sockets[0].bufferedBytes).toBe(0)
    await isServed(serving)
  })

  test('of pings, from a peer that does not: what is queued is bounded', async () => {
    const highWaterMarkBytes = 64 * KIB
    const serving = serve({ highWaterMarkBytes })
    const client = await ask(serving.port)
    client.socket.pause()
    const [socket] = serving.sockets
    const flood = Buffer.concat(Array.from({ length: 2000 }, () => ping(Buffer.alloc(125))))
    let most = 0
    // As many as the systems' own buffers may take, and many more.
    for (let sent = 0; sent < 40 * MIB; sent += flood.length) {
      await client.write(flood)
      most = Math.max(most, socket.bufferedBytes)
    }
    await until('all were read', () => (socket.connection?.bytesReceived ?? 0) > 40 * MIB)
    most = Math.max(most, socket.bufferedBytes)
    // 5.5.3: over the mark only the last ping of all is answered, with at most 127 bytes.
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThanOrEqual(highWaterMarkBytes + 127)
    expect(socket.readyState).toBe(WebSocket.OPEN)
    await isServed(serving)
  })

  test('of empty fragments: the message ends with 1008, and no handler sees it', async () => {
    let messages = 0
    const serving = serve({ maxFragments: 1000, onMessage: () => void messages++ })
    const client = await ask(serving.port)
    const flood = [text('', first), ...Array.from({ length: 100_000 }, () => goOn('', first))]
    await client.write(Buffer.concat(flood))
    await until('the server gives up', () => client.hasEnded)
    expect(words(client)).toEqual(['close 1008'])
    expect(messages).toBe(0)
  })

  test('of empty messages: each is a message, and none costs memory', async () => {
    let messages = 0
    const serving = serve({ onMessage: () => void messages++ })
    const client = await ask(serving.port)
    await client.write(Buffer.concat(Array.from({ length: 100_000 }, () => text(''))))
    await until('all have come', () => messages === 100_000)
    await isServed(serving)
  })

  test('of handshakes that say nothing: maxHandshakes are kept, and the newest is served', async () => {
    const maxHandshakes = 20
    const serving = serve({ maxHandshakes })
    const { poller } = serving
    let most = 0
    const silent: RawClient[] = []
    for (let number = 0; number < 200; number++) {
      const client = new RawClient(serving.port)
      silent.push(client)
      await client.write('GET / HTTP/1.1\r\nX-Slow: ')
      most = Math.max(most, poller.stats.sockets)
    }
    await until('the others are reset', () => {
      most = Math.max(most, poller.stats.sockets)
      return silent.filter(({ isClosed }) => isClosed).length >= 200 - maxHandshakes
    })
    // The listener, the handshakes, and those whose close is not reported yet.
    expect(most).toBeLessThanOrEqual(1 + 2 * maxHandshakes + 64)
    await until('only so many are left', () => poller.stats.sockets <= 1 + maxHandshakes)
    await isServed(serving)
  })

  test('of headers: the head ends at maxHandshakeBytes, with 431', async () => {
    const serving = serve({ maxHandshakeBytes: 4096 })
    const client = new RawClient(serving.port)
    await client.write(`GET / HTTP/1.1\r\n${'X-Name: value\r\n'.repeat(400)}`)
    expect(await client.answered()).toBe(431)
    await isServed(serving)
  })

  test('after a refusal: what still comes is not kept, and the peer is reset', async () => {
    const serving = serve({ closeTimeoutMs: 200 })
    const client = await ask(serving.port, { headers: { 'Sec-WebSocket-Version': '1' } })
    expect(client.status).toBe(426)
    const chunk = Buffer.alloc(64 * KIB)
    let sent = 0
    while (!client.isClosed) {
      client.socket.write(chunk)
      sent += chunk.length
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(sent).toBeGreaterThan(0)
    await until('nothing is left of it', () => serving.poller.stats.sockets === 1)
  })

  test('while onUpgrade decides: little is read, and the time of the handshake goes on', async () => {
    let received = 0
    const serving = serve({
      onUpgrade: () => new Promise(() => {}),
      handshakeTimeoutMs: 1_000,
      onError: () => {
        received = serving.poller.stats.bytesReceived
      }
    })
    // Made before the time of the handshake begins.
    const frames = Buffer.concat(Array.from({ length: 64 }, () => binary(Buffer.alloc(64 * KIB))))
    const client = new RawClient(serving.port)
    await client.write(requestText())
    await until('the request was read', () => serving.poller.stats.bytesReceived > 0)
    client.socket.write(frames)
    expect(await client.answered()).toBe(408)
    // Refused, it is read again, and thrown away: until then no more than a batch over
    // maxHandshakeBytes was kept.
    expect(received).toBeGreaterThan(16 * KIB)
    expect(received).toBeLessThan(512 * KIB)
    expect(serving.words).toEqual(['error 408'])
    expect(serving.sockets).toEqual([])
  })

  test('of messages after the server’s close: they do not put the end off', async () => {
    const serving = serve({ closeTimeoutMs: 200 })
    const client = await ask(serving.port)
    serving.sockets[0].close(1001)
    while (!client.isClosed) {
      client.socket.write(text('I am still here'))
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    await until('onClose is called', () => serving.words.includes('close 1006'))
    expect(serving.server.connections).toBe(0)
  })
})

describe('slow readers', () => {
  test('of an echo that does not look at what send() says: bounded, then 1013', async () => {
    const limits = { highWaterMarkBytes: 64 * KIB, maxBufferedBytes: 512 * KIB }
    const serving = serve(limits)
    const client = await ask(serving.port)
    client.socket.pause()
    const [socket] = serving.sockets
    const message = binary(Buffer.alloc(32 * KIB))
    let most = 0
    while (!client.isClosed && !serving.words.includes('close 1013')) {
      client.socket.write(message)
      most = Math.max(most, socket.bufferedBytes)
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(most).toBeLessThanOrEqual(limits.maxBufferedBytes + 33 * KIB)
    await isServed(serving)
  })

  test('that send their end and read no more: gone after closeTimeoutMs', async () => {
    const serving = serve({ closeTimeoutMs: 200, maxBufferedBytes: 2 ** 30 })
    const client = await ask(serving.port)
    client.socket.pause()
    while (serving.sockets[0].send(Buffer.alloc(MIB))) {}
    client.socket.end()
    await until('onClose is called', () => serving.words.includes('close 1006'))
    expect(serving.poller.stats.sockets).toBe(1)
  })

  test('that take a close frame’s place: a queue that nobody reads does not keep it', async () => {
    const serving = serve({ closeTimeoutMs: 200, maxBufferedBytes: 2 ** 30 })
    const client = await ask(serving.port)
    client.socket.pause()
    while (serving.sockets[0].send(Buffer.alloc(MIB))) {}
    serving.sockets[0].close()
    await until('onClose is called', () => serving.words.includes('close 1006'))
    expect(serving.poller.stats.sockets).toBe(1)
  })
})

describe('bombs', () => {
  const compression = { thresholdBytes: 0 }
  const asking = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } }
  const deflated = (data: Buffer) =>
    deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
  const bomb = deflated(Buffer.alloc(512 * MIB))

  test('of 512 MiB: cut at maxMessageBytes, with 1009, and memory stays where it was', async () => {
    let messages = 0
    const serving = serve({ compression, maxMessageBytes: MIB, onMessage: () => void messages++ })
    expect(bomb.length).toBeLessThan(MIB)
    const before = process.memoryUsage().rss
    for (let number = 0; number < 20; number++) {
      const client = await ask(serving.port, asking)
      await client.write(text(bomb, { reserved: 4 }))
      await until('the server gives up', () => client.hasEnded)
      expect(words(client)).toEqual(['close 1009'])
    }
    expect(messages).toBe(0)
    // Twenty of them inflated would be 10 GiB, one alone 512 MiB.
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * MIB)
  })

  test('in fragments: the same, and not before the last has come', async () => {
    const serving = serve({ compression, maxMessageBytes: MIB })
    const client = await ask(serving.port, asking)
    const half = bomb.length >> 1
    const parts = [
      text(bomb.subarray(0, half), { reserved: 4, isLast: false }),
      goOn(bomb.subarray(half))
    ]
    await client.write(Buffer.concat(parts))
    await until('the server gives up', () => client.hasEnded)
    expect(words(client)).toEqual(['close 1009'])
  })

  test('of many small streams in one message: 1007', async () => {
    const serving = serve({ compression })
    const client = await ask(serving.port, asking)
    // An empty stream of two bytes, with BFINAL (RFC 1951, 3.2.3).
    await client.write(text(Buffer.from('0300'.repeat(100_000), 'hex'), { reserved: 4 }))
    await until('the server gives up', () => client.hasEnded)
    expect(words(client)).toEqual(['close 1007'])
  })

  test('a client is as careful as a server', async () => {
    const { poller } = serve()
    const peers = await RawServer.open()
    const told: string[] = []
    connectWebSocket(poller, {
      address: LOCAL,
      port: peers.port,
      compression,
      maxMessageBytes: MIB,
      onMessage: () => void told.push('message'),
      onClose: (_socket, code) => void told.push(`close ${code}`)
    })
    const peer = await peers.connection()
    const extensions = 'permessage-deflate; server_no_context_takeover'
    await peer.write(
      answerText(await peer.asked(), { headers: { 'Sec-WebSocket-Extensions': extensions } })
    )
    await peer.write(text(bomb, { reserved: 4, key: null }))
    await until('the client gives up', () => peer.hasEnded)
    expect(decode(peer.frames)).toEqual(['close 1009'])
    peer.socket.end()
    await until('onClose is called', () => told.length > 0)
    expect(told).toEqual(['close 1009'])
  })
})

describe('peers that are half there', () => {
  test('a length that is promised and does not come costs no memory', async () => {
    const serving = serve({ maxMessageBytes: 2 ** 31 - 1 })
    const header = Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4])
    const before = process.memoryUsage().arrayBuffers
    for (let number = 0; number < 50; number++) await (await ask(serving.port)).write(header)
    await until('all have come', () => serving.sockets.length === 50)
    await isServed(serving)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * MIB)
  })

  test('one that ends its side within a frame: 1006, and nothing of it is given out', async () => {
    const serving = serve()
    const client = await ask(serving.port)
    await client.write(text('whole').subarray(0, 8))
    client.socket.end()
    await client.closed()
    expect(serving.words).toEqual(['open', 'close 1006'])
    expect(client.frames).toHaveLength(0)
  })

  test('one that answers the close and leaves the connection open is reset', async () => {
    const serving = serve({ closeTimeoutMs: 200 })
    const client = await ask(serving.port)
    serving.sockets[0].close(4000)
    await until('it gets the close', () => client.frames.length > 0)
    await client.write(close(4000))
    await until('the server has ended', () => client.hasEnded)
    await until('onClose is called', () => serving.words.length === 2)
    expect(serving.words).toEqual(['open', 'close 4000'])
    expect(serving.poller.stats.sockets).toBe(1)
  })

  test('a server that never answers the close of a client: 1006 after closeTimeoutMs', async () => {
    const { poller } = serve()
    const peers = await RawServer.open()
    const told: string[] = []
    connectWebSocket(poller, {
      address: LOCAL,
      port: peers.port,
      closeTimeoutMs: 100,
      onOpen: (socket) => socket.close(),
      onClose: (_socket, code) => void told.push(`close ${code}`)
    })
    const peer = await peers.connection()
    await peer.write(answerText(await peer.asked()))
    await until('onClose is called', () => told.length > 0)
    expect(told).toEqual(['close 1006'])
  })

  test('a server that answers the close and leaves the connection open: the client ends it', async () => {
    const { poller } = serve()
    const peers = await RawServer.open()
    const told: string[] = []
    connectWebSocket(poller, {
      address: LOCAL,
      port: peers.port,
      closeTimeoutMs: 100,
      onOpen: (socket) => socket.close(4000),
      onClose: (_socket, code) => void told.push(`close ${code}`)
    })
    const peer = await peers.connection()
    await peer.write(answerText(await peer.asked()))
    await until('the close comes', () => peer.frames.length > 0)
    await peer.write(Buffer.concat([Buffer.from([0x88, 2]), Buffer.from([0x0f, 0xa0])]))
    await until('onClose is called', () => told.length > 0)
    expect(told).toEqual(['close 4000'])
  })
})
