// A thread that adopts the connections whose handles it is sent, and echoes on them until they end.
import { parentPort } from 'node:worker_threads'
import { Poller, Socket } from 'pollport'

const poller = new Poller()
parentPort.on('message', (handle) =>
  poller.adopt(Socket.fromHandle(handle, { type: 'tcp', family: 'ipv4' }))
)
poller.run((events) => {
  for (const event of events) {
    if (event.type === 'receive') event.socket.send(event.data)
    if (event.type === 'end') event.socket.end()
  }
})
parentPort.postMessage('ready')
