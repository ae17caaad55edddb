// Connects from one local address to several peers, with fewer local ports than connections: says
// how many were connected of each family.
import { Poller } from 'pollport'

const [, , portCount] = process.argv
const poller = new Poller()
const peers = {
  '127.0.0.1': [5001, 5002, 5003, 5004].map((port) => ({ address: '127.0.0.2', port })),
  '::1': [5001, 5002, 5003, 5004].map((port) => ({ address: '::1', port }))
}

const connected = {}
for (const [localAddress, ends] of Object.entries(peers)) {
  for (const end of ends) poller.listenTcp(end)
  let pending = 0
  const ports = new Set()
  for (let n = 0; n < Number(portCount); n++) {
    for (const end of ends) {
      poller.connectTcp({ ...end, localAddress })
      pending++
    }
  }
  let count = 0
  while (pending > 0) {
    for (const event of poller.wait(10_000)) {
      if (event.type === 'connect') {
        pending--
        count++
        ports.add(event.socket.localAddress.port)
      } else if (event.type === 'close') {
        throw event.error ?? new Error('closed')
      }
    }
  }
  connected[localAddress] = { connections: count, ports: ports.size }
}
poller.close()
process.send({ mark: 'done', connected })
