// Bun's own sockets: Bun.listen and Bun.udpSocket. Runs in Bun only.
import { each, HELLO, message, role } from './arguments.mjs'

const hostname = '127.0.0.1'

// ---- TCP

/** write() takes what the system takes; the rest waits in socket.data until drain. */
function send(socket, data) {
  const queue = socket.data
  const written = queue.length === 0 ? socket.write(data) : 0
  if (written >= 0 && written < data.length) queue.push(Buffer.from(data.subarray(written)))
}

function drain(socket) {
  const queue = socket.data
  while (queue.length > 0) {
    const written = socket.write(queue[0])
    if (written < queue[0].length) {
      if (written > 0) queue[0] = queue[0].subarray(written)
      return
    }
    queue.shift()
  }
}

const members = new Set()

/** A member that sends starts a tick: all the others get their messages. */
function fanOut(socket) {
  for (const member of members) {
    if (member === socket) continue
    for (let sent = 0; sent < each; sent++) send(member, message)
  }
}

function listenTcp() {
  const isFanOut = role === 'fanout'
  return Bun.listen({
    hostname,
    port: 0, // its backlog is 512, whatever is asked for
    socket: {
      open(socket) {
        socket.data = []
        socket.setNoDelay(true)
        if (isFanOut) members.add(socket)
      },
      data: isFanOut ? fanOut : send,
      drain,
      close: (socket) => members.delete(socket),
      error: (socket) => socket.terminate()
    }
  })
}

// ---- UDP

const packets = [] // as sendMany() takes them: bytes, port and address of each

function fanOutDatagrams(socket, data, port, address) {
  if (data[0] === HELLO) packets.push(message, port, address)
  else socket.sendMany(packets)
}

function echoDatagram(socket, data, port, address) {
  socket.send(data, port, address)
}

function bindUdp() {
  return Bun.udpSocket({
    hostname,
    port: 0,
    socket: { data: role === 'udp-fanout' ? fanOutDatagrams : echoDatagram }
  })
}

const server = role.startsWith('udp') ? await bindUdp() : listenTcp()
console.log(`port ${server.port}`)
