// IPv6 in a simulated network: hosts, sockets of both families, and IPv4 as an IPv6 socket shows
// it. What is said of errors here is what Linux does.
import { type PollEvent, Poller, type PollerOptions } from 'pollport'
import { type Packet, replay, SimulatedNetwork } from 'pollport/simulation'
import { describe, expect, test } from 'vitest'
import { NodeSystem } from '../support/node-system.ts'

const SERVER = ['10.0.0.1', 'fd00::1']
const code = (name: string) => expect.objectContaining({ code: name })

function world() {
  const network = new SimulatedNetwork({ seed: 1, latencyMs: 5 })
  const server = network.host(SERVER).poller<string>()
  const client = network.host(['10.0.0.2', 'fd00::2']).poller<string>()
  const onlyIpv4 = network.host('10.0.0.3').poller<string>()
  return { network, server, client, onlyIpv4 }
}

function all(poller: Poller<string>, ms = 50): PollEvent<string>[] {
  const seen: PollEvent<string>[] = []
  for (let events = poller.wait(ms); events.length > 0; events = poller.wait(ms))
    for (const event of events)
      seen.push(event.type === 'datagram' ? { ...event, data: Buffer.from(event.data) } : event)
  return seen
}

const accepts = (events: PollEvent<string>[]) =>
  events.flatMap((event) =>
    event.type === 'accept' ? [`${event.socket.localAddress} ${event.socket.remoteAddress}`] : []
  )
const answers = (events: PollEvent<string>[]) =>
  events.map((event) => ('error' in event ? `${event.type} ${event.error?.message}` : event.type))

describe('TCP', () => {
  test('a connection over IPv6 has IPv6 addresses on both sides', () => {
    const { server, client } = world()
    server.listenTcp({ address: 'fd00::1', port: 80 })
    const connection = client.connectTcp({ address: 'FD00:0::1', port: 80 })
    connection.send('six')
    expect(accepts(all(server))).toEqual([`[fd00::1]:80 ${connection.localAddress}`])
    expect(connection.localAddress.address).toBe('fd00::2')
    expect(String(connection.remoteAddress)).toBe('[fd00::1]:80')
  })

  test('a listener on :: takes both families, and shows IPv4 as mapped addresses', () => {
    const { server, client, onlyIpv4 } = world()
    server.listenTcp({ address: '::', port: 80 })
    const six = client.connectTcp({ address: 'fd00::1', port: 80 })
    const four = onlyIpv4.connectTcp({ address: '10.0.0.1', port: 80 })
    for (const poller of [client, onlyIpv4]) poller.flush()
    expect(accepts(all(server))).toEqual([
      `[fd00::1]:80 ${six.localAddress}`,
      `[::ffff:10.0.0.1]:80 [::ffff:10.0.0.3]:${four.localAddress.port}`
    ])
    expect(String(four.remoteAddress)).toBe('10.0.0.1:80')
  })

  test('with ipv6Only it refuses IPv4, and a listener of IPv4 has the same port', () => {
    const { server, client, onlyIpv4 } = world()
    server.listenTcp({ address: '::', port: 80, ipv6Only: true })
    const refused = onlyIpv4.connectTcp({ address: '10.0.0.1', port: 80 })
    expect(answers(all(onlyIpv4))).toEqual([
      'close connect ECONNREFUSED 10.0.0.1:80: no socket listens at that address'
    ])
    expect(refused.closed).toBe(true)
    server.listenTcp({ address: '0.0.0.0', port: 80 })
    onlyIpv4.connectTcp({ address: '10.0.0.1', port: 80 })
    client.connectTcp({ address: 'fd00::1', port: 80 })
    for (const poller of [client, onlyIpv4]) poller.flush()
    expect(accepts(all(server)).map((text) => text.split(' ')[0])).toEqual(
      expect.arrayContaining(['10.0.0.1:80', '[fd00::1]:80'])
    )
  })

  test('to ::ffff:10.0.0.1 it is a connection of IPv4, which its own side alone shows as IPv6', () => {
    const { server, client } = world()
    server.listenTcp({ address: '10.0.0.1', port: 80 })
    const connection = client.connectTcp({ address: '::ffff:10.0.0.1', port: 80 })
    const { port } = connection.localAddress
    expect(String(connection.localAddress)).toBe(`[::ffff:10.0.0.2]:${port}`)
    expect(accepts(all(server))).toEqual([`10.0.0.1:80 10.0.0.2:${port}`])
    expect(answers(all(client))).toEqual(['connect'])
    expect(String(connection.remoteAddress)).toBe('[::ffff:10.0.0.1]:80')
  })

  test('a host without IPv6 cannot reach IPv6, but itself on ::1', () => {
    const { onlyIpv4 } = world()
    onlyIpv4.connectTcp({ address: 'fd00::1', port: 80 })
    expect(answers(all(onlyIpv4))).toEqual([
      'close connect ENETUNREACH fd00::1:80: the network is unreachable'
    ])
    onlyIpv4.listenTcp({ address: '::1', port: 80 })
    onlyIpv4.connectTcp({ address: '::1', port: 80 })
    const events = all(onlyIpv4)
    expect(answers(events).toSorted()).toEqual(['accept', 'connect'])
    expect(accepts(events)[0]).toMatch(/^\[::1\]:80 \[::1\]:\d+$/)
  })

  test('its segments are as much smaller as the header is larger', () => {
    const { network, server, client } = world()
    const largest = { '10.0.0.2': 0, 'fd00::2': 0 }
    network.rule(({ from, data }: Packet) => {
      if (from === '10.0.0.2' || from === 'fd00::2')
        largest[from] = Math.max(largest[from], data.length)
      return 'pass'
    })
    server.listenTcp({ address: '::', port: 80 })
    for (const address of SERVER)
      client.connectTcp({ address, port: 80 }).send(Buffer.alloc(10_000))
    while (network.now < 200) for (const poller of [client, server]) poller.wait(5)
    expect(largest).toEqual({ '10.0.0.2': 1460, 'fd00::2': 1440 })
  })
})

