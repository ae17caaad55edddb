// What a bad network does to packets, a program of pollport does not notice, but for the time it
// takes; what it does to connections, it is told.
import { describe, expect, test } from 'vitest'
import { newSeed } from '../../support/poller-random.ts'
import { survived } from '../tally.ts'
import { type Counters, FAR, NEAR, Network, reasonAgainst } from './lab.ts'

const reason = reasonAgainst()
if (reason) console.warn(`test/faults/network is skipped: ${reason}`)

const BAD = { loss: 20, damage: 5, duplicate: 10, reorder: 50, delayUs: 10_000, jitterUs: 3_000 }

const total = (all: Counters[], what: keyof Counters, udp = false) =>
  all
    .filter((counters) => counters.udp === udp)
    .reduce((sum, counters) => sum + Number(counters[what]), 0)

function count(all: Counters[]): void {
  for (const [row, what] of [
    ['packets: relayed', 'delivered'],
    ['packets: lost', 'lost'],
    ['packets: damaged', 'damaged'],
    ['packets: doubled', 'doubled'],
    ['packets: out of order', 'reordered']
  ] as const) {
    survived(row, total(all, what) + total(all, what, true))
  }
}

const open = () => Network.open(newSeed())

describe.skipIf(reason)('over a cable that loses, damages, doubles and reorders packets', () => {
  test('bytes arrive whole, both directions at once, on sixty connections', async () => {
    const network = await open()
    await network.weather(BAD)
    const server = network.start(1, 'server')
    await server.at('ready')
    const client = network.start(0, 'transfers', { to: FAR, count: 60, length: 200_000 })
    expect(await client.at('done', 80_000), `seed ${network.seed}`).toMatchObject({
      whole: 60,
      errors: []
    })
    server.go({ closed: 60 })
    const ended = await server.at('done')
    expect(ended, `seed ${network.seed}`).toMatchObject({
      whole: 60,
      broken: 0,
      closes: { none: 60 },
      sockets: 1
    })
    const counters = await network.counters()
    for (const what of ['lost', 'damaged', 'doubled', 'reordered'] as const) {
      expect(total(counters, what), what).toBeGreaterThan(10)
    }
    count(counters)
  })

  test('each datagram that the cable let through comes once, or as often as the cable doubled it, in its order, and never a wrong byte', async () => {
    const network = await open()
    await network.weather(BAD)
    const counter = network.start(1, 'counter')
    await counter.at('ready')
    const sender = network.start(0, 'datagrams', { to: FAR, count: 5_000 })
    counter.process.on('message', ({ mark, newest }: { mark: string; newest?: number }) => {
      if (mark === 'newest' && sender.process.connected) sender.go({ newest })
    })
    expect(await sender.at('done', 60_000)).toMatchObject({
      datagramsSent: 5_000,
      datagramsDropped: 0
    })
    const [there] = await untilStill(network)
    expect(there.seen).toBe(5_000)
    const passed = there.seen - there.lost - there.damaged
    counter.go({ received: passed + there.doubled })
    const found = await counter.at('done')
    expect(found, `seed ${network.seed}`).toMatchObject({
      corrupt: 0,
      different: passed,
      received: passed + there.doubled,
      doubled: there.doubled,
      reordered: there.reordered
    })
    expect(there.lost).toBeGreaterThan(10)
    expect(there.reordered).toBeGreaterThan(10)
    count(await network.counters())
  })
})

