// A chat server: every line that a client sends goes to all others, with its name in front.
// Shows lines from a stream, userPtr as a client's state, broadcast(), and dropping a slow reader.
// Run it with `npx tsx examples/chat.ts`, or a copy of it with `node chat.mts` (before Node 22.18:
// `npx tsx chat.mts`). Join with `nc 127.0.0.1 PORT` from two shells. End it with Ctrl-C.
// Leaves out rooms, accounts and history: examples/lobby has those.
import { Poller, type TcpConnection } from 'pollport'

const MAX_LINE_BYTES = 1024
/** Somebody who reads so slowly that this much waits is disconnected: memory has a bound. */
const MAX_QUEUED_BYTES = 256 * 1024

interface Client {
  name: string
  /** What has come of a line that is not complete yet. */
  rest: string
}

const poller = new Poller<Client>()
const listener = poller.listenTcp({ address: '127.0.0.1', port: Number(process.argv[2] ?? 0) })
const clients = new Set<TcpConnection<Client>>()
const stop = new AbortController()
let joined = 0

process.once('SIGINT', () => stop.abort())
process.once('SIGTERM', () => stop.abort())
console.log(`chat on port ${listener.localAddress.port}`)

await poller.run(
  (events) => {
    for (const event of events) {
      switch (event.type) {
        case 'accept':
          join(event.socket)
          break
        case 'receive':
          read(event.socket, event.data)
          break
        case 'end':
          event.socket.end() // sends what is queued for it first
          break
        case 'close':
          if (clients.delete(event.socket as TcpConnection<Client>))
            say(`* ${event.userPtr?.name} left\n`)
          break
        case 'error':
          console.error(event.error.message) // out of descriptors: the listener pauses and goes on
          break
      }
    }
  },
  { signal: stop.signal }
)
say('* the server stops\n')
// A slow reader may miss what is still queued: the cookbook shows how to wait for it.
poller.close()

function join(socket: TcpConnection<Client>): void {
  socket.userPtr = { name: `guest ${++joined}`, rest: '' }
  say(`* ${socket.userPtr.name} joined\n`)
  clients.add(socket)
  socket.send(`* you are ${socket.userPtr.name}; ${clients.size} here\n`)
}

function read(socket: TcpConnection<Client>, data: Buffer): void {
  const client = socket.userPtr as Client
  // Bytes become text line by line, since a chunk may end in the middle of a character.
  const lines = (client.rest + data.toString('latin1')).split('\n')
  client.rest = lines.pop() as string
  for (const line of lines)
    say(`${client.name}: ${Buffer.from(line, 'latin1').toString().trimEnd()}\n`, socket)
  if (client.rest.length > MAX_LINE_BYTES) socket.reset()
}

function say(text: string, except?: TcpConnection<Client>): void {
  const to: TcpConnection<Client>[] = []
  for (const client of clients) {
    if (client === except) continue
    if (client.bufferedBytes > MAX_QUEUED_BYTES) client.reset()
    else to.push(client)
  }
  poller.broadcast(to, text) // one copy of the text, one native call for all
}
