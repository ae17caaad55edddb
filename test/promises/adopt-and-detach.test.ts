// Handing sockets over: from the raw floor to a poller, from a poller to the raw floor, and from
// one thread to another.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import {
  type PollEvent,
  Socket,
  type SocketOptions,
  TcpConnection,
  TcpListener,
  toDuplex,
  UdpSocket,
  WOULD_BLOCK
} from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { bindPeer } from '../support/dgram-peer.ts'
import {
  acceptedPair,
  acceptPeer,
  connectPeer,
  hasIpv6,
  LOCAL,
  listenPeer
} from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { patternBytes } from '../support/poller-random.ts'
import { closing } from '../support/raw-pair.ts'
import { isWindows } from '../support/system.ts'

const ANY = { address: LOCAL, port: 0 }
const OPTION_NAMES: (keyof SocketOptions)[] = [
  'noDelay',
  'keepAlive',
  'keepAliveIdleMs',
  'keepAliveIntervalMs',
  'keepAliveCount',
  'reuseAddress',
  'reusePort',
  'exclusiveAddress',
  'sendBufferSize',
  'receiveBufferSize',
  'lingerMs',
  'broadcast',
  'ttl',
  'tos',
  'ipv6Only',
  'receiveTimeoutMs',
  'sendTimeoutMs',
  'multicastTtl',
  'multicastLoop'
]

function rawListener(): Socket {
  const socket = new Socket({ type: 'tcp' })
  onTestFinished(() => socket.close())
  socket.bind(ANY)
  socket.listen()
  return socket
}

test('a listening Socket becomes a listener', async () => {
  const probe = openProbe<string>()
  const socket = rawListener()
  const { port } = socket.localAddress
  const listener = probe.poller.adopt(socket, 'adopted') as TcpListener<string>
  expect(listener).toBeInstanceOf(TcpListener)
  expect(listener.localAddress.port).toBe(port)
  const { connection, peer } = await acceptPeer(probe, listener)
  expect(probe.seen('accept')[0]).toMatchObject({ listener, userPtr: 'adopted' })
  connection.send('hi')
  await probe.until('it works', () => peer.received.toString() === 'hi')
})

test('a connected Socket, blocking as the system made it, becomes a connection, and no event tells of that', async () => {
  const probe = openProbe<string>()
  const { port, peers } = await listenPeer()
  const socket = new Socket({ type: 'tcp' })
  socket.connect({ address: LOCAL, port })
  const connection = probe.poller.adopt(socket, 'adopted') as TcpConnection<string>
  expect(connection).toBeInstanceOf(TcpConnection)
  expect(connection.userPtr).toBe('adopted')
  expect(connection.remoteAddress).toMatchObject({ address: LOCAL, port })
  connection.send('hi')
  await probe.until('it sends', () => peers[0]?.received.toString() === 'hi')
  peers[0].socket.end('there')
  await probe.first('end', connection)
  expect(probe.storyOf(connection)).toEqual(['receive', 'end'])
  expect(probe.bytesOf(connection).toString()).toBe('there')
})

test('a UDP Socket becomes a UDP socket', async () => {
  const probe = openProbe()
  const peer = await bindPeer()
  const socket = new Socket({ type: 'udp' })
  socket.bind(ANY)
  const adopted = probe.poller.adopt(socket, 'adopted') as UdpSocket
  expect(adopted).toBeInstanceOf(UdpSocket)
  peer.send('question', adopted.localAddress)
  const event = await probe.first('datagram', adopted)
  expect(event.userPtr).toBe('adopted')
  adopted.send('answer', event.address)
  await probe.until('it answers', () => peer.received[0]?.data.toString() === 'answer')
})

test('an adopted Socket belongs to the poller: the object is closed, and closing it again harms nobody', async () => {
  const probe = openProbe()
  const socket = rawListener()
  const listener = probe.poller.adopt(socket) as TcpListener<unknown>
  expect(socket.closed).toBe(true)
  expect(thrownBy(() => socket.accept())).toMatchObject({ name: 'SocketError', code: 'EBADF' })
  expect(thrownBy(() => probe.poller.adopt(socket)).code).toBe('EBADF')
  socket.close()
  await acceptPeer(probe, listener)
})

