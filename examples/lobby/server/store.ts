// What outlives the server: how good players are, and what came of their matches. In a folder, by
// LevelDB; or in memory alone. Knows no rules of the game: what it is given it keeps, whole or not
// at all.

import { randomUUID } from 'node:crypto'
import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type BatchOperation, ClassicLevel } from 'classic-level'
import type { Ban } from '../rules/bans.ts'
import type { MatchRecord, SkillSum, Store } from '../rules/records.ts'
import { FIRST_SKILL, MAX_SKILLS, tenths } from '../rules/skills.ts'
import { keyOf } from '../wire/protocol.ts'
import { makeFolder } from './folder.ts'

/** Under which key a player of a match has its results. */
export function keyIn({ identities }: MatchRecord, name: string): string {
  return identities?.find((one) => one.name === name)?.key ?? keyOf(name)
}

/** The folder of LevelDB, in the store's. */
const LEVELDB = 'leveldb'

/** The store cannot be used now; its message is a sentence for an operator. */
export class StoreError extends Error {
  /**
   * LevelDB's (`LEVEL_LOCKED`), the system's (`EACCES`), `STORE_CLOSED`, or `STORE_BUSY`: too many
   * matches are waiting already.
   */
  readonly code: string

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'StoreError'
    this.code = code
  }
}

export interface StoreOptions {
  /**
   * Matches that are kept; then the oldest goes as a new one comes. 10,000 of four players are
   * about 3 MB, with 100,000 skills.
   */
  maxMatches?: number
  /** Players whose skill is kept: no more than {@link Skills} knows, and the same ones. */
  maxSkills?: number
  /** Matches that wait while others are written; one more is rejected. */
  maxWaiting?: number
}

/**
 * Opens the store in a folder, or makes one. Rejected with a {@link StoreError}: it is in use,
 * damaged, or cannot be written.
 */
export async function openStore(folder: string, options: StoreOptions = {}): Promise<Store> {
  try {
    makeFolder(join(folder, LEVELDB)) // LevelDB would make it, too, and go round for ever in /proc
  } catch (error) {
    const { code = 'STORE_FAILED', message } = error as NodeJS.ErrnoException
    throw new StoreError(code, `The store in ${folder} cannot be opened: ${message}.`, error)
  }
  const store = new LevelStore(folder, {
    maxMatches: 10_000,
    maxSkills: MAX_SKILLS,
    maxWaiting: 10_000,
    ...options
  })
  await store.open()
  return store
}

/**
 * Of more, a batch would hold up the ticks: handing over a match to LevelDB takes some 70 µs of the
 * main thread, so these take about 2 ms. The thread is free between two batches.
 */
const MAX_BATCH_MATCHES = 32

/** Of old ones with one batch, for the same reason: after a directory was away, or a gap. */
const MAX_GONE_AT_ONCE = 4 * MAX_BATCH_MATCHES

const MAX_REMEMBERED = 100
/** Matches that no directory of a cluster has yet stay for this much longer. */
const MORE_TO_APPLY = 10
/** Players whose sums are read at once. */
const SUMS_A_PART = 500

/**
 * Keeps the last hundred matches, and nothing beyond the process: a server that starts with it
 * knows nobody.
 */
export function memoryStore(): Store {
  const name = `memory ${randomUUID()}`
  /** The oldest first; it has the number `first`. */
  const matches: MatchRecord[] = []
  let first = 0
  let keptFrom = Number.POSITIVE_INFINITY
  return {
    async keep(match) {
      matches.push(match)
      const most = first < keptFrom ? MAX_REMEMBERED : MAX_REMEMBERED * MORE_TO_APPLY
      while (matches.length > most) {
        matches.shift()
        first++
      }
    },
    recent: async (count) => matches.slice(-count).reverse(),
    journal: async () => name,
    async records(from, count) {
      const at = Math.max(from, first)
      return { first: at, records: matches.slice(at - first, at - first + count) }
    },
    keepFrom(number) {
      keptFrom = number
      if (number > first + matches.length) {
        matches.length = 0
        first = number
      }
    },
    known: async () => ({ applied: first - 1, sums: (async function* () {})() }),
    skills: async () => [],
    names: async () => [],
    owners: async () => [],
    matchesOf: async (key, count) =>
      matches
        .filter((match) => match.scores.some(({ name }) => keyIn(match, name) === key))
        .slice(-count)
        .reverse(),
    bans: async () => [],
    changeBans: async () => {},
    probe: async () => {},
    check: async () => {},
    close: async () => {}
  }
}

