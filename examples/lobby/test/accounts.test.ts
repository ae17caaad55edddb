// Names, skill and results belong to somebody: to the account that the client keeps.
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { isWindows } from '../../../test/support/system.ts'
import { Accounts } from '../rules/accounts.ts'
import { defineGame, gamesOf } from '../rules/game.ts'
import { defaultLimits } from '../rules/limits.ts'
import type { Session } from '../rules/session.ts'
import { FIRST_SKILL } from '../rules/skills.ts'
import { tokenKeyIn } from '../server/token-key.ts'
import { keyOf } from '../wire/names.ts'
import { AccountSigner, newPlayerId, TokenSigner } from '../wire/tokens.ts'
import { newFolder } from './folder.ts'
import { openLobby, Person } from './person.ts'
import { Table } from './table.ts'

/** Somebody with a name and perhaps an account; and the account's token. */
function enter(table: Table, name: string, token?: string) {
  const session = table.arrive()
  table.do(session, { type: 'name', name, account: token })
  const [, welcome] = table.heard(session)
  return { session, welcome, account: welcome?.type === 'welcome' ? welcome.account : '' }
}

/** The first of two wins a match, and both leave. */
function playMatch(
  table: Table,
  winner: ReturnType<typeof enter>,
  loser: ReturnType<typeof enter>
) {
  for (const [at, { session }] of [winner, loser].entries()) {
    table.do(session, { type: at === 0 ? 'create' : 'join', room: 'Den' })
    table.do(session, { type: 'ready' })
  }
  table.playToTheEnd(winner.session)
  const end = table.heard(winner.session).at(-1)
  if (end?.type !== 'match-ended') throw new Error('the match has not ended')
  for (const { session } of [winner, loser]) table.do(session, { type: 'leave' })
  for (const { session } of [winner, loser]) table.heard(session)
  return Object.fromEntries(end.skills.map(({ name, skill }) => [name, skill]))
}

test('a name under which somebody has played is theirs, and nobody takes their skill', () => {
  const table = new Table()
  const ann = enter(table, 'Ann')
  const skills = playMatch(table, ann, enter(table, 'Bob'))
  table.lobby.leave(ann.session, table.nowMs)
  const thief = table.arrive()
  table.heard(thief)
  for (const name of ['Ann', 'ANN', '\u0391nn'])
    expect(table.refusal(thief, { type: 'name', name })).toBe('name-reserved')
  const stolen = enter(table, 'Ann', enter(table, 'Cid').account)
  expect(stolen.welcome).toMatchObject({ type: 'error', code: 'name-reserved' })
  const back = enter(table, 'Ann', ann.account)
  expect(back.welcome).toMatchObject({ type: 'welcome', account: ann.account })
  table.do(back.session, { type: 'queue' })
  expect(table.heard(back.session)).toMatchObject([{ type: 'queued', skill: skills.Ann }])
})

test('who takes the name of somebody whose first match still runs gets nothing of its result', () => {
  const table = new Table()
  const bob = enter(table, 'Bob')
  const [ann, cid, dan] = ['Ann', 'Cid', 'Dan'].map((name) => enter(table, name))
  const start = (room: string, ...players: ReturnType<typeof enter>[]) => {
    for (const [at, { session }] of players.entries())
      table.do(session, { type: at === 0 ? 'create' : 'join', room })
    for (const { session } of players) table.do(session, { type: 'ready' })
  }
  start('Den', ann, cid, bob)
  table.lobby.leave(bob.session, table.nowMs)
  const thief = enter(table, 'Bob')
  start('Lair', thief, dan)
  table.do(ann.session, { type: 'leave' }) // the end of that match: now the name is Bob's
  table.do(dan.session, { type: 'leave' })
  const [first, second] = table.kept.map(({ skills }) => skills.find(({ name }) => name === 'Bob'))
  expect(second?.skill).toBeGreaterThan(first?.skill as number)
  table.lobby.leave(thief.session, table.nowMs)
  const back = enter(table, 'Bob', bob.account)
  expect(back.welcome).toMatchObject({ type: 'welcome' })
  table.do(back.session, { type: 'queue' })
  expect(table.heard(back.session)).toMatchObject([{ type: 'queued', skill: first?.skill }])
  // The other one goes on with what is theirs.
  table.lobby.leave(back.session, table.nowMs)
  const other = enter(table, 'Tob', thief.account)
  table.do(other.session, { type: 'queue' })
  expect(table.heard(other.session)).toMatchObject([{ type: 'queued', skill: second?.skill }])
})

