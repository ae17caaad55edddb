// What cluster/membership.ts promises, on clocks that the test moves.
import { expect, test } from 'vitest'
import type { Directory, Lost, NodeInfo } from '../cluster/directory.ts'
import { Membership } from '../cluster/membership.ts'
import { MemoryEngine } from '../cluster/memory-directory.ts'
import type { Place } from '../place.ts'
import type { NodeRef } from '../rules/passport.ts'
import { Clock } from './clock.ts'

const LEASE_MS = 4_000

class Member {
  readonly membership: Membership
  readonly directory: Directory & { isCut: boolean }
  readonly joined: NodeRef[] = []
  /** Of the cluster, as it has heard of them. */
  readonly secrets: string[] = []
  readonly lost: Lost[] = []
  readonly wanted: string[] = []
  nodes: readonly NodeInfo[] = []
  /** The ids of each list that it had. */
  readonly lists = new Set<string>()
  generations = 0
  ends = 0
  rooms: string[] = []
  /** Fulfilled when it knows what others took while it was silent. */
  confirmed = Promise.resolve()

  constructor(engine: MemoryEngine, place: Place, id: string) {
    this.directory = engine.open(place, { listings() {}, chat() {}, order() {} })
    this.membership = new Membership({
      self: {
        id,
        address: `${id}:7000`,
        operatorAddress: `${id}:8000`,
        secret: Buffer.from(`secret of ${id}`),
        journal: `journal of ${id}`
      },
      directory: this.directory,
      place,
      leaseMs: LEASE_MS,
      outageMs: 60_000,
      load: () => ({ players: 0, rooms: this.rooms.length, matches: 0, isDraining: false }),
      owned: () => ({
        players: [],
        rooms: this.rooms.map((key) => ({ key, creationId: id })),
        listings: []
      }),
      onJoined: (self, secret) => {
        this.joined.push(self)
        this.secrets.push(String(secret))
      },
      beforeSpeaking: () => this.confirmed,
      onRenewed: (nodes, isNewGeneration) => {
        this.nodes = nodes
        this.lists.add(
          nodes
            .map((node) => node.id)
            .sort()
            .join(' ')
        )
        if (isNewGeneration) this.generations++
      },
      onLost: (lost) => this.lost.push(lost),
      onWanted: (ids) => this.wanted.push(...ids),
      onSecret: (secret) => this.secrets.push(String(secret)),
      onPassed: () => {},
      onEnded: () => {
        this.ends++
        this.rooms = []
      }
    })
    this.membership.start()
  }

  async claim(clock: Clock, key: string) {
    const claim = this.directory.claimRoom({ key, creationId: this.membership.self?.id ?? '' })
    claim.catch(() => {})
    await clock.pass(10)
    const claimed = await claim
    if (claimed.isYours) this.rooms.push(key)
    return claimed
  }
}

async function cluster(count: number) {
  const clock = new Clock()
  const engine = new MemoryEngine(clock.place(0))
  const members: Member[] = []
  // Their clocks differ by minutes.
  for (let at = 0; at < count; at++)
    members.push(new Member(engine, clock.place(at * 600_000), `n${at}`))
  await clock.pass(LEASE_MS + 1_500)
  const [one, two] = members
  return { clock, engine, members, one, two }
}

test('nodes join, see each other, and have the directory after a lease', async () => {
  const { members } = await cluster(3)
  for (const { membership, nodes, joined, generations, ends } of members) {
    expect(membership.directoryState).toBe('here')
    expect(membership.maySpeak()).toBe(true)
    expect(nodes.map(({ id }) => id)).toEqual(['n0', 'n1', 'n2'])
    expect([joined.length, generations, ends]).toEqual([1, 1, 0])
  }
})

test('a node that is cut from the directory falls silent before it is declared dead', async () => {
  const { clock, one, two } = await cluster(2)
  await two.claim(clock, 'den')
  two.directory.isCut = true
  let silentMs: number | undefined
  let deadMs: number | undefined
  for (let passed = 0; passed < 3 * LEASE_MS; passed += 50) {
    await clock.pass(50)
    if (!two.membership.maySpeak()) silentMs ??= clock.nowMs
    if (one.nodes.length === 1) deadMs ??= clock.nowMs
  }
  expect(silentMs).toBeLessThan(deadMs as number)
  expect((await one.claim(clock, 'den')).isYours).toBe(true)

  // It comes back, under another epoch, and has nothing.
  const before = two.membership.self
  two.directory.isCut = false
  await clock.pass(2_500)
  expect(two.ends).toBe(1)
  expect(two.rooms).toEqual([])
  expect(two.membership.self?.epoch).toBeGreaterThan(before?.epoch as number)
  expect(two.membership.maySpeak()).toBe(true)
})

test('after an outage for all, each goes on in its epoch with what it has', async () => {
  const { clock, engine, one, two } = await cluster(2)
  await two.claim(clock, 'den')
  const before = [one.membership.self, two.membership.self]
  engine.isAway = true
  await clock.pass(5 * LEASE_MS)
  expect(one.membership.directoryState).toBe('away')
  engine.isAway = false
  await clock.pass(3 * LEASE_MS)
  expect([one.membership.self, two.membership.self]).toEqual(before)
  expect((await one.claim(clock, 'den')).owner).toEqual(two.membership.self)
  expect([one.ends, two.ends]).toEqual([0, 0])
})

