// Multicast on the unified floor: a group is heard from joinMulticast() to leaveMulticast().
import { randomInt, randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { bindPeer } from '../support/dgram-peer.ts'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe, type Probe, thrownBy } from '../support/poller-probe.ts'
import { isWine } from '../support/system.ts'

// Of this run alone, or two suites on one machine would hear each other: a group out of the administratively scoped block (RFC 2365), and a word in each
// datagram, since on Linux a socket bound to any address hears every group that the machine has joined (IP_MULTICAST_ALL, ip(7)).
const GROUP = `239.255.${randomInt(256)}.${randomInt(1, 255)}`
const OURS = randomUUID()

/** What was heard of this run's datagrams. */
const heard = (probe: Probe) => probe.seen('datagram').filter(({ data }) => data.toString().startsWith(OURS))

test('a group is heard after joining, and no more after leaving', async () => {
  const probe = openProbe()
  const socket = probe.poller.bindUdp({ address: '0.0.0.0', port: 0 })
  const to = { address: GROUP, port: socket.localAddress.port }
  const peer = await bindPeer()
  peer.socket.setMulticastInterface(LOCAL)

  peer.send(`${OURS} too early`, to)
  await probe.quiet(30)
  socket.joinMulticast(GROUP, LOCAL)
  peer.send(`${OURS} in time`, to)
  await probe.until('it is heard', () => heard(probe).length > 0)
  expect(heard(probe)[0].address.port).toBe(peer.port)
  socket.leaveMulticast(GROUP, LOCAL)
  peer.send(`${OURS} too late`, to)
  await probe.quiet(30)
  expect(heard(probe).map(({ data }) => data.toString())).toEqual([`${OURS} in time`])
})

test('several sockets share a group and its port with reuseAddress, and each hears everything', async () => {
  const probe = openProbe()
  const first = probe.poller.bindUdp({ address: '0.0.0.0', port: 0, reuseAddress: true })
  const { port } = first.localAddress
  const sockets = [first, ...[2, 3].map(() => probe.poller.bindUdp({ address: '0.0.0.0', port, reuseAddress: true }))]
  for (const socket of sockets) socket.joinMulticast(GROUP, LOCAL)
  const peer = await bindPeer()
  peer.socket.setMulticastInterface(LOCAL)
  peer.send(`${OURS} to all`, { address: GROUP, port })
  await probe.until('all have heard it', () => heard(probe).length === 3)
  expect(new Set(heard(probe).map(({ socket }) => socket))).toEqual(new Set(sockets))
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
