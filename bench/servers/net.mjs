// The echo server of the benchmark on Node's own net.
import { createServer } from 'node:net'

const server = createServer((socket) => {
  socket.setNoDelay(true)
  socket.on('data', (data) => socket.write(data))
  socket.on('error', () => socket.destroy())
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => process.send?.({ port: server.address().port }))