describe('UDP', () => {
  test('a socket on :: takes both families, and answers each', () => {
    const { server, client, onlyIpv4 } = world()
    const socket = server.bindUdp({ address: '::', port: 9 })
    const six = client.bindUdp({ address: '::', port: 9, ipv6Only: true })
    const four = onlyIpv4.bindUdp({ address: '0.0.0.0', port: 9 })
    six.send('six', { address: 'fd00::1', port: 9 })
    four.send('four', { address: '10.0.0.1', port: 9 })
    for (const poller of [client, onlyIpv4]) poller.flush()
    const from = all(server).flatMap((event) => (event.type === 'datagram' ? [event.address] : []))
    expect(from.map(String)).toEqual(['[fd00::2]:9', '[::ffff:10.0.0.3]:9'])
    for (const address of from) socket.send('answer', address)
    server.flush()
    for (const [poller, text] of [
      [client, '[fd00::1]:9'],
      [onlyIpv4, '10.0.0.1:9']
    ] as const)
      expect(all(poller).map((event) => event.type === 'datagram' && `${event.address}`)).toEqual([
        text
      ])
  })

  test('what cannot be sent is an error of the address', () => {
    const { client, onlyIpv4 } = world()
    const sockets = {
      only: client.bindUdp({ address: '::', port: 0, ipv6Only: true }),
      specific: client.bindUdp({ address: 'fd00::2', port: 0 }),
      mapped: client.bindUdp({ address: '::ffff:10.0.0.2', port: 0 })
    }
    const to = { address: '::ffff:10.0.0.1', port: 9 }
    sockets.only.send('x', to)
    sockets.specific.send('x', to)
    sockets.mapped.send('x', { address: 'fd00::1', port: 9 })
    expect(answers(all(client))).toEqual([
      'error sendto ENETUNREACH ::ffff:10.0.0.1:9: the network is unreachable',
      'error sendto ENETUNREACH ::ffff:10.0.0.1:9: the network is unreachable',
      'error sendto EAFNOSUPPORT fd00::1:9: the address is of another family than the socket'
    ])
    onlyIpv4.bindUdp({ address: '::', port: 0 }).send('x', { address: 'fd00::1', port: 9 })
    expect(answers(all(onlyIpv4))).toEqual([
      'error sendto ENETUNREACH fd00::1:9: the network is unreachable'
    ])
  })

  test('a socket of the loopback reaches no other host, but each address of its own', () => {
    const { server, client } = world()
    server.bindUdp({ address: '::', port: 9 })
    client.bindUdp({ address: '::', port: 9 }, 'own')
    for (const [address, other, own] of [
      ['127.0.0.1', '10.0.0.1', '10.0.0.2'],
      ['::ffff:127.0.0.1', '::ffff:10.0.0.1', '::ffff:127.0.0.2'],
      ['::1', 'fd00::1', '::1']
    ] as const) {
      const socket = client.bindUdp({ address, port: 0 })
      for (const to of [other, own]) socket.send('x', { address: to, port: 9 })
    }
    const reason = 'an argument is invalid, or the socket is not in the right state'
    expect(answers(all(client)).toSorted()).toEqual([
      'datagram',
      'datagram',
      'datagram',
      `error sendto EINVAL 10.0.0.1:9: ${reason}`,
      `error sendto EINVAL ::ffff:10.0.0.1:9: ${reason}`
    ])
    expect(all(server)).toEqual([])
    client.connectTcp({ address: '10.0.0.1', port: 80, localAddress: '127.0.0.1' })
    expect(answers(all(client))).toEqual([`close connect EINVAL 10.0.0.1:80: ${reason}`])
  })

  test('a datagram to a mapped address is no longer than one of IPv4', () => {
    const { server, client } = world()
    server.bindUdp({ address: '::', port: 9 })
    const socket = client.bindUdp({ address: '::', port: 0 })
    for (const address of ['::ffff:10.0.0.1', 'fd00::1'])
      for (const bytes of [65_507, 65_508]) socket.send(Buffer.alloc(bytes), { address, port: 9 })
    expect(answers(all(client))).toEqual([
      'error sendto EMSGSIZE ::ffff:10.0.0.1:9: the datagram is too long'
    ])
    const lengths = all(server).map((event) => event.type === 'datagram' && event.data.length)
    expect(lengths).toEqual([65_507, 65_507, 65_508])
  })

  test('an unreachable port is reported with the address that it was sent to', () => {
    const { client } = world()
    const socket = client.bindUdp({ address: '::', port: 0, reportUnreachable: true })
    const addresses = ['fd00::1', '::ffff:10.0.0.1']
    for (const address of addresses) socket.send('x', { address, port: 9 })
    expect(all(client)).toMatchObject(
      addresses.map((address) => ({ type: 'error', error: { code: 'ECONNREFUSED', address } }))
    )
  })
})

