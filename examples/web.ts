// HTTP and WebSockets over pollport: a page, and a socket on which it counts visitors, on one port.
// Shows Node's own http server without its listen(), and the `ws` package on its upgrade.
// Run it with `npx tsx examples/web.ts 8080`, or a copy of it with `node web.mts 8080` (before Node
// 22.18: `npx tsx`). It needs `npm install ws`. Open the address it prints. End it with Ctrl-C.
// Leaves out files, routes and cookies: use your framework, it gets the same `http`.
import { createServer } from 'node:http'
import { Poller, toDuplex } from 'pollport'
import { type WebSocket, WebSocketServer } from 'ws'

const page = `<!doctype html><title>pollport</title><p>Here now: <b id="n">?</b></p>
<script>
  new WebSocket('ws://' + location.host).onmessage = (event) => { n.textContent = event.data }
</script>`

const http = createServer((request, response) => {
  if (request.url !== '/') response.writeHead(404).end('not here\n')
  else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
})
const sockets = new WebSocketServer({ server: http, maxPayload: 1024 })
sockets.on('connection', (socket: WebSocket) => {
  tellAll()
  socket.on('close', tellAll)
  socket.on('error', (error) => console.error(error.message))
})

const poller = new Poller()
const listener = poller.listenTcp({ address: '127.0.0.1', port: Number(process.argv[2] ?? 0) })
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
console.log(`http://127.0.0.1:${listener.localAddress.port}/`)

await poller.run(
  (events) => {
    for (const event of events) {
      // http still answers a client that has sent FIN, so the stream must not end by itself.
      if (event.type === 'accept')
        http.emit('connection', toDuplex(event.socket, { allowHalfOpen: true }))
      if (event.type === 'error') console.error(event.error.message)
    }
  },
  { signal: stop.signal }
)
sockets.close()
poller.close()

function tellAll(): void {
  for (const client of sockets.clients) client.send(String(sockets.clients.size))
}
