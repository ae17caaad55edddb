// The option `lingerMs`: 0 makes close() a reset, a time bounds it, and neither ever holds up
// anybody else.
import { Worker } from 'node:worker_threads'
import { Socket, type TcpConnection } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { acceptedPair, acceptPeer, LOCAL } from '../support/net-peer.ts'
import { openProbe, type Probe } from '../support/poller-probe.ts'
import { closing, endOf } from '../support/raw-pair.ts'

const ANY = { address: LOCAL, port: 0 }
/** As long as a test may take: what waits for it fails. */
const LONG_MS = 30_000

test.each([
  ['with nothing to send', (connection: TcpConnection) => connection.close()],
  [
    'with bytes that wait() would send',
    (connection: TcpConnection) => {
      connection.send('never sent')
      connection.close()
    }
  ],
  [
    'with a queue',
    (connection: TcpConnection) => {
      connection.send(Buffer.alloc(30_000_000))
      connection.close()
    }
  ]
])('S.4 linger 0 makes close() a reset, %s', async (_how, close) => {
  const probe = openProbe()
  const { connection, peer } = await rawPair(probe)
  connection.setOption('lingerMs', 0)
  close(connection)
  expect(connection.closed).toBe(true)
  expect((await probe.first('close', connection)).error).toBeUndefined()
  expect(endOf(peer)).toBe('ECONNRESET')
})

test('S.4 linger 0 of a listener is that of its connections', async () => {
  const probe = openProbe()
  const socket = new Socket({ type: 'tcp' })
  socket.bind(ANY)
  socket.setOption('lingerMs', 0)
  socket.listen()
  const listener = probe.poller.adopt(socket)
  const { connection, peer } = await acceptPeer(probe, listener as never)
  expect(connection.getOption('lingerMs')).toBe(0)
  connection.close()
  await probe.until('the peer sees a reset', () => peer.errorCode === 'ECONNRESET')
})

test('S.4 closing the poller is a close() of each: with linger 0 a reset', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.setOption('lingerMs', 0)
  probe.poller.close()
  await until(() => peer.closed)
  expect(peer.errorCode).toBe('ECONNRESET')
})

test.each(['before', 'after'])(
  'with linger 0 an end() %s the peer has finished is an end all the same',
  async (when) => {
    const probe = openProbe()
    const { connection, peer } = await acceptedPair(probe)
    connection.setOption('lingerMs', 0)
    connection.send('last words')
    if (when === 'before') {
      connection.end()
      await probe.until('the peer sees the end', () => peer.ended)
      peer.socket.end()
    } else {
      peer.socket.end()
      await probe.first('end', connection)
      connection.end()
    }
    expect((await probe.first('close', connection)).error).toBeUndefined()
    await probe.until('the peer has closed', () => peer.closed)
    expect([peer.received.toString(), peer.ended, peer.errorCode]).toEqual([
      'last words',
      true,
      undefined
    ])
  }
)

test('a close() that lingers holds up nobody, and what the system has taken arrives', async () => {
  const probe = openProbe()
  const { connection, peer, listener } = await acceptedPair(probe, { paused: true })
  const other = await acceptPeer(probe, listener)
  connection.setOption('lingerMs', LONG_MS)
  connection.send(Buffer.alloc(60_000, 'x'))
  const started = performance.now()
  connection.close()
  expect((await probe.first('close', connection)).error).toBeUndefined()
  other.peer.socket.write('served meanwhile')
  await probe.first('receive', other.connection)
  expect(performance.now() - started).toBeLessThan(LONG_MS / 3)
  peer.readOn()
  await probe.until('the peer has all and the end', () => peer.ended)
  expect([peer.receivedBytes, peer.errorCode]).toEqual([60_000, undefined])
})

test('a close() gives its queue as long as linger says: then the peer sees a reset, and the close has ETIMEDOUT', async () => {
  const probe = openProbe()
  const { connection, peer } = await rawPair(probe)
  connection.setOption('lingerMs', 1000)
  connection.send(Buffer.alloc(30_000_000))
  const started = performance.now()
  connection.close()
  const { error } = await probe.first('close', connection)
  expect(performance.now() - started).toBeGreaterThanOrEqual(1000)
  expect(error).toMatchObject({ code: 'ETIMEDOUT', syscall: 'close' })
  expect(endOf(peer)).toBe('ECONNRESET')
})

test('a queue that goes out in time is a close without an error', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe, { paused: true, keep: false })
  connection.setOption('lingerMs', LONG_MS)
  connection.send(Buffer.alloc(10_000_000))
  connection.close()
  peer.readOn()
  expect((await probe.first('close', connection)).error).toBeUndefined()
  await probe.until('the peer has all and the end', () => peer.ended)
  expect([peer.receivedBytes, peer.errorCode]).toEqual([10_000_000, undefined])
})

test('closing a poller of connections that linger takes no time', async () => {
  const probe = openProbe()
  const { connection, listener } = await acceptedPair(probe, { paused: true })
  const others = [
    await acceptPeer(probe, listener, { paused: true }),
    await acceptPeer(probe, listener, { paused: true })
  ]
  for (const each of [connection, ...others.map((other) => other.connection)]) {
    each.setOption('lingerMs', LONG_MS)
    each.send(Buffer.alloc(30_000_000))
  }
  const started = performance.now()
  probe.poller.close()
  expect(performance.now() - started).toBeLessThan(LONG_MS / 3)
})

test('ending a worker whose connections linger takes no time', async () => {
  const worker = new Worker(new URL('../support/lingering-thread.mjs', import.meta.url), {
    workerData: { ms: LONG_MS }
  })
  onTestFinished(() => void worker.terminate())
  await new Promise((resolve) => worker.once('message', resolve))
  const started = performance.now()
  await worker.terminate()
  expect(performance.now() - started).toBeLessThan(LONG_MS / 3)
})

/**
 * With a peer of the raw floor: Node's net takes data and a reset that it sees at once for data and
 * an end.
 */
async function rawPair(probe: Probe) {
  const listener = probe.poller.listenTcp(ANY)
  const peer = closing(new Socket({ type: 'tcp' }))
  peer.connect(listener.localAddress)
  return { connection: (await probe.first('accept')).socket, peer }
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise(setImmediate)
}