/** A match, or something else, that waits to be written, and who waits for that. */
interface Waiting {
  what: MatchRecord | ((database: Database) => Operation[])
  resolve: () => void
  reject: (reason: StoreError) => void
}

/** `match`: the number of the player's last one. */
interface KeptSkill {
  skill: number
  match: number
  /** See {@link SkillSum}. An earlier version kept none, and was alone: see {@link sumOf}. */
  sum?: number
  /** A store of an earlier version has none. */
  name?: string
  /** Whose it is. */
  account?: string
  /** When that match ended. */
  atMs?: number
}

/** Without one, all changes since the player was new are by matches of this store. */
function sumOf({ skill, sum = tenths(skill - FIRST_SKILL) }: KeptSkill): number {
  return sum
}

type Snapshot = ReturnType<ClassicLevel['snapshot']>
type Database = ReturnType<typeof databaseIn>
type Operation = BatchOperation<ClassicLevel, string, MatchRecord | KeptSkill | Ban | string>

function databaseIn(folder: string) {
  // A folder of its own inside: whatever is named like a file of LevelDB (12.log) is one to it, and
  // may be removed.
  const db = new ClassicLevel(join(folder, LEVELDB))
  return {
    db,
    /**
     * By their numbers, which count up as they are kept: so they never collide, and a clock that is
     * set back changes no order.
     */
    matches: db.sublevel<string, MatchRecord>('matches', { valueEncoding: 'json' }),
    /** By the keys of names, which may hold any character. */
    skills: db.sublevel<string, KeptSkill>('skills', { valueEncoding: 'json' }),
    /** Who played in which match: the keys are those of {@link keyOfPlayed}, the values empty. */
    played: db.sublevel('played', { valueEncoding: 'utf8' }),
    /** By their numbers, as the matches. */
    bans: db.sublevel<string, Ban>('bans', { valueEncoding: 'json' })
  }
}

/** As wide as the largest safe integer, so that the order of the keys is that of the numbers. */
function keyOfMatch(number: number): string {
  return String(number).padStart(16, '0')
}

/** Once it is there, {@link keyOfPlayed} has all matches that are kept. */
const INDEXED_KEY = 'played-is-whole'

/** No name has a control character: those of one player are together, in the order of matches. */
function keyOfPlayed(player: string, match: number): string {
  return `${player}\0${keyOfMatch(match)}`
}

class LevelStore implements Store {
  readonly #folder: string
  readonly #options: Required<StoreOptions>
  #database: Database
  /** The numbers of the oldest match and of the next one. */
  #first = 0
  #next = 0
  /** From here on matches are needed: see {@link Store.keepFrom}. */
  #keptFrom = Number.POSITIVE_INFINITY
  /** By the keys of all skills. Who has not played for longest comes first, and goes first. */
  #sums = new Map<string, number>()
  readonly #waiting: Waiting[] = []
  #writing: Promise<void> | undefined
  #mustReopen = false
  /** How often the files were found to be gone. */
  #losses = 0
  #closing: Promise<void> | undefined

  constructor(folder: string, options: Required<StoreOptions>) {
    this.#folder = folder
    this.#options = options
    this.#database = databaseIn(folder)
  }

  async open(): Promise<void> {
    const { db, matches } = this.#database
    try {
      await db.open()
      const [first] = await matches.keys({ limit: 1 }).all()
      const [last] = await matches.keys({ limit: 1, reverse: true }).all()
      this.#first = Number(first ?? 0)
      this.#next = last === undefined ? 0 : Number(last) + 1
      this.#sums = new Map((await this.#readSkills()).map(([key, kept]) => [key, sumOf(kept)]))
      if ((await db.get(INDEXED_KEY)) === undefined) await this.#indexMatches()
    } catch (error) {
      await db.close() // it may be open, with something in it that cannot be read
      throw this.#explain(error, 'cannot be opened')
    }
  }

