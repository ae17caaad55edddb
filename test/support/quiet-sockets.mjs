// Sockets in every state of which the system goes on telling without anybody asking. Says how much
// processor time each costs while nothing happens; what costs fewer milliseconds than the argument
// says is measured once.
import { Poller, Socket } from 'pollport'
import { leastBusyMs } from './processor-time.mjs'

const LOCAL = { address: '127.0.0.1', port: 0 }
const WAIT_MS = 400
const [most] = process.argv.slice(2)
const poller = new Poller()
const listener = poller.listenTcp(LOCAL)
const kept = []

function until(done) {
  const events = []
  for (let turns = 0; !done(events); turns++) {
    if (turns > 500) throw new Error(`it did not come; seen: ${events.map(({ type }) => type)}`)
    events.push(...poller.wait(10))
  }
  return events
}

const has = (type) => (events) => events.some((event) => event.type === type)

/** A connection of the poller and a raw peer. */
function pair() {
  const peer = new Socket({ type: 'tcp' })
  kept.push(peer)
  peer.connect(listener.localAddress)
  const { socket } = until(has('accept')).find(({ type }) => type === 'accept')
  return { connection: socket, peer }
}

/** A raw connection, to be adopted, and its peer. */
function rawPair() {
  const { connection, peer } = pair()
  return { socket: Socket.fromHandle(connection.detach()), peer }
}

function udp(how) {
  const peer = new Socket({ type: 'udp' })
  peer.bind(LOCAL)
  const socket = new Socket({ type: 'udp' })
  socket.bind(LOCAL)
  socket.connect(peer.localAddress)
  kept.push(peer)
  if (how !== undefined) socket.shutdown(how)
  return { socket, peer }
}

const scenarios = {
  'a paused connection whose peer has reset it'() {
    const { connection, peer } = pair()
    connection.pause()
    peer.reset()
  },
  'a paused connection whose peer has finished'() {
    const { connection, peer } = pair()
    connection.pause()
    peer.close()
  },
  'a connection that both sides have shut down, and that is paused'() {
    const { connection, peer } = pair()
    connection.pause()
    connection.end()
    poller.wait(0)
    peer.shutdown('write')
  },
  'a connection whose peer has finished'() {
    const { peer } = pair()
    peer.shutdown('write')
    until(has('end'))
  },
  'a queue that a peer does not read, paused'() {
    const { connection } = pair()
    connection.pause()
    connection.send(Buffer.alloc(20_000_000))
  },
  'an adopted connection that was shut down both ways'() {
    const { socket } = rawPair()
    socket.shutdown('both')
    poller.adopt(socket)
    until(has('end'))
  },
  'an adopted UDP socket'() {
    poller.adopt(udp().socket)
  },
  'an adopted UDP socket that was shut down for receiving'() {
    const { socket, peer } = udp()
    peer.sendTo('before', socket.localAddress)
    peer.sendTo('it', socket.localAddress)
    socket.shutdown('read')
    poller.adopt(socket)
    // What has come is given out first. (Windows refuses what it has after the shutdown.)
    if (poller.backend === 'epoll')
      until((events) => events.filter(({ type }) => type === 'datagram').length === 2)
  },
  'an adopted UDP socket that was shut down both ways'() {
    poller.adopt(udp('both').socket)
  },
  'an adopted UDP socket that was shut down for receiving, paused and resumed'() {
    const socket = poller.adopt(udp('read').socket)
    socket.pause()
    poller.wait(0)
    socket.resume()
  },
  'an adopted UDP socket whose peer is gone'() {
    const { socket, peer } = udp()
    peer.close()
    const adopted = poller.adopt(socket)
    adopted.send('anybody?', peer.closed ? { address: '127.0.0.1', port: 9 } : peer.localAddress)
    poller.wait(20)
  },
  'a UDP socket that gets reports of unreachable peers, paused'() {
    const socket = poller.bindUdp({ ...LOCAL, reportUnreachable: true })
    socket.pause()
    socket.send('anybody?', { address: '127.0.0.1', port: 9 })
  },
  'a paused listener with clients'() {
    const resting = poller.listenTcp(LOCAL)
    resting.pause()
    const peer = new Socket({ type: 'tcp' })
    kept.push(peer)
    peer.connect(resting.localAddress)
  }
}

if (poller.backend === 'epoll') {
  const [SOL_SOCKET, SO_TIMESTAMPING] = [1, 37]
  // SOF_TIMESTAMPING_TX_SOFTWARE, SOF_TIMESTAMPING_SOFTWARE (linux/net_tstamp.h).
  const TX_SOFTWARE = 2 | 16
  const stamping = () => {
    const { socket } = rawPair()
    socket.setOption(SOL_SOCKET, SO_TIMESTAMPING, TX_SOFTWARE)
    return poller.adopt(socket)
  }
  scenarios['a connection with messages in its error queue'] = () => {
    stamping().send('stamped')
  }
  scenarios['a paused connection with messages in its error queue and a queue of its own'] = () => {
    const connection = stamping()
    connection.pause()
    connection.send(Buffer.alloc(20_000_000))
  }
  scenarios['a listener that somebody else has shut down'] = () => {
    const stopped = poller.listenTcp(LOCAL)
    const other = Socket.fromHandle(stopped.handle)
    other.shutdown('read')
    other.detach()
  }
}

for (const [name, prepare] of Object.entries(scenarios)) {
  const before = poller.stats.sockets
  let refused
  try {
    prepare()
    poller.wait(50) // Takes what there is to report.
    poller.wait(20)
  } catch (error) {
    refused = error
  }
  const opened = poller.stats.sockets - before
  let mostWaits = 0
  const cpuMs = await leastBusyMs(Number(most), () => {
    const end = performance.now() + WAIT_MS
    let waits = 0
    while (performance.now() < end) {
      poller.wait(Math.max(end - performance.now(), 0))
      waits++
    }
    mostWaits = Math.max(mostWaits, waits)
  })
  process.send({
    mark: 'scenario',
    name,
    cpuMs,
    waits: mostWaits,
    opened,
    refused: refused?.code ?? refused?.message
  })
}
poller.close()
process.disconnect()
