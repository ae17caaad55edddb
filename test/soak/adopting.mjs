// The other thread of the soak's hand-over server: takes the connections that it is sent, and sends
// back what they say.
import { parentPort } from 'node:worker_threads'
import { Poller, Socket } from 'pollport'

const poller = new Poller({ highWaterMarkBytes: 64 * 1024 })
parentPort.on('message', (handle) => {
  const socket = Socket.fromHandle(handle, { type: 'tcp' })
  try {
    poller.adopt(socket)
  } catch (error) {
    socket.close() // the peer has reset it on its way here
    if (error.code !== 'ENOTCONN') throw error
  }
})
poller.run((events) => {
  for (const event of events) {
    if (event.type === 'receive' && !event.socket.send(event.data)) event.socket.pause()
    else if (event.type === 'drain') event.socket.resume()
    else if (event.type === 'end') event.socket.end()
  }
})
