// explore() finds faults of programs that only bad weather shows, and makes their plans smaller.
import { explore, replay, type ScenarioOptions, SimulationError } from 'pollport/simulation'
import { expect, test } from 'vitest'

const SERVER = '10.0.0.1'
const HOSTS = [SERVER, '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']

/**
 * A server that sells one seat to each client, whose clients ask again on a new connection when no
 * answer comes. `isCareful`: it remembers who has one.
 */
function seats(isCareful: boolean): ScenarioOptions {
  const sold = new Map<string, number>()
  return {
    link: { latencyMs: { min: 5, mean: 15 }, loss: 0.01 },
    scenario(network, plan) {
      sold.clear()
      const server = network.host(SERVER)
      server.run(() => {
        const poller = server.poller()
        poller.listenTcp({ address: '0.0.0.0', port: 80 })
        return poller.run((events) => {
          for (const event of events)
            if (event.type === 'receive') {
              const name = String(event.data)
              if (!isCareful || !sold.has(name)) sold.set(name, (sold.get(name) ?? 0) + 1)
              event.socket.send('yours')
            }
        })
      })
      for (const address of plan.hosts.filter((host) => host !== SERVER)) {
        const client = network.host(address)
        client.run(() => {
          const poller = client.poller()
          let hasSeat = false
          const ask = () => {
            if (hasSeat) return
            const connection = poller.connectTcp({ address: SERVER, port: 80, timeoutMs: 900 })
            connection.send(address)
            retry.set(1000)
          }
          const retry = poller.timer(ask)
          ask()
          return poller.run((events) => {
            for (const event of events) if (event.type === 'receive') hasSeat = true
          })
        })
      }
    },
    check() {
      for (const [name, count] of sold)
        if (count > 1) throw new Error(`${name} was sold ${count} seats`)
    }
  }
}

test('a seat that is sold twice is found within 200 seeds, and its plan is small and replays', async () => {
  const search = explore({ ...seats(false), seeds: 200, durationMs: 20_000, hosts: HOSTS })
  const error: unknown = await search.catch((reason: unknown) => reason)
  if (!(error instanceof SimulationError)) throw new Error('nothing was found')
  expect(error.message).toContain('was sold 2 seats')
  expect(error.plan.faults.length).toBeLessThanOrEqual(1)
  expect(error.plan.hosts).toHaveLength(2)
  const again: unknown = await replay(error.plan, seats(false)).catch((reason: unknown) => reason)
  expect(again).toMatchObject({ message: error.message, plan: error.plan })
  // What was found is what the careful server does not do.
  await replay(error.plan, seats(true))
})

test('the same failure of another host is the same failure, whatever its address', async () => {
  const hosts = ['10.0.0.1', 'fd00::1', 'FD00:7::a', '::1:2']
  const search = explore({
    seeds: 1,
    durationMs: 10,
    faults: 0,
    hosts,
    scenario(_network, plan) {
      throw new Error(`${plan.hosts.at(-1)} has 2 seats`)
    }
  })
  const error: unknown = await search.catch((reason: unknown) => reason)
  if (!(error instanceof SimulationError)) throw new Error('nothing was found')
  expect(error.plan.hosts).toEqual(['10.0.0.1'])
})

test('a server that remembers passes them all', async () => {
  const passed = await explore({ ...seats(true), seeds: 100, durationMs: 20_000, hosts: HOSTS })
  expect(passed).toBe(100)
})

test('a fault is over when its time is: everybody is served by the end', async () => {
  const counts: number[] = []
  await explore({
    seeds: 50,
    durationMs: 30_000,
    hosts: [SERVER, '10.0.0.2'],
    scenario(network) {
      let echoes = 0
      const server = network.host(SERVER)
      server.run(() => {
        const poller = server.poller()
        const socket = poller.bindUdp({ address: SERVER, port: 4000 })
        return poller.run((events) => {
          for (const event of events)
            if (event.type === 'datagram') socket.send(event.data, event.address)
        })
      })
      const client = network.host('10.0.0.2')
      client.run(() => {
        const poller = client.poller()
        const socket = poller.bindUdp({ address: '10.0.0.2', port: 4000 })
        const ask = poller.timer(() => {
          socket.send('x', { address: SERVER, port: 4000 })
          ask.set(100)
        })
        ask.set(0)
        return poller.run((events) => {
          for (const { type } of events) if (type === 'datagram' && network.now > 21_000) echoes++
        })
      })
      counts.push(0)
      network.rule(() => {
        counts[counts.length - 1] = echoes
        return 'pass'
      })
    }
  })
  expect(counts).toHaveLength(50)
  expect(Math.min(...counts)).toBeGreaterThan(85)
})
