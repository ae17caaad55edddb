// One side of a transfer under a storm of signals: sends a megabyte after another and receives them
// back, with waits between that must last as long as they were asked to. Arguments: the port of an
// echo, and how many megabytes.
import { createHash, randomFillSync } from 'node:crypto'
import { Poller } from 'pollport'

const [port, megabytes] = process.argv.slice(2).map(Number)
let handled = 0
process.on('SIGWINCH', () => handled++)
const poller = new Poller()
const connection = poller.connectTcp({ address: '127.0.0.1', port })
const sent = createHash('sha256')
const received = createHash('sha256')
let bytesGiven = 0
let bytesBack = 0
let mayGive = true
let closed
const total = megabytes * 1024 * 1024
const shortened = []
const lengthened = []
let waits = 0

function give() {
  while (mayGive && bytesGiven < total) {
    const bytes = randomFillSync(Buffer.alloc(Math.min(total - bytesGiven, 64 * 1024)))
    sent.update(bytes)
    bytesGiven += bytes.length
    mayGive = connection.send(bytes)
  }
}

process.send({ mark: 'ready' })
while (closed === undefined) {
  for (const event of poller.wait(1000)) {
    if (event.type === 'connect') give()
    if (event.type === 'drain') mayGive = true
    if (event.type === 'receive') {
      received.update(event.data)
      bytesBack += event.data.length
    }
    if (event.type === 'close') closed = event.error?.code ?? 'in order'
  }
  give()
  if (bytesBack === total) connection.end()
}
// Nothing is left to come: these waits end by their time alone.
for (const timeoutMs of [0.5, 1, 5, 20, 50, 100, 250, 1, 20, 50]) {
  const start = performance.now()
  const events = poller.wait(timeoutMs)
  const took = performance.now() - start
  waits++
  if (took < timeoutMs || events.length > 0) shortened.push([timeoutMs, took])
  // A wait that began anew at each signal would never end while they come; a busy machine is late
  // by less.
  if (took > timeoutMs + 1000) lengthened.push([timeoutMs, took])
}
poller.close()
// Node tells its handlers when its loop turns.
await new Promise((resolve) => setTimeout(resolve, 50))
const status = { closed, bytesBack, isWhole: sent.digest('hex') === received.digest('hex') }
process.send({ mark: 'done', ...status, waits, shortened, lengthened, handled })
process.disconnect()
