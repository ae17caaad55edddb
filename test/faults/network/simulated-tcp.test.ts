// The simulation's TCP under loss behaves as the kernel's over a cable that loses as much: what is
// sent again, how many packets it takes, and how long, within the bounds that are stated here.
import type { PollEvent, TcpConnection } from 'pollport'
import { SimulatedNetwork } from 'pollport/simulation'
import { describe, expect, test } from 'vitest'
import { newSeed } from '../../support/poller-random.ts'
import { Ending, WAYS } from './ending.mjs'
import { Network, reasonAgainst } from './lab.ts'
import { Transfer } from './transfer.mjs'

const reason = reasonAgainst()
if (reason) console.warn(`test/faults/network is skipped: ${reason}`)

const CONNECTIONS = 60
const BYTES = 200_000
const DELAY_MS = 10
const LOSSES = [0, 20, 50] // in a thousand
const FAR = '10.213.0.2'
const PORT = 7000

interface Outcome {
  whole: number
  /** Until the middle one of the connections was closed, and the last one. */
  middleMs: number
  ms: number
  packets: number
  lost: number
}

/** The same transfers, over a cable that a relay loses packets of. */
async function real(loss: number): Promise<Outcome> {
  const network = await Network.open(newSeed())
  await network.weather({ loss, delayUs: DELAY_MS * 1000 })
  const server = network.start(1, 'server')
  await server.at('ready')
  const client = network.start(0, 'transfers', { to: FAR, count: CONNECTIONS, length: BYTES })
  const { whole, middleMs, ms } = (await client.at('done', 80_000)) as unknown as Outcome
  server.go({ closed: CONNECTIONS })
  await server.at('done')
  const counters = (await network.counters()).filter(({ udp }) => !udp)
  const sum = (of: 'seen' | 'lost') => counters.reduce((total, one) => total + one[of], 0)
  return { whole, middleMs, ms, packets: sum('seen'), lost: sum('lost') }
}

async function simulated(loss: number): Promise<Outcome> {
  const network = new SimulatedNetwork({ seed: newSeed(), latencyMs: DELAY_MS })
  let packets = 0
  let lost = 0
  network.rule(() => {
    packets++
    const isLost = network.random.chance(loss / 1000)
    if (isLost) lost++
    return isLost ? 'drop' : 'pass'
  })
  const server = network.host(FAR)
  server.run(() => {
    const poller = server.poller<Transfer>()
    poller.listenTcp({ address: FAR, port: PORT })
    return poller.run((events) => events.forEach(handle))
  })
  let whole = 0
  const closedMs: number[] = []
  const client = network.host('10.213.0.1')
  client.run(() => {
    const poller = client.poller<Transfer>()
    const numbers = new Map<TcpConnection<Transfer>, number>()
    for (let number = 1; number <= CONNECTIONS; number++)
      numbers.set(poller.connectTcp({ address: FAR, port: PORT }), number)
    return poller.run((events) =>
      events.forEach((event) => {
        if (event.type === 'connect') {
          const number = numbers.get(event.socket) ?? 0
          event.socket.userPtr = new Transfer(event.socket, { number, length: BYTES })
        }
        handle(event)
        if (event.type !== 'close') return
        closedMs.push(network.now)
        const isWhole = event.socket.userPtr instanceof Transfer && event.socket.userPtr.whole
        if (isWhole && event.error === undefined) whole++
      })
    )
  })
  await network.run({ untilMs: 80_000 })
  const middleMs = closedMs[closedMs.length >> 1]
  return { whole, middleMs, ms: closedMs[closedMs.length - 1], packets, lost }
}

function handle(event: PollEvent<Transfer>): void {
  if (event.type === 'accept') event.socket.userPtr = new Transfer(event.socket)
  if (event.type === 'receive') event.userPtr?.take(event.data)
  if (event.type === 'drain') event.userPtr?.sendMore()
  if (event.type === 'end') event.userPtr?.ended()
}

const ENDINGS = 20
const ENDINGS_LOSS = 30 // in a thousand

/** What both sides see of connections that end in each way, over the cable. */
async function realEndings(): Promise<string[]> {
  const network = await Network.open(newSeed())
  await network.weather({ loss: ENDINGS_LOSS, delayUs: DELAY_MS * 1000 })
  const server = network.start(1, 'endings', { count: ENDINGS })
  await server.at('ready')
  const client = network.start(0, 'endings', { to: FAR, count: ENDINGS })
  const done = await Promise.all([client.at('done', 80_000), server.at('done', 80_000)])
  return done.flatMap(({ stories }) => stories as string[])
}

