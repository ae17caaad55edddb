// broadcast(): the same bytes to many connections.
import type { TcpConnection } from 'pollport'
import { expect, test } from 'vitest'
import { acceptedPair, acceptPeer, LOCAL, type NetPeer } from '../support/net-peer.ts'
import { openProbe, type Probe, thrownBy } from '../support/poller-probe.ts'
import { patternBytes } from '../support/poller-random.ts'

async function room(probe: Probe, count: number) {
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const members: { connection: TcpConnection<unknown>; peer: NetPeer }[] = []
  for (let at = 0; at < count; at++) members.push(await acceptPeer(probe, listener))
  return { listener, members, connections: members.map(({ connection }) => connection) }
}

test('everybody gets the bytes, and the answer is how many', async () => {
  const probe = openProbe()
  const { members, connections } = await room(probe, 30)
  expect(probe.poller.broadcast(connections, 'to all')).toBe(30)
  await probe.until('everybody has it', () => members.every(({ peer }) => peer.receivedBytes === 6))
  for (const { peer } of members) expect(peer.received.toString()).toBe('to all')
})

test('any iterable will do, and bytes as well as strings', async () => {
  const probe = openProbe()
  const { members, connections } = await room(probe, 3)
  expect(probe.poller.broadcast(new Set(connections), Buffer.from('set '))).toBe(3)
  expect(
    probe.poller.broadcast(
      new Map(connections.entries()).values(),
      new Uint8Array([109, 97, 112, 32])
    )
  ).toBe(3)
  function* some() {
    yield connections[0]
    yield connections[2]
  }
  expect(probe.poller.broadcast(some(), 'żółw')).toBe(2)
  expect(probe.poller.broadcast([], 'nobody')).toBe(0)
  await probe.until(
    'all is there',
    () => members.reduce((sum, { peer }) => sum + peer.receivedBytes, 0) === 3 * 8 + 2 * 7
  )
  expect(members.map(({ peer }) => peer.received.toString())).toEqual([
    'set map żółw',
    'set map ',
    'set map żółw'
  ])
})

test('it keeps its place among the sends before and after', async () => {
  const probe = openProbe()
  const { members, connections } = await room(probe, 10)
  for (const [at, connection] of connections.entries()) connection.send(`${at} before;`)
  probe.poller.broadcast(connections, 'all;')
  for (const [at, connection] of connections.entries()) connection.send(`${at} after;`)
  probe.poller.broadcast(connections, 'all again')
  await probe.until('all is there', () =>
    members.every(({ peer }) => peer.received.toString().endsWith('all again'))
  )
  for (const [at, { peer }] of members.entries())
    expect(peer.received.toString()).toBe(`${at} before;all;${at} after;all again`)
})

test('those that are closed or finished do not count, and do not disturb', async () => {
  const probe = openProbe()
  const { members, connections } = await room(probe, 6)
  connections[0].close()
  connections[1].end()
  connections[2].reset()
  members[3].peer.socket.resetAndDestroy()
  await probe.first('close', connections[3])
  expect(probe.poller.broadcast(connections, 'who is left')).toBe(2)
  await probe.until('those who are left have it', () =>
    members.slice(4).every(({ peer }) => peer.received.toString() === 'who is left')
  )
  expect(members.slice(0, 4).map(({ peer }) => peer.receivedBytes)).toEqual([0, 0, 0, 0])
})

test('one that does not read keeps its copy in its own queue and holds up nobody', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 * 1024 })
  const { listener, connection: slow, peer: slowPeer } = await acceptedPair(probe, { paused: true })
  const { connection: quick, peer: quickPeer } = await acceptPeer(probe, listener)
  const bytes = patternBytes(10_000_000)
  expect(probe.poller.broadcast([slow, quick], bytes)).toBe(2)
  const kept = Buffer.from(bytes)
  bytes.fill(0) // It is ours again.
  await probe.until('the quick one has it', () => quickPeer.receivedBytes === kept.length)
  expect(slow.bufferedBytes).toBeGreaterThan(0)
  slowPeer.readOn()
  await probe.until('the slow one has it at last', () => slowPeer.receivedBytes === kept.length)
  expect(quickPeer.received.equals(kept)).toBe(true)
  expect(slowPeer.received.equals(kept)).toBe(true)
})

test('a hundred broadcasts to a hundred connections in one turn are all there, in order', async () => {
  const probe = openProbe()
  const { members, connections } = await room(probe, 100)
  let expected = ''
  for (let number = 0; number < 100; number++) {
    expected += `news ${number};`
    probe.poller.broadcast(connections, `news ${number};`)
  }
  await probe.until('everybody has all', () =>
    members.every(({ peer }) => peer.receivedBytes === expected.length)
  )
  for (const { peer } of members) expect(peer.received.toString() === expected).toBe(true)
})

test('a connection that is still connecting gets it when it is connected', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const far = probe.poller.connectTcp(listener.localAddress)
  expect(probe.poller.broadcast([far], 'early')).toBe(1)
  const { socket: near } = await probe.first('accept')
  await probe.until('it is there', () => probe.bytesOf(near).toString() === 'early')
})

test('a connection twice in the list gets it twice', async () => {
  const probe = openProbe()
  const { members, connections } = await room(probe, 1)
  expect(probe.poller.broadcast([connections[0], connections[0]], 'x')).toBe(2)
  await probe.until('both are there', () => members[0].peer.received.toString() === 'xx')
})

test('what is no connection, or not of this poller, is refused; and no bytes go to somebody else', async () => {
  const probe = openProbe()
  const other = openProbe()
  const { members, connections } = await room(probe, 3)
  const strangers = await room(other, 3)
  for (const bad of [{}, null, 'text', 7]) {
    expect(thrownBy(() => probe.poller.broadcast([bad as never], 'x')).code).toBe(
      'ERR_INVALID_ARG_TYPE'
    )
  }
  expect(thrownBy(() => probe.poller.broadcast(7 as never, 'x')).code).toBe('ERR_INVALID_ARG_TYPE')
  expect(thrownBy(() => probe.poller.broadcast(connections, 7 as never)).code).toBe(
    'ERR_INVALID_ARG_TYPE'
  )
  for (const each of strangers.connections)
    expect(thrownBy(() => probe.poller.broadcast([each], 'x')).code).toMatch(/^ERR_/)
  other.poller.flush()
  await probe.quiet()
  await other.quiet()
  expect([...members, ...strangers.members].map(({ peer }) => peer.received.toString())).toEqual([
    '',
    '',
    '',
    '',
    '',
    ''
  ])
})
