// Connections that break instead of finishing.
import type { TcpConnection } from 'pollport'
import { expect, test } from 'vitest'
import { acceptedPair, connectPeer, LOCAL, listenPeer } from '../support/net-peer.ts'
import { openProbe, ownPair, thrownBy } from '../support/poller-probe.ts'
import { isWine } from '../support/system.ts'
import { tested } from '../support/tested-system.ts'

test('a reset by the peer is one close event with ECONNRESET', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const port = peer.socket.localPort
  peer.socket.resetAndDestroy()
  const { error } = await probe.first('close', connection)
  expect(error).toMatchObject({ name: 'SocketError', code: 'ECONNRESET' })
  expect(error?.syscall).toEqual(expect.any(String))
  expect(error?.errno).toEqual(expect.any(Number))
  if (error?.port !== undefined) expect(error).toMatchObject({ address: LOCAL, port })
  await probe.quiet()
  expect(probe.typesOf(connection)).toEqual(['accept', 'close'])
})

test('S.4 reset() makes the peer see ECONNRESET and drops what was queued', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.send('never sent')
  connection.reset()
  expect((await probe.first('close', connection)).error).toBeUndefined()
  await probe.until('the peer sees it', () => peer.closed)
  expect(peer.errorCode).toBe('ECONNRESET')
  expect(peer.receivedBytes).toBe(0)
})

test('reset() drops a queue that the peer does not read', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe, { paused: true })
  connection.send(Buffer.alloc(30_000_000))
  await probe.quiet()
  expect(connection.bufferedBytes).toBeGreaterThan(0)
  connection.reset()
  await probe.first('close', connection)
  expect(connection.bufferedBytes).toBe(0)
  await probe.quiet()
  expect(probe.typesOf(connection)).toEqual(['accept', 'close'])
})

test('reset() after close() ends the wait for a peer that does not read', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe, { paused: true })
  connection.send(Buffer.alloc(30_000_000))
  connection.close()
  await probe.quiet()
  expect(probe.seen('close', connection)).toEqual([])
  connection.reset()
  await probe.first('close', connection)
  await probe.quiet()
  expect(probe.seen('close', connection)).toHaveLength(1)
})

test('S.5 data, then a reset: the close says ECONNRESET, and what was received before is right', async () => {
  // Linux gives the data first; Windows may drop it, as its documentation of a hard close says.
  // Both are promised to be nothing else.
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.write('last words')
  while (peer.socket.bytesWritten < 10 || peer.socket.writableLength > 0) await tested.turn()
  peer.socket.resetAndDestroy()
  expect((await probe.first('close', connection)).error?.code).toBe('ECONNRESET')
  expect(['', 'last words']).toContain(probe.bytesOf(connection).toString())
  if (probe.poller.backend === 'epoll')
    expect(probe.storyOf(connection)).toEqual(['accept', 'receive', 'close'])
})

test('S.6 sending to a peer that is gone: at first nothing, then one close with EPIPE or ECONNRESET', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.destroy()
  await probe.first('end', connection)
  connection.send('into the void')
  await probe.until('the loss is noticed', () => {
    if (probe.seen('close', connection).length === 0) connection.send('again')
    return probe.seen('close', connection).length > 0
  })
  expect(probe.seen('close', connection)[0].error?.code).toMatch(/^(EPIPE|ECONNRESET)$/)
  await probe.quiet()
  expect(probe.seen('close', connection)).toHaveLength(1)
  expect(thrownBy(() => connection.send('still?'))).toMatchObject({
    name: 'SocketError',
    code: 'EBADF'
  })
})

test.each([
  ['as it is', () => {}],
  ['that is paused', (connection: TcpConnection) => connection.pause()],
  ['that is ending', (connection: TcpConnection) => connection.end()],
  ['that is closing', (connection: TcpConnection) => connection.close()]
])(
  'a connection %s that a reset breaks with a queue drops it, and says ECONNRESET',
  async (_how, act) => {
    const probe = openProbe()
    const { connection, peer } = await acceptedPair(probe, { paused: true })
    connection.send(Buffer.alloc(30_000_000))
    await probe.quiet()
    act(connection)
    peer.socket.resetAndDestroy()
    expect((await probe.first('close', connection)).error?.code).toBe('ECONNRESET')
    expect(connection.bufferedBytes).toBe(0)
  }
)

// Wine's shutdown() succeeds on a socket that was reset; Windows' answers WSAECONNRESET (Microsoft
// Learn, "shutdown function").
test.skipIf(isWine)(
  'a paused connection whose end() finds that the peer has reset it says ECONNRESET',
  async () => {
    const probe = openProbe()
    const { connection, peer } = await acceptedPair(probe)
    connection.pause()
    peer.socket.resetAndDestroy()
    await probe.until('the peer is gone', () => peer.closed)
    connection.end()
    expect((await probe.first('close', connection)).error).toMatchObject({
      code: 'ECONNRESET',
      syscall: 'shutdown'
    })
  }
)

test('a send to a connection whose close is in the current batch says false', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  let answer: boolean | undefined
  probe.onEvent = (event) => {
    if (event.type === 'close') answer = connection.send('too late')
  }
  peer.socket.resetAndDestroy()
  await probe.first('close', connection)
  expect(answer).toBe(false)
})

test('of a broken connection the addresses are still known', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const port = peer.socket.localPort
  peer.socket.resetAndDestroy()
  await probe.first('close', connection)
  expect(connection.remoteAddress).toMatchObject({ address: LOCAL, port })
})

test('both sides reset at once: one close each', async () => {
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  near.reset()
  far.reset()
  await probe.until('both are closed', () => probe.seen('close').length === 2)
  expect(await probe.quiet()).toEqual([])
})

test('a server that drops its clients at once is a connect and then its loss, never a loss alone', async () => {
  const probe = openProbe()
  const { port } = await listenPeer({ onPeer: (peer) => peer.socket.resetAndDestroy() })
  const connections = Array.from({ length: 20 }, () =>
    probe.poller.connectTcp({ address: LOCAL, port })
  )
  await probe.until('all are lost', () => probe.seen('close').length === 20)
  for (const connection of connections) {
    // The reset may be there before the poller looks: then the connect itself has failed, with the
    // same error.
    expect([['connect', 'close'], ['close']]).toContainEqual(probe.typesOf(connection))
    expect(probe.seen('close', connection)[0].error?.code).toMatch(
      /^(ECONNRESET|EPIPE|ECONNREFUSED)$/
    )
  }
})

test('two hundred clients that reset at once are two hundred closes', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const peers = Array.from({ length: 200 }, () => connectPeer(listener.localAddress))
  await probe.until(
    'all are accepted',
    () => probe.seen('accept').length === 200 && peers.every((peer) => peer.connected)
  )
  for (const peer of peers) peer.socket.resetAndDestroy()
  await probe.until('all are closed', () => probe.seen('close').length >= 200)
  await probe.quiet()
  expect(new Set(probe.seen('close').map(({ socket }) => socket)).size).toBe(200)
  expect(probe.seen('close')).toHaveLength(200)
})
