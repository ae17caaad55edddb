// Many seeds, each with a plan of faults; a plan that fails is made smaller as long as it fails.
// Knows the public network, as a test could write it.
import { knownOptions, type OptionNames } from '../option-names.ts'
import { callback, integer, number } from '../validate.ts'
import { checkedLink, type LinkOptions } from './link.ts'
import { SimulatedNetwork } from './network.ts'
import { SeededRandom } from './random.ts'

/**
 * When something goes wrong, and for how long.
 * @category Simulation
 */
export interface FaultTime {
  /** When it begins, in milliseconds of virtual time. */
  readonly atMs: number
  /** How long it lasts, in milliseconds. */
  readonly forMs: number
}

/**
 * No packets pass between two sides. Unlike in {@link SimulatedNetwork.partition}, a whole address
 * stands for its host here: if that has several addresses, all are cut.
 * @category Simulation
 */
export interface PartitionFault extends FaultTime {
  /** Which fault it is. */
  readonly kind: 'partition'
  /** Hosts of one side by their addresses, or beginnings of addresses that end in `*`. */
  readonly one: readonly string[]
  /** The same of the other side. */
  readonly other: readonly string[]
}

/**
 * A host is gone, and then starts again with its programs.
 * @category Simulation
 */
export interface CrashFault extends FaultTime {
  /** Which fault it is. */
  readonly kind: 'crash'
  /** The address of the host. */
  readonly host: string
}

/**
 * All links lose packets.
 * @category Simulation
 */
export interface LossFault extends FaultTime {
  /** Which fault it is. */
  readonly kind: 'loss'
  /** The probability that a packet is lost, 0 to 1. */
  readonly loss: number
}

/**
 * Something that goes wrong for a while.
 * @category Simulation
 */
export type Fault = PartitionFault | CrashFault | LossFault

/**
 * What one run of {@link explore} does: plain data, which you can keep in a test and give to
 * {@link replay}.
 * @category Simulation
 */
export interface Plan {
  /** The seed of the network, and of what the links do. */
  readonly seed: number
  /** How long it runs, in milliseconds of virtual time. */
  readonly durationMs: number
  /** The addresses of the hosts that your scenario makes; fewer in a plan that was made smaller. */
  readonly hosts: readonly string[]
  /** What goes wrong meanwhile. */
  readonly faults: readonly Fault[]
}

/**
 * What is run: hosts and programs, and what must hold.
 * @category Simulation
 * @example
 * ```ts
 * import { replay, type ScenarioOptions } from 'pollport/simulation'
 *
 * const options: ScenarioOptions = {
 *   link: { latencyMs: 20 },
 *   scenario: (network, plan) => {
 *     for (const address of plan.hosts) network.host(address)
 *   }
 * }
 * await replay({ seed: 1, durationMs: 100, hosts: ['10.0.0.1'], faults: [] }, options)
 * ```
 */
export interface ScenarioOptions {
  /** What every link does, in all runs. */
  link?: LinkOptions | undefined
  /** Makes the hosts of the plan and starts their programs. */
  scenario(network: SimulatedNetwork, plan: Plan): void
  /** Called after each moment in which something happened; what it throws is a failure. */
  check?: ((network: SimulatedNetwork) => void) | undefined
  /** Called once at the end: what must hold when all faults are over. */
  checkAtEnd?: ((network: SimulatedNetwork) => void) | undefined
}

/**
 * How {@link explore} goes through seeds.
 * @category Simulation
 * @example
 * ```ts
 * import { type ExploreOptions, explore } from 'pollport/simulation'
 *
 * const options: ExploreOptions = {
 *   seeds: 5,
 *   durationMs: 1000,
 *   hosts: ['10.0.0.1', '10.0.0.2'],
 *   scenario: (network, plan) => {
 *     for (const address of plan.hosts) network.host(address)
 *   }
 * }
 * console.log(await explore(options)) // 5
 * ```
 */
export interface ExploreOptions extends ScenarioOptions {
  /** How many seeds. */
  seeds: number
  /** The first one; default 1. */
  firstSeed?: number | undefined
  /** How long each run is, in milliseconds of virtual time. Faults end after two thirds of it. */
  durationMs: number
  /** The addresses of the hosts that faults may strike; your scenario makes them. */
  hosts: readonly string[]
  /** How many faults a plan has at most; default 4. 0 = only what the links do. */
  faults?: number | undefined
}

