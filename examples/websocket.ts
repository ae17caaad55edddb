// A chat that a browser joins: its page comes by HTTP, its lines by WebSockets, on one port.
// Shows WebSocketServer, a name from the query, a topic, a bound for slow readers, a graceful stop.
// Run it with `npx tsx examples/websocket.ts 8080`, or a copy of it with `node websocket.mts 8080`
// (before Node 22.18: `npx tsx`). Open the address in two tabs. End it with Ctrl-C.
// Leaves out accounts and history: examples/lobby has those.
import { createServer } from 'node:http'
import { Poller } from 'pollport'
import { WebSocketServer } from 'pollport/websocket'

const page = `<!doctype html><meta charset="utf-8"><title>chat</title>
<form><input autofocus></form><pre></pre>
<script>
  const [form, input, log] = ['form', 'input', 'pre'].map((name) => document.querySelector(name))
  const name = new URLSearchParams(location.search).get('name') ?? prompt('Your name?') ?? ''
  const socket = new WebSocket('ws://' + location.host + '/chat?name=' + encodeURIComponent(name))
  socket.onmessage = ({ data }) => log.append(data + '\\n')
  socket.onclose = ({ code }) => log.append('* closed: ' + code + '\\n')
  form.onsubmit = () => { socket.send(input.value); form.reset(); return false }
</script>`

const http = createServer((request, response) => {
  if (request.url !== '/') response.writeHead(404).end('not here\n')
  else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
})

const poller = new Poller()
const server = new WebSocketServer<string>(poller, {
  address: '127.0.0.1',
  port: Number(process.argv[2] ?? 0),
  http, // gets every request that asks for no WebSocket; it need not listen
  path: '/chat',
  maxMessageBytes: 4096,
  slowSubscriber: 'close',
  onUpgrade: ({ url }) => ({ userPtr: nameIn(url) }),
  onOpen: (socket) => {
    socket.subscribe('room')
    server.publish('room', `* ${socket.userPtr} joined; ${server.subscriberCount('room')} here`)
  },
  onMessage: (socket, data, isText) => {
    if (isText) server.publish('room', `${socket.userPtr}: ${socket.text(data)}`)
  },
  onClose: (socket) => void server.publish('room', `* ${socket.userPtr} left`),
  onError: (error) => console.error(error.message)
})
console.log(`http://127.0.0.1:${server.localAddress.port}/`)

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, async () => {
    await server.close() // each gets 1001 and at most closeTimeoutMs to answer
    stop.abort()
  })
await poller.run(() => {}, { signal: stop.signal })
poller.close()

/** A browser cannot set header fields of a WebSocket: names come by the query or by a cookie. */
function nameIn(url: string): string {
  return new URL(url, 'http://localhost').searchParams.get('name')?.slice(0, 20) || 'guest'
}
