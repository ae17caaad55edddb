// RFC 6455, 4: who becomes a WebSocket, and what the others are answered.
import { Socket } from 'pollport'
import { connectWebSocket, WebSocketHandshakeError } from 'pollport/websocket'
import { describe, expect, onTestFinished, test } from 'vitest'
import { acceptDeflate, parseExtensions } from '../../lib/websocket/extensions.ts'
import { LOCAL } from '../support/net-peer.ts'
import { codeOf } from '../support/raw-pair.ts'
import { isWindows } from '../support/system.ts'
import { decode, ping, text } from './frames.ts'
import { type Asking, ask, RawClient, requestText, serve, until } from './serving.ts'

describe('RFC 6455, 4.2.2: the answer', () => {
  test('1.3: the accept key of its example', async () => {
    const client = await ask(serve().port)
    expect(client.text).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
        'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'
    )
  })

  test('a request may be cut at every byte, and a frame may come in the same segment', async () => {
    const { port, words } = serve()
    const stream = Buffer.concat([Buffer.from(requestText()), text('first'), ping('x')])
    const clients: RawClient[] = []
    for (let cut = 1; cut < stream.length; cut += 1) {
      const client = new RawClient(port)
      clients.push(client)
      await client.write(stream.subarray(0, cut))
      await client.write(stream.subarray(cut))
    }
    await until('all are answered', () => clients.every(({ frames }) => frames.length === 10))
    for (const { frames } of clients)
      expect(decode(frames, { role: 'client' })).toEqual(['text first', 'pong 78'])
    expect(words.filter((word) => word === 'open')).toHaveLength(clients.length)
  })

  test('a request that comes byte by byte', async () => {
    const client = new RawClient(serve().port)
    for (const byte of requestText()) await client.write(byte)
    expect(await client.answered()).toBe(101)
  })
})

const admitted: [string, Asking][] = [
  ['Connection is a list', { headers: { Connection: 'keep-alive, Upgrade' } }],
  ['names and tokens in any case', { headers: { Connection: 'uPGRADE', Upgrade: 'WebSocket' } }],
  ['Upgrade is a list', { headers: { Upgrade: 'foo, websocket' } }],
  ['there is a query', { path: '/?room=5' }],
  ['there is space around a value', { headers: { 'Sec-WebSocket-Version': ' 13\t' } }],
  ['an extension is not known', { headers: { 'Sec-WebSocket-Extensions': 'x-webkit-deflate' } }],
  ['a body of no bytes', { headers: { 'Content-Length': '0' } }]
]

const refused: [string, number, Asking][] = [
  ['4.2.1: the method is not GET', 405, { start: 'POST / HTTP/1.1' }],
  ['4.2.1: HTTP/1.0', 505, { start: 'GET / HTTP/1.0' }],
  ['4.2.1: no Host', 400, { headers: { Host: undefined } }],
  ['4.2.1: no Upgrade', 426, { headers: { Upgrade: undefined } }],
  ['4.2.1: Connection without Upgrade', 426, { headers: { Connection: 'keep-alive' } }],
  ['4.2.1: another protocol', 426, { headers: { Upgrade: 'h2c' } }],
  ['4.2.1: no key', 400, { headers: { 'Sec-WebSocket-Key': undefined } }],
  ['4.2.1: a key of 15 bytes', 400, { headers: { 'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAA' } }],
  ['4.2.1: no version', 426, { headers: { 'Sec-WebSocket-Version': undefined } }],
  ['4.4: an older version', 426, { headers: { 'Sec-WebSocket-Version': '8' } }],
  ['9.1: extensions that are malformed', 400, { headers: { 'Sec-WebSocket-Extensions': '=;' } }],
  ['11.3.4: a subprotocol twice', 400, { headers: { 'Sec-WebSocket-Protocol': 'a, a' } }],
  ['a subprotocol that is no token', 400, { headers: { 'Sec-WebSocket-Protocol': 'a b' } }],
  ['a body', 400, { headers: { 'Content-Length': '5' } }],
  ['a body in chunks', 400, { headers: { 'Transfer-Encoding': 'chunked' } }],
  ['a folded line', 400, { headers: { 'X-Fold': 'a\r\n b' } }],
  ['a space before a colon', 400, { headers: { 'X-Name ': 'a' } }],
  ['a bare line feed', 400, { headers: { 'X-Line': 'a\nb' } }],
  ['no request line', 400, { start: 'hello' }],
  ['10.2: a page of another host', 403, { headers: { Origin: 'https://evil.example' } }],
  ['10.2: a page without an origin', 403, { headers: { Origin: 'null' } }],
  ['a head over the limit', 431, { headers: { 'X-Long': 'x'.repeat(20_000) } }]
]

