// Peers that break off, and programs that close, in the middle of a handshake: the server goes on,
// and nothing of it is an uncaught exception.
import { once } from 'node:events'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { Poller, type TcpListener } from 'pollport'
import { WebSocketEncoder, WebSocketServer } from 'pollport/websocket'
import { generate } from 'selfsigned'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ask, LOCAL, RawClient, requestText, serve, until } from './serving.ts'

/** Counts those that the server has closed: a socket of Node's answers FIN by FIN. */
function silentPeers(port: number, count: number): { closed: number } {
  const peers = { closed: 0 }
  for (let number = 0; number < count; number++) {
    const peer = connect(port, LOCAL)
    peer.on('error', () => {})
    peer.on('close', () => void peers.closed++)
    peer.resume()
    onTestFinished(() => void peer.destroy())
  }
  return peers
}

const certificate = async () => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }])
  return { key, cert }
}

test('a request for http and a reset in one batch', async () => {
  const { port } = serve({ http: createServer((_request, response) => response.end('page')) })
  for (let count = 0; count < 50; count++) {
    const peer = connect(port, LOCAL)
    peer.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await once(peer, 'connect')
    peer.resetAndDestroy()
  }
  expect(await (await fetch(`http://${LOCAL}:${port}/`)).text()).toBe('page')
})

test('a handshake that was dropped for a newer one, and decided afterwards', async () => {
  const decide: (() => void)[] = []
  const { port, sockets, poller } = serve({
    maxHandshakes: 1,
    onUpgrade: () => new Promise((resolve) => void decide.push(() => resolve(undefined)))
  })
  const first = new RawClient(port)
  await first.write(requestText())
  await until('it is asked about', () => decide.length === 1)
  const second = new RawClient(port)
  await until('the newer one is there', () => poller.stats.accepted === 2)
  decide[0]()
  await until('the older one is reset', () => first.isClosed)
  expect(sockets).toEqual([])
  await second.write(requestText())
  await until('it is asked about', () => decide.length === 2)
  decide[1]()
  expect(await second.answered()).toBe(101)
})

describe('a program that closes within its own decision', () => {
  for (const where of ['path', 'onUpgrade'] as const)
    for (const what of ['poller', 'server'] as const)
      test(`the ${what}, in ${where}`, async () => {
        const poller = new Poller()
        onTestFinished(() => poller.close())
        const words: string[] = []
        const close = () => void (what === 'poller' ? poller.close() : server.close())
        const server: WebSocketServer<undefined> = new WebSocketServer(poller, {
          address: LOCAL,
          port: 0,
          path: () => {
            if (where === 'path') close()
            return true
          },
          onUpgrade: () => {
            if (where === 'onUpgrade') close()
            return undefined
          },
          onOpen: () => void words.push('open'),
          onClose: () => void words.push('close')
        })
        const peer = connect(server.localAddress.port, LOCAL)
        peer.write(requestText())
        peer.resume()
        void poller.run(() => {})
        await once(peer, 'close')
        expect(words).toEqual([])
      })
})

test('of two servers behind a listener each has its own handshakes', async () => {
  const poller = new Poller<unknown>()
  onTestFinished(() => poller.close())
  const listener = poller.listenTcp({ address: LOCAL, port: 0 }) as TcpListener<never>
  const words: string[] = []
  const decide: (() => void)[] = []
  const make = (path: string) =>
    new WebSocketServer(poller, {
      listener,
      path,
      onUpgrade: () => new Promise((resolve) => void decide.push(() => resolve(undefined))),
      onOpen: () => void words.push(`${path} open`)
    })
  const [a, b] = [make('/a'), make('/b')]
  void poller.run(() => {})
  const clients = ['/a', '/b'].map(async (path) => {
    const client = new RawClient(listener.localAddress.port)
    await client.write(requestText({ path }))
    return client
  })
  const [first, second] = await Promise.all(clients)
  await until('both are asked about', () => decide.length === 2)
  const closing = a.close()
  for (const resolve of decide) resolve()
  expect(await first.answered()).toBe(503)
  expect(await second.answered()).toBe(101)
  expect(words).toEqual(['/b open'])
  for (const client of [first, second]) client.socket.end()
  await Promise.all([closing, b.close()])
})

describe('over TLS', () => {
  test('peers that say nothing are bounded by maxHandshakes, and close() ends them', async () => {
    const serving = serve({ tls: await certificate(), maxHandshakes: 10 })
    const silent = silentPeers(serving.port, 60)
    await until('only so many are left', () => silent.closed === 50)
    await serving.server.close()
    await until('none is left', () => silent.closed === 60)
  })

  test('a peer that says nothing, or half of it, is closed after handshakeTimeoutMs', async () => {
    const serving = serve({ tls: await certificate(), handshakeTimeoutMs: 200 })
    const silent = new RawClient(serving.port)
    const half = new RawClient(serving.port)
    await half.write(Buffer.from('160301', 'hex')) // the beginning of a ClientHello
    await until('both are ended', () => silent.hasEnded && half.hasEnded)
    await until('the server has closed them', () => serving.poller.stats.sockets === 1)
    expect(serving.words).toEqual(Array(2).fill('error TLS handshake timeout'))
  })

  test('a peer that closes while it has not read all gets all', async () => {
    const length = 5_000_000
    const serving = serve({
      tls: await certificate(),
      maxBufferedBytes: 2 * length,
      onOpen: (socket) => void socket.send(Buffer.alloc(length))
    })
    const peer = connectTls({ host: LOCAL, port: serving.port, rejectUnauthorized: false })
    onTestFinished(() => void peer.destroy())
    let received = 0
    peer.on('data', (data) => {
      received += data.length
    })
    peer.write(requestText())
    await once(peer, 'data')
    peer.pause()
    peer.write(new WebSocketEncoder({ role: 'client' }).close(1000))
    await until('the server has seen it', () => serving.words.length > 1 || received > 0)
    peer.resume()
    await once(peer, 'close')
    expect(received).toBeGreaterThan(length)
    await until('it is told', () => serving.words.includes('close 1000'))
  })
})

test('a decision that is none is the program’s error, and admits nobody', async () => {
  const thrown: unknown[] = []
  const listener = (error: unknown) => void thrown.push(error)
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', listener)
  onTestFinished(() => {
    process.off('uncaughtException', listener)
    for (const other of others) process.on('uncaughtException', other)
  })
  const { port, sockets } = serve({ onUpgrade: () => false as never })
  const client = await ask(port)
  expect(client.status).toBe(500)
  await until('it is reported', () => thrown.length === 1)
  expect(thrown[0]).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  expect(sockets).toEqual([])
})

test('what belongs to another poller is refused, since publish() could not reach it', () => {
  const [one, other] = [new Poller<unknown>(), new Poller<unknown>()]
  onTestFinished(() => {
    one.close()
    other.close()
  })
  const listener = other.listenTcp({ address: LOCAL, port: 0 }) as TcpListener<never>
  const refused = expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' })
  expect(() => new WebSocketServer(one, { listener })).toThrow(refused)
  const server = new WebSocketServer(one, { listener: null })
  expect(() => server.accept(other.connectTcp(listener.localAddress))).toThrow(refused)
})
