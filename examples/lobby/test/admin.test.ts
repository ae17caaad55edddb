// What operators do, over their port: each action on a whole server with players in it, the bans
// that stay, the audit log, and what is refused.
import { mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { TrustedProxies } from '../gateway/trusted.ts'
import { system } from '../place.ts'
import { type Ban, Bans } from '../rules/bans.ts'
import { AuditLog } from '../server/audit-log.ts'
import { OperatorActions } from '../server/operator-actions.ts'
import type { LobbyServer } from '../server/server.ts'
import { memoryStore } from '../server/store.ts'
import { newFolder } from './folder.ts'
import { BEARER, MadeUpServer, openDoor } from './operator-door.ts'
import { openLobby, Person, until } from './person.ts'
import { Table } from './table.ts'

const endless = { 'coin-arena.matchMs': 24 * 60 * 60_000, 'coin-arena.coinsToWin': 255 }

/** Whatever is asked for, of all this only some is there. */
interface Answer {
  error: string
  total: number
  players: object[]
  bans: Ban[]
  ban: Ban
  entries: object[]
}

async function ask(port: number, path: string, init: RequestInit = {}) {
  const headers = { ...BEARER, ...init.headers }
  const response = await fetch(`http://127.0.0.1:${port}/admin/${path}`, { ...init, headers })
  return { status: response.status, body: (await response.json()) as Answer }
}

async function act(port: number, action: string, request: object = {}, headers = {}) {
  return ask(port, action, {
    method: 'POST',
    body: JSON.stringify(request),
    headers: { 'content-type': 'application/json', ...headers }
  })
}

/** Ann and Bob in a match in Den. */
async function startMatch(server: LobbyServer): Promise<Person[]> {
  const people = await Person.roomOf(server, 'Ann', 'Bob')
  for (const each of people) each.send({ type: 'ready' })
  for (const each of people) await each.next('match-started')
  return people
}

// ---- Actions ----

test('an operator finds players by name or address, and sees where they are', async () => {
  const server = await openLobby()
  await Person.roomOf(server, 'Ann', 'Bob')
  await Person.signIn(server, 'Cleo')
  const all = await ask(server.operatorPort, 'players')
  expect(all.body).toMatchObject({
    total: 3,
    players: [
      { name: 'Ann', address: '127.0.0.1', where: 'room', room: 'Den' },
      { name: 'Bob' },
      { name: 'Cleo', where: 'lobby' }
    ]
  })
  expect((await ask(server.operatorPort, 'players?find=CLE')).body).toMatchObject({ total: 1 })
  expect((await ask(server.operatorPort, 'players?find=127.0')).body).toMatchObject({ total: 3 })
  expect((await ask(server.operatorPort, 'players?from=2')).body.players).toHaveLength(1)
  expect(await ask(server.operatorPort, 'players?from=x')).toMatchObject({ status: 400 })
})

test('a message reaches one player, an announcement all of them', async () => {
  const server = await openLobby()
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  const { operatorPort } = server
  expect(await act(operatorPort, 'message', { name: 'ann', text: 'hello Ann' })).toMatchObject({
    status: 200
  })
  expect(await ann.next('announcement')).toMatchObject({ to: 'you', text: 'hello Ann' })
  expect(await act(operatorPort, 'announce', { text: 'cake at five' })).toMatchObject({
    status: 200
  })
  expect(await ann.next('announcement')).toMatchObject({ to: 'all', text: 'cake at five' })
  expect(await bob.next('announcement')).toMatchObject({ to: 'all', text: 'cake at five' })
  expect(bob.all('announcement')).toHaveLength(1)
  expect(await act(operatorPort, 'message', { name: 'Zoe', text: 'x' })).toMatchObject({
    status: 404,
    body: { error: 'no-such-player' }
  })
})

test('a kicked player is disconnected with the reason, and may come back', async () => {
  const server = await openLobby()
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  await act(server.operatorPort, 'kick', { name: 'Bob', reason: 'rude words' })
  expect(await bob.next('error')).toMatchObject({
    code: 'removed',
    message: 'an operator removed you: rude words'
  })
  await bob.isSentAway()
  await ann.next('member-left')
  await Person.signIn(server, 'Bob')
})

test('a banned player stays out by name and by address until the ban ends, or is lifted', async () => {
  const server = await openLobby()
  const { operatorPort } = server
  const bob = await Person.signIn(server, 'Bob')
  const ban = { name: 'Bob', minutes: 60, withAddress: false, reason: 'cheats' }
  const { body } = await act(operatorPort, 'ban', ban)
  expect((await bob.next('error')).message).toMatch(/keeps you out until \d{4}-.* UTC: cheats$/)
  await bob.isSentAway()
  const again = await Person.arrive(server)
  again.send({ type: 'name', name: 'bob' })
  await again.refused('banned')
  again.send({ type: 'name', name: 'Rob' })
  await again.next('welcome')

  // By name an address of this machine is no part of it: a proxy may stand there.
  const { body: byName } = await act(operatorPort, 'ban', { name: 'Rob', minutes: 1 })
  expect(byName.ban.address).toBeUndefined()
  await again.refused('banned')
  const toBan = { address: '127.0.0.1', minutes: 1 }
  const { body: byAddress } = await act(operatorPort, 'ban', toBan)
  expect(byAddress.ban).toMatchObject({ address: '127.0.0.1' })
  const third = new Person(server.port)
  await third.refused('banned')
  await third.isSentAway()
  const bans = await ask(operatorPort, 'bans')
  expect(bans.body.bans.map(({ name, address }: Ban) => name ?? address)).toEqual([
    'Bob',
    'Rob',
    '127.0.0.1'
  ])

  expect(await act(operatorPort, 'unban', { id: byAddress.ban.id })).toMatchObject({ status: 200 })
  expect(await act(operatorPort, 'unban', { id: byAddress.ban.id })).toMatchObject({ status: 404 })
  const fourth = await Person.arrive(server)
  // An hour later.
  vi.spyOn(Date, 'now').mockReturnValue(body.ban.untilMs)
  onTestFinished(() => void vi.restoreAllMocks())
  fourth.send({ type: 'name', name: 'Bob' })
  await fourth.next('welcome')
})

test('a banned account stays out under any name and from anywhere, also one that was away', async () => {
  const store = newFolder()
  const first = await openLobby({ store })
  const bob = await Person.signIn(first, 'Bob')
  const [{ account }] = bob.all('welcome')
  await act(first.operatorPort, 'ban', { name: 'Bob', minutes: 60, reason: 'cheats' })
  await bob.refused('banned')
  const come = async (server: LobbyServer, name: string, token?: string) => {
    const person = await Person.arrive(server, '127.0.0.9')
    person.send({ type: 'name', name, account: token })
    return person
  }
  await (await come(first, 'Zed', account)).refused('banned')
  await (await come(first, 'Zed')).next('welcome') // somebody else, for all we know

  // A name with a result is an account's, and so is the ban of that name, whoever is here.
  const [ann, cid] = await Person.roomOf(first, 'Ann', 'Cid')
  const [{ account: annsAccount }] = ann.all('welcome')
  for (const each of [ann, cid]) each.send({ type: 'ready' })
  await ann.next('match-started')
  cid.send({ type: 'leave' })
  await ann.next('match-ended')
  ann.send({ type: 'sign-out' })
  await ann.next('signed-out')
  await act(first.operatorPort, 'ban', { name: 'ann', minutes: 60 })
  await (await come(first, 'Nan', annsAccount)).refused('banned')
  first.stop()
  await first.ended
  const second = await openLobby({ store })
  await (await come(second, 'Zed', account)).refused('banned')
  await (await come(second, 'Nan', annsAccount)).refused('banned')
})

test('operators read what players have reported, the newest first', async () => {
  const server = await openLobby()
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  bob.send({ type: 'say', text: 'what is your password?' })
  await ann.next('chat')
  ann.send({ type: 'report', name: 'Bob', text: 'asks for passwords' })
  await ann.next('reported')
  bob.send({ type: 'report', name: 'Ann', text: 'and again' })
  await bob.next('reported')
  expect((await ask(server.operatorPort, 'reports')).body).toMatchObject({
    reports: [
      { id: 2, text: 'and again' },
      {
        id: 1,
        by: 'Ann',
        byAddress: '127.0.0.1',
        name: 'Bob',
        address: '127.0.0.1',
        room: 'Den',
        text: 'asks for passwords',
        said: ['what is your password?']
      }
    ]
  })
})

test('a ban can be for an address with nobody there, and outlives the server', async () => {
  const store = newFolder()
  const first = await openLobby({ store })
  await act(first.operatorPort, 'ban', { address: '127.0.0.1', minutes: 10 })
  const { body } = await act(first.operatorPort, 'ban', { name: 'Eve', minutes: 10 })
  await act(first.operatorPort, 'unban', { id: body.ban.id })
  first.stop()
  await first.ended
  const second = await openLobby({ store })
  await new Person(second.port).refused('banned')
  expect((await ask(second.operatorPort, 'bans')).body.bans).toMatchObject([
    { address: '127.0.0.1', by: 'operator', reason: 'no reason given' }
  ])
})

test('a room that an operator closes is gone, its match has no result, and its players are in the lobby', async () => {
  const server = await openLobby(endless)
  const [ann, bob] = await startMatch(server)
  await act(server.operatorPort, 'close-room', { room: 'den', reason: 'bad name' })
  for (const each of [ann, bob])
    expect(await each.next('left')).toMatchObject({ room: 'Den', byOperator: 'bad name' })
  expect(server.figures).toMatchObject({ rooms: 0, matches: 0, players: 2 })
  ann.send({ type: 'create', room: 'Den' })
  await ann.next('joined')
  await bob.answered()
  expect([...ann.all('match-ended'), ...bob.all('match-ended')]).toEqual([])
  expect(await act(server.operatorPort, 'close-room', { room: 'Nowhere' })).toMatchObject({
    status: 404
  })
})

test('draining from the port is what SIGTERM does', async () => {
  const server = await openLobby(endless)
  const [ann] = await startMatch(server)
  expect(await act(server.operatorPort, 'drain')).toMatchObject({ status: 200 })
  await ann.next('draining')
  expect((await fetch(`http://127.0.0.1:${server.operatorPort}/readyz`)).status).toBe(503)
})

// ---- What is refused ----

test.each([
  ['no action', 'explode', {}, 404],
  ['a field too many', 'announce', { text: 'x', colour: 'red' }, 400],
  ['no text', 'announce', { text: '  ' }, 400],
  ['more than one line', 'announce', { text: 'a\nb' }, 400],
  ['a ban of nobody', 'ban', { minutes: 1 }, 400],
  ['a ban of a name and an address', 'ban', { name: 'A', address: '::1', minutes: 1 }, 400],
  ['a ban without an end', 'ban', { name: 'A' }, 400],
  ['a ban of a range', 'ban', { address: '10.0.0.0/8', minutes: 1 }, 400],
  ['no object', 'drain', [] as object, 400],
  ['more than an action needs', 'announce', { text: 'x'.repeat(5_000) }, 413]
])('%s is refused, and nothing is done', async (_, action, request, status) => {
  const server = new MadeUpServer()
  const { port } = openDoor(server)
  expect(await act(port, action, request)).toMatchObject({ status })
  expect(server.done).toEqual([])
  expect(server.audit.recent()).toEqual([])
})

test('a form of another site, which cannot send JSON, does nothing', async () => {
  const server = new MadeUpServer()
  const { port } = openDoor(server)
  const form = { method: 'POST', body: '{"text":"x"}', headers: { 'content-type': 'text/plain' } }
  expect(await ask(port, 'announce', form)).toMatchObject({ status: 415 })
  expect(await ask(port, 'announce', { method: 'PUT' })).toMatchObject({ status: 405 })
  expect(server.done).toEqual([])
})

// ---- The audit log ----

test('each action is in the audit log, with who, when, from where, and what was refused', async () => {
  const store = newFolder()
  const server = await openLobby({ store })
  const { operatorPort } = server
  await act(operatorPort, 'announce', { text: 'hello' }, { 'x-operator': 'Olga' })
  await act(operatorPort, 'kick', { name: 'Nobody' })
  const lines = readFileSync(join(store, 'audit.jsonl'), 'utf8').trimEnd().split('\n')
  const entries = lines.map((line) => JSON.parse(line))
  expect(entries).toMatchObject([
    { by: 'Olga', address: '127.0.0.1', action: 'announce', request: { text: 'hello' } },
    { by: 'operator', action: 'kick', request: { name: 'Nobody' } },
    { action: 'kick', refused: 'nobody here is called Nobody' }
  ])
  expect((await ask(operatorPort, 'audit')).body.entries).toEqual(entries.toReversed())
})

test('without an audit log nothing is done', async () => {
  const server = new MadeUpServer()
  const { port } = openDoor(server)
  server.audit.write = () => {
    throw new Error('the disk is full')
  }
  expect(await act(port, 'drain')).toMatchObject({ status: 500, body: { error: 'no-audit-log' } })
  expect(server.done).toEqual([])
})

test('the audit log goes on after a restart, behind a line that was cut, and has two files at most', () => {
  const file = join(newFolder(), 'audit.jsonl')
  const entry = (action: string) => {
    return { at: new Date(0).toISOString(), by: 'Olga', address: '::1', action, request: {} }
  }
  new AuditLog(file).write(entry('first'))
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"at":"19`)
  const log = new AuditLog(file, 400)
  log.write(entry('second'))
  expect(new AuditLog(file).recent().map(({ action }) => action)).toEqual(['second', 'first'])
  for (let number = 0; number < 20; number++) log.write(entry(`more ${number}`))
  const size = (name: string) => readFileSync(name, 'utf8').length
  expect(size(file)).toBeLessThanOrEqual(400)
  expect(size(`${file}.1`)).toBeLessThanOrEqual(400)
  expect(log.recent()[0].action).toBe('more 19')
})

test('a log that cannot be written is a reason not to be ready, until it can be again', () => {
  const file = join(newFolder(), 'audit.jsonl')
  const log = new AuditLog(file)
  expect(log.problem).toBeUndefined()
  mkdirSync(file) // in its place
  const entry = { at: '', by: 'Olga', address: '::1', action: 'kick', request: {} }
  expect(() => log.write(entry)).toThrow()
  expect(log.problem).toMatch(/^E[A-Z]+: /) // which one, differs by system
  rmdirSync(file)
  expect(log.problem).toBeUndefined()
  log.write(entry)
  expect(new AuditLog(file).recent()).toEqual([entry])
})

test('a lobby whose audit log cannot be written is not ready', async () => {
  const store = newFolder()
  const server = await openLobby({ store })
  rmSync(join(store, 'audit.jsonl'), { force: true })
  mkdirSync(join(store, 'audit.jsonl'))
  expect(server.health.unready).toEqual([])
  expect(await act(server.operatorPort, 'announce', { text: 'x' })).toMatchObject({ status: 500 })
  expect(server.health.unready).toEqual([expect.stringContaining('audit log')])
})

test('a ban by name does not shut out a proxy, which stands for everybody behind it', async () => {
  const table = new Table()
  table.player('Ann', '10.1.2.3')
  table.player('Bob', '192.0.2.1')
  const proxies = new TrustedProxies(['10.0.0.0/8'])
  const actions = new OperatorActions(table.lobby, memoryStore(), system, proxies, () => {})
  const why = { withAddress: true, minutes: 1, reason: 'spam', by: 'Olga' }
  expect((await actions.ban({ name: 'Ann', ...why })).address).toBeUndefined()
  expect((await actions.ban({ name: 'Bob', ...why })).address).toBe('192.0.2.1')
})

test('who goes before the ban comes stays out by address all the same', async () => {
  const table = new Table()
  const bob = table.player('Bob', '192.0.2.1')
  table.lobby.lose(bob, table.nowMs)
  const proxies = new TrustedProxies([])
  const actions = new OperatorActions(table.lobby, memoryStore(), system, proxies, () => {})
  const why = { withAddress: true, minutes: 1, reason: 'spam', by: 'Olga' }
  await actions.ban({ name: 'Bob', ...why })
  const again = table.arrive('192.0.2.1')
  const [other] = [table.arrive('192.0.2.2')]
  expect([again, other].map((session) => table.dismissed.get(session))).toEqual([
    'banned',
    undefined
  ])
})

// ---- Bans by themselves ----

test('of several bans for one address the longest counts, and lifting it leaves the others', () => {
  const ban = (id: number, untilMs: number, own: Partial<Ban>): Ban => {
    return { id, untilMs, atMs: 0, by: '', reason: `${id}`, ...own }
  }
  const bans = new Bans([
    ban(1, 200, { key: 'ann', address: '::1' }),
    ban(2, 100, { key: 'bob', address: '::1' })
  ])
  expect(bans.nextId).toBe(3)
  expect(bans.of({ address: '::1' }, 50)?.id).toBe(1)
  bans.delete(1)
  expect(bans.of({ address: '::1' }, 50)?.id).toBe(2)
  expect(bans.of({ key: 'ann' }, 50)).toBeUndefined()
  expect(bans.of({ key: 'bob' }, 100)).toBeUndefined()
  expect(bans.takeEnded(100).map(({ id }) => id)).toEqual([2])
  expect(bans.size).toBe(0)
  // The same again replaces the one before.
  bans.add(ban(5, 300, { key: 'ann' }))
  expect(bans.add(ban(6, 200, { key: 'ann' })).map(({ id }) => id)).toEqual([5])
  expect(bans.list(0).map(({ id }) => id)).toEqual([6])
})

// ---- Health and logs ----

test('a server whose store fails wants no more players, until it can save again', async () => {
  const store = newFolder()
  const server = await openLobby({ store })
  const ready = async () => {
    const response = await fetch(`http://127.0.0.1:${server.operatorPort}/readyz`)
    return { status: response.status, body: await response.text() }
  }
  expect(await ready()).toEqual({ status: 200, body: 'ok\n' })
  const { ClassicLevel } = await import('classic-level')
  const batch = vi.spyOn(ClassicLevel.prototype, 'batch' as never) as unknown as {
    mockRejectedValue(error: Error): void
    mockRestore(): void
  }
  batch.mockRejectedValue(new Error('no space left'))
  onTestFinished(() => batch.mockRestore())
  const [ann, bob] = await startMatch(server)
  bob.send({ type: 'leave' })
  expect(await ann.next('match-ended')).toMatchObject({ saved: false })
  expect(await ready()).toMatchObject({
    status: 503,
    body: expect.stringMatching(/^results cannot be saved: .*no space left/)
  })
  expect((await fetch(`http://127.0.0.1:${server.operatorPort}/healthz`)).status).toBe(200)
  batch.mockRestore()
  await until('it has tried by itself', () => server.health.unready.length === 0)
})

test('at debug level the log tells the life of a session', async () => {
  const lines: Record<string, unknown>[] = []
  const out = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    }
  })
  const server = await openLobby({}, { log: pino({ level: 'debug' }, out) })
  const [ann, bob] = await startMatch(server)
  ann.send({ type: 'say', text: 'a secret' })
  await ann.next('chat')
  bob.send({ type: 'leave' })
  await ann.next('match-ended')
  await ann.disconnect()
  await until('the loss is logged', () => lines.some(({ msg }) => msg === 'connection lost'))
  const ofAnn = lines.filter(({ session }) => session === 1)
  expect(ofAnn).toMatchObject([
    { msg: 'connected', address: '127.0.0.1' },
    { msg: 'welcome', player: 'Ann' },
    { msg: 'joined', player: 'Ann', room: 'Den' },
    { msg: 'match-started', match: 1 },
    { msg: 'match-ended', match: 1, saved: true },
    { msg: 'connection lost', player: 'Ann' }
  ])
  expect(JSON.stringify(lines)).not.toMatch(/secret|token/)
})
