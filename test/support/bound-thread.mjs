// A thread that is given a bound socket, listens on it, and says what its first client sends.
import { once } from 'node:events'
import { parentPort } from 'node:worker_threads'
import { Poller } from 'pollport'

const [bound] = await once(parentPort, 'message')
const poller = new Poller()
const listener = poller.listenTcp({ bound })
parentPort.postMessage({ port: listener.localAddress.port })
let received = ''
await poller.run((events) => {
  for (const event of events) {
    if (event.type === 'receive') received += event.data
    if (event.type !== 'end') continue
    parentPort.postMessage({ received })
    poller.close()
  }
})
