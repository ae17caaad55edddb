// pollport's raw floor: Epoll and Socket, one system call a method.
import { Epoll, Socket, WOULD_BLOCK } from 'pollport'
import { backlog, each, HELLO, message, role } from './arguments.mjs'

const isUdp = role.startsWith('udp')
const server = new Socket({ type: isUdp ? 'udp' : 'tcp', nonBlocking: true })
server.bind({ address: '127.0.0.1', port: 0 })
if (!isUdp) server.listen(backlog)
console.log(`port ${server.localAddress.port}`)

const epoll = new Epoll()
epoll.add(server)
const buffer = Buffer.alloc(65_536)
const members = new Set()
const peers = []

function acceptAll() {
  for (let socket = server.accept(); socket !== WOULD_BLOCK; socket = server.accept()) {
    socket.nonBlocking = true
    socket.setOption('noDelay', true)
    epoll.add(socket)
    members.add(socket)
  }
}

function echoDatagrams() {
  for (let from = server.recvFrom(buffer); from !== WOULD_BLOCK; from = server.recvFrom(buffer)) {
    server.sendTo(buffer.subarray(0, from.bytes), from.address)
  }
}

function fanOutDatagrams() {
  for (let from = server.recvFrom(buffer); from !== WOULD_BLOCK; from = server.recvFrom(buffer)) {
    if (buffer[0] === HELLO) peers.push(from.address)
    else for (const peer of peers) server.sendTo(message, peer)
  }
}

function echo(socket, bytes) {
  socket.send(buffer, 0, bytes)
}

/** A member that sends starts a tick: all the others get their messages. */
function fanOut(socket) {
  for (const member of members) {
    if (member === socket) continue
    for (let sent = 0; sent < each; sent++) member.send(message)
  }
}

const serve = { 'udp-echo': echoDatagrams, 'udp-fanout': fanOutDatagrams }[role] ?? acceptAll
const answer = role === 'fanout' ? fanOut : echo
for (;;) {
  for (const { socket } of epoll.wait()) {
    if (socket === server) {
      serve()
      continue
    }
    const received = socket.recv(buffer)
    if (received === WOULD_BLOCK) continue
    if (received > 0) answer(socket, received)
    else {
      members.delete(socket)
      socket.close()
    }
  }
}
