// UDP: each datagram is one event, whole, or it is lost; and the socket says who sent it.
import type { UdpSocket } from 'pollport'
import { expect, test } from 'vitest'
import { bindPeer, freeUdpPort } from '../support/dgram-peer.ts'
import { hasIpv6, LOCAL } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { patternBytes } from '../support/poller-random.ts'
import { isWindows, isWine } from '../support/system.ts'

const ANY = { address: LOCAL, port: 0 }

test('port 0 binds a free port, and localAddress says which', () => {
  const { poller } = openProbe()
  const socket = poller.bindUdp(ANY)
  expect(socket.localAddress).toMatchObject({ address: LOCAL, family: 'ipv4' })
  expect(socket.localAddress.port).toBeGreaterThan(0)
})

test('a datagram is an event with its bytes, its sender and the userPtr', async () => {
  const probe = openProbe<string>()
  const socket = probe.poller.bindUdp(ANY, 'mine')
  const peer = await bindPeer()
  peer.send('hello', socket.localAddress)
  const event = await probe.first('datagram')
  expect(event).toMatchObject({ socket, userPtr: 'mine', truncated: false })
  expect(event.data.toString()).toBe('hello')
  expect(Buffer.isBuffer(event.data)).toBe(true)
  expect(event.address).toMatchObject({ address: LOCAL, port: peer.port, family: 'ipv4' })
})

test('the address of an event serves for the answer', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp(ANY)
  probe.onEvent = (event) => {
    if (event.type === 'datagram') event.socket.send(event.data, event.address)
  }
  const peers = [await bindPeer(), await bindPeer()]
  peers.forEach((peer, at) => void peer.send(`question ${at}`, socket.localAddress))
  await probe.until('both are answered', () => peers.every(({ received }) => received.length === 1))
  peers.forEach(({ received }, at) => {
    expect(received[0].data.toString()).toBe(`question ${at}`)
    expect(received[0].port).toBe(socket.localAddress.port)
  })
})

test('a plain { address, port } and a string will do as well', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp(ANY)
  const peer = await bindPeer()
  expect(socket.send('żółw', { address: LOCAL, port: peer.port })).toBe(true)
  await probe.until('it is there', () => peer.received.length === 1)
  expect(peer.received[0].data.toString('utf8')).toBe('żółw')
})

test('S.17 datagrams of zero bytes are datagrams, both ways', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp(ANY)
  const peer = await bindPeer()
  peer.send('', socket.localAddress)
  const event = await probe.first('datagram')
  expect(event.data).toHaveLength(0)
  expect(event.truncated).toBe(false)
  expect(event.address.port).toBe(peer.port)
  expect(socket.send('', event.address)).toBe(true)
  expect(socket.send(new Uint8Array(0), event.address)).toBe(true)
  await probe.until('both are there', () => peer.received.length === 2)
  expect(peer.received.map(({ data }) => data.length)).toEqual([0, 0])
})

test('S.17 65,507 bytes go through whole, both ways', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp({
    ...ANY,
    receiveBufferSize: 1024 * 1024,
    sendBufferSize: 1024 * 1024
  })
  const peer = await bindPeer()
  peer.socket.setSendBufferSize(1024 * 1024)
  const bytes = patternBytes(65_507)
  peer.send(bytes, socket.localAddress)
  const event = await probe.first('datagram')
  expect(event.truncated).toBe(false)
  expect(event.data.equals(bytes)).toBe(true)
  expect(socket.send(bytes, event.address)).toBe(true)
  await probe.until('it is there', () => peer.received.length === 1)
  expect(peer.received[0].data.equals(bytes)).toBe(true)
})

test('S.17 65,508 bytes are EMSGSIZE at once, and the socket works on', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp(ANY)
  const peer = await bindPeer()
  const to = { address: LOCAL, port: peer.port }
  for (const length of [65_508, 65_535, 65_536, 1_000_000]) {
    expect(thrownBy(() => socket.send(Buffer.alloc(length), to))).toMatchObject({
      name: 'SocketError',
      code: 'EMSGSIZE'
    })
  }
  socket.send('after', to)
  await probe.until('the next is there', () => peer.received.length === 1)
  expect(peer.received[0].data.toString()).toBe('after')
  expect(await probe.quiet(20)).toEqual([])
})

