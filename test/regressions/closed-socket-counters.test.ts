// What a socket has in the outbox is kept by its slot, which goes to another socket after its
// close.
import { expect, test } from 'vitest'
import { acceptedPair, acceptPeer, LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'

test('a closed connection does not count what the one in its place has queued', async () => {
  const probe = openProbe()
  const { listener, connection } = await acceptedPair(probe)
  connection.send('12345')
  connection.close()
  await probe.first('close', connection)
  const next = await acceptPeer(probe, listener)
  next.connection.send('1234567890')
  expect(next.connection.bufferedBytes).toBe(10)
  expect(connection.bufferedBytes).toBe(0)
  expect(connection.bytesSent).toBe(5)
})

test('nor does a closed UDP socket', () => {
  const { poller } = openProbe()
  const closed = poller.bindUdp({ address: LOCAL, port: 0 })
  closed.close()
  const next = poller.bindUdp({ address: LOCAL, port: 0 })
  next.send('1234567890', next.localAddress)
  expect(next.bufferedBytes).toBe(10)
  expect(closed.bufferedBytes).toBe(0)
})
