// The echo server of the benchmark on Poller.
import { Poller } from 'pollport'

const poller = new Poller()
const listener = poller.listenTcp({ address: '127.0.0.1', port: 0, backlog: 4096 })
process.send?.({ port: listener.localAddress.port })
for (;;) {
  for (const event of poller.wait()) {
    if (event.type === 'receive') event.socket.send(event.data)
    else if (event.type === 'end') event.socket.end()
  }
}
