// The textbook epoll loop: one listener, many players, one thread. Whatever a player sends comes
// back to that player. Linux. Run it with `node --import tsx examples/textbook-epoll.ts`, and end
// it with Ctrl-C.
import { Epoll, Socket, WOULD_BLOCK } from 'pollport'

interface Player {
  name: string
  bytes: number
}

const listener = new Socket({ type: 'tcp', nonBlocking: true })
listener.bind({ address: '127.0.0.1', port: 0 })
listener.listen()
console.log(`port ${listener.localAddress.port}`)

const epoll = new Epoll<Player | undefined>()
epoll.add(listener, undefined)
let players = 0

for (;;) {
  for (const event of epoll.wait(100)) {
    if (!event.readable) continue
    const player = event.userPtr
    if (player === undefined) {
      const socket = listener.accept() // the listener is the one without a player
      if (socket === WOULD_BLOCK) continue
      socket.nonBlocking = true
      epoll.add(socket, { name: `player ${++players}`, bytes: 0 })
      continue
    }
    try {
      const data = event.socket.recv()
      if (data !== WOULD_BLOCK && data.length > 0) handle(player, event.socket, data)
      if (data !== WOULD_BLOCK && data.length === 0) event.socket.close() // the player finished; this takes the socket out of the epoll
    } catch (error) {
      console.log(`${player.name}: ${(error as Error).message}`)
      event.socket.close()
    }
  }
}

function handle(player: Player, socket: Socket, data: Buffer): void {
  player.bytes += data.length
  if (socket.send(data) !== data.length) throw new Error('reads more slowly than it sends') // the raw floor has no queue
}
