// The random model's programs on a simulated host: what holds on a system holds there.
import { expect, test } from 'vitest'
import { programOf } from '../model/operations.ts'
import { simulatedSystem } from '../model/system.ts'
import { World } from '../model/world.ts'

const SEEDS = 20
const OPERATIONS_A_SEED = 1000

test('random operations keep every promise, seed by seed', { timeout: 120_000 }, () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const world = new World(60_000, simulatedSystem(seed))
    try {
      for (const operation of programOf(seed, OPERATIONS_A_SEED)) world.run(operation)
      world.finish()
    } catch (error) {
      world.close()
      throw new Error(`seed ${seed}\n${world.story.slice(-25).join('\n')}`, { cause: error })
    }
    expect(world.counts.connections).toBeGreaterThan(10)
  }
})

test('a seed twice is the same run', () => {
  const traceOf = (seed: number) => {
    const system = simulatedSystem(seed)
    const world = new World(60_000, system)
    for (const operation of programOf(seed, OPERATIONS_A_SEED)) world.run(operation)
    world.finish()
    return system.network.trace
  }
  for (let seed = 1; seed <= 3; seed++) expect(traceOf(seed), `seed ${seed}`).toBe(traceOf(seed))
})
