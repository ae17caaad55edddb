// A lobby of five nodes in a simulated network, with a directory in memory, and guests that come to
// any node. What must hold whatever the network, the directory and the nodes' processes do is
// written down in the checks. Each run is short and everything in it is small, so that a minute has
// hundreds of them: the lobby of one node (simulated-lobby.ts) has the bots and the full rate.
import type {
  Fault,
  Plan,
  ScenarioOptions,
  SimulatedHost,
  SimulatedNetwork
} from 'pollport/simulation'
import type { Directory, DirectoryEvents } from '../cluster/directory.ts'
import { type MemoryDirectory, MemoryEngine } from '../cluster/memory-directory.ts'
import { changesOf } from '../cluster/skill-changes.ts'
import { coinArena } from '../games/coin-arena/index.ts'
import { placeOf } from '../load/simulated-place.ts'
import type { Place } from '../place.ts'
import { gamesOf } from '../rules/game.ts'
import type { NodeRef } from '../rules/passport.ts'
import type { MatchRecord, Store } from '../rules/records.ts'
import { FIRST_SKILL, tenths } from '../rules/skills.ts'
import { defaultSettings, type Settings } from '../server/config.ts'
import { LobbyServer } from '../server/server.ts'
import { memoryStore } from '../server/store.ts'
import { keyOf } from '../wire/names.ts'
import { ClusterGuest, type GuestsSeen, type MatchEnd, ROOM_NAMES } from './cluster-guest.ts'
import { Stoppable } from './stoppable.ts'

export const NODES = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']
const GUESTS = ['10.0.2.1', '10.0.2.2', '10.0.2.3']
/** No hosts of the network: what a plan does to these, the scenario does. */
export const DIRECTORY = '10.0.7.1'
/** The way of the first nodes to the directory, and to the other nodes. */
export const TO_DIRECTORY = ['10.0.8.1', '10.0.8.2']
const TO_NODES = ['10.0.9.1', '10.0.9.2']
/** The process of such a node is stopped, as by SIGSTOP; or drained, and started again. */
export const PROCESSES = ['10.0.11.1', '10.0.11.2']
const DRAINED = ['10.0.12.1', '10.0.12.2']
export const HOSTS = [
  ...[...NODES, ...GUESTS, DIRECTORY, DIRECTORY],
  ...[...TO_DIRECTORY, ...TO_NODES, ...PROCESSES, ...DRAINED]
]
/** Faults end after two thirds of it; then there are {@link MENDED_WITHIN_MS}, and the end. */
export const DURATION_MS = 42_000
export const FAULTS = 6

const OPERATOR = '10.0.10.1'
const PORT = 7000
const NODE_PORT = 6000
const GUESTS_A_HOST = 3
const CHECK_EVERY_MS = 50
/** After the mend, everybody is served within this time; then everybody leaves. */
const MENDED_WITHIN_MS = 10_000
/** Connections whose clients are gone end after so long, and the seats of those are free later. */
const IDLE_MS = 5_000
const RESUME_MS = 4_000
/** Leases of runs in turn: the default, and shorter ones, with which more happens in a run. */
const LEASES_MS = [4_000, 1_500, 2_500]
/** Clocks of nodes differ from the true time by so much at most. */
const CLOCK_MS = 10 * 60_000
/** Its states are most of what is sent, and nobody here looks at them. */
const games = gamesOf({ ...coinArena, hz: 2 })

/** A fault on purpose, to see that the checks find it. */
export type PlantedFault =
  /** A node that does not reach the directory renews its lease all the same. */
  | 'no-fences'
  /** Each node gives away names as it likes. */
  | 'names-not-claimed'
  | 'rooms-not-claimed'
  | 'results-not-kept'
  /** A disk has another name after each start, so that its results count once more. */
  | 'journals-renamed'
  /** What nodes give up stays in the directory. */
  | 'never-released'
  /** Clocks of processes do not count the time in which these are stopped. */
  | 'clocks-stop'
  | 'never-mended'

/** What outlives a crash of a node. */
class Disk {
  readonly matches: MatchRecord[] = []
  /** The same, as {@link resultOf} has it: how often. */
  readonly results = new Map<string, number>()
  readonly store: Store = memoryStore()

  constructor(address: string, planted: PlantedFault | undefined) {
    const { keep } = this.store
    let starts = 0
    this.store.journal = async () =>
      planted === 'journals-renamed' ? `disk of ${address} ${++starts}` : `disk of ${address}`
    this.store.keep = (match) => {
      if (planted !== 'results-not-kept') count(this.results, resultOf(match))
      this.matches.push(match)
      return keep(match)
    }
  }
}

