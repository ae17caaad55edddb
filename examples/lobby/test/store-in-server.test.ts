// What a server keeps: skills and results outlive it, however it ends; and no match
// is announced as over before it is stored.

import { type ChildProcess, spawn } from 'node:child_process'
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { isWindows } from '../../../test/support/system.ts'
import { system } from '../place.ts'
import type { MatchRecord, Store } from '../rules/records.ts'
import { FIRST_SKILL } from '../rules/skills.ts'
import type { LobbyServer } from '../server/server.ts'
import { openStore } from '../server/store.ts'
import { newFolder } from './folder.ts'
import { openLobby, Person, until } from './person.ts'

/** What the store does before it keeps a match. */
let beforeKeeping: () => Promise<void>
/** Before it looks whether it is still there. */
let beforeChecking: () => Promise<void>

beforeEach(() => {
  beforeKeeping = async () => {}
  beforeChecking = async () => {}
})

vi.mock('../server/store.ts', async (original) => {
  const actual = await original<typeof import('../server/store.ts')>()
  const open = async (...args: Parameters<typeof actual.openStore>): Promise<Store> => {
    const store = await actual.openStore(...args)
    const keep = store.keep.bind(store)
    store.keep = async (match) => {
      await beforeKeeping()
      await keep(match)
    }
    const check = store.check.bind(store)
    store.check = async () => {
      await beforeChecking()
      await check()
    }
    return store
  }
  return { ...actual, openStore: open }
})

async function keptIn(folder: string): Promise<MatchRecord[]> {
  const store = await openStore(folder)
  const matches = await store.recent(1_000)
  await store.close()
  return matches
}

/** Ann and Bob begin a match. */
async function startMatch(
  server: { port: number },
  accounts: string[] = []
): Promise<{ ann: Person; bob: Person }> {
  const ann = await Person.signIn(server, 'Ann', undefined, accounts[0])
  const bob = await Person.signIn(server, 'Bob', undefined, accounts[1])
  for (const each of [ann, bob]) {
    each.send({ type: each === ann ? 'create' : 'join', room: 'Den' })
    await each.next('joined')
  }
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  await ann.next('match-started')
  return { ann, bob }
}

async function stop(server: LobbyServer): Promise<void> {
  server.stop()
  await server.ended
}

test('skills and results are there again when the server is', async () => {
  const store = newFolder()
  const first = await openLobby({ store })
  const { ann, bob } = await startMatch(first)
  bob.send({ type: 'leave' }) // and has lost
  const end = await ann.next('match-ended')
  expect(end).toMatchObject({ winners: ['Ann'], saved: true })
  await stop(first)
  expect(await keptIn(store)).toMatchObject([{ room: 'Den', winners: ['Ann'], skills: end.skills }])

  const second = await openLobby({ store })
  for (const { name, skill } of end.skills) {
    expect(skill).not.toBe(FIRST_SKILL)
    const [{ account }] = (name === 'Ann' ? ann : bob).all('welcome')
    const person = await Person.signIn(second, name.toUpperCase(), undefined, account)
    person.send({ type: 'queue' })
    expect((await person.next('queued')).skill).toBe(skill)
    person.send({ type: 'unqueue' })
    await person.next('unqueued')
  }
  const other = await Person.signIn(second, 'Cid')
  other.send({ type: 'queue' })
  expect((await other.next('queued')).skill).toBe(FIRST_SKILL)
})

test('a drain waits for what is being kept, and then ends by itself', async () => {
  const store = newFolder()
  const server = await openLobby({ store })
  const { ann, bob } = await startMatch(server)
  let keep: () => void = () => {}
  beforeKeeping = () => new Promise((resolve) => (keep = resolve))
  server.drain()
  await ann.next('draining')
  bob.send({ type: 'leave' })
  await until('the match is over', () => server.figures.matches === 0)
  const { ticks } = server.figures
  await until('it might have ended', () => server.figures.ticks > ticks + 10)
  expect(ann.hasEnded).toBe(false)
  expect(ann.all('match-ended'), 'nothing is announced that is not stored').toEqual([])
  keep()
  expect((await ann.next('match-ended')).saved).toBe(true)
  await ann.next('bye')
  await server.ended
  expect(await keptIn(store)).toHaveLength(1)
})

test('a drain does not wait for a store that keeps nothing any more', async () => {
  const server = await openLobby({ store: newFolder(), drainMs: 300 })
  const { ann, bob } = await startMatch(server)
  let keep: () => void = () => {}
  beforeKeeping = () => new Promise((resolve) => (keep = resolve))
  server.drain()
  bob.send({ type: 'leave' })
  await ann.next('bye')
  keep()
  await server.ended
})

test('a server that is stopped keeps the matches that are over', async () => {
  const store = newFolder()
  const server = await openLobby({ store })
  const { bob } = await startMatch(server)
  bob.send({ type: 'leave' })
  await until('the match is over', () => server.figures.matches === 0)
  await stop(server)
  expect(await keptIn(store)).toHaveLength(1)
})