test('S.17 what is longer than maxDatagramBytes is cut off and says so; the next is whole', async () => {
  const probe = openProbe({ maxDatagramBytes: 16 })
  const socket = probe.poller.bindUdp(ANY)
  const peer = await bindPeer()
  const bytes = patternBytes(100)
  for (const length of [100, 16, 17, 5, 0])
    peer.send(bytes.subarray(0, length), socket.localAddress)
  await probe.until('all five are there', () => probe.seen('datagram').length === 5)
  const seen = probe.seen('datagram')
  expect(seen.map(({ data }) => data.length)).toEqual([16, 16, 16, 5, 0])
  expect(seen.map(({ truncated }) => truncated)).toEqual([true, false, true, false, false])
  for (const { data } of seen) expect(data.equals(bytes.subarray(0, data.length))).toBe(true)
})

test('a thousand datagrams in one turn keep their bounds, and on loopback their order', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp({ ...ANY, receiveBufferSize: 4 * 1024 * 1024 })
  const sender = probe.poller.bindUdp(ANY)
  const texts = Array.from({ length: 1000 }, (_, number) =>
    `datagram ${number} `.repeat(1 + (number % 5))
  )
  for (const [at, text] of texts.entries()) {
    expect(sender.send(text, socket.localAddress)).toBe(true)
    if (at % 100 === 99) probe.step(0) // A system's default receive buffer holds a few hundred.
  }
  await probe.until('all are there', () => probe.seen('datagram').length === 1000)
  expect(probe.seen('datagram').map(({ data }) => data.toString())).toEqual(texts)
  expect(new Set(probe.seen('datagram').map(({ address }) => address.port))).toEqual(
    new Set([sender.localAddress.port])
  )
})

test('one turn may send to many addresses', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp(ANY)
  const peers = await Promise.all(Array.from({ length: 20 }, () => bindPeer()))
  for (let round = 0; round < 5; round++) {
    for (const [at, { port }] of peers.entries())
      socket.send(`for ${at}, round ${round}`, { address: LOCAL, port })
  }
  await probe.until('everybody has five', () =>
    peers.every(({ received }) => received.length === 5)
  )
  peers.forEach(({ received }, at) => {
    expect(received.map(({ data }) => data.toString())).toEqual(
      [0, 1, 2, 3, 4].map((round) => `for ${at}, round ${round}`)
    )
  })
})

test('what send() was given may be changed at once', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp(ANY)
  const peer = await bindPeer()
  const bytes = Buffer.from('before')
  const to = { address: LOCAL, port: peer.port }
  socket.send(bytes, to)
  bytes.write('after!')
  to.port = 9
  await probe.until('it is there', () => peer.received.length === 1)
  expect(peer.received[0].data.toString()).toBe('before')
})

test('S.18 a tiny receive buffer under a flood drops datagrams, and nothing else: the sender goes on, the socket lives', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp({ ...ANY, receiveBufferSize: 4096 })
  const sender = probe.poller.bindUdp(ANY)
  const count = 2000
  for (let number = 0; number < count; number++) {
    expect(sender.send(Buffer.alloc(1000, number), socket.localAddress)).toBe(true)
    if (number % 50 === 49) probe.poller.flush()
  }
  await probe.quiet(50)
  const received = probe.seen('datagram').length
  expect(received).toBeGreaterThan(0)
  expect(received).toBeLessThan(count)
  for (const { data } of probe.seen('datagram'))
    expect(data.length === 1000 && data.every((byte) => byte === data[0])).toBe(true)
  sender.send('after the flood', socket.localAddress)
  await probe.until(
    'the next one is there',
    () => probe.seen('datagram').at(-1)?.data.toString() === 'after the flood'
  )
  expect(probe.events.filter(({ type }) => type !== 'datagram')).toEqual([])
})

