// The thread of net-thread.ts.
import { createServer } from 'node:net'
import { parentPort } from 'node:worker_threads'

const server = createServer({ allowHalfOpen: true }, (socket) => {
  let said = ''
  socket.on('data', (chunk) => {
    said += chunk
  })
  socket.on('end', () => socket.end(`you said ${said}`))
  socket.on('error', () => {})
})
server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
