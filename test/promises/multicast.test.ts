// Multicast on the unified floor: a group is heard from joinMulticast() to leaveMulticast().
import { randomInt, randomUUID } from 'node:crypto'
import { networkInterfaces } from 'node:os'
import { Socket } from 'pollport'
import { describe, expect, test } from 'vitest'
import { bindPeer } from '../support/dgram-peer.ts'
import { hasIpv6, LOCAL } from '../support/net-peer.ts'
import { openProbe, type Probe, thrownBy } from '../support/poller-probe.ts'
import { closing } from '../support/raw-pair.ts'
import { isWindows, isWine } from '../support/system.ts'

// Of this run alone, or two suites on one machine would hear each other: a group out of the
// administratively scoped block (RFC 2365), and a word in each datagram, since on Linux a socket
// bound to any address hears every group that the machine has joined (IP_MULTICAST_ALL, ip(7)).
const GROUP = `239.255.${randomInt(256)}.${randomInt(1, 255)}`
const OURS = randomUUID()

/** What was heard of this run's datagrams. */
const heard = (probe: Probe) =>
  probe.seen('datagram').filter(({ data }) => data.toString().startsWith(OURS))

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
  const sockets = [
    first,
    ...[2, 3].map(() => probe.poller.bindUdp({ address: '0.0.0.0', port, reuseAddress: true }))
  ]
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
  expect(thrownBy(() => socket.joinMulticast('127.0.0.1', LOCAL))).toMatchObject({
    name: 'SocketError'
  })
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

/** Both floors, which join alike. */
const floors: Record<
  string,
  (address: string, ipv6Only?: boolean) => Pick<Socket, 'joinMulticast' | 'leaveMulticast'>
> = {
  'a UDP socket of a poller': (address, ipv6Only) =>
    openProbe().poller.bindUdp({ address, port: 0, ipv6Only }),
  'a raw socket': (address, ipv6Only = false) => {
    const family = address.includes(':') ? 'ipv6' : 'ipv4'
    const socket = closing(new Socket({ type: 'udp', family, nonBlocking: true }))
    if (family === 'ipv6') socket.setOption('ipv6Only', ipv6Only)
    socket.bind({ address, port: 0 })
    return socket
  }
}

describe.each(Object.entries(floors))(
  '%s joins on the interface that has the address, or says why not',
  (_, bind) => {
    const NOT_OURS = { name: 'SocketError', code: 'EADDRNOTAVAIL', syscall: 'setsockopt' }
    const OTHER_FAMILY = { name: 'SocketError', code: 'EAFNOSUPPORT', syscall: 'setsockopt' }
    const GROUP_6 = `ff02::${randomInt(1, 0xffff).toString(16)}:${randomInt(0xffff).toString(16)}`

    test.each(['192.0.2.1', '0.0.0.1'])(
      'an IPv4 address that is not ours is EADDRNOTAVAIL, and is named: %s',
      (address) => {
        const socket = bind('0.0.0.0')
        const error = thrownBy(() => socket.joinMulticast(GROUP, address))
        expect(error).toMatchObject(NOT_OURS)
        expect(error.message).toContain(address)
        socket.joinMulticast(GROUP, LOCAL)
      }
    )

    test('families that do not go together are EAFNOSUPPORT', () => {
      const socket = bind('0.0.0.0')
      for (const use of ['joinMulticast', 'leaveMulticast'] as const) {
        expect(thrownBy(() => socket[use](GROUP, '::1'))).toMatchObject(OTHER_FAMILY)
        expect(thrownBy(() => socket[use](GROUP_6))).toMatchObject(OTHER_FAMILY)
      }
    })

    describe.runIf(hasIpv6)('IPv6', () => {
      test('an address that is not ours is EADDRNOTAVAIL, one of IPv4 EAFNOSUPPORT', () => {
        const socket = bind('::')
        const error = thrownBy(() => socket.joinMulticast(GROUP_6, '2001:db8::77'))
        expect(error).toMatchObject(NOT_OURS)
        expect(error.message).toContain('2001:db8::77')
        expect(thrownBy(() => socket.joinMulticast(GROUP_6, LOCAL))).toMatchObject(OTHER_FAMILY)
      })

      test('every address of this machine is its interface, with its scope and without', () => {
        // Loopback is interface 1 on both systems.
        const ours: [string, number | string][] = [['::1', 1]]
        for (const [name, list] of Object.entries(networkInterfaces())) {
          for (const { address, family, scopeid } of list ?? []) {
            if (family !== 'IPv6' || address === '::1') continue
            if (scopeid || !isWindows) ours.push([address, scopeid || name])
          }
        }
        for (const [address, scope] of ours) {
          const socket = bind('::')
          socket.joinMulticast(GROUP_6, address)
          // It would not be there on another interface.
          socket.leaveMulticast(GROUP_6, `::%${scope}`)
          expect(thrownBy(() => socket.leaveMulticast(GROUP_6, address)).code).toMatch(
            isWine ? /^E/ : /^EADDRNOTAVAIL$/
          )
        }
      })

      test('a socket of IPv6 alone joins no IPv4 group', () => {
        expect(thrownBy(() => bind('::', true).joinMulticast(GROUP, LOCAL))).toMatchObject(
          OTHER_FAMILY
        )
      })

      test.skipIf(isWindows)(
        'a dual-stack socket joins an IPv4 group, on an interface that is named by an IPv4 address',
        () => {
          const socket = bind('::')
          socket.joinMulticast(GROUP, LOCAL)
          expect(thrownBy(() => socket.joinMulticast(GROUP, '192.0.2.1'))).toMatchObject(NOT_OURS)
          socket.leaveMulticast(GROUP, LOCAL)
        }
      )
    })
  }
)

test.skipIf(!hasIpv6 || isWindows)(
  'a dual-stack socket hears the IPv4 groups that it has joined',
  async () => {
    const probe = openProbe()
    const socket = probe.poller.bindUdp({ address: '::', port: 0 })
    socket.joinMulticast(GROUP, LOCAL)
    const peer = await bindPeer()
    peer.socket.setMulticastInterface(LOCAL)
    peer.send(`${OURS} four to six`, { address: GROUP, port: socket.localAddress.port })
    await probe.until('it is heard', () => heard(probe).length > 0)
    expect(heard(probe)[0].address.address).toBe('::ffff:127.0.0.1')
  }
)
