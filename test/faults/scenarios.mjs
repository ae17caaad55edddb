// Small programs of pollport that a fault may strike anywhere, and what must hold whatever strikes:
// for sweep.mjs. Knows nothing of which fault it is, but for what errors it may be told by.
import { EPOLLIN, EPOLLOUT, Epoll, Poller, Socket, SocketError, WOULD_BLOCK } from 'pollport'

const LOCAL = '127.0.0.1'
const CLIENT_ADDRESSES = ['127.0.0.2', '127.0.0.3']
const DEADLINE_MS = 5_000
// Small sends that are gathered, one that goes without the outbox, and one that is more than a wait
// takes.
const SENDS = [...Array(10).fill(100), 9_000, 50_000]
const TOTAL = SENDS.reduce((sum, length) => sum + length)
const PATTERN = Buffer.from(
  Array.from({ length: TOTAL }, (_, at) => (at * 31 + (at >> 8) * 17) & 255)
)
const PIECE = 4_000
const DATAGRAMS = 5

/** What a scenario must keep to, and what it found wrong. */
export class Checks {
  findings = []
  /** Errors that the program got, by event or exception. */
  told = 0
  #codes
  #syscalls

  /**
   * `codes` and `syscalls` of errors that may be reported; an undefined `codes` says that nobody
   * may notice anything.
   */
  constructor(codes, syscalls) {
    this.#codes = codes
    this.#syscalls = syscalls
  }

  get isTransparent() {
    return this.#codes === undefined
  }

  that(sentence, holds, seen = '') {
    if (!holds) this.findings.push(`not so: ${sentence} ${seen}`)
  }

  /**
   * An error that came by an event or an exception. `alsoCodes`: what a fault on the other side
   * leads to, whichever call reports it.
   */
  error(where, error, alsoCodes = []) {
    this.told++
    if (!(error instanceof SocketError)) {
      this.findings.push(`${where}: ${error?.stack}`)
      return
    }
    if (alsoCodes.includes(error.code)) return
    if (this.isTransparent)
      this.findings.push(`${where}: got a fault that is none of the program's: ${error.message}`)
    else if (
      !this.#codes.includes(error.code === 'ENOTSUP' ? 'EOPNOTSUPP' : error.code) ||
      !this.#syscalls.includes(error.syscall)
    )
      this.findings.push(`${where}: another error than the fault: ${error.message}`)
  }

  /** The result, or undefined after an error that is allowed. */
  attempt(where, action) {
    try {
      return action()
    } catch (error) {
      this.error(where, error)
      return undefined
    }
  }
}

/** A poller's connection as this scenario sees it. */
class Stream {
  received = 0
  given = 0
  closes = 0
  ended = false
  error = undefined

  constructor(name) {
    this.name = name
  }

  take(data, checks) {
    const wanted = PATTERN.subarray(this.received, this.received + data.length)
    checks.that(`${this.name} receives what was sent, in order`, wanted.equals(data))
    this.received += data.length
  }
}

/**
 * TCP that is echoed, UDP both ways, a report of an unreachable peer, a wake, pauses: on one
 * poller, both sides of it.
 */
export function pollerScenario(checks, clearFaults) {
  const poller = checks.attempt('new Poller', () => new Poller())
  if (poller === undefined) return
  echoRound(poller, checks)
  clearFaults()
  // Whatever happened, the poller works.
  const after = new Checks()
  if (!poller.closed) echoRound(poller, after)
  checks.findings.push(...after.findings.map((finding) => `afterwards, without faults: ${finding}`))
  poller.close()
}

