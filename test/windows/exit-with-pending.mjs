// Leaves with a hundred operations in flight.
import { Iocp, Socket } from 'pollport'

const iocp = new Iocp()
const listener = new Socket({ type: 'tcp' })
listener.bind({ address: '127.0.0.1', port: 0 })
listener.listen()
const client = new Socket({ type: 'tcp' })
client.connect(listener.localAddress)
iocp.add(client, 1)
iocp.add(listener, 2)
for (let count = 0; count < 99; count++) client.overlappedReceive(1000)
listener.overlappedAccept()
process.exit(5)