describe('RFC 6455, 4.2.1: the request', () => {
  test.each(admitted)('is admitted when %s', async (_, asking) => {
    expect((await ask(serve().port, asking)).status).toBe(101)
  })

  test.each(refused)('%s: %d', async (_, status, asking) => {
    const { port, words } = serve()
    const client = await ask(port, asking)
    expect(client.status).toBe(status)
    await until('the server ends', () => client.hasEnded)
    expect(client.text).toContain('Connection: close\r\n')
    client.socket.end()
    await client.closed()
    expect(words).toEqual([`error ${status}`])
  })

  test('4.4: 426 says which version there is, 405 which method', async () => {
    const { port } = serve()
    const older = await ask(port, { headers: { 'Sec-WebSocket-Version': '8' } })
    expect(older.text).toContain('Sec-WebSocket-Version: 13\r\n')
    expect((await ask(port, { start: 'PUT / HTTP/1.1' })).text).toContain('Allow: GET\r\n')
  })
})

describe('RFC 6455, 10.2: origins', () => {
  const from = (origin: string, host = 'game.example') => ({
    headers: { Origin: origin, Host: host }
  })

  test('by default the same host, whatever the scheme', async () => {
    const { port } = serve()
    expect((await ask(port, from('https://game.example'))).status).toBe(101)
    expect((await ask(port, from('http://game.example:8080', 'game.example:8080'))).status).toBe(
      101
    )
    expect((await ask(port, from('https://game.example:8080'))).status).toBe(403)
  })

  test('otherwise those that are listed, or all', async () => {
    const { port } = serve({ origins: ['https://other.example'] })
    expect((await ask(port, from('https://other.example'))).status).toBe(101)
    expect((await ask(port, from('https://game.example'))).status).toBe(403)
    const open = serve({ origins: '*' })
    expect((await ask(open.port, from('https://any.example'))).status).toBe(101)
  })
})

describe('paths and subprotocols', () => {
  test('the path is matched without its query; another one gets 404', async () => {
    const { port } = serve({ path: '/play' })
    expect((await ask(port, { path: '/play?x' })).status).toBe(101)
    expect((await ask(port, { path: '/play/' })).status).toBe(404)
  })

  test('RFC 9112, 3.2.2: the path counts, also of a request that names the host before it', async () => {
    const { port, sockets } = serve({ path: '/play' })
    const statusOf = async (path: string) => (await ask(port, { path })).status
    expect(await statusOf('http://server.example.com/play?x')).toBe(101)
    expect(await statusOf('HTTP://server.example.com:80/play')).toBe(101)
    expect(await statusOf('http://server.example.com')).toBe(404)
    expect(await statusOf('http://server.example.com/other/play')).toBe(404)
    expect(await statusOf('//play')).toBe(404)
    expect(sockets).toHaveLength(2)
  })

  test('a function may decide', async () => {
    const { port } = serve({ path: (path) => path.startsWith('/room/') })
    expect((await ask(port, { path: '/room/5' })).status).toBe(101)
    expect((await ask(port, { path: '/' })).status).toBe(404)
  })

  test('several servers share a listener by path', async () => {
    const first = serve({ path: '/a' })
    const listener = first.poller.listenTcp({ address: '127.0.0.1', port: 0 })
    const { WebSocketServer } = await import('pollport/websocket')
    const seen: string[] = []
    const servers = ['/a', '/b'].map(
      (path) =>
        new WebSocketServer(first.poller, {
          listener: listener as never,
          path,
          closeTimeoutMs: 50,
          onOpen: () => void seen.push(path)
        })
    )
    const { port } = listener.localAddress
    expect((await ask(port, { path: '/b' })).status).toBe(101)
    expect((await ask(port, { path: '/a' })).status).toBe(101)
    expect((await ask(port, { path: '/c' })).status).toBe(404)
    expect(seen).toEqual(['/b', '/a'])
    await servers[0].close()
    expect((await ask(port, { path: '/a' })).status).toBe(404)
    expect((await ask(port, { path: '/b' })).status).toBe(101)
    expect(listener.closed).toBe(false)
  })

  test('4.2.2: the first of the server’s subprotocols that was offered, or none', async () => {
    const { port, sockets } = serve({ protocols: ['new', 'old'] })
    const offer = (protocols: string) =>
      ask(port, { headers: { 'Sec-WebSocket-Protocol': protocols } })
    expect((await offer('old, new')).text).toContain('Sec-WebSocket-Protocol: new\r\n')
    expect((await offer('old')).text).toContain('Sec-WebSocket-Protocol: old\r\n')
    expect((await offer('other')).text).not.toContain('Protocol:')
    expect(sockets.map(({ protocol }) => protocol)).toEqual(['new', 'old', ''])
  })
})

