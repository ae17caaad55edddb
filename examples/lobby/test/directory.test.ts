// What a directory promises, whatever keeps it: the same sentences for each.
import { randomBytes } from 'node:crypto'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type {
  ChatLine,
  Directory,
  DirectoryEvents,
  JoiningNode,
  ListingChange,
  PlayerEntry,
  RenewalRequest
} from '../cluster/directory.ts'
import { MemoryEngine } from '../cluster/memory-directory.ts'
import { RedisDirectory } from '../cluster/redis-directory.ts'
import { system } from '../place.ts'
import type { NodeRef } from '../rules/passport.ts'
import type { MatchRecord, SkillSum } from '../rules/records.ts'
import { keyOf } from '../wire/names.ts'
import type { RoomInfo } from '../wire/protocol.ts'
import { startRedis, whyNoRedis } from './redis.ts'

/** Something that keeps directories. */
interface Engine {
  open(events: DirectoryEvents): Promise<Directory>
  /** It is started again, and has its data, or not. */
  restart(keepsData: boolean): Promise<void>
  stop(): Promise<void>
}

async function redisEngine(): Promise<Engine> {
  const redis = await startRedis({ save: true })
  return {
    open: async (events) => {
      const { url } = redis
      const directory = new RedisDirectory({
        url,
        events,
        randomBytes,
        onProblem: (error) => {
          throw error
        }
      })
      await directory.opened
      return directory
    },
    restart: (keepsData) => redis.restart(keepsData),
    stop: () => redis.stop()
  }
}

async function memoryEngine(): Promise<Engine> {
  const engine = new MemoryEngine(system)
  return {
    open: async (events) => engine.open(system, events),
    restart: async (keepsData) => (keepsData ? engine.restart() : engine.loseData()),
    stop: async () => {}
  }
}

const NO_LOAD = { players: 0, rooms: 0, matches: 0, isDraining: false }

/** After a restart Redis takes a moment; no other call is made before it is there again. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  return await vi.waitFor(call, { timeout: 10_000, interval: 20 })
}

/** A node, with no clock: it renews when the test says so, and believes what the test says. */
class Node {
  readonly directory: Directory
  readonly self: JoiningNode
  ref: NodeRef = { id: '', epoch: 0 }
  /** The secret of the cluster. */
  agreed: Buffer | undefined

  constructor(directory: Directory, self: JoiningNode) {
    this.directory = directory
    this.self = self
  }

  async join(): Promise<void> {
    const { epoch, secret } = await this.directory.join(this.self)
    this.ref = { id: this.self.id, epoch }
    this.agreed = secret
  }

  renew(request: Partial<RenewalRequest> = {}) {
    return this.directory.renew({
      load: NO_LOAD,
      knows: 0,
      dead: [],
      settled: undefined,
      ...request
    })
  }

  /** As if it had seen this generation for a lease. */
  async settle(): Promise<void> {
    const { generation } = await this.renew()
    expect((await this.renew({ settled: generation })).isSettled).toBe(true)
  }

  player(name: string, more: Partial<PlayerEntry> = {}): PlayerEntry {
    const node = this.ref
    return { id: `id of ${name}`, name, account: name, serial: 0, moves: 0, node, ...more }
  }
}

