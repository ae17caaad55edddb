// The textbook IOCP loop: one listener, many players, one thread. It sends back what it receives.
// Shows the raw floor of Windows: overlapped accepts, receives and sends, and their completions.
// Run it with `node --import tsx examples/textbook-iocp.ts`.
// End it with Ctrl-C.
// Leaves out queues, budgets and running out of handles: Poller has those.
import { Iocp, Overlapped, Socket } from 'pollport'

interface Player {
  name: string
  receive: Overlapped
}

const listener = new Socket({ type: 'tcp' })
listener.bind({ address: '127.0.0.1', port: 0 })
listener.listen()
console.log(`port ${listener.localAddress.port}`)

const iocp = new Iocp<Player | undefined>()
iocp.add(listener, undefined) // the listener is the socket without a player
listener.overlappedAccept()
let players = 0

for (;;) {
  for (const { socket, userPtr: player, overlapped, bytesTransferred, error } of iocp.wait(100)) {
    if (player === undefined) {
      const accepted = overlapped?.accepted
      listener.overlappedAccept(overlapped) // post the next accept
      if (accepted === undefined) continue
      const newcomer = { name: `player ${++players}`, receive: new Overlapped() }
      iocp.add(accepted, newcomer)
      accepted.overlappedReceive(4096, newcomer.receive)
    } else if (overlapped === player.receive) {
      if (error === undefined && bytesTransferred > 0) {
        socket?.overlappedSend(overlapped.data)
        socket?.overlappedReceive(4096, overlapped) // post the next receive
      } else {
        if (error !== undefined) console.log(`${player.name}: ${error.message}`)
        socket?.close() // the player finished, or the connection broke
      }
    }
  }
}
