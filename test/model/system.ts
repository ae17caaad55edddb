// On what a random program runs: the system, or a simulated host.
import { performance } from 'node:perf_hooks'
import { Poller, type PollerOptions } from 'pollport'
import { SimulatedNetwork } from 'pollport/simulation'

export interface ModelSystem {
  makePoller(options: PollerOptions): Poller<unknown>
  /** Milliseconds on the clock of its waits. */
  now(): number
  readonly hasRawSockets: boolean
}

export const realSystem: ModelSystem = {
  makePoller: (options) => new Poller(options),
  now: () => performance.now(),
  hasRawSockets: true
}

export function simulatedSystem(
  seed: number
): ModelSystem & { readonly network: SimulatedNetwork } {
  const network = new SimulatedNetwork({ seed })
  const host = network.host('10.0.0.1')
  return {
    network,
    makePoller: (options) => host.poller(options),
    now: () => host.now,
    hasRawSockets: false
  }
}
