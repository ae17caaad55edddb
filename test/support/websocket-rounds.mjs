// Opens and closes WebSockets, both ends in one poller, and measures after each part what V8 holds
// and what the process holds beside V8's heap. It ends when the middle one of the last five parts
// grew by less than it may, in both, but not before the least number of parts. Arguments:
// connections a part, parts at least, parts at most, bytes of V8's and of the process that a part
// may grow by. To be run with --expose-gc. Marks: warm (waits), rounds (waits).
import { Poller } from 'pollport'
import { connectWebSocket, WebSocketServer } from 'pollport/websocket'

const [count, leastParts, mostParts, heapBytes, processBytes] = process.argv.slice(2).map(Number)
const AT_ONCE = 50
const SETTLED = 5
/** So that no port waits for its TIME_WAIT: each client address has ports of its own. */
const A_CLIENT_ADDRESS = 5000

const poller = new Poller({ batchBufferBytes: 64 * 1024 })
const ends = { close: 0, terminate: 0, refused: 0, server: 0, silent: 0 }
let [opened, closed, serverClosed, made] = [0, 0, 0, 0]

const server = new WebSocketServer(poller, {
  address: '127.0.0.1',
  port: 0,
  path: '/play',
  compression: { thresholdBytes: 64 },
  onOpen(socket) {
    opened++
    socket.subscribe('all')
  },
  onMessage(socket, data, isText) {
    if (socket.text(data) === 'server') socket.close(1001)
    else if (socket.text(data) === 'silent') socket.terminate()
    else socket.send(data, { isText })
  },
  onClose: () => void serverClosed++
})
const { port } = server.localAddress

const ways = Object.keys(ends)

function open() {
  const number = made++
  const way = ways[number % ways.length]
  const client = Math.floor(number / A_CLIENT_ADDRESS) % 250
  connectWebSocket(poller, {
    address: '127.0.0.1',
    port,
    localAddress: `127.63.${client}.1`,
    path: way === 'refused' ? '/elsewhere' : '/play',
    compression: number % 2 === 0 ? { thresholdBytes: 64 } : false,
    onOpen: (socket) => socket.send(way === 'server' || way === 'silent' ? way : 'x'.repeat(100)),
    onMessage: (socket) => (way === 'close' ? socket.close() : socket.terminate()),
    onClose() {
      ends[way]++
      closed++
    }
  })
}

function rounds(more) {
  const target = made + more
  while (closed < target) {
    while (made < target && made - closed < AT_ONCE) open()
    poller.wait(10)
  }
  // The server's last ones.
  while (server.connections > 0) poller.wait(10)
}

function held() {
  globalThis.gc()
  globalThis.gc()
  const { rss, heapTotal, heapUsed, external } = process.memoryUsage()
  return { heap: heapUsed + external, beside: rss - heapTotal }
}

function at(mark, details) {
  process.send({ mark, ...details })
  return new Promise((resolve) => process.once('message', resolve))
}

rounds(count) // What is kept for later is kept by now.
await at('warm')
const heapGrowths = []
const processGrowths = []
const middleOf = (growths) => growths.slice(-SETTLED).sort((a, b) => a - b)[SETTLED >> 1]
const hasSettled = () =>
  middleOf(heapGrowths) < heapBytes && middleOf(processGrowths) < processBytes
const first = held()
do {
  const before = held()
  rounds(count)
  const after = held()
  heapGrowths.push(after.heap - before.heap)
  processGrowths.push(after.beside - before.beside)
} while (heapGrowths.length < leastParts || (heapGrowths.length < mostParts && !hasSettled()))
const last = held()
await at('rounds', {
  made,
  opened,
  closed,
  serverClosed,
  ends,
  heapGrowths,
  processGrowths,
  middleHeapGrowth: middleOf(heapGrowths),
  middleProcessGrowth: middleOf(processGrowths),
  first,
  last,
  sockets: poller.stats.sockets,
  subscribers: server.subscriberCount('all')
})
poller.close()
process.exit(0)
