// Back-pressure: send() says when to stop, 'drain' says when to go on, and nothing is lost in
// between.
import { expect, test } from 'vitest'
import { acceptedPair } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { patternBytes } from '../support/poller-random.ts'
import { tested } from '../support/tested-system.ts'

const MARK = 256 * 1024

test('send() says true up to the high-water mark and false above it, without a wait in between', async () => {
  const probe = openProbe({ highWaterMarkBytes: 1000 })
  const { connection } = await acceptedPair(probe)
  expect(connection.send(Buffer.alloc(999))).toBe(true)
  expect(connection.send('x')).toBe(true)
  expect(connection.bufferedBytes).toBe(1000)
  expect(connection.send('x')).toBe(false)
  expect(connection.bufferedBytes).toBe(1001)
  expect(connection.send('y')).toBe(false)
  expect(connection.bufferedBytes).toBe(1002)
})

test('S.2 after send() said false there is exactly one drain when the peer reads, and all bytes are there', async () => {
  const probe = openProbe({ highWaterMarkBytes: MARK })
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  const piece = patternBytes(64 * 1024)
  let pieces = 0
  await probe.until('the system takes no more', () => {
    if (connection.bufferedBytes > MARK) return true
    while (connection.bufferedBytes <= MARK) {
      connection.send(piece)
      pieces++
    }
    probe.step(20)
    return false
  })
  await probe.quiet()
  expect(connection.bufferedBytes).toBeGreaterThan(MARK)
  const drainsBefore = probe.seen('drain').length // While the system still took bytes.
  let bufferedAtDrain = -1
  probe.onEvent = (event) => {
    if (event.type === 'drain') bufferedAtDrain = connection.bufferedBytes
  }
  peer.readOn()
  await probe.until('all of it is there', () => peer.receivedBytes === pieces * piece.length)
  await probe.quiet()
  expect(probe.seen('drain', connection)).toHaveLength(drainsBefore + 1)
  expect(bufferedAtDrain).toBeLessThanOrEqual(MARK / 2) // The low-water mark.
  expect(connection.bufferedBytes).toBe(0)
  const received = peer.received
  for (let at = 0; at < pieces; at++) {
    expect(received.subarray(at * piece.length, (at + 1) * piece.length).equals(piece)).toBe(true)
  }
})

test('S.2 a drain comes too when the system takes all at once', async () => {
  const probe = openProbe({ highWaterMarkBytes: 1000 })
  const { connection, peer } = await acceptedPair(probe)
  expect(connection.send(Buffer.alloc(2000))).toBe(false)
  await probe.first('drain', connection)
  await probe.until('all of it is there', () => peer.receivedBytes === 2000)
  await probe.quiet()
  expect(probe.seen('drain', connection)).toHaveLength(1)
})

test('that drain does not wait for something else to happen', async () => {
  const probe = openProbe({ highWaterMarkBytes: 1000 })
  const { connection } = await acceptedPair(probe)
  expect(connection.send(Buffer.alloc(2000))).toBe(false)
  const start = tested.now()
  while (probe.seen('drain').length === 0 && tested.now() - start < 5_000) probe.step(5_000)
  expect(tested.now() - start).toBeLessThan(2_000)
})

test('a program that stays below the mark never sees a drain', async () => {
  const probe = openProbe({ highWaterMarkBytes: 10_000 })
  const { connection, peer } = await acceptedPair(probe)
  for (let rounds = 0; rounds < 50; rounds++) {
    expect(connection.send(Buffer.alloc(10_000))).toBe(true)
    await probe.until('the peer has it', () => peer.receivedBytes === (rounds + 1) * 10_000)
  }
  expect(probe.seen('drain')).toEqual([])
})

test('S.2 every false has its drain, ten times over', async () => {
  const probe = openProbe({ highWaterMarkBytes: 1000 })
  const { connection, peer } = await acceptedPair(probe)
  for (let rounds = 1; rounds <= 10; rounds++) {
    expect(connection.send(Buffer.alloc(5_000))).toBe(false)
    await probe.until(
      'the next drain has come',
      () => probe.seen('drain', connection).length === rounds
    )
  }
  await probe.until('all of it is there', () => peer.receivedBytes === 50_000)
  await probe.quiet()
  expect(probe.seen('drain', connection)).toHaveLength(10)
})

test('sending on in the handling of a drain keeps a connection busy to the end', async () => {
  const total = 32 * 1024 * 1024
  const probe = openProbe({ highWaterMarkBytes: MARK })
  probe.keeps = true
  const { connection, peer } = await acceptedPair(probe, { keep: false })
  const piece = patternBytes(100_000)
  let sent = 0
  let most = 0
  const sendOn = () => {
    while (sent < total) {
      const part = piece.subarray(0, Math.min(piece.length, total - sent))
      sent += part.length
      const isBelow = connection.send(part)
      most = Math.max(most, connection.bufferedBytes)
      if (!isBelow) return
    }
    connection.end()
  }
  probe.onEvent = (event) => {
    if (event.type === 'drain') sendOn()
  }
  sendOn()
  await probe.until('the peer has all and the end', () => peer.ended)
  expect(peer.receivedBytes).toBe(total)
  expect(most).toBeLessThanOrEqual(MARK + piece.length)
})

test('S.2 no drain for a connection that was closed while its queue was full', async () => {
  const probe = openProbe({ highWaterMarkBytes: 1000 })
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  connection.send(Buffer.alloc(20_000_000))
  connection.close()
  peer.readOn()
  await probe.first('close', connection)
  expect(probe.typesOf(connection)).toEqual(['accept', 'close'])
})

test('requestDrain() gives one drain when nothing is queued any more, however little that was', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.requestDrain() // nothing is queued: at once
  await probe.first('drain', connection)
  expect(connection.send('few')).toBe(true)
  connection.requestDrain()
  let bufferedAtDrain = -1
  probe.onEvent = (event) => {
    if (event.type === 'drain') bufferedAtDrain = connection.bufferedBytes
  }
  await probe.until('the second drain', () => probe.seen('drain', connection).length === 2)
  expect(bufferedAtDrain).toBe(0)
  await probe.until('it is there', () => peer.receivedBytes === 3)
  connection.send('more')
  await probe.quiet()
  expect(probe.seen('drain', connection)).toHaveLength(2)
})

test('requestDrain() tells when the system has all of it, however little or much', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  expect(connection.send('one two ')).toBe(true)
  expect(connection.bufferedBytes).toBe(8)
  connection.requestDrain()
  await probe.first('drain', connection)
  expect({ queued: connection.bufferedBytes, sent: connection.bytesSent }).toEqual({
    queued: 0,
    sent: 8
  })
  const large = patternBytes(16 * 1024 * 1024)
  expect(connection.send(large)).toBe(false)
  expect(connection.bufferedBytes).toBeGreaterThan(0)
  connection.requestDrain()
  peer.readOn()
  await probe.until('a second drain', () => probe.seen('drain', connection).length === 2)
  expect(connection.bufferedBytes).toBe(0)
  await probe.until('all of it is there', () => peer.receivedBytes === 8 + large.length)
  expect(peer.received.subarray(0, 8).toString()).toBe('one two ')
  expect(peer.received.subarray(8).equals(large)).toBe(true)
})
