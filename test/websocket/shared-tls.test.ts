// Several servers behind one listener, with TLS: a connection is secured before anybody knows its
// path, so that either all of them have `tls` or none has.
import { connect } from 'node:tls'
import { Poller } from 'pollport'
import { WebSocketServer, type WebSocketServerOptions } from 'pollport/websocket'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL, RawClient, requestText, until } from './serving.ts'

const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }])

function shared() {
  const poller = new Poller()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const running = poller.run(() => {})
  onTestFinished(async () => {
    poller.close()
    await running
  })
  const add = (options: Partial<WebSocketServerOptions>) =>
    new WebSocketServer(poller, { listener: listener as never, ...options })
  return { add, poller, port: listener.localAddress.port }
}

/** What the server answers over TLS. */
async function statusOverTls(client: RawClient, path: string): Promise<string> {
  client.socket.removeAllListeners('data')
  const stream = connect({ socket: client.socket, rejectUnauthorized: false })
  onTestFinished(() => void stream.destroy())
  let answer = ''
  stream.on('data', (data) => {
    answer += data
  })
  stream.write(requestText({ path }))
  await until('the server answers', () => answer.includes('\r\n\r\n'))
  return answer.slice(9, 12)
}

test.each([
  ['without TLS beside one that has it', { key, cert }, undefined],
  ['with TLS beside one that has none', undefined, { key, cert }]
])('a server %s is refused', async (_which, first, second) => {
  const { add, port } = shared()
  add({ path: '/a', tls: first })
  expect(() => add({ path: '/b', tls: second })).toThrow(
    expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: expect.stringMatching(/^tls cannot be .*the other servers of its listener have/)
    })
  )
  // The one that is there serves on, and the other has no part in it.
  const client = new RawClient(port)
  if (first !== undefined) expect(await statusOverTls(client, '/b')).toBe('404')
  else {
    await client.write(requestText({ path: '/b' }))
    expect(await client.answered()).toBe(404)
  }
})

test('when one of them closes, a connection that is within TLS goes to the others', async () => {
  const { add, port } = shared()
  const first = add({ path: '/a', tls: { key, cert } })
  add({ path: '/b', tls: { key, cert } })
  const early = new RawClient(port)
  await until('it has connected', () => !early.socket.connecting)
  // Accepted before this one, which has its answer.
  expect(await statusOverTls(new RawClient(port), '/c')).toBe('404')
  await first.close()
  expect(await statusOverTls(early, '/b')).toBe('101')
  expect(await statusOverTls(new RawClient(port), '/a')).toBe('404')
  expect(await statusOverTls(new RawClient(port), '/b')).toBe('101')
})

test('when all of them close, a connection that is within TLS is closed at once', async () => {
  const { add, poller, port } = shared()
  const long = { tls: { key, cert }, handshakeTimeoutMs: 60_000 }
  const servers = ['/a', '/b'].map((path) => add({ path, ...long }))
  const silent = new RawClient(port)
  await until('it is accepted', () => poller.stats.sockets === 2)
  for (const server of servers) await server.close()
  await until('the listener is left', () => poller.stats.sockets === 1)
  await until('the client has heard', () => silent.hasEnded || silent.isClosed)
})