// The same on a simulated host and on the system.
const systems: Record<string, (options?: PollerOptions) => Poller> = {
  'a simulated host': (options) => new SimulatedNetwork({ seed: 1 }).host(SERVER).poller(options)
}
if (process.platform === 'linux' && new NodeSystem().hasIpv6)
  systems.Linux = (options) => new Poller(options)

describe.each(Object.keys(systems))('on %s', (name) => {
  const withPoller = (use: (poller: Poller) => void) => () => {
    const poller = systems[name]?.()
    if (poller === undefined) throw new Error(name)
    try {
      use(poller)
    } finally {
      poller.close()
    }
  }

  test(
    'a port of :: is taken for IPv4 too, unless it is ipv6Only',
    withPoller((poller) => {
      const both = poller.listenTcp({ address: '::', port: 0 })
      const { port } = both.localAddress
      for (const address of ['0.0.0.0', '127.0.0.1', '::1', '::ffff:127.0.0.1', '::'])
        expect(() => poller.listenTcp({ address, port }), address).toThrow(code('EADDRINUSE'))
      const four = poller.bindUdp({ address: '127.0.0.1', port: 0 })
      expect(() => poller.bindUdp({ address: '::', port: four.localAddress.port })).toThrow(
        code('EADDRINUSE')
      )
      const only = poller.listenTcp({ address: '::', port: 0, ipv6Only: true })
      const beside = { address: '0.0.0.0', port: only.localAddress.port }
      expect(String(poller.listenTcp(beside).localAddress)).toBe(`0.0.0.0:${beside.port}`)
    })
  )

  test(
    'addresses that a socket cannot have are refused',
    withPoller((poller) => {
      const mapped = { address: '::ffff:127.0.0.1', port: 0, ipv6Only: true }
      expect(() => poller.listenTcp(mapped)).toThrow(code('EINVAL'))
      expect(() => poller.bindUdp({ address: 'fd00::99', port: 0 })).toThrow(code('EADDRNOTAVAIL'))
      for (const [address, localAddress] of [
        ['::1', '127.0.0.1'],
        ['127.0.0.1', '::1']
      ] as const)
        expect(() => poller.connectTcp({ address, port: 9, localAddress })).toThrow(
          code('EAFNOSUPPORT')
        )
    })
  )

  test(
    'a connection from an address of the one family does not get to the other',
    withPoller((poller) => {
      const { port } = poller.listenTcp({ address: '::', port: 0 }).localAddress
      for (const [address, localAddress] of [
        ['::ffff:127.0.0.1', '::1'],
        ['::1', '::ffff:127.0.0.1']
      ] as const)
        poller.connectTcp({ address, port, localAddress })
      const codes = poller.wait(1000).map((event) => 'error' in event && event.error?.code)
      expect(codes).toEqual(['ENETUNREACH', 'EAFNOSUPPORT'])
    })
  )

  test(
    'a socket that is bound to a mapped address says so',
    withPoller((poller) => {
      for (const address of ['::ffff:127.0.0.1', '::ffff:0.0.0.0'])
        expect(poller.bindUdp({ address, port: 0 }).localAddress.address).toBe(address)
    })
  )
})

