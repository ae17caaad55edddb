// A socket that Node has bound (net.BoundSocket, Node 24.21 and 26 on) becomes a listener's or a
// connection's. Where there is none, or where it has no descriptor, a poller says so.
import { once } from 'node:events'
import * as net from 'node:net'
import { Worker } from 'node:worker_threads'
import { type BoundSocket, backends, Socket } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { acceptPeer, hasIpv6, LOCAL, listenPeer } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { closing } from '../support/raw-pair.ts'

interface BoundOptions {
  host?: string
  port?: number
  path?: string
}

type AtPort = Omit<BoundSocket, 'address'> & { address(): { port: number } }

const { BoundSocket: Bound } = net as unknown as {
  BoundSocket?: new (options?: BoundOptions) => AtPort
}
const isTaken = Bound !== undefined && backends.includes('epoll')

function bind(options: BoundOptions = { host: LOCAL }) {
  if (Bound === undefined) throw new Error('this Node has no net.BoundSocket')
  const bound = new Bound(options)
  onTestFinished(() => {
    try {
      bound.close()
    } catch {} // Somebody has it.
  })
  return bound
}

/** Whether it is closed, or somebody has it: Node has one error for both. */
function isGone(bound: BoundSocket): boolean {
  try {
    return bound.fd() < 0 && backends.includes('epoll')
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_SOCKET_HANDLE_ADOPTED' })
    return true
  }
}

test('what is no object is refused everywhere', () => {
  const { poller } = openProbe()
  for (const bound of [null, 7, 'bound', () => {}] as never[]) {
    const listened = thrownBy(() => poller.listenTcp({ bound }))
    expect(listened).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
    const connected = thrownBy(() => poller.connectTcp({ address: LOCAL, port: 1, bound }))
    expect(connected).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  }
})

test('options that say how to bind are refused beside it', () => {
  const { poller } = openProbe()
  const bound = {} as BoundSocket
  const ways = { address: LOCAL, port: 0, family: 'ipv4', reusePort: true, ipv6Only: false }
  for (const [name, value] of Object.entries(ways)) {
    const error = thrownBy(() => poller.listenTcp({ bound, [name]: value }))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
    expect((error as Error).message).toContain(name)
  }
  for (const local of [{ localAddress: LOCAL }, { localPort: 0 }]) {
    const error = thrownBy(() => poller.connectTcp({ address: LOCAL, port: 1, bound, ...local }))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
  }
})

test.skipIf(isTaken)('ENOTSUP where no bound socket can be taken', () => {
  const { poller } = openProbe()
  const bound = Bound === undefined ? ({} as BoundSocket) : bind()
  const listened = thrownBy(() => poller.listenTcp({ bound }))
  expect(listened).toMatchObject({ name: 'SocketError', code: 'ENOTSUP', syscall: 'listen' })
  const connected = thrownBy(() => poller.connectTcp({ address: LOCAL, port: 1, bound }))
  expect(connected).toMatchObject({ name: 'SocketError', code: 'ENOTSUP', syscall: 'connect' })
  if (Bound !== undefined) expect(isGone(bound)).toBe(false)
})

test.runIf(isTaken)('a bound socket listens, at its own port', async () => {
  const probe = openProbe()
  const bound = bind()
  const { port } = bound.address()
  const listener = probe.poller.listenTcp({ bound, backlog: 16, keepAlive: true })
  expect(listener.localAddress).toMatchObject({ address: LOCAL, port })
  expect(isGone(bound)).toBe(true)
  const { connection, peer } = await acceptPeer(probe, listener)
  peer.socket.write('ping')
  await probe.first('receive')
  connection.send('pong')
  await probe.until('an answer', () => peer.received.toString() === 'pong')
  listener.close()
  connection.reset()
  await probe.until('a reset', () => peer.closed)
  // No descriptor of it is left: a socket that shares its address with nobody can have it.
  const again = closing(new Socket({ type: 'tcp' }))
  again.bind({ address: LOCAL, port })
  again.listen()
})

