// Listening and accepting.
import { createServer } from 'node:net'
import { Socket, type TcpConnection, type TcpListener } from 'pollport'
import { expect, test } from 'vitest'
import {
  acceptedPair,
  acceptPeer,
  connectPeer,
  freePort,
  hasIpv6,
  LOCAL
} from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { tested } from '../support/tested-system.ts'

test('port 0 listens on a free port, and localAddress says which', () => {
  const { poller } = openProbe()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  expect(listener.localAddress).toMatchObject({ address: LOCAL, family: 'ipv4' })
  expect(listener.localAddress.port).toBeGreaterThan(0)
})

test('a client is an accept event with the listener, the new connection and the userPtr of the listener', async () => {
  const probe = openProbe<string>()
  const { listener, connection, peer } = await acceptedPair(probe, { userPtr: 'door' })
  const [event] = probe.seen('accept')
  expect(event.listener).toBe(listener)
  expect(event.socket).toBe(connection)
  expect(event.userPtr).toBe('door')
  expect(listener.userPtr).toBe('door')
  expect(connection.userPtr).toBeUndefined()
  expect(connection.remoteAddress).toMatchObject({
    address: LOCAL,
    port: peer.socket.localPort,
    family: 'ipv4'
  })
  expect(connection.localAddress).toMatchObject({
    address: LOCAL,
    port: listener.localAddress.port,
    family: 'ipv4'
  })
  expect(connection.bytesReceived).toBe(0)
  expect(connection.bytesSent).toBe(0)
  expect(connection.bufferedBytes).toBe(0)
})

test('where a connection came from stays known after its close, whoever has its place then', async () => {
  const probe = openProbe()
  const { listener, connection, peer } = await acceptedPair(probe)
  const { localPort } = peer.socket
  connection.close()
  await probe.first('close', connection)
  const next = await acceptPeer(probe, listener)
  expect(connection.remoteAddress.port).toBe(localPort)
  expect(next.connection.remoteAddress.port).toBe(next.peer.socket.localPort)
  expect(next.connection.remoteAddress).toBe(next.connection.remoteAddress)
  next.connection.detach()
  expect(next.connection.remoteAddress.port).toBe(next.peer.socket.localPort)
})

test('a connection that did not come from a listener has not inherited the address of one that did', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe)
  const handle = connection.detach()
  const raw = Socket.fromHandle(handle, { type: 'tcp' })
  const { port } = raw.remoteAddress
  const adopted = probe.poller.adopt(raw) as TcpConnection
  expect(adopted.remoteAddress.port).toBe(port)
  adopted.reset()
  expect(adopted.remoteAddress.port).toBe(port)
})

test('a userPtr that is set at the accept comes with every later event of that connection', async () => {
  const probe = openProbe<{ name: string }>()
  const player = { name: 'one' }
  probe.onEvent = (event) => {
    if (event.type === 'accept') event.socket.userPtr = player
  }
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.end('hello')
  await probe.first('end', connection)
  connection.end()
  await probe.first('close', connection)
  for (const type of ['receive', 'end', 'close'] as const)
    expect(probe.seen(type, connection)[0].userPtr).toBe(player)
})

test('what a client sends with its connect comes after its accept', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const peers = Array.from({ length: 20 }, () => connectPeer(listener.localAddress))
  for (const peer of peers) peer.socket.write('first words')
  await probe.until('all words are there', () => probe.seen('receive').length >= 20)
  for (const { socket } of probe.seen('accept')) expect(probe.typesOf(socket)[0]).toBe('accept')
})

test('two hundred clients at once are two hundred accepts, each with an id of its own', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0, backlog: 511 })
  for (let clients = 0; clients < 200; clients++) connectPeer(listener.localAddress)
  await probe.until('all are accepted', () => probe.seen('accept').length >= 200)
  expect(await probe.quiet()).toEqual([])
  expect(new Set(probe.seen('accept').map(({ socket }) => socket.id)).size).toBe(200)
})