describe('onUpgrade', () => {
  test('sees the request, gives the userPtr and header fields', async () => {
    const { port, sockets } = serve<string>({
      onUpgrade: ({ url, path, headers, protocols, remoteAddress }) => ({
        userPtr: [url, path, headers['x-token'], protocols.join(), remoteAddress?.address].join(
          ' '
        ),
        protocol: 'q',
        headers: { 'X-Session': '7', 'Set-Cookie': ['a=1', 'b=2'] }
      })
    })
    const client = await ask(port, {
      path: '/a?b',
      headers: { 'X-Token': 'secret', 'Sec-WebSocket-Protocol': 'p, q' }
    })
    expect(client.text).toContain('X-Session: 7\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n')
    expect(sockets[0].protocol).toBe('q')
    expect(sockets[0].userPtr).toBe('/a?b /a secret p,q 127.0.0.1')
  })

  test('refuses with a status', async () => {
    const { port, words } = serve({
      onUpgrade: () => ({ reject: 401, headers: { 'WWW-Authenticate': 'Bearer' } })
    })
    const client = await ask(port)
    expect(client.status).toBe(401)
    expect(client.text).toContain('WWW-Authenticate: Bearer\r\n')
    expect(words).toEqual(['error 401'])
  })

  test('may be a promise; what comes meanwhile is kept, and is not lost', async () => {
    const { client, words, decide } = await undecided()
    await client.write(text('later'))
    expect(words).toEqual([])
    decide()
    await client.answered()
    await until('both are echoed', () => client.frames.length === 14)
    expect(decode(client.frames, { role: 'client' })).toEqual(['text early', 'text later'])
  })

  test.each(['end', 'destroy', 'resetAndDestroy'] as const)(
    'a peer that leaves meanwhile by %s() is noticed, and opens nothing',
    async (leave) => {
      const { client, words, decide } = await undecided()
      client.socket[leave]()
      await until('the handshake is given up', () => words.length > 0)
      decide()
      await new Promise((resolve) => setTimeout(resolve, 10))
      expect(words).toEqual(['error the connection ended during the handshake'])
    }
  )

  test('a peer whose FIN comes with its request leaves in order, and harms nobody', async () => {
    let decided = 0
    const { port, words } = serve({
      onUpgrade: async () => {
        await Promise.resolve()
        decided += 1
        return {}
      }
    })
    // All in one turn of Node's loop: the system has both before the server looks.
    const client = new Socket({ type: 'tcp' })
    onTestFinished(() => client.close())
    client.connect({ address: LOCAL, port })
    client.send(requestText())
    client.shutdown('write')
    await until('it is decided', () => decided === 1)
    await until('it is over', () => words.some((word) => /^(close|error)/.test(word)))
    // Windows gives the FIN with a later batch: the WebSocket is open by then, and closes at once.
    const ended = 'error the connection ended during the handshake'
    expect(words).toEqual(isWindows ? ['open', 'close 1006'] : [ended])
    expect(await ask(port)).toMatchObject({ status: 101 }) // the server goes on
  })

  test.each(['throws', 'is rejected'])(
    'when it %s: 500, and the failure is the program’s',
    async (how) => {
      const uncaught = await uncaughtOf({
        onUpgrade() {
          if (how === 'throws') throw new Error('from onUpgrade')
          return Promise.reject(new Error('from onUpgrade'))
        }
      })
      expect(uncaught).toMatchObject([{ message: 'from onUpgrade' }])
    }
  )

  test.each([
    ['a status that refuses nothing', { reject: 200 }, 'ERR_OUT_OF_RANGE'],
    ['a status that is text', { reject: '400 a\r\nX: y' as never }, 'ERR_INVALID_ARG_TYPE'],
    ['a subprotocol that is no token', { protocol: 'a\r\nX: y' }, 'ERR_INVALID_ARG_VALUE'],
    ['a list of a wrong field', { headers: { A: ['b', 'c\r\nX: y'] } }, 'ERR_INVALID_ARG_VALUE'],
    ['fields that are no plain object', { headers: new Headers() as never }, 'ERR_INVALID_ARG_TYPE']
  ])('when it gives %s: 500, and no line of it is sent', async (_what, decision, code) => {
    expect(await uncaughtOf({ onUpgrade: () => decision })).toMatchObject([{ code }])
  })
})