test.each([true, false])(
  'a Socket that is neither connected nor listening is refused with ENOTCONN, and is as it was, nonBlocking: %s',
  (nonBlocking) => {
    const { poller } = openProbe()
    const socket = new Socket({ type: 'tcp', nonBlocking })
    onTestFinished(() => socket.close())
    const before = optionsOf(socket)
    expect(thrownBy(() => poller.adopt(socket))).toMatchObject({
      name: 'SocketError',
      code: 'ENOTCONN'
    })
    expect(socket.closed).toBe(false)
    expect(optionsOf(socket)).toEqual(before)
    socket.bind(ANY)
    expect(thrownBy(() => poller.adopt(socket)).code).toBe('ENOTCONN')
    expect(poller.stats.sockets).toBe(0)
    expect(optionsOf(socket)).toEqual(before)
    socket.listen()
    expect(poller.adopt(socket)).toBeInstanceOf(TcpListener)
  }
)

// Windows does not say that another poller has the socket already.
test.skipIf(isWindows).each(['tcp', 'udp'] as const)(
  'a %s Socket that the system refuses to watch is as it was as well',
  (type) => {
    const { poller } = openProbe()
    const socket = new Socket({ type })
    socket.bind(ANY)
    if (type === 'tcp') socket.listen()
    const again = Socket.fromHandle(socket.handle)
    poller.adopt(socket)
    again.nonBlocking = false
    const before = optionsOf(again)
    expect(thrownBy(() => poller.adopt(again))).toMatchObject({
      code: 'EEXIST',
      syscall: 'epoll_ctl'
    })
    expect(optionsOf(again)).toEqual(before)
    expect(poller.stats.sockets).toBe(1)
    again.detach() // The poller closes it.
  }
)

/** Every option that the socket has, and whether it blocks. */
function optionsOf(socket: Socket): Record<string, unknown> {
  const options: Record<string, unknown> = { nonBlocking: socket.nonBlocking }
  for (const name of OPTION_NAMES) {
    try {
      options[name] = socket.getOption(name)
    } catch {} // It has no such option.
  }
  return options
}

test.each([
  ['both sides have finished', LOCAL, 'end'],
  ['the peer has reset it', LOCAL, 'reset'],
  ['both sides have finished, on IPv6', '::1', 'end'],
  ['the peer has reset it, on IPv6', '::1', 'reset']
])('the remoteAddress of an adopted connection is known after %s', async (_, address, how) => {
  if (address === '::1' && !hasIpv6) return
  const [first, next] = [openProbe(), openProbe()]
  const listener = first.poller.listenTcp({ address, port: 0 })
  const client = first.poller.connectTcp(listener.localAddress)
  const { socket } = await first.first('accept')
  await first.first('connect')
  const { port } = client.localAddress
  const adopted = next.poller.adopt(Socket.fromHandle(socket.detach())) as TcpConnection<unknown>
  const duplex = toDuplex(adopted)
  duplex.on('error', () => {})
  duplex.resume().end()
  if (how === 'end') client.end()
  else client.reset()
  await next.until('it is closed', () => {
    first.step()
    return duplex.closed
  })
  expect(adopted.closed).toBe(true)
  expect(adopted.remoteAddress).toMatchObject({ address, port })
  expect(duplex.remoteAddress).toBe(address)
  expect(duplex.remotePort).toBe(port)
})

test('detach() gives the handle: no event follows, not even close, and the bytes stay', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.write('for the new owner')
  while (peer.socket.bytesWritten < 17 || peer.socket.writableLength > 0)
    await new Promise(setImmediate)
  const handle = connection.detach()
  expect(Number.isSafeInteger(handle)).toBe(true)
  const socket = Socket.fromHandle(handle, { type: 'tcp', family: 'ipv4' })
  onTestFinished(() => socket.close())
  expect(await probe.quiet()).toEqual([])
  expect(probe.poller.stats.sockets).toBe(1)
  const data = socket.recv(100)
  expect(data === WOULD_BLOCK ? undefined : data.toString()).toBe('for the new owner')
  socket.send('answer')
  await probe.until('it is heard', () => peer.received.toString() === 'answer')
  for (const action of [
    () => connection.send('x'),
    () => connection.detach(),
    () => connection.localAddress
  ]) {
    expect(thrownBy(action)).toMatchObject({ name: 'SocketError', code: 'EBADF' })
  }
  connection.close()
  connection.reset()
  connection.end()
  expect(socket.remoteAddress.port).toBe(peer.socket.localPort)
  expect(probe.typesOf(connection)).toEqual(['accept'])
})

