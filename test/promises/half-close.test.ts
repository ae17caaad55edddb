// Each direction of a connection finishes on its own.
import { expect, test } from 'vitest'
import { acceptedPair } from '../support/net-peer.ts'
import { answeringServer } from '../support/net-thread.ts'
import { openProbe, ownPair, thrownBy } from '../support/poller-probe.ts'
import { patternBytes } from '../support/poller-random.ts'
import { tested } from '../support/tested-system.ts'

test('S.3 the peer finishes first: end, then everything that is still sent arrives, then a clean close', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.end('last words')
  await probe.first('end', connection)
  expect(probe.bytesOf(connection).toString()).toBe('last words')
  const answer = patternBytes(500_000)
  connection.send(answer)
  connection.send('bye')
  connection.end()
  expect((await probe.first('close', connection)).error).toBeUndefined()
  await probe.until('the peer has all of it', () => peer.ended)
  expect(peer.received.subarray(0, -3).equals(answer)).toBe(true)
  expect(peer.received.subarray(-3).toString()).toBe('bye')
  expect(probe.storyOf(connection)).toEqual(['accept', 'receive', 'end', 'close'])
})

test('after the end of the peer a connection stays open for as long as the program likes', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.end()
  await probe.first('end', connection)
  expect(await probe.quiet(100)).toEqual([])
  connection.send('still talking')
  await probe.until('the peer hears it', () => peer.received.toString() === 'still talking')
  expect(peer.ended).toBe(false)
})

test('an end that nobody answers does not make the poller spin', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  peer.socket.end()
  await probe.first('end', connection)
  const before = probe.poller.stats.waits
  const start = tested.now()
  while (tested.now() - start < 200) probe.step(50)
  expect(probe.poller.stats.waits - before).toBeLessThan(10)
})

test('S.3 this side finishes first: what the peer sends late is received, then end and a clean close', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.send('question')
  connection.end()
  await probe.until('the peer sees the end', () => peer.ended)
  expect(peer.received.toString()).toBe('question')
  const late = patternBytes(300_000)
  peer.socket.write(late)
  await probe.until('the late bytes are there', () => connection.bytesReceived === late.length)
  expect(probe.bytesOf(connection).equals(late)).toBe(true)
  expect(await probe.quiet()).toEqual([])
  peer.socket.end('!')
  expect((await probe.first('close', connection)).error).toBeUndefined()
  expect(probe.storyOf(connection)).toEqual(['accept', 'receive', 'end', 'close'])
})

test('both finish at once: both have end, then close', async () => {
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  near.send('from near')
  near.end()
  far.send('from far')
  far.end()
  await probe.until('both are closed', () => probe.seen('close').length === 2)
  expect(probe.storyOf(near)).toEqual(['accept', 'receive', 'end', 'close'])
  expect(probe.storyOf(far)).toEqual(['connect', 'receive', 'end', 'close'])
  expect(probe.seen('close').map(({ error }) => error)).toEqual([undefined, undefined])
  expect(probe.bytesOf(near).toString()).toBe('from far')
  expect(probe.bytesOf(far).toString()).toBe('from near')
})

test('end() sends all that is queued before it finishes, however much that is', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  const bytes = patternBytes(20_000_000)
  connection.send(bytes)
  connection.end()
  await probe.quiet()
  expect(connection.bufferedBytes).toBeGreaterThan(0)
  peer.readOn()
  await probe.until('the peer has all and the end', () => peer.ended)
  expect(peer.received.equals(bytes)).toBe(true)
  peer.socket.end()
  await probe.first('close', connection)
})

test('close() sends all that is queued before it closes', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  const bytes = patternBytes(20_000_000)
  connection.send(bytes)
  connection.close()
  await probe.quiet()
  expect(probe.seen('close', connection)).toEqual([])
  peer.readOn()
  await probe.until('the peer has all and the end', () => peer.ended)
  expect(peer.received.equals(bytes)).toBe(true)
  expect((await probe.first('close', connection)).error).toBeUndefined()
})

