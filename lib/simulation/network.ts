// The simulated network: hosts, links and their faults, virtual time, and who runs when.
import { createHash } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { invalidAddress, invalidArgValue } from '../errors.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import { turnOfNodeLoop } from '../turns.ts'
import { callback, integer, number } from '../validate.ts'
import type { SimulatedBackend } from './backend.ts'
import { blocked, type Core } from './core.ts'
import { isLoopback, SimulatedHost } from './host.ts'
import {
  checkedLink,
  LINK_OPTIONS,
  type LinkOptions,
  type LinkSettings,
  settledLink
} from './link.ts'
import { type Packet, packetBytes } from './packet.ts'
import { SeededRandom } from './random.ts'
import { Schedule, stepAt } from './schedule.ts'

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
const RUN_OPTIONS: OptionNames<SimulationRunOptions> = { untilMs: true, check: true }
/** So many turns of Node's loop without anything of the simulation end a moment. */
const QUIET_TURNS = 3
/** After so many in one moment, something goes round without end. */
const MOST_TURNS = 100_000

interface Pair {
  readonly settings: LinkSettings
  /** When the link is free, if its bandwidth is limited. */
  freeAt: number
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

  /**
   * A hash of all packets and programs so far: two runs of one seed have the same. A run that has
   * another one used a clock, randomness or an order that is not the simulation's.
   */
  get trace(): string {
    return this.#core.trace
  }

  /**
   * Makes a host.
   * @param address an IPv4 address that no other host has
   * @param link what its links do, in place of the network's options; between two hosts that both
   *   say something, the receiver's word counts
   * @throws TypeError `ERR_INVALID_ADDRESS`, or `ERR_INVALID_ARG_VALUE` for an address that is
   *   another host's or means no host
   */
  host(address: string, link: LinkOptions = {}): SimulatedHost {
    return this.#core.addHost(address, checkedLink(link, 'link'))
  }

  /**
   * Says what the links between two hosts do, both ways, from now on. It comes before the options
   * of the hosts.
   */
  link(a: SimulatedHost, b: SimulatedHost, options: LinkOptions): void {
    this.#core.setLink(a.address, b.address, checkedLink(options, 'options'))
  }

  /**
   * From now on no packet passes between the two sides.
   * @param one addresses, or beginnings of addresses that end in `*`, such as `'10.0.7.*'`
   * @param other the same for the other side
   */
  partition(one: readonly string[], other: readonly string[]): void {
    this._cut(one, other)
  }

