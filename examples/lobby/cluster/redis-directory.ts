// A directory in Redis 7 or Valkey: one server, with or without persistence. Redis Cluster and
// Sentinel are out of scope: of several servers that may take over from each other, a change that
// was confirmed can be lost without a restart that a node would see. What the changes are stands in
// redis-scripts.ts; this sends them, and reads the answers.
import { createHash } from 'node:crypto'
import type { NodeRef } from '../rules/passport.ts'
import type { MatchRecord, SkillSum } from '../rules/records.ts'
import { keyOf } from '../wire/names.ts'
import type { Presence, RoomInfo } from '../wire/protocol.ts'
import type {
  ChatLine,
  Directory,
  DirectoryEvents,
  JoiningNode,
  Lost,
  NodeInfo,
  NodeLoad,
  Owned,
  PlayerEntry,
  PlayerUpdate,
  Renewal,
  RenewalRequest,
  RestoredJournal,
  RoomClaim
} from './directory.ts'
import { DirectoryError } from './directory.ts'
import { type RedisCalls, RedisConnection } from './redis-connection.ts'
import { SCRIPTS, type ScriptName } from './redis-scripts.ts'
import { changesOf, countsOf } from './skill-changes.ts'

export interface RedisDirectoryOptions {
  /** `redis://[user:password@]host[:port][/database]`, or `rediss://` with TLS. */
  readonly url: string
  readonly events: DirectoryEvents
  /** For generations: nobody may have had it before. */
  randomBytes(count: number): Buffer
  /** Several clusters in one Redis have different ones. Default: `lobby:`. */
  readonly prefix?: string
  /** After which a call is rejected as `away`. Default: 500. */
  readonly timeoutMs?: number
  /** A message of another node that cannot be read, or a script that fails: a bug, or another
   * version. */
  onProblem?(error: Error): void
}

/**
 * In one call: each takes Redis some 40 µs, in which it answers nobody else. After a restart a
 * hundred nodes register at once, so that each waits for a call of each of the others.
 */
const MAX_PLAYERS_A_CALL = 25
const MAX_ROOMS_A_CALL = 50
const MAX_COUNTS_A_CALL = 1_000

const NO_LOAD: NodeLoad = { players: 0, rooms: 0, matches: 0, isDraining: false }

const sha = (text: string) => createHash('sha1').update(text).digest('hex')
const SHA = Object.fromEntries(
  Object.entries(SCRIPTS).map(([name, text]) => [name, sha(text)])
) as Record<ScriptName, string>

/** Of Redis: what a script gives back. */
type Reply = string | number | null | Reply[]

export class RedisDirectory implements Directory {
  /** Fulfilled when Redis was reached for the first time. */
  readonly opened: Promise<void>
  readonly commands = new Map<string, number>()
  readonly #options: RedisDirectoryOptions
  readonly #prefix: string
  readonly #channels: { listings: string; chat: string; order: string }
  readonly #commands: RedisConnection
  readonly #subscriber: RedisConnection
  readonly #pings: NodeJS.Timeout
  #self: NodeRef = { id: '', epoch: 0 }
  /** Of the server that it is connected to: a new one with each start of the server. */
  #run = ''
  #connections = 0

