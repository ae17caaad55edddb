// The clients of the soak, on Node's own net and dgram: they come and go, flood, read slowly,
// reset, half-close, and check every byte that comes back. Arguments: seconds, then `tcp:PORT` and
// `udp:PORT`. Prints one line of JSON a second: what was done so far, and what was lost.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const [seconds, ...places] = process.argv.slice(2)
const endMs = performance.now() + Number(seconds) * 1000
const ACTORS = 6
const IN_FLIGHT = 64 * 1024
const DEADLINE_MS = 30_000
const UDP_WINDOW = 16
const UDP_PATIENCE_MS = 1000

const counts = {
  connections: 0,
  resets: 0,
  messages: 0,
  bytes: 0,
  datagrams: 0,
  datagramsLost: 0,
  lost: 0,
  wrong: 0
}
// A byte depends on where in the stream it stands: a gap, a repetition or another connection's
// bytes show.
const PERIOD = 251
const pattern = Buffer.from(Array.from({ length: 256 * 1024 }, (_, at) => at % PERIOD))
const bytesAt = (offset, length) => pattern.subarray(offset % PERIOD, (offset % PERIOD) + length)
const random = (below) => Math.floor(Math.random() * below)

/**
 * Sends `total` bytes in messages, as `style` says, and checks what comes back; resolves when the
 * connection is gone.
 */
async function talk(port, total, style) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true })
  let [sent, received, stuck] = [0, 0, false]
  const late = setTimeout(() => {
    stuck = true
    socket.destroy()
  }, DEADLINE_MS)
  let moved = () => {}
  const change = () => new Promise((resolve) => (moved = resolve))
  socket.on('error', () => {}) // a close follows, and what is missing then is counted
  socket.on('data', (data) => {
    if (!data.equals(bytesAt(received, data.length))) counts.wrong++
    received += data.length
    counts.bytes += data.length
    moved()
    if (style === 'slow' && random(8) === 0) {
      socket.pause()
      setTimeout(() => socket.resume(), random(50))
    }
  })
  const closed = new Promise((resolve) => socket.on('close', resolve)).then(() => moved())
  await Promise.race([new Promise((resolve) => socket.on('connect', resolve)), closed])
  counts.connections++
  while (sent < total && !socket.destroyed) {
    while (sent < total && sent - received < IN_FLIGHT) {
      const length = Math.min(1 + random(style === 'flood' ? 16 * 1024 : 1024), total - sent)
      socket.write(Buffer.from(bytesAt(sent, length)))
      sent += length
      counts.messages++
    }
    if (sent < total) await change()
  }
  if (style === 'reset') {
    socket.resetAndDestroy()
    counts.resets++
  } else {
    if (style !== 'half-open') while (received < sent && !socket.destroyed) await change()
    socket.end() // half-open: what is on its way still comes after it
  }
  await closed
  clearTimeout(late)
  if (style !== 'reset') counts.lost += sent - received
  if (stuck) counts.lost += 1
}

async function act(port) {
  const styles = ['short', 'short', 'short', 'half-open', 'reset', 'slow', 'flood']
  while (performance.now() < endMs) {
    const style = styles[random(styles.length)]
    const total =
      style === 'flood' || style === 'slow' ? 256 * 1024 + random(768 * 1024) : 1 + random(20_000)
    await talk(port, total, style)
    await delay(5 + random(20))
  }
}

/**
 * Keeps some datagrams on their way, each with a number; one that does not come back in time counts
 * as lost, as UDP may.
 */
async function shoot(port) {
  const socket = createSocket('udp4')
  const waiting = new Map()
  let number = 0
  socket.on('message', (message) => {
    const found = waiting.get(message.readUInt32BE(0))
    if (found === undefined) return
    if (found.length !== message.length) counts.wrong++
    waiting.delete(message.readUInt32BE(0))
    counts.datagrams++
  })
  socket.connect(port, '127.0.0.1')
  await once(socket, 'connect')
  while (performance.now() < endMs || waiting.size > 0) {
    const now = performance.now()
    for (const [key, { atMs }] of waiting) {
      if (now - atMs < UDP_PATIENCE_MS) break
      waiting.delete(key)
      counts.datagramsLost++
    }
    while (waiting.size < UDP_WINDOW && now < endMs) {
      const message = Buffer.alloc(4 + random(1200))
      message.writeUInt32BE(number, 0)
      waiting.set(number++, { atMs: now, length: message.length })
      socket.send(message)
    }
    await delay(10)
  }
  socket.close()
}

const say = () => process.stdout.write(`${JSON.stringify(counts)}\n`)
const telling = setInterval(say, 1000)
await Promise.all(
  places.flatMap((place) => {
    const [kind, port] = place.split(':')
    if (kind === 'udp') return [shoot(Number(port))]
    return Array.from({ length: ACTORS }, () => act(Number(port)))
  })
)
clearInterval(telling)
say()