/** Of names that were there before: they are looked at again and again. */
const keys = new Map<string, string>()

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
      checkAtEnd: () => {
        this.#checkNothingIsLeft()
        this.#checkSkills()
      }
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
        this.#disks.set(address, new Disk(address, this.#planted))
        const host = network.host(address)
        host.run(() => this.#serve(host))
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
      const drained = DRAINED.findIndex((one) => this.#isStruck(one))
      if (drained !== -1) this.#lives.get(NODES[drained])?.server?.drain()
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
      const at = NODES.indexOf(address)
      const isStopped = this.#isStruck(PROCESSES[at])
      if (isStopped && !process.isStopped) process.stop()
      if (!isStopped && process.isStopped) process.goOn()
      // Some partitions leave a node its directory.
      const partition = this.#faultOf(address, 'partition')
      const isParted = partition !== undefined && partition.forMs % 2 === 1
      if (directory !== undefined) directory.isCut = isParted || this.#isStruck(TO_DIRECTORY[at])
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
    for (;;) {
      this.#end(address)
      await (await this.#open(host)).ended
      // It was drained, and is gone in good order.
      this.#end(address)
      while (this.#isStruck(DRAINED[NODES.indexOf(address)])) await host.sleep(CHECK_EVERY_MS)
    }
  }

  async #open(host: SimulatedHost): Promise<LobbyServer> {
    const { address } = host
    const life: Life = { process: new Stoppable(host), server: undefined, directory: undefined }
    this.#lives.set(address, life)
    const place = this.#placeOf(host, life)
    const number = NODES.indexOf(address) + 1
    const settings = {
      ...defaultSettings,
      newAccountsPerAddressPerDay: 1_000_000,
      port: PORT,
      webPort: 0,
      operatorPort: 0,
      udpPort: PORT,
      node: `n${number}`,
      nodeHost: address,
      nodePort: NODE_PORT,
      leaseMs: LEASES_MS[(this.#plan as Plan).seed % LEASES_MS.length],
      drainMs: 5_000,
      countdownMs: 500,
      resumeMs: RESUME_MS,
      idleMs: IDLE_MS,
      signInMs: 6_000,
      smallGroupAfterMs: 1_000,
      'coin-arena.matchMs': 2_500
    } as Settings
    life.server = await LobbyServer.open('0.0.0.0', '127.0.0.1', settings, {
      place,
      store: (this.#disks.get(address) as Disk).store,
      tokenKey: Buffer.alloc(32, number),
      openDirectory: (events: DirectoryEvents) => {
        life.directory = (this.#engine as MemoryEngine).open(place, events)
        return this.#faulty(life.directory)
      },
      hasWeb: false,
      games
    })
    this.#strike()
    return life.server
  }

  /** Its clock says another time of day than those of others. */
  #placeOf(host: SimulatedHost, { process }: Life): Place {
    const { place } = process
    const aheadMs = host.random.below(2 * CLOCK_MS) - CLOCK_MS
    return {
      ...place,
      dateMs: () => place.dateMs() + aheadMs,
      nowMs: () => host.now - (this.#planted === 'clocks-stop' ? process.stoppedMs : 0)
    }
  }

  async #visit(host: SimulatedHost, number: number): Promise<void> {
    const guest = new ClusterGuest(host, {
      nodes: (this.#plan as Plan).hosts.filter((address) => NODES.includes(address)),
      port: PORT,
      onMatchEnded: (match) => this.#hearEnd(match),
      calmFromMs: this.#mendedMs,
      leavesAtMs: this.#mendedMs + MENDED_WITHIN_MS,
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
      case 'never-released':
        directory.releasePlayer = async () => {}
        directory.releaseRoom = async () => {}
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
      for (const guest of this.#guests.values())
        if (guest.servedAtMs < Math.floor(this.#mendedMs))
          throw new Error(`is not served: ${guest}`)
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

  /** Everybody has left, so that nodes, links and the directory have nobody and nothing. */
  #checkNothingIsLeft(): void {
    for (const guest of this.#guests.values())
      if (!guest.hasLeft) throw new Error(`could not leave: ${guest}`)
    for (const [address, { server }] of this.#lives) {
      const { connections, players, rooms, matches, queued, cluster } = (server as LobbyServer)
        .figures
      const left = { connections, players, rooms, matches, queued, elsewhere: cluster?.elsewhere }
      const { directory, nodes = [], links = [] } = cluster ?? {}
      if (Object.values(left).some((count) => count !== 0))
        throw new Error(`something is left at ${address}: ${JSON.stringify(left)}`)
      const all = this.#lives.size
      if (directory !== 'here' || nodes.length !== all || links.length !== all - 1)
        throw new Error(`${address} does not see all: ${JSON.stringify(cluster)}`)
      if (links.some(({ queuedBytes }) => queuedBytes > 0))
        throw new Error(`something waits at ${address}: ${JSON.stringify(links)}`)
    }
    const { state } = this.#engine as MemoryEngine
    const self = this.#anyNode()
    if (self === undefined) return
    const { players } = state.people(self, 0, 1_000)
    if (players.length > 0) throw new Error(`players are left: ${JSON.stringify(players)}`)
    const room = ROOM_NAMES.find((name) => state.findRoom(self, keyOf(name)) !== undefined)
    if (room !== undefined) throw new Error(`the room ${room} is left in the directory`)
  }

  #anyNode(): NodeRef | undefined {
    for (const { server } of this.#lives.values()) {
      const { node: id, epoch } = server?.figures.cluster ?? {}
      if (id !== undefined && epoch !== undefined) return { id, epoch }
    }
    return undefined
  }

  /** Each change of a skill that is on a disk counts once. */
  #checkSkills(): void {
    const self = this.#anyNode()
    if (self === undefined) return
    const sums = new Map<string, number>()
    for (const { matches } of this.#disks.values())
      for (const { key, change = 0 } of matches.flatMap(changesOf))
        sums.set(key, tenths((sums.get(key) ?? FIRST_SKILL) + change))
    const { state } = this.#engine as MemoryEngine
    const there = state.leaders(self, 1_000).leaders.map(({ skill }) => skill)
    const kept = [...sums.values()].sort((one, other) => other - one)
    if (there.join() !== kept.join())
      throw new Error(`the skills are ${there}, and by the disks ${kept}`)
  }
}

function own(owners: Map<string, string>, what: string, address: string): void {
  const key = keys.get(what) ?? keyOf(what)
  keys.set(what, key)
  const other = owners.get(key)
  if (other !== undefined) throw new Error(`${what} is at ${other} and at ${address}`)
  owners.set(key, address)
}

type Result = Pick<MatchEnd, 'scores' | 'winners' | 'skills'>

function resultOf({ scores, winners, skills }: Result): string {
  return JSON.stringify({ scores, winners, skills })
}

function count(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1)
}