  /** @internal The same; returns what ends this partition alone. */
  _cut(one: readonly string[], other: readonly string[]): () => void {
    const isOne = matcher(one)
    const isOther = matcher(other)
    const isCut = ({ from, to }: Packet) =>
      (isOne(from) && isOther(to)) || (isOther(from) && isOne(to))
    return addTo(this.#core.partitions, isCut)
  }

  /** @internal */
  _at(atMs: number, callback: () => void): void {
    this.#core.schedule.add(atMs, callback)
  }

  /** @internal */
  _host(address: string): SimulatedHost | undefined {
    return this.#core.hostAt(address)
  }

  /** Ends all partitions. */
  heal(): void {
    this.#core.partitions.length = 0
  }

  /**
   * Asks `decide` about each packet before its link does anything. Rules are asked in their order,
   * until one does not pass it.
   * @returns what takes the rule back
   */
  rule(decide: (packet: Packet) => Verdict): () => void {
    return addTo(this.#core.rules, callback(decide, 'decide'))
  }

  /**
   * Lets virtual time pass and drives the programs of the hosts: one at a time, in an order that
   * the seed decides, until everything of a moment has settled.
   * @returns a promise: fulfilled at `untilMs`, rejected with an Error that has the seed and the
   *   time when a program or `check` throws (its `cause`), or when a program goes round without end
   */
  async run(options: SimulationRunOptions): Promise<void> {
    const { untilMs, check } = knownOptions(options, RUN_OPTIONS)
    number(untilMs, 'untilMs', 0, Number.MAX_SAFE_INTEGER)
    if (check !== undefined) callback(check, 'check')
    await this.#core.run(untilMs, check)
  }
}

class NetworkCore implements Core {
  readonly seed: number
  readonly schedule: Schedule = new Schedule()
  readonly partitions: ((packet: Packet) => boolean)[] = []
  readonly rules: ((packet: Packet) => Verdict)[] = []
  now = 0
  readonly #defaults: LinkOptions
  readonly #faults: SeededRandom
  readonly #order: SeededRandom
  readonly #hosts = new Map<string, SimulatedHost>()
  readonly #links = new Map<string, LinkOptions>()
  readonly #pairs = new Map<string, Pair>()
  readonly #lives = new Map<SimulatedHost, object>()
  readonly #starting: { host: SimulatedHost; program: () => unknown }[] = []
  readonly #due = new Set<SimulatedBackend>()
  #failure: { readonly error: unknown } | undefined
  #stirs = 0
  /** How often run() went on without time passing, and when. */
  #standing = 0
  #stoodAt = -1
  #handles = 0
  isRunning = false
  #hash = createHash('sha256')
  #traced: string[] = []

  constructor(seed: number, defaults: LinkOptions) {
    this.seed = seed
    this.#defaults = defaults
    this.#faults = new SeededRandom(seed, -2)
    this.#order = new SeededRandom(seed, -3)
  }

  get trace(): string {
    this.#hashTraced()
    return this.#hash.copy().digest('hex')
  }

  nextHandle(): number {
    return ++this.#handles
  }

  stir(): void {
    this.#stirs++
  }

  setDue(backend: SimulatedBackend): void {
    this.#due.add(backend)
    this.stir()
  }

  // ---- Hosts ----

  addHost(address: string, link: LinkOptions): SimulatedHost {
    if (typeof address !== 'string' || !isIPv4(address)) throw invalidAddress(address)
    if (this.#hosts.has(address)) throw invalidArgValue('address', address, 'another host has it')
    if (address === '0.0.0.0' || isLoopback(address))
      throw invalidArgValue('address', address, 'it is no address of a host')
    const host = new SimulatedHost(this, address, link, this.#hosts.size)
    this.#hosts.set(address, host)
    this.#lives.set(host, {})
    // Packets to it before it was there have settled what its links do.
    for (const key of this.#pairs.keys())
      if (key.split(' ').includes(address)) this.#pairs.delete(key)
    return host
  }

  hostAt(address: string): SimulatedHost | undefined {
    return this.#hosts.get(address)
  }

  lifeOf(host: SimulatedHost): () => boolean {
    const life = this.#lives.get(host)
    return () => this.#lives.get(host) === life
  }

  onCrash(host: SimulatedHost): void {
    this.#trace(`crash ${host.address}`)
    this.#lives.set(host, {})
    for (const backend of this.#due) if (backend.host === host) this.#due.delete(backend)
    const stays = this.#starting.filter((one) => one.host !== host)
    this.#starting.splice(0, this.#starting.length, ...stays)
  }

  start(host: SimulatedHost, program: () => unknown): void {
    this.#starting.push({ host, program })
    this.stir()
  }

  // ---- Links ----

  setLink(a: string, b: string, options: LinkOptions): void {
    for (const key of [`${a} ${b}`, `${b} ${a}`]) {
      this.#links.set(key, options)
      this.#pairs.delete(key)
    }
  }

  linkBetween(from: string, to: string): LinkSettings {
    return this.#pair(from, to).settings
  }

  #pair(from: string, to: string): Pair {
    const key = `${from} ${to}`
    let pair = this.#pairs.get(key)
    if (pair === undefined) {
      const settings = settledLink(
        this.#defaults,
        this.#hosts.get(from)?._link ?? {},
        this.#hosts.get(to)?._link ?? {},
        this.#links.get(key) ?? {}
      )
      pair = { settings, freeAt: 0 }
      this.#pairs.set(key, pair)
    }
    return pair
  }

  send(packet: Packet): void {
    if (this.partitions.some((isCut) => isCut(packet))) return this.#lose(packet)
    let delayMs = 0
    for (const decide of this.rules) {
      const verdict = this.#verdictOf(decide, packet)
      if (verdict === 'drop') return this.#lose(packet)
      if (verdict !== 'pass') delayMs += number(verdict.delayMs, 'delayMs', 0, 1e9)
    }
    this.#sendOver(this.#pair(packet.from, packet.to), packet, delayMs)
  }

  /** What a rule throws is an error of the run, and not of the program whose packet it is. */
  #verdictOf(decide: (packet: Packet) => Verdict, packet: Packet): Verdict {
    if (!this.isRunning) return decide(packet)
    try {
      return decide(packet)
    } catch (error) {
      this.#failure ??= { error }
      this.stir()
      return 'drop'
    }
  }

  #sendOver(pair: Pair, packet: Packet, delayMs: number): void {
    const { settings } = pair
    const bytes = packetBytes(packet)
    let leavesAt = this.now + delayMs
    if (settings.bytesPerMs !== Number.POSITIVE_INFINITY) {
      const begins = Math.max(pair.freeAt, leavesAt)
      if (begins - leavesAt > settings.queueMs) return this.#lose(packet)
      leavesAt = begins + bytes / settings.bytesPerMs
      pair.freeAt = leavesAt
    }
    const fragments = Math.ceil(bytes / settings.mtuBytes)
    for (let fragment = 0; fragment < fragments; fragment++)
      if (this.#faults.chance(settings.loss)) return this.#lose(packet)
    const copies = this.#faults.chance(settings.duplication) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      let ms = settings.minLatencyMs
      if (settings.meanExtraMs > 0) ms += this.#faults.exponential(settings.meanExtraMs)
      if (settings.jitterMs > 0) ms += this.#faults.fraction() * settings.jitterMs
      this.schedule.add(leavesAt + ms, () => this.#deliver(packet))
    }
  }

  #deliver(packet: Packet): void {
    // A partition cuts what is on its way, too.
    if (this.partitions.some((isCut) => isCut(packet))) return this.#lose(packet)
    this.#tracePacket('>', packet)
    this.#hosts.get(packet.to)?._receive(packet)
  }

  #lose(packet: Packet): void {
    this.#tracePacket('x', packet)
  }

  // ---- Time ----

  async run(untilMs: number, check: (() => void) | undefined): Promise<void> {
    if (this.isRunning)
      throw blocked('run() is called inside run(): use host.sleep() to let time pass')
    this.isRunning = true
    try {
      for (;;) {
        await this.#settle()
        check?.()
        // Packets that no program gets move without a turn of Node's loop.
        const before = this.#stirs
        this.#assertMoves()
        while (this.#stirs === before && this.schedule.next <= untilMs) this.#step()
        if (this.#stirs === before) break
      }
      this.now = Math.max(this.now, untilMs)
    } catch (error) {
      throw this.#failed(error)
    } finally {
      this.isRunning = false
    }
  }

  block(limitMs: number, isOver: () => boolean): void {
    const untilMs = stepAt(limitMs)
    while (!isOver()) {
      if (this.#due.size > 0 || this.#starting.length > 0)
        throw blocked('a blocking wait() lets time pass, and a program that is not blocked is due')
      const next = this.schedule.next
      if (next > untilMs) {
        this.now = Math.max(this.now, untilMs)
        return
      }
      if (next === Number.POSITIVE_INFINITY)
        throw blocked('a wait() without a limit waits for ever: nothing will happen')
      this.#step()
    }
  }

  #assertMoves(): void {
    this.#standing = this.now === this.#stoodAt ? this.#standing + 1 : 0
    this.#stoodAt = this.now
    if (this.#standing > MOST_TURNS)
      throw blocked('something goes round without end, and time does not pass')
  }

  #step(): void {
    const happening = this.schedule.take()
    this.now = Math.max(this.now, happening.at)
    const { run } = happening
    happening.run = undefined
    run?.()
  }

  /** Until nobody has anything to do at this moment. */
  async #settle(): Promise<void> {
    let quiet = 0
    for (let turns = 0; quiet < QUIET_TURNS; turns++) {
      if (turns > MOST_TURNS)
        throw blocked('something goes round without end, and time does not pass')
      const before = this.#stirs
      const isBusy = this.#goOn()
      await turnOfNodeLoop()
      if (this.#failure !== undefined) throw this.#failure.error
      quiet = isBusy || this.#stirs !== before ? 0 : quiet + 1
    }
  }

  /** Continues one program that is due; whether there was one. */
  #goOn(): boolean {
    const next = this.#starting.shift()
    if (next !== undefined) {
      this.#trace(`start ${next.host.address}`)
      this.#begin(next)
      return true
    }
    if (this.#due.size === 0) return false
    const due = [...this.#due]
    const backend = due[this.#order.below(due.length)]
    this.#due.delete(backend)
    this.#trace(`run ${backend.host.address}`)
    backend.goOn()
    return true
  }

  #begin({ host, program }: { host: SimulatedHost; program: () => unknown }): void {
    const isAlive = this.lifeOf(host)
    const fail = (error: unknown) => {
      this.stir()
      // What a program of a host does after its crash is nobody's.
      if (isAlive()) this.#failure ??= { error }
    }
    try {
      Promise.resolve(program()).then(() => this.stir(), fail)
    } catch (error) {
      fail(error)
    }
  }

  #failed(error: unknown): Error {
    const message = error instanceof Error ? error.message : String(error)
    return new Error(
      `seed ${this.seed}, at ${this.now.toFixed(3)} ms: ${message} (the same seed fails in the same way)`,
      { cause: error }
    )
  }

  // ---- The trace ----

  #tracePacket(what: string, packet: Packet): void {
    const { protocol, from, to, fromPort, toPort, data, flags, sequence, acknowledged } = packet
    this.#trace(
      `${what}${protocol} ${from}:${fromPort} ${to}:${toPort} ${data.length} ${flags} ${sequence} ${acknowledged}`
    )
  }

  #trace(what: string): void {
    this.#traced.push(`${this.now} ${what}\n`)
    if (this.#traced.length === 1000) this.#hashTraced()
  }

  #hashTraced(): void {
    this.#hash.update(this.#traced.join(''))
    this.#traced = []
  }
}

/** Returns what takes `entry` back. */
function addTo<T>(list: T[], entry: T): () => void {
  list.push(entry)
  return () => {
    const at = list.indexOf(entry)
    if (at >= 0) list.splice(at, 1)
  }
}

function matcher(patterns: readonly string[]): (address: string) => boolean {
  return (address) =>
    patterns.some((pattern) =>
      pattern.endsWith('*') ? address.startsWith(pattern.slice(0, -1)) : address === pattern
    )
}
