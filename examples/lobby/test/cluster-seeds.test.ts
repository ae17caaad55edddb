// A lobby of five nodes under partitions, crashes, pauses and losses, its directory away or without
// its data: what must hold does, for each seed, and a promise that is broken is found.
// `npm run simulate -- --only cluster` plays as many seeds as you like.
import { explore, type Fault, replay } from 'pollport/simulation'
import { expect, test } from 'vitest'
import {
  DIRECTORY,
  DURATION_MS,
  FAULTS,
  HOSTS,
  NODES,
  type PlantedFault,
  SimulatedCluster
} from './simulated-cluster.ts'

/** As many seeds as that takes; the simulation is the same on every system, so long on one. */
const FOR_MS = process.platform === 'linux' ? 10_000 : 0
const LEAST_SEEDS = 2

test('no seat twice, no room with two owners, no result lost, and everybody is served again', {
  timeout: 300_000
}, async () => {
  const cluster = new SimulatedCluster()
  const run = { ...cluster.scenario, durationMs: DURATION_MS, hosts: HOSTS, faults: FAULTS }
  const untilMs = performance.now() + FOR_MS
  let seeds = 0
  while (seeds < LEAST_SEEDS || performance.now() < untilMs)
    await explore({ ...run, seeds: 1, firstSeed: ++seeds })
  // The promises were put to the test.
  expect(cluster.seen.moves).toBeGreaterThan(5 * seeds)
  expect(cluster.seen.rooms).toBeGreaterThan(5 * seeds)
  expect(cluster.seen.matches).toBeGreaterThan(5 * seeds)
})

test('seed 60: a player that came while its node was silent has no seat there when it speaks again', {
  timeout: 300_000
}, async () => {
  const { scenario } = new SimulatedCluster()
  const run = { durationMs: DURATION_MS, hosts: HOSTS, faults: FAULTS }
  await explore({ ...scenario, ...run, seeds: 1, firstSeed: 60 })
})

const away: Fault = { kind: 'crash', host: DIRECTORY, atMs: 10_000, forMs: 8_000 }
/** The node does not reach anything. */
const parted: Fault = {
  kind: 'partition',
  one: NODES.slice(0, 1),
  other: ['*'],
  atMs: 10_000,
  forMs: 15_001
}

test.each<[PlantedFault, string, Fault[]]>([
  ['no-fences', 'a lease that does not end', [parted]],
  ['names-not-claimed', 'a name that two nodes give away', []],
  ['rooms-not-claimed', 'a room that two nodes make', []],
  ['results-not-kept', 'a result that is told before it is kept', []],
  ['never-mended', 'a directory that stays away', [away]]
])('%s: %s is found', { timeout: 300_000 }, async (planted, _what, faults) => {
  const { scenario } = new SimulatedCluster(planted)
  const run = replay({ seed: 1, durationMs: DURATION_MS, hosts: HOSTS, faults }, scenario)
  await expect(run).rejects.toThrow(
    {
      'no-fences': /the player .+ is at .+ and at/,
      'names-not-claimed': /the player .+ is at .+ and at/,
      'rooms-not-claimed': /the room .+ is at .+ and at/,
      'results-not-kept': 'is in no store',
      'never-mended': 'is not served'
    }[planted]
  )
})
