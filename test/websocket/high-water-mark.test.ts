// `highWaterMarkBytes` is the WebSocket's own mark: neither the poller's, which is of a connection,
// nor that of a stream of Node's, which is 16 or 64 KiB, comes before it.
import { once } from 'node:events'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'
import Peer from 'ws'
import { LOCAL, serve, until } from './serving.ts'

const MIB = 1024 * 1024

test.each([
  ['over TCP', false],
  ['over TLS', true]
])('%s send() says false above it, and not before', async (_how, isSecure) => {
  const { private: key, cert } = await generate([{ name: 'commonName', value: 'lobby.test' }])
  const serving = serve({
    tls: isSecure && { key, cert },
    highWaterMarkBytes: 4 * MIB,
    maxBufferedBytes: 2 ** 30
  })
  const url = `${isSecure ? 'wss' : 'ws'}://${LOCAL}:${serving.port}/`
  const peer = new Peer(url, { rejectUnauthorized: false })
  onTestFinished(() => peer.terminate())
  await once(peer, 'open')
  await until('it is open on both sides', () => serving.sockets.length === 1)
  let bytes = 0
  peer.on('message', (data: Buffer) => {
    bytes += data.length
  })
  peer.pause()
  const [socket] = serving.sockets
  let sent = 0
  do sent += 32_768
  while (socket.send(Buffer.alloc(32_768)))
  expect(socket.bufferedBytes).toBeGreaterThan(4 * MIB)
  peer.resume()
  await until('all has come', () => bytes === sent)
  await until('it has drained', () => serving.words.includes('drain'))
  expect(socket.bufferedBytes).toBe(0)
  expect(serving.words).toEqual(['open', 'drain'])
})
