// Two threads of a server. "door" accepts and gives every connection away: at its accept, or after
// it has answered the first word (`when`). "room" adopts what it is sent and echoes until the end.
// Marks: ready (the door's with its port), then the door's handles.
import { parentPort, workerData } from 'node:worker_threads'
import { Poller, Socket } from 'pollport'

const { role, when } = workerData
const poller = new Poller()

function door(events) {
  for (const event of events) {
    if (event.type === 'accept' && when === 'accept')
      parentPort.postMessage({ handle: event.socket.detach() })
    if (event.type !== 'receive') continue
    // The client says nothing more until it is answered, so all that follows the word is the
    // room's.
    event.socket.send('ok')
    parentPort.postMessage({ handle: event.socket.detach() })
  }
}

function room(events) {
  for (const event of events) {
    if (event.type === 'receive' && !event.socket.send(event.data)) event.socket.pause()
    if (event.type === 'drain') event.socket.resume()
    if (event.type === 'end') event.socket.end()
  }
}

parentPort.on('message', ({ handle }) => poller.adopt(Socket.fromHandle(handle, { type: 'tcp' })))
poller.run(role === 'door' ? door : room)
const port =
  role === 'door'
    ? poller.listenTcp({ address: '127.0.0.1', port: 0 }).localAddress.port
    : undefined
parentPort.postMessage({ port })
