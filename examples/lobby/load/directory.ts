// What a directory can take, without players' connections: many nodes in one process do with a
// Redis of their own what real ones do, at the rates of real players. Prints what Redis and each
// node had to do. npm run load:directory -- --nodes 100 --players 1000000
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { PlayerEntry } from '../cluster/directory.ts'
import { Membership } from '../cluster/membership.ts'
import { RedisDirectory } from '../cluster/redis-directory.ts'
import { system } from '../place.ts'
import type { NodeRef } from '../rules/passport.ts'
import type { MatchRecord } from '../rules/records.ts'
import type { RoomInfo } from '../wire/protocol.ts'
import { whole } from './figures.ts'
import { RedisProcess } from './processes.ts'
import { type Row, tableOf } from './summary.ts'

const usage = `The directory of a cluster under load: so many nodes with so many players, without their connections.

  --nodes NUMBER     (3)
  --players NUMBER   on all of them together (10000)
  --seconds NUMBER   how long it is measured (20)
  --help             show this`

const LEASE_MS = 4_000
const OUTAGE_MS = 60_000
const TICKS_A_SECOND = 20
const PUBLISH_TICKS = 5
/** Calls of a node that wait for an answer while its players come in. */
const AT_ONCE = 32
/** Players in one call. */
const BATCH = 250
const STORM_SECONDS = 5
/** What players do, as the load command has them. */
const SHARE_PLAYING = 0.2
const GROUP = 4
const MATCH_SECONDS = 30
/** For so long somebody stays before somebody else comes, and a room is there. */
const VISIT_SECONDS = 1_200
const ROOM_SECONDS = 300
/** Of those who come back after a lost connection, or join a room: they are looked for. */
const LOOKS_A_VISIT = 4
const CHATTERS = 0.05
const CHAT_SECONDS = 10
/** The default of `--lobby-hearers-per-second`: a node admits no more lines. */
const HEARERS_A_SECOND = 20_000

interface Counted {
  listings: number
  chat: number
}

/** Milliseconds of calls, by kind. */
const times = new Map<string, number[]>()
let failures = 0

async function timed<T>(kind: string, call: Promise<T>): Promise<T | undefined> {
  const startedMs = performance.now()
  try {
    const answer = await call
    const list = times.get(kind) ?? []
    times.set(kind, list)
    list.push(performance.now() - startedMs)
    return answer
  } catch {
    failures++
    return undefined
  }
}

/** How many are due now of something that comes so often; parts are kept. */
class Due {
  #rest = Math.random()

  take(perSecond: number, seconds: number): number {
    const all = this.#rest + perSecond * seconds
    const now = Math.floor(all)
    this.#rest = all - now
    return now
  }
}

class LoadNode {
  readonly received: Counted = { listings: 0, chat: 0 }
  readonly #number: number
  readonly #directory: RedisDirectory
  readonly #membership: Membership
  readonly #wanted: number
  readonly #rooms: RoomInfo[] = []
  /** Names of rooms that are not listed any more, for the next change. */
  readonly #gone: string[] = []
  readonly #players: PlayerEntry[] = []
  readonly #presence = new Due()
  readonly #visits = new Due()
  readonly #newRooms = new Due()
  readonly #looks = new Due()
  readonly #changes = new Due()
  readonly #lines = new Due()
  readonly #matches = new Due()
  #self: NodeRef | undefined
  #made = 0
  #recorded = 0

