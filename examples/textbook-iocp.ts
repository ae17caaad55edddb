// The textbook IOCP loop: one listener, many players, one thread. Whatever a player sends comes
// back to that player. Windows. Run it with `node --import tsx examples/textbook-iocp.ts`, and end
// it with Ctrl-C.
import { Iocp, Overlapped, Socket } from 'pollport'

interface Player {
  name: string
  bytes: number
  receive: Overlapped
}

const listener = new Socket({ type: 'tcp' })
listener.bind({ address: '127.0.0.1', port: 0 })
listener.listen()
console.log(`port ${listener.localAddress.port}`)

const iocp = new Iocp<Player | undefined>()
iocp.add(listener, undefined)
listener.overlappedAccept()
let players = 0

for (;;) {
  for (const event of iocp.wait(100)) {
    const { userPtr: player, overlapped, error } = event
    if (player === undefined) {
      const socket = overlapped?.accepted // the listener is the one without a player
      listener.overlappedAccept(overlapped) // hang the next accept
      if (socket === undefined) continue
      const newcomer = { name: `player ${++players}`, bytes: 0, receive: new Overlapped() }
      iocp.add(socket, newcomer)
      socket.overlappedReceive(4096, newcomer.receive)
      continue
    }
    if (overlapped !== player.receive) continue // a send that is done
    if (error === undefined && event.bytesTransferred > 0) {
      handle(player, event.socket as Socket, overlapped.data)
      event.socket?.overlappedReceive(4096, overlapped) // hang the receive again
    } else {
      if (error !== undefined) console.log(`${player.name}: ${error.message}`)
      event.socket?.close() // the player finished, or is lost
    }
  }
}

function handle(player: Player, socket: Socket, data: Buffer): void {
  player.bytes += data.length
  socket.overlappedSend(data)
}
