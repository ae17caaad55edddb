// Drops ports, sockets and finished operations without closing them, and goes on with another port.
// Marks: before, dropped, waited (each waits).
import { Iocp, Overlapped, Socket } from 'pollport'

function at(mark) {
  process.send({ mark })
  return new Promise((resolve) => process.once('message', resolve))
}

function use() {
  const iocp = new Iocp()
  const listener = new Socket({ type: 'tcp' })
  listener.bind({ address: '127.0.0.1', port: 0 })
  listener.listen()
  iocp.add(listener, 'listener')
  const accept = listener.overlappedAccept()
  const client = new Socket({ type: 'tcp' })
  iocp.add(client, 'client')
  client.overlappedConnect(listener.localAddress)
  for (let count = 0; count < 2; ) count += iocp.wait(1000).length
  const receive = client.overlappedReceive(10, new Overlapped())
  accept.accepted.send('done')
  while (receive.pending) iocp.wait(1000)
}

use()
const kept = new Iocp()
const turn = () => {
  globalThis.gc()
  kept.wait(1)
}
for (let count = 0; count < 20; count++) turn()
await at('before')
for (let count = 0; count < 50; count++) use()
await at('dropped')
for (let count = 0; count < 50; count++) {
  turn()
  await new Promise(setImmediate)
}
await at('waited')
process.exit(0)
