// pollport's Poller: the wait() loop, or with --run inside Node's own loop.
import { Poller } from 'pollport'
import { backlog, batchCalls, done, each, HELLO, message, role, run } from './arguments.mjs'

const poller = new Poller({ batchCalls })
const members = new Set()
const peers = []

function echo(event) {
  if (event.type === 'receive') {
    // The queue is full: stop reading until it has drained.
    if (!event.socket.send(event.data)) event.socket.pause()
  } else if (event.type === 'drain') event.socket.resume()
  else if (event.type === 'end') event.socket.end()
}

/** `userPtr` is how much of the message that is coming in is here. */
function sink({ type, socket, data }) {
  if (type !== 'receive') return
  const received = (socket.userPtr ?? 0) + data.length
  socket.userPtr = received % message.length
  if (received >= message.length) socket.send(done)
}

function source(event) {
  if (event.type === 'receive') event.socket.send(message)
}

/** A member that sends starts a tick: all the others get their messages. */
function fanOut(event) {
  if (event.type === 'accept') members.add(event.socket)
  else if (event.type === 'close') members.delete(event.socket)
  else if (event.type === 'receive') {
    members.delete(event.socket) // no member, then
    if (each === 1) poller.broadcast(members, message)
    else for (const member of members) for (let sent = 0; sent < each; sent++) member.send(message)
  }
}

function echoDatagram(event) {
  if (event.type === 'datagram') event.socket.send(event.data, event.address)
}

function fanOutDatagrams(event) {
  if (event.type !== 'datagram') return
  if (event.data[0] === HELLO) peers.push(event.address)
  else for (const peer of peers) event.socket.send(message, peer)
}

const handle = {
  echo,
  sink,
  source,
  fanout: fanOut,
  'udp-echo': echoDatagram,
  'udp-fanout': fanOutDatagrams
}[role]
const local = { address: '127.0.0.1', port: 0 }
const server = role.startsWith('udp')
  ? poller.bindUdp(local)
  : poller.listenTcp({ ...local, backlog })
console.log(`port ${server.localAddress.port}`)
if (run) {
  await poller.run((events) => {
    for (const event of events) handle(event)
  })
}
for (;;) {
  for (const event of poller.wait()) handle(event)
}