  constructor(options: RedisDirectoryOptions) {
    this.#options = options
    const { url, prefix = 'lobby:', timeoutMs = 500 } = options
    this.#prefix = prefix
    // Channels are the same for all databases of a server.
    const at = `${prefix}${new URL(url).pathname.slice(1) || '0'}:`
    this.#channels = { listings: `${at}listings`, chat: `${at}chat`, order: `${at}order` }
    this.#commands = new RedisConnection({
      url,
      timeoutMs,
      opened: (connection) => this.#opened(connection)
    })
    this.#subscriber = new RedisConnection({
      url,
      timeoutMs,
      opened: (connection) => {
        this.#count('subscribe')
        return connection.subscribe(Object.values(this.#channels), this.#receive)
      }
    })
    this.opened = Promise.all([this.#commands.opened, this.#subscriber.opened]).then(() => {})
    // A subscriber says nothing by itself, and would not see that its connection is dead.
    this.#pings = setInterval(() => {
      if (!this.#subscriber.isReady) return
      this.#count('ping')
      this.#subscriber.call(['PING']).catch(() => {})
    }, 1_000)
    this.#pings.unref()
  }

  async join(self: JoiningNode) {
    this.#self = { id: self.id, epoch: 0 }
    const reply = await this.#script('join', [...fieldsOf(self), this.#newGeneration()])
    const [epoch, secret] = reply as string[]
    this.#self = { id: self.id, epoch: Number(epoch) }
    return { epoch: Number(epoch), secret: Buffer.from(secret, 'base64') }
  }

  async renew({ load, knows, dead, settled }: RenewalRequest): Promise<Renewal> {
    const reply = (await this.#script('renew', [
      JSON.stringify(load),
      load.isDraining ? 1 : 0,
      knows,
      settled ?? '',
      this.#newGeneration(),
      ...dead.flatMap(({ epoch, beat }) => [epoch, beat])
    ])) as [string, number, string | null, number, string[], string[], string[][]]
    const [generation, isSettled, secret, mustRegister, wanted, passed, nodes] = reply
    return {
      generation,
      isSettled: isSettled === 1,
      secret: Buffer.from(secret ?? '', 'base64'),
      mustRegister: mustRegister === 1,
      wanted,
      passed,
      // In the order in which they came: a set has none.
      nodes: nodes.map(nodeFrom).sort((one, other) => one.epoch - other.epoch)
    }
  }

  async leave() {
    await this.#script('leave')
  }

  async register({ self, players, rooms, listings }: Owned): Promise<Lost> {
    await this.#script('registerBegin', [...fieldsOf(self), this.#newGeneration()])
    const lostPlayers = await this.updatePlayers(players)
    const lostRooms: string[] = []
    for (const part of partsOf(rooms, MAX_ROOMS_A_CALL)) {
      const args = part.flatMap(({ key, code, creationId }) => [key, code ?? '', creationId])
      lostRooms.push(...((await this.#script('registerRooms', args)) as string[]))
    }
    for (const part of partsOf(listings, MAX_ROOMS_A_CALL)) await this.publishListings(part, [])
    while ((await this.#script('registerEnd')) !== 0);
    return { players: lostPlayers, rooms: lostRooms }
  }

  async claimName(player: PlayerEntry) {
    const reply = await this.#script('claimName', argsOf({ player, where: 'lobby' }))
    const [isYours, isReserved, holder, key, skill] = reply as [
      number,
      number,
      string[] | null,
      string,
      string | null
    ]
    return {
      isYours: isYours === 1,
      isReserved: isReserved === 1,
      holder: holder === null ? undefined : entryFrom(holder),
      key,
      skill: skill === null ? undefined : Number(skill)
    }
  }

  async updatePlayer(player: PlayerEntry, where: Presence) {
    return (await this.updatePlayers([{ player, where }])).length === 0
  }

  async updatePlayers(players: readonly PlayerUpdate[]) {
    const lost: string[] = []
    for (const part of partsOf(players, MAX_PLAYERS_A_CALL))
      lost.push(...((await this.#script('updatePlayers', part.flatMap(argsOf))) as string[]))
    return lost
  }

  async releasePlayer(id: string) {
    await this.#script('releasePlayer', [id])
  }

  async findPlayer(id: string) {
    const reply = (await this.#script('findPlayer', [id])) as [string[], number] | null
    if (reply === null) return undefined
    const [entry, isOwned] = reply
    return { ...entryFrom(entry), where: entry[7] as Presence, isOwned: isOwned === 1 }
  }

  async takePlayer(id: string) {
    const reply = (await this.#script('takePlayer', [id])) as string[] | 'asked' | 'gone'
    return typeof reply === 'string' ? reply : entryFrom(reply)
  }

  async letGo(ids: readonly string[]) {
    for (const part of partsOf(ids, MAX_PLAYERS_A_CALL)) await this.#script('letGo', part)
  }

  async people(from: number, count: number) {
    const reply = await this.#script('people', [from, count])
    const [total, players] = reply as [number, [string, Presence][]]
    return { total, players: players.map(([name, where]) => ({ name, where })) }
  }

  async claimRoom({ key, code, creationId }: RoomClaim) {
    const reply = await this.#script('claimRoom', [key, code ?? '', creationId])
    const [isYours, id, epoch, isSame] = reply as [number, string, string, number]
    const owner = { id, epoch: Number(epoch) }
    return { isYours: isYours === 1, owner, isSameCreation: isSame === 1 }
  }

  async passRoom(key: string, to: NodeRef) {
    return (await this.#script('passRoom', [key, to.id, to.epoch])) === 1
  }

  async releaseRoom(key: string) {
    await this.#script('releaseRoom', [key])
  }

  async findRoom(keyOrCode: string) {
    const reply = (await this.#script('findRoom', [keyOrCode])) as [string, string] | null
    return reply === null ? undefined : { id: reply[0], epoch: Number(reply[1]) }
  }

  async publishListings(changed: readonly RoomInfo[], gone: readonly string[]) {
    const message = JSON.stringify({ node: this.#self, changed, gone })
    await this.#script('publishListings', [
      this.#channels.listings,
      message,
      gone.length,
      ...gone.map(keyOf),
      ...changed.flatMap((info) => [keyOf(info.name), JSON.stringify(info)])
    ])
  }

  async listings(node: NodeRef) {
    const reply = await this.#script('listings', [node.id, node.epoch])
    const [seq, rooms] = reply as [number, string[]]
    return { seq, rooms: rooms.map((room) => JSON.parse(room) as RoomInfo) }
  }

  async matchmaker(game: string) {
    const [id, epoch] = (await this.#script('matchmaker', [game])) as string[]
    return { id, epoch: Number(epoch) }
  }

  say(line: ChatLine) {
    return this.#publish('say', this.#channels.chat, { from: this.#self, line })
  }

  order(order: object) {
    return this.#publish('order', this.#channels.order, { from: this.#self, order })
  }

  async recordMatches(first: number, records: readonly MatchRecord[]) {
    const changes = records.map((record) =>
      JSON.stringify({ changes: changesOf(record), ...countsOf(record) })
    )
    const reply = (await this.#script('recordMatches', [first, ...changes])) as string | null
    return reply === null ? undefined : Number(reply)
  }

  async counts(day: number, names: readonly string[]) {
    const counts: number[] = []
    for (const part of partsOf(names, MAX_COUNTS_A_CALL)) {
      const reply = (await this.#script('counts', [day, ...part])) as (string | null)[]
      counts.push(...reply.map(Number))
    }
    return counts
  }

  async restoreSkills(sums: readonly SkillSum[], end?: RestoredJournal) {
    const { applied = '', players = '' } = end ?? {}
    await this.#script('restoreSkills', [JSON.stringify(sums), applied, players])
  }

  async standing(account: string, name: string) {
    const reply = await this.#script('standing', [account, keyOf(name)])
    const [key, skill, isKnown] = reply as [string, string | null, number]
    return skill === null ? undefined : { key, skill: Number(skill), isKnown: isKnown === 1 }
  }

  async leaders(count: number) {
    const reply = await this.#script('leaders', [count])
    const [players, leaders] = reply as [number, [string, string][]]
    return { players, leaders: leaders.map(([name, skill]) => ({ name, skill: Number(skill) })) }
  }

  close(): void {
    clearInterval(this.#pings)
    this.#commands.close()
    this.#subscriber.close()
  }

  async #opened(connection: RedisCalls): Promise<void> {
    this.#count('info')
    const info = String(await connection.call(['INFO', 'server']))
    const texts = Object.values(SCRIPTS)
    this.#count('load', texts.length)
    await Promise.all(texts.map((text) => connection.call(['SCRIPT', 'LOAD', text])))
    this.#run = /^run_id:(\w+)/m.exec(info)?.[1] ?? ''
    this.#connections++
  }

  #newGeneration(): string {
    return this.#options.randomBytes(16).toString('hex')
  }

  /** Runs a script. Somebody may have made Redis forget it: the whole text makes it known again. */
  async #script(name: ScriptName, args: readonly (string | number)[] = []): Promise<Reply> {
    this.#count(name)
    const { id, epoch } = this.#self
    const rest = ['1', this.#prefix, this.#run, id, epoch, this.#connections, ...args].map(String)
    try {
      return (await this.#commands.call(['EVALSHA', SHA[name], ...rest])) as Reply
    } catch (error) {
      if (!messageOf(error).startsWith('NOSCRIPT')) throw this.#explain(error)
    }
    this.#count('load')
    try {
      return (await this.#commands.call(['EVAL', SCRIPTS[name], ...rest])) as Reply
    } catch (error) {
      throw this.#explain(error)
    }
  }

  async #publish(kind: string, channel: string, message: object): Promise<void> {
    this.#count(kind)
    try {
      await this.#commands.call(['PUBLISH', channel, JSON.stringify(message)])
    } catch (error) {
      throw this.#explain(error)
    }
  }

  #explain(error: unknown): DirectoryError {
    if (error instanceof DirectoryError) return error
    const message = messageOf(error)
    if (message.startsWith('STALE'))
      return new DirectoryError('stale', `epoch ${this.#self.epoch} of this node is over`, error)
    if (message.startsWith('SETTLING'))
      return new DirectoryError('settling', 'the directory has started anew; in a moment', error)
    if (!/^(SUPERSEDED|LOADING|BUSY|READONLY|MASTERDOWN|MISCONF|OOM)/.test(message))
      this.#options.onProblem?.(error as Error)
    return new DirectoryError('away', `Redis refuses: ${message}`, error)
  }

  readonly #receive = (message: string, channel: string): void => {
    const { events } = this.#options
    const { listings, chat } = this.#channels
    let event: () => void
    try {
      if (channel === listings) {
        const space = message.indexOf(' ')
        const change = { seq: Number(message.slice(0, space)), ...JSON.parse(message.slice(space)) }
        event = () => events.listings(change)
      } else {
        const { from, line, order } = JSON.parse(message)
        event = () => (channel === chat ? events.chat(from, line) : events.order(from, order))
      }
    } catch (error) {
      this.#options.onProblem?.(error as Error)
      return
    }
    event()
  }

  #count(kind: string, times = 1): void {
    this.commands.set(kind, (this.commands.get(kind) ?? 0) + times)
  }
}

function messageOf(error: unknown): string {
  return (error as Error).message
}

function fieldsOf({ id, address, operatorAddress, secret, journal }: JoiningNode): string[] {
  return [id, address, operatorAddress, secret.toString('base64'), journal]
}

function argsOf({ player, where }: PlayerUpdate): (string | number)[] {
  const { id, name, account, serial, moves } = player
  return [id, name, keyOf(name), account, serial, moves, where]
}

function entryFrom([id, name, account, serial, moves, node, epoch]: readonly string[]) {
  const ref = { id: node, epoch: Number(epoch) }
  return { id, name, account, serial: Number(serial), moves: Number(moves), node: ref }
}

function nodeFrom(fields: readonly string[]): NodeInfo {
  const [id, address, operatorAddress, load, seq, beat, member, knows, epoch] = fields
  return {
    id,
    epoch: Number(epoch),
    address,
    operatorAddress,
    load: load === '' ? NO_LOAD : JSON.parse(load),
    listingSeq: Number(seq),
    beat: Number(beat),
    member: Number(member),
    knows: Number(knows)
  }
}

function* partsOf<T>(all: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size)
}
