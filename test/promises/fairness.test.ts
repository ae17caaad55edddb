// No socket takes more than its share of a wait().
import { expect, test } from 'vitest'
import { acceptedPair, acceptPeer, connectPeer, LOCAL, type NetPeer } from '../support/net-peer.ts'
import { openProbe, ownPair } from '../support/poller-probe.ts'
import { tested } from '../support/tested-system.ts'

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await tested.turn()
}

/** Resolves when it has left the peer. */
const written = ({ socket }: NetPeer, data: Uint8Array | string) =>
  new Promise<void>((resolve) => void socket.write(data, resolve))

/** More bytes than the system takes at once, of which the first have left when it resolves. */
async function startFlood(peer: NetPeer, bytes: number): Promise<void> {
  const first = 16 * 1024
  await written(peer, Buffer.alloc(first))
  peer.socket.write(Buffer.alloc(bytes - first))
}

/** What has left a peer arrives at once, but Wine reports it a while later. */
const arrival = () => tested.sleep(100)

test('a flooding connection gives at most readBudgetBytes bytes a wait, and the others are heard in the same wait or the next', async () => {
  const readBudgetBytes = 64 * 1024
  const probe = openProbe({ readBudgetBytes })
  const { listener, connection: flood, peer: flooder } = await acceptedPair(probe)
  const others = []
  for (let peers = 0; peers < 20; peers++) others.push(await acceptPeer(probe, listener))
  await startFlood(flooder, 8 * 1024 * 1024)
  await turns(20)
  await Promise.all(others.map(({ peer }) => written(peer, 'hi')))
  await arrival()
  for (let waits = 0; waits < 2; waits++) {
    const before = flood.bytesReceived
    probe.step(0)
    expect(flood.bytesReceived - before).toBeLessThanOrEqual(readBudgetBytes)
  }
  expect(others.filter(({ connection }) => connection.bytesReceived === 2)).toHaveLength(20)
  await probe.until(
    'the flood arrives whole nevertheless',
    () => flood.bytesReceived === 8 * 1024 * 1024
  )
})

test('several floods share: each moves on in every few waits', async () => {
  const probe = openProbe({ readBudgetBytes: 16 * 1024, maxEvents: 8 })
  const { listener, connection, peer } = await acceptedPair(probe)
  const floods = [{ connection, peer }]
  for (let peers = 1; peers < 24; peers++) floods.push(await acceptPeer(probe, listener))
  await Promise.all(floods.map((flood) => startFlood(flood.peer, 512 * 1024)))
  await arrival()
  // 24 sockets by 8 a wait are three waits; three times that leaves room.
  for (let waits = 0; waits < 9; waits++) probe.step(0)
  const got = floods.map((flood) => flood.connection.bytesReceived)
  expect(Math.min(...got)).toBeGreaterThan(0)
  await probe.until('all of them arrive', () =>
    floods.every((flood) => flood.connection.bytesReceived === 512 * 1024)
  )
})

test('for whom the receive buffer has no room, the next wait has: floods that fill it take turns', async () => {
  const room = 64 * 1024
  const probe = openProbe({ batchBufferBytes: room, readBudgetBytes: room })
  const { listener, connection, peer } = await acceptedPair(probe)
  const floods = [{ connection, peer }]
  for (let peers = 1; peers < 12; peers++) floods.push(await acceptPeer(probe, listener))
  await Promise.all(floods.map((flood) => startFlood(flood.peer, 1024 * 1024)))
  await arrival()
  let largest = 0
  for (let waits = 0; waits < 3 * floods.length; waits++) {
    const before = probe.poller.stats.bytesReceived
    probe.step(0)
    largest = Math.max(largest, probe.poller.stats.bytesReceived - before)
  }
  expect(largest).toBeLessThanOrEqual(room)
  expect(Math.min(...floods.map((flood) => flood.connection.bytesReceived))).toBeGreaterThan(0)
  await probe.until('all of them arrive', () =>
    floods.every((flood) => flood.connection.bytesReceived === 1024 * 1024)
  )
})

test('a crowd at the door does not keep those inside waiting', async () => {
  const probe = openProbe()
  const { listener, connection, peer } = await acceptedPair(probe)
  const crowd = Array.from({ length: 400 }, () => connectPeer(listener.localAddress))
  while (crowd.some(({ connected }) => !connected)) await turns(1)
  await written(peer, 'inside')
  await arrival()
  probe.step(0)
  probe.step(0)
  expect(probe.bytesOf(connection).toString()).toBe('inside')
  await probe.until('everybody gets in', () => probe.seen('accept').length === 401)
})

test('a flood of datagrams does not keep a connection waiting', async () => {
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  const target = probe.poller.bindUdp({ address: LOCAL, port: 0 })
  const sender = probe.poller.bindUdp({ address: LOCAL, port: 0 })
  for (let datagrams = 0; datagrams < 2_000; datagrams++) {
    sender.send(Buffer.alloc(500), target.localAddress)
    if (datagrams % 100 === 0) probe.poller.flush()
  }
  far.send('me too')
  probe.poller.flush()
  probe.step(0)
  probe.step(0)
  expect(probe.bytesOf(near).toString()).toBe('me too')
})
