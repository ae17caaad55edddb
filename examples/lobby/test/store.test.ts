// What the store promises: what was kept is there whatever happened to the process, whole, and
// once.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { ClassicLevel } from 'classic-level'
import { expect, onTestFinished, test, vi } from 'vitest'
import { isWindows } from '../../../test/support/system.ts'
import type { MatchRecord, Store } from '../rules/records.ts'
import { FIRST_SKILL, Skills } from '../rules/skills.ts'
import { memoryStore, openStore, StoreError, type StoreOptions } from '../server/store.ts'
import { keyOf } from '../wire/protocol.ts'
import { newFolder } from './folder.ts'

vi.setConfig({ testTimeout: 120_000 })

const root = fileURLToPath(new URL('../../..', import.meta.url))

/** Closed at the end of the test, if not before. */
async function open(folder: string, options?: StoreOptions): Promise<Store> {
  const store = await openStore(folder, options)
  onTestFinished(() => store.close())
  return store
}

/** What a room would keep of a match that the first of its players wins. */
function matchOf(
  number: number,
  skills: Record<string, number>,
  winners = Object.keys(skills).slice(0, 1)
): MatchRecord {
  return {
    endedAtMs: 1_700_000_000_000 + number,
    room: `Room ${number}`,
    scores: Object.keys(skills).map((name) => ({ name, score: winners.includes(name) ? 10 : 3 })),
    winners,
    skills: Object.entries(skills).map(([name, skill]) => ({ name, skill }))
  }
}

async function roomsOf(store: Store, count = 1_000_000): Promise<string[]> {
  return (await store.recent(count)).map(({ room }) => room)
}

/** As the store calls it; the types of LevelDB's have more forms than a spy can tell apart. */
const prototype = ClassicLevel.prototype as unknown as {
  batch(operations: unknown[], options: unknown): Promise<void>
}

/** Sees the batches that LevelDB is given. */
function watchBatches() {
  const spy = vi.spyOn(prototype, 'batch')
  onTestFinished(() => spy.mockRestore())
  return spy
}

/** And holds them up until `release`. */
function holdBatches() {
  const { batch } = prototype
  let release = () => {}
  const released = new Promise<void>((resolve) => {
    release = resolve
  })
  const spy = watchBatches().mockImplementation(async function (this: typeof prototype, ...args) {
    await released
    return batch.apply(this, args)
  })
  return { spy, release }
}

/** A process that keeps matches, see store-child.ts. */
class Keeper {
  readonly process: ChildProcessByStdio<null, Readable, Readable>
  readonly kept: number[] = []
  readonly lost: string[] = []
  /** Of `kept`, after the last one that was lost. */
  keptSince = 0
  #errors = ''

  constructor(folder: string, first: number, before: string[] = []) {
    const script = 'examples/lobby/test/store-child.ts'
    const [command, ...args] = [
      ...before,
      process.execPath,
      '--import',
      'tsx',
      script,
      folder,
      String(first)
    ]
    this.process = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    this.process.stderr.on('data', (data) => {
      this.#errors += data
    })
    onTestFinished(() => void this.process.kill('SIGKILL'))
  }