test('sending without ever waiting holds a bounded number of datagrams: they leave by themselves', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 })
  const socket = probe.poller.bindUdp(ANY)
  const target = probe.poller.bindUdp({ ...ANY, receiveBufferSize: 4096 })
  let most = 0
  let taken = 0
  for (let number = 0; number < 20_000; number++) {
    if (socket.send(Buffer.alloc(1024, number), target.localAddress)) taken++
    most = Math.max(most, socket.bufferedBytes)
  }
  expect(most).toBeLessThan(4 * 1024 * 1024)
  probe.poller.flush()
  expect(probe.poller.stats.datagramsSent + probe.poller.stats.datagramsDropped).toBe(20_000)
  expect(probe.poller.stats.datagramsDropped).toBe(20_000 - taken)
})

test('a datagram that the system refuses is an error event that says to whom, and the others of the same turn go', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp(ANY)
  const peer = await bindPeer()
  // Needs the option `broadcast`; some machines have no way there either.
  const forbidden = { address: '255.255.255.255', port: 9 }
  for (let number = 0; number < 5; number++) {
    socket.send('to everybody', forbidden)
    socket.send(`to you ${number}`, { address: LOCAL, port: peer.port })
  }
  await probe.until(
    'five are refused',
    () => probe.seen('error', socket as UdpSocket<unknown>).length === 5
  )
  for (const { error } of probe.seen('error')) {
    expect(error).toMatchObject({ name: 'SocketError', ...forbidden })
    expect(error.code).toMatch(/^(EACCES|ENETUNREACH|EHOSTUNREACH|EINVAL)$/)
  }
  await probe.until('five arrive', () => peer.received.length === 5)
  expect(probe.poller.stats).toMatchObject({ datagramsSent: 5, datagramsDropped: 5 })
})

test('S.18 an unreachable peer is silent unless asked for', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp(ANY)
  const peer = await bindPeer()
  const nobody = { address: LOCAL, port: await freeUdpPort() }
  for (let rounds = 0; rounds < 5; rounds++) {
    socket.send('anybody?', nobody)
    socket.send('you!', { address: LOCAL, port: peer.port })
    await probe.quiet(10)
  }
  await probe.until('those that can be reached are', () => peer.received.length === 5)
  expect(probe.events).toEqual([])
  peer.send('and receiving works', socket.localAddress)
  await probe.first('datagram', socket as UdpSocket<unknown>)
})

// Wine never reports: its SIO_UDP_CONNRESET does nothing. Windows does not say which peer it was.
test.skipIf(isWine)(
  'S.18 asked for, an unreachable peer is an error event, on Linux with its address, and the socket lives',
  async () => {
    const probe = openProbe()
    const socket = probe.poller.bindUdp({ ...ANY, reportUnreachable: true })
    const peer = await bindPeer()
    const nobody = { address: LOCAL, port: await freeUdpPort() }
    socket.send('anybody?', nobody)
    const { error } = await probe.first('error', socket as UdpSocket<unknown>)
    expect(error).toMatchObject({
      name: 'SocketError',
      code: 'ECONNREFUSED',
      ...(isWindows ? {} : nobody)
    })
    socket.send('you!', { address: LOCAL, port: peer.port })
    await probe.until('others hear it', () => peer.received.length === 1)
    peer.send('and receiving works', socket.localAddress)
    await probe.first('datagram', socket as UdpSocket<unknown>)
    expect(probe.seen('close')).toEqual([])
  }
)