const SCENARIO_OPTIONS: OptionNames<ScenarioOptions> = {
  link: true,
  scenario: true,
  check: true,
  checkAtEnd: true
}
const EXPLORE_OPTIONS: OptionNames<ExploreOptions> = {
  ...SCENARIO_OPTIONS,
  seeds: true,
  firstSeed: true,
  durationMs: true,
  hosts: true,
  faults: true
}
const DEFAULT_FAULTS = 4
const ADDRESS_OR_NUMBER = /[\da-f]*:[\da-f:.]+|[\d.]+/gi
/** Runs that making a plan smaller may take. */
const MOST_SHRINKING_RUNS = 200

/**
 * A run of {@link explore} or {@link replay} that failed. `cause` is what was thrown.
 * @category Simulation
 * @example
 * ```ts
 * import { replay, SimulationError } from 'pollport/simulation'
 *
 * const plan = { seed: 3, durationMs: 10, hosts: [], faults: [] }
 * try {
 *   await replay(plan, {
 *     scenario: () => {},
 *     checkAtEnd: () => {
 *       throw new Error('a seat was sold twice')
 *     }
 *   })
 * } catch (error) {
 *   if (error instanceof SimulationError) console.log(error.plan.seed) // 3
 * }
 * ```
 */
export class SimulationError extends Error {
  /** What fails: give it to {@link replay}. */
  readonly plan: Plan

  /** pollport makes these. */
  constructor(plan: Plan, cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause)
    super(`${message}\nThe plan that fails: ${JSON.stringify(plan)}`, { cause })
    this.name = 'SimulationError'
    this.plan = plan
  }
}

/**
 * Runs your scenario once for each seed, each with a plan of faults that the seed decides. The
 * first plan that fails is made smaller: without faults and hosts that do not matter, and shorter.
 * @category Simulation
 * @returns how many seeds passed
 * @throws (as a rejection) {@link SimulationError} with the smallest plan that still fails;
 *   TypeError and RangeError for wrong options
 * @example
 * ```ts
 * import { explore } from 'pollport/simulation'
 *
 * const passed = await explore({
 *   seeds: 20,
 *   durationMs: 5000,
 *   hosts: ['10.0.0.1', '10.0.0.2'],
 *   link: { latencyMs: 10, loss: 0.01 },
 *   scenario: (network, { hosts: [address = '10.0.0.1'] }) => {
 *     const server = network.host(address)
 *     server.run(() => {
 *       const poller = server.poller()
 *       poller.listenTcp({ address: '0.0.0.0', port: 5000 })
 *       return poller.run(() => {})
 *     })
 *   }
 * })
 * console.log(passed) // 20
 * ```
 */
export async function explore(options: ExploreOptions): Promise<number> {
  const given = knownOptions(options, EXPLORE_OPTIONS)
  const seeds = integer(given.seeds, 'seeds', 1, Number.MAX_SAFE_INTEGER)
  const first = integer(given.firstSeed ?? 1, 'firstSeed', 0, Number.MAX_SAFE_INTEGER - seeds)
  const most = integer(given.faults ?? DEFAULT_FAULTS, 'faults', 0, 1000)
  number(given.durationMs, 'durationMs', 0, Number.MAX_SAFE_INTEGER)
  const scenario = checkedScenario(given)
  for (let seed = first; seed < first + seeds; seed++) {
    const plan = planOf(seed, given.durationMs, given.hosts, most)
    const error = await failureOf(plan, scenario)
    if (error !== undefined) throw await smallest(error, scenario)
  }
  return seeds
}

/**
 * Runs one plan: what a test does with the plan that {@link explore} has found.
 * @category Simulation
 * @throws (as a rejection) {@link SimulationError} if it fails
 * @example
 * ```ts
 * import { replay } from 'pollport/simulation'
 *
 * const plan = { seed: 9, durationMs: 500, hosts: ['10.0.0.1'], faults: [] }
 * await replay(plan, { scenario: (network) => void network.host('10.0.0.1') })
 * ```
 */
export async function replay(plan: Plan, options: ScenarioOptions): Promise<void> {
  const error = await failureOf(plan, checkedScenario(knownOptions(options, SCENARIO_OPTIONS)))
  if (error !== undefined) throw error
}