function echoRound(poller, checks) {
  const before = { ...poller.stats }
  const listener = checks.attempt('listenTcp', () => poller.listenTcp({ address: LOCAL, port: 0 }))
  const end = listener && checks.attempt('localAddress', () => listener.localAddress)
  const one = checks.attempt('bindUdp', () =>
    poller.bindUdp({ address: LOCAL, port: 0, reportUnreachable: true })
  )
  const other = checks.attempt('bindUdp', () => poller.bindUdp({ address: LOCAL, port: 0 }))
  const otherEnd = other && checks.attempt('localAddress', () => other.localAddress)
  // Each from an address of its own, by which the server's side of it is known without a system
  // call.
  const clients = (end ? CLIENT_ADDRESSES : []).flatMap((localAddress) => {
    const to = { address: LOCAL, port: end.port, localAddress, timeoutMs: DEADLINE_MS }
    return checks.attempt('connectTcp', () => poller.connectTcp(to)) ?? []
  })
  const streams = new Map(
    clients.map((client, number) => [client, new Stream(`client ${number + 1}`)])
  )
  const told = new Set()

  const give = (socket, bytes) => {
    const stream = streams.get(socket)
    // A connection that broke in this very batch takes nothing, and says so by false and an unmoved
    // count.
    const known = socket.bytesSent + socket.bufferedBytes
    socket.send(bytes)
    if (socket.bytesSent + socket.bufferedBytes > known) stream.given += bytes.length
  }
  for (let sent = 0, next = 0; next < SENDS.length; sent += SENDS[next++]) {
    for (const client of clients) {
      checks.attempt('send', () => give(client, PATTERN.subarray(sent, sent + SENDS[next])))
    }
  }
  for (const client of clients) client.end()
  let datagramsSent = 0
  let datagramsReceived = 0
  if (one && otherEnd) {
    for (let number = 0; number < DATAGRAMS; number++) {
      checks.attempt('sendto', () => one.send(Buffer.alloc(100, number), otherEnd))
      datagramsSent++
    }
    // Port 9 is "discard", which nobody runs on the loopback: the answer is a report.
    checks.attempt('sendto', () => one.send('to nobody', { address: LOCAL, port: 9 }))
  }
  poller.wake()
  let wakes = 0
  let resumes = []
  const servers = new Map()
  const isDone = () => {
    const { datagramsDropped } = poller.stats
    const lost = datagramsDropped - before.datagramsDropped
    const tcpIsDone = [...streams.values()].every(({ closes }) => closes > 0)
    return (
      tcpIsDone && wakes > 0 && datagramsReceived + lost >= datagramsSent && resumes.length === 0
    )
  }

  const deadline = performance.now() + DEADLINE_MS
  let idle = 0
  while (!isDone() || idle < 1) {
    if (performance.now() > deadline) {
      const states = [...streams.values()].map(({ name, received, given, closes, ended }) => ({
        name,
        received,
        given,
        closes,
        ended
      }))
      checks.findings.push(
        `hangs: ${JSON.stringify({ states, wakes, datagramsSent, datagramsReceived, stats: poller.stats })}`
      )
      break
    }
    const events = checks.attempt('wait', () => poller.wait(isDone() ? 0 : 20)) ?? []
    idle = events.length === 0 ? idle + 1 : 0
    for (const socket of resumes.splice(0)) {
      // A program tries again when resuming failed.
      if (checks.attempt('resume', () => socket.resume() ?? true) === undefined)
        resumes.push(socket)
    }
    const echoes = []
    const ends = []
    for (const event of events) {
      const { type, socket } = event
      if (type === 'wake') wakes++
      else if (type === 'accept') {
        checks.that('nobody is accepted twice', !streams.has(socket))
        streams.set(socket, new Stream(`the server's of ${socket.remoteAddress.address}`))
        servers.set(socket.remoteAddress.address, socket)
        checks.attempt('pause', () => {
          socket.pause()
          resumes.push(socket)
        })
      } else if (type === 'receive') {
        streams.get(socket).take(event.data, checks)
        if (!clients.includes(socket)) echoes.push({ socket, data: Buffer.from(event.data) })
      } else if (type === 'end') {
        streams.get(socket).ended = true
        if (!clients.includes(socket)) ends.push(socket)
      } else if (type === 'datagram') {
        datagramsReceived++
        checks.that(
          'a datagram is whole',
          event.data.length === 100 && event.data.every((byte) => byte === event.data[0])
        )
        if (socket === other && datagramsSent < 2 * DATAGRAMS) {
          checks.attempt('sendto', () => other.send(event.data, event.address))
          datagramsSent++
        }
      } else if (type === 'error') {
        told.add(socket)
        checks.error(
          `an error event of ${socket === listener ? 'the listener' : 'a UDP socket'}`,
          event.error,
          socket === one ? ['ECONNREFUSED'] : []
        )
      } else if (type === 'close') {
        const stream = streams.get(socket)
        if (stream === undefined) continue
        stream.closes++
        stream.error = event.error
        resumes = resumes.filter((waiting) => waiting !== socket)
        // The other side sees a connection that broke, as with any peer.
        if (event.error)
          checks.error(
            `the close of ${stream.name}`,
            event.error,
            checks.isTransparent ? [] : ['ECONNRESET', 'EPIPE']
          )
      }
    }
    // Piece by piece in turns, so that what one connection has in the outbox lies in several
    // places.
    for (let at = 0; echoes.some(({ data }) => at < data.length); at += PIECE) {
      for (const { socket, data } of echoes) {
        if (at < data.length && !socket.closed)
          checks.attempt('send', () => give(socket, data.subarray(at, at + PIECE)))
      }
    }
    for (const socket of ends) socket.end()
  }

  for (const stream of streams.values())
    checks.that(`${stream.name} is closed once`, stream.closes === 1, stream.closes)
  clients.forEach((client, number) => {
    const mine = streams.get(client)
    const its = streams.get(servers.get(CLIENT_ADDRESSES[number]))
    // An orderly end says that this was all. One that comes after a part would be a lie.
    if (its && mine.ended)
      checks.that(
        'a client has all that the server gave',
        mine.received === its.given,
        `${mine.received} of ${its.given}`
      )
    if (its?.ended)
      checks.that(
        'the server has all that a client gave',
        its.received === mine.given,
        `${its.received} of ${mine.given}`
      )
    if (checks.isTransparent) checks.that('all is echoed', mine.received === TOTAL, mine.received)
  })
  if (checks.isTransparent) {
    checks.that('all clients are there', clients.length === CLIENT_ADDRESSES.length)
    checks.that('every datagram arrives', datagramsReceived === 2 * DATAGRAMS, datagramsReceived)
  }
  for (const socket of [listener, one, other]) socket?.close()
  if (end && !listener) return
  let closes = 0
  for (let waits = 0; waits < 20; waits++) {
    const events = checks.attempt('wait', () => poller.wait(0)) ?? []
    for (const event of events) {
      if (event.type === 'close' && [listener, one, other].includes(event.socket)) closes++
      // Left over: what was reported before its socket closed.
      else if (event.type !== 'datagram' && event.type !== 'error')
        checks.that('nothing comes after the closes', false, event.type)
    }
  }
  checks.that(
    'each of the others is closed once',
    closes === [listener, one, other].filter(Boolean).length,
    closes
  )
  checks.that('no socket is left in the poller', poller.stats.sockets === 0, poller.stats.sockets)
}

