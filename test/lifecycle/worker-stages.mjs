// A worker that comes to the stage named in workerData.stage and leaves in the way of
// workerData.way: terminate (it says 'there' and stays until it is), exit (process.exit(3)), throw
// (an uncaught exception), natural (nothing is left to do). One of its connections leads to
// workerData.port.
import { parentPort, workerData } from 'node:worker_threads'
import { Epoll, Iocp, Poller, Socket } from 'pollport'

const { stage, way, port } = workerData
const LOCAL = '127.0.0.1'
const ANY = { address: LOCAL, port: 0 }
const poller = new Poller()
const out = poller.connectTcp({ address: LOCAL, port })

/** What happens at the stage. `stay` is what the worker does there until it is terminated. */
function leave(stay) {
  parentPort.postMessage({ waker: poller.closed ? -1 : poller.waker().handle })
  if (way === 'exit') process.exit(3)
  if (way === 'throw') throw new Error('left by an exception')
  if (way === 'terminate') return stay()
}

function until(is) {
  for (;;) for (const event of poller.wait(1000)) if (is(event)) return event
}

/** Stays in wait(-1), whatever events come. */
const waitingOn = (poller) => () => {
  for (;;) poller.wait(-1)
}
const waiting = waitingOn(poller)
const spinning = () => {
  for (;;);
}
const sleeping = () => void setInterval(() => {}, 1000)

/** Both ends of a connection within this worker, and the one that leads out of it. */
function connected() {
  const listener = poller.listenTcp(ANY)
  const far = poller.connectTcp(listener.localAddress)
  let near
  let isConnected = false
  until((event) => {
    if (event.type === 'accept') near = event.socket
    if (event.type === 'connect') isConnected = true
    return near !== undefined && isConnected
  })
  return { listener, far, near }
}

const raw = (type = 'tcp') => new Socket({ type })

const stages = {
  constructed: () => leave(sleeping),
  listening: () => {
    poller.listenTcp(ANY)
    leave(waiting)
  },
  connecting: () => {
    poller.connectTcp({ address: LOCAL, port }).send('queued before it is connected')
    leave(spinning)
  },
  'connected and idle': () => {
    connected()
    leave(waiting)
  },
  'a large message under way': () => {
    const { far, near } = connected()
    near.pause()
    far.send(Buffer.alloc(20_000_000))
    out.send(Buffer.alloc(20_000_000))
    poller.wait(0)
    leave(waiting)
  },
  receiving: () => {
    const { far } = connected()
    for (let left = 50; left > 0; left--) {
      far.send(Buffer.alloc(30_000))
      poller.wait(10)
    }
    leave(() => {
      for (;;) {
        far.send(Buffer.alloc(30_000))
        poller.wait(10)
      }
    })
  },
  'the handling of an event': () => {
    const { far } = connected()
    far.send('x')
    until((event) => event.type === 'receive')
    leave(spinning)
  },
  'the handler of run()': async () => {
    const ending = new AbortController()
    poller.wake()
    await poller.run(
      () => {
        leave(spinning)
        ending.abort()
      },
      { signal: ending.signal }
    )
  },
  'run()': async () => {
    const { far } = connected()
    const ending = new AbortController()
    const running = poller.run(() => {}, { signal: ending.signal })
    far.send('x')
    await new Promise((resolve) => setTimeout(resolve, 5))
    leave(() => running)
    if (way === 'terminate') return running
    ending.abort()
    await running
  },
  'between detach and adopt': () => {
    const { near, far } = connected()
    far.send('to the next owner')
    poller.flush()
    const between = Socket.fromHandle(near.detach())
    leave(waiting)
    return between
  },
  'after adopt': () => {
    const { near } = connected()
    const other = new Poller()
    other.adopt(Socket.fromHandle(near.detach())).send('from the next owner')
    leave(waitingOn(other))
  },
  'pollers and sockets closed': () => {
    const { near, far, listener } = connected()
    near.close()
    far.reset()
    listener.close()
    poller.close()
    leave(sleeping)
  },
  'ended, and not yet closed': () => {
    const { near } = connected()
    near.end()
    out.end()
    poller.wait(10)
    leave(waiting)
  },
  'timers and datagrams': () => {
    const udp = poller.bindUdp(ANY)
    for (let count = 0; count < 50; count++) udp.send('x', udp.localAddress)
    out.setIdleTimeout(60_000)
    poller.connectTcp({ address: LOCAL, port, timeoutMs: 60_000 })
    leave(waiting)
  },
  'raw sockets, and a raw wait': () => {
    const listener = raw()
    listener.bind(ANY)
    listener.listen()
    raw('udp').bind(ANY)
    const system = poller.backend === 'epoll' ? new Epoll() : new Iocp()
    const near = raw()
    near.connect(listener.localAddress)
    const far = listener.accept()
    system.add(near, 'near')
    if (poller.backend === 'iocp') {
      near.overlappedReceive(1000)
      near.overlappedSend(Buffer.alloc(1000))
    }
    leave(waitingOn(system))
    return far
  }
}

until((event) => event.type === 'connect')
await stages[stage]()
if (way === 'natural') parentPort.close()
