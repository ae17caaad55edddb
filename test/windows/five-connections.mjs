// Five connections by a Poller and five by AcceptEx and ConnectEx of the raw floor.
import { Iocp, Poller, Socket } from 'pollport'

const poller = new Poller()
const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
for (let count = 0; count < 5; count++) poller.connectTcp(listener.localAddress)
for (let news = 0; news < 10; ) {
  for (const { type } of poller.wait(1000)) if (type === 'accept' || type === 'connect') news++
}

const iocp = new Iocp()
const raw = new Socket({ type: 'tcp' })
raw.bind({ address: '127.0.0.1', port: 0 })
raw.listen()
iocp.add(raw, 'listener')
for (let count = 0; count < 5; count++) {
  const client = new Socket({ type: 'tcp' })
  iocp.add(client, 'client')
  raw.overlappedAccept()
  client.overlappedConnect(raw.localAddress)
}
for (let completions = 0; completions < 10; ) completions += iocp.wait(1000).length
process.exit(0)
