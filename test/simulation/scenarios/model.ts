// The random model's programs (test/model/) on a simulated host.
import { programOf } from '../../model/operations.ts'
import { simulatedSystem } from '../../model/system.ts'
import { World } from '../../model/world.ts'
import type { Scenario } from './scenario.ts'

const OPERATIONS = 500
const PATIENCE_MS = 60_000
const SHOWN_LINES = 25

export const model: Scenario = {
  name: 'random model',
  play: async (seed) => {
    const world = new World(PATIENCE_MS, simulatedSystem(seed))
    try {
      for (const operation of programOf(seed, OPERATIONS)) world.run(operation)
      world.finish()
    } catch (error) {
      world.close()
      const { message } = error as Error
      throw new Error(`${message}\n${world.story.slice(-SHOWN_LINES).join('\n')}`, { cause: error })
    }
  }
}
