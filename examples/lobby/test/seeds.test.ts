// A whole lobby under partitions, crashes and losses: what must hold does, for each seed, and a
// promise that is broken is found. `npm run simulate -- --only lobby` plays as many seeds as you
// like.
import { explore, replay, SimulationError } from 'pollport/simulation'
import { expect, test } from 'vitest'
import { DURATION_MS, HOSTS, SimulatedLobby } from './simulated-lobby.ts'

/** The simulation is the same on every system: the long form runs on one. */
const SEEDS = process.platform === 'linux' ? 60 : 3

test('seats, results and chat hold, and everybody is served again, whatever the network does', {
  timeout: 120_000
}, async () => {
  const lobby = new SimulatedLobby()
  const run = { ...lobby.scenario, seeds: SEEDS, durationMs: DURATION_MS, hosts: HOSTS }
  expect(await explore(run)).toBe(SEEDS)
  // The promises were put to the test.
  expect(lobby.seen.resumes).toBeGreaterThan(SEEDS)
  expect(lobby.seen.matches).toBeGreaterThan(5 * SEEDS)
  expect(lobby.seen.lines).toBeGreaterThan(20 * SEEDS)
})

test('the same seed gives the same run, packet for packet', { timeout: 60_000 }, async () => {
  const traces: string[] = []
  for (const _ of [1, 2]) {
    const { scenario } = new SimulatedLobby()
    await replay(
      {
        seed: 7,
        durationMs: 30_000,
        hosts: HOSTS,
        faults: [{ kind: 'loss', atMs: 8_000, forMs: 6_000, loss: 0.3 }]
      },
      { ...scenario, checkAtEnd: (network) => traces.push(network.trace) }
    )
  }
  expect(traces[1]).toBe(traces[0])
})

test('a seat that is given up earlier than was promised is found, and its plan made small', {
  timeout: 120_000
}, async () => {
  const lobby = new SimulatedLobby({ resumeMs: 1_000 }, 15_000)
  const found = explore({ ...lobby.scenario, seeds: 200, durationMs: DURATION_MS, hosts: HOSTS })
  const error = await found.catch((reason) => reason)
  expect(error).toBeInstanceOf(SimulationError)
  expect(error.message).toContain('the seat was promised, and not given')
  expect(error.plan.hosts.length).toBeLessThan(HOSTS.length)
})

test('a result that is told before it is kept is found', { timeout: 120_000 }, async () => {
  const lobby = new SimulatedLobby()
  lobby.forgetsResults = true
  const found = explore({ ...lobby.scenario, seeds: 200, durationMs: DURATION_MS, hosts: HOSTS })
  await expect(found).rejects.toThrow('is not in the store')
})