  /**
   * Ends it without a warning as soon as `isTime`; returns when it has ended, and all that it
   * printed was read.
   */
  async killWhen(isTime: () => boolean): Promise<void> {
    const closed = once(this.process, 'close')
    for await (const line of createInterface(this.process.stdout)) {
      const [word, number] = line.split(' ')
      if (word === 'kept') this.kept.push(Number(number))
      else this.lost.push(line)
      this.keptSince = word === 'kept' ? this.keptSince + 1 : 0
      if (isTime()) this.process.kill('SIGKILL')
    }
    await closed
    expect(this.#errors).toBe('')
  }
}

/**
 * That every skill is the one after its player's last match, and that each is there. Only where no
 * match was dropped.
 */
async function expectSkillsOfMatches(store: Store): Promise<void> {
  const skills = new Map<string, number>()
  for (const match of (await store.recent(1_000_000)).reverse()) {
    for (const { name, skill } of match.skills) skills.set(keyOf(name), skill)
  }
  expect(new Map(await store.skills())).toEqual(skills)
}

test('skills and results survive a restart, and the skills go on from there', async () => {
  const folder = newFolder()
  const before = await open(folder)
  expect(await before.skills()).toEqual([])
  const skills = new Skills()
  for (let number = 0; number < 3; number++) {
    const after = skills.record(['Ann', 'Bob'], ['Ann'])
    await before.keep(
      matchOf(number, Object.fromEntries(after.map(({ name, skill }) => [name, skill])))
    )
  }
  const [newest] = await before.recent(1)
  await before.close()

  const store = await open(folder)
  expect(await store.recent(1)).toEqual([newest])
  expect(newest).toMatchObject({ room: 'Room 2', endedAtMs: 1_700_000_000_002, winners: ['Ann'] })
  expect(await roomsOf(store)).toEqual(['Room 2', 'Room 1', 'Room 0'])
  const again = new Skills(await store.skills())
  expect([again.of('ANN'), again.of('Bob')]).toEqual([skills.of('Ann'), skills.of('Bob')])
  expect(again.of('Ann')).toBeGreaterThan(FIRST_SKILL)
  const match = [['Bob', 'Ann'], ['Bob']] as const
  expect(again.record(...match)).toEqual(skills.record(...match))
})

test('a process that is killed has lost no match that it has kept, and no half of one is seen', async () => {
  const folder = newFolder()
  const kept: number[] = []
  let most = 0
  for (let round = 0; round < 4; round++) {
    const keeper = new Keeper(folder, most)
    const target = 1 + Math.floor(Math.random() * 300)
    await keeper.killWhen(() => keeper.kept.length >= target)
    expect(keeper.lost).toEqual([])
    expect(keeper.kept.length).toBeGreaterThanOrEqual(target)
    kept.push(...keeper.kept)

    const store = await openStore(folder)
    const rooms = (await roomsOf(store)).map(Number).reverse()
    expect(kept.filter((number) => !rooms.includes(number))).toEqual([])
    // In order, each once, and nothing between two is missing
    expect(rooms).toEqual(rooms.map((_, number) => number))
    await expectSkillsOfMatches(store)
    most = rooms.length
    await store.close()
  }
})

// RLIMIT_FSIZE, the system's way to say that a file must not grow any more, is nothing that Windows
// has.
test.skipIf(isWindows)(
  'what is kept after a write that failed half-way is not lost either',
  async () => {
    const folder = newFolder()
    const keeper = new Keeper(folder, 0, ['sh', '-c', 'ulimit -S -f 256 && exec "$@"', 'sh'])
    await keeper.killWhen(() => keeper.lost.length > 0 && keeper.keptSince >= 50)
    expect(keeper.lost[0]).toMatch(
      /^lost \d+ The store in .* cannot be written: .*File too large\.$/
    )
    const store = await open(folder)
    const rooms = new Set(await roomsOf(store))
    expect(keeper.kept.filter((number) => !rooms.has(String(number)))).toEqual([])
    await expectSkillsOfMatches(store)
  }
)

test('a write that fails rejects its matches, leaves no trace of them, and is no hindrance for the next ones', async () => {
  const folder = newFolder()
  const store = await open(folder, { maxSkills: 2 })
  await store.keep(matchOf(0, { Ann: 1516, Bob: 1484 }))
  const full = Object.assign(new Error('IO error: no space left'), { code: 'LEVEL_IO_ERROR' })
  watchBatches().mockRejectedValueOnce(full)
  const results = await Promise.allSettled(
    [1, 2].map((number) => store.keep(matchOf(number, { Cid: 1, Dee: 2 })))
  )
  for (const result of results) {
    expect(result).toMatchObject({
      status: 'rejected',
      reason: { name: 'StoreError', code: 'LEVEL_IO_ERROR' }
    })
  }
  expect(await roomsOf(store)).toEqual(['Room 0'])
  await store.keep(matchOf(3, { Eve: 1501, Bob: 1483 }))
  expect(await roomsOf(store)).toEqual(['Room 3', 'Room 0'])
  // Ann was dropped for Eve. Had Cid's and Dee's match dropped Ann, that skill would be in the
  // folder for ever.
  expect(new Map(await store.skills())).toEqual(
    new Map([
      ['eve', 1501],
      ['bob', 1483]
    ])
  )
})

test('matches that end together are one batch, and those that end while it is written are few, each with a sync', async () => {
  const store = await open(newFolder())
  const { spy, release } = holdBatches()
  const together = Array.from({ length: 20 }, (_, number) =>
    store.keep(matchOf(number, { Ann: number }))
  )
  await vi.waitUntil(() => spy.mock.calls.length === 1)
  const meanwhile = Array.from({ length: 70 }, (_, number) =>
    store.keep(matchOf(20 + number, { Bob: number }))
  )
  release()
  await Promise.all([...together, ...meanwhile])
  // Three operations a match of one player. No batch has more than 32 matches, so that none holds
  // up the ticks.
  expect(spy.mock.calls.map(([operations]) => operations.length)).toEqual([60, 96, 96, 18])
  for (const [, options] of spy.mock.calls) expect(options).toEqual({ sync: true })
  expect(await roomsOf(store)).toEqual(
    Array.from({ length: 90 }, (_, number) => `Room ${89 - number}`)
  )
})

test('nothing is seen of a match before it is kept', async () => {
  const store = await open(newFolder())
  const { spy, release } = holdBatches()
  const keeping = store.keep(matchOf(0, { Ann: 1516 }))
  await vi.waitUntil(() => spy.mock.calls.length === 1)
  expect([await store.recent(9), await store.skills()]).toEqual([[], []])
  release()
  await keeping
  expect([await roomsOf(store), await store.skills()]).toEqual([['Room 0'], [['ann', 1516]]])
})

test('when too many matches wait, one more is refused with a sentence, and the others are kept', async () => {
  const store = await open(newFolder(), { maxWaiting: 3 })
  const { spy, release } = holdBatches()
  const first = store.keep(matchOf(0, { Ann: 1 }))
  await vi.waitUntil(() => spy.mock.calls.length === 1)
  const waiting = [1, 2, 3].map((number) => store.keep(matchOf(number, { Ann: number })))
  await expect(store.keep(matchOf(4, { Ann: 4 }))).rejects.toMatchObject({
    name: 'StoreError',
    code: 'STORE_BUSY',
    message: expect.stringMatching(/is too slow: 3 matches are waiting already\.$/)
  })
  release()
  await Promise.all([first, ...waiting])
  await store.keep(matchOf(5, { Ann: 5 }))
  expect(await roomsOf(store)).toEqual(['Room 5', 'Room 3', 'Room 2', 'Room 1', 'Room 0'])
})

test('close waits for what is being kept, takes nothing more, and is harmless when repeated', async () => {
  const folder = newFolder()
  const store = await open(folder)
  const { spy, release } = holdBatches()
  const keeping = [store.keep(matchOf(0, { Ann: 1 }))]
  await vi.waitUntil(() => spy.mock.calls.length === 1)
  keeping.push(store.keep(matchOf(1, { Ann: 2 })))
  let isClosed = false
  const closing = store.close().then(() => {
    isClosed = true
  })
  await expect(store.keep(matchOf(2, { Ann: 3 }))).rejects.toMatchObject({
    name: 'StoreError',
    code: 'STORE_CLOSED'
  })
  await expect(store.recent(1)).rejects.toMatchObject({ code: 'STORE_CLOSED' })
  expect(isClosed).toBe(false)
  release()
  await Promise.all([...keeping, closing, store.close()])
  expect(await roomsOf(await open(folder))).toEqual(['Room 1', 'Room 0'])
})

test('the oldest matches go as new ones come, also when the bound has become smaller; the skills stay', async () => {
  const folder = newFolder()
  const before = await open(folder, { maxMatches: 10 })
  for (let number = 0; number < 25; number++)
    await before.keep(matchOf(number, { [`P${number}`]: number }))
  expect(await roomsOf(before)).toEqual(Array.from({ length: 10 }, (_, at) => `Room ${24 - at}`))
  await before.close()
  const store = await open(folder, { maxMatches: 3 })
  const spy = watchBatches()
  await Promise.all([25, 26, 27, 28].map((number) => store.keep(matchOf(number, { Ann: number }))))
  expect(spy.mock.calls.map(([operations]) => operations.length)).toEqual([4 * 3 + 2 * 11])
  expect(await roomsOf(store)).toEqual(['Room 28', 'Room 27', 'Room 26'])
  expect(await roomsOf(store, 2)).toEqual(['Room 28', 'Room 27'])
  expect(await store.skills()).toHaveLength(26)
})

test('matches of the same millisecond, and of a clock that was set back, are all there in the order in which they were kept', async () => {
  const folder = newFolder()
  for (const endedAtMs of [2_000, 2_000, 1_000]) {
    const store = await openStore(folder)
    await Promise.all([1, 2].map(() => store.keep({ ...matchOf(0, { Ann: 1 }), endedAtMs })))
    await store.close()
  }
  const ends = (await (await open(folder)).recent(9)).map(({ endedAtMs }) => endedAtMs)
  expect(ends).toEqual([1_000, 1_000, 2_000, 2_000, 2_000, 2_000])
})

test('a name may hold any character, and is found again', async () => {
  const folder = newFolder()
  // The last one's small letter is one character where the capital was two.
  const names = [
    '!',
    '"',
    '!matches!0000000000000000',
    'skills',
    '__proto__',
    'a/b\\c',
    'Ärger 😀',
    '\u{10ffff}',
    'J\u030cim'
  ]
  expect(keyOf(keyOf(names[8]))).toBe(keyOf(names[8]))
  const before = await open(folder)
  for (const [at, name] of names.entries()) {
    const skills = [{ name, skill: at }]
    await before.keep({ endedAtMs: at, room: '!', scores: [], winners: [name], skills })
  }
  await before.close()
  const store = await open(folder)
  const skills = new Skills(await store.skills())
  expect(names.map((name) => skills.of(name))).toEqual(names.map((_, at) => at))
  expect(await store.recent(99)).toHaveLength(names.length)
})

test('who has not played for longest is forgotten first, by the skills and by the store alike, over a restart too', async () => {
  const folder = newFolder()
  let skills = new Skills([], 4)
  let store = await openStore(folder, { maxSkills: 4 })
  const play = async (...players: string[]) => {
    const after = skills.record(players, players.slice(0, 1))
    await store.keep({
      endedAtMs: 1,
      room: '',
      scores: [],
      winners: players.slice(0, 1),
      skills: after
    })
    expect(await store.skills()).toHaveLength(skills.size)
    const known = new Skills(await store.skills(), 4)
    for (const name of ['Ann', 'Bob', 'Cid', 'Dee', 'Eve', 'Fay'])
      expect(known.of(name)).toBe(skills.of(name))
  }
  await play('Ann', 'Bob')
  await play('Cid', 'Dee')
  await play('Ann', 'Cid')
  await play('Eve', 'Cid') // Bob goes
  await store.close()
  store = await open(folder, { maxSkills: 4 })
  skills = new Skills(await store.skills(), 4)
  await play('Fay', 'Cid') // and Dee
  const keys = (await store.skills()).map(([key]) => key)
  // The last two played at once
  expect([...keys.slice(0, 2), ...keys.slice(2).sort()]).toEqual(
    ['Ann', 'Eve', 'Cid', 'Fay'].map(keyOf)
  )
})

test('a match without a winner is kept, and makes nobody known', async () => {
  const store = await open(newFolder())
  const skills = new Skills()
  const after = skills.record(['Ann', 'Bob'], [])
  expect(after.map(({ skill }) => skill)).toEqual([FIRST_SKILL, FIRST_SKILL])
  await store.keep({ endedAtMs: 1, room: 'Draw', scores: [], winners: [], skills: after })
  expect(await roomsOf(store)).toEqual(['Draw'])
  expect([await store.skills(), skills.size]).toEqual([[], 0])
})

// Windows lets nobody move a folder whose files are open.
test.skipIf(isWindows)(
  'a store whose folder is gone says so, and goes on when it is back',
  async () => {
    const above = newFolder()
    const [folder, elsewhere] = [join(above, 'store'), join(above, 'elsewhere')]
    const store = await open(folder)
    await store.keep(matchOf(1, { Ann: 1516, Bob: 1484 }))
    renameSync(folder, elsewhere)
    const gone = { name: 'StoreError', code: 'STORE_GONE' }
    for (let times = 0; times < 2; times++)
      await expect(store.keep(matchOf(2, { Ann: 1530, Bob: 1470 }))).rejects.toMatchObject(gone)
    await expect(store.probe()).rejects.toMatchObject(gone)
    renameSync(elsewhere, folder)
    await store.probe()
    await store.keep(matchOf(3, { Ann: 1530, Bob: 1470 }))
    await store.close()
    expect((await roomsOf(await open(folder))).length).toBeGreaterThanOrEqual(2)
  }
)

test.skipIf(isWindows)(
  'a match that was being written while the folder was gone for a moment is not said to be kept',
  async () => {
    const above = newFolder()
    const [folder, elsewhere] = [join(above, 'store'), join(above, 'elsewhere')]
    const store = await open(folder)
    await store.keep(matchOf(1, { Ann: 1516, Bob: 1484 }))
    // LevelDB is held up until the folder has been gone and come back.
    let goOn = () => {}
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    let isWriting = () => {}
    const writing = new Promise<void>((resolve) => {
      isWriting = resolve
    })
    const batch = vi.spyOn(ClassicLevel.prototype, 'batch')
    batch.mockImplementationOnce((async () => {
      isWriting()
      await held
    }) as never)
    const keeping = store.keep(matchOf(2, { Ann: 1530, Bob: 1470 }))
    keeping.catch(() => {})
    await writing
    renameSync(folder, elsewhere)
    await expect(store.check()).rejects.toMatchObject({ code: 'STORE_GONE' })
    renameSync(elsewhere, folder)
    goOn()
    await expect(keeping).rejects.toMatchObject({ code: 'STORE_GONE' })
    batch.mockRestore()
    await store.keep(matchOf(3, { Ann: 1540, Bob: 1460 }))
  }
)

test.skipIf(isWindows)(
  'a backup that takes the place of a folder that was gone is used',
  async () => {
    const folder = newFolder()
    const backup = join(newFolder(), 'backup')
    const store = await open(folder)
    await store.keep(matchOf(1, { Ann: 1516, Bob: 1484 }))
    await store.check()
    cpSync(folder, backup, { recursive: true })
    rmSync(folder, { recursive: true })
    await expect(store.check()).rejects.toMatchObject({ code: 'STORE_GONE' })
    cpSync(backup, folder, { recursive: true })
    await store.keep(matchOf(2, { Ann: 1530, Bob: 1470 }))
    await store.close()
    expect(await roomsOf(await open(folder))).toHaveLength(2)
  }
)

test
  .skipIf(process.platform !== 'linux')
  .each(['/proc/nope', '/proc/nope/store', '/dev/null/store'])(
  'a store in %s is refused with a sentence',
  async (folder) => {
    await expect(openStore(folder)).rejects.toMatchObject({ name: 'StoreError' })
  }
)

test('a folder that another lobby uses is refused with a sentence, and the other goes on', async () => {
  const folder = newFolder()
  const refused = {
    name: 'StoreError',
    code: 'LEVEL_LOCKED',
    message: `The store in ${folder} is in use, perhaps by another lobby. --store chooses another folder.`
  }
  const keeper = new Keeper(folder, 0)
  let refusal: unknown
  let keptBefore = 0
  await keeper.killWhen(() => {
    if (keeper.kept.length === 1) {
      openStore(folder).catch((error) => {
        refusal = error
        keptBefore = keeper.kept.length
      })
    }
    return refusal !== undefined && keeper.kept.length > keptBefore
  })
  expect(refusal).toBeInstanceOf(StoreError)
  expect(refusal).toMatchObject(refused)
  const store = await open(folder)
  await expect(openStore(folder)).rejects.toMatchObject(refused)
  await store.close()
  await open(folder)
})

test('a damaged store, and a folder that cannot be one, are refused with a sentence and the code', async () => {
  const folder = newFolder()
  await (await open(folder)).close()
  writeFileSync(join(folder, 'leveldb', 'CURRENT'), 'nonsense')
  await expect(openStore(folder)).rejects.toMatchObject({
    name: 'StoreError',
    code: 'LEVEL_CORRUPTION',
    message: expect.stringMatching(
      /^The store in .* is damaged \(.*\)\. Restore a backup of the folder, or move it away to start with an empty store\.$/
    )
  })
  const file = join(folder, 'file')
  writeFileSync(file, '')
  await expect(openStore(file)).rejects.toMatchObject({
    name: 'StoreError',
    code: expect.stringMatching(/^E/),
    message: expect.stringContaining(`The store in ${file} cannot be opened: `)
  })
})

test('a skill that cannot be read is reported as damage, and the folder is free again', async () => {
  const folder = newFolder()
  await (await open(folder)).close()
  const db = new ClassicLevel(join(folder, 'leveldb'))
  await db.put('!skills!ann', '{"skill":')
  await db.close()
  const damaged = {
    name: 'StoreError',
    code: 'LEVEL_DECODE_ERROR',
    message: expect.stringContaining('is damaged')
  }
  await expect(openStore(folder)).rejects.toMatchObject(damaged)
  await expect(openStore(folder)).rejects.toMatchObject(damaged)
})

test('the files of others in the folder stay', async () => {
  const folder = newFolder()
  writeFileSync(join(folder, '000001.log'), 'of an operator')
  const store = await open(folder)
  await store.keep(matchOf(0, { Ann: 1 }))
  await store.close()
  await (await open(folder)).close()
  rmSync(join(folder, '000001.log')) // throws if it is not there
})

test('in memory the last hundred matches are kept, and a server starts with no skills', async () => {
  const store = memoryStore()
  for (let number = 0; number < 130; number++) await store.keep(matchOf(number, { Ann: number }))
  expect(await roomsOf(store)).toEqual(Array.from({ length: 100 }, (_, at) => `Room ${129 - at}`))
  expect(await roomsOf(store, 2)).toEqual(['Room 129', 'Room 128'])
  expect(await store.skills()).toEqual([])
  await store.close()
})

test("a player's own matches are found, the newest first, and go with the matches", async () => {
  const folder = newFolder()
  const store = await open(folder, { maxMatches: 3 })
  const matches: Record<string, number>[] = [
    { Ann: 1, Bob: 2 },
    { Ann: 3 },
    { Anna: 1 },
    { ANN: 4 }
  ]
  for (const [number, players] of matches.entries()) await store.keep(matchOf(number, players))
  const rooms = async (key: string, count = 10) =>
    (await store.matchesOf(key, count)).map(({ room }) => room)
  expect(await rooms('ann')).toEqual(['Room 3', 'Room 1'])
  expect(await rooms('ann', 1)).toEqual(['Room 3'])
  expect(await rooms('anna')).toEqual(['Room 2'])
  expect(await rooms('bob')).toEqual([])
  expect(await rooms('nobody')).toEqual([])
  expect(new Map(await store.names()).get('ann')).toBe('ANN')
})

test('matches of an earlier version, which had no index of players, are in their histories', async () => {
  const folder = newFolder()
  const first = await open(folder)
  for (const number of [1, 2]) await first.keep(matchOf(number, { Ann: 1516, Bob: 1484 }))
  await first.close()
  // As that version left it
  const db = new ClassicLevel(join(folder, 'leveldb'))
  await db.sublevel('played').clear()
  await db.del('played-is-whole')
  await db.close()
  const second = await open(folder)
  const rooms = (await second.matchesOf(keyOf('Bob'), 10)).map(({ room }) => room)
  expect(rooms).toEqual(['Room 2', 'Room 1'])
})
