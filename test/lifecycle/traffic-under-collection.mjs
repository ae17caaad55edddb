// Traffic on connections that the program holds no reference to, with a forced collection every few
// waits.
import { Poller } from 'pollport'

const poller = new Poller()
const { port } = poller.listenTcp({ address: '127.0.0.1', port: 0 }).localAddress
for (let count = 0; count < 20; count++)
  poller.connectTcp({ address: '127.0.0.1', port }, { left: 100 })
let received = 0
let closes = 0
for (let waits = 0; closes < 40 && waits < 100_000; waits++) {
  for (const event of poller.wait(100)) {
    if (event.type === 'connect') event.socket.send(Buffer.alloc(100, 1))
    if (event.type === 'close') closes++
    if (event.type === 'end') event.socket.end()
    if (event.type !== 'receive') continue
    if (event.userPtr === undefined) {
      event.socket.send(event.data) // The server's end: echoes.
      continue
    }
    received += event.data.length
    if (received < 0 || event.data.some((byte) => byte !== 1))
      throw new Error('the bytes are wrong')
    if (--event.userPtr.left === 0) event.socket.end()
    else event.socket.send(Buffer.alloc(100, 1))
  }
  if (waits % 5 === 0) global.gc()
}
process.send({ mark: 'done', received, closes })
process.disconnect()
