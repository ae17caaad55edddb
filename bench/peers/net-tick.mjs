// Fixed ticks on Node's own net: an echo server that sends a state to everybody, too. --loop
// set-interval | set-immediate
import { createServer } from 'node:net'
import { backlog, hz, loop, state } from './arguments.mjs'
import { latenessTeller } from './lateness.mjs'

const members = new Set()
const server = createServer({ noDelay: true }, (socket) => {
  members.add(socket)
  socket.on('data', (data) => socket.write(data))
  socket.on('close', () => members.delete(socket))
  socket.on('error', () => socket.destroy())
})
server.listen({ host: '127.0.0.1', port: 0, backlog }, () =>
  console.log(`port ${server.address().port}`)
)

const periodMs = 1000 / hz
const tell = latenessTeller(hz)
let dueMs = performance.now() + periodMs

function tick(offMs, missed) {
  for (const member of members) member.write(state)
  tell(offMs, missed)
}

/**
 * Due is one period after the tick before, which forgives that setInterval drifts; it may be early
 * as well as late.
 */
function onInterval() {
  const now = performance.now()
  tick(Math.abs(now - dueMs), Math.max(0, Math.floor((now - dueMs) / periodMs)))
  dueMs = now + periodMs
}

/** The busy loop: looks at the clock in every turn of Node's loop, and keeps to the schedule. */
function onImmediate() {
  const lateMs = performance.now() - dueMs
  if (lateMs >= 0) {
    const missed = Math.floor(lateMs / periodMs)
    tick(lateMs, missed)
    dueMs += (missed + 1) * periodMs
  }
  setImmediate(onImmediate)
}

if (loop === 'set-immediate') onImmediate()
else setInterval(onInterval, periodMs)
