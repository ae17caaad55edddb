// The textbook epoll loop: one listener, many players, one thread. It sends back what it receives.
// Shows the raw layer of Linux: a non-blocking Socket, Epoll, and WOULD_BLOCK.
// Run it with `npx tsx examples/textbook-epoll.ts`, or a copy of it with `node epoll.mts` (before
// Node 22.18: `npx tsx epoll.mts`). Try it with `nc 127.0.0.1 PORT`, end it with Ctrl-C.
// Leaves out queues, budgets and running out of descriptors: Poller has those.
import { Epoll, Socket, WOULD_BLOCK } from 'pollport'

const listener = new Socket({ type: 'tcp', nonBlocking: true })
listener.bind({ address: '127.0.0.1', port: 0 })
listener.listen()
console.log(`port ${listener.localAddress.port}`)

const epoll = new Epoll<string | undefined>()
epoll.add(listener, undefined) // the listener is the socket without a player's name
let players = 0

for (;;) {
  for (const { socket, userPtr: player } of epoll.wait(100)) {
    if (player === undefined) {
      const accepted = socket.accept()
      if (accepted === WOULD_BLOCK) continue
      accepted.nonBlocking = true
      epoll.add(accepted, `player ${++players}`)
      continue
    }
    try {
      const data = socket.recv()
      if (data === WOULD_BLOCK) continue
      // Empty: the player finished. close() takes the socket out of the epoll, too.
      if (data.length === 0) socket.close()
      else if (socket.send(data) !== data.length) throw new Error('reads too slowly')
    } catch (error) {
      console.log(`${player}: ${(error as Error).message}`)
      socket.close()
    }
  }
}