test('detach() sends what is queued first', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.send('one, ')
  const socket = Socket.fromHandle(connection.detach(), { type: 'tcp', family: 'ipv4' })
  onTestFinished(() => socket.close())
  socket.send('two')
  await probe.until('both are there', () => peer.received.toString() === 'one, two')
})

test('detach() with bytes that the system does not take is EBUSY, and the connection works on', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  const bytes = patternBytes(20_000_000)
  connection.send(bytes)
  expect(thrownBy(() => connection.detach())).toMatchObject({ name: 'SocketError', code: 'EBUSY' })
  peer.readOn()
  await probe.until('all of it is there', () => peer.receivedBytes === bytes.length)
  expect(peer.received.equals(bytes)).toBe(true)
  const socket = Socket.fromHandle(connection.detach(), { type: 'tcp', family: 'ipv4' })
  socket.close()
})

test('detach() while connecting is EBUSY', async () => {
  const probe = openProbe()
  const { port } = await listenPeer()
  const connection = probe.poller.connectTcp({ address: LOCAL, port })
  expect(thrownBy(() => connection.detach()).code).toBe('EBUSY')
  await probe.first('connect', connection)
})

/** A connection whose bytes come in one batch with a wake that stands before them. */
async function wokenBeforeBytes() {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.write('hello ')
  while (peer.socket.bytesWritten < 6 || peer.socket.writableLength > 0)
    await new Promise(setImmediate)
  probe.poller.wake()
  return { poller: probe.poller, connection, peer }
}

const busy = expect.objectContaining({ name: 'SocketError', code: 'EBUSY', syscall: 'detach' })

test('S.24 bytes of the batch that were not handed out: detach() is EBUSY, and after pause() and one more wait() no byte is lost', async () => {
  const { poller, connection, peer } = await wokenBeforeBytes()
  let here = ''
  for (const event of poller.wait(1000)) {
    if (event.type === 'wake') {
      expect(() => connection.detach()).toThrow(busy)
      connection.pause()
    }
    if (event.type === 'receive') here += event.data
  }
  peer.socket.write('world')
  expect(poller.wait(0)).toEqual([])
  const next = openProbe()
  const adopted = next.poller.adopt(
    Socket.fromHandle(connection.detach())
  ) as TcpConnection<unknown>
  await next.until('the rest is there', () => next.bytesOf(adopted).toString() === 'world')
  expect(here).toBe('hello ')
})

test.each<[string, boolean, (events: PollEvent[], look: (event: PollEvent) => void) => void]>([
  ['forEach()', false, (events, look) => events.forEach(look)],
  ['a spread, which hands out all', true, (events, look) => [...events].forEach(look)],
  [
    'an index, which hands out nothing',
    false,
    (events, look) => {
      for (let at = 0; at < events.length; at++) look(events[at])
    }
  ]
])('S.24 the same by %s', async (how, isGiven, walk) => {
  const { poller, connection } = await wokenBeforeBytes()
  const outcomes: string[] = []
  const attempt = () => {
    try {
      closing(Socket.fromHandle(connection.detach()))
      return 'given'
    } catch (error) {
      return (error as { code: string }).code
    }
  }
  walk(poller.wait(1000), ({ type }) => {
    if (!connection.closed) outcomes.push(`${type} ${attempt()}`)
  })
  if (isGiven) expect(outcomes).toEqual(['wake given'])
  else if (how === 'forEach()') expect(outcomes).toEqual(['wake EBUSY', 'receive given'])
  else expect(outcomes).toEqual(['wake EBUSY', 'receive EBUSY'])
})

test('S.24 the same between diverted connections', async () => {
  const probe = openProbe()
  const pairs = [await acceptedPair(probe), await acceptedPair(probe)]
  const outcomes: string[] = []
  for (const { connection, peer } of pairs) {
    peer.socket.write('hello')
    while (peer.socket.bytesWritten < 5 || peer.socket.writableLength > 0)
      await new Promise(setImmediate)
    connection.divert((event) => {
      for (const other of pairs) {
        if (other.connection === connection || event.type !== 'receive') continue
        try {
          closing(Socket.fromHandle(other.connection.detach()))
          outcomes.push('given')
        } catch (error) {
          outcomes.push((error as { code: string }).code)
        }
      }
    })
  }
  probe.poller.wait(1000)
  expect(outcomes).toEqual(['EBUSY', 'given'])
})

