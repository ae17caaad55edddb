// The rival that everybody has: Node's own net.
import { createServer } from 'node:net'
import { backlog, cork, done, each, message, role } from './arguments.mjs'

const members = new Set()

function echo(socket) {
  socket.on('data', (data) => socket.write(data))
}

function sink(socket) {
  let received = 0
  socket.on('data', (data) => {
    received += data.length
    if (received < message.length) return
    received %= message.length
    socket.write(done)
  })
}

function source(socket) {
  socket.on('data', () => socket.write(message))
}

/** A member that sends starts a tick: all the others get their messages. */
function fanOut(socket) {
  members.add(socket)
  socket.on('close', () => members.delete(socket))
  socket.on('data', () => {
    for (const member of members) {
      if (member === socket) continue
      if (cork) member.cork()
      for (let sent = 0; sent < each; sent++) member.write(message)
      if (cork) member.uncork()
    }
  })
}

const serve = { sink, source, fanout: fanOut }[role] ?? echo
const server = createServer({ noDelay: true }, (socket) => {
  serve(socket)
  socket.on('error', () => socket.destroy())
})
server.listen({ host: '127.0.0.1', port: 0, backlog }, () =>
  console.log(`port ${server.address().port}`)
)