test.runIf(isTaken)('a bound socket connects from its own port', async () => {
  const probe = openProbe()
  const { port: to, peers } = await listenPeer()
  const bound = bind()
  const { port } = bound.address()
  const connection = probe.poller.connectTcp({ address: LOCAL, port: to, bound })
  expect(isGone(bound)).toBe(true)
  await probe.first('connect')
  await probe.until('a client', () => peers.length === 1)
  expect(connection.localAddress).toMatchObject({ address: LOCAL, port })
  expect(peers[0].socket.remotePort).toBe(port)
})

test.runIf(isTaken)('a bound socket that is closed or in use is EBADF', async () => {
  const { poller } = openProbe()
  const closed = bind()
  closed.close()
  const used = bind()
  const server = net.createServer().listen(used)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  for (const bound of [closed, used]) {
    const listened = thrownBy(() => poller.listenTcp({ bound }))
    expect(listened).toMatchObject({ name: 'SocketError', code: 'EBADF', syscall: 'listen' })
    const connected = thrownBy(() => poller.connectTcp({ address: LOCAL, port: 1, bound }))
    expect(connected).toMatchObject({ name: 'SocketError', code: 'EBADF', syscall: 'connect' })
  }
})

test.runIf(isTaken)('what is no bound TCP socket is refused, and stays as it is', () => {
  const { poller } = openProbe()
  const like = { fd: () => 0, address: () => ({}), close: () => expect.fail('it was closed') }
  const notOne = thrownBy(() => poller.listenTcp({ bound: like }))
  expect(notOne).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' })
  const listening = bind()
  const raw = Socket.fromHandle(listening.fd())
  raw.listen()
  raw.detach()
  const local = bind({ path: `\0pollport-${process.pid}` })
  for (const bound of [listening, local]) {
    const error = thrownBy(() => poller.listenTcp({ bound }))
    expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
    expect(isGone(bound)).toBe(false)
  }
})

test.runIf(isTaken)('a bound socket that cannot be used is still the program’s', () => {
  const { poller } = openProbe()
  const first = bind()
  const taken = bind({ host: LOCAL, port: first.address().port })
  poller.listenTcp({ bound: first })
  const error = thrownBy(() => poller.listenTcp({ bound: taken }))
  expect(error).toMatchObject({ name: 'SocketError', code: 'EADDRINUSE', syscall: 'listen' })
  expect(isGone(taken)).toBe(false)
  const wrong = thrownBy(() => poller.listenTcp({ bound: taken, noDelay: 'yes' as never }))
  expect(wrong).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  expect(isGone(taken)).toBe(false)
})

test.runIf(isTaken && hasIpv6)('a peer of another family is EAFNOSUPPORT', () => {
  const { poller } = openProbe()
  const bound = bind()
  const error = thrownBy(() => poller.connectTcp({ address: '::1', port: 1, bound }))
  expect(error).toMatchObject({ name: 'SocketError', code: 'EAFNOSUPPORT', syscall: 'connect' })
  expect(isGone(bound)).toBe(false)
  const local = { localAddress: LOCAL }
  const unbound = thrownBy(() => poller.connectTcp({ address: '::1', port: 1, ...local }))
  expect(unbound).toMatchObject({ name: 'SocketError', code: 'EAFNOSUPPORT', syscall: 'bind' })
})

// Node 24 refuses to move one to another thread.
const isMoved = isTaken && Number(process.versions.node.split('.')[0]) >= 26

test.runIf(isMoved)('a thread listens on what another thread has bound', async () => {
  const bound = bind()
  const { port } = bound.address()
  const worker = new Worker(new URL('../support/bound-thread.mjs', import.meta.url))
  onTestFinished(() => void worker.terminate())
  worker.postMessage(bound, [bound as never])
  expect(await once(worker, 'message')).toEqual([{ port }])
  const client = net.connect(port, LOCAL)
  onTestFinished(() => void client.destroy())
  client.end('to the thread')
  expect(await once(worker, 'message')).toEqual([{ received: 'to the thread' }])
})