// What a peer offers must not end the server: the program may always answer the same.
test('a subprotocol that the peer did not offer is refused with 400, and is no exception', async () => {
  const { port, words } = serve({ onUpgrade: () => ({ protocol: 'lobby.v1' }) })
  expect(await ask(port)).toMatchObject({ status: 400 })
  expect(words).toEqual(['error 400'])
  expect(await ask(port, { headers: { 'Sec-WebSocket-Protocol': 'lobby.v1' } })).toMatchObject({
    status: 101
  })
})

/** A client that has sent more than its request, about which its server has not decided yet. */
async function undecided() {
  let decide: (() => void) | undefined
  const { port, words } = serve({
    onUpgrade: () =>
      new Promise<undefined>((resolve) => {
        decide = () => resolve(undefined)
      })
  })
  const client = new RawClient(port)
  await client.write(Buffer.concat([Buffer.from(requestText()), text('early')]))
  await until('it is asked', () => decide !== undefined)
  return { client, words, decide: () => decide?.() }
}

/** What is thrown when a server with these options answers a request with 500. */
async function uncaughtOf(options: Parameters<typeof serve>[0]): Promise<unknown[]> {
  const uncaught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => uncaught.push(error))
  try {
    expect((await ask(serve(options).port)).status).toBe(500)
    await until('it is told', () => uncaught.length > 0)
    return uncaught
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
}

describe('bounds', () => {
  test('a handshake that takes too long gets 408', async () => {
    const { port, words } = serve({ handshakeTimeoutMs: 500 })
    const client = new RawClient(port)
    await client.write('GET / HTTP/1.1\r\n')
    expect(await client.answered()).toBe(408)
    await until('it is told', () => words.length > 0)
    expect(words).toEqual(['error 408'])
  })

  test('a peer that sends nothing in that time, as browsers’ spare connections, is no error', async () => {
    const { port, words } = serve({ handshakeTimeoutMs: 50 })
    const client = new RawClient(port)
    expect(await client.answered()).toBe(408)
    expect(words).toEqual([])
  })

  test('a peer that never closes after a refusal is reset', async () => {
    const { port, poller } = serve({ closeTimeoutMs: 500 })
    await ask(port, { headers: { Upgrade: 'x' } })
    await until('only the listener is left', () => poller.stats.sockets === 1)
  })

  test('over maxHandshakes the oldest is reset, and the newest is served', async () => {
    const { port, poller } = serve({ maxHandshakes: 3 })
    const silent = Array.from({ length: 5 }, () => new RawClient(port))
    await until('two are reset', () => silent.filter(({ isClosed }) => isClosed).length === 2)
    expect((await ask(port)).status).toBe(101)
    expect(poller.stats.sockets).toBeLessThanOrEqual(5)
  })
})

