// The simulated network, as a test sees it: hosts, links and their faults, rules, and virtual time.
import { invalidArgValue } from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import { boolean, callback, integer, number } from '../validate.ts'
import { canonical, ofPackets } from './addresses.ts'
import type { SimulatedHost } from './host.ts'
import { checkedLink, LINK_OPTIONS, type LinkOptions } from './link.ts'
import { NetworkCore } from './network-core.ts'
import type { Packet } from './packet.ts'
import { SeededRandom } from './random.ts'

/**
 * What a {@link SimulatedNetwork} is made of: a seed, and what every link does unless it is said
 * otherwise.
 * @category Simulation
 * @example
 * ```ts
 * import { type NetworkOptions, SimulatedNetwork } from 'pollport/simulation'
 *
 * const options: NetworkOptions = { seed: 12, latencyMs: 5, loss: 0.001 }
 * console.log(new SimulatedNetwork(options).now) // 0
 * ```
 */
export interface NetworkOptions extends LinkOptions {
  /** An integer: the same seed gives the same run. */
  seed: number
}

/**
 * How long {@link SimulatedNetwork.run} runs.
 * @category Simulation
 * @example
 * ```ts
 * import { SimulatedNetwork, type SimulationRunOptions } from 'pollport/simulation'
 *
 * const options: SimulationRunOptions = { untilMs: 500, check: () => {} }
 * const network = new SimulatedNetwork({ seed: 1 })
 * await network.run(options)
 * console.log(network.now) // 500
 * ```
 */
export interface SimulationRunOptions {
  /** Virtual time to run to, in milliseconds since the network was made. */
  untilMs: number
  /** Called after each moment in which something happened; what it throws ends the run. */
  check?: (() => void) | undefined
  /**
   * Reports a program that awaits something of Node's in place of the simulation's, such as a file
   * or `setTimeout()`: the run is rejected with `ERR_SIMULATION_REAL_WORK` and what it was. Costs
   * about a sixth of the speed, so the default is false; `explore()` and `replay()` always do it.
   */
  findRealWork?: boolean | undefined
}

/**
 * What a rule says of a packet: passed on, lost, or so much later.
 * @category Simulation
 */
export type Verdict =
  | 'pass'
  | 'drop'
  | {
      /** Milliseconds, 0 or more. */
      readonly delayMs: number
    }

const NETWORK_OPTIONS: OptionNames<NetworkOptions> = { seed: true, ...LINK_OPTIONS }
const RUN_OPTIONS: OptionNames<SimulationRunOptions> = {
  untilMs: true,
  check: true,
  findRealWork: true
}

/**
 * A network in memory, with virtual time and a seed: servers and clients written on `Poller` run in
 * one process, under latency, loss, partitions and crashes, and run the same again for the same
 * seed. Needs no native addon.
 * @category Simulation
 * @example
 * ```ts
 * import { SimulatedNetwork } from 'pollport/simulation'
 *
 * const network = new SimulatedNetwork({ seed: 7, latencyMs: { min: 20, mean: 35 }, loss: 0.01 })
 * const one = network.host('10.0.0.1').poller()
 * const other = network.host('10.0.0.2').poller()
 * const socket = one.bindUdp({ address: '10.0.0.1', port: 4000 })
 * other.bindUdp({ address: '10.0.0.2', port: 0 }).send('hello', socket.localAddress)
 * other.flush()
 * for (const event of one.wait(1000)) console.log(event.type, network.now) // datagram 26.4…
 * ```
 */
export class SimulatedNetwork {
  /** The seed that decides all that is random. */
  readonly seed: number
  /** The network's own randomness, for rules and scenarios. */
  readonly random: SeededRandom
  readonly #core: NetworkCore

  /** @throws TypeError and RangeError for wrong options */
  constructor(options: NetworkOptions) {
    const { seed, ...link } = knownOptions(options, NETWORK_OPTIONS)
    this.seed = integer(seed, 'seed', 0, Number.MAX_SAFE_INTEGER)
    this.random = new SeededRandom(seed, -1)
    this.#core = new NetworkCore(seed, checkedLink(link, 'options'))
  }

  /** Milliseconds of virtual time since the network was made. */
  get now(): number {
    return this.#core.now
  }

  /** How many packets have arrived or were lost so far. */
  get packets(): number {
    return this.#core.packets
  }