function checkedScenario(options: ScenarioOptions): ScenarioOptions {
  const { link = {}, scenario, check, checkAtEnd } = options
  callback(scenario, 'scenario')
  if (check !== undefined) callback(check, 'check')
  if (checkAtEnd !== undefined) callback(checkAtEnd, 'checkAtEnd')
  return { link: checkedLink(link, 'link'), scenario, check, checkAtEnd }
}

function planOf(seed: number, durationMs: number, hosts: readonly string[], most: number): Plan {
  const random = new SeededRandom(seed, -4)
  const faults: Fault[] = []
  const count = hosts.length === 0 ? 0 : random.below(most + 1)
  const overMs = (durationMs * 2) / 3
  for (let number = 0; number < count; number++) {
    const atMs = Math.floor(random.fraction() * overMs)
    const forMs = Math.ceil(random.fraction() * (overMs - atMs))
    const host = hosts[random.below(hosts.length)]
    const kind = random.below(3)
    if (kind === 0) faults.push({ kind: 'crash', atMs, forMs, host })
    else if (kind === 1) faults.push({ kind: 'loss', atMs, forMs, loss: random.fraction() / 2 })
    else faults.push({ kind: 'partition', atMs, forMs, one: [host], other: ['*'] })
  }
  return { seed, durationMs, hosts, faults }
}

async function failureOf(
  plan: Plan,
  { link, scenario, check, checkAtEnd }: ScenarioOptions
): Promise<SimulationError | undefined> {
  const network = new SimulatedNetwork({ ...link, seed: plan.seed })
  try {
    scenario(network, plan)
    for (const fault of plan.faults) strike(network, fault)
    await network.run({
      untilMs: plan.durationMs,
      check: check === undefined ? undefined : () => check(network),
      findRealWork: true
    })
    checkAtEnd?.(network)
    return undefined
  } catch (error) {
    return new SimulationError(plan, error)
  }
}

function strike(network: SimulatedNetwork, fault: Fault): void {
  const endMs = fault.atMs + fault.forMs
  if (fault.kind === 'crash') {
    network._at(fault.atMs, () => network._host(fault.host)?.crash())
    network._at(endMs, () => network._host(fault.host)?._restartAsBefore())
    return
  }
  const begin =
    fault.kind === 'partition'
      ? () => network._cut(wholeHosts(network, fault.one), wholeHosts(network, fault.other))
      : () => network.rule(() => (network.random.chance(fault.loss) ? 'drop' : 'pass'))
  network._at(fault.atMs, () => network._at(endMs, begin()))
}

/** A host that is named by one of its addresses is cut with all of them. */
function wholeHosts(network: SimulatedNetwork, patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) =>
    pattern.endsWith('*') ? pattern : (network._host(pattern)?.addresses ?? pattern)
  )
}

/** The smallest plan that fails, as far as a bounded number of runs finds it. */
async function smallest(
  failed: SimulationError,
  scenario: ScenarioOptions
): Promise<SimulationError> {
  let best = failed
  let runs = 0
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false
    for (const plan of smallerThan(best.plan, scenario.checkAtEnd === undefined)) {
      if (runs++ === MOST_SHRINKING_RUNS) return best
      const error = await failureOf(plan, scenario)
      // Another failure would hide the one that was found.
      if (error === undefined || kindOf(error) !== kindOf(failed)) continue
      best = error
      isSmaller = true
      break
    }
  }
  return best
}

/** What went wrong, whatever the numbers and addresses in its words. */
function kindOf({ cause }: SimulationError): string {
  const { cause: inner = cause } = cause as { cause?: unknown }
  const { name = '', code = '', message = String(inner) } = inner as Partial<NodeJS.ErrnoException>
  return `${name} ${code} ${message.replace(ADDRESS_OR_NUMBER, '#')}`
}

/** `mayShorten`: what must hold at the end may need the whole time. */
function* smallerThan(plan: Plan, mayShorten: boolean): Generator<Plan> {
  const { hosts, faults, durationMs } = plan
  for (const left of faults) yield { ...plan, faults: faults.filter((fault) => fault !== left) }
  // The first is most often the server.
  for (const left of hosts.slice(1).reverse())
    yield { ...plan, hosts: hosts.filter((host) => host !== left) }
  for (const fault of faults)
    if (fault.forMs > 1)
      yield {
        ...plan,
        faults: faults.map((one) =>
          one === fault ? { ...one, forMs: Math.floor(one.forMs / 2) } : one
        )
      }
  if (mayShorten && durationMs > 1) yield { ...plan, durationMs: Math.floor(durationMs / 2) }
}