const engines = [
  { name: 'memory', newEngine: memoryEngine, why: undefined },
  { name: 'Redis', newEngine: redisEngine, why: whyNoRedis }
]
describe.each(engines)('a directory in $name', ({ newEngine, why }) => {
  if (why !== undefined) return test.skip(`needs a server: ${why}`)

  const running: Engine[] = []
  const directories: Directory[] = []
  afterEach(async () => {
    for (const directory of directories.splice(0)) directory.close()
    for (const engine of running.splice(0)) await engine.stop()
  })

  const silent: DirectoryEvents = { listings() {}, chat() {}, order() {} }

  async function newNode(engine: Engine, id: string, more: Partial<JoiningNode> = {}) {
    const directory = await engine.open(silent)
    directories.push(directory)
    const node = new Node(directory, {
      id,
      address: `127.0.0.1:7${id}`,
      operatorAddress: `127.0.0.1:8${id}`,
      secret: Buffer.from(`secret of ${id}`),
      journal: `journal of ${id}`,
      ...more
    })
    await node.join()
    return node
  }

  /** The first one has settled it. */
  async function cluster(...ids: string[]) {
    const engine = await newEngine()
    running.push(engine)
    const nodes: Node[] = []
    for (const id of ids) nodes.push(await newNode(engine, id))
    await nodes[0].settle()
    const [one, two, three] = nodes
    return { engine, nodes, one, two, three }
  }

  /** What a node does that sees no more of the other one, after a lease. */
  async function declareDead(by: Node, dead: Node, beats = 0): Promise<void> {
    const { nodes } = await by.renew()
    const node = nodes.find(({ epoch }) => epoch === dead.ref.epoch)
    if (node === undefined) throw new Error(`${dead.ref.id} is dead already`)
    const { id, epoch, beat } = node
    await by.renew({ dead: [{ id, epoch, beat: beat + beats }] })
  }

  const nothing = { players: [], rooms: [], listings: [] }

  // ---- Nodes ----

  test('epochs count up over all nodes, and all get the secret of the first', async () => {
    const { one, two } = await cluster('1', '2')
    expect(two.ref.epoch).toBeGreaterThan(one.ref.epoch)
    const { epoch, secret } = await two.directory.join(two.self)
    expect(epoch).toBeGreaterThan(two.ref.epoch)
    expect(secret).toEqual(one.self.secret)
  })

  test('a renewal lists all nodes, what they are, and how busy', async () => {
    const { one, two } = await cluster('1', '2')
    const load = { players: 3, rooms: 2, matches: 1, isDraining: true }
    await two.renew({ load, knows: 1 })
    const { nodes } = await one.renew()
    expect(nodes).toHaveLength(2)
    const { id, address, operatorAddress } = two.self
    expect(nodes[1]).toEqual({
      id,
      address,
      operatorAddress,
      epoch: two.ref.epoch,
      load,
      listingSeq: 0,
      beat: 1,
      member: 2,
      knows: 1
    })
  })

  test('a node that has renewed since is not dead', async () => {
    const { one, two } = await cluster('1', '2')
    await two.renew()
    await declareDead(one, two, -1)
    expect((await two.renew()).nodes).toHaveLength(2)
  })

  test('a dead node is stale in all that it asks', async () => {
    const { one, two } = await cluster('1', '2')
    await two.directory.claimName(two.player('Bob'))
    await declareDead(one, two)
    const stale = { code: 'stale' }
    const { directory } = two
    await expect(two.renew()).rejects.toMatchObject(stale)
    await expect(directory.claimName(two.player('Bob'))).rejects.toMatchObject(stale)
    await expect(directory.updatePlayer(two.player('Bob'), 'room')).rejects.toMatchObject(stale)
    await expect(directory.claimRoom({ key: 'a', creationId: '1' })).rejects.toMatchObject(stale)
    await expect(directory.publishListings([], ['a'])).rejects.toMatchObject(stale)
    await expect(directory.register({ self: two.self, ...nothing })).rejects.toMatchObject(stale)
    await two.join()
    expect((await two.renew()).nodes).toHaveLength(2)
  })

  test('a node that joins with the journal, or the address, of one before ends that one', async () => {
    const { engine, one } = await cluster('1')
    const two = await newNode(engine, '2', { journal: 'j' })
    const moved = await newNode(engine, '3', { journal: 'j' })
    await expect(two.renew()).rejects.toMatchObject({ code: 'stale' })
    const again = await newNode(engine, '3')
    await expect(moved.renew()).rejects.toMatchObject({ code: 'stale' })
    const other = await newNode(engine, '4', { address: again.self.address })
    expect((await one.renew()).nodes.map(({ epoch }) => epoch)).toEqual([
      one.ref.epoch,
      again.ref.epoch,
      other.ref.epoch
    ])
  })

  test('rooms of a node that leaves are free at once, its players can be taken', async () => {
    const { one, two } = await cluster('1', '2')
    await two.directory.claimRoom({ key: 'den', creationId: '1' })
    await two.directory.claimName(two.player('Bob'))
    await two.directory.leave()
    expect((await one.renew()).nodes).toHaveLength(1)
    expect(await one.directory.claimRoom({ key: 'den', creationId: '2' })).toMatchObject({
      isYours: true
    })
    expect(await one.directory.takePlayer('id of Bob')).toMatchObject({ moves: 1, node: one.ref })
  })

  // ---- Players ----

  test('of two nodes that want a name at once one gets it, however it is written', async () => {
    const { one, two } = await cluster('1', '2')
    const claims = await Promise.all([
      one.directory.claimName(one.player('Ann')),
      two.directory.claimName(two.player('aNN'))
    ])
    expect(claims.filter(({ isYours }) => isYours)).toHaveLength(1)
    const [winner, loser] = claims[0].isYours ? [one, 1] : [two, 0]
    expect(claims[loser]).toMatchObject({ isReserved: false, holder: { node: winner.ref } })
    expect(claims[0]).toMatchObject({ key: keyOf('Ann'), skill: undefined })
    const name = winner === one ? 'Ann' : 'aNN'
    expect(await winner.directory.claimName(winner.player(name))).toMatchObject({ isYours: true })
  })

  test('a name that is given back is free', async () => {
    const { one, two } = await cluster('1', '2')
    await one.directory.claimName(one.player('Ann'))
    await two.directory.releasePlayer('id of Ann')
    expect(await one.directory.findPlayer('id of Ann'), 'not by another node').toBeDefined()
    await one.directory.releasePlayer('id of Ann')
    expect(await one.directory.findPlayer('id of Ann')).toBeUndefined()
    const claim = await two.directory.claimName(two.player('Ann', { id: 'x', account: 'y' }))
    expect(claim.isYours).toBe(true)
  })

  test('a page of players has them in the order in which they came', async () => {
    const { one, two } = await cluster('1', '2')
    await one.directory.claimName(one.player('Ann'))
    await two.directory.claimName(two.player('Bob'))
    await one.directory.claimName(one.player('Cy'))
    await one.directory.updatePlayer(one.player('Ann'), 'match')
    expect(await two.directory.people(0, 2)).toEqual({
      total: 3,
      players: [
        { name: 'Ann', where: 'match' },
        { name: 'Bob', where: 'lobby' }
      ]
    })
    expect((await two.directory.people(2, 2)).players).toEqual([{ name: 'Cy', where: 'lobby' }])
    expect((await two.directory.people(3, 2)).players).toEqual([])
  })

  test('of two nodes that a player has moved to, the first one to say so has it', async () => {
    const { one, two, three } = await cluster('1', '2', '3')
    await one.directory.claimName(one.player('Ann'))
    const moved = { moves: 1, serial: 5 }
    const both = await Promise.all([
      two.directory.updatePlayer(two.player('Ann', moved), 'lobby'),
      three.directory.updatePlayer(three.player('Ann', moved), 'lobby')
    ])
    expect(both.filter((isYours) => isYours)).toHaveLength(1)
    const winner = both[0] ? two : three
    expect(await one.directory.findPlayer('id of Ann')).toEqual({
      ...winner.player('Ann', moved),
      where: 'lobby',
      isOwned: true
    })
    expect(await one.directory.updatePlayer(one.player('Ann'), 'lobby'), 'late').toBe(false)
    await one.directory.releasePlayer('id of Ann')
    expect(await one.directory.findPlayer('id of Ann')).toMatchObject({ node: winner.ref })
  })

  test('many players are updated in one call, which says which are elsewhere', async () => {
    const { one, two } = await cluster('1', '2')
    const players = Array.from({ length: 600 }, (_, at) => one.player(`Player ${at}`))
    const lobby = { where: 'lobby' as const }
    expect(
      await one.directory.updatePlayers(players.map((player) => ({ player, ...lobby })))
    ).toEqual([])
    await two.directory.updatePlayer({ ...players[7], moves: 1 }, 'room')
    const lost = await one.directory.updatePlayers(players.map((player) => ({ player, ...lobby })))
    expect(lost).toEqual(['id of Player 7'])
    expect((await two.directory.people(0, 1)).total).toBe(600)
  })

  test('a player of a living node is asked for, and taken when that has let go', async () => {
    const { one, two } = await cluster('1', '2')
    await one.directory.claimName(one.player('Ann'))
    expect(await two.directory.takePlayer('id of nobody')).toBe('gone')
    expect(await two.directory.takePlayer('id of Ann')).toBe('asked')
    expect((await two.renew()).wanted).toEqual([])
    expect((await one.renew()).wanted).toEqual(['id of Ann'])
    expect((await one.renew()).wanted, 'unless it is asked for again').toEqual([])
    expect(await two.directory.takePlayer('id of Ann')).toBe('asked')
    await one.directory.letGo(['id of Ann', 'id of nobody'])
    expect((await one.renew()).wanted).toEqual([])
    expect(await two.directory.findPlayer('id of Ann')).toMatchObject({ isOwned: false })
    const claim = await one.directory.claimName(one.player('Ann', { id: 'x', account: 'y' }))
    expect(claim.isYours, 'the name is kept').toBe(false)
    const taken = two.player('Ann', { moves: 1 })
    expect(await two.directory.takePlayer('id of Ann')).toEqual(taken)
    const again = two.player('Ann', { moves: 2 })
    expect(await two.directory.takePlayer('id of Ann'), 'again').toEqual(again)
    expect(await one.directory.takePlayer('id of Ann')).toBe('asked')
  })

  test('a player that is taken where it was is not on its way to another node any more', async () => {
    const { one, two } = await cluster('1', '2')
    await one.directory.claimName(one.player('Ann'))
    // It moved, but its new node could not say so; and its client came back to the old one.
    const moved = two.player('Ann', { moves: 1 })
    const taken = one.player('Ann', { moves: 1 })
    expect(await one.directory.takePlayer('id of Ann')).toEqual(taken)
    expect(await two.directory.updatePlayer(moved, 'lobby')).toBe(false)
    expect(await one.directory.updatePlayer(taken, 'lobby')).toBe(true)
  })

  test('a player of a dead node is taken by one node, at once', async () => {
    const { one, two, three } = await cluster('1', '2', '3')
    await one.directory.claimName(one.player('Ann'))
    await declareDead(two, one)
    const takes = await Promise.all([
      two.directory.takePlayer('id of Ann'),
      three.directory.takePlayer('id of Ann')
    ])
    expect(takes.filter((take) => take === 'asked')).toHaveLength(1)
    expect(takes.filter((take) => typeof take === 'object')).toHaveLength(1)
  })

  test("a dead node's names go to the same account, not to others", async () => {
    const { one, two } = await cluster('1', '2')
    await one.directory.claimName(one.player('Ann'))
    await declareDead(two, one)
    const other = two.player('Ann', { id: 'x', account: 'other' })
    expect(await two.directory.claimName(other)).toMatchObject({
      isYours: false,
      holder: { node: one.ref }
    })
    await two.renew()
    expect(await two.directory.claimName(other)).toMatchObject({ isYours: false })
    const same = two.player('Ann', { id: 'new id of Ann' })
    expect(await two.directory.claimName(same)).toMatchObject({ isYours: true })
    expect(await two.directory.findPlayer('id of Ann')).toBeUndefined()
    await two.renew()
    await two.renew()
    expect(await two.directory.findPlayer('new id of Ann')).toMatchObject({ node: two.ref })
  })

  // ---- Rooms ----

  test('of two nodes that make a room at once one has it', async () => {
    const { one, two } = await cluster('1', '2')
    const claims = await Promise.all([
      one.directory.claimRoom({ key: 'den', creationId: '1' }),
      two.directory.claimRoom({ key: 'den', creationId: '2' })
    ])
    const [winner] = claims[0].isYours ? [one] : [two]
    expect(claims.filter(({ isYours }) => isYours)).toHaveLength(1)
    for (const { owner } of claims) expect(owner).toEqual(winner.ref)
    expect(await two.directory.findRoom('den')).toEqual(winner.ref)
  })

  test('a request that is repeated makes no second room, also at another node', async () => {
    const { one, two } = await cluster('1', '2')
    const room = { key: 'den', creationId: 'of Ann' }
    const first = await one.directory.claimRoom(room)
    expect(first).toEqual({ isYours: true, owner: one.ref, isSameCreation: true })
    expect(await one.directory.claimRoom(room)).toEqual(first)
    expect(await two.directory.claimRoom(room)).toEqual({ ...first, isYours: false })
    expect(await two.directory.claimRoom({ key: 'den', creationId: 'of Bob' })).toEqual({
      isYours: false,
      owner: one.ref,
      isSameCreation: false
    })
  })

  test('a private room is found by its code, which may follow, until it is given up', async () => {
    const { one, two } = await cluster('1', '2')
    await one.directory.claimRoom({ key: 'den', creationId: '1' })
    expect(await two.directory.findRoom('C0DE')).toBeUndefined()
    await one.directory.claimRoom({ key: 'den', creationId: '1', code: 'C0DE' })
    expect(await two.directory.findRoom('C0DE')).toEqual(one.ref)
    await two.directory.releaseRoom('den')
    expect(await two.directory.findRoom('den'), 'not by another node').toEqual(one.ref)
    await one.directory.releaseRoom('den')
    expect(await two.directory.findRoom('den')).toBeUndefined()
    expect(await two.directory.findRoom('C0DE')).toBeUndefined()
  })

  test('rooms of a dead node are free, and those that it passed on are not', async () => {
    const { one, two, three } = await cluster('1', '2', '3')
    await one.directory.claimRoom({ key: 'den', creationId: '1', code: 'A' })
    await one.directory.claimRoom({ key: 'attic', creationId: '2', code: 'B' })
    expect(await two.directory.passRoom('attic', two.ref)).toBe(false)
    expect(await one.directory.passRoom('attic', two.ref)).toBe(true)
    expect(await one.directory.passRoom('attic', two.ref), 'repeated').toBe(true)
    expect(await one.directory.passRoom('attic', three.ref), 'it has gone').toBe(false)
    expect(await one.directory.passRoom('den', { id: '9', epoch: 9 })).toBe(false)
    await declareDead(three, one)
    expect(await three.directory.findRoom('A')).toBeUndefined()
    expect(await three.directory.findRoom('B')).toEqual(two.ref)
    await three.renew()
    await three.renew()
    expect(await three.directory.findRoom('B')).toEqual(two.ref)
    expect(await three.directory.claimRoom({ key: 'den', creationId: '3' })).toMatchObject({
      isYours: true
    })
  })

  test('a node hears of rooms that were passed to it until it claims or releases them', async () => {
    const { one, two, three } = await cluster('1', '2', '3')
    const keys = ['attic', 'cellar', 'den']
    for (const key of keys) {
      await one.directory.claimRoom({ key, creationId: key })
      expect(await one.directory.passRoom(key, two.ref)).toBe(true)
    }
    const passed = async (node: Node) => [...(await node.renew()).passed].sort()
    for (let times = 0; times < 2; times++) expect(await passed(two)).toEqual(keys)
    await two.directory.claimRoom({ key: 'attic', creationId: 'another' })
    expect(await passed(two), 'not by another creation').toEqual(keys)
    await two.directory.claimRoom({ key: 'attic', creationId: 'attic' })
    expect(await passed(two)).toEqual(['cellar', 'den'])
    await two.directory.releaseRoom('cellar')
    expect(await passed(two)).toEqual(['den'])
    await two.directory.passRoom('den', three.ref)
    expect(await passed(two)).toEqual([])
    expect(await passed(three)).toEqual(['den'])
  })

  test('one node forms the groups of a game, until it is dead or drains', async () => {
    const { one, two } = await cluster('1', '2')
    const makers = await Promise.all([
      one.directory.matchmaker('cards'),
      two.directory.matchmaker('cards')
    ])
    expect(makers[0]).toEqual(makers[1])
    const [maker, other] = makers[0].id === '1' ? [one, two] : [two, one]
    await maker.renew({ load: { ...NO_LOAD, isDraining: true } })
    expect(await other.directory.matchmaker('cards')).toEqual(other.ref)
    await maker.renew()
    expect(await maker.directory.matchmaker('cards')).toEqual(other.ref)
    await declareDead(maker, other)
    expect(await maker.directory.matchmaker('cards')).toEqual(maker.ref)
  })

  // ---- What the others say ----

  test('changes of listings come with numbers that have no gap, and the list with the last one', async () => {
    const { engine, one, two } = await cluster('1', '2')
    const changes: ListingChange[] = []
    const directory = await engine.open({
      ...silent,
      listings: (change) => changes.push(structuredClone(change))
    })
    directories.push(directory)
    const info = (name: string, players: number): RoomInfo => ({
      name,
      players,
      capacity: 4,
      spectators: 0,
      isPlaying: false,
      hasPassword: false,
      game: 'cards'
    })
    await two.directory.publishListings([info('Den', 1), info('Attic', 1)], [])
    await two.directory.publishListings([info('Den', 2)], ['Attic'])
    await vi.waitFor(() => expect(changes).toHaveLength(2), { timeout: 10_000 })
    expect(changes).toEqual([
      { node: two.ref, seq: 1, changed: [info('Den', 1), info('Attic', 1)], gone: [] },
      { node: two.ref, seq: 2, changed: [info('Den', 2)], gone: ['Attic'] }
    ])
    expect(await one.directory.listings(two.ref)).toEqual({ seq: 2, rooms: [info('Den', 2)] })
    expect((await one.renew()).nodes[1].listingSeq).toBe(2)
    await declareDead(one, two)
    expect(await one.directory.listings(two.ref)).toEqual({ seq: 0, rooms: [] })
  })

  test('chat and orders come to all nodes', async () => {
    const { engine, one, two } = await cluster('1', '2')
    const heard: unknown[] = []
    const listener = (...what: unknown[]) => heard.push(what)
    const directory = await engine.open({ ...silent, chat: listener, order: listener })
    directories.push(directory)
    const line: ChatLine = { name: 'Ann', marks: ['m'], text: 'hello' }
    await one.directory.say(line)
    await vi.waitFor(() => expect(heard).toHaveLength(1), { timeout: 10_000 })
    await two.directory.order({ type: 'announce' })
    await vi.waitFor(() => expect(heard).toHaveLength(2), { timeout: 10_000 })
    expect(heard).toEqual([
      [one.ref, line],
      [two.ref, { type: 'announce' }]
    ])
  })

  // ---- A new start of the directory ----

  test.each([true, false])(
    'after a restart nothing is assigned before it has settled (with its data: %s)',
    async (keepsData) => {
      const { engine, one, two } = await cluster('1', '2')
      await one.directory.claimName(one.player('Ann'))
      await one.directory.claimRoom({ key: 'den', creationId: '1', code: 'A' })
      const { generation } = await one.renew()
      await engine.restart(keepsData)

      const renewal = await again(() => one.renew())
      expect(renewal).toMatchObject({ mustRegister: true, isSettled: false })
      expect(renewal.generation).not.toBe(generation)
      const settling = { code: 'settling' }
      await expect(one.directory.findRoom('den')).rejects.toMatchObject(settling)
      const player = one.player('Ann', { serial: 3 })
      const owned = {
        self: one.self,
        players: [{ player, where: 'room' as const }],
        rooms: [{ key: 'den', creationId: '1', code: 'A' }],
        listings: []
      }
      expect(await one.directory.register(owned)).toEqual({ players: [], rooms: [] })
      expect(await one.renew()).toMatchObject({ mustRegister: false, isSettled: false })

      await again(() => two.renew())
      await two.directory.register({ self: two.self, ...nothing })
      const other = two.player('Ann', { id: 'x', account: 'y' })
      await expect(two.directory.claimName(other)).rejects.toMatchObject(settling)
      const claim = { key: 'den', creationId: '2' }
      await expect(two.directory.claimRoom(claim)).rejects.toMatchObject(settling)
      await expect(two.directory.takePlayer('id of Ann')).rejects.toMatchObject(settling)
      await expect(two.directory.matchmaker('cards')).rejects.toMatchObject(settling)
      // The nodes of these may not have registered yet.
      await expect(two.directory.findPlayer('id of Cy')).rejects.toMatchObject(settling)
      await expect(two.directory.findRoom('attic')).rejects.toMatchObject(settling)

      await two.settle()
      expect(await two.directory.claimName(other)).toMatchObject({ isYours: false })
      expect(await two.directory.claimRoom(claim)).toMatchObject({ owner: one.ref })
      expect(await two.directory.findRoom('A')).toEqual(one.ref)
      const found = await two.directory.findPlayer('id of Ann')
      expect(found).toEqual({ ...player, where: 'room', isOwned: true })
      expect(await two.directory.findPlayer('id of Cy')).toBeUndefined()
      expect(await two.directory.findRoom('attic')).toBeUndefined()
    }
  )

  test.each([true, false])(
    'a node that has not registered in time is stale, its rooms are free (with its data: %s)',
    async (keepsData) => {
      const { engine, one, two } = await cluster('1', '2')
      await one.directory.claimRoom({ key: 'den', creationId: '1' })
      await engine.restart(keepsData)
      await again(() => two.renew())
      await two.directory.register({ self: two.self, ...nothing })
      await two.settle()
      await again(() => expect(one.renew()).rejects.toMatchObject({ code: 'stale' }))
      const late = one.directory.register({ self: one.self, ...nothing })
      await expect(late).rejects.toMatchObject({ code: 'stale' })
      expect(await two.directory.claimRoom({ key: 'den', creationId: '2' })).toMatchObject({
        isYours: true
      })
    }
  )

  test('epochs go on above those before, also when the data is lost', async () => {
    const { engine, one, two } = await cluster('1', '2')
    await engine.restart(false)
    const three = await again(() => newNode(engine, '3'))
    expect(three.ref.epoch).toBeGreaterThan(two.ref.epoch)
    await again(() => one.renew())
    await one.directory.register({ self: one.self, ...nothing })
    await one.settle()
    expect((await three.renew()).nodes.map(({ id }) => id).sort()).toEqual(['1', '3'])
  })

  test('after data was lost, the secret of those who register counts, not that of one who joins first', async () => {
    const { engine, one, two } = await cluster('1', '2')
    const { secret } = one.self
    await engine.restart(false)
    const three = await again(() => newNode(engine, '3'))
    expect((await three.renew()).secret).toEqual(three.self.secret)
    await again(() => two.renew())
    await two.directory.register({ self: { ...two.self, secret }, ...nothing })
    expect((await three.renew()).secret).toEqual(secret)
    await again(() => one.renew())
    expect((await one.directory.join(one.self)).secret).toEqual(secret)
    expect((await newNode(engine, '4')).agreed).toEqual(secret)
  })

  test('a secret that a later node brings does not replace that of an earlier one', async () => {
    const { engine, one, two } = await cluster('1', '2')
    const { secret } = one.self
    await engine.restart(false)
    const three = await again(() => newNode(engine, '3'))
    expect(three.agreed).toEqual(three.self.secret)
    await again(() => two.renew())
    await two.directory.register({ self: { ...two.self, secret }, ...nothing })
    // The data is lost once more, before the third has heard of the others' secret.
    await engine.restart(false)
    await again(() => two.renew())
    await two.directory.register({ self: { ...two.self, secret }, ...nothing })
    await again(() => three.renew())
    await three.directory.register({ self: three.self, ...nothing })
    expect((await two.renew()).secret).toEqual(secret)
    expect((await three.renew()).secret).toEqual(secret)
  })

  test.each([true, false])(
    'a node that has registered has a list, also an empty one (with its data: %s)',
    async (keepsData) => {
      const { engine, one, two } = await cluster('1', '2')
      const seqOf = async () =>
        (await one.renew()).nodes.find(({ id }) => id === two.self.id)?.listingSeq
      await engine.restart(keepsData)
      await again(() => one.renew())
      await one.directory.register({ self: one.self, ...nothing })
      await again(() => two.renew())
      expect(await one.directory.listings(two.ref)).toEqual({ seq: 0, rooms: [] })
      await two.directory.register({ self: two.self, ...nothing })
      expect(await seqOf()).toBe(1)
      expect(await one.directory.listings(two.ref)).toEqual({ seq: 1, rooms: [] })
      await two.directory.publishListings([], ['den'])
      expect(await seqOf()).toBe(2)
      await two.directory.register({ self: two.self, ...nothing })
      expect(await seqOf(), 'registered once more').toBe(2)
    }
  )

  test('what a node has given up since the data was written, it does not get back', async () => {
    const { engine, one, two } = await cluster('1', '2')
    await one.directory.claimName(one.player('Ann'))
    await one.directory.claimRoom({ key: 'den', creationId: '1' })
    await engine.restart(true)
    await again(() => one.renew())
    await one.directory.register({ self: one.self, ...nothing })
    await again(() => two.renew())
    await two.directory.register({ self: two.self, ...nothing })
    await one.settle()
    const bob = two.player('Ann', { id: 'x', account: 'y' })
    expect(await two.directory.claimName(bob)).toMatchObject({ isYours: true })
    expect(await two.directory.claimRoom({ key: 'den', creationId: '2' })).toMatchObject({
      isYours: true
    })
  })

  test('of two nodes that register the same player or room, the later owner has it', async () => {
    const { engine, one, two } = await cluster('1', '2')
    await engine.restart(false)
    const owned = (node: Node, moves: number) => ({
      self: node.self,
      players: [{ player: node.player('Ann', { moves }), where: 'lobby' as const }],
      rooms: [{ key: 'den', creationId: node.self.id }],
      listings: []
    })
    await again(() => two.renew())
    await two.directory.register(owned(two, 4))
    await again(() => one.renew())
    expect(await one.directory.register(owned(one, 3))).toEqual({
      players: ['id of Ann'],
      rooms: ['den']
    })
    await one.settle()
    expect(await one.directory.findRoom('den')).toEqual(two.ref)
  })

  // ---- Results ----

  const record = (changes: Record<string, number>, room = 'den'): MatchRecord => ({
    endedAtMs: 1_000,
    room,
    scores: [],
    winners: [Object.keys(changes)[0]],
    skills: Object.keys(changes).map((name) => ({ name, skill: 0 })),
    identities: Object.entries(changes).map(([name, change]) => ({
      name,
      account: `account of ${name}`,
      key: keyOf(name),
      change
    }))
  })

  test('results are applied once each, and in order', async () => {
    const { one, two } = await cluster('1', '2')
    const { directory } = one
    expect(await directory.recordMatches(0, [record({ Ann: 16, Bob: -16 })])).toBeUndefined()
    await directory.restoreSkills([], { applied: -1, players: 0 })
    expect(await directory.recordMatches(0, [record({ Ann: 16, Bob: -16 })])).toBe(0)
    expect(await directory.recordMatches(0, [record({ Ann: 16, Bob: -16 })])).toBe(0)
    expect(await directory.recordMatches(2, [record({ Ann: 99 })]), 'a gap').toBe(0)
    const both = [record({ Ann: 16, Bob: -16 }), record({ Bob: 17.3, Ann: -17.3 })]
    expect(await directory.recordMatches(0, both)).toBe(1)
    await two.directory.restoreSkills([], { applied: -1, players: 0 })
    expect(await two.directory.recordMatches(0, [record({ Cy: 5, Ann: -5 })])).toBe(0)
    expect(await one.directory.standing('account of Cy', 'Cyril')).toEqual({
      key: keyOf('Cy'),
      skill: 1505,
      isKnown: true
    })
    expect(await one.directory.standing('another', 'cy')).toMatchObject({ isKnown: false })
    expect(await one.directory.standing('another', 'Dan')).toBeUndefined()
    expect(await two.directory.leaders(2)).toEqual({
      players: 3,
      leaders: [
        { name: 'Cy', skill: 1505 },
        { name: 'Bob', skill: 1501.3 }
      ]
    })
  })

  test('skill belongs to the account, and the name to it', async () => {
    const { one, two } = await cluster('1', '2')
    await one.directory.restoreSkills([], { applied: -1, players: 0 })
    await one.directory.recordMatches(0, [record({ Ann: 16, Bob: -16 })])
    const thief = two.player('Ann', { account: 'thief' })
    expect(await two.directory.claimName(thief)).toMatchObject({
      isYours: false,
      isReserved: true
    })
    const renamed = two.player('Anne', { account: 'account of Ann' })
    expect(await two.directory.claimName(renamed)).toMatchObject({
      isYours: true,
      key: keyOf('Ann'),
      skill: 1516
    })
  })

  test('a match without a winner changes nothing, one of an earlier version sets the skill', async () => {
    const { one } = await cluster('1')
    await one.directory.restoreSkills([], { applied: -1, players: 0 })
    const draw = { ...record({ Ann: 5 }), winners: [] }
    const old = {
      ...record({ Bob: 0 }),
      identities: undefined,
      skills: [{ name: 'Bob', skill: 1600 }]
    }
    expect(await one.directory.recordMatches(0, [draw, old])).toBe(1)
    expect(await one.directory.leaders(9)).toEqual({
      players: 1,
      leaders: [{ name: 'Bob', skill: 1600 }]
    })
  })

  /** What a store has of players, at this time. */
  const sums = (of: Record<string, number>, atMs = 1_000, more: Partial<SkillSum> = {}) =>
    Object.entries(of).map(([name, sum]) => {
      return { key: keyOf(name), name, account: `account of ${name}`, sum, atMs, ...more }
    })

  const skillsOf = async ({ directory }: Node) => {
    const { leaders } = await directory.leaders(9)
    return Object.fromEntries(leaders.map(({ name, skill }) => [name, skill]))
  }

  test('the sums of all stores come together, while others play on', async () => {
    const { one, two } = await cluster('1', '2')
    await one.directory.restoreSkills(sums({ Ann: 16.5, Bob: -16.5 }))
    expect(await one.directory.recordMatches(8, [record({ Ann: 99 })])).toBeUndefined()
    await one.directory.restoreSkills([], { applied: 7, players: 2 })
    await two.directory.restoreSkills(sums({ Ann: 20, Cy: 4.2 }))
    await one.directory.recordMatches(8, [record({ Ann: 10, Cy: -10 })])
    await two.directory.restoreSkills(sums({ Bob: 0.1 }), { applied: 3, players: 3 })
    await two.directory.restoreSkills(sums({ Ann: 900 }), { applied: 9, players: 1 })
    expect(await two.directory.recordMatches(4, [record({ Bob: 5 })])).toBe(4)
    expect(await skillsOf(one)).toEqual({ Ann: 1546.5, Bob: 1488.6, Cy: 1494.2 })
  })

  test('two nodes played with the same player while the data was lost: both matches count', async () => {
    const { engine, one, two } = await cluster('1', '2')
    for (const { directory } of [one, two])
      await directory.restoreSkills([], { applied: -1, players: 0 })
    await one.directory.recordMatches(0, [record({ Ann: 16, Bob: -16 })])
    await two.directory.recordMatches(0, [record({ Ann: 15, Cy: -15 })])
    await engine.restart(false)
    for (const node of [one, two]) {
      await again(() => node.renew())
      await node.directory.register({ self: node.self, ...nothing })
    }
    await one.settle()
    // Each has one more match, which the other one has never heard of.
    await two.directory.restoreSkills(sums({ Ann: 25, Cy: -15, Bob: -10 }, 2_000))
    await two.directory.restoreSkills([], { applied: 1, players: 3 })
    await one.directory.restoreSkills(sums({ Ann: 30, Bob: -16, Cy: -14 }, 3_000))
    await one.directory.restoreSkills([], { applied: 1, players: 3 })
    expect(await skillsOf(one)).toEqual({ Ann: 1555, Bob: 1474, Cy: 1471 })
    expect(await two.directory.recordMatches(0, [])).toBe(1)
  })

  test('what was restored in part is restored again, by another life of the node too', async () => {
    const { one, two } = await cluster('1', '2')
    await two.directory.restoreSkills(sums({ Ann: 7 }), { applied: 0, players: 1 })
    await one.directory.restoreSkills(sums({ Ann: 10, Bob: -10 }))
    await one.directory.restoreSkills(sums({ Ann: 10, Bob: -10 }))
    await one.join()
    expect(await one.directory.recordMatches(0, [])).toBeUndefined()
    // It has played on meanwhile.
    await one.directory.restoreSkills(sums({ Ann: 13, Bob: -10 }))
    await one.directory.restoreSkills(sums({ Cy: -3 }))
    await one.directory.restoreSkills([], { applied: 5, players: 3 })
    expect(await skillsOf(one)).toEqual({ Ann: 1520, Bob: 1490, Cy: 1497 })
  })

  test('data that is lost while a journal is restored: it begins again', async () => {
    const { engine, one } = await cluster('1')
    const restored = async () => one.directory.recordMatches(0, [])
    await one.directory.restoreSkills(sums({ Ann: 10 }))
    await engine.restart(false)
    await again(() => one.renew())
    await one.directory.register({ self: one.self, ...nothing })
    await one.directory.restoreSkills(sums({ Bob: -10 }))
    await one.directory.restoreSkills([], { applied: 5, players: 2 })
    expect(await restored()).toBeUndefined()
    await one.directory.restoreSkills(sums({ Ann: 10, Bob: -10 }), { applied: 5, players: 2 })
    expect(await restored()).toBe(5)
    expect(await skillsOf(one)).toEqual({ Ann: 1510, Bob: 1490 })
  })

  test('name and account are those of the latest match, whenever it comes', async () => {
    const { one, two } = await cluster('1', '2')
    const end = { applied: 0, players: 1 }
    const ann = { key: 'ann', account: 'account of Ann' }
    await one.directory.restoreSkills(sums({ Anna: 10 }, 2_000, ann), end)
    await two.directory.restoreSkills(sums({ Ann: 5 }, 1_000, { ...ann, account: 'another' }), end)
    expect(await skillsOf(one)).toEqual({ Anna: 1515 })
    expect(await one.directory.standing('another', 'x')).toBeUndefined()
    expect(await one.directory.standing('account of Ann', 'x')).toEqual({
      key: 'ann',
      skill: 1515,
      isKnown: true
    })
    await two.directory.recordMatches(1, [{ ...record({ Ann: 1 }), endedAtMs: 3_000 }])
    expect(await skillsOf(one)).toEqual({ Ann: 1516 })
  })

  test('a journal goes on where it was, under whichever node', async () => {
    const { engine, one } = await cluster('1')
    const two = await newNode(engine, '2', { journal: 'memory j' })
    await two.directory.restoreSkills([], { applied: 41, players: 0 })
    const again = await newNode(engine, '3', { journal: 'memory j' })
    expect(await again.directory.recordMatches(0, [])).toBe(41)
    await one.directory.restoreSkills([], { applied: 5, players: 0 })
    await one.join()
    expect(await one.directory.recordMatches(0, [])).toBe(5)
  })

  test('what matches add to counts of a day is known to all nodes, once', async () => {
    const { engine, one, two } = await cluster('1', '2')
    const day = 20_000
    const of = (counts: Record<string, number>) => {
      return { ...record({ Ann: 1 }), endedAtMs: day * 24 * 60 * 60_000 + 5, counts }
    }
    for (const { directory } of [one, two])
      await directory.restoreSkills([], { applied: 0, players: 0 })
    const name = 'ann\0bob'
    await one.directory.recordMatches(1, [of({ [name]: 1, third: 1 / 3 })])
    await one.directory.recordMatches(1, [of({ [name]: 1 })]) // repeated
    await two.directory.recordMatches(1, [of({ [name]: 1, third: 1 / 3 })])
    const [both, third, none] = await two.directory.counts(day, [name, 'third', 'none'])
    expect([both, none]).toEqual([2, 0])
    expect(third).toBeCloseTo(2 / 3, 6)
    expect(await one.directory.counts(day + 1, [name])).toEqual([0])
    expect(await one.directory.counts(day, [])).toEqual([])
    await engine.restart(false)
    await again(() => one.renew())
    await one.directory.register({ self: one.self, ...nothing })
    expect(await one.directory.counts(day, [name])).toEqual([0])
  })

  test('commands are counted by kind', async () => {
    const { one } = await cluster('1')
    await one.directory.people(0, 1)
    await one.directory.people(0, 1)
    expect(one.directory.commands.get('people')).toBe(2)
    expect(one.directory.commands.get('renew')).toBe(2)
    expect(one.directory.commands.get('join')).toBe(1)
  })

  test('a closed directory is away', async () => {
    const { one } = await cluster('1')
    one.directory.close()
    await expect(one.renew()).rejects.toMatchObject({ code: 'away' })
  })
})
