// Where the transport listens, with which options, and for how long.
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { get } from 'node:https'
import { createServer } from 'node:net'
import { createEndpoint, createRouter } from '@colyseus/core'
import { Client } from '@colyseus/sdk'
import { PollportTransport } from '@pollport/colyseus-transport'
import { Poller } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { certificate } from './support/certificate.ts'
import { exchange, startExchange } from './support/raw-socket.ts'
import { message, Serving, serve, until } from './support/serving.ts'

/** A transport that listens until the test ends, without the framework's server. */
async function listening(
  transport: PollportTransport,
  port?: number | string,
  hostname?: string
): Promise<{ port: number; address: string; family: string }> {
  await new Promise<void>((resolve, reject) => {
    transport.listen(port, hostname, undefined, (error) =>
      error === undefined ? resolve() : reject(error)
    )
  })
  onTestFinished(() => transport.shutdown())
  return transport.server.address() as { port: number; address: string; family: string }
}

test('listens on a name, on a number, and on all of the machine', async () => {
  const named = await listening(new PollportTransport(), 0, 'localhost')
  expect(['127.0.0.1', '::1']).toContain(named.address)
  const numeric = await listening(new PollportTransport(), '0', '127.0.0.1')
  expect(numeric).toMatchObject({ address: '127.0.0.1', family: 'IPv4' })
  const all = await listening(new PollportTransport())
  expect(['::', '0.0.0.0']).toContain(all.address)
  expect((await exchange(all.port, '/', Uint8Array.of(1))).messages).toEqual(['12'])
})

test('a name that there is not, a path and a port in use are reported to the callback', async () => {
  const failing = (port: number | string, hostname: string) =>
    listening(new PollportTransport(), port, hostname).then(
      () => 'listening',
      ({ code }) => code
    )
  expect(await failing(0, 'nobody.invalid')).toMatch(/^(ENOTFOUND|EAI_AGAIN)$/)
  expect(await failing('/tmp/colyseus.sock', '127.0.0.1')).toBe('ERR_SOCKET_BAD_PORT')
  const other = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as { port: number }
  expect(await failing(port, '127.0.0.1')).toBe('EADDRINUSE')

  const serving = new Serving({ transport: 'pollport', port })
  onTestFinished(() => serving.end())
  expect(await serving.heard('failed')).toBe('EADDRINUSE')
})

test('a port in use: by default it is only logged, and listen() stays pending', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as { port: number }
  const serving = new Serving({ transport: 'default', port })
  onTestFinished(() => serving.end())
  await until('it is logged', () => serving.output.includes('EADDRINUSE'))
  expect(serving.events).toEqual([])
})

test('a transport that could not listen can listen elsewhere', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  onTestFinished(() => void other.close())
  await new Promise((resolve) => other.once('listening', resolve))
  const { port } = other.address() as { port: number }
  const transport = new PollportTransport()
  await expect(listening(transport, port, '127.0.0.1')).rejects.toMatchObject({
    code: 'EADDRINUSE'
  })
  const at = await listening(transport, 0, '127.0.0.1')
  expect((await exchange(at.port, '/', Uint8Array.of(1))).messages).toEqual(['12'])
})

test('the server listens, and no longer after the shutdown', async () => {
  const transport = new PollportTransport()
  expect(transport.server.listening).toBe(false)
  await listening(transport, 0, '127.0.0.1')
  expect(transport.server.listening).toBe(true)
  const closed = new Promise((resolve) => transport.server.once('close', resolve))
  transport.shutdown()
  await closed
  expect(transport.server.listening).toBe(false)
  expect(transport.server.address()).toBe(null)
})

test('a connection that is in no room gets 1001 at the shutdown', async () => {
  const transport = new PollportTransport()
  const { port } = await listening(transport, 0, '127.0.0.1')
  const { messages, ended } = startExchange(port, '/', Uint8Array.of(1))
  await until('it has its answer', () => messages.length > 0)
  transport.shutdown()
  expect(await ended).toEqual({ messages: ['12'], code: 1001 })
})

