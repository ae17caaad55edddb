// Players that go from node to node while their connections stay: over loopback, with hubs that
// have no rules. What a client sends is noted once and in order, wherever its player lives.
import { describe, expect, onTestFinished, test } from 'vitest'
import { defaultLimits } from '../rules/limits.ts'
import { encode } from '../wire/protocol.ts'
import {
  ModelDirectory,
  ModelGateway,
  ModelNode,
  type ModelOptions,
  SECRET
} from './model-nodes.ts'
import { until } from './person.ts'

const COUNT = 300

async function openNodes(ids: readonly string[], options?: ModelOptions): Promise<ModelNode[]> {
  const directory = new ModelDirectory()
  const nodes = ids.map((id) => new ModelNode(directory, id, options))
  onTestFinished(async () => {
    for (const { links } of nodes) links.close()
    await Promise.all(nodes.map(({ ended }) => ended))
  })
  directory.renew()
  await until('all are linked', () =>
    nodes.every((one) => nodes.every((other) => one === other || one.isLinkedTo(other)))
  )
  return nodes
}

/** Somebody with a name, at this node. */
function sitDown({ gateway }: ModelNode, client: number, name: string): void {
  gateway.come(client)
  gateway.say(client, { seq: 0, name })
}

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at)

/** By nonsense, upon which the other one cuts it. */
function breakLink(one: ModelNode, other: ModelNode): void {
  other.links.get(one.self)?.send(['moved', 4_000_000])
}

describe('a client whose player moves', () => {
  test('has everything done once and in order, wherever and however often', async () => {
    const nodes = await openNodes(['one', 'two', 'three'])
    const [{ gateway, directory, self }, two] = nodes
    const clients = range(1, 20)
    for (const client of clients) sitDown(nodes[0], client, `player ${client}`)
    for (let seq = 1; seq <= COUNT; seq++) {
      for (const client of clients) {
        // In bursts that cross with the moves, and now and then with a pause in which they arrive
        const go = (seq + client) % 7 === 0 ? nodes[(seq * client) % 3].self.id : undefined
        gateway.say(client, { seq, go })
      }
      if (seq % 10 !== 0) continue
      // Of one that moves not too many frames may wait
      await until('it keeps up', () =>
        clients.every((client) => gateway.answers(client).length > seq - 50)
      )
    }
    const expected = range(1, COUNT)
    await until('all is answered', () =>
      clients.every((client) => gateway.answers(client).length >= COUNT)
    )
    for (const client of clients) {
      expect(directory.noted.get(`player ${client}`)?.slice(1)).toEqual(expected)
      expect(gateway.answers(client)).toEqual(expected)
    }
    const all = nodes.flatMap(({ hub }) => hub.players)
    expect(all).toHaveLength(20)
    expect(new Set(all).size).toBe(20)
    expect(two.links.get(self)?.figures.callsIn).toBeGreaterThan(COUNT)
    expect(nodes.flatMap(({ hub }) => hub.words)).toEqual([])
  })

  test('comes home with a word when the other node cannot be reached, or lives another life', async () => {
    const [one] = await openNodes(['one', 'two'])
    sitDown(one, 1, 'Ann')
    one.gateway.say(1, { seq: 1, go: 'nowhere' })
    expect(one.hub.words).toEqual(['unreachable'])
    expect(one.hub.players).toEqual(['Ann'])
    expect(one.gateway.answers(1)).toEqual([1])
  })

  test('is away there, and nowhere else, when its connection ends while it moves', async () => {
    const [one, two, three] = await openNodes(['one', 'two', 'three'])
    sitDown(one, 1, 'Ann')
    one.gateway.say(1, { seq: 1, go: 'two' })
    await until('it is there', () => two.hub.players.includes('Ann'))
    one.gateway.say(1, { seq: 2, go: 'three' })
    one.gateway.hub?.lose(1) // before two has got that
    await until('it is away', () => three.hub.away.has('Ann'))
    expect([one, two, three].flatMap(({ hub }) => hub.players)).toEqual([])
    expect(two.hub.away.size).toBe(0)
    await until('nobody is left', () => one.switchboard.elsewhere === 0)
  })

  test('is away where it was sent, when the node of its connection ends meanwhile', async () => {
    const [one, two, three] = await openNodes(['one', 'two', 'three'])
    sitDown(one, 1, 'Ann')
    one.gateway.say(1, { seq: 1, go: 'two' })
    await until('it is there', () => two.hub.players.includes('Ann'))
    const { switchboard } = one
    const called = switchboard.called.bind(switchboard)
    switchboard.called = (link, call) => {
      called(link, call)
      if (call[0] === 'move') switchboard.stop(encode({ type: 'bye' }))
    }
    one.gateway.say(1, { seq: 2, go: 'three' })
    await until('it is away', () => three.hub.away.has('Ann'))
  })

  test('has its connection lost and disconnected at the node where it lives', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    for (const client of [1, 2, 3]) {
      sitDown(one, client, `player ${client}`)
      one.gateway.say(client, { seq: 1, go: 'two' })
    }
    await until('they are there', () => two.hub.players.length === 3)
    one.gateway.hub?.lose(1)
    one.gateway.hub?.leave(2, 'flood')
    one.gateway.say(3, { seq: 2, close: true })
    await until('they are gone', () => two.hub.players.length === 0)
    expect([...two.hub.away]).toEqual(['player 1'])
    await until('the last one is closed', () => one.gateway.closed.has(3))
    expect(one.gateway.heard.get(3)?.at(-1)).toEqual({ type: 'bye' })
    expect(one.switchboard.elsewhere).toBe(0)
  })

  test('gets messages to many, inputs and states through the link', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    for (const client of [1, 2]) {
      sitDown(one, client, `player ${client}`)
      one.gateway.say(client, { seq: 1, go: 'two' })
    }
    await until('they are there', () => two.hub.players.length === 2)
    two.hub.broadcast({ type: 'announcement', to: 'all', text: 'hello' })
    one.gateway.hub?.input(2, 7, 8, Buffer.from([9]))
    await until('it is there', () => one.gateway.states.get(2)?.length === 1)
    expect(one.gateway.states.get(2)).toEqual([{ match: 7, seq: 8, input: [9] }])
    for (const client of [1, 2])
      expect(one.gateway.heard.get(client)?.at(-1)).toMatchObject({ text: 'hello' })
  })
})

