// https and http2 over connections of a poller: no client that leaves, in whatever way, leaves a
// descriptor; and the peer's address can be had.
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import http2 from 'node:http2'
import https from 'node:https'
import net from 'node:net'
import tls from 'node:tls'
import { type ConnectionDuplex, toDuplex } from 'pollport'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { runningPoller } from '../support/running-poller.ts'

const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }])

function secure(port: number): tls.TLSSocket {
  return tls.connect({
    port,
    host: LOCAL,
    rejectUnauthorized: false,
    ALPNProtocols: ['h2', 'http/1.1']
  })
}

const leaving: Record<string, (port: number) => Promise<unknown>> = {
  'ends before it has said anything': async (port) => {
    const socket = net.connect(port, LOCAL).resume()
    await once(socket, 'connect')
    socket.end()
  },
  'is reset before that': async (port) => {
    const socket = net.connect(port, LOCAL)
    await once(socket, 'connect')
    socket.resetAndDestroy()
  },
  'ends after the handshake': async (port) => {
    const socket = secure(port).resume()
    await once(socket, 'secureConnect')
    socket.on('error', () => {}).end()
  },
  'is destroyed after the handshake': async (port) => {
    const socket = secure(port)
    await once(socket, 'secureConnect')
    socket.on('error', () => {}).destroy()
  }
}

for (const [name, createServer] of Object.entries({
  https: https.createServer,
  http2: http2.createSecureServer
})) {
  for (const [how, leave] of Object.entries(leaving)) {
    test(`${name}: a client that ${how} leaves no descriptor`, async () => {
      const server = (createServer as typeof https.createServer)({ key, cert })
      server.on('tlsClientError', () => {})
      let accepted = 0
      const poller = runningPoller((connection) => {
        accepted++
        const stream = toDuplex(connection)
        server.emit('connection', stream)
        stream.allowHalfOpen = true // now that tls has it
      })
      await leave(poller.listenTcp({ address: LOCAL, port: 0 }).localAddress.port)
      const hasGone = () => accepted === 1 && poller.stats.sockets === 1 // the listener
      while (!hasGone()) await new Promise((resolve) => setImmediate(resolve))
    })
  }
}

test('behind TLS a request finds its stream, and so the address of its peer, in the async context', async () => {
  const storage = new AsyncLocalStorage<ConnectionDuplex>()
  const server = http2.createSecureServer({ key, cert, allowHTTP1: true }, (_, response) => {
    response.end(String(storage.getStore()?.remoteAddress))
  })
  const poller = runningPoller((connection) => {
    const stream = toDuplex(connection)
    storage.run(stream, () => server.emit('connection', stream))
  })
  const { port } = poller.listenTcp({ address: LOCAL, port: 0 }).localAddress
  const [response] = await once(
    https.get({ host: LOCAL, port, rejectUnauthorized: false, agent: false }),
    'response'
  )
  let body = ''
  for await (const piece of response) body += piece
  expect(body).toBe(LOCAL)

  const session = http2.connect(`https://${LOCAL}:${port}`, { rejectUnauthorized: false })
  onTestFinished(() => session.destroy())
  const request = session.request({ ':path': '/' }).setEncoding('utf8')
  let answer = ''
  for await (const piece of request) answer += piece
  expect(answer).toBe(LOCAL)
  session.close()
})
