// Bun's own WebSockets: Bun.serve. Runs in Bun only.
import { message, role } from './arguments.mjs'

const TOPIC = 'members'
const isFanOut = role === 'ws-publish'

const server = Bun.serve({
  hostname: '127.0.0.1',
  port: 0,
  fetch(request, server) {
    if (!server.upgrade(request)) return new Response('no WebSocket', { status: 426 })
  },
  websocket: {
    perMessageDeflate: false,
    open(socket) {
      if (isFanOut) socket.subscribe(TOPIC)
    },
    message(socket, data) {
      // A member that sends starts a tick: all the others get a message.
      if (isFanOut) socket.publishBinary(TOPIC, message)
      else socket.sendBinary(data)
    }
  }
})
console.log(`port ${server.port}`)
