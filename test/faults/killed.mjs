// A peer that will be killed: many connections to a port, each sending a stream of numbered bytes
// for ever, or taking one. Arguments: port, how many, 'sends' or 'takes'. Written with node:net, as
// a stranger's program would be.
import net from 'node:net'

const [port, count] = process.argv.slice(2, 4).map(Number)
const sends = process.argv[4] === 'sends'
const piece = Buffer.from(Array.from({ length: 251 * 256 }, (_, at) => at % 251))
let connected = 0
let moved = 0
let isTold = false

for (let number = 0; number < count; number++) {
  const socket = net.connect({ port, host: '127.0.0.1' })
  socket.on('error', () => {})
  socket.on('data', (data) => tell(data.length))
  socket.on('connect', () => {
    if (++connected === count) process.send({ mark: 'connected' })
    if (!sends) return
    const more = () => {
      tell(piece.length)
      if (socket.write(piece)) setImmediate(more)
      else socket.once('drain', more)
    }
    more()
  })
}

function tell(bytes) {
  moved += bytes
  if (isTold || moved < 8 * 1024 * 1024) return
  isTold = true
  process.send({ mark: 'under way' })
}
