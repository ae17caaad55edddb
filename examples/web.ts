// HTTP and WebSockets over pollport: a page, and a socket on which it counts visitors, on one port.
// Shows serve(), which takes the place of an http server's listen(), and the `ws` package on it.
// Run it with `npx tsx examples/web.ts 8080`, or a copy of it with `node web.mts 8080` (before Node
// 22.18: `npx tsx`). It needs `npm install ws`. Open the address it prints. End it with Ctrl-C.
// Leaves out files, routes and cookies: Express or Fastify has them, and serve() takes it.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Poller, serve } from 'pollport'
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
serve(http, poller, { address: '127.0.0.1', port: Number(process.argv[2] ?? 0) })
http.on('listening', () => console.log(`http://127.0.0.1:${(http.address() as AddressInfo).port}/`))
// ws passes on what its http server reports, such as a port that is in use.
sockets.on('error', (error) => {
  console.error(error.message)
  if (!http.listening) poller.close()
})

process.once('SIGINT', stop)
process.once('SIGTERM', stop)
await poller.run(() => {})

function stop(): void {
  for (const client of sockets.clients) client.terminate()
  http.close(() => poller.close())
}

function tellAll(): void {
  for (const client of sockets.clients) client.send(String(sockets.clients.size))
}
