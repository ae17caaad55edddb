// A stranger's test in Jest's plain CommonJS, in which require() takes no ES module and every file
// has globals of its own.
const { connect } = require('node:net')
const { Poller, supported } = require('pollport')

test('Jest requires pollport and is served by it', async () => {
  expect(supported).toBe(true)
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
  const peer = connect(listener.localAddress.port, '127.0.0.1')
  const echoed = await new Promise((resolve, reject) => {
    let text = ''
    peer.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
    peer.on('close', () => resolve(text)).on('error', reject)
    peer.end('round trip')
  })
  stop.abort()
  await running
  poller.close()
  expect(echoed).toBe('round trip')
})
