// The whole lobby of the examples: its server, bots of every kind, and witnesses.
import { explore } from 'pollport/simulation'
import { DURATION_MS, HOSTS, SimulatedLobby } from '../../../examples/lobby/test/simulated-lobby.ts'
import type { Scenario } from './scenario.ts'

export const lobby: Scenario = {
  name: 'lobby',
  async play(firstSeed) {
    const { scenario } = new SimulatedLobby()
    await explore({ ...scenario, seeds: 1, firstSeed, durationMs: DURATION_MS, hosts: HOSTS })
  }
}
