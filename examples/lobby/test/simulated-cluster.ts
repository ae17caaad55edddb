// A lobby of five nodes in a simulated network, with a directory in memory, bots, and guests that
// come to any node. What must hold whatever the network, the directory and the nodes' processes do
// is written down in the checks.
import { runLoop } from 'pollport'
import type {
  Fault,
  Plan,
  ScenarioOptions,
  SimulatedHost,
  SimulatedNetwork
} from 'pollport/simulation'
import { Fleet, type Member } from '../bots/fleet.ts'
import type { Directory, DirectoryEvents } from '../cluster/directory.ts'
import { type MemoryDirectory, MemoryEngine } from '../cluster/memory-directory.ts'
import { placeOf } from '../load/simulated-place.ts'
import type { Store } from '../rules/records.ts'
import { defaultSettings, type Settings } from '../server/config.ts'
import { LobbyServer } from '../server/server.ts'
import { memoryStore } from '../server/store.ts'
import { keyOf } from '../wire/names.ts'
import { ClusterGuest, type GuestsSeen, type MatchEnd } from './cluster-guest.ts'
import { Stoppable } from './stoppable.ts'

export const NODES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']
const BOTS = '10.0.1.1'
const GUESTS = ['10.0.2.1', '10.0.2.2', '10.0.2.3']
/** No hosts of the network: what a plan does to these, the scenario does. */
export const DIRECTORY = '10.0.7.1'
/** The way of the first nodes to the directory, and to the other nodes. */
const TO_DIRECTORY = ['10.0.8.1', '10.0.8.2']
const TO_NODES = ['10.0.9.1', '10.0.9.2']
export const HOSTS = [...NODES, BOTS, ...GUESTS, DIRECTORY, ...TO_DIRECTORY, ...TO_NODES]
/** Faults end after two thirds of it. */
export const DURATION_MS = 54_000
export const FAULTS = 6

const OPERATOR = '10.0.10.1'
const PORT = 7000
const NODE_PORT = 6000
const BOTS_HZ = 20
const GUESTS_A_HOST = 3
const CHECK_EVERY_MS = 50
/** After the mend, everybody is served within this time. */
const MENDED_WITHIN_MS = 10_000
/** And goes on to be: a good client may meanwhile have come anew. */
const SERVED_WITHIN_MS = 6_000

/** A fault on purpose, to see that the checks find it. */
export type PlantedFault =
  /** A node that does not reach the directory renews its lease all the same. */
  | 'no-fences'
  /** Each node gives away names as it likes. */
  | 'names-not-claimed'
  | 'rooms-not-claimed'
  | 'results-not-kept'
  | 'never-mended'

/** What outlives a crash of a node. */
class Disk {
  /** What was played, as {@link resultOf} has it: how often. */
  readonly results = new Map<string, number>()
  readonly store: Store = memoryStore()

  constructor(address: string, forgets: boolean) {
    const { keep } = this.store
    this.store.journal = async () => `disk of ${address}`
    this.store.keep = (match) => {
      if (!forgets) count(this.results, resultOf(match))
      return keep(match)
    }
  }
}

/** A process of a node. */
interface Life {
  readonly process: Stoppable
  server: LobbyServer | undefined
  directory: MemoryDirectory | undefined
}

/** One run's cluster, and what it has shown so far. */
export class SimulatedCluster {
  readonly seen: GuestsSeen = { resumes: 0, moves: 0, matches: 0, rooms: 0, lostSeats: 0 }
  readonly #planted: PlantedFault | undefined
  #plan: Plan | undefined
  #nowMs = () => 0
  #engine: MemoryEngine | undefined
  #disks = new Map<string, Disk>()
  #lives = new Map<string, Life>()
  #guests = new Map<string, ClusterGuest>()
  /** Seeds of matches whose ends were heard, and how often each result was. */
  #heardMatches = new Set<string>()
  #heardResults = new Map<string, number>()
  #mendedMs = 0
  #checkedMs = 0
  #isMendChecked = false

  constructor(planted?: PlantedFault) {
    this.#planted = planted
  }

  get scenario(): ScenarioOptions {
    return {
      link: { latencyMs: { min: 1, mean: 5 }, jitterMs: 2, loss: 0.003, duplication: 0.001 },
      scenario: (network, plan) => this.#begin(network, plan),
      check: (network) => this.#check(network),
      checkAtEnd: () => this.#checkServedSince(this.#nowMs() - SERVED_WITHIN_MS)
    }
  }

