// One side of the bad cable: what a program of pollport does there is named by the first argument,
// with options as JSON in the second. Marks: ready; done, with what it counted.
import { setTimeout as delay } from 'node:timers/promises'
import { Poller, Socket } from 'pollport'
import { Ending, WAYS } from './ending.mjs'
import { bytesOf, Transfer } from './transfer.mjs'

const PORT = 7000
/**
 * How many numbered datagrams a sender may be ahead of the newest one that has come. With the older
 * ones that the cable still delays they fit a socket's buffer of 208 KiB, the smallest there is;
 * what overflows is lost without a count.
 */
const MOST_AHEAD = 50
const [role, json] = process.argv.slice(2)
const options = JSON.parse(json)
const poller = new Poller()
const say = (mark, more = {}) => process.send({ mark, ...more })
const asked = () => new Promise((resolve) => process.once('message', resolve))

/** What a test wants to know of a `close`. */
const closeOf = (event, started) => ({
  code: event.error?.code,
  syscall: event.error?.syscall,
  address: event.error?.address,
  ms: Math.round(performance.now() - started)
})

/** Waits, by wait(), until the first event that `is` says yes to. */
function until(is, timeoutMs = 60_000) {
  const end = performance.now() + timeoutMs
  while (performance.now() < end) {
    for (const event of poller.wait(1000)) if (is(event)) return event
  }
  throw new Error('the event did not come')
}

/** Waits until `is` says yes, but not so long that the test gives up before it is told of it. */
async function soon(is) {
  const end = performance.now() + 15_000
  while (!is() && performance.now() < end) await delay(20)
}

const connectedTo = (to, more = {}) => {
  const socket = poller.connectTcp({ address: to, port: PORT, ...more })
  until((event) => event.type === 'connect' && event.socket === socket)
  return socket
}

