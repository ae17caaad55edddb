// One thread of examples/workers.ts. Shows a poller that listens or adopts, and echoes.
// Run examples/workers.ts, which starts it; this file alone does nothing.
// With workerData it listens on that port itself (reusePort). Without it, handles come as messages.
// It posts its waker's handle first, by which the main thread can end its wait.
// Leaves out everything but echoing: your protocol goes here.
import { parentPort, workerData } from 'node:worker_threads'
import { Poller, Socket } from 'pollport'

const poller = new Poller()
if (workerData) poller.listenTcp({ ...workerData, reusePort: true })
parentPort.on('message', (handle) => poller.adopt(Socket.fromHandle(handle, { type: 'tcp' })))
parentPort.postMessage(poller.waker().handle)

await poller.run((events) => {
  for (const event of events) {
    if (event.type === 'receive' && !event.socket.send(event.data)) event.socket.pause()
    if (event.type === 'drain') event.socket.resume()
    if (event.type === 'end') event.socket.end()
  }
})
