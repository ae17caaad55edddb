// An event never reaches a socket that the program has closed, and a socket never gets what
// belonged to its predecessor.
import type { PollEvent, TcpConnection } from 'pollport'
import { expect, test } from 'vitest'
import { acceptPeer, LOCAL, type NetPeer } from '../support/net-peer.ts'
import { openProbe, type Probe, socketOf, thrownBy } from '../support/poller-probe.ts'
import { tested } from '../support/tested-system.ts'

const COUNT = 10

/** Ten connections, all of which have something to say in the next wait. */
async function allReady(probe: Probe) {
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const pairs: { connection: TcpConnection<unknown>; peer: NetPeer }[] = []
  for (let peers = 0; peers < COUNT; peers++) pairs.push(await acceptPeer(probe, listener))
  for (const { peer } of pairs) peer.socket.write('ready')
  for (let turns = 0; turns < 20; turns++) await tested.turn()
  return { listener, pairs, connections: pairs.map(({ connection }) => connection) }
}

test.each(['close', 'reset'] as const)(
  'S.15 %s() of all others in the first event leaves that event alone in the batch',
  async (how) => {
    const probe = openProbe()
    const { connections } = await allReady(probe)
    const batch: PollEvent[] = []
    for (const event of probe.poller.wait(1000)) {
      batch.push(event)
      if (batch.length === 1)
        for (const each of connections) if (each !== socketOf(event)) each[how]()
    }
    expect(batch.map(({ type }) => type)).toEqual(['receive'])
    await probe.until('the closed ones say so', () => probe.seen('close').length === COUNT - 1)
    for (const each of connections) {
      if (each !== socketOf(batch[0])) expect(probe.typesOf(each)).toEqual(['accept', 'close'])
    }
  }
)

test('S.15 detach() of the others is EBUSY while the batch has their bytes, and takes nothing away', async () => {
  const probe = openProbe()
  const { connections } = await allReady(probe)
  const heard = new Set()
  for (const event of probe.poller.wait(1000)) {
    heard.add(socketOf(event))
    for (const each of connections) {
      if (!heard.has(each)) expect(thrownBy(() => each.detach()).code).toBe('EBUSY')
    }
  }
  expect(heard.size).toBe(connections.length)
})

test('S.15 closing a connection in the handling of its own event gives no more of them, in this batch and later', async () => {
  const probe = openProbe()
  const { pairs } = await allReady(probe)
  for (const { peer } of pairs) peer.socket.end('more')
  for (let turns = 0; turns < 20; turns++) await tested.turn()
  probe.onEvent = (event) => {
    if (event.type === 'receive') event.socket.close()
  }
  await probe.until('all are closed', () => probe.seen('close').length === COUNT)
  await probe.quiet()
  for (const { connection } of pairs)
    expect(probe.typesOf(connection)).toEqual(['accept', 'receive', 'close'])
})

test('S.15 a new connection made where an old one was closed, within a batch, gets its own events only', async () => {
  const probe = openProbe<string>()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  for (let rounds = 0; rounds < 20; rounds++) {
    const olds: TcpConnection<string>[] = []
    for (let peers = 0; peers < 4; peers++) {
      const { connection, peer } = await acceptPeer(probe, listener)
      connection.userPtr = `old ${rounds}`
      peer.socket.write('for the old one')
      olds.push(connection)
    }
    for (let turns = 0; turns < 10; turns++) await tested.turn()
    const news: TcpConnection<string>[] = []
    probe.onEvent = (event) => {
      if (event.type !== 'receive' || news.length > 0) return
      for (const old of olds) old.reset() // Their descriptors are free now ...
      for (let count = 0; count < 4; count++)
        // ... and in use again.
        news.push(probe.poller.connectTcp(listener.localAddress, `new ${rounds}`))
    }
    await probe.until(
      'the new ones are connected',
      () => news.length === 4 && news.every((each) => probe.seen('connect', each).length === 1)
    )
    probe.onEvent = () => {}
    await probe.quiet(5)
    for (const each of news) {
      expect(probe.typesOf(each)).toEqual(['connect'])
      expect(
        probe.events
          .filter((event) => socketOf(event) === each)
          .map((event) => (event as { userPtr: unknown }).userPtr)
      ).toEqual([`new ${rounds}`])
      each.reset()
    }
  }
})

test('a thousand random comings and goings: every connection begins once, closes once, and nothing comes after', {
  timeout: 30_000
}, async () => {
  const { newSeed, randomFrom } = await import('../support/poller-random.ts')
  const seed = newSeed()
  const random = randomFrom(seed)
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const open: TcpConnection<unknown>[] = []
  const closed = new Set<unknown>()
  let made = 0
  const act = () => {
    const other = open[random(Math.max(open.length, 1))]
    if (other === undefined) return
    const action = random(6)
    if (action === 0) other.close()
    else if (action === 1) other.reset()
    else if (action === 2) other.end()
    else {
      try {
        other.send('x'.repeat(random(2000)))
      } catch (error) {
        expect((error as { code?: string }).code).toMatch(/^(EPIPE|EBADF)$/)
      }
    }
  }
  probe.onEvent = (event) => {
    const socket = socketOf(event) as TcpConnection<unknown>
    expect(closed.has(socket), `seed ${seed}: ${event.type} after close`).toBe(false)
    if (event.type === 'accept' || event.type === 'connect') open.push(socket)
    if (event.type === 'close') {
      closed.add(socket)
      if (open.includes(socket)) open.splice(open.indexOf(socket), 1)
    }
    act()
  }
  const connections: TcpConnection<unknown>[] = []
  await probe.until(
    `1000 connections came and went (seed ${seed})`,
    () => {
      act() // Also when nothing happens, or all could be waiting for each other.
      while (made < 1000 && made * 2 - closed.size < 60) {
        connections.push(probe.poller.connectTcp(listener.localAddress))
        made++
      }
      if (made === 1000)
        for (const each of [...open, ...connections]) if (!closed.has(each)) each.reset()
      return (
        made === 1000 &&
        connections.every((each) => closed.has(each)) &&
        open.every((each) => closed.has(each))
      )
    },
    25_000
  )
  for (const socket of new Set([...connections, ...open])) {
    const types = probe.typesOf(socket)
    expect(
      types.filter((type) => type === 'close'),
      `seed ${seed}`
    ).toHaveLength(1)
    expect(types.at(-1)).toBe('close')
    expect(types.lastIndexOf('accept')).toBeLessThanOrEqual(0)
    expect(types.lastIndexOf('connect')).toBeLessThanOrEqual(0)
  }
})

test('S.16 ten thousand closes of one socket are one close', async () => {
  const probe = openProbe()
  const { connections } = await allReady(probe)
  const [one] = connections
  for (let times = 0; times < 10_000; times++) one.close()
  await probe.first('close', one)
  for (let times = 0; times < 10_000; times++) one.close()
  await probe.quiet()
  expect(probe.seen('close', one)).toHaveLength(1)
})

test('S.16 a connection whose close has been delivered refuses to send, with EBADF', async () => {
  const probe = openProbe()
  const { connections } = await allReady(probe)
  connections[0].close()
  await probe.first('close', connections[0])
  probe.step(0)
  expect(thrownBy(() => connections[0].send('x'))).toMatchObject({
    name: 'SocketError',
    code: 'EBADF'
  })
})
