// One echo server on all cores, with one poller a thread. On Linux each thread listens on the port
// (reusePort); elsewhere, or with a third argument `hand-over`, the main thread accepts and hands
// over (detach, adopt). Run it with `npx tsx examples/workers.ts 8080 4`, or a copy, beside one
// of workers-thread.mjs, with `node workers.mts 8080 4` (before Node 22.18: `npx tsx`).
// Leaves out shared state: each thread has only its own connections.
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { Poller, Waker } from 'pollport'

const [port = '0', threads = String(availableParallelism()), how = ''] = process.argv.slice(2)
const poller = new Poller()
const canSpread = poller.capabilities.reusePort && how !== 'hand-over'
const listener = poller.listenTcp({
  address: '127.0.0.1',
  port: Number(port),
  reusePort: canSpread
})
const address = listener.localAddress

interface Thread {
  worker: Worker
  waker: Waker
}

const workers = await Promise.all(Array.from({ length: Number(threads) }, start))
// The threads listen now. Close this listener before the port is printed: connections that the
// kernel gives to it would be reset.
if (canSpread) listener.close()
const stop = new AbortController()
process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
console.log(
  `port ${address.port}, ${workers.length} threads, ${canSpread ? 'the kernel spreads' : 'handed over'}`
)

let next = 0
if (canSpread) {
  await once(stop.signal, 'abort')
} else {
  await poller.run(
    (events) => {
      for (const event of events) {
        if (event.type !== 'accept') continue
        const { worker, waker } = workers[next++ % workers.length] as Thread
        // From here on the other thread owns the socket. Only a number is posted. At its accept a
        // connection has no other event in the batch that detach() would refuse to leave behind.
        worker.postMessage(event.socket.detach())
        waker.wake()
      }
    },
    { signal: stop.signal }
  )
}
poller.close()
await Promise.all(workers.map(({ worker }) => worker.terminate()))

async function start(): Promise<Thread> {
  // Without the main thread's flags: the thread is plain JavaScript and needs no loader.
  const worker = new Worker(new URL('./workers-thread.mjs', import.meta.url), {
    workerData: canSpread ? { address: address.address, port: address.port } : undefined,
    execArgv: []
  })
  const [wakerHandle] = (await once(worker, 'message')) as [number]
  return { worker, waker: Waker.from(wakerHandle) }
}
