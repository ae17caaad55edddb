// A thread that ends with connections that linger and bytes in the system's send buffer that their
// peers do not read.
import { parentPort, workerData } from 'node:worker_threads'
import { Poller, Socket } from 'pollport'

const poller = new Poller()
const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
const peers = [1, 2, 3].map(() => new Socket({ type: 'tcp' }))
for (const peer of peers) peer.connect(listener.localAddress)
let accepted = 0
while (accepted < peers.length) {
  for (const event of poller.wait()) {
    if (event.type !== 'accept') continue
    accepted++
    event.socket.setOption('lingerMs', workerData.ms)
    event.socket.send(Buffer.alloc(30_000_000))
  }
}
poller.wait(0)
parentPort.postMessage('sent')
setInterval(() => poller.wait(0), 1000)
