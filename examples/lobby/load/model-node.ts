// A node of a cluster without connections: its membership and its links are the real ones, and its
// players are a model of what players make their node do at the directory, at the rates of the load
// command. Runs against any directory, at any place, and slower than real time if that is asked.
import { pino } from 'pino'
import type { Directory, DirectoryEvents, NodeInfo, PlayerEntry } from '../cluster/directory.ts'
import { publishEveryMs } from '../cluster/front.ts'
import { Membership } from '../cluster/membership.ts'
import { NodeLinks } from '../cluster/node-links.ts'
import type { Place } from '../place.ts'
import { defaultLimits } from '../rules/limits.ts'
import { isSameNode, type NodeRef } from '../rules/passport.ts'
import type { MatchRecord } from '../rules/records.ts'
import { TokenBucket } from '../rules/session.ts'
import type { RoomInfo } from '../wire/protocol.ts'

const LEASE_MS = 4_000
const OUTAGE_MS = 60_000
const TICKS_A_SECOND = 20
/** Calls of a node that wait for an answer while its players come in. */
const AT_ONCE = 32
/** Players in one call. */
const BATCH = 250
/** What players do, as the load command has them. */
const SHARE_PLAYING = 0.2
const GROUP = 4
const MATCH_SECONDS = 30
/** For so long somebody stays before somebody else comes, and a room is there. */
const VISIT_SECONDS = 1_200
const ROOM_SECONDS = 300
/** How often somebody is looked for who comes back after a lost connection. */
const LOOKS_A_VISIT = 4
const CHATTERS = 0.05
const CHAT_SECONDS = 10
/** Of rooms; players find the others in the list. */
const QUICK_MATCHES = 0.5
const GAME = 'a game'
const LINE = 'a line of usual length, or so'

/** What all nodes of one run have seen together. */
export class Seen {
  /** Milliseconds of calls, by kind. */
  readonly times = new Map<string, number[]>()
  failures = 0
  /** Of each node together: what came by the directory's channels and answers, and its bytes. */
  readonly lists = { messages: 0, bytes: 0 }
  readonly chat = { messages: 0, bytes: 0 }
  readonly renewals = { messages: 0, bytes: 0 }
  /** Whole lists that were read, after a gap. */
  readonly wholeLists = { messages: 0, bytes: 0 }
}

export interface ModelNodeOptions {
  readonly number: number
  readonly players: number
  readonly place: Place
  readonly seen: Seen
  /** All that a second of real nodes has takes so many seconds. */
  readonly slower: number
  /** Where it listens for other nodes; undefined: there are no links. */
  readonly listenAt?: { readonly address: string; readonly port: number }
  /** Whether bytes are counted, which takes time. */
  readonly countsBytes: boolean
  open(events: DirectoryEvents): Directory
}

/** How many are due now of something that comes so often; parts are kept. */
class Due {
  #rest: number

  constructor(place: Place) {
    this.#rest = place.fraction()
  }

  take(perSecond: number): number {
    const all = this.#rest + perSecond / TICKS_A_SECOND
    const now = Math.floor(all)
    this.#rest = all - now
    return now
  }
}

/** Of objects that all nodes get, as one JSON. */
const sizes = new WeakMap<object, number>()
function bytesOf(value: object): number {
  const known = sizes.get(value)
  if (known !== undefined) return known
  const bytes = Buffer.byteLength(JSON.stringify(value))
  sizes.set(value, bytes)
  return bytes
}

export class ModelNode {
  readonly links: NodeLinks | undefined
  readonly #options: ModelNodeOptions
  readonly #place: Place
  readonly #directory: Directory
  readonly #membership: Membership
  readonly #rooms: RoomInfo[] = []
  readonly #changed = new Set<RoomInfo>()
  /** Names of rooms that are not listed any more, for the next change. */
  readonly #gone: string[] = []
  readonly #players: PlayerEntry[] = []
  /** As the front has them: the number of the last change of each node's list. */
  readonly #listingSeqs = new Map<string, number>()
  readonly #reading = new Set<string>()
  /** What the lobby's chat bears here: own lines and those of others. */
  readonly #hearers: TokenBucket
  readonly #due: Record<
    'presences' | 'visits' | 'rooms' | 'looks' | 'changes' | 'lines' | 'matches',
    Due
  >
  #nodes: readonly NodeInfo[] = []
  #self: NodeRef | undefined
  #made = 0
  #recorded = 0
  #ticks = 0
  /** How late the latest tick was. */
  latestMs = 0

