// setIdleTimeout(): one event for each time of silence, never early.
import { expect, test } from 'vitest'
import { acceptedPair, acceptPeer } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { tested } from '../support/tested-system.ts'

test('a silent connection gives one timeout event, not early, and stays open', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const start = tested.now()
  connection.setIdleTimeout(150)
  await probe.first('timeout', connection)
  const spent = tested.now() - start
  expect(spent).toBeGreaterThanOrEqual(149)
  expect(spent).toBeLessThan(1_500)
  await probe.quiet(400)
  expect(probe.typesOf(connection)).toEqual(['accept', 'timeout'])
  peer.socket.write('awake')
  await probe.until('it still works', () => probe.bytesOf(connection).toString() === 'awake')
})

test('a timeout ends a long wait by itself', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe)
  connection.setIdleTimeout(100)
  const start = tested.now()
  while (probe.seen('timeout').length === 0 && tested.now() - start < 5_000) probe.step(5_000)
  expect(tested.now() - start).toBeLessThan(2_000)
})

test('bytes that come in start the time anew', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const silences: number[] = []
  let written = tested.now()
  let lastHeard = written
  probe.onEvent = ({ type }) => {
    // Before the byte has come, which a busy machine may delay, its silence goes on.
    if (type === 'receive') lastHeard = written
    if (type === 'timeout') silences.push(tested.now() - lastHeard)
  }
  connection.setIdleTimeout(300)
  for (let rounds = 0; rounds < 5; rounds++) {
    written = tested.now()
    peer.socket.write('.')
    await probe.until('the byte is there', () => connection.bytesReceived === rounds + 1)
    await probe.quiet(100)
  }
  // On a busy machine there may be one before this, too: not early either.
  await probe.first('timeout', connection)
  expect(Math.min(...silences)).toBeGreaterThanOrEqual(300)
})

test('bytes that go out start the time anew', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe)
  const silences: number[] = []
  let sent = tested.now()
  probe.onEvent = ({ type }) => {
    if (type === 'timeout') silences.push(tested.now() - sent)
  }
  connection.setIdleTimeout(300)
  for (let rounds = 0; rounds < 5; rounds++) {
    sent = tested.now()
    connection.send('.')
    await probe.quiet(100)
  }
  // On a busy machine there may be one before this, too: not early either.
  await probe.first('timeout', connection)
  expect(Math.min(...silences)).toBeGreaterThanOrEqual(300)
})

test('after a timeout the next byte starts a new time of silence', async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.setIdleTimeout(80)
  await probe.first('timeout', connection)
  peer.socket.write('.')
  await probe.until('a second timeout', () => probe.seen('timeout', connection).length === 2)
  await probe.quiet(250)
  expect(probe.typesOf(connection)).toEqual(['accept', 'timeout', 'receive', 'timeout'])
})

test.each([0, -1])('%i turns it off', async (never) => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe)
  connection.setIdleTimeout(80)
  connection.setIdleTimeout(never)
  await probe.quiet(250)
  expect(probe.seen('timeout')).toEqual([])
})

test('setting it again counts from then', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe)
  connection.setIdleTimeout(100)
  await probe.quiet(50)
  // A busy machine may have been away for longer than the first one.
  const before = probe.seen('timeout').length
  const start = tested.now()
  connection.setIdleTimeout(200)
  await probe.until('a new timeout', () => probe.seen('timeout').length > before)
  expect(tested.now() - start).toBeGreaterThanOrEqual(199)
})

test('each connection has its own, and those that are closed have none', async () => {
  const probe = openProbe()
  const { listener, connection: one } = await acceptedPair(probe)
  const { connection: two } = await acceptPeer(probe, listener)
  const { connection: three } = await acceptPeer(probe, listener)
  one.setIdleTimeout(250)
  two.setIdleTimeout(60)
  three.setIdleTimeout(60)
  three.close()
  await probe.first('timeout', one)
  expect(probe.seen('timeout').map(({ socket }) => socket)).toEqual([two, one])
  expect(probe.typesOf(three)).toEqual(['accept', 'close'])
})

test('closing in the handling of a timeout is the way to drop the silent', async () => {
  const probe = openProbe()
  probe.onEvent = (event) => {
    if (event.type === 'timeout') event.socket.close()
  }
  const { connection, peer } = await acceptedPair(probe)
  connection.setIdleTimeout(60)
  expect((await probe.first('close', connection)).error).toBeUndefined()
  await probe.until('the peer sees the end', () => peer.ended)
  expect(probe.typesOf(connection)).toEqual(['accept', 'timeout', 'close'])
})

test('fifty timeouts come in the order of their times', async () => {
  const probe = openProbe<{ dueFromMs: number; dueByMs: number }>()
  const { connection, listener } = await acceptedPair(probe)
  const connections = [connection]
  for (let peers = 1; peers < 50; peers++)
    connections.push((await acceptPeer(probe, listener)).connection)
  connections.forEach((each, at) => {
    const ms = 400 - at * 4
    const dueFromMs = tested.now() + ms
    each.setIdleTimeout(ms)
    // A busy machine may stand still between two calls.
    each.userPtr = { dueFromMs, dueByMs: tested.now() + ms }
  })
  await probe.until('all have timed out', () => probe.seen('timeout').length === 50)
  const times = probe
    .seen('timeout')
    .map(({ userPtr }) => userPtr as { dueFromMs: number; dueByMs: number })
  for (let at = 1; at < times.length; at++)
    expect(times[at - 1].dueFromMs).toBeLessThanOrEqual(times[at].dueByMs)
})

test.each([[-7], [Number.NaN], ['100'], [{}]])('setIdleTimeout(%j) is refused', async (value) => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe)
  expect(thrownBy(() => connection.setIdleTimeout(value as number)).code).toMatch(
    /^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/
  )
})

test('an hour of silence may be asked for', async () => {
  const probe = openProbe()
  const { connection } = await acceptedPair(probe)
  connection.setIdleTimeout(3_600_000)
  const start = tested.now()
  expect(await probe.quiet(100)).toEqual([])
  probe.step(100)
  expect(tested.now() - start).toBeGreaterThanOrEqual(199)
})
