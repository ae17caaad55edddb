// One simulated server and its clients in this process: node --expose-gc crowd.mjs --clients N
// --messages N. Prints one line of JSON: memory a client, packets a second of processor time, and
// the trace. Plain JavaScript, so that Node runs what the package is.
import { parseArgs } from 'node:util'
import { runLoop } from 'pollport'
import { SimulatedNetwork } from 'pollport/simulation'

// A host has 28,232 ports for connections to one server (ip(7)): 40 hosts for a million.
const MOST_CLIENTS_A_HOST = 25_000
const LEAST_HOSTS = 16
const TICKS_A_SECOND = 20
/** How many connections a host begins in one tick. */
const CONNECTS_A_TICK = 1000
const MESSAGE = Buffer.alloc(64, 'x')
const SERVER = { address: '10.0.0.1', port: 80 }
/** More than a round trip at its longest, and than TCP's timers of an idle connection. */
const SETTLING_MS = 5000

const { values } = parseArgs({
  options: { clients: { type: 'string' }, messages: { type: 'string' } }
})
const clients = Number(values.clients)
const hosts = Math.max(LEAST_HOSTS, Math.ceil(clients / MOST_CLIENTS_A_HOST))
/** Each client sends one a second. */
const seconds = Math.max(Number(values.messages) / clients, 1)

const network = new SimulatedNetwork({ seed: 1, latencyMs: { min: 20, mean: 35 } })
let isTalking = false
let accepted = 0
let answered = 0

const server = network.host(SERVER.address)
server.run(() => {
  const poller = server.poller()
  poller.listenTcp({ ...SERVER, backlog: 2 ** 20 })
  return poller.run((events) => {
    for (const event of events) {
      if (event.type === 'receive') event.socket.send(event.data)
      if (event.type === 'accept') accepted++
    }
  })
})
/** How many of its clients a host connects: the first ones are there before memory is looked at. */
let share = Math.min(0.1, 1000 / clients)
for (let number = 0; number < hosts; number++) {
  const host = network.host(`10.1.0.${number + 1}`)
  host.run(() => {
    const poller = host.poller()
    const connections = []
    return runLoop(poller, {
      hz: TICKS_A_SECOND,
      onEvents: (events) => {
        for (const event of events) if (event.type === 'receive') answered++
      },
      onTick: (tick) => {
        const wanted = wantedOfHost()
        for (let more = CONNECTS_A_TICK; more > 0 && connections.length < wanted; more--)
          connections.push(poller.connectTcp(SERVER))
        if (!isTalking) return
        for (let at = tick % TICKS_A_SECOND; at < wanted; at += TICKS_A_SECOND)
          connections[at].send(MESSAGE)
      }
    })
  })
}

function wantedOfHost() {
  return Math.floor((clients / hosts) * share)
}

/** Of the heap and of what it holds outside, without garbage. */
function heldBytes() {
  globalThis.gc()
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** Runs, and says how many packets there were, and how much processor time. */
async function run(ms) {
  const packets = network.packets
  const cpu = process.cpuUsage()
  await network.run({ untilMs: network.now + ms })
  const { user, system } = process.cpuUsage(cpu)
  return { packets: network.packets - packets, cpuSeconds: (user + system) / 1e6 }
}

/** Returns how much processor time it took. */
async function connectAll() {
  let spent = 0
  while (accepted < wantedOfHost() * hosts) spent += (await run(200)).cpuSeconds
  await run(SETTLING_MS)
  return spent
}

// With the first clients the program makes what it makes once, such as compiled code.
await connectAll()
isTalking = true
await run(20_000)
isTalking = false
await run(SETTLING_MS)
const first = accepted
const before = heldBytes()
share = 1
const connectCpuSeconds = await connectAll()
isTalking = true
const { packets, cpuSeconds } = await run(seconds * 1000)
isTalking = false
await run(SETTLING_MS)
console.log(
  JSON.stringify({
    clients,
    connectCpuUs: (connectCpuSeconds * 1e6) / (accepted - first),
    packetsPerCpuSecond: packets / cpuSeconds,
    packets,
    answered,
    bytesAClient: (heldBytes() - before) / (accepted - first),
    residentMb: process.memoryUsage().rss / 1e6,
    trace: network.trace
  })
)