test('S.18 asked for, several unreachable peers do not swallow what others are sent in the same turn', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp({ ...ANY, reportUnreachable: true })
  const peer = await bindPeer()
  const nobody = { address: LOCAL, port: await freeUdpPort() }
  for (let rounds = 0; rounds < 20; rounds++) {
    socket.send('anybody?', nobody)
    socket.send(`you ${rounds}`, { address: LOCAL, port: peer.port })
    if (rounds % 4 === 0) await probe.quiet(5)
  }
  await probe.until('the one that can be reached has all', () => peer.received.length === 20)
  if (isWine) return
  expect(probe.seen('error').length).toBeGreaterThan(0)
  expect(new Set(probe.seen('error').map(({ error }) => error.code))).toEqual(
    new Set(['ECONNREFUSED'])
  )
})

test.runIf(hasIpv6)('IPv6 datagrams go as IPv4 ones do', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp({ address: '::1', port: 0 })
  const peer = await bindPeer('::1')
  peer.send('six', socket.localAddress)
  const event = await probe.first('datagram')
  expect(event.address).toMatchObject({ address: '::1', port: peer.port, family: 'ipv6' })
  socket.send(event.data, event.address)
  await probe.until('it is answered', () => peer.received[0]?.data.toString() === 'six')
})

test.runIf(hasIpv6)(
  'S.19 a socket on :: takes IPv4 as mapped addresses, and answers to them',
  async () => {
    const probe = openProbe()
    const socket = probe.poller.bindUdp({ address: '::', port: 0, ipv6Only: false })
    const four = await bindPeer()
    four.send('four', { address: LOCAL, port: socket.localAddress.port })
    const event = await probe.first('datagram')
    expect(event.address).toMatchObject({
      address: '::ffff:127.0.0.1',
      port: four.port,
      family: 'ipv6'
    })
    socket.send('answer', event.address)
    await probe.until('it is answered', () => four.received[0]?.data.toString() === 'answer')
  }
)

test('S.19 an IPv6 address for an IPv4 socket is an error that says so', () => {
  const { poller } = openProbe()
  const socket = poller.bindUdp(ANY)
  const error = thrownBy(() => socket.send('x', { address: '::1', port: 9 }))
  expect(error.code).toMatch(/^(EAFNOSUPPORT|EINVAL|ERR_INVALID_ADDRESS)$/)
  poller.wait(0)
})

test('S.7 a port in use is EADDRINUSE', async () => {
  const { poller } = openProbe()
  const peer = await bindPeer()
  expect(thrownBy(() => poller.bindUdp({ address: LOCAL, port: peer.port }))).toMatchObject({
    name: 'SocketError',
    code: 'EADDRINUSE',
    address: LOCAL,
    port: peer.port
  })
})

test("S.7 an address of somebody else's machine is EADDRNOTAVAIL", () => {
  const { poller } = openProbe()
  expect(thrownBy(() => poller.bindUdp({ address: '192.0.2.1', port: 0 })).code).toBe(
    'EADDRNOTAVAIL'
  )
})

test('S.16 close() sends what is queued, gives one close event, and frees the port', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp(ANY)
  const peer = await bindPeer()
  const { port } = socket.localAddress
  for (let number = 0; number < 10; number++)
    socket.send(`${number}`, { address: LOCAL, port: peer.port })
  socket.close()
  socket.close()
  expect((await probe.first('close', socket as UdpSocket<unknown>)).error).toBeUndefined()
  await probe.until('all ten are there', () => peer.received.length === 10)
  peer.send('too late', { address: LOCAL, port })
  await probe.quiet()
  expect(probe.typesOf(socket as UdpSocket<unknown>)).toEqual(['close'])
  expect(thrownBy(() => socket.send('x', { address: LOCAL, port: peer.port }))).toMatchObject({
    name: 'SocketError',
    code: 'EBADF'
  })
  probe.poller.bindUdp({ address: LOCAL, port })
})

test('datagrams are counted', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp(ANY)
  for (let number = 0; number < 7; number++) socket.send('count me', socket.localAddress)
  await probe.until('a socket hears itself', () => probe.seen('datagram').length === 7)
  expect(probe.poller.stats).toMatchObject({
    datagramsSent: 7,
    datagramsReceived: 7,
    datagramsDropped: 0
  })
})
