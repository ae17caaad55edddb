// 6455 4.2.1: over TLS, too, a request that asks for no WebSocket reaches the http server, whole.
import { createServer } from 'node:http'
import { connect } from 'node:tls'
import { Poller } from 'pollport'
import { WebSocketServer } from 'pollport/websocket'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'

test('6455 4.2.1 over TLS an ordinary request is answered by the http server', async () => {
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 })
  const http = createServer((request, response) => {
    request.on('data', (data) => response.end(`${request.url} ${data}`))
  })
  const poller = new Poller()
  const over = new AbortController()
  const server = new WebSocketServer(poller, {
    address: '127.0.0.1',
    port: 0,
    http,
    tls: { key: pems.private, cert: pems.cert }
  })
  const serving = poller.run(() => {}, { signal: over.signal })
  onTestFinished(async () => {
    over.abort()
    await serving
    poller.close()
  })
  const { port } = server.localAddress
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false })
    onTestFinished(() => void socket.destroy())
    socket.on('data', (data) => resolve(String(data)))
    socket.on('error', reject)
    socket.write('POST /here HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello')
  })
  expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n[\s\S]*\/here hello/)
})