test('a server that the program opens itself has its WebSockets, too', async () => {
  const server = createHttpServer()
  const transport = new PollportTransport({ server })
  expect(transport.server).toBe(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  expect((await exchange(port, '/', Uint8Array.of(1))).messages).toEqual(['12'])
  const closed = once(server, 'close')
  transport.shutdown()
  await closed
})

test("a poller of the program's own is used, and left open", async () => {
  const poller = new Poller()
  const running = poller.run(() => {})
  const transport = new PollportTransport({ poller })
  const { port } = await listening(transport, 0, '127.0.0.1')
  expect((await exchange(port, '/', Uint8Array.of(1))).messages).toEqual(['12'])
  transport.shutdown()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(poller.closed).toBe(false)
  poller.close()
  await running
})

test('an option that there is not is a TypeError with those that there are', () => {
  const options = { verifyClient: () => true } as object
  expect(() => new PollportTransport(options)).toThrow(/no option 'verifyClient'.*beforeUpgrade/)
  expect(() => new PollportTransport({ maxPayload: -1 })).toThrow('maxPayload must be a number')
})

test("a router of the program's own is bound without the framework's server", async () => {
  const transport = new PollportTransport()
  transport.bindRouter(
    createRouter({
      hello: createEndpoint('/hello', { method: 'GET' }, async () => ({ hello: 'you' }))
    })
  )
  const { port } = await listening(transport, 0, '127.0.0.1')
  const response = await fetch(`http://127.0.0.1:${port}/hello`)
  expect(await response.json()).toEqual({ hello: 'you' })
})

test('https: rooms and routes over TLS, by a server of node:https', async () => {
  const { cert, key } = certificate()
  const serving = await serve('pollport', { tls: { cert, key } })
  const status = await new Promise((resolve, reject) => {
    const url = `https://localhost:${serving.port}/__healthcheck`
    get(url, { ca: cert, agent: false }, (response) => resolve(response.resume().statusCode)).on(
      'error',
      reject
    )
  })
  expect(status).toBe(200)
  // The SDK has no other way to trust it; and Node warns of it.
  process.removeAllListeners('warning')
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  const client = new Client(`wss://127.0.0.1:${serving.port}`)
  client.auth.token = 'member'
  await client.joinOrCreate('club')
  expect(await serving.heard('auth')).toBe('member 127.0.0.1 -')
  const room = await client.joinOrCreate('game')
  await message(room, 'welcome')
  const echo = message(room, 'echo')
  room.send('echo', 'over TLS')
  expect(await echo).toBe('over TLS')
  await room.leave()
  await serving.heard('dispose')
})

test('a client that does not read is disconnected, and its memory given back', async () => {
  const serving = await serve('pollport', {
    options: { pingInterval: 0, websocket: { highWaterMarkBytes: 1024, maxBufferedBytes: 1024 } }
  })
  const [slow, quick] = await Promise.all([
    serving.client().joinOrCreate('game', { name: 'slow' }),
    serving.client().joinOrCreate('game', { name: 'quick' })
  ])
  for (const room of [slow, quick]) {
    room.reconnection.enabled = false
    room.onMessage('welcome', () => {})
    room.onMessage('everybody', () => {})
    room.onMessage('echo', () => {})
  }
  // 64 MiB at once, which no socket's buffers take.
  slow.send('raw', 64 * 1024 * 1024)
  slow.send('echo', 1)
  expect(await serving.heard('drop')).toBe('1013')
  expect(quick.connection.isOpen).toBe(true)
})

test('descriptors are as many as before when 300 clients have come and gone', async () => {
  const serving = await serve('pollport')
  const descriptors = () => readdirSync(`/proc/${serving.child.pid}/fd`).length
  const stays = await serving.client().joinOrCreate('game')
  stays.onMessage('welcome', () => {})
  const before = descriptors()
  for (let round = 0; round < 6; round++) {
    const rooms = await Promise.all(
      Array.from({ length: 50 }, () => serving.client().joinOrCreate('game'))
    )
    for (const room of rooms) room.onMessage('welcome', () => {})
    await Promise.all(rooms.map((room) => room.leave()))
  }
  await until('all are gone', () => descriptors() <= before + 2)
})