const roles = {
  // Answers transfers until the test asks it to stop after so many are closed; then reports them.
  async server() {
    const closes = {}
    let whole = 0
    let broken = 0
    poller.listenTcp({ address: '0.0.0.0', port: PORT })
    const running = poller.run((events) => {
      for (const event of events) {
        if (event.type === 'accept') event.socket.userPtr = new Transfer(event.socket)
        if (event.type === 'receive') event.userPtr.take(event.data)
        if (event.type === 'drain') event.userPtr.sendMore()
        if (event.type === 'end') event.userPtr.ended()
        if (event.type !== 'close') continue
        const code = event.error?.code ?? 'none'
        closes[code] = (closes[code] ?? 0) + 1
        if (event.userPtr.whole) whole++
        else broken++
      }
    })
    say('ready')
    const { closed } = await asked()
    // The last packets may be on their way still when the client has done.
    await soon(() => whole + broken >= closed)
    const { sockets } = poller.stats
    poller.close()
    await running
    say('done', { whole, broken, closes, sockets })
  },

  // `count` transfers of `length` bytes each way at once; `stops`: half way it says so, and goes on
  // when the test asks for it.
  async transfers() {
    const { to, count, length } = options
    const results = []
    let isHalf = false
    let resumed = performance.now()
    let half = (count * length) / 2
    const asks = new Map()
    for (let number = 1; number <= count; number++) {
      asks.set(poller.connectTcp({ address: to, port: PORT }), { number, length })
    }
    while (results.length < count) {
      for (const event of poller.wait(1000)) {
        if (event.type === 'connect')
          event.socket.userPtr = new Transfer(event.socket, asks.get(event.socket))
        if (event.type === 'receive') {
          event.userPtr.take(event.data)
          half -= event.data.length
          if (half < 0) {
            // Once, half way: the test does something to the network now.
            half = Number.POSITIVE_INFINITY
            isHalf = true
          }
        }
        if (event.type === 'drain') event.userPtr.sendMore()
        if (event.type === 'end') event.userPtr.ended()
        if (event.type === 'close')
          results.push({
            whole: event.userPtr?.whole === true,
            code: event.error?.code,
            ms: Math.round(performance.now() - resumed)
          })
      }
      if (!isHalf || !options.stops) continue
      isHalf = false
      say('half')
      await asked()
      resumed = performance.now()
    }
    say('done', {
      whole: results.filter((result) => result.whole && result.code === undefined).length,
      errors: results.filter((result) => result.code !== undefined),
      ms: results.at(-1).ms,
      middleMs: results[results.length >> 1].ms
    })
  },

  // `count` connections of each way to end, or with no `to` the other side of them; reports what
  // each side sees of them.
  async endings() {
    const { to, count } = options
    const ways = new Map()
    if (to === undefined) poller.listenTcp({ address: '0.0.0.0', port: PORT })
    else
      for (let number = 0; number < count * WAYS.length; number++)
        ways.set(poller.connectTcp({ address: to, port: PORT }), number % WAYS.length)
    say('ready')
    const stories = []
    while (stories.length < count * WAYS.length) {
      for (const event of poller.wait(1000)) {
        if (event.type === 'accept' || event.type === 'connect')
          event.socket.userPtr = new Ending(event.socket, ways.get(event.socket))
        else {
          const story = event.socket.userPtr.take(event)
          if (story !== undefined) stories.push(story)
        }
      }
    }
    say('done', { stories })
  },

  // Receives numbered datagrams, and says which is the newest, until the test asks it to stop after
  // so many; then reports them.
  async counter() {
    const seen = new Set()
    const found = { received: 0, doubled: 0, reordered: 0, corrupt: 0 }
    let newest = -1
    poller.bindUdp({ address: '0.0.0.0', port: PORT, receiveBufferSize: 4_000_000 })
    const running = poller.run((events) => {
      for (const event of events) {
        if (event.type !== 'datagram') continue
        const { data } = event
        const number = data.readUInt32BE(0)
        found.received++
        if (event.truncated || !data.subarray(4).equals(bytesOf(number, data.length - 4)))
          found.corrupt++
        if (seen.has(number)) found.doubled++
        if (number < newest) found.reordered++
        newest = Math.max(newest, number)
        seen.add(number)
      }
      say('newest', { newest })
    })
    say('ready')
    const { received } = await asked()
    // What the cable has delivered may be unread still.
    await soon(() => found.received >= received)
    await delay(100) // One too many would come now.
    poller.close()
    await running
    say('done', { ...found, different: seen.size })
  },

  // Sends numbered datagrams, so slowly that no buffer of the system overflows: the test passes on
  // what the counter says.
  async datagrams() {
    const { to, count } = options
    const udp = poller.bindUdp({ address: '0.0.0.0', port: 0 })
    let newest = -1
    process.on('message', (message) => {
      newest = message.newest
    })
    for (let number = 0; number < count; number++) {
      const datagram = Buffer.concat([Buffer.alloc(4), bytesOf(number, (number * 7919) % 1400)])
      datagram.writeUInt32BE(number, 0)
      udp.send(datagram, { address: to, port: PORT })
      if (number % 10 !== 9) continue
      do {
        poller.wait(0)
        await delay(2)
      } while (number - newest > MOST_AHEAD)
    }
    poller.wait(10)
    const { datagramsSent, datagramsDropped } = poller.stats
    say('done', { datagramsSent, datagramsDropped })
  },

  // Sends more datagrams at once than a slow link takes; says what send() answered, and what was
  // told until everything was on its way.
  async flood() {
    const { to, count, length, highWaterMarkBytes } = options
    const slow = new Poller({ highWaterMarkBytes })
    const udp = slow.bindUdp({ address: '0.0.0.0', port: 0 })
    const answers = { true: 0, false: 0 }
    let most = 0
    const accepted = []
    for (let number = 0; number < count; number++) {
      const datagram = Buffer.concat([Buffer.alloc(4), bytesOf(number, length)])
      datagram.writeUInt32BE(number, 0)
      const answer = udp.send(datagram, { address: to, port: PORT })
      answers[answer]++
      if (answer) accepted.push(number)
      most = Math.max(most, udp.bufferedBytes)
    }
    const events = []
    const end = performance.now() + 30_000
    while (udp.bufferedBytes > 0 && performance.now() < end) {
      for (const event of slow.wait(1000)) events.push(event.type)
    }
    const { datagramsSent, datagramsDropped } = slow.stats
    say('done', { answers, most, events, datagramsSent, datagramsDropped, last: accepted.at(-1) })
  },

  // Tries to connect; `timeoutMs` is pollport's own, without it the system decides.
  async connect() {
    const { to, port = PORT, ...more } = options
    const started = performance.now()
    const socket = poller.connectTcp({ address: to, port, ...more })
    const event = until((event) => event.type === 'close' && event.socket === socket)
    say('done', { ...closeOf(event, started), sockets: poller.stats.sockets })
  },

  // An idle connection whose keep-alive probes nobody answers.
  async keepAlive() {
    const socket = connectedTo(options.to, { keepAlive: true })
    socket.setOption('keepAliveIdleMs', 1)
    socket.setOption('keepAliveIntervalMs', 1)
    socket.setOption('keepAliveCount', 2)
    say('ready')
    await asked()
    const started = performance.now()
    say(
      'done',
      closeOf(
        until((event) => event.type === 'close'),
        started
      )
    )
  },

  // A connection that sends into nothing. `userTimeoutMs`: TCP_USER_TIMEOUT, which a raw socket
  // sets before the poller has it.
  async sendIntoNothing() {
    const raw = new Socket({ type: 'tcp' })
    raw.connect({ address: options.to, port: PORT })
    if (options.userTimeoutMs) raw.setOption(6, 18, options.userTimeoutMs)
    const socket = poller.adopt(raw)
    poller.wait(0)
    say('ready')
    await asked()
    const started = performance.now()
    const accepted = socket.send(Buffer.alloc(20_000))
    say('done', {
      accepted,
      ...closeOf(
        until((event) => event.type === 'close'),
        started
      ),
      sockets: poller.stats.sockets
    })
  },

  // What pollport itself offers against a silent peer: an idle timeout, then reset().
  async idle() {
    const socket = connectedTo(options.to)
    say('ready')
    await asked()
    const started = performance.now()
    socket.setIdleTimeout(300)
    until((event) => event.type === 'timeout')
    const ms = Math.round(performance.now() - started)
    socket.reset()
    poller.wait(0)
    say('done', { ms, sockets: poller.stats.sockets })
  },

  // Datagrams to where no way leads, and then to where one does.
  async lostWay() {
    const udp = poller.bindUdp({
      address: options.from ?? '0.0.0.0',
      port: 0,
      reportUnreachable: true
    })
    say('ready')
    await asked()
    const errors = []
    const end = performance.now() + 20_000
    while (errors.length === 0 && performance.now() < end) {
      udp.send('x', { address: options.to, port: PORT })
      for (const event of poller.wait(100)) if (event.type === 'error') errors.push(event.error)
    }
    const [{ code, syscall, address, port }] = errors
    say('lost', { code, syscall, address, port })
    await asked()
    // Reports of what was sent before may still come; the socket works on all the same.
    udp.send(Buffer.alloc(4), { address: options.later ?? options.to, port: PORT })
    poller.wait(100)
    say('done', { isOpen: !udp.closed })
  }
}

await roles[role]()
process.disconnect()