/** The raw floor: an epoll, a listener, a connection and two UDP sockets, non-blocking, by hand. */
export function rawScenario(checks, clearFaults) {
  const open = []
  const make = (type) => {
    const socket = new Socket({ type, nonBlocking: true })
    open.push(socket)
    return socket
  }
  const epoll = checks.attempt('new Epoll', () => new Epoll())
  if (epoll !== undefined) {
    checks.attempt('the raw floor', () => rawRound(epoll, make, open, checks))
    clearFaults()
    for (const socket of open.splice(0)) socket.close()
    const after = new Checks()
    after.attempt('the raw floor', () => rawRound(epoll, make, open, after))
    checks.findings.push(
      ...after.findings.map((finding) => `afterwards, without faults: ${finding}`)
    )
    epoll.close()
  }
  for (const socket of open) socket.close()
}

function rawRound(epoll, make, open, checks) {
  const listener = make('tcp')
  listener.bind({ address: LOCAL, port: 0 })
  listener.listen()
  const client = make('tcp')
  client.connect(listener.localAddress)
  epoll.add(listener, 'listener')
  epoll.add(client, 'client', EPOLLOUT)
  const one = make('udp')
  const other = make('udp')
  for (const socket of [one, other]) socket.bind({ address: LOCAL, port: 0 })
  epoll.add(other, 'udp')

  const message = PATTERN.subarray(0, 3000)
  const stream = new Stream('the accepted socket')
  let sent = 0
  let isSent = false
  let hasDatagram = false
  const deadline = performance.now() + DEADLINE_MS
  while (!stream.ended || !hasDatagram) {
    if (performance.now() > deadline)
      throw new Error(`hangs: ${JSON.stringify({ sent, stream, hasDatagram })}`)
    if (!isSent) isSent = one.sendTo('datagram', other.localAddress) !== WOULD_BLOCK
    for (const { socket, userPtr } of epoll.wait(20)) {
      if (userPtr === 'listener') {
        const accepted = socket.accept()
        if (accepted === WOULD_BLOCK) continue
        open.push(accepted)
        accepted.nonBlocking = true
        epoll.add(accepted, 'accepted', EPOLLIN)
      } else if (userPtr === 'client') {
        const { error } = socket
        if (error) throw error
        const taken = socket.send(message, sent)
        if (taken !== WOULD_BLOCK) sent += taken
        if (sent < message.length) continue
        socket.shutdown('write')
        epoll.modify(socket, 0)
        epoll.remove(socket)
      } else if (userPtr === 'accepted') {
        const data = socket.recv(1000)
        if (data === WOULD_BLOCK) continue
        if (data.length > 0) stream.take(data, checks)
        else stream.ended = true
      } else {
        const got = socket.recvFrom(Buffer.alloc(100))
        if (got !== WOULD_BLOCK) hasDatagram = got.bytes === 8
      }
    }
  }
  checks.that(
    'the accepted socket has all that was sent',
    stream.received === sent,
    `${stream.received} of ${sent}`
  )
}