test('a connection closed while its accept is handled is closed, and the listener goes on', async () => {
  const probe = openProbe()
  probe.onEvent = (event) => {
    if (event.type === 'accept' && probe.seen('accept').length === 1) event.socket.close()
  }
  const { listener, peer } = await acceptedPair(probe)
  await probe.until('the first client sees its end', () => peer.ended)
  const second = await acceptPeer(probe, listener)
  second.peer.socket.write('still here')
  await probe.until(
    'the second is heard',
    () => probe.bytesOf(second.connection).toString() === 'still here'
  )
})

test('S.16 closing a listener gives its close event, once, and leaves what it accepted alone', async () => {
  const probe = openProbe()
  const { listener, connection, peer } = await acceptedPair(probe)
  const { port } = listener.localAddress
  listener.close()
  listener.close()
  const close = await probe.first('close', listener as TcpListener<unknown>)
  expect(close.error).toBeUndefined()
  peer.socket.write('still connected')
  await probe.until(
    'the connection lives',
    () => probe.bytesOf(connection).toString() === 'still connected'
  )
  expect(probe.typesOf(listener)).toEqual(['close'])
  const late = connectPeer({ address: LOCAL, port })
  await probe.until('a later client is refused', () => late.errorCode === 'ECONNREFUSED')
})

test('S.10 closing a listener ends the clients in its backlog', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const peer = connectPeer(listener.localAddress)
  // Something else for Node's loop, so that the client connects while nobody accepts.
  const server = createServer().listen(0)
  while (!peer.connected) await tested.turn()
  server.close()
  listener.close()
  await probe.until(
    'the client that was never accepted sees its end',
    () => peer.closed || peer.ended
  )
  expect(probe.seen('accept')).toEqual([])
})

test('S.9 a client that resets before it is accepted hurts nobody', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const gone = connectPeer(listener.localAddress)
  while (!gone.connected) await tested.turn()
  gone.socket.resetAndDestroy()
  while (!gone.closed) await tested.turn()
  const { connection, peer } = await acceptPeer(probe, listener)
  peer.socket.write('fine')
  await probe.until(
    'the next client is heard',
    () => probe.bytesOf(connection).toString() === 'fine'
  )
  // A system may forget the client, or accept it and say then that it is gone; it never stays open.
  for (const { socket } of probe.seen('accept').filter(({ socket }) => socket !== connection)) {
    const close = await probe.first('close', socket)
    expect(close.error?.code).toBe('ECONNRESET')
  }
})

test('S.7 an address in use is EADDRINUSE, with the address and the port', async () => {
  const { poller } = openProbe()
  const first = poller.listenTcp({ address: LOCAL, port: 0 })
  const { port } = first.localAddress
  const error = thrownBy(() => poller.listenTcp({ address: LOCAL, port }))
  expect(error).toMatchObject({ name: 'SocketError', code: 'EADDRINUSE', address: LOCAL, port })
  expect(error.message).toContain(String(port))
})

test('S.7 an address in use by another program is EADDRINUSE as well', async () => {
  const { poller } = openProbe()
  const server = createServer().listen(0, LOCAL)
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  try {
    expect(thrownBy(() => poller.listenTcp({ address: LOCAL, port })).code).toBe('EADDRINUSE')
  } finally {
    server.close()
  }
})

test('a port is free again at once after its listener and all its connections closed', async () => {
  const probe = openProbe()
  const { listener, connection, peer } = await acceptedPair(probe)
  const { port } = listener.localAddress
  connection.close() // This side closes first, so that its address stays in TIME_WAIT.
  await probe.until('the client sees the end', () => peer.ended)
  peer.socket.end()
  await probe.first('close', connection)
  listener.close()
  await probe.first('close', listener)
  const again = probe.poller.listenTcp({ address: LOCAL, port })
  await acceptPeer(probe, again)
})

