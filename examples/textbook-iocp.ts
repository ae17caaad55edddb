// The textbook IOCP loop: one listener, many players, one thread. It sends back what it receives.
// Shows the raw layer of Windows: overlapped accepts, receives and sends, and their completions.
// Run it with `npx tsx examples/textbook-iocp.ts`, or a copy of it with `node iocp.mts` (before
// Node 22.18: `npx tsx iocp.mts`). End it with Ctrl-C.
// Leaves out queues, budgets and running out of handles: Poller has those.
import { Iocp, Overlapped, Socket } from 'pollport'

const listener = new Socket({ type: 'tcp' })
listener.bind({ address: '127.0.0.1', port: 0 })
listener.listen()
console.log(`port ${listener.localAddress.port}`)

const iocp = new Iocp<Overlapped | undefined>() // userPtr: the receive of a player
iocp.add(listener, undefined)
listener.overlappedAccept()

for (;;) {
  for (const { socket, userPtr: receive, overlapped, bytesTransferred, error } of iocp.wait(100)) {
    if (receive === undefined) {
      const player = overlapped?.accepted
      listener.overlappedAccept(overlapped) // post the next accept
      if (player === undefined) continue
      const first = new Overlapped()
      iocp.add(player, first)
      player.overlappedReceive(4096, first)
    } else if (overlapped === receive) {
      if (error === undefined && bytesTransferred > 0) {
        socket?.overlappedSend(overlapped.data)
        socket?.overlappedReceive(4096, overlapped) // post the next receive
      } else {
        if (error !== undefined) console.log(error.message)
        socket?.close() // the player finished, or the connection broke
      }
    }
  }
}