test('close() with nothing queued closes: the peer sees the end, and a close event follows in a later wait', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.close()
  expect((await probe.first('close', connection)).error).toBeUndefined()
  await probe.until('the peer sees the end', () => peer.ended)
  peer.socket.end()
  await probe.quiet()
  expect(probe.typesOf(connection)).toEqual(['accept', 'close'])
})

test('after close() nothing that comes in is an event any more', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  connection.send(Buffer.alloc(20_000_000))
  connection.close()
  peer.socket.write('too late')
  await probe.quiet()
  expect(probe.seen('receive', connection)).toEqual([])
})

test('end() twice is one end', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.end()
  connection.end()
  await probe.until('the peer sees the end', () => peer.ended)
  connection.end()
  peer.socket.end()
  await probe.first('close', connection)
  connection.end()
  expect(await probe.quiet()).toEqual([])
  expect(probe.seen('close', connection)).toHaveLength(1)
})

test('S.3 send() after end() is EPIPE', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.send('in time')
  connection.end()
  expect(thrownBy(() => connection.send('late'))).toMatchObject({
    name: 'SocketError',
    code: 'EPIPE'
  })
  await probe.until('the peer sees the end', () => peer.ended)
  expect(thrownBy(() => connection.send('later')).code).toBe('EPIPE')
  expect(peer.received.toString()).toBe('in time')
})

test.each(['send', 'end'] as const)(
  '%s() after close() is an error or nothing, never a crash',
  async (method) => {
    const probe = openProbe()
    const { connection } = await acceptedPair(probe)
    connection.close()
    if (method === 'send')
      expect(thrownBy(() => connection.send('late'))).toMatchObject({
        name: 'SocketError',
        code: 'EBADF'
      })
    else connection.end()
    await probe.first('close', connection)
  }
)

test('the end leaves before wait() blocks: a peer that answers to it is heard at once', async () => {
  const probe = openProbe()
  const connection = probe.poller.connectTcp(await answeringServer())
  await probe.first('connect', connection)
  connection.send('question')
  connection.end()
  const start = tested.now()
  while (probe.seen('end', connection).length === 0 && tested.now() - start < 8_000)
    probe.step(8_000)
  expect(tested.now() - start).toBeLessThan(4_000)
  expect(probe.bytesOf(connection).toString()).toBe('you said question')
})

test('the same without anything to send', async () => {
  const probe = openProbe()
  const connection = probe.poller.connectTcp(await answeringServer())
  await probe.first('connect', connection)
  connection.end()
  const start = tested.now()
  while (probe.seen('end', connection).length === 0 && tested.now() - start < 8_000)
    probe.step(8_000)
  expect(tested.now() - start).toBeLessThan(4_000)
})

test.each(['', 'last words'])(
  'the close event that close() owes ends a long wait (queued: "%s")',
  async (words) => {
    const probe = openProbe()
    const { connection } = await acceptedPair(probe)
    connection.send(words)
    connection.close()
    const start = tested.now()
    while (probe.seen('close', connection).length === 0 && tested.now() - start < 8_000)
      probe.step(8_000)
    expect(tested.now() - start).toBeLessThan(4_000)
  }
)

test('close() delivers all that is queued although the peer has sent something that nobody will read', async () => {
  // Closing a socket with unread bytes resets the connection and drops what was still to be
  // delivered (RFC 2525, 2.17): so close() must not leave any.
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { connection, peer } = await acceptedPair(probe, { paused: true })
  // More than the peer's side of the system holds, less than both sides do.
  const bytes = patternBytes(1_500_000)
  connection.send(bytes)
  peer.socket.write('a question that comes too late')
  for (let turns = 0; turns < 10; turns++) await tested.turn()
  connection.close()
  await probe.quiet()
  peer.readOn()
  await probe.until('the peer sees the end of it', () => peer.ended || peer.closed)
  expect(peer.errorCode).toBeUndefined()
  expect(peer.receivedBytes).toBe(bytes.length)
})