  #begin(network: SimulatedNetwork, plan: Plan): void {
    const { hosts, faults } = plan
    const operator = network.host(OPERATOR) // no fault strikes it
    this.#plan = plan
    this.#nowMs = () => network.now
    this.#engine = new MemoryEngine(placeOf(operator), { loss: 0.01 })
    this.#disks = new Map()
    this.#lives = new Map()
    this.#guests = new Map()
    this.#heardMatches = new Set()
    this.#heardResults = new Map()
    this.#mendedMs = Math.max(0, ...faults.map(({ atMs, forMs }) => atMs + forMs))
    this.#checkedMs = 0
    this.#isMendChecked = false
    for (const address of hosts) {
      if (NODES.includes(address)) {
        this.#disks.set(address, new Disk(address, this.#planted === 'results-not-kept'))
        const host = network.host(address)
        host.run(() => this.#serve(host))
      } else if (address === BOTS) {
        const host = network.host(address)
        host.run(() => this.#runBots(host))
      } else if (GUESTS.includes(address)) {
        const host = network.host(address)
        for (let number = 1; number <= GUESTS_A_HOST; number++)
          host.run(() => this.#visit(host, number))
      }
    }
    network.rule(({ from, to }) => {
      const isCut = (one: string, other: string) =>
        NODES.includes(other) && this.#isStruck(TO_NODES[NODES.indexOf(one)])
      return isCut(from, to) || isCut(to, from) ? 'drop' : 'pass'
    })
    for (const fault of faults) this.#schedule(operator, fault)
  }

  // ---- Faults that are no faults of the network ----

  #schedule(operator: SimulatedHost, fault: Fault): void {
    void operator.sleep(fault.atMs).then(() => {
      if (fault.kind === 'crash') this.#end(fault.host)
      this.#strike()
    })
    void operator.sleep(fault.atMs + fault.forMs).then(() => {
      if (fault.kind === 'crash' && fault.host === DIRECTORY) {
        if (fault.forMs % 2 === 0) this.#engine?.restart()
        else this.#engine?.loseData()
      }
      this.#strike()
    })
  }

  /** Its process is gone. */
  #end(address: string): void {
    const life = this.#lives.get(address)
    life?.process.end()
    life?.directory?.close()
    this.#lives.delete(address)
  }

  /** Everything is as the faults of this moment say. */
  #strike(): void {
    if (this.#engine !== undefined) this.#engine.isAway = this.#isStruck(DIRECTORY)
    for (const [address, { process, directory }] of this.#lives) {
      const partition = this.#faultOf(address, 'partition')
      const isStopped = partition !== undefined && partition.forMs % 3 === 0
      if (isStopped && !process.isStopped) process.stop()
      if (!isStopped && process.isStopped) process.goOn()
      // Of the other partitions, some leave a node its directory.
      const isParted = partition !== undefined && partition.forMs % 3 === 1
      const isCut = isParted || this.#isStruck(TO_DIRECTORY[NODES.indexOf(address)])
      if (directory !== undefined) directory.isCut = isCut
    }
  }