describe('RFC 7692, 7.1: offers', () => {
  const answerTo = (header: string) => acceptDeflate(parseExtensions(header) ?? [])?.answer
  const agreed = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover'

  test.each([
    ['permessage-deflate', agreed],
    ['permessage-deflate; client_max_window_bits', agreed],
    ['permessage-deflate; client_max_window_bits=10', agreed],
    ['permessage-deflate; server_max_window_bits=10', `${agreed}; server_max_window_bits=10`],
    ['permessage-deflate; server_max_window_bits="12"', `${agreed}; server_max_window_bits=12`],
    ['foo, permessage-deflate; server_no_context_takeover', agreed],
    ['permessage-deflate; unknown, permessage-deflate', agreed],
    ['permessage-deflate; server_max_window_bits=8, permessage-deflate', agreed],
    ['permessage-deflate; unknown', undefined],
    ['permessage-deflate; server_max_window_bits', undefined],
    ['permessage-deflate; server_max_window_bits=16', undefined],
    ['permessage-deflate; server_max_window_bits=010', undefined],
    ['permessage-deflate; client_max_window_bits=7', undefined],
    ['permessage-deflate; server_no_context_takeover=1', undefined],
    ['permessage-deflate; server_no_context_takeover; server_no_context_takeover', undefined],
    ['PERMESSAGE-DEFLATE', undefined]
  ])('%s', (header, answer) => {
    expect(answerTo(header)).toBe(answer)
  })

  test('9.1: what is no list of extensions', () => {
    for (const header of ['=', 'a b', 'a; =1', 'a; b="', 'a,,b', 'a; b="x y"', 'a;'])
      expect(parseExtensions(header), header).toBeUndefined()
  })

  test('without the option nothing is agreed on', async () => {
    const asking = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } }
    expect((await ask(serve().port, asking)).text).not.toContain('Extensions')
    expect((await ask(serve({ compression: {} }).port, asking)).text).toContain(
      `Sec-WebSocket-Extensions: ${agreed}\r\n`
    )
  })
})

test('wrong options are refused', () => {
  const codes = [
    { path: 'play' },
    { origins: 'https://a' as never },
    { protocols: ['a b'] },
    { maxHandshakes: 0 },
    { slowSubscriber: 'x' as never },
    { onMessage: 1 as never },
    { highWaterMark: 1 } as never,
    { compression: true as never },
    { closeTimeoutMs: 0 },
    { maxBufferedBytes: 1 }
  ].map((options) => codeOf(() => serve(options)))
  expect(codes).toEqual([
    'ERR_INVALID_ARG_VALUE',
    'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_ARG_VALUE',
    'ERR_OUT_OF_RANGE',
    'ERR_INVALID_ARG_VALUE',
    'ERR_INVALID_ARG_TYPE',
    'ERR_INVALID_ARG_VALUE',
    'ERR_INVALID_ARG_TYPE',
    'ERR_OUT_OF_RANGE',
    'ERR_OUT_OF_RANGE'
  ])
})

test('the subprotocols that a client asks for are checked as a server’s are', () => {
  const { poller, port } = serve()
  const connect = (protocols: unknown) => () =>
    connectWebSocket(poller, { address: LOCAL, port, protocols: protocols as string[] })
  expect(codeOf(connect('chat'))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(connect([5]))).toBe('ERR_INVALID_ARG_TYPE')
  expect(codeOf(connect(['a b']))).toBe('ERR_INVALID_ARG_VALUE')
})

test('a failed handshake has no fields but those that are documented', () => {
  const error = Reflect.construct(WebSocketHandshakeError, ['no', 426])
  expect(Object.keys(error).sort()).toEqual(['code', 'name', 'status'])
})
