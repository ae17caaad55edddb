// What cluster/results.ts promises: the directory has each result once, whatever it or the store
// does.
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Directory } from '../cluster/directory.ts'
import { MemoryEngine } from '../cluster/memory-directory.ts'
import { Results } from '../cluster/results.ts'
import { system } from '../place.ts'
import type { MatchRecord, Store } from '../rules/records.ts'
import { FIRST_SKILL } from '../rules/skills.ts'
import { memoryStore, openStore, type StoreOptions } from '../server/store.ts'
import { keyOf } from '../wire/names.ts'
import { newFolder } from './folder.ts'

const NAMES = ['Ann', 'Bob', 'Cy', 'Dee', 'Eve']

async function open(folder: string, options?: StoreOptions): Promise<Store> {
  const store = await openStore(folder, options)
  onTestFinished(() => store.close())
  return store
}

/** Matches of a cluster, and what the skills are after them. */
class Season {
  readonly skills = new Map<string, number>()
  #matches = 0

  /** The first of the two beats the other. */
  match(one: string, other: string, change = 1 + (this.#matches % 7)): MatchRecord {
    const changes = [
      { name: one, change },
      { name: other, change: -change }
    ]
    for (const { name, change } of changes) this.skills.set(name, this.of(name) + change)
    return {
      endedAtMs: 1_000 + this.#matches++,
      room: `Room ${this.#matches}`,
      scores: changes.map(({ name }) => ({ name, score: 1 })),
      winners: [one],
      skills: changes.map(({ name }) => ({ name, skill: this.of(name) })),
      identities: changes.map(({ name, change }) => {
        return { name, account: `account of ${name}`, key: keyOf(name), change }
      })
    }
  }

  of(name: string): number {
    return this.skills.get(name) ?? FIRST_SKILL
  }

  get leaders() {
    const all = [...this.skills].map(([name, skill]) => ({ name, skill }))
    return all.sort((one, other) => other.skill - one.skill || (one.name < other.name ? -1 : 1))
  }
}

async function leadersOf(directory: Directory) {
  const { leaders } = await directory.leaders(100)
  return leaders.sort((one, other) => other.skill - one.skill || (one.name < other.name ? -1 : 1))
}

const request = { knows: 0, dead: [], settled: undefined }
const load = { players: 0, rooms: 0, matches: 0, isDraining: false }

/** A node with this store; it registers when the directory has started anew. */
async function newNode(engine: MemoryEngine, id: string, store: Store, onLost?: () => void) {
  const directory = engine.open(system, { listings() {}, chat() {}, order() {} })
  const address = `127.0.0.1:${id}`
  const secret = Buffer.alloc(32)
  const self = { id, address, operatorAddress: address, secret, journal: await store.journal() }
  await directory.join(self)
  const results = new Results({
    store,
    directory,
    onLost,
    onProblem: (error) => {
      throw error
    }
  })
  onTestFinished(() => results.stop())
  return {
    directory,
    results,
    async register() {
      const { mustRegister } = await directory.renew({ load, ...request })
      if (mustRegister) await directory.register({ self, players: [], rooms: [], listings: [] })
    },
    async settle() {
      const { generation } = await directory.renew({ load, ...request })
      await directory.renew({ load, ...request, settled: generation })
    },
    /** Fulfilled when the directory has all of it. */
    async bring(mustAsk = false) {
      results.bring(mustAsk)
      await vi.waitFor(
        () => {
          const { isDone } = results
          if (!isDone) results.bring()
          expect(isDone).toBe(true)
        },
        { timeout: 15_000, interval: 5 }
      )
    }
  }
}

function newEngine() {
  return new MemoryEngine(system, { latencyMs: { min: 0, max: 1 }, timeoutMs: 20 })
}

test('results of several nodes come together, each once, though answers get lost', async () => {
  const engine = newEngine()
  const season = new Season()
  const stores = [await open(newFolder()), await open(newFolder()), memoryStore()]
  const nodes = await Promise.all(stores.map((store, at) => newNode(engine, `${at}`, store)))
  await nodes[0].settle()
  for (const node of nodes) await node.bring()
  for (let at = 0; at < 150; at++) {
    await stores[at % 3].keep(season.match(NAMES[at % 5], NAMES[(at + 1 + (at % 4)) % 5]))
    nodes[at % 3].results.bring()
    // Sometimes a call is on its way, or its answer.
    if (at % 10 === 0) engine.isAway = true
    if (at % 10 === 3) {
      await new Promise((resolve) => setTimeout(resolve, 25))
      engine.isAway = false
    }
  }
  for (const node of nodes) await node.bring()
  expect(await leadersOf(nodes[0].directory)).toEqual(season.leaders)
})

test.each([true, false])(
  'a directory that was started again gets what it has lost (with its data: %s)',
  async (keepsData) => {
    const engine = newEngine()
    const season = new Season()
    // Of the first store, all but the last five matches are gone.
    const stores = [await open(newFolder(), { maxMatches: 5 }), await open(newFolder())]
    const nodes = await Promise.all(stores.map((store, at) => newNode(engine, `${at}`, store)))
    await nodes[0].settle()
    const play = async (count: number) => {
      for (let at = 0; at < count; at++) {
        const store = stores[at % 2]
        await store.keep(season.match(NAMES[at % 5], NAMES[(at + 1) % 5]))
        await nodes[at % 2].bring()
      }
    }
    await play(40)
    if (keepsData) engine.restart()
    else engine.loseData()
    for (const node of nodes) await node.register()
    await nodes[0].settle()
    // Before the other one has brought what it knows, this one plays on.
    await nodes[0].bring(true)
    await stores[0].keep(season.match('Ann', 'Bob'))
    await nodes[0].bring()
    await nodes[1].bring(true)
    await play(10)
    expect(await leadersOf(nodes[0].directory)).toEqual(season.leaders)
  }
)

test('what two nodes finished while the data was lost comes together, though restoring is cut off', async () => {
  const engine = newEngine()
  const season = new Season()
  const folders = [newFolder(), newFolder()]
  const options = { maxMatches: 5 } // of most matches nothing is left but the sums
  const stores = await Promise.all(folders.map((folder) => open(folder, options)))
  const nodes = await Promise.all(stores.map((store, at) => newNode(engine, `${at}`, store)))
  await nodes[0].settle()
  for (let at = 0; at < 40; at++) {
    await stores[at % 2].keep(season.match(NAMES[at % 5], NAMES[(at + 1) % 5]))
    await nodes[at % 2].bring()
  }
  engine.isAway = true
  for (const store of stores)
    for (let at = 0; at < 3; at++) await store.keep(season.match('Ann', NAMES[1 + at]))
  engine.loseData()
  engine.isAway = false
  for (const node of nodes) await node.register()
  await nodes[0].settle()

  // Its process ends after it has brought all sums, and before it could say so.
  const [node, store] = [nodes[0], stores[0]]
  const { sums } = await store.known()
  for await (const part of sums) await node.directory.restoreSkills(part)
  node.results.stop()
  await store.close()
  const again = await open(folders[0], options)
  await again.keep(season.match('Bob', 'Ann'))
  const next = await newNode(engine, '0', again)
  await Promise.all([next.bring(), nodes[1].bring(true)])
  expect(await leadersOf(next.directory)).toEqual(season.leaders)
})

test('lobbies that were alone become one: what each has played counts, and goes on in its store', async () => {
  const engine = newEngine()
  const season = new Season()
  const stores = [await open(newFolder()), await open(newFolder())]
  await stores[0].keep(season.match('Ann', 'Bob', 16))
  await stores[0].keep(season.match('Ann', 'Bob', 15))
  const nodes = await Promise.all(stores.map((store, at) => newNode(engine, `${at}`, store)))
  await nodes[0].settle()
  for (const node of nodes) await node.bring()
  expect(await leadersOf(nodes[1].directory)).toEqual(season.leaders)
  // The other node knows Ann by the directory alone; its store has this match of hers.
  await stores[1].keep(season.match('Ann', 'Cy', 10))
  await nodes[1].bring()
  const sumsOf = async (store: Store) => {
    const all: [string, number][] = []
    for await (const part of (await store.known()).sums)
      all.push(...part.map(({ name, sum }): [string, number] => [name, sum]))
    return Object.fromEntries(all)
  }
  expect(await sumsOf(stores[0])).toEqual({ Ann: 31, Bob: -31 })
  expect(await sumsOf(stores[1])).toEqual({ Ann: 10, Cy: -10 })
  expect(await stores[1].skills()).toContainEqual([keyOf('Ann'), 1541])
  engine.loseData()
  for (const node of nodes) await node.register()
  await nodes[0].settle()
  for (const node of nodes) await node.bring(true)
  expect(await leadersOf(nodes[0].directory)).toEqual(season.leaders)
})

test('a store of an earlier version brings its skills, and its matches count once, also after a loss', async () => {
  const folder = newFolder()
  const old = new ClassicLevel(join(folder, 'leveldb'))
  const number = String(0).padStart(16, '0')
  const match = { endedAtMs: 7, room: 'Den', scores: [], winners: ['Ann'], skills: [] }
  await old.sublevel<string, unknown>('matches', { valueEncoding: 'json' }).put(number, match)
  const skills = old.sublevel<string, unknown>('skills', { valueEncoding: 'json' })
  await skills.put(keyOf('Ann'), { skill: 1700, match: 0 })
  await skills.put(keyOf('Bob'), { skill: 1400, match: 9 }) // a match that is gone
  await old.close()

  const engine = newEngine()
  const store = await open(folder)
  const node = await newNode(engine, '1', store)
  await node.settle()
  await node.bring()
  await store.keep(new Season().match('Bob', 'Cy', 10))
  await node.bring()
  const leaders = [
    { name: keyOf('Ann'), skill: 1700 },
    { name: 'Cy', skill: FIRST_SKILL - 10 },
    { name: 'Bob', skill: 1410 }
  ]
  expect(await leadersOf(node.directory)).toEqual(leaders)
  engine.loseData()
  await node.register()
  await node.settle()
  await node.bring(true)
  expect(await leadersOf(node.directory)).toEqual(leaders)
})

test('what the directory does not have stays in the store, longer than anything else', async () => {
  const engine = newEngine()
  const season = new Season()
  const store = await open(newFolder(), { maxMatches: 4 })
  const onLost = vi.fn()
  const node = await newNode(engine, '1', store, onLost)
  await node.settle()
  await node.bring()
  engine.isAway = true
  for (let at = 0; at < 40; at++) await store.keep(season.match('Ann', 'Bob', 1))
  engine.isAway = false
  await node.bring()
  expect(await leadersOf(node.directory)).toEqual(season.leaders)
  expect(onLost).not.toHaveBeenCalled()

  engine.isAway = true
  for (let at = 0; at < 45; at++) await store.keep(season.match('Ann', 'Bob', 1))
  engine.isAway = false
  await node.bring()
  expect(onLost.mock.calls.flat().reduce((sum, count) => sum + count, 0)).toBe(5)
  const [ann] = await leadersOf(node.directory)
  expect(ann.skill).toBe(season.of('Ann') - 5)
  await store.keep(season.match('Ann', 'Bob', 1))
  await node.bring()
  expect((await store.records(0, 1_000)).records.length).toBeLessThanOrEqual(4)
})

test('a store that was restored from an older backup goes on behind what the directory has', async () => {
  const engine = newEngine()
  const season = new Season()
  const [folder, backup] = [newFolder(), newFolder()]
  const store = await openStore(folder)
  await store.journal()
  for (let at = 0; at < 2; at++) await store.keep(season.match('Ann', 'Bob'))
  await store.close()
  cpSync(folder, backup, { recursive: true })
  const again = await openStore(folder)
  const before = await newNode(engine, '1', again)
  await before.settle()
  for (let at = 0; at < 3; at++) await again.keep(season.match('Ann', 'Cy'))
  await before.bring()
  before.results.stop()
  await again.close()

  const restored = await open(backup)
  const node = await newNode(engine, '1', restored)
  await node.bring()
  for (let at = 0; at < 2; at++) await restored.keep(season.match('Dee', 'Ann'))
  await node.bring()
  expect(await leadersOf(node.directory)).toEqual(season.leaders)
  expect((await restored.records(0, 100)).records).toHaveLength(2)
  expect(await restored.records(2, 100)).toMatchObject({ first: 5, records: [{}, {}] })
})

test('the name of a store is its own, and stays', async () => {
  const folder = newFolder()
  const store = await open(folder)
  const name = await store.journal()
  expect(await store.journal()).toBe(name)
  await store.close()
  expect(await (await open(folder)).journal()).toBe(name)
  expect(await (await open(newFolder())).journal()).not.toBe(name)
  expect(await memoryStore().journal()).not.toBe(await memoryStore().journal())
})

test('a store that cannot be read is reported, and tried again', async () => {
  const engine = newEngine()
  const store = memoryStore()
  const node = await newNode(engine, '1', store)
  await node.settle()
  const problems: string[] = []
  const results = new Results({
    store,
    directory: node.directory,
    onProblem: ({ message }) => problems.push(message)
  })
  const { records } = store
  store.records = () => Promise.reject(new Error('no disk'))
  results.bring()
  await vi.waitFor(() => expect(problems).toEqual(['no disk']))
  expect(results.isDone).toBe(false)
  store.records = records
  results.bring()
  await vi.waitFor(() => expect(results.isDone).toBe(true), { timeout: 10_000 })
})
