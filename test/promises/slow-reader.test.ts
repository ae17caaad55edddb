// A peer that does not read costs what the program insisted on, and nothing else.
import { expect, test } from 'vitest'
import { acceptedPair, acceptPeer } from '../support/net-peer.ts'
import { DEADLINE_MS, openProbe } from '../support/poller-probe.ts'
import { leastBusyMs } from '../support/processor-time.mjs'
import { isWindows } from '../support/system.ts'
import { tested } from '../support/tested-system.ts'

test('S.22 for a peer that never reads send() says false at the mark, and the queue stays where it was', async () => {
  const mark = 1024 * 1024
  const probe = openProbe({ highWaterMarkBytes: mark })
  const { connection } = await acceptedPair(probe, { paused: true })
  const piece = Buffer.alloc(10_000, 1)
  let sent = 0
  await probe.until('send() says false and stays at it', () => {
    if (connection.bufferedBytes > mark) return true
    for (let pieces = 0; pieces < 50 && connection.bufferedBytes <= mark; pieces++) {
      connection.send(piece)
      sent += piece.length
    }
    return false
  })
  await probe.quiet(100)
  const stuck = connection.bufferedBytes
  expect(stuck).toBeLessThanOrEqual(mark + piece.length)
  expect(connection.bytesSent + stuck).toBe(sent)
  await probe.quiet(200)
  expect(connection.bufferedBytes).toBe(stuck)
  expect(probe.typesOf(connection)).toEqual(['accept'])
})

test('S.22 bufferedBytes is exact: what the peer can read without another wait() is what was sent, less it', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  let sent = 0
  const piece = Buffer.alloc(10_007, 1)
  while (connection.bufferedBytes < 1_000_000) {
    connection.send(piece)
    sent += piece.length
    probe.step(0)
  }
  await probe.quiet(100) // No room comes any more.
  const taken = sent - connection.bufferedBytes
  // On Windows up to 64 KiB of the queue lie with a send of the system's, which goes on by itself;
  // it counts when the next wait() reports it.
  const most = taken + (isWindows ? 64 * 1024 : 0)
  peer.readOn()
  const end = tested.now() + DEADLINE_MS
  while (peer.receivedBytes < taken && tested.now() < end) await tested.turn()
  for (let turns = 0; turns < 50; turns++) await tested.sleep(1)
  expect(peer.receivedBytes).toBeGreaterThanOrEqual(taken)
  expect(peer.receivedBytes).toBeLessThanOrEqual(most)
  await probe.until('all of it is there', () => peer.receivedBytes === sent)
  expect(connection.bufferedBytes).toBe(0)
})

test('S.22 the queue is bounded in memory: a program that stops at false holds no more than the mark', async () => {
  const mark = 256 * 1024
  const count = 40
  const probe = openProbe({ highWaterMarkBytes: mark })
  const { listener, connection } = await acceptedPair(probe, { paused: true })
  const connections = [connection]
  for (let peers = 1; peers < count; peers++)
    connections.push((await acceptPeer(probe, listener, { paused: true })).connection)
  const piece = Buffer.alloc(16 * 1024, 1)
  const before = process.memoryUsage().arrayBuffers
  const isFull = new Set<unknown>()
  await probe.until('all queues are full', () => {
    for (const each of connections) {
      if (each.bufferedBytes <= mark && !each.send(piece)) isFull.add(each)
    }
    return connections.every((each) => each.bufferedBytes > mark)
  })
  await probe.quiet(100)
  const grown = process.memoryUsage().arrayBuffers - before
  // Twice the mark is room for a queue that keeps blocks of its own; what was sent in all is far
  // more.
  expect(grown).toBeLessThan(count * (mark + piece.length) * 2 + 16 * 1024 * 1024)
  expect(isFull.size).toBe(count)
})

test('a slow reader does not hold up the others', async () => {
  const probe = openProbe()
  const { listener, connection: slow } = await acceptedPair(probe, { paused: true })
  const { connection: quick, peer } = await acceptPeer(probe, listener)
  slow.send(Buffer.alloc(20_000_000))
  quick.send('quick')
  await probe.until('the other hears at once', () => peer.received.toString() === 'quick', 2_000)
  for (let rounds = 0; rounds < 20; rounds++) {
    peer.socket.write('ping')
    await probe.until('its question arrives', () => quick.bytesReceived === (rounds + 1) * 4, 2_000)
  }
  expect(slow.bufferedBytes).toBeGreaterThan(0)
})

test('a connection with a queue that cannot move does not make wait() spin', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe, { paused: true })
  connection.send(Buffer.alloc(20_000_000))
  await probe.quiet(100)
  const busyMs = await leastBusyMs(250, () => expect(probe.waitsIn(500)).toBeLessThan(20))
  expect(busyMs).toBeLessThan(250)
})
