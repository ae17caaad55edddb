// Programs of simulated hosts run one at a time, in virtual time, and the same again for the same
// seed.
import { runLoop } from 'pollport'
import { SimulatedNetwork } from 'pollport/simulation'
import { expect, test } from 'vitest'

const SERVER = '10.0.0.1'

/** A server that answers each line, and three clients that ask at random times. */
async function conversation(seed: number): Promise<{ log: string[]; trace: string }> {
  const network = new SimulatedNetwork({
    seed,
    latencyMs: { min: 5, mean: 20 },
    jitterMs: 10,
    loss: 0.05
  })
  const log: string[] = []
  const server = network.host(SERVER)
  server.run(async () => {
    const poller = server.poller()
    poller.listenTcp({ address: '0.0.0.0', port: 80 })
    for await (const events of poller)
      for (const event of events) {
        log.push(`${network.now} server ${event.type}`)
        if (event.type === 'receive') event.socket.send(event.data)
      }
  })
  for (let number = 2; number < 5; number++) {
    const host = network.host(`10.0.0.${number}`)
    host.run(async () => {
      await host.sleep(host.random.fraction() * 100)
      const poller = host.poller()
      const connection = poller.connectTcp({ address: SERVER, port: 80 })
      poller.timer(() => connection.end()).set(500)
      connection.send(`hello from ${number}`)
      await poller.run((events) => {
        for (const { type } of events) log.push(`${network.now} ${number} ${type}`)
      })
    })
  }
  await network.run({ untilMs: 30_000 })
  return { log, trace: network.trace }
}

test('run(), for await, timers and sleep() go on in virtual time, and the same seed does the same', async () => {
  const traces = new Set<string>()
  for (let seed = 1; seed <= 25; seed++) {
    const first = await conversation(seed)
    expect(await conversation(seed)).toEqual(first)
    expect(first.log.filter((line) => line.endsWith('accept'))).toHaveLength(3)
    expect(first.log.filter((line) => line.endsWith('server end'))).toHaveLength(3)
    traces.add(first.trace)
  }
  expect(traces.size).toBe(25)
})

test.each([0, 1, 1000])(
  'runLoop ticks in virtual time, with spinMs %d, and other hosts run meanwhile',
  async (spinMs) => {
    const network = new SimulatedNetwork({ seed: 1, latencyMs: 5 })
    const server = network.host(SERVER)
    const ticks: number[] = []
    server.run(async () => {
      const poller = server.poller()
      const socket = poller.bindUdp({ address: SERVER, port: 4000 })
      await runLoop(poller, {
        hz: 20,
        spinMs,
        onEvents: (events) => {
          for (const event of events)
            if (event.type === 'datagram') socket.send(event.data, event.address)
        },
        onTick: (tick, lateMs) => {
          ticks.push(network.now)
          expect(lateMs).toBe(0)
          return tick < 9
        }
      })
    })
    const client = network.host('10.0.0.2')
    const echoes: number[] = []
    client.run(async () => {
      const poller = client.poller()
      const socket = poller.bindUdp({ address: '10.0.0.2', port: 0 })
      poller.timer(() => socket.send('x', { address: SERVER, port: 4000 })).set(12)
      await poller.run(() => void echoes.push(network.now))
    })
    await network.run({ untilMs: 1000 })
    expect(ticks).toEqual([0, 50, 100, 150, 200, 250, 300, 350, 400, 450])
    expect(echoes).toEqual([22])
  }
)

test('what a program or a check throws ends the run, with the seed and the time', async () => {
  const failing = () => {
    const network = new SimulatedNetwork({ seed: 42 })
    const host = network.host(SERVER)
    host.run(async () => {
      await host.sleep(10)
      throw new Error('a seat was sold twice')
    })
    return network
  }
  await expect(failing().run({ untilMs: 100 })).rejects.toThrow(
    'seed 42, at 10.000 ms: a seat was sold twice'
  )
  const network = new SimulatedNetwork({ seed: 43 })
  const host = network.host(SERVER)
  host.run(() => host.sleep(25))
  const check = () => {
    if (network.now >= 25) throw new Error('invariant')
  }
  await expect(network.run({ untilMs: 100, check })).rejects.toThrow('seed 43, at 25.000 ms')
})

test('a crash ends programs for good, and restart() begins anew', async () => {
  const network = new SimulatedNetwork({ seed: 1 })
  const host = network.host(SERVER)
  const log: string[] = []
  host.run(async () => {
    log.push('first')
    await host.sleep(100)
    log.push('never')
  })
  await network.run({ untilMs: 50 })
  host.crash()
  expect(() => host.poller()).toThrow(expect.objectContaining({ code: 'ENETDOWN' }))
  host.restart(() => void log.push('second'))
  await network.run({ untilMs: 500 })
  expect(log).toEqual(['first', 'second'])
})

test('a blocking wait() that would hold up another program says so', async () => {
  const network = new SimulatedNetwork({ seed: 1 })
  const poller = network.host(SERVER).poller()
  expect(() => poller.wait()).toThrow(expect.objectContaining({ code: 'ERR_SIMULATION_BLOCKED' }))
  const host = network.host('10.0.0.2')
  host.run(async () => {
    const own = host.poller()
    own.timer(() => {}).set(20)
    void own.run(() => {})
    await host.sleep(1)
    poller.wait(1000)
  })
  await expect(network.run({ untilMs: 2000 })).rejects.toMatchObject({
    cause: { code: 'ERR_SIMULATION_BLOCKED' }
  })
})

test('a rule sees each packet, loses it or holds it up, until it is taken back', () => {
  const network = new SimulatedNetwork({ seed: 1, latencyMs: 10 })
  const one = network.host(SERVER).poller()
  const other = network.host('10.0.0.2').poller()
  const target = one.bindUdp({ address: SERVER, port: 4000 })
  const source = other.bindUdp({ address: '10.0.0.2', port: 0 })
  const undo = network.rule(({ data }) =>
    data[0] === 1 ? 'drop' : data[0] === 2 ? { delayMs: 90 } : 'pass'
  )
  for (const byte of [1, 2, 3]) source.send(Uint8Array.of(byte), target.localAddress)
  other.flush()
  const seen: [number, number | undefined][] = []
  const receive = () => {
    for (const event of one.wait(200))
      if (event.type === 'datagram') seen.push([network.now, event.data[0]])
  }
  receive()
  receive()
  expect(seen).toEqual([
    [10, 3],
    [100, 2]
  ])
  undo()
  source.send(Uint8Array.of(1), target.localAddress)
  other.flush()
  receive()
  expect(seen.at(-1)).toEqual([110, 1])
})
