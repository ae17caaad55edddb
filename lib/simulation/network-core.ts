// The simulated network inside: what becomes of packets, virtual time, and who runs when.
import { crc32 } from 'node:zlib'
import { invalidArgValue } from '../errors.ts'
import { afterMicrotasks, turnOfNodeLoop } from '../turns.ts'
import { number } from '../validate.ts'
import type { SimulatedBackend } from './backend.ts'
import { blocked, type Core, wentOnByItself } from './core.ts'
import { SimulatedHost } from './host.ts'
import type { Link, LinkOptions } from './link.ts'
import { Links } from './links.ts'
import type { Verdict } from './network.ts'
import type { LinkPacket, Packet } from './packet.ts'
import { SeededRandom } from './random.ts'
import { RealWork } from './real-work.ts'
import { Schedule, stepAt } from './schedule.ts'
import { TraceHash } from './trace.ts'

const LOOPBACK_MS = 0.01
/** So many turns of Node's loop without anything of the simulation end a moment. */
const QUIET_TURNS = 3
/** After so many in one moment, something goes round without end. */
const MOST_TURNS = 100_000
/** How many moments Node's loop gets no turn for, while no program has asked for anything in it. */
const MOMENTS_WITHOUT_TURN = 256
/** So many turns time stands still for what Node does outside of the simulation: a few seconds. */
const MOST_REAL_TURNS = 1_000_000

/** What the trace says of a host, or of a packet. */
const TRACE = { start: 1, run: 2, crash: 3, delivered: 4, lost: 5, pause: 6, resume: 7 } as const
const PROTOCOL_NUMBER = { tcp: 6, udp: 17, unreachable: 1 } as const

/** A program that is about to run. */
interface Starting {
  readonly host: SimulatedHost
  readonly program: () => unknown
}

