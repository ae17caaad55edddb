// What goes over streams of Node's, serve() and TLS and http of WebSockets, says so where Node's
// loop has no turns, and not by silence.
import { once } from 'node:events'
import http from 'node:http'
import { Poller, runLoop, serve } from 'pollport'
import { connectWebSocket, WebSocketServer } from 'pollport/websocket'
import { generate } from 'selfsigned'
import { describe, expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { codeOf } from '../support/raw-pair.ts'
import { portOf } from '../support/served.ts'

const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }])
const where = { address: LOCAL, port: 0 }
const createServer = () => http.createServer((_request, response) => void response.end('hello'))

function openPoller(): Poller {
  const poller = new Poller()
  onTestFinished(() => poller.close())
  return poller
}

const ofStreams: Record<string, (poller: Poller) => void> = {
  'serve()': (poller) => void serve(createServer(), poller, where),
  'a WebSocketServer with tls': (poller) =>
    void new WebSocketServer(poller, { ...where, tls: { key, cert } }),
  'a WebSocketServer with http': (poller) =>
    void new WebSocketServer(poller, { ...where, http: createServer() }),
  'a WebSocket with tls': (poller) => {
    const server = poller.listenTcp(where)
    connectWebSocket(poller, { address: LOCAL, port: server.localAddress.port, tls: true })
  }
}

describe.each(Object.entries(ofStreams))('%s', (_name, begin) => {
  test('a bare wait() throws EDEADLK, which says what to do', () => {
    const poller = openPoller()
    begin(poller)
    expect(() => poller.wait(10)).toThrow(/run\(\).*runLoop\(\) without 'exclusive'/)
    expect(codeOf(() => poller.wait())).toBe('EDEADLK')
    // It blocks nothing.
    expect(poller.wait(0)).toBeInstanceOf(Array)
  })

  test('so does an exclusive runLoop(), and in its handlers the call itself', async () => {
    const poller = openPoller()
    begin(poller)
    const options = { hz: 100, exclusive: true, onTick: () => false }
    await expect(runLoop(poller, options)).rejects.toMatchObject({ code: 'EDEADLK' })

    const other = openPoller()
    const codes: unknown[] = []
    const onTick = () => {
      codes.push(codeOf(() => begin(other)))
      return false
    }
    await runLoop(other, { ...options, onTick })
    expect(codes).toEqual(['EDEADLK'])
  })

  test('waits with turns of Node’s loop in between are not refused', async () => {
    const poller = openPoller()
    begin(poller)
    for (let round = 0; round < 3; round++) {
      await new Promise((resolve) => setImmediate(resolve))
      poller.wait(1)
    }
    begin(poller)
    await runLoop(poller, { hz: 200, onTick: (tick) => tick < 3 })
  })
})

test('a poller without any of it waits as it likes', () => {
  const poller = openPoller()
  new WebSocketServer(poller, where)
  expect(poller.wait(1)).toEqual([])
})

test('a connection that comes later is reported by the next wait()', async () => {
  const poller = openPoller()
  const server = createServer()
  serve(server, poller, where)
  const port = await portOf(server)
  const request = http.get({ host: LOCAL, port, agent: false })
  request.on('error', () => {})
  onTestFinished(() => void request.destroy())
  const [socket] = await once(request, 'socket')
  await once(socket, 'connect')
  const waits = () => {
    for (let round = 0; round < 100; round++) poller.wait(20)
  }
  expect(codeOf(waits)).toBe('EDEADLK')
})

test('runLoop() that is not exclusive serves http', async () => {
  const poller = openPoller()
  const server = createServer()
  serve(server, poller, where)
  let text = ''
  void portOf(server).then(async (port) => {
    const response = await fetch(`http://${LOCAL}:${port}/`)
    text = await response.text()
    server.closeAllConnections()
  })
  await runLoop(poller, { hz: 100, onTick: () => text === '' })
  expect(text).toBe('hello')
})