describe.skipIf(reason)('over a link that is slower than the program', () => {
  test('a datagram that send() said true to is sent, false means dropped, and drain says when to go on', async () => {
    const network = await open()
    network.slow(0, 4_000_000)
    const counter = network.start(1, 'counter')
    await counter.at('ready')
    const highWaterMarkBytes = 65_536
    const sender = network.start(0, 'flood', {
      to: FAR,
      count: 800,
      length: 1000,
      highWaterMarkBytes
    })
    const { answers, most, events, datagramsSent, datagramsDropped } = await sender.at(
      'done',
      60_000
    )
    const { true: yes, false: no } = answers as Record<string, number>
    expect(no).toBeGreaterThan(0)
    expect({ datagramsSent, datagramsDropped, events }).toEqual({
      datagramsSent: yes,
      datagramsDropped: no,
      events: ['drain']
    })
    expect(most).toBeGreaterThan(highWaterMarkBytes / 2)
    expect(most).toBeLessThanOrEqual(highWaterMarkBytes)
    for (;;) {
      const { seen, delivered } = (await network.counters()).filter(({ udp }) => udp)[0]
      if (seen >= yes && delivered >= yes) break
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    counter.go({ received: yes })
    expect(await counter.at('done')).toMatchObject({
      received: yes,
      different: yes,
      corrupt: 0,
      reordered: 0
    })
  })
})

/** The counters of datagrams that near sent, once nothing is under way any more. */
async function untilStill(network: Network): Promise<Counters[]> {
  const udp = async () => (await network.counters()).filter((counters) => counters.udp)
  for (;;) {
    const [there] = await udp()
    const done = there.lost + there.delivered + there.refused
    if (done === there.seen + there.doubled) return udp()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

describe.skipIf(reason)(
  'a path that is interrupted while forty transfers run, and repaired',
  () => {
    const interruptions = {
      'the cable is cut': [
        (network: Network) => network.cut(),
        (network: Network) => network.mend()
      ],
      "the client's device is taken down": [
        (network: Network) => network.link(0, 'down'),
        (network: Network) => network.link(0, 'up')
      ],
      "the server's device is taken down": [
        (network: Network) => network.link(1, 'down'),
        (network: Network) => network.link(1, 'up')
      ],
      "the client's address is taken away": [
        (network: Network) => network.address(0, 'delete'),
        (network: Network) => network.address(0, 'add')
      ]
    }

    test.each(Object.entries(interruptions))(
      '%s: all bytes arrive',
      async (_, [interrupt, mend]) => {
        const network = await open()
        await network.weather({ delayUs: 5_000, jitterUs: 1_000, loss: 5 })
        const server = network.start(1, 'server')
        await server.at('ready')
        const client = network.start(0, 'transfers', {
          to: FAR,
          count: 40,
          length: 400_000,
          stops: true
        })
        await client.at('half', 60_000)
        await interrupt(network)
        client.go()
        await new Promise((resolve) => setTimeout(resolve, 1_500))
        await mend(network)
        const done = await client.at('done', 80_000)
        expect(done, `seed ${network.seed}`).toMatchObject({ whole: 40, errors: [] })
        // The way was not there for longer than this, so that nothing can have been done before it
        // was repaired.
        expect(done.ms).toBeGreaterThan(500)
        server.go({ closed: 40 })
        expect(await server.at('done'), `seed ${network.seed}`).toMatchObject({
          whole: 40,
          closes: { none: 40 },
          sockets: 1
        })
        survived('ways interrupted and mended', 1)
        count(await network.counters())
      }
    )
  }
)

describe.skipIf(reason)('behind a cable that is cut for good', () => {
  test('a connect ends with ETIMEDOUT after its own timeoutMs, or when the system gives up', async () => {
    const network = await open()
    network.sysctl(0, 'ipv4.tcp_syn_retries', 1)
    await network.cut()
    const [own, system] = [
      network.start(0, 'connect', { to: FAR, timeoutMs: 400 }),
      network.start(0, 'connect', { to: FAR })
    ]
    const first = await own.at('done')
    expect(first).toMatchObject({ code: 'ETIMEDOUT', syscall: 'connect', address: FAR, sockets: 0 })
    expect(first.ms).toBeGreaterThanOrEqual(400)
    const second = await system.at('done', 60_000)
    expect(second).toMatchObject({
      code: 'ETIMEDOUT',
      syscall: 'connect',
      address: FAR,
      sockets: 0
    })
    expect(second.ms).toBeGreaterThanOrEqual(1_000)
    survived('peers behind a cut cable', 2)
  })

  test.each([
    ['keepAlive', {}],
    ['sendIntoNothing', {}],
    ['sendIntoNothing', { userTimeoutMs: 1_000 }]
  ])('%s %j: the connection closes once, with ETIMEDOUT', async (role, options) => {
    const network = await open()
    // Three repetitions instead of fifteen, which take a quarter of an hour.
    network.sysctl(0, 'ipv4.tcp_retries2', 3)
    const server = network.start(1, 'server')
    await server.at('ready')
    const client = network.start(0, role, { to: FAR, ...options })
    await client.at('ready')
    await network.cut()
    client.go()
    expect(await client.at('done', 60_000)).toMatchObject({ code: 'ETIMEDOUT' })
    survived('peers behind a cut cable', 1)
  })

  test('a silent peer is an idle timeout, and reset() gives the connection up at once', async () => {
    const network = await open()
    const server = network.start(1, 'server')
    await server.at('ready')
    const client = network.start(0, 'idle', { to: FAR })
    await client.at('ready')
    await network.cut()
    client.go()
    const done = await client.at('done')
    expect(done).toMatchObject({ sockets: 0 })
    expect(done.ms).toBeGreaterThanOrEqual(300)
    survived('peers behind a cut cable', 1)
  })
})

describe.skipIf(reason)('where no way leads', () => {
  const ELSEWHERE = '10.214.0.1'

  async function withoutWay(): Promise<Network> {
    const network = await open()
    network.ip(0, 'route', 'add', '10.214.0.0/16', 'via', FAR)
    network.sysctl(1, 'ipv4.ip_forward', 1)
    network.ip(1, 'route', 'add', 'unreachable', '10.214.0.0/16')
    return network
  }

  test('a connect to a net without a route is ENETUNREACH, to a host that a router cannot reach EHOSTUNREACH', async () => {
    const network = await withoutWay()
    const there = network.start(0, 'connect', { to: '10.215.0.1' })
    expect(await there.at('done')).toMatchObject({
      code: 'ENETUNREACH',
      syscall: 'connect',
      sockets: 0
    })
    const behind = network.start(0, 'connect', { to: ELSEWHERE })
    expect(await behind.at('done')).toMatchObject({
      code: 'EHOSTUNREACH',
      syscall: 'connect',
      address: ELSEWHERE
    })
    network.link(0, 'down')
    const down = network.start(0, 'connect', { to: FAR })
    expect(await down.at('done')).toMatchObject({
      code: 'ENETUNREACH',
      syscall: 'connect',
      address: FAR
    })
    survived('hosts without a way', 3)
  })

  test('a UDP socket that asked for reports gets each of them, and works on', async () => {
    const network = await withoutWay()
    const counter = network.start(1, 'counter')
    await counter.at('ready')
    const behind = network.start(0, 'lostWay', { to: ELSEWHERE, later: FAR })
    await behind.at('ready')
    behind.go()
    expect(await behind.at('lost')).toMatchObject({
      code: 'EHOSTUNREACH',
      address: ELSEWHERE,
      port: 7000
    })
    behind.go()
    expect(await behind.at('done')).toMatchObject({ isOpen: true })

    const down = network.start(0, 'lostWay', { to: FAR })
    await down.at('ready')
    network.link(0, 'down')
    down.go()
    expect(await down.at('lost')).toMatchObject({
      code: 'ENETUNREACH',
      syscall: 'sendto',
      address: FAR
    })
    network.link(0, 'up')
    down.go()
    expect(await down.at('done')).toMatchObject({ isOpen: true })

    const bound = network.start(0, 'lostWay', { to: FAR, from: NEAR })
    await bound.at('ready')
    network.address(0, 'delete')
    bound.go()
    expect(await bound.at('lost')).toMatchObject({ syscall: 'sendto', address: FAR })
    network.address(0, 'add')
    bound.go()
    expect(await bound.at('done')).toMatchObject({ isOpen: true })
    counter.go({ received: 3 })
    expect(await counter.at('done')).toMatchObject({ received: 3 })
    survived('hosts without a way', 3)
  })
})