async function simulatedEndings(): Promise<string[]> {
  const network = new SimulatedNetwork({
    seed: newSeed(),
    latencyMs: DELAY_MS,
    loss: ENDINGS_LOSS / 1000
  })
  const stories: string[] = []
  const take = (event: PollEvent<Ending>) => {
    if (event.type === 'accept') event.socket.userPtr = new Ending(event.socket)
    else if (event.type !== 'wake') {
      const story = event.userPtr?.take(event)
      if (story !== undefined) stories.push(story)
    }
  }
  const server = network.host(FAR)
  server.run(() => {
    const poller = server.poller<Ending>()
    poller.listenTcp({ address: FAR, port: PORT })
    return poller.run((events) => events.forEach(take))
  })
  const client = network.host('10.213.0.1')
  client.run(() => {
    const poller = client.poller<Ending>()
    const ways = new Map<TcpConnection<Ending>, number>()
    for (let number = 0; number < ENDINGS * WAYS.length; number++)
      ways.set(poller.connectTcp({ address: FAR, port: PORT }), number % WAYS.length)
    return poller.run((events) =>
      events.forEach((event) => {
        if (event.type === 'connect')
          event.socket.userPtr = new Ending(event.socket, ways.get(event.socket))
        else take(event)
      })
    )
  })
  await network.run({ untilMs: 80_000 })
  return stories
}

describe.skipIf(reason)('simulated TCP beside the kernel’s', () => {
  test.each(LOSSES)(
    'with %d of a thousand packets lost, all bytes arrive in about as many packets and as much time',
    async (loss) => {
      const kernel = await real(loss)
      const ours = await simulated(loss)
      const both = `kernel ${JSON.stringify(kernel)}, simulation ${JSON.stringify(ours)}`
      console.log(`${loss} of 1,000 lost: ${both}`)
      expect([kernel.whole, ours.whole], both).toEqual([CONNECTIONS, CONNECTIONS])
      // The kernel acknowledges every other segment, the simulation each: as many segments are
      // twice as many packets to 3 / 2 as many.
      expect(ours.packets / kernel.packets, both).toBeGreaterThan(0.8)
      expect(ours.packets / kernel.packets, both).toBeLessThan(1.8)
      // What is lost is sent again, and little besides.
      const segments = (2 * CONNECTIONS * BYTES) / 1460
      expect(ours.packets - 2 * segments - 2 * ours.lost, both).toBeLessThan(0.15 * segments)
      // A machine that is busy makes the kernel's time longer, and never shorter. The kernel has
      // SACK (RFC 2018), and repairs several losses in one round trip. The last connection tells
      // nothing here: a SYN that is lost takes seconds, on either side.
      expect(ours.middleMs / kernel.middleMs, both).toBeLessThan(3)
      // Slow start (RFC 5681): 137 segments in windows of 10, 20, 40 and 80, between a handshake
      // and an end.
      if (loss === 0) expect(ours.ms / (2 * DELAY_MS), both).toBeLessThan(8)
      else {
        expect(ours.ms / (2 * DELAY_MS), both).toBeGreaterThan(8)
        // Loss leaves a window of sqrt(1.5 / loss) segments (Mathis and others, 1997).
        const window = Math.sqrt(1.5 / (loss / 1000))
        const roundTrips = BYTES / 1460 / window
        expect(ours.middleMs / (2 * DELAY_MS), both).toBeLessThan(1.7 * roundTrips)
      }
    },
    120_000
  )
  test('half-closes and resets under loss are seen by both sides as over the kernel’s', async () => {
    const kernel = await realEndings()
    const ours = await simulatedEndings()
    expect(kernel).toHaveLength(2 * WAYS.length * ENDINGS)
    expect(ours.sort()).toEqual(kernel.sort())
    expect([...new Set(ours)]).toEqual([
      'half-close, client: end after 100000 bytes, close in order',
      'half-close, server: end after 100000 bytes, close in order',
      'reset by the client, client: close in order',
      'reset by the client, server: close ECONNRESET',
      'reset by the server, client: close ECONNRESET',
      'reset by the server, server: close in order'
    ])
  }, 120_000)
})
