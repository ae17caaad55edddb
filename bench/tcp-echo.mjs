// What does one small echoed message cost the server? CPU time (user + system) of the server's process for each message, which is the figure to
// trust on a noisy machine, beside messages a second. Servers take turns, and the rounds are repeated; the medians are printed.
//
//   node bench/tcp-echo.mjs [--connections 50,1000] [--seconds 2] [--rounds 3]
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Poller } from 'pollport'

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '50,1000' },
    seconds: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '3' }
  }
})
const servers = ['poller', 'run', 'epoll', 'net']
const message = Buffer.alloc(64, 'x')
// The kernel counts a process's time in units of USER_HZ, 100 a second on every Linux (proc(5)).
const MS_PER_UNIT = 10

/** User and system time of another process. */
function cpuMs(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_UNIT
}

async function measure(server, connections) {
  const child = fork(fileURLToPath(new URL(`servers/${server}.mjs`, import.meta.url)))
  try {
    const [{ port }] = await once(child, 'message')
    const poller = new Poller()
    let open = 0
    for (let asked = 0; open < connections; ) {
      for (; asked < connections && asked - open < 256; asked++) poller.connectTcp({ address: '127.0.0.1', port })
      for (const event of poller.wait()) {
        if (event.type === 'connect') open++
        if (event.type === 'connect') event.socket.send(message)
        if (event.type === 'receive') event.socket.send(event.data)
        if (event.type === 'close') throw event.error ?? new Error('a connection closed')
      }
    }
    const turn = (untilMs) => {
      let bytes = 0
      while (performance.now() < untilMs) {
        for (const event of poller.wait(100)) {
          if (event.type !== 'receive') continue
          bytes += event.data.length
          event.socket.send(event.data)
        }
      }
      return bytes / message.length
    }
    turn(performance.now() + 500) // until the code is compiled
    const started = performance.now()
    const cpuBefore = cpuMs(child.pid)
    const messages = turn(started + Number(values.seconds) * 1000)
    const cpu = cpuMs(child.pid) - cpuBefore
    const seconds = (performance.now() - started) / 1000
    poller.close()
    return { cpuUs: (cpu * 1000) / messages, perSecond: messages / seconds }
  } finally {
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}

const median = (numbers) => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)]

for (const connections of values.connections.split(',').map(Number)) {
  const results = Object.fromEntries(servers.map((server) => [server, []]))
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const server of servers) results[server].push(await measure(server, connections))
  }
  console.log(`tcp-echo, ${message.length} bytes, ${connections} connections`)
  const net = median(results.net.map((result) => result.cpuUs))
  console.table(
    Object.fromEntries(
      servers.map((server) => {
        const cpuUs = median(results[server].map((result) => result.cpuUs))
        const perSecond = median(results[server].map((result) => result.perSecond))
        return [
          server,
          {
            'CPU µs/message': cpuUs.toFixed(2),
            'messages/s': Math.round(perSecond),
            'of net': (cpuUs / net).toFixed(2)
          }
        ]
      })
    )
  )
}