  constructor(number: number, url: string, players: number) {
    this.#number = number
    this.#wanted = players
    this.#directory = new RedisDirectory({
      url,
      randomBytes: system.randomBytes,
      timeoutMs: 5_000,
      events: {
        listings: () => {
          this.received.listings++
        },
        chat: () => {
          this.received.chat++
        },
        order: () => {}
      }
    })
    const address = `127.0.0.1:${20_000 + number}`
    this.#membership = new Membership({
      self: {
        id: `node-${number}`,
        address,
        operatorAddress: address,
        secret: Buffer.alloc(32, 1),
        journal: `journal-${number}`
      },
      directory: this.#directory,
      place: system,
      leaseMs: LEASE_MS,
      outageMs: OUTAGE_MS,
      load: () => ({
        players: this.#players.length,
        rooms: this.#rooms.length,
        matches: 0,
        isDraining: false
      }),
      owned: () => ({ players: [], rooms: [], listings: [] }),
      onJoined: (self) => {
        this.#self = self
      },
      beforeSpeaking: async () => {},
      onRenewed: () => {},
      onLost: () => {},
      onWanted: () => {},
      onPassed: () => {},
      onSecret: () => {},
      onEnded: () => {
        failures++
      }
    })
    this.#membership.start()
  }

  get commands(): ReadonlyMap<string, number> {
    return this.#directory.commands
  }

  async settled(): Promise<void> {
    while (this.#membership.directoryState !== 'here') await delay(50)
  }

  /** All players are there, as after a restart of Redis, and a part of them has rooms. */
  async fill(): Promise<void> {
    while (this.#players.length < this.#wanted) {
      const count = Math.min(BATCH, this.#wanted - this.#players.length)
      const some = Array.from({ length: count }, () => this.#newPlayer())
      this.#players.push(...some)
      const updates = some.map((player) => ({ player, where: 'lobby' as const }))
      await timed('updatePlayers', this.#directory.updatePlayers(updates))
    }
    const rooms = Math.round((this.#wanted * SHARE_PLAYING) / GROUP)
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      while (this.#rooms.length < rooms) await this.#openRoom()
    })
    await Promise.all(lanes)
    await this.#publish(this.#rooms)
  }

  /** As many sign in and out as the directory takes. Returns how many. */
  async storm(seconds: number): Promise<number> {
    const untilMs = performance.now() + seconds * 1_000
    let count = 0
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      while (performance.now() < untilMs) {
        const player = this.#newPlayer()
        await timed('claimName', this.#directory.claimName(player))
        await timed('releasePlayer', this.#directory.releasePlayer(player.id))
        count++
      }
    })
    await Promise.all(lanes)
    return count
  }

  tick(seconds: number): void {
    const players = this.#players.length
    const playing = players * SHARE_PLAYING
    for (let left = this.#visits.take(players / VISIT_SECONDS, seconds); left > 0; left--) {
      const [gone] = this.#players.splice(Math.floor(Math.random() * this.#players.length), 1)
      void timed('releasePlayer', this.#directory.releasePlayer(gone.id))
      void this.#signIn()
    }
    for (
      let left = this.#looks.take((players / VISIT_SECONDS) * LOOKS_A_VISIT, seconds);
      left > 0;
      left--
    )
      void timed('findPlayer', this.#directory.findPlayer(this.#anyPlayer().id))
    for (
      let left = this.#newRooms.take(this.#rooms.length / ROOM_SECONDS, seconds);
      left > 0;
      left--
    ) {
      const gone = this.#rooms.shift() as RoomInfo
      void timed('releaseRoom', this.#directory.releaseRoom(gone.name))
      this.#gone.push(gone.name)
      void this.#openRoom()
    }
    for (
      let left = this.#lines.take(
        Math.min((players * CHATTERS) / CHAT_SECONDS, HEARERS_A_SECOND / (players - playing)),
        seconds
      );
      left > 0;
      left--
    ) {
      const { name } = this.#anyPlayer()
      void timed(
        'say',
        this.#directory.say({ name, marks: [name], text: 'a line of usual length, or so' })
      )
    }
    const matches = this.#matches.take(playing / GROUP / MATCH_SECONDS, seconds)
    if (matches > 0) {
      const records = Array.from({ length: matches }, () => this.#match())
      const first = this.#recorded
      this.#recorded += matches
      void timed('recordMatches', this.#directory.recordMatches(first, records))
    }
  }

  /** Once a second: a match that begins or ends is a change for each of its players. */
  reportPresence(): void {
    const count = this.#presence.take((2 * this.#players.length * SHARE_PLAYING) / MATCH_SECONDS, 1)
    const some = Array.from({ length: count }, () => this.#anyPlayer())
    const updates = some.map((player) => ({ player, where: 'match' as const }))
    if (count > 0) void timed('updatePlayers', this.#directory.updatePlayers(updates))
  }

  /** Four times a second: of each room that began or ended a match. */
  publishChanges(seconds: number): void {
    const count = this.#changes.take((2 * this.#rooms.length) / MATCH_SECONDS, seconds)
    const changed = Array.from({ length: count }, () => this.#anyRoom())
    const gone = this.#gone.splice(0)
    if (count + gone.length > 0) void this.#publish(changed, gone)
  }

  async stop(): Promise<void> {
    await this.#membership.stop()
    this.#directory.close()
  }

  #newPlayer(): PlayerEntry {
    const name = `p ${this.#number}.${this.#made++}`
    const id = system.randomBytes(8).toString('hex')
    return { id, name, account: name, serial: 1, moves: 0, node: this.#self as NodeRef }
  }

  async #signIn(): Promise<void> {
    const player = this.#newPlayer()
    const claim = await timed('claimName', this.#directory.claimName(player))
    if (claim?.isYours) this.#players.push(player)
    else failures++
  }

  async #openRoom(): Promise<RoomInfo> {
    const name = `room ${this.#number}.${this.#made++}`
    await timed('claimRoom', this.#directory.claimRoom({ key: name, creationId: name }))
    const room = {
      name,
      players: GROUP,
      capacity: 8,
      spectators: 0,
      isPlaying: true,
      hasPassword: false,
      game: 'a game'
    }
    this.#rooms.push(room)
    return room
  }

  async #publish(rooms: readonly RoomInfo[], gone: readonly string[] = []): Promise<void> {
    await timed('publishListings', this.#directory.publishListings(rooms, gone))
  }

  #anyPlayer() {
    return this.#players[Math.floor(Math.random() * this.#players.length)]
  }

  #anyRoom() {
    return this.#rooms[Math.floor(Math.random() * this.#rooms.length)]
  }

  #match(): MatchRecord {
    const players = Array.from({ length: GROUP }, () => this.#anyPlayer())
    return {
      endedAtMs: Date.now(),
      room: this.#anyRoom().name,
      scores: players.map(({ name }) => ({ name, score: 3 })),
      winners: [players[0].name],
      skills: players.map(({ name }) => ({ name, skill: 1_500 })),
      identities: players.map(({ name, account }) => ({ name, account, key: name, change: 1 }))
    }
  }
}

/** What Redis says of itself; numbers by name. */
async function infoOf(url: string): Promise<Record<string, number>> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.end('INFO\r\n')
  let text = ''
  for await (const data of socket) text += data
  const pairs = [...text.matchAll(/^(\w+):([\d.]+)\r$/gm)].map(([, name, value]) => [
    name,
    Number(value)
  ])
  return Object.fromEntries(pairs)
}

const percentile = (list: readonly number[], share: number) =>
  [...list].sort((one, other) => one - other)[Math.floor(list.length * share)] ?? 0

/** Ticks of all nodes for so long. Returns how late the latest one was. */
async function live(nodes: readonly LoadNode[], seconds: number): Promise<number> {
  const startedMs = performance.now()
  let latestMs = 0
  for (let tick = 1; tick <= seconds * TICKS_A_SECOND; tick++) {
    const dueMs = startedMs + (tick * 1_000) / TICKS_A_SECOND
    await delay(Math.max(0, dueMs - performance.now()))
    latestMs = Math.max(latestMs, performance.now() - dueMs)
    for (const [at, node] of nodes.entries()) {
      node.tick(1 / TICKS_A_SECOND)
      if ((tick + at) % PUBLISH_TICKS === 0) node.publishChanges(PUBLISH_TICKS / TICKS_A_SECOND)
      if ((tick + at) % TICKS_A_SECOND === 0) node.reportPresence()
    }
  }
  return latestMs
}

function commandsOf(nodes: readonly LoadNode[]): Map<string, number> {
  const all = new Map<string, number>()
  for (const { commands } of nodes)
    for (const [kind, count] of commands) all.set(kind, (all.get(kind) ?? 0) + count)
  return all
}

async function measure(
  redis: RedisProcess,
  nodeCount: number,
  players: number,
  seconds: number
): Promise<Row[]> {
  const empty = await infoOf(redis.url)
  const share = Math.ceil(players / nodeCount)
  const nodes = Array.from({ length: nodeCount }, (_, at) => new LoadNode(at, redis.url, share))
  await Promise.all(nodes.map((node) => node.settled()))
  for (const node of nodes) await node.fill()
  const stormMs = performance.now()
  const stormCpu = redis.cpuSeconds ?? 0
  const claims = await Promise.all(nodes.map((node) => node.storm(STORM_SECONDS)))
  const stormSeconds = (performance.now() - stormMs) / 1_000
  const stormed = claims.reduce((sum, count) => sum + count) / stormSeconds
  const stormShare = ((redis.cpuSeconds ?? 0) - stormCpu) / stormSeconds
  await live(nodes, 5) // until it is as it will be
  times.clear()
  failures = 0
  const [info, before] = [await infoOf(redis.url), commandsOf(nodes)]
  const received = nodes.map((node) => ({ ...node.received }))
  const cpu = { redis: redis.cpuSeconds ?? 0, own: process.cpuUsage() }
  const startedMs = performance.now()
  const latestMs = await live(nodes, seconds)
  const took = (performance.now() - startedMs) / 1_000
  const after = await infoOf(redis.url)
  const own = process.cpuUsage(cpu.own)
  const rates = [...commandsOf(nodes)]
    .map(([kind, count]) => [kind, (count - (before.get(kind) ?? 0)) / took] as const)
    .sort(([, one], [, other]) => other - one)
  const events = nodes.map(({ received: now }, at) => now.listings - received[at].listings)
  const perSecond = (name: string) => (after[name] - info[name]) / took
  const redisCpu = ((redis.cpuSeconds ?? 0) - cpu.redis) / took
  const all = rates.reduce((sum, [, rate]) => sum + rate, 0)
  for (const node of nodes) await node.stop()
  return [
    row('nodes, players', players, `${whole(nodeCount)}, ${whole(players)}`),
    row(
      'most sign-ins and -outs/s',
      stormed,
      `${whole(stormed)}, with ${(stormShare * 100).toFixed(0)} % of a core for Redis`
    ),
    row(
      'Redis commands/s',
      all,
      `${whole(all)}: ${rates.map(([kind, rate]) => `${kind} ${rate < 10 ? rate.toFixed(1) : whole(rate)}`).join(', ')}`
    ),
    row('processor of Redis', redisCpu, `${(redisCpu * 100).toFixed(1)} % of a core`),
    row(
      'memory of Redis a player',
      (after.used_memory - empty.used_memory) / players,
      `${whole((after.used_memory - empty.used_memory) / players)} B (${(after.used_memory / 1e6).toFixed(0)} MB)`
    ),
    row(
      'bytes/s into Redis, out of it',
      perSecond('total_net_output_bytes'),
      `${whole(perSecond('total_net_input_bytes'))}, ${whole(perSecond('total_net_output_bytes'))}`
    ),
    row(
      'changes of lists a node gets/s',
      undefined,
      (events.reduce((sum, count) => sum + count, 0) / nodeCount / took).toFixed(1)
    ),
    ...[...times].map(([kind, list]) =>
      row(
        `${kind} p50, p99`,
        percentile(list, 0.99),
        `${percentile(list, 0.5).toFixed(2)} ms, ${percentile(list, 0.99).toFixed(2)} ms of ${whole(list.length)}`
      )
    ),
    row('failed calls', failures, whole(failures)),
    row(
      'processor of all nodes',
      undefined,
      `${(((own.user + own.system) / 1e6 / took) * 100).toFixed(0)} % of a core; the latest tick was ${whole(latestMs)} ms late`
    )
  ]
}

function row(name: string, figure: number | undefined, text: string): Row {
  return { name, figure, text }
}

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '3' },
    players: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '20' },
    help: { type: 'boolean', default: false }
  }
})
const numbers = [values.nodes, values.players, values.seconds].map(Number)
if (values.help || numbers.some((number) => !Number.isInteger(number) || number < 1)) {
  console.log(usage)
  process.exitCode = values.help ? 0 : 1
} else {
  const [nodes, players, seconds] = numbers
  const redis = await RedisProcess.start()
  try {
    console.log(tableOf(await measure(redis, nodes, players, seconds)))
  } finally {
    await redis.stop()
  }
}
