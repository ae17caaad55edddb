// RFC 6455, 4.1: what a client asks, and which answers make a WebSocket of its connection.
import { connectWebSocket, type WebSocketHandshakeError } from 'pollport/websocket'
import { describe, expect, test } from 'vitest'
import { ping, text } from './frames.ts'
import { answerText, RawServer, unmasked } from './raw-server.ts'
import { LOCAL, serve, until } from './serving.ts'

type Options = Partial<Parameters<typeof connectWebSocket<undefined>>[1]>

/** Our client at a server of bytes, and what it reports. */
async function knock(options: Options = {}) {
  const { poller } = serve()
  const peers = await RawServer.open()
  const told: string[] = []
  const errors: (Error | undefined)[] = []
  connectWebSocket<undefined>(poller, {
    address: LOCAL,
    port: peers.port,
    ...options,
    onOpen: (socket) => void told.push(`open ${socket.protocol} ${socket.isCompressing}`),
    onMessage: (_socket, data) => void told.push(`message ${data}`),
    onClose(_socket, code, _reason, error) {
      told.push(`close ${code}`)
      errors.push(error)
    }
  })
  const peer = await peers.connection()
  return { peer, request: await peer.asked(), told, errors, port: peers.port }
}

const fieldsOf = (request: string): Record<string, string> =>
  Object.fromEntries(
    request
      .trimEnd()
      .split('\r\n')
      .slice(1)
      .map((line) => line.split(': ') as [string, string])
  )

describe('RFC 6455, 4.1: the request', () => {
  test('is a GET of HTTP/1.1 with the fields that it must have, and no more', async () => {
    const { request, port } = await knock({ path: '/play?room=5' })
    expect(request.startsWith('GET /play?room=5 HTTP/1.1\r\n')).toBe(true)
    const { 'Sec-WebSocket-Key': key, ...fields } = fieldsOf(request)
    expect(fields).toEqual({
      Host: `${LOCAL}:${port}`,
      Upgrade: 'websocket',
      Connection: 'Upgrade',
      'Sec-WebSocket-Version': '13'
    })
    expect(Buffer.from(key, 'base64')).toHaveLength(16)
  })

  test('has another key each time', async () => {
    const keys = []
    for (let number = 0; number < 5; number++)
      keys.push(fieldsOf((await knock()).request)['Sec-WebSocket-Key'])
    expect(new Set(keys).size).toBe(5)
  })

  test('offers subprotocols in their order, compression, and fields of the program', async () => {
    const headers = { Origin: 'https://game.example', Cookie: 'a=b' }
    const { request } = await knock({ protocols: ['b', 'a'], compression: {}, headers })
    expect(fieldsOf(request)).toMatchObject({
      ...headers,
      'Sec-WebSocket-Protocol': 'b, a',
      'Sec-WebSocket-Extensions':
        'permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits'
    })
  })
})

const offering: Options = { protocols: ['a', 'b'], compression: {} }
const agreed = 'permessage-deflate; server_no_context_takeover'

const admitted: [string, Parameters<typeof answerText>[1], string][] = [
  ['nothing is chosen', {}, 'open  false'],
  ['another reason', { start: 'HTTP/1.1 101 Go on' }, 'open  false'],
  ['no reason', { start: 'HTTP/1.1 101' }, 'open  false'],
  [
    'tokens in any case',
    { headers: { Upgrade: 'WebSocket', Connection: 'UPGRADE' } },
    'open  false'
  ],
  ['Connection is a list', { headers: { Connection: 'keep-alive, Upgrade' } }, 'open  false'],
  ['there are other fields', { headers: { Server: 'x', 'X-Y': '' } }, 'open  false'],
  ['a subprotocol', { headers: { 'Sec-WebSocket-Protocol': 'b' } }, 'open b false'],
  ['compression', { headers: { 'Sec-WebSocket-Extensions': agreed } }, 'open  true'],
  [
    'RFC 7692, 7.1.2.2: the client’s window is limited',
    { headers: { 'Sec-WebSocket-Extensions': `${agreed}; client_max_window_bits=9` } },
    'open  true'
  ],
  [
    'RFC 7692, 7.1.2.1: the server’s window is limited',
    { headers: { 'Sec-WebSocket-Extensions': `${agreed}; server_max_window_bits=8` } },
    'open  true'
  ]
]

const deflate = (parameters: string) => ({
  headers: { 'Sec-WebSocket-Extensions': `permessage-deflate${parameters}` }
})

