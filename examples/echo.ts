// An echo server on Poller: the same program for epoll and for completion ports.
// Shows the whole loop: listen, wait, receive, send, and backpressure when a reader is slow.
// Run it with `npx tsx examples/echo.ts`, or a copy of it with `node echo.mts` (before Node 22.18:
// `npx tsx echo.mts`). Try it with `nc 127.0.0.1 PORT`, end it with Ctrl-C.
// Leaves out timers and promises, which need poller.run(): examples/web.ts has them.
import { Poller } from 'pollport'

interface Client {
  name: string
}

const poller = new Poller<Client>()
const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
console.log(`port ${listener.localAddress.port}`)
let clients = 0

for (;;) {
  for (const event of poller.wait()) {
    if (event.type === 'accept') event.socket.userPtr = { name: `client ${++clients}` }
    if (event.type === 'receive') {
      if (!event.socket.send(event.data)) event.socket.pause() // the queue is full: wait for drain
    }
    if (event.type === 'drain') event.socket.resume()
    if (event.type === 'end') event.socket.end() // the client sent FIN: so do we, after the queue
    if (event.type === 'close') console.log(`${event.userPtr?.name} left`)
  }
}
