// Multicast on the unified floor: a group is heard from joinMulticast() to leaveMulticast().
import { expect, test } from 'vitest'
import { bindPeer, freeUdpPort } from '../support/dgram-peer.ts'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { isWine } from '../support/system.ts'

const GROUP = '239.77.1.1'

test('a group is heard after joining, and no more after leaving', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp({ address: '0.0.0.0', port: 0 })
  const to = { address: GROUP, port: socket.localAddress.port }
  const peer = await bindPeer()
  peer.socket.setMulticastInterface(LOCAL)

  peer.send('too early', to)
  await probe.quiet(30)
  socket.joinMulticast(GROUP, LOCAL)
  peer.send('in time', to)
  const event = await probe.first('datagram')
  expect(event.data.toString()).toBe('in time')
  expect(event.address.port).toBe(peer.port)
  socket.leaveMulticast(GROUP, LOCAL)
  peer.send('too late', to)
  await probe.quiet(30)
  expect(probe.seen('datagram').map(({ data }) => data.toString())).toEqual(['in time'])
})

test('several sockets share a group and its port with reuseAddress, and each hears everything', async () => {
  const probe = openProbe()
  const port = await freeUdpPort()
  const sockets = [1, 2, 3].map(() => probe.poller.bindUdp({ address: '0.0.0.0', port, reuseAddress: true }))
  for (const socket of sockets) socket.joinMulticast(GROUP, LOCAL)
  const peer = await bindPeer()
  peer.socket.setMulticastInterface(LOCAL)
  peer.send('to all', { address: GROUP, port })
  await probe.until('all have heard it', () => probe.seen('datagram').length === 3)
  expect(new Set(probe.seen('datagram').map(({ socket }) => socket))).toEqual(new Set(sockets))
})

test('what is no group, or no interface, is an error', () => {
  const { poller } = openProbe()
  const socket = poller.bindUdp({ address: '0.0.0.0', port: 0 })
  expect(thrownBy(() => socket.joinMulticast('127.0.0.1', LOCAL))).toMatchObject({ name: 'SocketError' })
  expect(thrownBy(() => socket.joinMulticast('all-hosts', LOCAL)).code).toBe('ERR_INVALID_ADDRESS')
  expect(thrownBy(() => socket.joinMulticast(GROUP, 'eth0')).code).toBe('ERR_INVALID_ADDRESS')
  expect(thrownBy(() => socket.joinMulticast(7 as never)).code).toBe('ERR_INVALID_ARG_TYPE')
  expect(thrownBy(() => socket.leaveMulticast(GROUP, LOCAL))).toMatchObject({
    name: 'SocketError',
    code: isWine ? 'EINVAL' : 'EADDRNOTAVAIL'
  })
  socket.close()
  expect(thrownBy(() => socket.joinMulticast(GROUP, LOCAL)).code).toBe('EBADF')
})
