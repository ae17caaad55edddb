// The server that is measured: rooms of 50 clients that move, on the transport that argv names. It
// answers its parent's questions about itself.
import { type Client, defineRoom, defineServer, matchMaker, Room } from '@colyseus/core'
import { schema, t } from '@colyseus/schema'
import { WebSocketTransport } from '@colyseus/ws-transport'
import { PollportTransport } from '@pollport/colyseus-transport'
import { CLIENTS_A_ROOM, type Question } from './workload.ts'

const [kind, patchMs] = process.argv.slice(2)
const Player = schema({ x: t.number(), y: t.number() })
const World = schema({ players: t.map(Player) })
let messages = 0

class Field extends Room {
  override maxClients = CLIENTS_A_ROOM
  override state = new World()
  override patchRate = Number(patchMs)
  override seatReservationTimeout = 300
  override maxMessagesPerSecond = Number.POSITIVE_INFINITY

  override onCreate(): void {
    this.onMessage('move', ({ sessionId }, { x, y }: { x: number; y: number }) => {
      messages++
      const player = this.state.players.get(sessionId)
      if (player === undefined) return
      player.x = x
      player.y = y
    })
  }

  override onJoin({ sessionId }: Client): void {
    this.state.players.set(sessionId, new Player({ x: 0, y: 0 }))
  }
}

const transport = kind === 'pollport' ? new PollportTransport() : new WebSocketTransport()
const server = defineServer({ transport, greet: false, rooms: { field: defineRoom(Field) } })
await server.listen(0, '127.0.0.1')
const { port } = transport.server!.address() as { port: number }
process.send?.({ port })

/** All of V8's young generation is touched, before anything is measured. */
function makeGarbage(): number {
  let last: number[] = []
  for (let made = 0; made < 5_000_000; made++) last = [made]
  return last.length
}
makeGarbage()

process.on('message', async ({ seats }: Question) => {
  if (seats !== undefined) {
    const paths: string[] = []
    for (let made = 0; made < seats; made++) {
      const { processId, roomId, sessionId } = await matchMaker.joinOrCreate('field')
      paths.push(`/${processId}/${roomId}?sessionId=${sessionId}`)
    }
    process.send?.({ paths })
    return
  }
  // Twice: what the first leaves to finalizers, the second frees.
  for (let round = 0; round < 2; round++) {
    globalThis.gc?.()
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  if (process.env.MEM) console.error(process.memoryUsage())
  const { user, system } = process.cpuUsage()
  process.send?.({ cpuUs: user + system, messages, residentBytes: process.memoryUsage.rss() })
})
process.on('disconnect', () => process.exit(0))
