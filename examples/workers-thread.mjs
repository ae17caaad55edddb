// The thread of examples/workers.ts: a poller of its own, which listens or adopts, and echoes.
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
