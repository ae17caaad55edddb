// `ws`, the WebSocket library that most of Node uses, with its options: as a client of our server,
// and as a server of our client.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { type ConnectWebSocketOptions, connectWebSocket, type WebSocket } from 'pollport/websocket'
import { describe, expect, onTestFinished, test } from 'vitest'
import Peer, {
  type ClientOptions,
  createWebSocketStream,
  WebSocketServer as PeerServer,
  type PerMessageDeflateOptions,
  type ServerOptions
} from 'ws'
import { patternBytes } from '../support/poller-random.ts'
import { LOCAL, type Serving, serve, until } from './serving.ts'

const MIB = 1024 * 1024
const compression = { thresholdBytes: 0 }

/** Messages that compress well, badly, and not at all. */
const samples: (string | Buffer)[] = [
  '',
  'κόσμε',
  'again and again '.repeat(20_000),
  Buffer.alloc(100_000, 7),
  patternBytes(100_000)
]

const windows: PerMessageDeflateOptions[] = [
  {},
  { serverNoContextTakeover: true },
  { clientNoContextTakeover: true },
  { serverNoContextTakeover: true, clientNoContextTakeover: true },
  { serverMaxWindowBits: 9 },
  { clientMaxWindowBits: 9 },
  { serverMaxWindowBits: 15, clientMaxWindowBits: 15 },
  { threshold: 0, zlibDeflateOptions: { level: 9, memLevel: 9 } },
  { threshold: 0, zlibDeflateOptions: { level: 1, windowBits: 9 } },
  { concurrencyLimit: 1, threshold: 0 }
]

const closes: [number | undefined, string, string][] = [
  [1000, '', 'close 1000'],
  [1001, 'going', 'close 1001 going'],
  [1008, 'κόσμε', 'close 1008 κόσμε'],
  [3000, 'x'.repeat(123), `close 3000 ${'x'.repeat(123)}`],
  [4999, 'last', 'close 4999 last'],
  [undefined, '', 'close 1005']
]

async function connected(port: number, options: ClientOptions = {}, protocols: string[] = []) {
  const peer = new Peer(`ws://${LOCAL}:${port}/`, protocols, options)
  onTestFinished(() => peer.terminate())
  await once(peer, 'open')
  return peer
}

/** Its code and reason; an error before it is not waited for. */
const closeOf = (peer: Peer) =>
  new Promise<[number, Buffer]>((resolve) => {
    peer.on('error', () => {})
    peer.once('close', (code, reason) => resolve([code, reason]))
  })

const isClosed = ({ words }: Serving<unknown>) => words.some((word) => word.startsWith('close'))

