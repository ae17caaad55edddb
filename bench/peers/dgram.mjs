// Node's own datagrams.
import { createSocket } from 'node:dgram'
import { HELLO, message, role } from './arguments.mjs'

const socket = createSocket('udp4')
const peers = []

function echo(data, from) {
  socket.send(data, from.port, from.address)
}

function fanOut(data, from) {
  if (data[0] === HELLO) peers.push(from)
  else for (const peer of peers) socket.send(message, peer.port, peer.address)
}

socket.on('message', role === 'udp-fanout' ? fanOut : echo)
socket.bind(0, '127.0.0.1', () => console.log(`port ${socket.address().port}`))
