// A socket that speaks IPv4 and IPv6 treats both alike, and one that was connected before it was
// adopted stays what it was.
import { Socket, type SocketOptionName, type UdpSocket } from 'pollport'
import { describe, expect, test } from 'vitest'
import { bindPeer, freeUdpPort } from '../support/dgram-peer.ts'
import { hasIpv6 } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { closing, LOCAL, rawUdp } from '../support/raw-pair.ts'
import { isWindows, isWine } from '../support/system.ts'

const MAPPED = '::ffff:127.0.0.1'
const IPPROTO_IP = 0

describe.runIf(hasIpv6)('a dual-stack socket', () => {
  // Wine never reports: its SIO_UDP_CONNRESET does nothing. Windows does not say which peer it was.
  test.skipIf(isWine).each([MAPPED, '::1'])(
    'is told of an unreachable peer: %s',
    async (address) => {
      const probe = openProbe()
      const udp = probe.poller.bindUdp({ address: '::', port: 0, reportUnreachable: true })
      const nobody = { address, port: await freeUdpPort() }
      udp.send('anybody?', nobody)
      const { error } = await probe.first('error', udp as UdpSocket<unknown>)
      expect(error).toMatchObject({
        code: 'ECONNREFUSED',
        syscall: 'sendto',
        ...(isWindows ? {} : nobody)
      })
    }
  )

  // By the systems' own numbers of IPPROTO_IP: IP_TTL, IP_TOS, IP_MULTICAST_TTL, IP_MULTICAST_LOOP
  // (ip(7); Microsoft Learn, "IPPROTO_IP socket options").
  const options: [SocketOptionName, number | boolean, number, number][] = [
    ['ttl', 7, isWindows ? 4 : 2, 7],
    ...(isWindows
      ? []
      : ([['tos', 0x88, 1, 0x88]] as [SocketOptionName, number, number, number][])),
    ['multicastTtl', 5, isWindows ? 10 : 33, 5],
    ['multicastLoop', false, isWindows ? 11 : 34, 0]
  ]

  test.each(options)('has %s for its IPv4 peers as well', (name, value, ipName, ipValue) => {
    const socket = closing(new Socket({ type: 'udp', family: 'ipv6' }))
    socket.setOption('ipv6Only', false)
    socket.setOption(name, value as never)
    expect(socket.getOption(name)).toBe(value)
    expect(socket.getOption(IPPROTO_IP, ipName) & 0xff).toBe(ipValue)
  })

  test('sets them also when it is bound to an address that no IPv4 peer can reach, or takes IPv6 alone', () => {
    const { poller } = openProbe()
    const bound = poller.bindUdp({ address: '::1', port: 0 })
    const only = poller.bindUdp({ address: '::', port: 0, ipv6Only: true })
    for (const udp of [bound, only]) {
      udp.setOption('ttl', 9)
      expect(udp.getOption('ttl')).toBe(9)
    }
  })

  test.skipIf(isWindows)('sends TCP to IPv4 peers with its tos', async () => {
    const probe = openProbe()
    const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
    const connection = probe.poller.connectTcp({
      address: MAPPED,
      port: listener.localAddress.port,
      tos: 0x10
    })
    await probe.first('connect', connection)
    const raw = closing(Socket.fromHandle(connection.detach(), { type: 'tcp' }))
    expect(raw.getOption(IPPROTO_IP, 1)).toBe(0x10)
  })
})

describe('a raw socket that was connected and is adopted', () => {
  async function adopted(target?: { address: string; port: number }) {
    const probe = openProbe()
    const to = target ?? { address: LOCAL, port: await freeUdpPort() }
    const raw = rawUdp(to.address === '::1' ? '::1' : LOCAL)
    raw.connect(to)
    const udp = probe.poller.adopt(raw) as UdpSocket
    return { probe, udp, to }
  }

  test.skipIf(isWine).each(hasIpv6 ? [LOCAL, '::1'] : [LOCAL])(
    'hears that nobody is at %s, with the peer',
    async (address) => {
      const { probe, udp, to } = await adopted({ address, port: await freeUdpPort() })
      udp.send('anybody?', to)
      const { error } = await probe.first('error', udp as UdpSocket<unknown>)
      expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'sendto', ...to })
      udp.send('and without an address?')
      await probe.until('that is reported too', () => probe.seen('error').length === 2)
      expect(probe.poller.stats).toMatchObject({ datagramsSent: 2, datagramsDropped: 0 })
    }
  )

  test.skipIf(isWindows)('hears what came before it was adopted', async () => {
    const probe = openProbe()
    const raw = rawUdp()
    raw.connect({ address: LOCAL, port: await freeUdpPort() })
    raw.send('anybody?')
    const udp = probe.poller.adopt(raw) as UdpSocket
    const { error } = await probe.first('error', udp as UdpSocket<unknown>)
    expect(error).toMatchObject({ code: 'ECONNREFUSED', port: udp.remoteAddress?.port })
    expect(await probe.quiet(20)).toEqual([])
  })

  test('knows its peer, needs no address to send, and hears nobody else', async () => {
    const peer = await bindPeer()
    const other = await bindPeer()
    const { probe, udp, to } = await adopted({ address: LOCAL, port: peer.port })
    expect(udp.remoteAddress).toMatchObject(to)
    expect(udp.send('without an address')).toBe(true)
    await probe.until(
      'it is there',
      () => peer.received[0]?.data.toString() === 'without an address'
    )
    other.send('let me in', udp.localAddress)
    peer.send('answer', udp.localAddress)
    const event = await probe.first('datagram', udp as UdpSocket<unknown>)
    expect(event.data.toString()).toBe('answer')
    await probe.quiet(20)
    expect(probe.seen('datagram').length).toBe(1)
  })
})

test('a socket that is not connected has no peer, and needs an address', () => {
  const { poller } = openProbe()
  const udp = poller.bindUdp({ address: LOCAL, port: 0 })
  expect(udp.remoteAddress).toBeUndefined()
  expect(thrownBy(() => udp.send('x')).code).toBe('ERR_INVALID_ARG_TYPE')
  expect(thrownBy(() => (poller.adopt(rawUdp()) as UdpSocket).send('x')).code).toBe(
    'ERR_INVALID_ARG_TYPE'
  )
})
