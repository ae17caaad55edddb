// A system that fails where it hardly ever does. The addon's answers are replaced for a moment, the
// same on every system; the fault lab makes the calls themselves fail
// (test/faults/failing-calls.test.ts).
import { constants } from 'node:os'
import { expect, onTestFinished, test } from 'vitest'
import { loaded } from '../../lib/binding/load.ts'
import { acceptedPair, connectPeer, LOCAL, listenPeer } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { isWindows } from '../support/system.ts'
import { ask, serve, until } from '../websocket/serving.ts'

const native = loaded as unknown as Record<string, (...given: unknown[]) => number>
// Numbers that both systems' tables know: ENOBUFS, and WSAENOBUFS.
const NO_BUFFERS = isWindows ? 10055 : constants.errno.ENOBUFS

/** Lets a function of the addon answer with an error for the next `times` calls that `isMeant`. */
function failNext(
  name: string,
  times = 1,
  isMeant: (given: unknown[]) => boolean = () => true
): { left: number } {
  const real = native[name]
  const failures = { left: times }
  native[name] = (...given) => {
    if (failures.left === 0 || !isMeant(given)) return real(...given)
    failures.left--
    return -NO_BUFFERS
  }
  onTestFinished(() => {
    native[name] = real
  })
  return failures
}

test('a send that fails is a reset to the peer, who must not take a part for the whole', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.send('the first part')
  await probe.until('the peer has it', () => peer.receivedBytes > 0)
  failNext('exchangeSend')
  connection.send(Buffer.alloc(100_000))
  const { error } = await probe.first('close', connection)
  expect(error).toMatchObject({ code: 'ENOBUFS', syscall: 'send' })
  await probe.until('the peer sees it', () => peer.closed)
  expect(peer.ended).toBe(false)
  expect(peer.errorCode).toBe('ECONNRESET')
})

test('an end() that the system refuses closes the connection, instead of letting both wait for ever', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  failNext('socketShutdown')
  connection.end()
  const { error } = await probe.first('close', connection)
  expect(error).toMatchObject({ code: 'ENOBUFS', syscall: 'shutdown' })
  await probe.until('the peer sees it', () => peer.closed)
})

test('a resume() that fails can be called again', async () => {
  const probe = openProbe()
  const { connection, listener, peer } = await acceptedPair(probe)
  for (const socket of [connection, listener]) {
    socket.pause()
    failNext('exchangeReceive')
    expect(thrownBy(() => socket.resume())).toMatchObject({ code: 'ENOBUFS' })
    socket.resume()
  }
  peer.socket.write('heard')
  await probe.until('it receives', () => connection.bytesReceived === 5)
  const late = connectPeer(listener.localAddress)
  await probe.until(
    'and the listener accepts',
    () => late.connected && probe.seen('accept').length === 2
  )
})

test('a listener for whose connections there is no memory tells it once, rests, and rests again if resting cannot end', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const refused = [1, 2, 3].map(() => connectPeer(listener.localAddress))
  for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
  const watches = failNext('exchangeWatch', 3)
  const { error } = await probe.first('error', listener)
  expect(error).toMatchObject({
    code: 'ENOBUFS',
    syscall: isWindows ? 'CreateIoCompletionPort' : 'epoll_ctl'
  })
  watches.left = 0
  const resumes = failNext('exchangeReceive', 1, ([, , on]) => on === true)
  await probe.until('it could not go on', () => resumes.left === 0)
  await probe.until('which is reported too', () => probe.seen('error', listener).length === 2)
  const late = connectPeer(listener.localAddress)
  await probe.until('and then it accepts again', () => {
    const served = probe
      .seen('accept')
      .some(({ socket }) => socket.remoteAddress.port === late.localPort)
    return late.connected && served
  })
  for (const peer of refused) peer.socket.destroy()
})

test('a wait that fails says which call failed, and the next one gives what there is', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  failNext('exchangeRun')
  peer.socket.write('heard')
  const error = thrownBy(() => probe.poller.wait(0))
  expect(error).toMatchObject({
    code: 'ENOBUFS',
    syscall: isWindows ? 'GetQueuedCompletionStatusEx' : 'epoll_wait'
  })
  await probe.until('it goes on', () => connection.bytesReceived === 5)
})

test('a connect that fails after something was sent is never an end to whoever accepted it', async () => {
  const { address, port, peers } = await listenPeer()
  const probe = openProbe()
  const connection = probe.poller.connectTcp({ address, port, timeoutMs: 1 })
  connection.send('queued, and never sent')
  // The connection is there and nobody has looked: its time is over first.
  for (let turns = 0; turns < 50 && peers.length === 0; turns++) await new Promise(setImmediate)
  expect(peers).toHaveLength(1)
  const real = native.exchangeRun
  native.exchangeRun = () => 0
  const closed = await probe.first('close', connection)
  native.exchangeRun = real
  expect(closed.error).toMatchObject({ code: 'ETIMEDOUT' })
  await probe.until('the other side sees it', () => peers[0].closed)
  expect(peers[0].ended).toBe(false)
})

test('a broadcast does not count a connection that its own send finds broken', async () => {
  const probe = openProbe()
  const pairs = [await acceptedPair(probe), await acceptedPair(probe), await acceptedPair(probe)]
  const connections = pairs.map(({ connection }) => connection)
  failNext('exchangeSend')
  expect(probe.poller.broadcast(connections, Buffer.alloc(2 ** 20))).toBe(2)
  await probe.first('close', connections[0])
})

test('a publish does not count a WebSocket that its own send finds broken', async () => {
  const { server, port, sockets, words } = serve()
  for (let count = 0; count < 3; count++) await ask(port)
  for (const socket of sockets) socket.subscribe('news')
  failNext('exchangeSend')
  expect(server.publish('news', Buffer.alloc(2 ** 20))).toBe(2)
  await until('it is closed', () => words.includes('close 1006'))
  expect(server.subscriberCount('news')).toBe(2)
})
