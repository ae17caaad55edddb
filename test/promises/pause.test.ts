// pause(): the poller leaves the bytes with the system, and so with the sender, until resume().
import { expect, test } from 'vitest'
import { acceptedPair, LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { patternBytes } from '../support/poller-random.ts'
import { leastBusyMs } from '../support/processor-time.mjs'
import { isWindows } from '../support/system.ts'

test('a paused connection receives nothing; resumed, everything', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.pause()
  peer.socket.write('held back')
  expect(await probe.quiet(100)).toEqual([])
  expect(connection.bytesReceived).toBe(0)
  connection.resume()
  await probe.until('it is there', () => probe.bytesOf(connection).toString() === 'held back')
})

test('the sender of a paused connection is slowed down, and nothing is lost', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const bytes = patternBytes(20_000_000)
  connection.pause()
  peer.socket.write(bytes)
  await probe.quiet(200)
  // Windows may take one large send whole, however full its buffers are.
  if (!isWindows) expect(peer.socket.writableLength).toBeGreaterThan(0)
  connection.resume()
  await probe.until('all of it is there', () => connection.bytesReceived === bytes.length)
  expect(probe.bytesOf(connection).equals(bytes)).toBe(true)
})

test('S.14 the end of the peer waits too: after resume() the data, then the end', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.pause()
  peer.socket.end('data before the end')
  expect(await probe.quiet(100)).toEqual([])
  connection.resume()
  await probe.first('end', connection)
  expect(probe.storyOf(connection)).toEqual(['accept', 'receive', 'end'])
  expect(probe.bytesOf(connection).toString()).toBe('data before the end')
})

test('S.14 the reset of the peer waits too', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.pause()
  peer.socket.resetAndDestroy()
  expect(await probe.quiet(100)).toEqual([])
  connection.resume()
  expect((await probe.first('close', connection)).error?.code).toBe('ECONNRESET')
})

test('a paused connection whose peer is gone does not make wait() spin', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.pause()
  peer.socket.resetAndDestroy()
  await probe.quiet(20)
  const busyMs = await leastBusyMs(150, () => expect(probe.waitsIn(300)).toBeLessThan(20))
  expect(busyMs).toBeLessThan(150)
})

test('sending works while receiving is paused', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe)
  connection.pause()
  const bytes = patternBytes(10_000_000)
  connection.send(bytes)
  peer.socket.write('not yet')
  await probe.until('the peer has it', () => peer.receivedBytes === bytes.length)
  expect(peer.received.equals(bytes)).toBe(true)
  expect(probe.seen('receive')).toEqual([])
})

test('sending finds out that a peer is gone, paused or not', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.pause()
  peer.socket.destroy()
  await probe.until('the loss is noticed', () => {
    if (probe.seen('close', connection).length === 0) connection.send('anybody?')
    return probe.seen('close', connection).length > 0
  })
  expect(probe.typesOf(connection)).toEqual(['accept', 'close'])
})

test('pausing in the handling of a receive stops the next one, in the same batch of data', async () => {
  const probe = openProbe({ readBudgetBytes: 1000 })
  const { connection, peer } = await acceptedPair(probe)
  probe.onEvent = (event) => {
    if (event.type === 'receive') event.socket.pause()
  }
  peer.socket.write(patternBytes(10_000))
  await probe.first('receive', connection)
  const got = connection.bytesReceived
  expect(await probe.quiet(100)).toEqual([])
  expect(connection.bytesReceived).toBe(got)
  probe.onEvent = () => {}
  connection.resume()
  await probe.until('the rest is there', () => connection.bytesReceived === 10_000)
})

test('pausing and resuming again and again loses nothing and doubles nothing', async () => {
  const probe = openProbe({ readBudgetBytes: 4096 })
  const { connection, peer } = await acceptedPair(probe)
  const bytes = patternBytes(500_000)
  peer.socket.write(bytes)
  let turn = 0
  await probe.until('all of it is there', () => {
    turn++
    if (turn % 3 === 0) connection.pause()
    if (turn % 3 === 1) connection.resume()
    if (turn % 7 === 0) {
      connection.pause()
      connection.pause()
      connection.resume()
      connection.resume()
    }
    return connection.bytesReceived === bytes.length
  })
  expect(probe.bytesOf(connection).equals(bytes)).toBe(true)
})

test('a connection that is paused before it is connected connects, and receives nothing', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const far = probe.poller.connectTcp(listener.localAddress)
  far.pause()
  const { socket: near } = await probe.first('accept')
  near.send('held back')
  await probe.first('connect', far)
  await probe.quiet(50)
  expect(probe.typesOf(far)).toEqual(['connect'])
  far.resume()
  await probe.until('it is there', () => probe.bytesOf(far).toString() === 'held back')
})

test('closing a paused connection closes it', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.pause()
  peer.socket.write('never looked at')
  await probe.quiet(20)
  connection.close()
  await probe.first('close', connection)
  await probe.until('the peer notices', () => peer.ended || peer.closed)
})

test('pause() and resume() on a closed connection do no harm', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe)
  connection.close()
  await probe.first('close', connection)
  for (const method of ['pause', 'resume'] as const) {
    try {
      connection[method]()
    } catch (error) {
      expect((error as { code?: string }).code).toBe('EBADF')
    }
  }
  expect(await probe.quiet()).toEqual([])
})
