// A whole lobby in a simulated network: its server, bots of every kind, and witnesses. What must
// hold whatever the network does is written down in the checks.
import { runLoop } from 'pollport'
import type { Plan, ScenarioOptions, SimulatedHost, SimulatedNetwork } from 'pollport/simulation'
import { Fleet, type Member } from '../bots/fleet.ts'
import type { Mix } from '../bots/mix.ts'
import { placeOf } from '../load/simulated-place.ts'
import type { MatchRecord, Store } from '../rules/records.ts'
import { defaultSettings, type Settings } from '../server/config.ts'
import { LobbyServer } from '../server/server.ts'
import { memoryStore } from '../server/store.ts'
import { type Seen, Witness } from './witness.ts'

export const SERVER = '10.0.0.1'
export const BOTS = '10.0.0.2'
export const WITNESSES = ['10.0.1.1', '10.0.1.2', '10.0.1.3']
export const HOSTS = [SERVER, BOTS, ...WITNESSES]
/** Faults end after two thirds of it, and in 30 s after that everybody is served again. */
export const DURATION_MS = 90_000

const PORT = 7000
const BOTS_HZ = 50
const MIX: Mix = {
  player: 4,
  chatter: 2,
  lurker: 1,
  quitter: 1,
  flooder: 1,
  slowReader: 1,
  halfOpen: 1
}
const CALM_MS = 15_000
const CHECK_EVERY_MS = 250
/** After the faults are over: pings go out every second. */
const SERVED_WITHIN_MS = 3_000

/** What outlives a crash of the server. */
class Disk {
  readonly matches: MatchRecord[] = []
  readonly store: Store = memoryStore()
  /** Is kept beside the store. */
  readonly tokenKey = Buffer.alloc(32, 7)

  constructor(forgets: boolean) {
    const { keep } = this.store
    this.store.keep = (match) => {
      if (!forgets) this.matches.push(match)
      return keep(match)
    }
  }
}

/** One run's lobby, and what it has shown so far. */
export class SimulatedLobby {
  readonly seen: Seen = { resumes: 0, matches: 0, lines: 0 }
  readonly settings: Settings
  /** A fault on purpose: nothing is kept. */
  forgetsResults = false
  readonly #promisedMs: number
  #server: LobbyServer | undefined
  #disk = new Disk(false)
  #lives = 0
  #witnesses = new Map<string, Witness>()
  #checkedMs = 0

  /** `promisedMs`: for how long the witnesses expect a seat to be kept; default: what is set. */
  constructor(settings: Partial<Settings> = {}, promisedMs?: number) {
    this.settings = {
      ...defaultSettings,
      port: PORT,
      webPort: 0,
      operatorPort: 0,
      udpPort: PORT,
      countdownMs: 500,
      resumeMs: 15_000,
      smallGroupAfterMs: 2_000,
      'coin-arena.matchMs': 5_000,
      ...settings
    } as Settings
    this.#promisedMs = promisedMs ?? this.settings.resumeMs
  }

  get scenario(): ScenarioOptions {
    return {
      link: { latencyMs: { min: 5, mean: 15 }, jitterMs: 3, loss: 0.005, duplication: 0.001 },
      scenario: (network, plan) => this.#begin(network, plan),
      check: (network) => this.#check(network),
      checkAtEnd: () => this.#checkAtEnd()
    }
  }

  #begin(network: SimulatedNetwork, { hosts }: Plan): void {
    this.#server = undefined
    this.#disk = new Disk(this.forgetsResults)
    this.#lives = 0
    this.#witnesses = new Map()
    this.#checkedMs = 0
    for (const address of hosts) {
      const host = network.host(address)
      if (address === SERVER) host.run(() => this.#serve(host))
      else if (address === BOTS) host.run(() => this.#runBots(host))
      else host.run(() => this.#witness(host))
    }
  }

  async #serve(host: SimulatedHost): Promise<void> {
    this.#lives++
    this.#server = undefined
    this.#server = await LobbyServer.open('0.0.0.0', '127.0.0.1', this.settings, {
      place: placeOf(host),
      store: this.#disk.store,
      tokenKey: this.#disk.tokenKey,
      hasWeb: false
    })
    await this.#server.ended
  }

  async #runBots(host: SimulatedHost): Promise<void> {
    const poller = host.poller<Member>()
    const fleet = new Fleet(poller, { address: SERVER, port: PORT, mix: MIX }, placeOf(host))
    await runLoop(poller, {
      hz: BOTS_HZ,
      onEvents: (events) => fleet.onEvents(events),
      onTick: (_tick, lateMs) => fleet.onTick(lateMs)
    })
  }

  async #witness(host: SimulatedHost): Promise<void> {
    const witness = new Witness(host, {
      // A host that crashed has lost its token: its old seat, with the old name, is kept for a
      // while.
      name: `witness ${host.address} ${Math.floor(host.now)}`.slice(0, 24),
      server: { address: SERVER, port: PORT },
      life: () => this.#lives,
      resumeMs: this.#promisedMs,
      isKept: ({ scores }) =>
        this.#disk.matches.some((kept) => JSON.stringify(kept.scores) === JSON.stringify(scores)),
      calmFromMs: DURATION_MS - CALM_MS,
      seen: this.seen
    })
    this.#witnesses.set(host.address, witness)
    await witness.run()
  }

  #check(network: SimulatedNetwork): void {
    if (this.#server === undefined || network.now < this.#checkedMs) return
    this.#checkedMs = network.now + CHECK_EVERY_MS
    const { rooms } = this.#server.rooms(0)
    const seats = new Set<string>()
    for (const { name: room, capacity, players } of rooms) {
      if (players.length > capacity) throw new Error(`room ${room} has more players than seats`)
      for (const { name } of players) {
        if (seats.has(name)) throw new Error(`${name} has two seats`)
        seats.add(name)
      }
    }
    const { players, playing, queued, away, connections } = this.#server.figures
    if (playing > players || queued > players || away > players)
      throw new Error(`of ${players} players ${playing} play, ${queued} wait, ${away} are away`)
    if (connections > this.settings.maxConnections) throw new Error(`${connections} connections`)
  }

  #checkAtEnd(): void {
    for (const [address, witness] of this.#witnesses)
      if (!witness.isServed(SERVED_WITHIN_MS)) throw new Error(`${address} is not served`)
  }
}