test('a name without a result belongs to nobody once its player has gone', () => {
  const table = new Table()
  table.lobby.leave(enter(table, 'Ann').session, table.nowMs)
  expect(enter(table, 'Ann').welcome).toMatchObject({ type: 'welcome' })
})

test('the name that an account played under last is its own, too', () => {
  const table = new Table()
  const ann = enter(table, 'Ann')
  const bob = enter(table, 'Bob')
  playMatch(table, ann, bob)
  const names = ['Zoe', 'Yve']
  for (const name of names) {
    const last = table.lobby.playerNamed(names.indexOf(name) === 0 ? 'Ann' : 'Zoe')
    if (last?.session !== undefined) table.lobby.leave(last.session, table.nowMs)
    const renamed = enter(table, name, ann.account)
    playMatch(table, renamed, bob)
    table.do(renamed.session, { type: 'leaders' })
    expect(table.heard(renamed.session).at(-1)).toMatchObject({ leaders: [{ name }, {}] })
    expect(enter(table, name.toUpperCase()).welcome).toMatchObject({ code: 'name-taken' })
  }
  table.lobby.leave(table.lobby.playerNamed('Yve')?.session as Session, table.nowMs)
  expect(enter(table, 'Yve').welcome).toMatchObject({ code: 'name-reserved' })
  expect(enter(table, 'Ann').welcome).toMatchObject({ code: 'name-reserved' })
  // Not all that it ever had: names would run out.
  expect(enter(table, 'Zoe').welcome).toMatchObject({ type: 'welcome' })
})

/** The last one to stay wins; others may come in. */
const winsWhenLeft = defineGame({
  name: 'last',
  title: 'The last to stay',
  players: { least: 2, most: 4 },
  hz: 30,
  settings: z.strictObject({}),
  input: z.strictObject({}),
  create: ({ players }) => players.map(() => true),
  onInput: () => {},
  onJoin: (state) => void state.push(true),
  onLeave(state, player) {
    state[player] = false
  },
  sharedView: (state) => [...state],
  isOver(state) {
    const places = state.map((stays) => (stays ? 1 : 2))
    return places.filter((place) => place === 1).length > 1
      ? undefined
      : { places, scores: state.map(() => 0) }
  }
})

test('whoever comes into a running match plays it under their own account', () => {
  const table = new Table({}, gamesOf(winsWhenLeft))
  const win = (name: string) => {
    const [ann, bob] = [table.player(`${name}'s Ann`), table.player(`${name}'s Bob`)]
    table.do(ann, { type: 'create', room: name })
    table.do(bob, { type: 'join', room: name })
    for (const each of [ann, bob]) table.do(each, { type: 'ready' })
    const late = enter(table, name)
    table.do(late.session, { type: 'join', room: name })
    for (const each of [ann, bob]) table.lobby.leave(each, table.nowMs)
    expect(table.heard(late.session).at(-1)).toMatchObject({ winners: [name] })
    return late
  }
  const xavier = win('Xavier')
  const yves = win('Yves')
  const [first, second] = table.kept.map(({ identities }) => identities?.at(-1))
  expect(first).toMatchObject({ name: 'Xavier', key: keyOf('Xavier') })
  expect(second).toMatchObject({ name: 'Yves', key: keyOf('Yves') })
  expect(first?.account).not.toBe(second?.account)
  table.do(xavier.session, { type: 'leaders' })
  const leaders = table.heard(xavier.session).at(-1)
  expect(leaders).toMatchObject({
    leaders: expect.arrayContaining([{ name: 'Xavier', skill: expect.any(Number) }])
  })
  table.lobby.leave(yves.session, table.nowMs)
  expect(enter(table, 'Yves').welcome).toMatchObject({ code: 'name-reserved' })
})

