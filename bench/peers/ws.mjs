// `ws`, the library that most of Node's servers use, on Node's net.
import { WebSocketServer } from 'ws'
import { backlog, message, role } from './arguments.mjs'

const server = new WebSocketServer({ host: '127.0.0.1', port: 0, backlog })

function echo(socket) {
  socket.on('message', (data) => socket.send(data))
}

/** A member that sends starts a tick: all the others get a message. */
function publish(socket) {
  socket.on('message', () => {
    for (const member of server.clients) if (member !== socket) member.send(message)
  })
}

server.on('connection', (socket) => {
  socket.on('error', () => socket.terminate())
  if (role === 'ws-publish') publish(socket)
  else echo(socket)
})
server.on('listening', () => console.log(`port ${server.address().port}`))
