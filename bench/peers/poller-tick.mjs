// Fixed ticks on pollport: an echo server whose runLoop sends a state to everybody, too. --loop
// run-loop | exclusive [--spin-ms milliseconds]
import { Poller, runLoop } from 'pollport'
import { backlog, hz, loop, spinMs, state } from './arguments.mjs'
import { latenessTeller } from './lateness.mjs'

const poller = new Poller()
const listener = poller.listenTcp({ address: '127.0.0.1', port: 0, backlog })
const members = new Set()
const tell = latenessTeller(hz)
let lastTick = -1
console.log(`port ${listener.localAddress.port}`)

await runLoop(poller, {
  hz,
  exclusive: loop === 'exclusive',
  spinMs,
  onEvents(events) {
    for (const event of events) {
      if (event.type === 'receive') event.socket.send(event.data)
      else if (event.type === 'accept') members.add(event.socket)
      else if (event.type === 'end') event.socket.end()
      else if (event.type === 'close') members.delete(event.socket)
    }
  },
  onTick(tick, lateMs) {
    poller.broadcast(members, state)
    tell(lateMs, tick - lastTick - 1)
    lastTick = tick
  }
})