describe('a link that is lost', () => {
  test('and comes back at once, costs nobody the seat', async () => {
    const [one, two] = await openNodes(['one', 'two'], { returnMs: 60_000 })
    sitDown(one, 1, 'Ann')
    one.gateway.say(1, { seq: 1, go: 'two' })
    await until('it is there', () => two.hub.players.includes('Ann'))
    const before = one.links.get(two.self)
    breakLink(one, two)
    await until('it is cut', () => one.links.get(two.self) !== before)
    one.gateway.say(1, { seq: 2 })
    await until('it plays again', () => one.gateway.answers(1).includes(2))
    expect(two.hub.players).toEqual(['Ann'])
    expect([...one.hub.words, ...one.hub.players, ...two.hub.away]).toEqual([])
  })

  test('and stays away, brings its clients home with their last passports, once', async () => {
    const [one, two] = await openNodes(['one', 'two'], { returnMs: 60_000 })
    for (const client of [1, 2, 3]) {
      sitDown(one, client, `player ${client}`)
      one.gateway.say(client, { seq: 1, go: 'two' })
    }
    await until('they are there, and answered', () =>
      [1, 2, 3].every((client) => one.gateway.answers(client).length === 1)
    )
    two.leaveList()
    one.directory.renew() // for good: it is not waited for
    await until('they are home', () => one.hub.players.length === 3)
    expect(one.hub.words).toEqual(['lost', 'lost', 'lost'])
    for (const client of [1, 2, 3]) one.gateway.say(client, { seq: 2 })
    expect([1, 2, 3].map((client) => one.gateway.answers(client))).toEqual([
      [1, 2],
      [1, 2],
      [1, 2]
    ])
  })

  test('in order, by a node that ends, is not waited for', async () => {
    const [one, two] = await openNodes(['one', 'two'], { returnMs: 60_000 })
    sitDown(one, 1, 'Ann')
    one.gateway.say(1, { seq: 1, go: 'two' })
    await until('it is there', () => two.hub.players.includes('Ann'))
    two.links.close()
    await until('it is home', () => one.hub.players.length === 1)
    expect(one.hub.words).toEqual(['lost'])
  })

  test('brings many players home, but not all at the same moment', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    const clients = range(1, 250)
    for (const client of clients) {
      sitDown(one, client, `player ${client}`)
      one.gateway.say(client, { seq: 1, go: 'two' })
    }
    await until('they are there', () => two.hub.players.length === clients.length)
    two.leaveList()
    two.links.close()
    await until('they are home', () => one.hub.players.length === clients.length)
    expect(one.mostHomecomings).toBe(100)
  })

  test('that lasts too long for what a client sends, refuses the rest', async () => {
    const directory = new ModelDirectory()
    const one = new ModelNode(directory, 'one', { returnMs: 1_000 })
    const two = new ModelNode(directory, 'two', { leaseMs: 200 })
    onTestFinished(async () => {
      for (const { links } of [one, two]) links.close()
      await Promise.all([one.ended, two.ended])
    })
    directory.renew()
    await until('linked', () => one.isLinkedTo(two))
    sitDown(one, 1, 'Ann')
    one.gateway.say(1, { seq: 1, go: 'two' })
    // An answer that is under way would get lost with the link.
    await until('it is answered there', () => one.gateway.answers(1).length === 1)
    // The other one stops listening and lets its link go
    Object.assign(two, { self: { id: 'two', epoch: 0 } })
    two.links.setSelf(two.self, SECRET)
    two.links.close()
    await until('it is lost', () => one.links.all.length === 0)
    const count = defaultLimits.burstMessages * 5
    for (let seq = 2; seq < count; seq++) one.gateway.say(1, { seq })
    await until('it is home', () => one.gateway.answers(1).length > 90)
    const answers = one.gateway.answers(1)
    expect(answers).toEqual(range(1, answers.length))
    expect(answers.length).toBeLessThan(110)
    expect(one.hub.words.filter((word) => word === 'too-fast')).toHaveLength(
      count - 1 - answers.length
    )
  })
})