test('S.24 the end that the batch still has comes to the next owner as well', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.end('last words')
  const next = openProbe()
  let adopted: TcpConnection<unknown> | undefined
  probe.onEvent = (event) => {
    if (event.type !== 'receive' || connection.bytesReceived < 10) return
    adopted = next.poller.adopt(Socket.fromHandle(connection.detach())) as TcpConnection<unknown>
  }
  await probe.until('it is given away', () => adopted !== undefined)
  await next.first('end', adopted)
})

test('S.24 a connection wanders through ten pollers and loses no byte', async () => {
  const first = openProbe()
  const { connection, peer } = await acceptedPair(first)
  let current: TcpConnection<unknown> = connection
  let expected = ''
  for (let stop = 0; stop < 10; stop++) {
    const socket = Socket.fromHandle(current.detach(), { type: 'tcp', family: 'ipv4' })
    peer.socket.write(`to ${stop};`)
    const probe = openProbe()
    current = probe.poller.adopt(socket) as TcpConnection<unknown>
    await probe.until(
      'what was said on the way is there',
      () => probe.bytesOf(current).toString() === `to ${stop};`
    )
    current.send(`from ${stop};`)
    expected += `from ${stop};`
  }
  const last = openProbe()
  current = last.poller.adopt(
    Socket.fromHandle(current.detach(), { type: 'tcp' })
  ) as TcpConnection<unknown>
  await last.until('all answers are there', () => peer.received.toString() === expected)
})

test('S.24 accepted in one thread, served in another: no byte is lost', {
  timeout: 20_000
}, async () => {
  const probe = openProbe()
  const worker = new Worker(new URL('../support/poller-adopt-thread.mjs', import.meta.url))
  onTestFinished(() => void worker.terminate())
  await once(worker, 'message')
  const listener = probe.poller.listenTcp(ANY)
  probe.onEvent = (event) => {
    // What has been received here is lost for the other thread, so a connection is handed over
    // before any of it is: at its accept.
    if (event.type === 'accept') worker.postMessage(event.socket.detach())
  }
  const messages = Array.from({ length: 50 }, (_, number) =>
    patternBytes(1 + number * 997, number + 1)
  )
  const peers = messages.map((message) => {
    const peer = connectPeer(listener.localAddress)
    peer.socket.end(message)
    return peer
  })
  await probe.until('the other thread has echoed all', () => peers.every(({ ended }) => ended))
  peers.forEach((peer, at) => {
    expect(peer.received.equals(messages[at])).toBe(true)
  })
  expect(probe.poller.stats).toMatchObject({ accepted: 50, sockets: 1 })
})

function startThread(role: string, when?: string): Worker {
  const worker = new Worker(new URL('../support/hand-over-thread.mjs', import.meta.url), {
    workerData: { role, when }
  })
  onTestFinished(() => void worker.terminate())
  return worker
}

test.each([
  ['at its accept', 'accept'],
  ['in the middle of a talk', 'talk']
])(
  'S.24 detached in one worker %s, adopted in another: no byte is lost, doubled or swapped',
  async (_, when) => {
    const [door, room] = [startThread('door', when), startThread('room')]
    const [[{ port }]] = await Promise.all([once(door, 'message'), once(room, 'message')])
    door.on('message', (message) => room.postMessage(message))
    const messages = Array.from({ length: 30 }, (_, number) =>
      patternBytes(1 + number * 9973, number + 1)
    )
    const peers = messages.map((message) => {
      const peer = connectPeer({ address: LOCAL, port })
      if (when === 'accept') peer.socket.end(message)
      else {
        peer.socket.write('hello')
        // While the connection is on its way.
        peer.socket.once('data', () => peer.socket.end(message))
      }
      return peer
    })
    const probe = openProbe() // Only gives Node's loop its turns here.
    await probe.until('all is echoed', () => peers.every(({ ended, closed }) => ended || closed))
    peers.forEach(({ received, errorCode }, at) => {
      expect(errorCode).toBeUndefined()
      if (when === 'talk') expect(received.subarray(0, 2).toString()).toBe('ok')
      expect(received.subarray(when === 'talk' ? 2 : 0).equals(messages[at])).toBe(true)
    })
  }
)