test('a server that starts again gets its port while connections live that it accepted before', async () => {
  const probe = openProbe()
  const { listener, connection } = await acceptedPair(probe)
  const { port } = listener.localAddress
  listener.close()
  await probe.first('close', listener)
  await acceptPeer(probe, probe.poller.listenTcp({ address: LOCAL, port }))
  expect(connection.closed).toBe(false)
})

test("S.7 an address of somebody else's machine is EADDRNOTAVAIL", () => {
  const { poller } = openProbe()
  expect(thrownBy(() => poller.listenTcp({ address: '192.0.2.1', port: 0 }))).toMatchObject({
    name: 'SocketError',
    code: 'EADDRNOTAVAIL'
  })
})

test("reusePort: 'try' listens on every system", async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0, reusePort: 'try' })
  await acceptPeer(probe, listener)
})

test('reusePort: true shares a port between pollers where the system can, and is refused where it cannot', async () => {
  const [one, other] = [openProbe(), openProbe()]
  if (!one.poller.capabilities.reusePort) {
    expect(
      thrownBy(() => one.poller.listenTcp({ address: LOCAL, port: 0, reusePort: true })).code
    ).toMatch(/^(ENOTSUP|ERR_)/)
    return
  }
  const first = one.poller.listenTcp({ address: LOCAL, port: 0, reusePort: true })
  other.poller.listenTcp({ address: LOCAL, port: first.localAddress.port, reusePort: true })
  for (let clients = 0; clients < 64; clients++) connectPeer(first.localAddress)
  await one.until('every client is accepted by one of the two', () => {
    other.step(0)
    return one.seen('accept').length + other.seen('accept').length === 64
  })
  expect(one.seen('accept').length).toBeGreaterThan(0)
  expect(other.seen('accept').length).toBeGreaterThan(0)
})

test.runIf(hasIpv6)('S.19 a listener on :: takes IPv6 and, as mapped addresses, IPv4', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: '::', port: 0, ipv6Only: false })
  const { port, family } = listener.localAddress
  expect(family).toBe('ipv6')
  const peers = [connectPeer({ address: '::1', port }), connectPeer({ address: LOCAL, port })]
  await probe.until('both are accepted', () => probe.seen('accept').length === 2)
  const addresses = probe
    .seen('accept')
    .map(({ socket }) => `${socket.remoteAddress.address} ${socket.remoteAddress.family}`)
  expect(addresses.toSorted()).toEqual(['::1 ipv6', '::ffff:127.0.0.1 ipv6'])
  for (const peer of peers) peer.socket.write('hi')
  await probe.until('both are heard', () => probe.seen('receive').length === 2)
})

test.runIf(hasIpv6)('S.19 ipv6Only refuses IPv4', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: '::', port: 0, ipv6Only: true })
  const { port } = listener.localAddress
  const four = connectPeer({ address: LOCAL, port })
  await probe.until('the IPv4 client is refused', () => four.errorCode === 'ECONNREFUSED')
  await acceptPeer(probe, listener, { to: { address: '::1', port } })
})

test.runIf(hasIpv6)('a listener on ::1 talks IPv6', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: '::1', port: 0 })
  const { connection, peer } = await acceptPeer(probe, listener)
  connection.send('six')
  await probe.until('the client hears it', () => peer.received.toString() === 'six')
  expect(connection.remoteAddress).toMatchObject({
    address: '::1',
    port: peer.socket.localPort,
    family: 'ipv6'
  })
})

test('ids are never used twice, whoever comes and goes', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const connections: TcpConnection<unknown>[] = []
  // The same one each time: nothing but the id tells them apart. An address of the test's own, so
  // that no other program's client takes the port between two rounds.
  const client = { localAddress: '127.0.0.46', localPort: await freePort() }
  for (let round = 0; round < 10; round++) {
    const { connection, peer } = await acceptPeer(probe, listener, client)
    connections.push(connection)
    connection.reset()
    await probe.first('close', connection)
    await probe.until('the client is gone', () => peer.closed)
  }
  expect(new Set(connections.map(({ id }) => id)).size).toBe(10)
})
