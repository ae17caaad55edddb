// The echo server of the benchmark on the raw floor: one system call a method.
import { Epoll, Socket, WOULD_BLOCK } from 'pollport'

const listener = new Socket({ type: 'tcp', nonBlocking: true })
listener.bind({ address: '127.0.0.1', port: 0 })
listener.listen(4096)
process.send?.({ port: listener.localAddress.port })
const epoll = new Epoll()
epoll.add(listener, undefined)
const buffer = Buffer.alloc(65_536)
for (;;) {
  for (const { socket } of epoll.wait()) {
    if (socket === listener) {
      for (let peer = listener.accept(); peer !== WOULD_BLOCK; peer = listener.accept()) {
        peer.nonBlocking = true
        epoll.add(peer, undefined)
      }
      continue
    }
    const received = socket.recv(buffer)
    if (received === WOULD_BLOCK) continue
    if (received === 0) socket.close()
    else socket.send(buffer, 0, received)
  }
}