describe('ws as a client', () => {
  test.each(windows)('perMessageDeflate %o', async (perMessageDeflate) => {
    const serving = serve({ compression })
    const peer = await connected(serving.port, { perMessageDeflate })
    expect(serving.sockets[0].isCompressing).toBe(true)
    expect(peer.extensions).toBe('permessage-deflate')
    const got: Buffer[] = []
    peer.on('message', (data: Buffer) => got.push(data))
    for (const sample of samples) peer.send(sample)
    await until('all came back', () => got.length === samples.length)
    for (const [at, sample] of samples.entries())
      expect(Buffer.from(sample).equals(got[at]), `message ${at}`).toBe(true)
  })

  test('perMessageDeflate, and a server that compresses nothing', async () => {
    const serving = serve()
    const peer = await connected(serving.port, { perMessageDeflate: { threshold: 0 } })
    expect(peer.extensions).toBe('')
    peer.send('plain')
    const [data] = await once(peer, 'message')
    expect(String(data)).toBe('plain')
  })

  test('send() with compress, binary and fin: what arrives is what was meant', async () => {
    const seen: string[] = []
    const { port } = serve({
      compression,
      onMessage: (_socket, data, isText) => void seen.push(`${isText} ${data}`)
    })
    const peer = await connected(port)
    peer.send(Buffer.from('as text'), { binary: false, compress: true })
    peer.send('as bytes', { binary: true, compress: false })
    for (const [at, piece] of ['in ', 'three ', 'pieces'].entries())
      peer.send(piece, { fin: at === 2, compress: true })
    await until('all came', () => seen.length === 3)
    expect(seen).toEqual(['true as text', 'false as bytes', 'true in three pieces'])
  })

  test('maxPayload: a message that is longer is 1009 on both sides', async () => {
    const serving = serve()
    const peer = await connected(serving.port, { maxPayload: 1000 })
    peer.on('error', () => {})
    serving.sockets[0].send(Buffer.alloc(1001))
    const [code] = await closeOf(peer)
    expect(code).toBe(1006)
    await until('onClose is called', () => isClosed(serving))
    expect(serving.words.at(-1)).toBe('close 1009')
  })

  test.each(closes)('its close(%s, %s)', async (code, reason, words) => {
    const serving = serve()
    const peer = await connected(serving.port)
    peer.close(code, reason)
    const [answered] = await closeOf(peer)
    expect(answered).toBe(code ?? 1005)
    await until('onClose is called', () => isClosed(serving))
    expect(serving.words).toEqual(['open', words])
  })

  test.each(closes.filter(([code]) => code !== undefined))(
    'our close(%s, %s)',
    async (code, reason, words) => {
      const serving = serve()
      const peer = await connected(serving.port)
      serving.sockets[0].close(code, reason)
      const [told, because] = await closeOf(peer)
      expect([told, String(because)]).toEqual([code, reason])
      await until('onClose is called', () => isClosed(serving))
      expect(serving.words[1]).toBe(words) // it answers with the same
    }
  )

  test('terminate() on either side is 1006 on both', async () => {
    const serving = serve()
    const first = await connected(serving.port)
    first.terminate()
    await until('onClose is called', () => isClosed(serving))
    const second = await connected(serving.port)
    serving.sockets[1].terminate()
    second.on('error', () => {})
    const [code] = await closeOf(second)
    expect(code).toBe(1006)
    expect(serving.words.filter((word) => word !== 'open')).toEqual(['close 1006', 'close 1006'])
  })

  test('subprotocols: the server’s first that was offered; none that was not', async () => {
    const { port } = serve({ protocols: ['new', 'old'] })
    expect((await connected(port, {}, ['old', 'new'])).protocol).toBe('new')
    expect((await connected(port, {}, ['old'])).protocol).toBe('old')
    const refused = new Peer(`ws://${LOCAL}:${port}/`, ['other'])
    const [error] = await once(refused, 'error')
    expect(String(error)).toContain('Server sent no subprotocol')
  })

  test('protocolVersion 8 is answered 426, with the version that there is', async () => {
    const { port } = serve()
    const peer = new Peer(`ws://${LOCAL}:${port}/`, { protocolVersion: 8 })
    peer.on('error', () => {})
    const [, response] = await once(peer, 'unexpected-response')
    expect(response.statusCode).toBe(426)
    expect(response.headers['sec-websocket-version']).toBe('13')
    peer.terminate()
  })

  test('origin and headers are what onUpgrade sees', async () => {
    const seen: (string | undefined)[] = []
    const { port } = serve({
      origins: ['https://game.example'],
      onUpgrade({ headers }) {
        seen.push(headers.origin, headers.authorization)
        return {}
      }
    })
    const headers = { Authorization: 'Bearer x' }
    await connected(port, { origin: 'https://game.example', headers })
    expect(seen).toEqual(['https://game.example', 'Bearer x'])
    const refused = new Peer(`ws://${LOCAL}:${port}/`, { origin: 'https://evil.example' })
    const [error] = await once(refused, 'error')
    expect(String(error)).toContain('403')
  })

  test('skipUTF8Validation: what is no UTF-8 is refused all the same: 1007', async () => {
    const serving = serve()
    const peer = await connected(serving.port, { skipUTF8Validation: true })
    peer.send(Buffer.from([0xff]), { binary: false })
    const [code] = await closeOf(peer)
    expect(code).toBe(1007)
  })

  test('mask: false is refused: 1002', async () => {
    const peer = await connected(serve().port)
    peer.send('not masked', { mask: false })
    const [code] = await closeOf(peer)
    expect(code).toBe(1002)
  })

  test('ping and pong, each with its bytes; autoPong: false answers none', async () => {
    const serving = serve()
    const peer = await connected(serving.port, { autoPong: false })
    peer.ping('theirs')
    const [answer] = await once(peer, 'pong')
    expect(String(answer)).toBe('theirs')
    serving.sockets[0].ping('ours')
    const [data] = await once(peer, 'ping')
    expect(String(data)).toBe('ours')
    peer.pong('by hand')
    await until('it comes', () => serving.words.includes('pong by hand'))
    expect(serving.words).toEqual(['open', 'pong by hand'])
  })

  test('pause(): send() says false, loses nothing, and drains when it reads on', async () => {
    const serving = serve({ highWaterMarkBytes: 64 * 1024, maxBufferedBytes: 2 ** 30 })
    const peer = await connected(serving.port)
    let bytes = 0
    peer.on('message', (data: Buffer) => {
      bytes += data.length
    })
    peer.pause()
    let sent = 0
    do sent += MIB
    while (serving.sockets[0].send(Buffer.alloc(MIB)))
    peer.resume()
    await until('all has come', () => bytes === sent)
    await until('it has drained', () => serving.words.includes('drain'))
  })

  test('as a stream: 8 MiB through an echo, in order', async () => {
    const { port } = serve({ maxBufferedBytes: 2 ** 30 })
    const stream = createWebSocketStream(await connected(port))
    const data = patternBytes(8 * MIB)
    const chunks: Buffer[] = []
    const reading = (async () => {
      let bytes = 0
      for await (const chunk of stream) {
        chunks.push(chunk)
        bytes += chunk.length
        if (bytes === data.length) break
      }
    })()
    async function* source() {
      for (let at = 0; at < data.length; at += 65_536) yield data.subarray(at, at + 65_536)
      await reading
    }
    await Promise.all([pipeline(source(), stream).catch(() => {}), reading])
    expect(Buffer.concat(chunks).equals(data)).toBe(true)
  })
})