/** run(): a connection is echoed while Node's own loop turns. */
export async function runScenario(checks, clearFaults) {
  const poller = checks.attempt('new Poller', () => new Poller())
  if (poller === undefined) return
  await runRound(poller, checks)
  clearFaults()
  const after = new Checks()
  await runRound(poller, after)
  checks.findings.push(...after.findings.map((finding) => `afterwards, without faults: ${finding}`))
  poller.close()
}

async function runRound(poller, checks) {
  const one = checks.attempt('bindUdp', () => poller.bindUdp({ address: LOCAL, port: 0 }))
  const end = one && checks.attempt('localAddress', () => one.localAddress)
  // The datagrams come from outside of the poller, so that it is the watching thread that has to
  // notice.
  const pinger = checks.attempt('new Socket', () => new Socket({ type: 'udp', nonBlocking: true }))
  if (end === undefined || pinger === undefined) {
    one?.close()
    pinger?.close()
    checks.attempt('wait', () => poller.wait(0))
    return
  }
  const ending = new AbortController()
  let rounds = 0
  const hang = setTimeout(() => {
    checks.findings.push(`run() hangs after ${rounds} datagrams`)
    ending.abort()
  }, DEADLINE_MS)
  const ping = () => checks.attempt('sendto', () => pinger.sendTo('ping', end))
  const first = setImmediate(ping)
  // One that is lost by a fault is sent again.
  const again = setInterval(ping, 10)
  try {
    await poller.run(
      (events) => {
        for (const event of events) {
          if (event.type === 'error') checks.error('an error event', event.error)
          if (event.type !== 'datagram') continue
          if (++rounds === 3) ending.abort()
          else ping()
        }
      },
      { signal: ending.signal }
    )
  } catch (error) {
    checks.error('run', error)
  }
  clearTimeout(hang)
  clearImmediate(first)
  clearInterval(again)
  pinger.close()
  one.close()
  // The second takes what the first had to leave when it failed.
  for (let waits = 0; waits < 2; waits++) checks.attempt('wait', () => poller.wait(0))
}
