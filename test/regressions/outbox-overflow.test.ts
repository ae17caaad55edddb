// The outbox is bounded: what does not fit makes it flush in the middle of a send(), which may find
// a connection full or broken.
import { expect, test } from 'vitest'
import { bindPeer } from '../support/dgram-peer.ts'
import { acceptedPair, LOCAL, listenPeer } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'

test('a connection that breaks in such a flush leaves nothing in the outbox for whoever gets its place', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const broken = await acceptedPair(probe)
  const other = await acceptedPair(probe)
  const { port, peers } = await listenPeer()
  broken.connection.pause() // A paused connection that finds its peer gone closes at once.
  broken.peer.socket.resetAndDestroy()
  for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
  let sends = 0
  while (!broken.connection.closed && sends++ < 20_000) {
    broken.connection.send('for the broken one')
    other.connection.send(Buffer.alloc(500))
  }
  expect(broken.connection.closed).toBe(true)
  const heirs = [1, 2, 3].map(() => probe.poller.connectTcp({ address: LOCAL, port }))
  await probe.until(
    'the heirs are connected',
    () => probe.seen('connect').length === 3 && peers.length === 3
  )
  await probe.quiet()
  expect(peers.map(({ receivedBytes }) => receivedBytes)).toEqual([0, 0, 0])
  expect(heirs.map(({ bytesSent }) => bytesSent)).toEqual([0, 0, 0])
  expect(probe.seen('close', broken.connection)).toHaveLength(1)
})

test('sends that are refused take no room in it', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp({ address: LOCAL, port: 0 })
  const peer = await bindPeer()
  const bytes = Buffer.alloc(60_000)
  for (let sends = 0; sends < 200; sends++) {
    expect(() => socket.send(bytes, { address: '::1', port: 9 })).toThrow()
    expect(() => socket.send(bytes, { address: 'localhost', port: 9 })).toThrow(
      expect.objectContaining({ code: 'ERR_INVALID_ADDRESS' })
    )
  }
  expect(socket.bufferedBytes).toBe(0)
  socket.send('good', { address: LOCAL, port: peer.port })
  await probe.until('a good one still goes', () => peer.received[0]?.data.toString() === 'good')
})

test('a batch of datagrams keeps its bytes when sending overflows in the middle of it, and peers are unreachable', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp({
    address: LOCAL,
    port: 0,
    reportUnreachable: true,
    receiveBufferSize: 1024 * 1024
  })
  const sender = probe.poller.bindUdp({ address: LOCAL, port: 0 })
  const gone = probe.poller.bindUdp({ address: LOCAL, port: 0 })
  const nobody = gone.localAddress
  gone.close()
  for (let number = 0; number < 50; number++)
    sender.send(Buffer.alloc(200, number), socket.localAddress)
  probe.poller.flush()
  const seen: Buffer[] = []
  probe.onEvent = (event) => {
    if (event.type !== 'datagram') return
    for (let sends = 0; sends < 20; sends++) socket.send(Buffer.alloc(60_000, 255), nobody)
    seen.push(Buffer.from(event.data))
    expect(event.address.port).toBe(sender.localAddress.port)
  }
  await probe.until('all are there', () => seen.length === 50)
  seen.forEach((data, number) => {
    expect(data.equals(Buffer.alloc(200, number))).toBe(true)
  })
})

test('a datagram that the system refuses, in a flush in the middle of a batch, leaves the bytes of the batch alone', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const socket = probe.poller.bindUdp({ address: LOCAL, port: 0 })
  peer.socket.write('0123456789012345678901234567890123456789')
  for (let turns = 0; turns < 10; turns++) await new Promise(setImmediate)
  let heard = ''
  await probe.until('the bytes are there', () => {
    for (const event of probe.poller.wait(0)) {
      if (event.type !== 'receive') continue
      for (let sends = 0; sends < 10; sends++)
        // Not asked for `broadcast`.
        socket.send('refused', { address: '255.255.255.255', port: 9 })
      probe.poller.flush()
      heard += event.data.toString()
    }
    return connection.bytesReceived === 40
  })
  expect(heard).toBe('0123456789012345678901234567890123456789')
  await probe.first('error')
})