describe('ws as a server', () => {
  interface Meeting {
    told: string[]
    ours: WebSocket<undefined>
    theirs: Peer
    got: Buffer[]
  }

  /** An echo of ws, and our client, which has opened. */
  async function meet(
    server: ServerOptions = {},
    client: Partial<ConnectWebSocketOptions<undefined>> = {}
  ): Promise<Meeting> {
    const peers = new PeerServer({ port: 0, host: LOCAL, ...server })
    onTestFinished(() => {
      for (const peer of peers.clients) peer.terminate()
      peers.close()
    })
    await once(peers, 'listening')
    const { poller } = serve()
    const told: string[] = []
    const got: Buffer[] = []
    const accepted = once(peers, 'connection')
    const ours = connectWebSocket<undefined>(poller, {
      address: LOCAL,
      port: (peers.address() as AddressInfo).port,
      ...client,
      onOpen: (socket) => void told.push(`open ${socket.protocol}`.trim()),
      onMessage: (_socket, data) => void got.push(Buffer.from(data)),
      onDrain: () => void told.push('drain'),
      onPong: (_socket, data) => void told.push(`pong ${data}`),
      onClose: (_socket, code, reason) => void told.push(`close ${code} ${reason}`.trim())
    })
    const [theirs] = (await accepted) as [Peer]
    theirs.on('error', () => {})
    theirs.on('message', (data: Buffer, isBinary) => theirs.send(data, { binary: isBinary }))
    await until('it has opened', () => told.length > 0)
    return { told, ours, theirs, got }
  }

  test.each(windows)('perMessageDeflate %o', async (perMessageDeflate) => {
    const { ours, got } = await meet({ perMessageDeflate }, { compression })
    expect(ours.isCompressing).toBe(true)
    for (const sample of samples) ours.send(sample)
    await until('all came back', () => got.length === samples.length)
    for (const [at, sample] of samples.entries())
      expect(Buffer.from(sample).equals(got[at]), `message ${at}`).toBe(true)
  })

  test('maxPayload: a message that is longer is 1009', async () => {
    const { ours, told } = await meet({ maxPayload: 1000 })
    ours.send(Buffer.alloc(1001))
    await until('it is closed', () => told.length === 2)
    expect(told[1]).toBe('close 1009')
  })

  test('handleProtocols: its choice', async () => {
    const { ours } = await meet(
      { handleProtocols: (offered) => [...offered].at(-1) ?? false },
      { protocols: ['a', 'b'] }
    )
    expect(ours.protocol).toBe('b')
  })

  test('verifyClient: its refusal is the error’s status', async () => {
    const peers = new PeerServer({
      port: 0,
      host: LOCAL,
      verifyClient: (_info, decide) => decide(false, 401, 'Unauthorized')
    })
    onTestFinished(() => void peers.close())
    await once(peers, 'listening')
    const { poller } = serve()
    const failures: unknown[] = []
    connectWebSocket(poller, {
      address: LOCAL,
      port: (peers.address() as AddressInfo).port,
      onClose: (_socket, code, _reason, error) => void failures.push({ code, error })
    })
    await until('it is refused', () => failures.length === 1)
    expect(failures).toMatchObject([{ code: 1006, error: { status: 401 } }])
  })

  test.each(closes)('its close(%s, %s)', async (code, reason, words) => {
    const { theirs, told } = await meet()
    theirs.close(code, reason)
    const [answered] = await closeOf(theirs)
    expect(answered).toBe(code ?? 1005)
    await until('onClose is called', () => told.length === 2)
    expect(told[1]).toBe(words)
  })

  test('our close() and terminate()', async () => {
    const closing = await meet()
    closing.ours.close(4000, 'enough')
    const [code, reason] = await closeOf(closing.theirs)
    expect([code, String(reason)]).toEqual([4000, 'enough'])
    await until('onClose is called', () => closing.told.length === 2)
    expect(closing.told[1]).toBe('close 4000 enough')
    const leaving = await meet()
    leaving.ours.terminate()
    const [abnormal] = await closeOf(leaving.theirs)
    expect(abnormal).toBe(1006)
  })

  test('text that is no UTF-8 is refused: 1007', async () => {
    const { theirs, told } = await meet()
    theirs.send(Buffer.from([0xff]), { binary: false })
    const [code] = await closeOf(theirs)
    expect(code).toBe(1007)
    await until('onClose is called', () => told.length === 2)
    expect(told[1]).toBe('close 1007')
  })

  test('fragments, ping and pong', async () => {
    const { ours, theirs, told, got } = await meet()
    for (const [at, piece] of ['in ', 'three ', 'pieces'].entries())
      theirs.send(piece, { fin: at === 2 })
    ours.ping('ours')
    theirs.ping('theirs')
    const [answer] = await once(theirs, 'pong')
    expect(String(answer)).toBe('theirs')
    await until('both have come', () => got.length === 1 && told.length === 2)
    expect(String(got[0])).toBe('in three pieces')
    expect(told[1]).toBe('pong ours')
  })

  test('pause(): send() says false, loses nothing, and drains when it reads on', async () => {
    const limits = { highWaterMarkBytes: 64 * 1024, maxBufferedBytes: 2 ** 30 }
    const { ours, theirs, told } = await meet({}, limits)
    theirs.removeAllListeners('message')
    let bytes = 0
    theirs.on('message', (data: Buffer) => {
      bytes += data.length
    })
    theirs.pause()
    let sent = 0
    do sent += MIB
    while (ours.send(Buffer.alloc(MIB)))
    theirs.resume()
    await until('all has come', () => bytes === sent)
    await until('it has drained', () => told.includes('drain'))
  })
})
