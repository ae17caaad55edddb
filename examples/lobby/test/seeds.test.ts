// A whole lobby under partitions, crashes and losses: what must hold does, for each seed, and a
// promise that is broken is found. `npm run simulate -- --only lobby` plays as many seeds as you
// like.
import { explore, replay, SimulationError } from 'pollport/simulation'
import { expect, test } from 'vitest'
import { DURATION_MS, HOSTS, SimulatedLobby } from './simulated-lobby.ts'

/** As many seeds as that takes; the simulation is the same on every system, so long on one. */
const FOR_MS = process.platform === 'linux' ? 40_000 : 0
const LEAST_SEEDS = 5

test('seats, results and chat hold, and everybody is served again, whatever the network does', {
  timeout: 300_000
}, async () => {
  const lobby = new SimulatedLobby()
  const run = { ...lobby.scenario, seeds: 1, durationMs: DURATION_MS, hosts: HOSTS }
  const untilMs = performance.now() + FOR_MS
  let seeds = 0
  while (seeds < LEAST_SEEDS || performance.now() < untilMs)
    await explore({ ...run, firstSeed: ++seeds })
  // The promises were put to the test.
  expect(lobby.seen.resumes).toBeGreaterThan(seeds)
  expect(lobby.seen.matches).toBeGreaterThan(5 * seeds)
  expect(lobby.seen.lines).toBeGreaterThan(20 * seeds)
})

test('seed 500: a token that came too late for its connection is no lost seat', {
  timeout: 300_000
}, async () => {
  const { scenario } = new SimulatedLobby()
  const faults = [{ kind: 'loss', atMs: 18_002, forMs: 38_428, loss: 0.3631505584344268 }] as const
  await replay({ seed: 500, durationMs: DURATION_MS, hosts: HOSTS, faults }, scenario)
})

test('seed 1882: a player whose welcome was lost is served under another name', {
  timeout: 300_000
}, async () => {
  const { scenario } = new SimulatedLobby()
  const all = { ...scenario, seeds: 1, firstSeed: 1882, durationMs: DURATION_MS, hosts: HOSTS }
  expect(await explore(all)).toBe(1)
})

test('the same seed gives the same run, packet for packet', { timeout: 300_000 }, async () => {
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
  timeout: 300_000
}, async () => {
  const lobby = new SimulatedLobby({ resumeMs: 1_000 }, 15_000)
  const found = explore({ ...lobby.scenario, seeds: 200, durationMs: DURATION_MS, hosts: HOSTS })
  const error = await found.catch((reason) => reason)
  expect(error).toBeInstanceOf(SimulationError)
  expect(error.message).toContain('the seat was promised, and not given')
  expect(error.plan.hosts.length).toBeLessThan(HOSTS.length)
})

test('a result that is told before it is kept is found', { timeout: 300_000 }, async () => {
  const lobby = new SimulatedLobby()
  lobby.forgetsResults = true
  const found = explore({ ...lobby.scenario, seeds: 200, durationMs: DURATION_MS, hosts: HOSTS })
  await expect(found).rejects.toThrow('is not in the store')
})
