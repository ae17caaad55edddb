// Connecting: the connection is usable at once, and how it went is an event.
import type { PollerStats } from 'pollport'
import { expect, test } from 'vitest'
import { freePort, hasIpv6, LOCAL, listenPeer } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'

test('a connect that succeeds is a connect event', async () => {
  const probe = openProbe<string>()
  const { port, peers } = await listenPeer()
  const connection = probe.poller.connectTcp({ address: LOCAL, port }, 'mine')
  const event = await probe.first('connect', connection)
  expect(event.userPtr).toBe('mine')
  expect(connection.userPtr).toBe('mine')
  expect(connection.remoteAddress).toMatchObject({ address: LOCAL, port, family: 'ipv4' })
  await probe.until('node:net accepted it', () => peers.length === 1)
  expect(connection.localAddress.port).toBe(peers[0].socket.remotePort)
})

test('nobody there: no connect event, but one close event with ECONNREFUSED and whom it was about', async () => {
  const probe = openProbe()
  const port = await freePort()
  const connection = probe.poller.connectTcp({ address: LOCAL, port })
  const { error } = await probe.first('close', connection)
  expect(error).toMatchObject({ name: 'SocketError', code: 'ECONNREFUSED', address: LOCAL, port })
  expect(error?.errno).toEqual(expect.any(Number))
  expect(error?.syscall).toMatch(/connect/i)
  await probe.quiet()
  expect(probe.typesOf(connection)).toEqual(['close'])
})

test('what is sent before the connect event waits for it, and keeps its order', async () => {
  const probe = openProbe()
  const { port, peers } = await listenPeer()
  const connection = probe.poller.connectTcp({ address: LOCAL, port })
  expect(connection.send('one ')).toBe(true)
  expect(connection.send('two ')).toBe(true)
  expect(connection.bufferedBytes).toBe(8)
  await probe.first('connect', connection)
  connection.send('three')
  await probe.until('all of it is there', () => peers[0]?.received.toString() === 'one two three')
  expect(connection.bytesSent).toBe(13)
})

test('end() before the connect event sends what is queued, then finishes', async () => {
  const probe = openProbe()
  const { port, peers } = await listenPeer()
  const connection = probe.poller.connectTcp({ address: LOCAL, port })
  connection.send('only words')
  connection.end()
  await probe.until(
    'the words and the end are there',
    () => peers[0]?.received.toString() === 'only words' && peers[0].ended
  )
  peers[0].socket.end()
  expect((await probe.first('close', connection)).error).toBeUndefined()
  expect(probe.typesOf(connection)).toEqual(['connect', 'end', 'close'])
})

test.each(['close', 'reset'] as const)(
  'S.13 %s() while connecting gives one close event with ECANCELED',
  async (how) => {
    const probe = openProbe()
    const { port, peers } = await listenPeer()
    const connection = probe.poller.connectTcp({ address: LOCAL, port })
    connection[how]()
    const { error } = await probe.first('close', connection)
    expect(error).toMatchObject({ name: 'SocketError', code: 'ECANCELED' })
    await probe.quiet()
    expect(probe.typesOf(connection)).toEqual(['close'])
    await probe.until('the other side, if it noticed anything, sees the end', () =>
      peers.every((peer) => peer.ended || peer.closed)
    )
  }
)

test('S.13 a timeoutMs that is long enough changes nothing', async () => {
  const probe = openProbe()
  const { port } = await listenPeer()
  const connection = probe.poller.connectTcp({ address: LOCAL, port, timeoutMs: 1_000 })
  await probe.first('connect', connection)
  await probe.quiet(1_200)
  expect(probe.typesOf(connection)).toEqual(['connect'])
})

test('a localAddress is the one that the other side sees', async () => {
  const probe = openProbe()
  const { port, peers } = await listenPeer()
  const connection = probe.poller.connectTcp({ address: LOCAL, port, localAddress: '127.0.0.2' })
  await probe.first('connect', connection)
  await probe.until('node:net accepted it', () => peers.length === 1)
  expect(peers[0].socket.remoteAddress).toBe('127.0.0.2')
  expect(connection.localAddress.address).toBe('127.0.0.2')
})

test("a localAddress of somebody else's machine throws EADDRNOTAVAIL, and leaves no socket behind", () => {
  const { poller } = openProbe()
  const error = thrownBy(() =>
    poller.connectTcp({ address: LOCAL, port: 9, localAddress: '192.0.2.1' })
  )
  expect(error).toMatchObject({ name: 'SocketError', code: 'EADDRNOTAVAIL' })
  expect((poller.stats as PollerStats).sockets).toBe(0)
  expect(poller.wait(20)).toEqual([])
})

test.runIf(hasIpv6)('IPv6 connects as IPv4 does', async () => {
  const probe = openProbe()
  const { port, peers } = await listenPeer({ address: '::1' })
  const connection = probe.poller.connectTcp({ address: '::1', port })
  connection.send('six')
  await probe.first('connect', connection)
  expect(connection.remoteAddress).toMatchObject({ address: '::1', port, family: 'ipv6' })
  await probe.until('the bytes are there', () => peers[0]?.received.toString() === 'six')
})

test('a hundred connects at once all arrive, those that fail among them', async () => {
  const probe = openProbe<number>()
  const { port, peers } = await listenPeer()
  const nobody = await freePort()
  const connections = Array.from({ length: 100 }, (_, at) =>
    probe.poller.connectTcp({ address: LOCAL, port: at % 4 === 3 ? nobody : port }, at)
  )
  await probe.until(
    '75 connect and 25 close',
    () => probe.seen('connect').length === 75 && probe.seen('close').length === 25
  )
  for (const connection of connections) {
    expect(probe.typesOf(connection)).toEqual([
      (connection.userPtr as number) % 4 === 3 ? 'close' : 'connect'
    ])
  }
  await probe.until('node:net has them too', () => peers.length === 75)
})