describe('a node', () => {
  test('that may not speak says nothing, neither to its own clients nor to those of others', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    sitDown(one, 1, 'Ann')
    sitDown(two, 1, 'Bob')
    one.gateway.say(1, { seq: 1, go: 'two' })
    await until('it is there', () => two.hub.players.length === 2)
    two.maySpeak = false
    two.hub.broadcast({ type: 'announcement', to: 'all', text: 'stale' })
    one.gateway.hub?.input(1, 1, 1, Buffer.from([1]))
    two.gateway.hub?.input(1, 1, 1, Buffer.from([1]))
    await one.links.request(two.self, {}, 5_000) // comes after all that
    two.maySpeak = true
    two.hub.broadcast({ type: 'announcement', to: 'all', text: 'fresh' })
    await until('it is there', () => JSON.stringify(one.gateway.heard.get(1)).includes('fresh'))
    for (const { gateway } of [one, two]) {
      expect(JSON.stringify([...gateway.heard.values()])).not.toContain('stale')
      expect(gateway.states.get(1)).toEqual([])
    }
  })

  test('that stops ends its own connections, and other nodes know', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    sitDown(one, 1, 'Ann')
    sitDown(two, 1, 'Bob')
    one.gateway.say(1, { seq: 1, go: 'two' })
    two.gateway.say(1, { seq: 1, go: 'one' })
    await until(
      'they are there',
      () => one.hub.players[0] === 'Bob' && two.hub.players[0] === 'Ann'
    )
    one.hub.stop()
    expect(one.gateway.isStopped).toBe(true)
    await until('Ann is away', () => two.hub.away.has('Ann'))
    await until('Bob is home', () => two.hub.players.includes('Bob'))
    expect(two.hub.words).toEqual(['lost'])
    expect(two.gateway.isStopped).toBe(false)
  })

  test('whose gateway ends loses that one’s clients, wherever they are', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    const worker = new ModelGateway()
    worker.hub = one.switchboard.connect(worker)
    for (const gateway of [worker, one.gateway]) {
      gateway.come(1)
      gateway.say(1, { seq: 0, name: gateway === worker ? 'Ann' : 'Bob' })
      gateway.say(1, { seq: 1, go: 'two' })
    }
    await until('they are there', () => two.hub.players.length === 2)
    two.hub.broadcast({ type: 'announcement', to: 'all', text: 'to both gateways' })
    await until('both have it', () =>
      [worker, one.gateway].every(({ heard }) => JSON.stringify(heard.get(1)).includes('both'))
    )
    one.switchboard.disconnect(worker)
    await until('Ann is away', () => two.hub.away.has('Ann'))
    expect(two.hub.players).toEqual(['Bob'])
  })

  test('that sends states of a game that is not played here loses its link, and nothing else', async () => {
    const [one, two] = await openNodes(['one', 'two'])
    sitDown(one, 1, 'Ann')
    one.gateway.say(1, { seq: 1, go: 'two' })
    await until('it is there', () => two.hub.players.length === 1)
    const before = one.links.get(two.self)
    // Numbers of clients count up from 1: the second one is hers.
    two.links.get(one.self)?.send(['deliverState', [2], 'chess', Buffer.from([1])])
    await until('it is cut', () => one.links.get(two.self) !== before)
    await until('she plays again', () => {
      one.gateway.say(1, { seq: 2 })
      return one.gateway.answers(1).includes(2)
    })
  })
})
