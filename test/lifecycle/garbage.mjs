// Drops pollers and sockets without closing them, has them collected, and then only waits on a
// poller that it keeps. Marks (each waits): before, dropped, collected, waited. Run with
// --expose-gc.
import { Epoll, Poller, Socket } from 'pollport'

const [what] = process.argv.slice(2)
const ANY = { address: '127.0.0.1', port: 0 }
const COUNT = 50

function reached(mark) {
  process.send({ mark })
  return new Promise((resolve) => process.once('message', resolve))
}

const makers = {
  sockets: () => new Socket({ type: 'tcp' }).bind(ANY),
  pollers: () => new Poller(),
  'pollers with sockets': () => {
    const poller = new Poller()
    const listener = poller.listenTcp(ANY)
    poller.bindUdp(ANY)
    poller.connectTcp(listener.localAddress).send('x')
    for (const event of poller.wait(100))
      if (event.type === 'accept') event.socket.send(Buffer.alloc(100_000))
  },
  'pollers with a waker': () => new Poller().waker(),
  'epolls in epolls': () => {
    const inner = new Epoll()
    inner.add(new Socket({ type: 'udp' }))
    new Epoll().add(inner)
  },
  'detached and owned again': () => {
    const socket = new Socket({ type: 'udp' })
    Socket.fromHandle(socket.detach(), { type: 'udp' })
  },
  'pollers that ran': async () => {
    const poller = new Poller()
    poller.listenTcp(ANY)
    poller.wake()
    for await (const _ of poller) break
  }
}

const kept = new Poller()
kept.wait(0)
await makers[what]()
for (let times = 0; times < 5; times++) {
  global.gc()
  kept.wait(0)
  await new Promise((resolve) => setTimeout(resolve, 5))
}
await reached('before')
for (let count = 0; count < COUNT; count++) await makers[what]()
await reached('dropped')
// Collection without a turn of Node's loop is what a server in an endless wait() loop has: no
// finalizer runs there.
for (let times = 0; times < 5; times++) {
  global.gc()
  for (let waits = 0; waits < 20; waits++) kept.wait(0)
}
await reached('waited')
process.exit(0)
