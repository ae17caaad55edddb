// Closing a poller closes what it has, once, and silently.
import { expect, test } from 'vitest'
import { countDescriptors } from '../support/descriptors.ts'
import { acceptedPair, connectPeer, LOCAL, listenPeer } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { tested } from '../support/tested-system.ts'

const EBADF = { name: 'SocketError', code: 'EBADF' }

test('the peers of a closed poller see their end, and new ones are refused', async () => {
  const probe = openProbe()
  const other = openProbe() // Waits, so that Node's loop turns.
  const { listener, peer } = await acceptedPair(probe)
  const { port } = listener.localAddress
  probe.poller.close()
  await other.until('the peer notices', () => peer.ended || peer.closed)
  const late = connectPeer({ address: LOCAL, port })
  await other.until('a new one is refused', () => late.errorCode === 'ECONNREFUSED')
})

test('S.16 closing twice, and disposing, is harmless', () => {
  const poller = tested.poller()
  poller.close()
  poller.close()
  poller[Symbol.dispose]()
})

test('what was queued goes out as far as the system takes it', async () => {
  const probe = openProbe()
  const other = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  connection.send('last words')
  probe.poller.close()
  await other.until(
    'the words arrive',
    () => peer.received.toString() === 'last words' && peer.ended
  )
})

test('S.16 everything on it says EBADF afterwards, or does nothing', async () => {
  const probe = openProbe()
  const { listener, connection } = await acceptedPair(probe)
  const socket = probe.poller.bindUdp({ address: LOCAL, port: 0 })
  const { poller } = probe
  poller.close()
  for (const action of [
    () => poller.wait(0),
    () => poller.flush(),
    () => poller.listenTcp({ address: LOCAL, port: 0 }),
    () => poller.connectTcp({ address: LOCAL, port: 9 }),
    () => poller.bindUdp({ address: LOCAL, port: 0 }),
    () => poller.broadcast([connection], 'x'),
    () => connection.send('x'),
    () => connection.detach(),
    () => socket.send('x', { address: LOCAL, port: 9 }),
    () => connection.localAddress,
    () => listener.localAddress
  ]) {
    expect(thrownBy(action), String(action)).toMatchObject(EBADF)
  }
  await expect(poller.run(() => {})).rejects.toMatchObject(EBADF)
  for (const each of [connection, listener, socket]) {
    each.close()
    each[Symbol.dispose]()
  }
  connection.end()
  connection.reset()
  try {
    poller.wake()
  } catch (error) {
    expect(error).toMatchObject(EBADF)
  }
  expect(poller.stats.sockets).toBe(0)
  expect(tested.isSimulated ? ['simulated'] : ['epoll', 'iocp']).toContain(poller.backend)
})

test('sockets are disposable', async () => {
  const probe = openProbe()
  const { listener, connection } = await acceptedPair(probe)
  connection[Symbol.dispose]()
  listener[Symbol.dispose]()
  await probe.first('close', connection)
  await probe.first('close', listener)
})

test('many pollers live side by side, and come and go', async () => {
  const { port, peers } = await listenPeer()
  for (let round = 0; round < 50; round++) {
    const poller = tested.poller()
    poller.connectTcp({ address: LOCAL, port }).send('hi')
    poller.wait(100)
    poller.close()
    await tested.turn()
  }
  const probe = openProbe()
  await probe.until(
    'all of them were there',
    () => peers.length === 50 && peers.every(({ ended, closed }) => ended || closed)
  )
})

test('closing gives every descriptor back', async () => {
  const other = openProbe()
  const { port } = await listenPeer()
  const before = countDescriptors()
  const poller = tested.poller()
  for (let each = 0; each < 10; each++) {
    poller.listenTcp({ address: LOCAL, port: 0 })
    poller.bindUdp({ address: LOCAL, port: 0 })
    poller.connectTcp({ address: LOCAL, port })
  }
  expect(countDescriptors()).toBeGreaterThanOrEqual(before + 31)
  poller.wait(10)
  poller.close()
  await other.until("node:net's side is closed too, after which all are back", () => {
    return countDescriptors() <= before + 10 // Node's accepted ends stay until the test ends them.
  })
})

test('failing to make a socket leaks none', async () => {
  const { port } = await listenPeer()
  const { poller } = openProbe()
  const attempts = [
    () => poller.listenTcp({ address: LOCAL, port }),
    () => poller.listenTcp({ address: 'localhost', port: 0 }),
    () => poller.listenTcp({ address: '192.0.2.1', port: 0 }),
    () => poller.connectTcp({ address: LOCAL, port, localAddress: '192.0.2.1' }),
    () => poller.connectTcp({ address: LOCAL, port, noDelay: 'no' as never }),
    () => poller.bindUdp({ address: '192.0.2.1', port: 0 }),
    () => poller.bindUdp({ address: LOCAL, port: 0, receiveBufferSize: -5 }),
    () => tested.poller({ maxEvents: 0 }),
    () => tested.poller({ backend: 'nothing' as never })
  ]
  for (const attempt of attempts) expect(attempt).toThrow()
  const before = countDescriptors()
  for (let round = 0; round < 20; round++) for (const attempt of attempts) expect(attempt).toThrow()
  expect(countDescriptors()).toBe(before)
})
