// An echo server that is to run out of descriptors. Arguments: wait or run, and the port of whoever
// is to be told, when that is not its parent. Greets each client; "measure" measures its own
// processor time over two seconds, "leave" ends it.
import { connect } from 'node:net'
import { Poller } from 'pollport'

const [how, controlPort] = process.argv.slice(2)
const control = controlPort ? connect(Number(controlPort), '127.0.0.1') : undefined
const tell = (message) =>
  control ? control.write(`${JSON.stringify(message)}\n`) : process.send(message)

const poller = new Poller()
const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
let errors = 0
let measuring
const ending = new AbortController()

function handle(events) {
  for (const event of events) {
    if (event.type === 'accept') event.socket.send('welcome ')
    if (event.type === 'end') event.socket.end()
    if (event.type === 'error') {
      errors++
      const { code, syscall, name } = event.error
      if (errors === 1)
        tell({ mark: 'error', code, syscall, name, isListener: event.socket === listener })
    }
    if (event.type !== 'receive') continue
    const said = event.data.toString()
    if (said === 'measure')
      measuring = {
        start: performance.now(),
        cpu: process.cpuUsage(),
        errors,
        waits: poller.stats.waits
      }
    else if (said === 'leave') ending.abort()
    else event.socket.send(event.data)
  }
}

function report() {
  const spent = performance.now() - measuring.start
  if (spent < 2000) return
  const { user, system } = process.cpuUsage(measuring.cpu)
  const percent = (user + system) / 1000 / spent / 0.01
  tell({
    mark: 'measured',
    percent,
    errors: errors - measuring.errors,
    waits: poller.stats.waits - measuring.waits
  })
  measuring = undefined
}

tell({ mark: 'listening', port: listener.localAddress.port })
if (how === 'run') {
  const timer = setInterval(() => measuring && report(), 100)
  await poller.run(handle, { signal: ending.signal })
  clearInterval(timer)
} else {
  while (!ending.signal.aborted) {
    handle(poller.wait(100))
    if (measuring) report()
    await new Promise(setImmediate) // So that what it tells gets through.
  }
}
poller.close()
if (control) control.end()
else process.disconnect()