  #isStruck(address: string | undefined): boolean {
    return address !== undefined && this.#faultOf(address) !== undefined
  }

  #faultOf(address: string, only?: Fault['kind']): Fault | undefined {
    const nowMs = this.#nowMs()
    return this.#plan?.faults.find((fault) => {
      if (fault.kind === 'loss' || (only !== undefined && fault.kind !== only)) return false
      const struck = fault.kind === 'crash' ? fault.host : fault.one[0]
      const untilMs =
        this.#planted === 'never-mended'
          ? Number.POSITIVE_INFINITY
          : Math.floor(fault.atMs + fault.forMs)
      return struck === address && fault.atMs <= nowMs && nowMs < untilMs
    })
  }

  // ---- Programs ----

  async #serve(host: SimulatedHost): Promise<void> {
    const { address } = host
    this.#end(address)
    const life: Life = { process: new Stoppable(host), server: undefined, directory: undefined }
    this.#lives.set(address, life)
    const { place } = life.process
    const disk = this.#disks.get(address) as Disk
    const number = NODES.indexOf(address) + 1
    const settings = {
      ...defaultSettings,
      port: PORT,
      webPort: 0,
      operatorPort: 0,
      udpPort: PORT,
      node: `n${number}`,
      nodeHost: address,
      nodePort: NODE_PORT,
      countdownMs: 500,
      resumeMs: 15_000,
      smallGroupAfterMs: 1_000,
      'coin-arena.matchMs': 4_000
    } as Settings
    life.server = await LobbyServer.open('0.0.0.0', '127.0.0.1', settings, {
      place,
      store: disk.store,
      tokenKey: Buffer.alloc(32, number),
      openDirectory: (events: DirectoryEvents) => {
        life.directory = (this.#engine as MemoryEngine).open(place, events)
        return this.#faulty(life.directory)
      },
      hasWeb: false
    })
    this.#strike()
    await life.server.ended
  }

  async #runBots(host: SimulatedHost): Promise<void> {
    const poller = host.poller<Member>()
    const [address] = (this.#plan as Plan).hosts
    const mix = { player: 2, chatter: 1, quitter: 1, halfOpen: 1 }
    const fleet = new Fleet(poller, { address, port: PORT, mix }, placeOf(host))
    await runLoop(poller, {
      hz: BOTS_HZ,
      onEvents: (events) => fleet.onEvents(events),
      onTick: (_tick, lateMs) => fleet.onTick(lateMs)
    })
  }

  async #visit(host: SimulatedHost, number: number): Promise<void> {
    const guest = new ClusterGuest(host, {
      nodes: (this.#plan as Plan).hosts.filter((address) => NODES.includes(address)),
      port: PORT,
      onMatchEnded: (match) => this.#hearEnd(match),
      calmFromMs: (DURATION_MS * 2) / 3,
      seen: this.seen
    })
    this.#guests.set(`${host.address} ${number}`, guest)
    await guest.run()
  }

  /** With the fault that was planted. */
  #faulty(directory: MemoryDirectory): Directory {
    switch (this.#planted) {
      case 'names-not-claimed':
        directory.claimName = async ({ name }) => {
          return { isYours: true, isReserved: false, holder: undefined, key: keyOf(name), skill: 0 }
        }
        break
      case 'rooms-not-claimed':
        directory.claimRoom = async () => {
          return { isYours: true, isSameCreation: true, owner: { id: '', epoch: 0 } }
        }
        directory.findRoom = async () => undefined
        break
      case 'no-fences': {
        const renew = directory.renew.bind(directory)
        let last: Awaited<ReturnType<Directory['renew']>> | undefined
        directory.renew = async (request) => {
          try {
            last = await renew(request)
            return last
          } catch (error) {
            if (last === undefined) throw error
            return last
          }
        }
      }
    }
    return directory
  }

  // ---- What must hold ----

  #hearEnd(match: MatchEnd): void {
    if (this.#heardMatches.has(match.seed)) return // by another guest
    this.#heardMatches.add(match.seed)
    const result = resultOf(match)
    if (!match.saved) throw new Error(`the match ${result} was not saved`)
    count(this.#heardResults, result)
    this.#checkKept(result)
  }

  #checkKept(result: string): void {
    let kept = 0
    for (const { results } of this.#disks.values()) kept += results.get(result) ?? 0
    if (kept < (this.#heardResults.get(result) ?? 0))
      throw new Error(`the match ${result} is in no store`)
  }

  #check({ now }: SimulatedNetwork): void {
    if (now >= this.#mendedMs + MENDED_WITHIN_MS && !this.#isMendChecked) {
      this.#isMendChecked = true
      this.#checkServedSince(this.#mendedMs)
    }
    if (now < this.#checkedMs) return
    this.#checkedMs = now + CHECK_EVERY_MS
    const seats = new Map<string, string>()
    const rooms = new Map<string, string>()
    for (const [address, { server }] of this.#lives) {
      if (!server?.maySpeak) continue
      for (const { name } of server.people(0).players) own(seats, `the player ${name}`, address)
      for (const { name } of server.rooms(0).rooms) own(rooms, `the room ${name}`, address)
    }
  }

  #checkServedSince(sinceMs: number): void {
    for (const guest of this.#guests.values())
      if (guest.servedAtMs < Math.floor(sinceMs)) throw new Error(`is not served: ${guest}`)
  }
}

function own(owners: Map<string, string>, what: string, address: string): void {
  const other = owners.get(keyOf(what))
  if (other !== undefined) throw new Error(`${what} is at ${other} and at ${address}`)
  owners.set(keyOf(what), address)
}

function resultOf({ scores, winners }: Pick<MatchEnd, 'scores' | 'winners'>): string {
  return JSON.stringify({ scores, winners })
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