test('there are no scopes: what names one is refused, with the reason', () => {
  const { network, server } = world()
  for (const address of ['fe80::1%1', 'fe80::1%lo'])
    expect(() => network.host(address)).toThrow(/a simulated network has no scopes: leave it out/)
  const scoped = { address: 'fe80::1%1', port: 9 }
  expect(() => server.listenTcp(scoped)).toThrow(/ENOTSUP .*a simulated network has no scopes/)
  server.connectTcp(scoped)
  server.bindUdp({ address: '::', port: 0 }).send('x', scoped)
  expect(all(server).map((event) => 'error' in event && event.error?.code)).toEqual([
    'ENOTSUP',
    'ENOTSUP'
  ])
  // An address of a link is one like others.
  expect(network.host('fe80::1').address).toBe('fe80::1')
})

test('a host has the address in its one form, and none that means no host', () => {
  const { network } = world()
  expect(network.host('FD00:0:0::9').address).toBe('fd00::9')
  for (const [address, message] of [
    ['fd00:0::9', /another host has it/],
    ['::1', /no address of a host/],
    ['::', /no address of a host/],
    ['::ffff:10.0.0.9', /write it as '10.0.0.9'/],
    ['fd00::g', /is not a numeric IPv4 or IPv6 address/]
  ] as const)
    expect(() => network.host(address), address).toThrow(message)
})

test('a partition cuts IPv6 by whole addresses and by beginnings, and IPv4 goes on', () => {
  for (const [one, other] of [
    [['fd00:0::1'], ['fd00::2']],
    [['fd00:*'], ['fd00:*']],
    [['FD00:*'], ['Fd00::2*']]
  ] as const) {
    const { network, server, client } = world()
    server.listenTcp({ address: '::', port: 80 })
    network.partition(one, other)
    for (const address of SERVER) client.connectTcp({ address, port: 80 }, address)
    expect(all(client, 500)).toMatchObject([{ type: 'connect', userPtr: '10.0.0.1' }])
    network.heal()
    expect(all(client, 5000)).toMatchObject([{ type: 'connect', userPtr: 'fd00::1' }])
  }
})

test('a side of a partition is refused if no packet has such an address', () => {
  const { network } = world()
  for (const [address, message] of [
    ['fe80::1%1', /a simulated network has no scopes/],
    ['fe80::1%eth0', /a simulated network has no scopes/],
    ['::ffff:10.0.0.1', /write it as '10.0.0.1'/],
    ['fd00::g', /is not a numeric IPv4 or IPv6 address/]
  ] as const)
    for (const [one, other] of [
      [[address], ['*']],
      [['*'], [address]]
    ] as const)
      expect(() => network.partition(one, other), address).toThrow(message)
})

test('a partition of a plan cuts the whole of each host, whichever address names it', async () => {
  for (const one of ['10.0.0.1', 'FD00:0::1', '10.0.0.*']) {
    const reached = new Set<string>()
    const fault = { kind: 'partition', atMs: 0, forMs: 80, one: [one], other: ['*'] } as const
    await replay(
      { seed: 1, durationMs: 50, hosts: SERVER, faults: [fault] },
      {
        link: { latencyMs: 5 },
        scenario(network) {
          const server = network.host(SERVER)
          const client = network.host(['192.0.2.1', 'fd00::2'])
          server.run(() => {
            const poller = server.poller()
            poller.bindUdp({ address: '::', port: 9 })
            return poller.run((events) => {
              for (const event of events)
                if (event.type === 'datagram') reached.add(event.address.address)
            })
          })
          client.run(async () => {
            await client.sleep(1)
            const poller = client.poller()
            const socket = poller.bindUdp({ address: '::', port: 0 })
            for (const address of ['::ffff:10.0.0.1', 'fd00::1'])
              socket.send('x', { address, port: 9 })
            poller.flush()
          })
        }
      }
    )
    // A beginning cuts the addresses that begin so, and no more.
    expect([...reached], one).toEqual(one.endsWith('*') ? ['fd00::2'] : [])
  }
})

test('a plan strikes a host by any form of its address, and a run of a seed is the same again', async () => {
  const runs: { starts: number; trace: string }[] = []
  for (const host of ['fd00::1', 'FD00:0::1']) {
    let starts = 0
    const plan = {
      seed: 3,
      durationMs: 100,
      hosts: [host],
      faults: [{ kind: 'crash', atMs: 10, forMs: 5, host }]
    } as const
    await replay(plan, {
      scenario: (network) => {
        const server = network.host(host)
        server.run(async () => {
          starts++
          const poller = server.poller()
          poller.bindUdp({ address: '::', port: 9 }).send('x', { address: '::1', port: 9 })
          await poller.run(() => {})
        })
      },
      checkAtEnd: ({ trace }) => runs.push({ starts, trace })
    })
  }
  expect(runs[0]).toMatchObject({ starts: 2 })
  expect(runs[1]).toEqual(runs[0])
})