test('who takes the name of somebody who left that very match gets nothing of theirs', () => {
  const table = new Table({}, gamesOf(winsWhenLeft))
  const [ann, bob, cid] = ['ann', 'Bob', 'Cid'].map((name) => enter(table, name))
  for (const { session } of [ann, bob, cid]) {
    table.do(session, { type: session === ann.session ? 'create' : 'join', room: 'Den' })
    table.do(session, { type: 'ready' })
  }
  table.lobby.leave(ann.session, table.nowMs)
  const thief = enter(table, 'Ann')
  table.do(thief.session, { type: 'join', room: 'Den' })
  for (const { session } of [bob, cid]) table.lobby.leave(session, table.nowMs)
  expect(table.heard(thief.session).at(-1)).toMatchObject({ winners: ['Ann'] })
  const [{ identities = [] }] = table.kept
  const keys = identities.filter(({ name }) => keyOf(name) === keyOf('ann')).map(({ key }) => key)
  expect(keys).toHaveLength(2)
  expect(keys.filter((key) => key === keyOf('ann'))).toHaveLength(1)
  table.lobby.leave(thief.session, table.nowMs)
  expect(enter(table, 'Ann', thief.account).welcome).toMatchObject({ code: 'name-reserved' })
  expect(enter(table, 'ann', ann.account).welcome).toMatchObject({ type: 'welcome' })
})

test('who comes back into a match under another name has one result', () => {
  const table = new Table({}, gamesOf(winsWhenLeft))
  const [ann, bob, cid] = ['Ann', 'Bob', 'Cid'].map((name) => enter(table, name))
  for (const { session } of [ann, bob, cid]) {
    table.do(session, { type: session === ann.session ? 'create' : 'join', room: 'Den' })
    table.do(session, { type: 'ready' })
  }
  table.lobby.leave(ann.session, table.nowMs)
  const back = enter(table, 'Zoe', ann.account)
  table.do(back.session, { type: 'join', room: 'Den' })
  for (const { session } of [bob, cid]) table.lobby.leave(session, table.nowMs)
  const end = table.heard(back.session).at(-1)
  expect(end).toMatchObject({ winners: ['Zoe'] })
  const [{ identities = [], skills }] = table.kept
  const own = identities.filter(({ key }) => key === keyOf('Ann'))
  expect(own.map(({ name }) => name)).toEqual(['Ann', 'Zoe'])
  const sum = own.reduce((total, { change = 0 }) => total + change, 0)
  expect(own.map(({ name }) => skills.find((one) => one.name === name)?.skill)).toEqual([
    FIRST_SKILL + sum,
    FIRST_SKILL + sum
  ])
  expect(sum).toBe(16) // against each of two who were equal, half of 32 shared by two
  table.do(back.session, { type: 'leave' })
  table.do(back.session, { type: 'queue' })
  expect(table.heard(back.session).at(-1)).toMatchObject({ skill: FIRST_SKILL + sum })
})

test('under another name the account goes on with its skill, and its first name stays its own', () => {
  const table = new Table()
  const ann = enter(table, 'Ann')
  const bob = enter(table, 'Bob')
  const before = playMatch(table, ann, bob)
  table.lobby.leave(ann.session, table.nowMs)
  const renamed = enter(table, 'Zoe', ann.account)
  const after = playMatch(table, renamed, bob)
  expect(after.Zoe).toBeGreaterThan(before.Ann)
  table.lobby.leave(renamed.session, table.nowMs)
  expect(enter(table, 'Ann').welcome).toMatchObject({ code: 'name-reserved' })
})