test('a match that cannot be stored is reported as such, and the server goes on', async () => {
  const store = newFolder()
  const server = await openLobby({ store })
  const { ann, bob } = await startMatch(server)
  beforeKeeping = () => Promise.reject(new Error('the disk is full'))
  bob.send({ type: 'leave' })
  expect(await ann.next('match-ended')).toMatchObject({ winners: ['Ann'], saved: false })
  expect(server.figures.unsavedMatches).toBe(1)
  beforeKeeping = async () => {}
  bob.send({ type: 'join', room: 'Den' })
  await bob.next('joined')
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  await bob.next('match-started')
  bob.send({ type: 'leave' })
  expect((await ann.next('match-ended')).saved).toBe(true)
  await stop(server)
  expect(await keptIn(store)).toHaveLength(1)
})

// Windows lets nobody move a folder whose files are open.
test.skipIf(isWindows)(
  'a store whose folder is gone is noticed without a match, and so is its return',
  async () => {
    const above = newFolder()
    const [store, elsewhere] = [join(above, 'store'), join(above, 'elsewhere')]
    const server = await openLobby({ store })
    expect(server.health.unready).toEqual([])
    renameSync(store, elsewhere)
    await until('it is unready', () => server.health.unready.length > 0)
    expect(server.health.unready[0]).toMatch(/results cannot be saved: .*was it removed/)
    expect(server.health.stuck).toEqual([]) // a new process would not help
    renameSync(elsewhere, store)
    await until('it is ready', () => server.health.unready.length === 0)
  }
)

test('a store that does not answer is noticed, and is asked once at a time', async () => {
  let skippedMs = 0
  const place = { ...system, nowMs: () => system.nowMs() + skippedMs }
  const server = await openLobby({ store: newFolder() }, { place })
  let answer: () => void = () => {}
  let checks = 0
  beforeChecking = () => {
    checks++
    return new Promise((resolve) => (answer = resolve))
  }
  const skip = async (ms: number) => {
    skippedMs += ms
    const { ticks } = server.figures
    await until('it has looked', () => server.figures.ticks > ticks + 10)
  }
  await until('it is asked', () => {
    skippedMs += 100
    return checks === 1
  })
  await skip(3_000)
  expect(server.health.unready).toEqual([])
  await skip(3_000)
  expect(server.health.unready).toEqual(['results cannot be saved: the store does not answer'])
  expect(checks).toBe(1)
  answer()
  await skip(6_000)
  await until('it is ready', () => server.health.unready.length === 0)
})

test('a store that another lobby has open is reported, and nothing of the second one stays', async () => {
  const store = newFolder()
  const first = await openLobby({ store })
  await expect(openLobby({ store })).rejects.toMatchObject({
    name: 'StoreError',
    code: 'LEVEL_LOCKED'
  })
  await stop(first)
  await openLobby({ store })
})

test('a server that cannot open its ports gives its store back', async () => {
  const store = newFolder()
  const other = await openLobby()
  await expect(openLobby({ store, port: other.port })).rejects.toMatchObject({ code: 'EADDRINUSE' })
  await expect(openLobby({ store, operatorPort: other.port })).rejects.toMatchObject({
    code: 'EADDRINUSE'
  })
  await openLobby({ store })
})

// ---- Killed ----

function startProcess(store: string): { child: ChildProcess; output: () => string } {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const anyPorts = [
    '--port',
    '0',
    '--udp-port',
    '0',
    '--web-port',
    '0',
    '--operator-port',
    '0',
    '--countdown-ms',
    '0'
  ]
  const command = ['--import', 'tsx', 'examples/lobby/main.ts', ...anyPorts, '--store', store]
  const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (data) => (output += data))
  return { child, output: () => output }
}

test('a server that is killed as soon as a player has heard the end of a match has lost nothing of it', async () => {
  const store = newFolder()
  const rounds = 3
  let skills: { name: string; skill: number }[] = []
  let accounts: string[] = []
  for (let round = 1; round <= rounds; round++) {
    const { child, output } = startProcess(store)
    const listening = /open on 127\.0\.0\.1:(\d+)/
    await until('it listens', () => listening.test(output()))
    const server = { port: Number(listening.exec(output())?.[1]) }
    const { ann, bob } = await startMatch(server, accounts)
    accounts = [ann, bob].map((person) => person.all('welcome')[0].account)
    ann.socket.on('data', () => {
      if (ann.all('match-ended').length > 0) child.kill('SIGKILL')
    })
    bob.send({ type: 'leave' })
    await until('it is dead', () => child.exitCode !== null || child.signalCode !== null)
    const [end] = ann.all('match-ended')
    expect(end).toMatchObject({ winners: ['Ann'], saved: true })
    // Each goes on from what the one before has kept.
    const before = skills.find(({ name }) => name === 'Ann')?.skill ?? FIRST_SKILL
    expect(end.skills[0].skill).toBeGreaterThan(before)
    skills = end.skills
  }
  const matches = await keptIn(store)
  expect(matches).toHaveLength(rounds)
  expect(matches[0].skills).toEqual(skills)
})