  /** Who played in the matches that an earlier version has kept, which had no such index. */
  async #indexMatches(): Promise<void> {
    const { db, matches, played } = this.#database
    const operations: Operation[] = []
    for (const [number, match] of await matches.iterator().all())
      for (const { name } of match.scores)
        operations.push({
          type: 'put',
          sublevel: played,
          key: keyOfPlayed(keyIn(match, name), Number(number)),
          value: ''
        })
    operations.push({ type: 'put', key: INDEXED_KEY, value: '1' })
    await db.batch(operations, { sync: true })
  }

  async keep(match: MatchRecord): Promise<void> {
    await this.#enqueue(match)
  }

  async changeBans(added: Ban | undefined, deletedIds: readonly number[]): Promise<void> {
    await this.#enqueue(({ bans }) => {
      const operations: Operation[] = deletedIds.map((id) => {
        return { type: 'del', sublevel: bans, key: keyOfMatch(id) }
      })
      if (added !== undefined)
        operations.push({ type: 'put', sublevel: bans, key: keyOfMatch(added.id), value: added })
      return operations
    })
  }

  async probe(): Promise<void> {
    const value = new Date().toISOString()
    await this.#enqueue(() => [{ type: 'put', key: 'probe', value }])
  }

  async check(): Promise<void> {
    this.#mustBeOpen()
    await this.#mustBeThere().catch((error) => {
      this.#mustReopen = true // what comes back may be other files
      this.#losses++
      throw error
    })
  }

  async #enqueue(what: Waiting['what']): Promise<void> {
    this.#mustBeOpen()
    if (this.#waiting.length >= this.#options.maxWaiting) {
      const { length } = this.#waiting
      throw new StoreError(
        'STORE_BUSY',
        `The store in ${this.#folder} is too slow: ${length} matches are waiting already.`
      )
    }
    this.#writing ??= this.#writeAll()
    await new Promise<void>((resolve, reject) => this.#waiting.push({ what, resolve, reject }))
  }

  async recent(count: number): Promise<MatchRecord[]> {
    this.#mustBeOpen()
    try {
      return await this.#database.matches.values({ limit: count, reverse: true }).all()
    } catch (error) {
      throw this.#explain(error, 'cannot be read')
    }
  }

  async skills(): Promise<[key: string, skill: number][]> {
    this.#mustBeOpen()
    try {
      return (await this.#readSkills()).map(([key, { skill }]) => [key, skill])
    } catch (error) {
      throw this.#explain(error, 'cannot be read')
    }
  }

  async matchesOf(key: string, count: number): Promise<MatchRecord[]> {
    this.#mustBeOpen()
    try {
      const { played, matches } = this.#database
      const range = { gt: `${key}\0`, lt: `${key}\x01`, reverse: true, limit: count }
      const keys = await played.keys(range).all()
      const found = await matches.getMany(keys.map((each) => each.slice(key.length + 1)))
      return found.filter((match) => match !== undefined)
    } catch (error) {
      throw this.#explain(error, 'cannot be read')
    }
  }

  async journal(): Promise<string> {
    this.#mustBeOpen()
    try {
      const kept = await this.#database.db.get('journal')
      if (kept !== undefined) return kept
      const name = randomUUID()
      await this.#enqueue(() => [{ type: 'put', key: 'journal', value: name }])
      return name
    } catch (error) {
      throw this.#explain(error, 'cannot be read')
    }
  }

  async records(from: number, count: number) {
    this.#mustBeOpen()
    try {
      const range = { gte: keyOfMatch(from), limit: count }
      const entries = await this.#database.matches.iterator(range).all()
      const first = Number(entries[0]?.[0] ?? from)
      const gap = entries.findIndex(([key], at) => Number(key) !== first + at)
      const whole = gap === -1 ? entries : entries.slice(0, gap)
      return { first, records: whole.map(([, record]) => record) }
    } catch (error) {
      throw this.#explain(error, 'cannot be read')
    }
  }

  keepFrom(number: number): void {
    this.#keptFrom = number
  }

  async known() {
    this.#mustBeOpen()
    const { db, matches } = this.#database
    const snapshot = db.snapshot()
    try {
      const [last] = await matches.keys({ limit: 1, reverse: true, snapshot }).all()
      const applied = last === undefined ? -1 : Number(last)
      return { applied, sums: this.#readSums(snapshot) }
    } catch (error) {
      await snapshot.close()
      throw this.#explain(error, 'cannot be read')
    }
  }

  async *#readSums(snapshot: Snapshot): AsyncGenerator<SkillSum[]> {
    const { skills, matches } = this.#database
    const iterator = skills.iterator({ snapshot })
    try {
      for (;;) {
        const entries = await iterator.nextv(SUMS_A_PART)
        if (entries.length === 0) return
        const keys = entries.map(([, { match }]) => keyOfMatch(match))
        // A store of an earlier version has no times; a match may be gone.
        const records = await matches.getMany(keys, { snapshot })
        yield entries.map(([key, kept], at) => {
          const { name = key, account, atMs = records[at]?.endedAtMs ?? 1 } = kept
          return { key, name, account, sum: sumOf(kept), atMs }
        })
      }
    } catch (error) {
      throw this.#explain(error, 'cannot be read')
    } finally {
      await iterator.close()
      await snapshot.close()
    }
  }

  async names(): Promise<[key: string, name: string][]> {
    this.#mustBeOpen()
    try {
      const entries = await this.#database.skills.iterator().all()
      return entries.map(([key, { name = key }]) => [key, name])
    } catch (error) {
      throw this.#explain(error, 'cannot be read')
    }
  }

  async owners(): Promise<[key: string, account: string][]> {
    this.#mustBeOpen()
    try {
      const entries = await this.#database.skills.iterator().all()
      entries.sort(([, a], [, b]) => a.match - b.match)
      return entries.flatMap(([key, { account }]) =>
        account === undefined ? [] : [[key, account]]
      )
    } catch (error) {
      throw this.#explain(error, 'cannot be read')
    }
  }

  async bans(): Promise<Ban[]> {
    this.#mustBeOpen()
    try {
      return await this.#database.bans.values().all()
    } catch (error) {
      throw this.#explain(error, 'cannot be read')
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await this.#writing
    await this.#database.db.close()
  }

  /** Who has not played for longest comes first. */
  async #readSkills(): Promise<[key: string, kept: KeptSkill][]> {
    const entries = await this.#database.skills.iterator().all()
    return entries.sort(([, a], [, b]) => a.match - b.match)
  }

  /**
   * Writes what waits, and what comes meanwhile, until nothing waits. One sync of the disk serves
   * all that came during the last one.
   */
  async #writeAll(): Promise<void> {
    await undefined // what ends in the same tick is kept together
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MAX_BATCH_MATCHES)
      try {
        await this.#write(group)
        for (const { resolve } of group) resolve()
      } catch (error) {
        const reason = this.#explain(error, 'cannot be written')
        for (const { reject } of group) reject(reason)
      }
    }
    this.#writing = undefined
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    if (this.#mustReopen) {
      await this.#mustBeThere() // or a new, empty one would be made in its place
      await this.#reopen()
    }
    this.#mustReopen = true // unless all goes well
    const losses = this.#losses
    const { db, matches, skills, played } = this.#database
    if (Number.isFinite(this.#keptFrom)) this.#next = Math.max(this.#next, this.#keptFrom)
    const operations: Operation[] = []
    const added = new Map<number, MatchRecord>()
    for (const { what } of group) {
      if (typeof what === 'function') {
        operations.push(...what(this.#database))
        continue
      }
      const number = this.#next++
      added.set(number, what)
      operations.push({ type: 'put', sublevel: matches, key: keyOfMatch(number), value: what })
      for (const { name } of what.scores) {
        const key = keyOfPlayed(keyIn(what, name), number)
        operations.push({ type: 'put', sublevel: played, key, value: '' })
      }
      // Without a winner no skill has changed: nobody becomes known by it, as in Skills.
      if (what.winners.length === 0) continue
      for (const { name, skill } of what.skills) {
        const key = keyIn(what, name)
        const { account, change } = what.identities?.find((one) => one.name === name) ?? {}
        const { endedAtMs: atMs } = what
        // Without a change, as an earlier version would play it, the lobby is alone.
        const sum = tenths(
          change === undefined ? skill - FIRST_SKILL : (this.#sums.get(key) ?? 0) + change
        )
        const value = { skill, match: number, sum, name, atMs, ...(account && { account }) }
        operations.push({ type: 'put', sublevel: skills, key, value })
        this.#sums.delete(key) // to the end of the line
        this.#sums.set(key, sum)
      }
    }
    const { maxMatches } = this.#options
    const mostGone = this.#first + MAX_GONE_AT_ONCE
    while (this.#next - this.#first > maxMatches && this.#first < mostGone) {
      const isNeeded = this.#first >= this.#keptFrom
      if (isNeeded && this.#next - this.#first <= maxMatches * MORE_TO_APPLY) break
      const number = this.#first++
      operations.push({ type: 'del', sublevel: matches, key: keyOfMatch(number) })
      // One that cannot be read goes, too. (What is left of it in `played` leads nowhere.)
      const gone =
        added.get(number) ?? (await matches.get(keyOfMatch(number)).catch(() => undefined))
      for (const { name } of gone?.scores ?? [])
        operations.push({
          type: 'del',
          sublevel: played,
          key: keyOfPlayed(keyIn(gone as MatchRecord, name), number)
        })
    }
    for (const key of this.#sums.keys()) {
      if (this.#sums.size <= this.#options.maxSkills) break
      this.#sums.delete(key)
      operations.push({ type: 'del', sublevel: skills, key })
    }
    await db.batch(operations, { sync: true })
    // The system also writes to files that are deleted, or below another mount
    await this.#mustBeThere()
    if (this.#losses > losses) throw this.#gone()
    this.#mustReopen = false
  }

  /**
   * After a write that failed (the disk was full) LevelDB goes on behind what it had written of it.
   * Once opened again it cannot read what stands there: later matches would seem kept, and be lost.
   * So it is opened again first, which begins a new file; and what we thought was kept is read
   * anew.
   */
  async #reopen(): Promise<void> {
    await this.#database.db.close()
    this.#database = databaseIn(this.#folder)
    await this.open()
  }

  async #mustBeThere(): Promise<void> {
    await access(join(this.#folder, LEVELDB, 'CURRENT')).catch((error) => {
      throw this.#gone(error)
    })
  }

  #gone(cause?: unknown): StoreError {
    const text = `The store in ${this.#folder} is not there any more: was it removed, or unmounted?`
    return new StoreError('STORE_GONE', text, cause)
  }

  #mustBeOpen(): void {
    if (this.#closing !== undefined)
      throw new StoreError('STORE_CLOSED', `The store in ${this.#folder} is closed.`)
  }

  /** An error with a message for the operator. */
  #explain(error: unknown, what: string): StoreError {
    if (error instanceof StoreError) return error
    // Of LevelDB's errors when it does not open, this one says no more than that, and has the
    // reason in it.
    const { code: outer, cause = error } = error as NodeJS.ErrnoException
    const reason = (outer === 'LEVEL_DATABASE_NOT_OPEN' ? cause : error) as NodeJS.ErrnoException
    const { code = 'STORE_FAILED', message } = reason
    const store = `The store in ${this.#folder}`
    if (code === 'LEVEL_LOCKED') {
      return new StoreError(
        code,
        `${store} is in use, perhaps by another lobby. --store chooses another folder.`,
        error
      )
    }
    if (code === 'LEVEL_CORRUPTION' || code === 'LEVEL_DECODE_ERROR') {
      const advice = 'Restore a backup of the folder, or move it away to start with an empty store.'
      return new StoreError(code, `${store} is damaged (${message}). ${advice}`, error)
    }
    return new StoreError(code, `${store} ${what}: ${message}.`, error)
  }
}