  constructor(options: ModelNodeOptions) {
    const { number, place, seen, slower, listenAt, countsBytes } = options
    this.#options = options
    this.#place = place
    const due = () => new Due(place)
    this.#due = {
      presences: due(),
      visits: due(),
      rooms: due(),
      looks: due(),
      changes: due(),
      lines: due(),
      matches: due()
    }
    const { lobbyHearersPerSecond } = defaultLimits
    this.#hearers = new TokenBucket(2 * lobbyHearersPerSecond, lobbyHearersPerSecond, this.#nowMs)
    const count = (what: { messages: number; bytes: number }, value: object) => {
      what.messages++
      if (countsBytes) what.bytes += bytesOf(value)
    }
    this.#directory = options.open({
      listings: (change) => {
        count(seen.lists, change)
        this.#heard(change.node, change.seq)
      },
      chat: (from, line) => {
        count(seen.chat, line)
        if (!isSameNode(from, this.#self as NodeRef)) this.#bears()
      },
      order: () => {}
    })
    if (listenAt !== undefined)
      this.links = new NodeLinks({
        ...listenAt,
        leaseMs: LEASE_MS * slower,
        hasDirectory: () => this.#membership.hasDirectory(),
        log: pino({ level: 'silent' }),
        place
      })
    const { address = '127.0.0.1', port = 20_000 + number } = listenAt ?? {}
    this.#membership = new Membership({
      self: {
        id: `node-${number}`,
        address: `${address}:${port}`,
        operatorAddress: `${address}:${port}`,
        secret: Buffer.alloc(32, 1),
        journal: `journal-${number}`
      },
      directory: this.#directory,
      place,
      leaseMs: LEASE_MS * slower,
      outageMs: OUTAGE_MS,
      load: () => ({
        players: this.#players.length,
        rooms: this.#rooms.length,
        matches: 0,
        isDraining: false
      }),
      owned: () => ({ players: [], rooms: [], listings: [] }),
      onJoined: (self, secret) => {
        this.#self = self
        this.links?.begin(self, secret, {
          opened: () => {},
          called: () => {},
          closed: () => seen.failures++,
          stated: (statement) => this.#membership.heard(statement),
          request: async () => ({})
        })
      },
      beforeSpeaking: async () => {},
      onRenewed: (nodes) => {
        count(seen.renewals, nodes)
        // As the front does: what a node had a renewal ago must have come.
        const before = new Map(this.#nodes.map(({ epoch, listingSeq }) => [epoch, listingSeq]))
        this.#nodes = nodes
        this.links?.setNodes(nodes)
        for (const { id, epoch, listingSeq } of nodes) {
          const due = before.get(epoch) ?? listingSeq
          if (epoch !== this.#self?.epoch && due > (this.#listingSeqs.get(id) ?? 0))
            void this.#readList({ id, epoch })
        }
      },
      onLost: () => {},
      onWanted: () => {},
      onPassed: () => {},
      onSecret: () => {},
      onEnded: () => {
        seen.failures++
      }
    })
    this.#membership.start()
  }

  get commands(): ReadonlyMap<string, number> {
    return this.#directory.commands
  }

  get isSettled(): boolean {
    return this.#membership.directoryState === 'here'
  }

  /** All players are there, as after a restart of Redis, and a part of them has rooms. */
  async fill(): Promise<void> {
    const { players } = this.#options
    // As a node with a new journal: without it the directory applies no results.
    await this.#directory.restoreSkills([], { applied: -1, players: 0 })
    while (this.#players.length < players) {
      const count = Math.min(BATCH, players - this.#players.length)
      const some = Array.from({ length: count }, () => this.#newPlayer())
      this.#players.push(...some)
      const updates = some.map((player) => ({ player, where: 'lobby' as const }))
      await this.#timed('updatePlayers', () => this.#directory.updatePlayers(updates))
    }
    const rooms = Math.round((players * SHARE_PLAYING) / GROUP)
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      while (this.#rooms.length < rooms) await this.#openRoom()
    })
    await Promise.all(lanes)
  }

  /** As many sign in and out as the directory takes. Returns how many. */
  async storm(seconds: number): Promise<number> {
    const untilMs = this.#place.nowMs() + seconds * 1_000
    let count = 0
    const lanes = Array.from({ length: AT_ONCE }, async () => {
      while (this.#place.nowMs() < untilMs) {
        const player = this.#newPlayer()
        await this.#timed('claimName', () => this.#directory.claimName(player))
        await this.#timed('releasePlayer', () => this.#directory.releasePlayer(player.id))
        count++
      }
    })
    await Promise.all(lanes)
    return count
  }

  /** From now on, until {@link stop}. */
  live(): void {
    const { slower } = this.#options
    const everyMs = (1_000 / TICKS_A_SECOND) * slower
    let dueMs = this.#place.nowMs() + this.#place.fraction() * everyMs
    this.#tick = this.#place.alarm(() => {
      this.latestMs = Math.max(this.latestMs, this.#place.nowMs() - dueMs)
      dueMs += everyMs
      this.#tick?.set(Math.max(0, dueMs - this.#place.nowMs()))
      this.#onTick()
    })
    this.#tick.set(dueMs - this.#place.nowMs())
    this.#publish = this.#place.alarm(() => {
      this.#publish?.set(publishEveryMs(this.#nodes.length) * slower)
      void this.#publishChanges()
    })
    this.#publish.set(this.#place.fraction() * publishEveryMs(this.#nodes.length) * slower)
  }
  #tick: ReturnType<Place['alarm']> | undefined
  #publish: ReturnType<Place['alarm']> | undefined

  async stop(): Promise<void> {
    this.#tick?.cancel()
    this.#publish?.cancel()
    this.links?.close()
    await this.#membership.stop()
    this.#directory.close()
  }

  /** In the model's own seconds. */
  get #nowMs(): number {
    return this.#place.nowMs() / this.#options.slower
  }

  #onTick(): void {
    const due = this.#due
    const players = this.#players.length
    const playing = players * SHARE_PLAYING
    for (let left = due.visits.take(players / VISIT_SECONDS); left > 0; left--) {
      const [gone] = this.#players.splice(this.#below(this.#players.length), 1)
      void this.#timed('releasePlayer', () => this.#directory.releasePlayer(gone.id))
      void this.#signIn()
    }
    for (let left = due.looks.take((players / VISIT_SECONDS) * LOOKS_A_VISIT); left > 0; left--)
      void this.#timed('findPlayer', () => this.#directory.findPlayer(this.#anyPlayer().id))
    for (let left = due.rooms.take(this.#rooms.length / ROOM_SECONDS); left > 0; left--) {
      const gone = this.#rooms.shift() as RoomInfo
      this.#changed.delete(gone)
      this.#gone.push(gone.name)
      void this.#timed('releaseRoom', () => this.#directory.releaseRoom(gone.name))
      void this.#openRoom()
      this.#gather()
    }
    for (let left = due.lines.take((players * CHATTERS) / CHAT_SECONDS); left > 0; left--)
      this.#say()
    const matches = due.matches.take(playing / GROUP / MATCH_SECONDS)
    if (matches > 0) {
      const records = Array.from({ length: matches }, () => this.#match())
      const first = this.#recorded
      this.#recorded += matches
      void this.#timed('recordMatches', () => this.#directory.recordMatches(first, records))
    }
    // A room that begins or ends a match has changed, and where each of its players is, too.
    for (let left = due.changes.take((2 * this.#rooms.length) / MATCH_SECONDS); left > 0; left--)
      this.#changed.add(this.#rooms[this.#below(this.#rooms.length)])
    if (this.#ticks++ % TICKS_A_SECOND === 0) this.#reportPresences()
  }

  /** Players of any node come to a new room here: those of others move. */
  #gather(): void {
    const isQuick = this.#place.fraction() < QUICK_MATCHES
    for (let guest = isQuick ? 0 : 1; guest < GROUP; guest++) {
      if (isQuick) void this.#timed('matchmaker', () => this.#directory.matchmaker(GAME))
      else
        void this.#timed('findRoom', () =>
          this.#directory.findRoom(this.#rooms[this.#below(this.#rooms.length)].name)
        )
      // To the matchmaker's node and from there to the room's, or straight to that.
      for (let moves = isQuick ? 2 : 1; moves > 0; moves--) {
        if (this.#place.fraction() * this.#nodes.length < 1) continue // it is there already
        const player = this.#anyPlayer()
        void this.#timed('updatePlayer', () => this.#directory.updatePlayer(player, 'room'))
        this.#adopt(player)
      }
    }
  }

  #adopt({ id, name, account, serial, moves }: PlayerEntry): void {
    const links = this.links?.all ?? []
    if (links.length === 0) return
    const link = links[this.#below(links.length)]
    const rest = { hasToken: true, muted: [], said: [], room: name }
    const passport = { id, name, account, serial, moves, ...rest }
    link.send(['adopt', 1, '192.0.2.1', passport, []])
    link.send(['passport', 1, passport])
  }

  #say(): void {
    if (!this.#bears()) return
    const { name } = this.#anyPlayer()
    void this.#timed('say', () => this.#directory.say({ name, marks: [name], text: LINE }))
  }

  /** Whether the lobby's chat bears a line more: all who are in no match read it. */
  #bears(): boolean {
    return this.#hearers.take(this.#players.length * (1 - SHARE_PLAYING), this.#nowMs)
  }

  /** As the front does: all changes of a second in one call. */
  #reportPresences(): void {
    const count = Math.round((2 * this.#players.length * SHARE_PLAYING) / MATCH_SECONDS)
    const some = Array.from({ length: count }, () => this.#anyPlayer())
    const updates = some.map((player) => ({ player, where: 'match' as const }))
    if (count > 0) void this.#timed('updatePlayers', () => this.#directory.updatePlayers(updates))
  }

  async #publishChanges(): Promise<void> {
    const changed = [...this.#changed]
    const gone = this.#gone.splice(0)
    this.#changed.clear()
    if (changed.length + gone.length > 0)
      await this.#timed('publishListings', () => this.#directory.publishListings(changed, gone))
  }

  #heard(node: NodeRef, seq: number): void {
    if (node.epoch === this.#self?.epoch || this.#reading.has(node.id)) return
    const last = this.#listingSeqs.get(node.id) ?? 0
    if (seq === last + 1) this.#listingSeqs.set(node.id, seq)
    else if (seq > last) void this.#readList(node)
  }

  async #readList(node: NodeRef): Promise<void> {
    if (this.#reading.has(node.id)) return
    this.#reading.add(node.id)
    const list = await this.#timed('listings', () => this.#directory.listings(node))
    this.#reading.delete(node.id)
    if (list === undefined) return
    const { wholeLists } = this.#options.seen
    wholeLists.messages++
    if (this.#options.countsBytes) wholeLists.bytes += bytesOf(list.rooms)
    this.#listingSeqs.set(node.id, list.seq)
  }

  async #timed<T>(kind: string, call: () => Promise<T>): Promise<T | undefined> {
    const { seen } = this.#options
    const startedMs = this.#place.nowMs()
    try {
      const answer = await call()
      const list = seen.times.get(kind) ?? []
      seen.times.set(kind, list)
      list.push(this.#place.nowMs() - startedMs)
      return answer
    } catch {
      seen.failures++
      return undefined
    }
  }

  #newPlayer(): PlayerEntry {
    const name = `p ${this.#options.number}.${this.#made++}`
    const id = this.#place.randomBytes(8).toString('hex')
    return { id, name, account: name, serial: 1, moves: 0, node: this.#self as NodeRef }
  }

  async #signIn(): Promise<void> {
    const player = this.#newPlayer()
    const claim = await this.#timed('claimName', () => this.#directory.claimName(player))
    if (claim?.isYours) this.#players.push(player)
    else this.#options.seen.failures++
  }

  async #openRoom(): Promise<void> {
    const name = `room ${this.#options.number}.${this.#made++}`
    const room = {
      name,
      players: GROUP,
      capacity: 8,
      spectators: 0,
      isPlaying: true,
      hasPassword: false,
      game: GAME
    }
    this.#rooms.push(room)
    this.#changed.add(room)
    await this.#timed('claimRoom', () => this.#directory.claimRoom({ key: name, creationId: name }))
  }

  #below(count: number): number {
    return Math.floor(this.#place.fraction() * count)
  }

  #anyPlayer(): PlayerEntry {
    return this.#players[this.#below(this.#players.length)]
  }

  #match(): MatchRecord {
    const players = Array.from({ length: GROUP }, () => this.#anyPlayer())
    return {
      endedAtMs: this.#place.dateMs(),
      room: this.#rooms[this.#below(this.#rooms.length)].name,
      scores: players.map(({ name }) => ({ name, score: 3 })),
      winners: [players[0].name],
      skills: players.map(({ name }) => ({ name, skill: 1_500 })),
      identities: players.map(({ name, account }) => ({ name, account, key: name, change: 1 }))
    }
  }
}
