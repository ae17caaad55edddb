// Closes a connection of a Poller, one of a poller that ends, and a raw socket, each with a receive
// in flight, and nothing else.
import { Iocp, Poller, Socket } from 'pollport'

const LOCAL = '127.0.0.1'
const listener = new Socket({ type: 'tcp' })
listener.bind({ address: LOCAL, port: 0 })
listener.listen()

for (const closes of ['connection', 'poller']) {
  const poller = new Poller()
  const connection = poller.connectTcp(listener.localAddress)
  while (poller.wait(1000).every(({ type }) => type !== 'connect')) {}
  if (closes === 'connection') connection.close()
  poller.close()
}

const iocp = new Iocp()
const raw = new Socket({ type: 'tcp' })
raw.connect(listener.localAddress)
iocp.add(raw, 'raw')
raw.overlappedReceive(100)
raw.close()
process.exit(0)
