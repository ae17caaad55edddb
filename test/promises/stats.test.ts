// poller.stats counts what happened.
import { expect, test } from 'vitest'
import { acceptedPair, freePort, LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'

test('a new poller has counted nothing', () => {
  const { poller } = openProbe()
  expect(poller.stats).toMatchObject({
    waits: 0,
    events: 0,
    accepted: 0,
    connected: 0,
    closed: 0,
    sockets: 0,
    bytesReceived: 0,
    bytesSent: 0,
    datagramsReceived: 0,
    datagramsSent: 0,
    datagramsDropped: 0
  })
})

test('waits and events are counted', () => {
  const { poller } = openProbe()
  poller.wait(0)
  poller.wake()
  poller.wait(0)
  expect(poller.stats).toMatchObject({ waits: 2, events: 1 })
})

test('comings, goings and bytes are counted', async () => {
  const probe = openProbe()
  const { listener, connection, peer } = await acceptedPair(probe)
  const far = probe.poller.connectTcp(listener.localAddress)
  await probe.until('both are accepted', () => probe.seen('accept').length === 2)
  await probe.first('connect', far)
  expect(probe.poller.stats).toMatchObject({ accepted: 2, connected: 1, closed: 0, sockets: 4 })
  peer.socket.write('12345')
  connection.send('123')
  far.send('1')
  await probe.until(
    'all is there',
    () => probe.poller.stats.bytesReceived === 6 && peer.receivedBytes === 3
  )
  expect(probe.poller.stats).toMatchObject({ bytesSent: 4, bytesReceived: 6 })
  connection.close()
  await probe.first('close', connection)
  expect(probe.poller.stats).toMatchObject({ closed: 1, sockets: 3 })
  probe.poller.close()
  expect(probe.poller.stats.sockets).toBe(0)
})

test('a connect that fails is no connection', async () => {
  const probe = openProbe()
  await probe.first('close', probe.poller.connectTcp({ address: LOCAL, port: await freePort() }))
  expect(probe.poller.stats).toMatchObject({ connected: 0, sockets: 0 })
})
