// A stranger's program that bundlers bundle: an echo by Node's own net. Where the package is not at
// hand importing it still works, and using it says so.
import { connect } from 'node:net'
import { Poller, supported } from 'pollport'

function echo() {
  const poller = new Poller()
  const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
  const stop = new AbortController()
  const running = poller.run(
    (events) => {
      for (const event of events) {
        if (event.type === 'receive') event.socket.send(event.data)
        if (event.type === 'end') event.socket.end()
      }
    },
    { signal: stop.signal }
  )
  let echoed = ''
  const peer = connect(listener.localAddress.port, '127.0.0.1')
  peer.setEncoding('utf8').on('data', (text) => {
    echoed += text
  })
  peer.on('close', () => stop.abort()).end('round trip')
  running.then(() => {
    poller.close()
    console.log(`echoed: ${echoed}`)
  })
}

if (supported) echo()
else {
  try {
    new Poller()
  } catch (error) {
    console.log(`refused: ${error.code}`)
  }
}