  /**
   * A hash of all packets with their bytes, and of programs, so far: two runs of one seed have the
   * same. A run that has another one used a clock, randomness or an order that is not the
   * simulation's.
   */
  get trace(): string {
    return this.#core.trace
  }

  /**
   * Makes a host.
   * @param address an IPv4 or IPv6 address that no other host has, or several: packets of sockets
   *   that are bound to none come from the first of their family. Each host also has 127.0.0.1 and
   *   ::1.
   * @param link what its links do, in place of the network's options; between two hosts that both
   *   say something, the receiver's word counts
   * @throws TypeError `ERR_INVALID_ADDRESS`, or `ERR_INVALID_ARG_VALUE` for an address that is
   *   another host's, means no host, or has a scope (`fe80::1%eth0`)
   */
  host(address: string | readonly string[], link: LinkOptions = {}): SimulatedHost {
    const addresses = typeof address === 'string' ? [address] : [...address]
    if (addresses.length === 0) throw invalidArgValue('address', address, 'a host has at least one')
    return this.#core.addHost(addresses, checkedLink(link, 'link'))
  }

  /**
   * Says what the links between two hosts do, both ways, from now on. It comes before the options
   * of the hosts.
   */
  link(a: SimulatedHost, b: SimulatedHost, options: LinkOptions): void {
    this.#core.links.set(a, b, checkedLink(options, 'options'))
  }

  /**
   * From now on no packet passes between the two sides.
   * @param one addresses, or beginnings of addresses that end in `*`, such as `'10.0.7.*'`. A
   *   beginning is one of the text that pollport writes, not a subnet: `'fd00:7::*'` takes
   *   `fd00:7::1`, but not `fd00:7:0:1::1`
   * @param other the same for the other side
   * @throws TypeError `ERR_INVALID_ADDRESS`, or `ERR_INVALID_ARG_VALUE` for an address that no
   *   packet has: one with a scope (`fe80::1%eth0`), or IPv4 written as IPv6 (`::ffff:10.0.0.1`)
   */
  partition(one: readonly string[], other: readonly string[]): void {
    this._cut(one, other)
  }

  /** @internal The same; returns what ends this partition alone. */
  _cut(one: readonly string[], other: readonly string[]): () => void {
    const isOne = matcher(one)
    const isOther = matcher(other)
    return this.#core.links.addPartition(
      ({ from, to }) => (isOne(from) && isOther(to)) || (isOther(from) && isOne(to))
    )
  }

  /** @internal */
  _at(atMs: number, callback: () => void): void {
    this.#core.schedule.add(atMs, callback)
  }

  /** @internal */
  _host(address: string): SimulatedHost | undefined {
    return this.#core.links.hostAt(canonical(address))
  }

  /** Ends all partitions. */
  heal(): void {
    this.#core.links.heal()
  }

  /**
   * Asks `decide` about each packet before its link does anything. Rules are asked in their order,
   * until one does not pass it.
   * @returns what takes the rule back
   */
  rule(decide: (packet: Packet) => Verdict): () => void {
    return this.#core.addRule(callback(decide, 'decide'))
  }

  /**
   * Lets virtual time pass and drives the programs of the hosts: one at a time, in an order that
   * the seed decides, until everything of a moment has settled.
   * @returns a promise: fulfilled at `untilMs`, rejected with an Error that has the seed and the
   *   time when a program or `check` throws (its `cause`), or when a program goes round without end
   */
  async run(options: SimulationRunOptions): Promise<void> {
    const { untilMs, check, findRealWork = false } = knownOptions(options, RUN_OPTIONS)
    number(untilMs, 'untilMs', 0, Number.MAX_SAFE_INTEGER)
    if (check !== undefined) callback(check, 'check')
    boolean(findRealWork, 'findRealWork')
    await this.#core.run(untilMs, check, findRealWork)
  }
}

function matcher(patterns: readonly string[]): (address: string) => boolean {
  const wholes = patterns.filter((pattern) => !pattern.endsWith('*')).map(ofPackets)
  const beginnings = patterns
    .filter((pattern) => pattern.endsWith('*'))
    .map((pattern) => pattern.slice(0, -1).toLowerCase())
  return (address) =>
    wholes.includes(address) || beginnings.some((beginning) => address.startsWith(beginning))
}
