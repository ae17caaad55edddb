/**
 * A network in memory, with virtual time and a seed, for tests of what is written on `Poller`.
 * @module pollport/simulation
 */
export type {
  CrashFault,
  ExploreOptions,
  Fault,
  FaultTime,
  LossFault,
  PartitionFault,
  Plan,
  ScenarioOptions
} from './explore.ts'
export { explore, replay, SimulationError } from './explore.ts'
export { SimulatedHost } from './host.ts'
export type { Latency, LinkOptions } from './link.ts'
export type { NetworkOptions, SimulationRunOptions, Verdict } from './network.ts'
export { SimulatedNetwork } from './network.ts'
export type { Packet } from './packet.ts'
export { SeededRandom } from './random.ts'
