// The lobby of the examples as five nodes that are one lobby, with bots and guests.
import { explore } from 'pollport/simulation'
import {
  DURATION_MS,
  FAULTS,
  HOSTS,
  SimulatedCluster
} from '../../../examples/lobby/test/simulated-cluster.ts'
import type { Scenario } from './scenario.ts'

export const cluster: Scenario = {
  name: 'cluster',
  async play(firstSeed) {
    const { scenario } = new SimulatedCluster()
    const run = { durationMs: DURATION_MS, hosts: HOSTS, faults: FAULTS }
    await explore({ ...scenario, ...run, seeds: 1, firstSeed })
  }
}