export class NetworkCore implements Core {
  readonly seed: number
  readonly schedule: Schedule = new Schedule((packet) => this.#deliver(packet))
  readonly links: Links
  now = 0
  isRunning = false
  readonly #faults: SeededRandom
  readonly #order: SeededRandom
  readonly #rules: ((packet: Packet) => Verdict)[] = []
  readonly #lives = new Map<SimulatedHost, object>()
  readonly #starting: Starting[] = []
  readonly #due: SimulatedBackend[] = []
  /** The same of hosts that are paused. */
  readonly #heldStarts: Starting[] = []
  readonly #held: SimulatedBackend[] = []
  readonly #trace = new TraceHash()
  packets = 0
  #hosts = 0
  #failure: { readonly error: unknown } | undefined
  #stirs = 0
  /** Who stirred last. */
  #stirredBy: SimulatedHost | undefined
  readonly #realWork: RealWork = new RealWork((type) => this.#onRealWork(type))
  /** What Node has just done outside of the simulation, and how often programs had stirred then. */
  #real: { readonly type: string; readonly stirs: number } | undefined
  /** How often run() went on without time passing, and when. */
  #standing = 0
  #stoodAt = -1
  /** How much Node had been asked for at the end of the last moment. */
  #asked = -1
  #momentsWithoutTurn = 0

  constructor(seed: number, defaults: LinkOptions) {
    this.seed = seed
    this.links = new Links(defaults)
    this.#faults = new SeededRandom(seed, -2)
    this.#order = new SeededRandom(seed, -3)
  }

  get trace(): string {
    return this.#trace.digest
  }

  stir(by: SimulatedHost | undefined): void {
    this.#stirs++
    this.#stirredBy = by
  }

  setDue(backend: SimulatedBackend): void {
    this.stir(backend.host)
    if (backend.isDue) return
    backend.isDue = true
    const list = backend.host.isPaused ? this.#held : this.#due
    list.push(backend)
  }

  // ---- Hosts ----

  addHost(texts: readonly string[], link: LinkOptions): SimulatedHost {
    const addresses = texts.map((text) => this.links.freeAddress(text))
    for (const [at, address] of addresses.entries()) {
      if (addresses.indexOf(address) !== at)
        throw invalidArgValue('address', address, 'it is there twice')
    }
    const host = new SimulatedHost(this, addresses, link, this.#hosts++)
    this.links.addHost(host)
    this.#lives.set(host, {})
    return host
  }

  linkBetween(host: SimulatedHost, from: string, to: string): Link {
    return this.links.between(host, from, to)
  }

  lifeOf(host: SimulatedHost): () => boolean {
    const life = this.#lives.get(host)
    return () => this.#lives.get(host) === life
  }

  onCrash(host: SimulatedHost): void {
    this.#traceHost(TRACE.crash, host)
    this.#lives.set(host, {})
    for (const list of [this.#due, this.#held])
      for (const backend of takenOf(list, host)) backend.isDue = false
    for (const list of [this.#starting, this.#heldStarts]) takenOf(list, host)
  }

  onPause(host: SimulatedHost): void {
    this.#traceHost(TRACE.pause, host)
    this.#held.push(...takenOf(this.#due, host))
    this.#heldStarts.push(...takenOf(this.#starting, host))
  }

  onResume(host: SimulatedHost): void {
    this.#traceHost(TRACE.resume, host)
    this.#due.push(...takenOf(this.#held, host))
    this.#starting.push(...takenOf(this.#heldStarts, host))
    this.stir(host)
  }

  start(host: SimulatedHost, program: () => unknown): void {
    const list = host.isPaused ? this.#heldStarts : this.#starting
    list.push({ host, program })
    this.stir(host)
  }

  // ---- Packets ----

  /** Returns what takes the rule back. */
  addRule(decide: (packet: Packet) => Verdict): () => void {
    this.#rules.push(decide)
    return () => {
      const at = this.#rules.indexOf(decide)
      if (at >= 0) this.#rules.splice(at, 1)
    }
  }

  send(packet: LinkPacket): void {
    const { link } = packet
    if (link.isLoopback) {
      this.schedule.add(this.now + LOOPBACK_MS, packet)
      return
    }
    if (link.isCut) return this.#lose(packet)
    let delayMs = 0
    for (const decide of this.#rules) {
      const verdict = this.#verdictOf(decide, packet)
      if (verdict === 'drop') return this.#lose(packet)
      if (verdict !== 'pass') delayMs += number(verdict.delayMs, 'delayMs', 0, 1e9)
    }
    this.#sendOver(link, packet, this.now + delayMs)
  }

  /** What a rule throws is an error of the run, and not of the program whose packet it is. */
  #verdictOf(decide: (packet: Packet) => Verdict, packet: Packet): Verdict {
    if (!this.isRunning) return decide(packet)
    try {
      return decide(packet)
    } catch (error) {
      this.#failure ??= { error }
      this.stir(undefined)
      return 'drop'
    }
  }

  #sendOver(link: Link, packet: LinkPacket, at: number): void {
    const { settings } = link
    const { bytes } = packet
    let leavesAt = at
    if (settings.bytesPerMs !== Number.POSITIVE_INFINITY) {
      const begins = Math.max(link.freeAt, leavesAt)
      if (begins - leavesAt > settings.queueMs) return this.#lose(packet)
      leavesAt = begins + bytes / settings.bytesPerMs
      link.freeAt = leavesAt
    }
    for (let left = bytes; left > 0; left -= settings.mtuBytes)
      if (this.#faults.chance(settings.loss)) return this.#lose(packet)
    const copies = this.#faults.chance(settings.duplication) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) {
      let ms = settings.minLatencyMs
      if (settings.meanExtraMs > 0) ms += this.#faults.exponential(settings.meanExtraMs)
      if (settings.jitterMs > 0) ms += this.#faults.fraction() * settings.jitterMs
      this.schedule.add(leavesAt + ms, packet)
    }
  }

  #deliver(packet: LinkPacket): void {
    const { link } = packet
    // A partition cuts what is on its way, too.
    if (link.isCut) return this.#lose(packet)
    this.#tracePacket(TRACE.delivered, packet)
    link.target?._receive(packet)
  }

  #lose(packet: LinkPacket): void {
    this.#tracePacket(TRACE.lost, packet)
  }

  // ---- Time ----

  async run(
    untilMs: number,
    check: (() => void) | undefined,
    findRealWork: boolean
  ): Promise<void> {
    if (this.isRunning)
      throw blocked('run() is called inside run(): use host.sleep() to let time pass')
    this.isRunning = true
    if (findRealWork) this.#realWork.watch()
    try {
      for (;;) {
        await this.#settle()
        check?.()
        // Packets that no program gets move without a turn of Node's loop.
        const before = this.#stirs
        this.#assertMoves()
        while (this.#stirs === before && this.schedule.next <= untilMs) this.#stepMoment()
        if (this.#stirs === before) break
      }
      this.now = Math.max(this.now, untilMs)
    } catch (error) {
      throw this.#failed(error)
    } finally {
      this.isRunning = false
      this.#realWork.stop()
    }
  }

  block(limitMs: number, isOver: () => boolean): void {
    const untilMs = stepAt(limitMs)
    while (!isOver()) {
      if (this.#due.length > 0 || this.#starting.length > 0)
        throw blocked('a blocking wait() lets time pass, and a program that is not blocked is due')
      const next = this.schedule.next
      if (next > untilMs) {
        this.now = Math.max(this.now, untilMs)
        return
      }
      if (next === Number.POSITIVE_INFINITY)
        throw blocked('a wait() without a limit waits for ever: nothing will happen')
      this.#stepMoment()
    }
  }

  #assertMoves(): void {
    this.#standing = this.now === this.#stoodAt ? this.#standing + 1 : 0
    this.#stoodAt = this.now
    if (this.#standing > MOST_TURNS) throw endless()
  }

  /** Whatever comes at the same time has come before a program goes on. */
  #stepMoment(): void {
    this.#step()
    while (this.schedule.next <= this.now) this.#step()
  }

  #step(): void {
    this.now = Math.max(this.now, this.schedule.next)
    this.schedule.runNext()
  }

  /** Until nobody has anything to do at this moment. */
  async #settle(): Promise<void> {
    let ownRequests = 0
    for (let turns = 0; ; turns++) {
      if (turns > MOST_TURNS) throw endless()
      this.#goOn()
      // Programs of promises alone have done what they do by then.
      await afterMicrotasks()
      ownRequests++
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#isAnybodyDue) continue
      const { asked, isPending } = this.#realWork
      const isAlone = asked === this.#asked + ownRequests && !isPending
      this.#asked = asked
      if (isAlone && ++this.#momentsWithoutTurn < MOMENTS_WITHOUT_TURN) return
      // A program that uses Node's streams or immediates may need turns of Node's loop.
      this.#momentsWithoutTurn = 0
      if (await this.#areTurnsQuiet()) return
      ownRequests = 0
    }
  }

  /** Whether turns of Node's loop bring nothing new. */
  async #areTurnsQuiet(): Promise<boolean> {
    const before = this.#stirs
    let quiet = 0
    for (let turns = 0; quiet < QUIET_TURNS; turns++) {
      await turnOfNodeLoop()
      this.#onRealWork(undefined)
      if (this.#failure !== undefined) throw this.#failure.error
      if (this.#stirs !== before) break
      // So that what a program awaits of Node is found, in the moment in which it asked for it.
      if (!this.#realWork.isPending) quiet++
      else if (turns >= MOST_REAL_TURNS) this.#realWork.giveUp()
    }
    this.#asked = this.#realWork.asked
    return this.#stirs === before
  }

  /** Something real is done, or comes next: what has stirred since the last one went on by that. */
  #onRealWork(type: string | undefined): void {
    const real = this.#real
    this.#real = type === undefined ? undefined : { type, stirs: this.#stirs }
    if (real === undefined || this.#stirs === real.stirs) return
    const by = this.#stirredBy?.address ?? 'a host'
    this.#failure ??= { error: wentOnByItself(by, real.type) }
  }

  get #isAnybodyDue(): boolean {
    return this.#due.length > 0 || this.#starting.length > 0
  }

  /** Continues one program that is due, if there is one. */
  #goOn(): void {
    const next = this.#starting.shift()
    if (next !== undefined) {
      this.#traceHost(TRACE.start, next.host)
      return this.#begin(next)
    }
    const { length } = this.#due
    if (length === 0) return
    const at = this.#order.below(length)
    const backend = this.#due[at]
    const last = this.#due.pop() as SimulatedBackend
    if (last !== backend) this.#due[at] = last
    backend.isDue = false
    this.#traceHost(TRACE.run, backend.host)
    backend.goOn()
  }

  #begin({ host, program }: Starting): void {
    const isAlive = this.lifeOf(host)
    const fail = (error: unknown) => {
      this.stir(host)
      // What a program of a host does after its crash is nobody's.
      if (isAlive()) this.#failure ??= { error }
    }
    try {
      Promise.resolve(program()).then(() => this.stir(host), fail)
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

  #tracePacket(what: number, packet: LinkPacket): void {
    const trace = this.#trace
    this.packets++
    this.#traceTime(what)
    trace.add(packet.link.number)
    trace.add((packet.fromPort << 16) | packet.toPort)
    trace.add((PROTOCOL_NUMBER[packet.protocol] << 8) | packet.flags)
    trace.add(packet.data.length)
    if (packet.data.length > 0) trace.add(crc32(packet.data))
    trace.add(packet.sequence)
    trace.add(packet.acknowledged)
  }

  #traceHost(what: number, host: SimulatedHost): void {
    this.#traceTime(what)
    this.#trace.add(host.number)
  }

  /** Virtual time has ten bits of fraction; what is above 32 bits changes every 48 days. */
  #traceTime(what: number): void {
    const steps = this.now * 1024
    this.#trace.add(steps)
    this.#trace.add(Math.floor(steps / 2 ** 32) * 8 + what)
  }
}

/** Takes what is of that host out of a list. */
function takenOf<T extends { readonly host: SimulatedHost }>(list: T[], host: SimulatedHost): T[] {
  const all = list.splice(0)
  list.push(...all.filter((one) => one.host !== host))
  return all.filter((one) => one.host === host)
}

function endless(): Error {
  return blocked('something goes round without end, and time does not pass')
}