test('a token that is not ours is no account: whoever sends it is somebody new', () => {
  const signer = new AccountSigner()
  const account = newPlayerId()
  const token = signer.sign(account)
  expect(signer.verify(token)).toBe(account)
  const forged = [
    '',
    'x'.repeat(64),
    token.slice(0, -1),
    `${token}A`,
    `${token[0] === 'A' ? 'B' : 'A'}${token.slice(1)}`,
    new AccountSigner().sign(account),
    new TokenSigner().sign({ id: account, serial: 1, expiresMs: 1 })
  ]
  for (const text of forged) expect(signer.verify(text), text).toBeUndefined()
  const table = new Table()
  const ann = enter(table, 'Ann', forged[5])
  expect(ann.account).not.toBe(forged[5])
  expect(ann.account).toHaveLength(64)
})

test('the same two rate each other only so often a day, and others still rate them', () => {
  const table = new Table()
  const [farmer, helper] = [enter(table, 'Farmer'), enter(table, 'Helper')]
  const most = defaultLimits.ratedPairsPerDay
  const skills = Array.from({ length: most + 20 }, () => playMatch(table, farmer, helper).Farmer)
  expect(skills[most - 1]).toBeGreaterThan(skills[0])
  expect(new Set(skills.slice(most - 1)).size).toBe(1)
  // And not with new names for the same accounts either
  for (const { session } of [farmer, helper]) table.lobby.leave(session, table.nowMs)
  const again = [enter(table, 'F2', farmer.account), enter(table, 'H2', helper.account)]
  expect(playMatch(table, again[0], again[1]).F2).toBe(skills.at(-1))
  const dan = enter(table, 'Dan')
  playMatch(table, enter(table, 'Eve'), dan)
  expect(playMatch(table, again[0], dan).F2).toBeGreaterThan(skills[most])
})

test('accounts are forgotten with their skills, the one that played least lately first', () => {
  const accounts = new Accounts(2)
  for (const name of ['ann', 'bob', 'ann', 'dan']) accounts.claim(`account of ${name}`, name)
  expect(['ann', 'bob', 'dan'].map((name) => accounts.mayUse('somebody', name))).toEqual([
    false,
    true,
    false
  ])
})

test('an account has one key: another one gives up the first', () => {
  const accounts = new Accounts(10)
  for (const name of ['xa', 'xb']) accounts.claim('one account', name)
  expect(accounts.keyFor('one account', 'any')).toBe('xb')
  expect(accounts.mayUse('somebody', 'xa')).toBe(true)
  expect(accounts.mayUse('somebody', 'xb')).toBe(false)
})

test('a restart makes no account void, and no name free', async () => {
  const store = newFolder()
  const first = await openLobby({ store })
  const [ann, bob] = await Person.roomOf(first, 'Ann', 'Bob')
  const [{ account }] = ann.all('welcome')
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  await ann.next('match-started')
  bob.send({ type: 'leave' })
  const { skills } = await ann.next('match-ended')
  first.stop()
  await first.ended

  const second = await openLobby({ store })
  const thief = await Person.arrive(second)
  thief.send({ type: 'name', name: 'Ann' })
  await thief.refused('name-reserved')
  const back = await Person.signIn(second, 'Ann', undefined, account)
  back.send({ type: 'history' })
  expect((await back.next('history')).matches).toMatchObject([{ room: 'Den', won: true }])
  back.send({ type: 'queue' })
  expect((await back.next('queued')).skill).toBe(skills[0].skill)
})

test('the key is kept for its owner alone, and one that is damaged is not replaced in silence', () => {
  const folder = newFolder()
  const key = tokenKeyIn(folder)
  expect(tokenKeyIn(folder)).toEqual(key)
  const file = join(folder, 'token-key')
  if (!isWindows) expect(statSync(file).mode & 0o777).toBe(0o600)
  writeFileSync(file, readFileSync(file, 'utf8').slice(1))
  expect(() => tokenKeyIn(folder)).toThrow(/holds no key/)
  expect(tokenKeyIn('')).not.toEqual(tokenKeyIn(''))
})
