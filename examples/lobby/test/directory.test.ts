// What a directory promises, whatever keeps it: the same sentences for each.
import { afterEach, describe, expect, test } from 'vitest'
import type {
  Directory,
  DirectoryEvents,
  JoiningNode,
  NodeInfo,
  PlayerEntry,
  RenewalRequest
} from '../cluster/directory.ts'
import { MemoryEngine } from '../cluster/memory-directory.ts'
import { system } from '../place.ts'
import type { NodeRef } from '../rules/passport.ts'
import { keyOf } from '../wire/names.ts'

/** Something that keeps directories. */
interface Engine {
  open(events: DirectoryEvents): Promise<Directory>
  /** It is started again, and has its data, or not. */
  restart(keepsData: boolean): Promise<void>
  stop(): Promise<void>
}

function memoryEngine(): Engine {
  const engine = new MemoryEngine(system)
  return {
    open: async (events) => engine.open(system, events),
    restart: async (keepsData) => (keepsData ? engine.restart() : engine.loseData()),
    stop: async () => {}
  }
}

const NO_LOAD = { players: 0, rooms: 0, matches: 0, isDraining: false }

/** A node, with no clock: it renews when the test says so, and believes what the test says. */
class Node {
  readonly directory: Directory
  readonly self: JoiningNode
  ref: NodeRef = { id: '', epoch: 0 }

  constructor(directory: Directory, self: JoiningNode) {
    this.directory = directory
    this.self = self
  }

  async join(): Promise<void> {
    const { epoch } = await this.directory.join(this.self)
    this.ref = { id: this.self.id, epoch }
  }

  renew(request: Partial<RenewalRequest> = {}) {
    return this.directory.renew({
      load: NO_LOAD,
      knows: 0,
      dead: [],
      settled: undefined,
      declareUntilMs: Number.MAX_SAFE_INTEGER,
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

describe.each([['memory', memoryEngine]] as const)('a directory in %s', (_name, newEngine) => {
  const engines: Engine[] = []
  const directories: Directory[] = []
  afterEach(async () => {
    for (const directory of directories.splice(0)) directory.close()
    for (const engine of engines.splice(0)) await engine.stop()
  })

  const silent: DirectoryEvents = { listings() {}, chat() {}, order() {} }

  async function cluster(...ids: string[]) {
    const engine = newEngine()
    engines.push(engine)
    const nodes: Node[] = []
    for (const [at, id] of ids.entries()) {
      const directory = await engine.open(silent)
      directories.push(directory)
      const node = new Node(directory, {
        id,
        address: `127.0.0.1:${7000 + at}`,
        operatorAddress: `127.0.0.1:${8000 + at}`,
        secret: Buffer.alloc(32, at),
        journal: undefined
      })
      await node.join()
      nodes.push(node)
    }
    await nodes[0].settle()
    return { engine, nodes, one: nodes[0], two: nodes[1] }
  }

  /** What a node that sees no more of it does after a lease. */
  async function declareDead(by: Node, dead: Node): Promise<void> {
    const { nodes } = await by.renew()
    const { id, epoch, beat } = nodes.find(({ epoch }) => epoch === dead.ref.epoch) as NodeInfo
    await by.renew({ dead: [{ id, epoch, beat }] })
  }

  test('epochs count up over all nodes, and all get the secret of the first', async () => {
    const { one, two } = await cluster('a', 'b')
    expect(two.ref.epoch).toBeGreaterThan(one.ref.epoch)
    const { epoch, secret } = await one.directory.join(one.self)
    expect(epoch).toBeGreaterThan(two.ref.epoch)
    expect(secret).toEqual(one.self.secret)
    expect((await two.renew()).nodes.map(({ id }) => id)).toEqual(['b', 'a'])
  })

  test('a name belongs to one player, however it is written', async () => {
    const { one, two } = await cluster('a', 'b')
    const claims = await Promise.all([
      one.directory.claimName(one.player('Ann')),
      two.directory.claimName(two.player('aNN', { account: 'other' }))
    ])
    expect(claims.filter(({ isYours }) => isYours)).toHaveLength(1)
    expect(claims[0]).toMatchObject({ key: keyOf('Ann'), skill: undefined, isReserved: false })
    const again = await one.directory.claimName(one.player('Ann'))
    expect(again.isYours, 'a repeated call').toBe(claims[0].isYours)
  })

  test('a dead node is stale, and its rooms are free', async () => {
    const { one, two } = await cluster('a', 'b')
    const room = { key: 'den', creationId: '1' }
    expect(await two.directory.claimRoom(room)).toMatchObject({ isYours: true })
    expect(await one.directory.claimRoom({ ...room, creationId: '2' })).toEqual({
      isYours: false,
      owner: two.ref,
      isSameCreation: false
    })
    await declareDead(one, two)
    await expect(two.renew()).rejects.toMatchObject({ code: 'stale' })
    expect(await one.directory.findRoom('den')).toBeUndefined()
    expect(await one.directory.claimRoom({ ...room, creationId: '2' })).toMatchObject({
      isYours: true
    })
  })

  test('after a restart nothing is assigned before it has settled', async () => {
    const { engine, one, two } = await cluster('a', 'b')
    await one.directory.claimName(one.player('Ann'))
    await engine.restart(false)
    expect(await one.renew()).toMatchObject({ mustRegister: true, isSettled: false })
    const owned = {
      self: one.self,
      players: [{ player: one.player('Ann'), where: 'lobby' as const }],
      rooms: [],
      listings: []
    }
    expect(await one.directory.register(owned)).toEqual({ players: [], rooms: [] })
    await two.directory.register({ ...owned, self: two.self, players: [] })
    await expect(
      two.directory.claimName(two.player('Ann', { id: 'x', account: 'y' }))
    ).rejects.toMatchObject({ code: 'settling' })
    await one.settle()
    expect(
      await two.directory.claimName(two.player('Ann', { id: 'x', account: 'y' }))
    ).toMatchObject({ isYours: false })
  })
})
