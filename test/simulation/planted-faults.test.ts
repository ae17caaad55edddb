// Faults that are put in on purpose are found by explore() within 200 seeds; what is right passes.
// The seat that is sold twice stands in explore.test.ts.
import { explore, type ScenarioOptions, SimulationError } from 'pollport/simulation'
import { expect, test } from 'vitest'

const SERVER = '10.0.0.1'
const CLIENT = '10.0.0.2'

/**
 * A worker that sleeps until it is woken, and a producer that wakes it only if it sleeps. `isLost`:
 * the worker says that it sleeps a moment after it has looked for jobs.
 */
function wakes(isLost: boolean): ScenarioOptions {
  let left = 0
  return {
    scenario(network) {
      const host = network.host(SERVER)
      const jobs: number[] = []
      let isAsleep = false
      left = 0
      const poller = host.poller()
      host.run(async () => {
        const batches = poller[Symbol.asyncIterator]()
        for (;;) {
          while (jobs.length > 0) {
            await host.sleep(host.random.below(5))
            jobs.pop()
            left--
          }
          if (isLost) await host.sleep(1)
          isAsleep = true
          if (jobs.length > 0 && !isLost) continue
          await batches.next()
          isAsleep = false
        }
      })
      host.run(async () => {
        for (let job = 0; job < 5; job++) {
          await host.sleep(host.random.below(30))
          jobs.push(job)
          left++
          if (isAsleep) poller.wake()
        }
      })
    },
    checkAtEnd() {
      if (left > 0) throw new Error(`${left} jobs were never done`)
    }
  }
}

/** Numbered messages; `isReordered`: every other one takes a second connection. */
function messages(isReordered: boolean): ScenarioOptions {
  const received: number[] = []
  return {
    link: { latencyMs: 10, jitterMs: 5, loss: 0.02 },
    scenario(network) {
      received.length = 0
      const server = network.host(SERVER)
      server.run(() => {
        const poller = server.poller()
        poller.listenTcp({ address: SERVER, port: 80 })
        return poller.run((events) => {
          for (const event of events) if (event.type === 'receive') received.push(...event.data)
        })
      })
      const client = network.host(CLIENT)
      client.run(async () => {
        const poller = client.poller()
        const connect = () => poller.connectTcp({ address: SERVER, port: 80 })
        const one = connect()
        const other = isReordered ? connect() : one
        void poller.run(() => {})
        for (let number = 0; number < 50; number++) {
          ;(number % 2 === 0 ? one : other).send(Uint8Array.of(number))
          await client.sleep(100)
        }
      })
    },
    check() {
      for (let at = 1; at < received.length; at++)
        if ((received[at] as number) < (received[at - 1] as number))
          throw new Error(`${received[at]} came after ${received[at - 1]}`)
    }
  }
}

test.each([
  ['a lost wake', wakes, /jobs were never done/],
  ['a reordered send', messages, /came after/]
] as const)('%s is found, and the right program passes', async (_fault, scenario, message) => {
  const options = { seeds: 200, durationMs: 10_000, hosts: [], faults: 0 }
  const found: unknown = await explore({ ...options, ...scenario(true) }).catch(
    (error: unknown) => error
  )
  expect(found).toBeInstanceOf(SimulationError)
  expect((found as SimulationError).message).toMatch(message)
  expect(await explore({ ...options, seeds: 50, ...scenario(false) })).toBe(50)
})
