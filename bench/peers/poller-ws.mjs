// pollport's WebSocketServer: under the wait() loop, or with --run inside Node's own loop.
import { Poller } from 'pollport'
import { WebSocketServer } from 'pollport/websocket'
import { backlog, message, role, run } from './arguments.mjs'

const TOPIC = 'members'
const poller = new Poller()

function echo(socket, data) {
  socket.send(data)
}

/** A member that sends starts a tick: all the others get a message. */
function publish(socket) {
  socket.publish(TOPIC, message)
}

const isFanOut = role === 'ws-publish'
const server = new WebSocketServer(poller, {
  address: '127.0.0.1',
  port: 0,
  backlog,
  onOpen: isFanOut ? (socket) => socket.subscribe(TOPIC) : undefined,
  onMessage: isFanOut ? publish : echo
})
console.log(`port ${server.localAddress.port}`)
if (run) await poller.run(() => {})
for (;;) poller.wait()
