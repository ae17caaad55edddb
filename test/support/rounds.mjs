// Opens and closes connections in rounds, both ends in one poller, and measures after each part
// what the process holds beside V8's heap, until the middle one of the last five parts grew by less
// than it may. Arguments: rounds a part, parts at most, bytes that a part may grow by. To be run
// with --expose-gc and a young generation of fixed size, or V8's own growth is what is measured.
// Marks: warm (waits), rounds (waits).
import { Poller } from 'pollport'

const [count, parts, leastGrowthBytes] = process.argv.slice(2).map(Number)
const AT_ONCE = 50
const SETTLED = 5

const poller = new Poller({ batchBufferBytes: 64 * 1024 })
const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
let [accepted, connected, closed, made] = [0, 0, 0, 0]

function rounds(more) {
  const target = made + more
  while (closed < target * 2) {
    while (made < target && made * 2 - closed < AT_ONCE * 2) {
      poller.connectTcp(listener.localAddress).send('round')
      made++
    }
    for (const event of poller.wait(10)) {
      if (event.type === 'accept') accepted++
      if (event.type === 'connect') connected++
      if (event.type === 'close') closed++
      // In turn: the server resets, or lets the client finish too.
      if (event.type === 'receive') {
        if (event.socket.id % 3 === 0) event.socket.reset()
        else event.socket.close()
      }
      if (event.type === 'end') event.socket.close()
    }
  }
}

function heldBytes() {
  globalThis.gc()
  const { rss, heapTotal } = process.memoryUsage()
  return rss - heapTotal
}

function at(mark, details) {
  process.send({ mark, ...details })
  return new Promise((resolve) => process.once('message', resolve))
}

rounds(count) // What is kept for later is kept by now.
await at('warm')
const growths = []
const middleGrowth = () => growths.slice(-SETTLED).sort((a, b) => a - b)[SETTLED >> 1]
do {
  const before = heldBytes()
  rounds(count)
  growths.push(heldBytes() - before)
} while (growths.length < parts && !(middleGrowth() < leastGrowthBytes))
const { sockets } = poller.stats
await at('rounds', {
  accepted,
  connected,
  closed,
  made,
  growths,
  middleGrowth: middleGrowth(),
  sockets
})
poller.close()
process.exit(0)