test('a node that was silent speaks again when it knows what others have taken', async () => {
  const { clock, engine, one, two } = await cluster(2)
  engine.isAway = true
  await clock.pass(3 * LEASE_MS)
  expect([one, two].map(({ membership }) => membership.maySpeak())).toEqual([false, false])
  let confirm = () => {}
  one.confirmed = new Promise((resolve) => {
    confirm = resolve
  })
  engine.isAway = false
  await clock.pass(LEASE_MS / 2)
  expect([one, two].map(({ membership }) => membership.maySpeak())).toEqual([false, true])
  confirm()
  await clock.pass(LEASE_MS / 2)
  expect(one.membership.maySpeak()).toBe(true)
})

test.each([true, false])(
  'when the directory has started anew, nodes register what they own (with its data: %s)',
  async (keepsData) => {
    const { clock, engine, one, two } = await cluster(2)
    await two.claim(clock, 'den')
    if (keepsData) engine.restart()
    else engine.loseData()
    await clock.pass(1_500)
    expect(one.membership.directoryState).toBe('settling')
    await expect(one.claim(clock, 'den')).rejects.toMatchObject({ code: 'settling' })
    await clock.pass(LEASE_MS)
    expect(one.membership.directoryState).toBe('here')
    expect((await one.claim(clock, 'den')).owner).toEqual(two.membership.self)
    expect([one.generations, two.generations]).toEqual([2, 2])
    expect([one.ends, two.ends]).toEqual([0, 0])
  }
)

test('the secret of the cluster outlives the data of the directory', async () => {
  const { clock, engine, one, two } = await cluster(2)
  one.directory.isCut = true
  engine.loseData()
  await clock.pass(LEASE_MS)
  const three = new Member(engine, clock.place(0), 'n2')
  await clock.pass(2 * LEASE_MS)
  one.directory.isCut = false
  await clock.pass(LEASE_MS)
  expect([one, two, three].map(({ secrets }) => secrets)).toEqual([
    ['secret of n0', 'secret of n0'],
    ['secret of n0'],
    ['secret of n0']
  ])
})

test('nor does one that joined before anybody had registered again keep a secret of its own', async () => {
  const { clock, engine, one, two } = await cluster(2)
  for (const { directory } of [one, two]) directory.isCut = true
  await clock.pass(500)
  engine.loseData()
  const three = new Member(engine, clock.place(0), 'n2')
  await clock.pass(100)
  expect(three.secrets).toEqual(['secret of n2'])
  for (const { directory } of [one, two]) directory.isCut = false
  await clock.pass(2 * LEASE_MS)
  expect(three.secrets).toEqual(['secret of n2', 'secret of n0'])
  expect([one, two].map(({ ends }) => ends)).toEqual([0, 0])
  // And brings that one itself when the data is lost once more.
  engine.loseData()
  one.directory.isCut = true
  await clock.pass(2 * LEASE_MS)
  one.directory.isCut = false
  await clock.pass(LEASE_MS)
  expect(new Set([one, two, three].map(({ secrets }) => secrets.at(-1)))).toEqual(
    new Set(['secret of n0'])
  )
})

test('nodes that have not registered yet are still listed, until the directory has settled', async () => {
  const { clock, engine, members } = await cluster(3)
  const [one, two, three] = members
  engine.isAway = true
  await clock.pass(500)
  engine.loseData()
  three.directory.isCut = true
  two.directory.isCut = true
  engine.isAway = false
  for (const { lists } of members) lists.clear()
  await clock.pass(LEASE_MS / 2)
  two.directory.isCut = false
  await clock.pass(LEASE_MS / 2)
  for (const { lists } of [one, two]) expect([...lists]).toEqual(['n0 n1 n2'])
  // That one has not come in time.
  await clock.pass(2 * LEASE_MS)
  for (const { nodes } of [one, two]) expect(nodes.map(({ id }) => id).sort()).toEqual(['n0', 'n1'])
})

test('players that others ask for are passed on, until they are let go', async () => {
  const { clock, one, two } = await cluster(2)
  const self = two.membership.self as NodeRef
  const ann = { id: 'ann', name: 'Ann', account: 'a', serial: 0, moves: 0, node: self }
  void two.directory.claimName(ann)
  await clock.pass(10)
  void one.directory.takePlayer('ann')
  await clock.pass(1_100)
  expect(two.wanted[0]).toBe('ann')
  void two.directory.letGo(['ann'])
  await clock.pass(10)
  const taken = one.directory.takePlayer('ann')
  await clock.pass(10)
  expect(await taken).toMatchObject({ moves: 1, node: one.membership.self })
})

test('a node that stops leaves: what it had is free at once', async () => {
  const { clock, one, two } = await cluster(2)
  await two.claim(clock, 'den')
  const stopped = two.membership.stop()
  await clock.pass(10)
  await stopped
  expect(two.membership.maySpeak()).toBe(false)
  expect((await one.claim(clock, 'den')).isYours).toBe(true)
  await clock.pass(5_000)
  expect(two.joined).toHaveLength(1)
})

test('nor does one stay that stops while it joins', async () => {
  const { clock, engine, one } = await cluster(1)
  const two = new Member(engine, clock.place(0), 'two')
  await clock.pass(1) // it has asked, and has no answer yet
  const stopped = two.membership.stop()
  await clock.pass(1_500)
  await stopped
  expect(two.joined).toEqual([])
  expect(one.nodes.map(({ id }) => id)).toEqual([one.membership.self?.id])
})

test('a node joins as soon as there is a directory', async () => {
  const clock = new Clock()
  const engine = new MemoryEngine(clock.place(0))
  engine.isAway = true
  const one = new Member(engine, clock.place(0), 'n0')
  await clock.pass(10_000)
  expect(one.joined).toHaveLength(0)
  engine.isAway = false
  await clock.pass(LEASE_MS + 2_500)
  expect(one.joined).toHaveLength(1)
  expect(one.membership.directoryState).toBe('here')
})
