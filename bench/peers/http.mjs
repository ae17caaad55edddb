// Node's http server, over its own sockets or with --duplex over connections of a Poller.
import { createServer } from 'node:http'
import { Poller, toDuplex } from 'pollport'
import { backlog, duplex } from './arguments.mjs'

const server = createServer((_request, response) => response.end('hello'))
if (duplex) {
  const poller = new Poller()
  const listener = poller.listenTcp({ address: '127.0.0.1', port: 0, backlog })
  console.log(`port ${listener.localAddress.port}`)
  await poller.run((events) => {
    for (const event of events)
      if (event.type === 'accept') server.emit('connection', toDuplex(event.socket))
  })
} else {
  server.listen({ host: '127.0.0.1', port: 0, backlog }, () =>
    console.log(`port ${server.address().port}`)
  )
}