const refused: [string, Parameters<typeof answerText>[1]][] = [
  ['(1) the status is another one', { start: 'HTTP/1.1 200 OK' }],
  ['(1) the client is sent elsewhere', { start: 'HTTP/1.1 301 Moved Permanently' }],
  ['(1) the client is asked who it is', { start: 'HTTP/1.1 401 Unauthorized' }],
  ['the answer is of HTTP/1.0', { start: 'HTTP/1.0 101 Switching Protocols' }],
  ['the answer is no HTTP', { start: 'hello' }],
  ['(2) there is no Upgrade', { headers: { Upgrade: undefined } }],
  ['(2) Upgrade names another protocol', { headers: { Upgrade: 'h2c' } }],
  ['(3) there is no Connection', { headers: { Connection: undefined } }],
  ['(3) Connection has no Upgrade', { headers: { Connection: 'close' } }],
  ['(4) there is no Accept', { headers: { 'Sec-WebSocket-Accept': undefined } }],
  [
    '(4) Accept is of another key',
    { headers: { 'Sec-WebSocket-Accept': 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=' } }
  ],
  ['(5) an extension was not offered', { headers: { 'Sec-WebSocket-Extensions': 'x-other' } }],
  ['(5) two extensions', { headers: { 'Sec-WebSocket-Extensions': `${agreed}, x-other` } }],
  ['(5) the extensions are malformed', { headers: { 'Sec-WebSocket-Extensions': '=;' } }],
  ['(6) a subprotocol was not offered', { headers: { 'Sec-WebSocket-Protocol': 'c' } }],
  ['(6) two subprotocols', { headers: { 'Sec-WebSocket-Protocol': 'a, b' } }],
  ['a field is folded', { headers: { 'X-Fold': 'a\r\n b' } }],
  ['RFC 7692, 7.1: an unknown parameter', deflate('; server_no_context_takeover; unknown')],
  ['RFC 7692, 7.1: a value that cannot be', deflate('; server_no_context_takeover=1')],
  ['RFC 7692, 7.1.1.1: the server keeps its context', deflate('')],
  [
    'RFC 7692, 7.1.2.1: a window that cannot be',
    deflate('; server_no_context_takeover; server_max_window_bits=16')
  ],
  [
    'RFC 7692, 7.1.2.2: a window without a number',
    deflate('; server_no_context_takeover; client_max_window_bits')
  ]
]

describe('RFC 6455, 4.1: the answer', () => {
  test.each(admitted)('makes a WebSocket when %s', async (_what, answer, words) => {
    const { peer, request, told } = await knock(offering)
    await peer.write(answerText(request, answer))
    await until('it opens', () => told.length > 0)
    expect(told).toEqual([words])
  })

  test.each(refused)('fails the connection when %s', async (_what, answer) => {
    const { peer, request, told, errors } = await knock(offering)
    await peer.write(answerText(request, answer))
    await until('it fails', () => told.length > 0)
    expect(told).toEqual(['close 1006'])
    expect(errors).toMatchObject([{ code: 'ERR_WEBSOCKET_HANDSHAKE' }])
    await until('its connection is closed', () => peer.isClosed || peer.hasEnded)
    expect(peer.frames).toHaveLength(0)
  })

  test('a refusal’s status is the error’s', async () => {
    const { peer, request, told, errors } = await knock()
    await peer.write(answerText(request, { start: 'HTTP/1.1 503 Service Unavailable' }))
    await until('it fails', () => told.length > 0)
    expect((errors[0] as WebSocketHandshakeError).status).toBe(503)
  })

  test('without an offer, what is chosen fails the connection', async () => {
    for (const headers of [
      { 'Sec-WebSocket-Extensions': agreed },
      { 'Sec-WebSocket-Protocol': 'a' }
    ]) {
      const { peer, request, told } = await knock()
      await peer.write(answerText(request, { headers }))
      await until('it fails', () => told.length > 0)
      expect(told).toEqual(['close 1006'])
    }
  })

  test('may be cut at every byte, and a frame may come in the same segment', async () => {
    const { poller } = serve()
    const peers = await RawServer.open()
    const length = answerText('').length + 8
    const got: string[] = []
    for (let cut = 1; cut < length; cut++)
      connectWebSocket(poller, {
        address: LOCAL,
        port: peers.port,
        onMessage: (socket, data) => {
          got.push(socket.text(data))
          socket.terminate()
        }
      })
    for (let cut = 1; cut < length; cut++) {
      const peer = await peers.connection(cut - 1)
      const answer = Buffer.from(answerText(await peer.asked()))
      const stream = Buffer.concat([answer, unmasked(Buffer.concat([ping(), text('first')]))])
      await peer.write(stream.subarray(0, cut))
      await peer.write(stream.subarray(cut))
    }
    await until('all have got it', () => got.length === length - 1)
    expect(new Set(got)).toEqual(new Set(['first']))
  })

  test('that comes byte by byte, and one that never ends', async () => {
    const slow = await knock()
    for (const byte of answerText(slow.request)) await slow.peer.write(byte)
    await until('it opens', () => slow.told.length > 0)
    expect(slow.told).toEqual(['open  false'])
    const endless = await knock({ maxHandshakeBytes: 1024 })
    await endless.peer.write(`HTTP/1.1 101 Switching Protocols\r\nX-Long: ${'x'.repeat(2000)}`)
    await until('it fails', () => endless.told.length > 0)
    expect(endless.errors).toMatchObject([{ code: 'ERR_WEBSOCKET_HANDSHAKE' }])
  })

  test('that does not come: ETIMEDOUT after handshakeTimeoutMs', async () => {
    const { told, errors, peer } = await knock({ handshakeTimeoutMs: 100 })
    await until('it fails', () => told.length > 0)
    expect(errors).toMatchObject([{ code: 'ETIMEDOUT' }])
    await until('its connection is closed', () => peer.isClosed || peer.hasEnded)
  })

  test('of which the server’s end comes first', async () => {
    const { peer, told, errors } = await knock()
    await peer.write('HTTP/1.1 101 Switch')
    peer.socket.end()
    await until('it fails', () => told.length > 0)
    expect(errors).toMatchObject([{ code: 'ERR_WEBSOCKET_HANDSHAKE' }])
  })
})
