// A lobby of five nodes under partitions, crashes, pauses, drains and losses, with clocks that
// differ, its directory away or without its data: what must hold does, for each seed, and a promise
// that is broken is found. `npm run simulate -- --only cluster` plays as many seeds as you like.
import { explore, type Fault, replay } from 'pollport/simulation'
import { expect, test } from 'vitest'
import {
  DIRECTORY,
  DURATION_MS,
  FAULTS,
  HOSTS,
  NODES,
  type PlantedFault,
  PROCESSES,
  SimulatedCluster,
  TO_DIRECTORY
} from './simulated-cluster.ts'

/** The simulation is the same on every system, so many on one. */
const SEEDS = process.platform === 'linux' ? 200 : 5

test('no seat twice, no room with two owners, no result lost, and everybody is served again', {
  timeout: 600_000
}, async () => {
  const cluster = new SimulatedCluster()
  const run = { durationMs: DURATION_MS, hosts: HOSTS, faults: FAULTS }
  await explore({ ...cluster.scenario, ...run, seeds: SEEDS })
  // The promises were put to the test.
  expect(cluster.seen.moves).toBeGreaterThan(5 * SEEDS)
  expect(cluster.seen.rooms).toBeGreaterThan(5 * SEEDS)
  expect(cluster.seen.matches).toBeGreaterThan(5 * SEEDS)
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
const restarted: Fault = { kind: 'crash', host: NODES[0], atMs: 15_000, forMs: 1_000 }
/** The process stands still for longer than a lease, and does not reach the directory then. */
const paused: Fault[] = [
  { kind: 'crash', host: PROCESSES[0], atMs: 10_000, forMs: 10_000 },
  { kind: 'crash', host: TO_DIRECTORY[0], atMs: 19_000, forMs: 3_000 }
]

/** In so many seeds each planted fault is found, with its own words. */
const FOUND_WITHIN = 20

test.each<[PlantedFault, string, Fault[], RegExp]>([
  ['no-fences', 'a lease that does not end', [parted], /the player .+ is at .+ and at/],
  ['clocks-stop', 'a lease that a pause makes longer', paused, /the (player|room) .+ is at .+ and/],
  ['names-not-claimed', 'a name that two nodes give away', [], /the player .+ is at .+ and at/],
  ['rooms-not-claimed', 'a room that two nodes make', [], /the room .+ is at .+ and at/],
  ['results-not-kept', 'a result that is told before it is kept', [], /is in no store/],
  ['journals-renamed', 'a result that counts twice', [restarted], /the skills are/],
  ['never-released', 'a seat that is not given back', [], /are left/],
  ['never-mended', 'a directory that stays away', [away], /is not served/]
])('%s: %s is found', { timeout: 300_000 }, async (planted, _what, faults, words) => {
  const messages: string[] = []
  for (let seed = 1; seed <= FOUND_WITHIN && !messages.at(-1)?.match(words); seed++) {
    const { scenario } = new SimulatedCluster(planted)
    const run = replay({ seed, durationMs: DURATION_MS, hosts: HOSTS, faults }, scenario)
    messages.push(await run.then(() => 'nothing', String))
  }
  expect(messages.at(-1)).toMatch(words)
})
