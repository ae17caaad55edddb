// A server with a room on the packed package, and a client of Node's own: npm run pack:colyseus.
import { strictEqual } from 'node:assert'
import { defineRoom, defineServer, matchMaker, Room } from '@colyseus/core'
import { PollportTransport } from '@pollport/colyseus-transport'

async function main() {
  const transport = new PollportTransport()
  const server = defineServer({
    transport,
    greet: false,
    rooms: { game: defineRoom(class extends Room {}) }
  })
  await server.listen(0, '127.0.0.1')
  const { port } = transport.server.address()
  const response = await fetch(`http://127.0.0.1:${port}/__healthcheck`)
  strictEqual(await response.text(), 'OK')
  const { processId, roomId, sessionId } = await matchMaker.joinOrCreate('game')
  const url = `ws://127.0.0.1:${port}/${processId}/${roomId}?sessionId=${sessionId}`
  const socket = new WebSocket(url)
  socket.binaryType = 'arraybuffer'
  const first = await new Promise((resolve, reject) => {
    socket.onmessage = ({ data }) => resolve(new Uint8Array(data)[0])
    socket.onerror = reject
  })
  strictEqual(first, 10) // the room's word that the client has joined
  await server.gracefullyShutdown(true)
}
main()
