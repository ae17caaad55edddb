// Farms of skill: accounts of one's own that lose on purpose. Each of these worked once.
import { expect, test } from 'vitest'
import { system } from '../place.ts'
import { defaultLimits } from '../rules/limits.ts'
import { dayOf, MAX_COUNTS, RatedPairs } from '../rules/rated-pairs.ts'
import type { Session } from '../rules/session.ts'
import { FIRST_SKILL } from '../rules/skills.ts'
import { keyOf } from '../wire/names.ts'
import { newFolder } from './folder.ts'
import { openCluster } from './node-cluster.ts'
import { openLobby, Person, until } from './person.ts'
import { Table } from './table.ts'

const FARM = '203.0.113.7'
/** Between two who were equal before. */
const A_WIN = 16

/** All others leave at once. Returns the skills after it. */
function beats(table: Table, winner: Session, ...losers: Session[]) {
  for (const [at, session] of [winner, ...losers].entries()) {
    table.do(session, { type: at === 0 ? 'create' : 'join', room: 'Den' })
    table.do(session, { type: 'ready', ready: at > 0 })
  }
  table.do(winner, { type: 'ready' })
  for (const loser of losers) table.do(loser, { type: 'leave' })
  const end = table.heard(winner).findLast(({ type }) => type === 'match-ended')
  if (end?.type !== 'match-ended') throw new Error('the match has not ended')
  table.do(winner, { type: 'leave' })
  table.passMs(2_000) // one address makes so many rooms a minute
  return Object.fromEntries(end.skills.map(({ name, skill }) => [name, skill]))
}

test('a dozen fresh accounts of one address lift a player no further than one of them', () => {
  const table = new Table()
  const farmer = table.player('Farmer')
  let farmed = FIRST_SKILL
  for (let alt = 0; alt < 12; alt++) {
    const loser = table.player(`alt ${alt}`, FARM)
    for (let win = 0; win < 3; win++) farmed = beats(table, farmer, loser).Farmer
  }
  expect(farmed).toBeLessThan(FIRST_SKILL + defaultLimits.ratedPerAddressPerDay * A_WIN)

  // Others still count.
  const [dan, eve] = ['Dan', 'Eve'].map((name) => table.player(name))
  beats(table, eve, dan)
  expect(beats(table, farmer, dan).Farmer).toBeGreaterThan(farmed)
})

test('a first match moves the one who is new, and no skill of those who are known', () => {
  const table = new Table()
  const [ann, bob] = ['Ann', 'Bob'].map((name) => table.player(name))
  const { Ann: before } = beats(table, ann, bob)
  for (let at = 0; at < 50; at++) {
    const alt = table.player(`alt ${at}`)
    const skills = beats(table, ann, alt)
    expect(skills.Ann).toBe(before)
    expect(skills[`alt ${at}`]).toBeLessThan(FIRST_SKILL)
    table.lobby.leave(alt, table.nowMs)
  }
  // And none is lost to a stranger who is better than they look.
  expect(beats(table, table.player('Cid'), ann).Ann).toBe(before)
})

test('in a match of several, each opponent of one address is a part of its count', () => {
  const table = new Table({ ratedPerAddressPerDay: 2 })
  const farmer = table.player('Farmer')
  const crowd = Array.from({ length: 3 }, (_, at) => table.player(`alt ${at}`, FARM))
  const skills = Array.from({ length: 4 }, () => beats(table, farmer, ...crowd).Farmer)
  expect(skills[1]).toBeGreaterThan(skills[0])
  expect(skills.slice(2)).toEqual([skills[1], skills[1]])
})

test('accounts of one address do not become known by the hundred, and push nobody out', () => {
  const table = new Table({ newAccountsPerAddressPerDay: 4 })
  const known = () => new Set(table.kept.flatMap(({ skills }) => skills.map(({ name }) => name)))
  for (let pair = 0; pair < 20; pair++) {
    const [one, two] = ['a', 'b'].map((side) => table.player(`alt ${side}${pair}`, FARM))
    const skills = beats(table, one, two)
    // Those who are too many play like others, and stay as they were.
    if (pair >= 2) expect(Object.values(skills)).toEqual([FIRST_SKILL, FIRST_SKILL])
  }
  expect([...known()]).toEqual(['alt a0', 'alt b0', 'alt a1', 'alt b1'])
  expect(table.kept).toHaveLength(20)

  // Who is known already, and who comes from elsewhere, is as before.
  const [ann, bob] = ['Ann', 'Bob'].map((name) => table.player(name))
  beats(table, ann, bob)
  expect([...known()].slice(4)).toEqual(['Ann', 'Bob'])
})

test('one account too many of its address changes nobody by its matches, whoever wins', () => {
  const table = new Table({ newAccountsPerAddressPerDay: 1 })
  const [ann, bob] = ['Ann', 'Bob'].map((name) => table.player(name))
  const before = beats(table, ann, bob)
  const [first, alt] = ['first', 'alt'].map((name) => table.player(name, FARM))
  beats(table, table.player('Cid'), first)
  expect(beats(table, alt, ann)).toEqual({ alt: FIRST_SKILL, Ann: before.Ann })
  expect(beats(table, ann, alt)).toEqual({ alt: FIRST_SKILL, Ann: before.Ann })
  const [won, lost] = table.kept.slice(-2)
  expect([won, lost].map(({ skills }) => skills.map(({ name }) => name))).toEqual([
    ['Ann'],
    ['Ann']
  ])
  // Nor does it make the match of others weigh more, and its results are under no name.
  const [one, two] = [new Table({ newAccountsPerAddressPerDay: 1 }), new Table()].map((each) => {
    const [dan, eve] = ['Dan', 'Eve'].map((name) => each.player(name))
    beats(each, dan, eve)
    beats(each, each.player('Cid'), each.player('first', FARM))
    return beats(each, dan, eve, each.player('alt', FARM)).Dan
  })
  expect(one).toBe(two)
  const key = won.identities?.find(({ name }) => name === 'alt')?.key
  expect(key).not.toBe(keyOf('alt'))
})

test('after a restart, and at another node, new accounts are counted on', () => {
  const limits = { ...defaultLimits, newAccountsPerAddressPerDay: 4 }
  const table = new Table({ newAccountsPerAddressPerDay: 4 })
  for (const at of [1, 2, 3])
    beats(table, table.player(`alt ${at}`, FARM), table.player(`far ${at}`))
  const [{ endedAtMs, identities = [] }] = table.kept
  const day = dayOf(endedAtMs)
  const [farmer] = identities
  const restarted = new RatedPairs(limits)
  for (const record of table.kept) restarted.restore(record)
  expect([1, 2].map(() => restarted.takeNew(farmer, day))).toEqual([true, false])
  expect(restarted.takeNew(farmer, day + 1)).toBe(true)

  const [here, there] = [new RatedPairs(limits), new RatedPairs(limits)]
  const counts: Record<string, number> = {}
  for (let at = 0; at < 3; at++) here.takeNew(farmer, day, counts)
  const asked = there.namesOf([farmer]).map((name) => [name, counts[name] ?? 0] as const)
  there.learn(day, new Map(asked))
  expect([1, 2].map(() => there.takeNew(farmer, day))).toEqual([true, false])
})

test('after a restart, who does not count has rated nobody', () => {
  const limits = { newAccountsPerAddressPerDay: 1, ratedPairsPerDay: 1 }
  const table = new Table(limits)
  beats(table, table.player('Cid'), table.player('first', FARM))
  beats(table, table.player('Ann'), table.player('alt', FARM))
  const restarted = new RatedPairs({ ...defaultLimits, ...limits })
  for (const record of table.kept) restarted.restore(record)
  const mayRate = table.kept.map(({ endedAtMs, identities: [one, other] = [] }) =>
    restarted.take(one, other, 2, dayOf(endedAtMs))
  )
  expect(mayRate).toEqual([false, true])
})

test('another day is another count', () => {
  const pairs = new RatedPairs({ ...defaultLimits, ratedPairsPerDay: 1 })
  const [a, b, c] = ['a', 'b', 'c'].map((key) => ({ key }))
  const taken = [pairs.take(a, b, 2, 1), pairs.take(b, a, 2, 1), pairs.take(a, c, 2, 1)]
  expect(taken).toEqual([true, false, true])
  expect(pairs.take(a, b, 2, 2)).toBe(true)
})

test('counts of yesterday that come after midnight change nothing', () => {
  const pairs = new RatedPairs({ ...defaultLimits, ratedPairsPerDay: 1 })
  const [a, b] = ['a', 'b'].map((key) => ({ key }))
  expect(pairs.take(a, b, 2, 2)).toBe(true)
  pairs.learn(1, new Map())
  expect(pairs.take(a, b, 2, 2)).toBe(false)
})

test('a count that is asked for stays, however many others there are', () => {
  const pairs = new RatedPairs({ ...defaultLimits, ratedPairsPerDay: 1 })
  const [a, b] = ['a', 'b'].map((key) => ({ key }))
  expect(pairs.take(a, b, 2, 1)).toBe(true)
  let again = 0
  for (let at = 0; at < MAX_COUNTS + 10; at++) {
    pairs.take({ key: `${at}` }, { key: `of ${at}` }, 2, 1)
    if (at % 100_000 === 0 && pairs.take(a, b, 2, 1)) again++
  }
  expect(again).toBe(0)
  expect(pairs.take(a, b, 2, 1)).toBe(false)
})

test('the nodes of a cluster count together', async () => {
  const { engine, nodes } = await openCluster(2, { ratedPairsPerDay: 1 })
  const skills: number[] = []
  let tokens: string[] = []
  for (const node of nodes) {
    const people: Person[] = []
    for (const [at, name] of ['Ann', 'Bob'].entries()) {
      const person = await Person.arrive(node)
      person.send({ type: 'name', name, account: tokens[at] })
      await person.next('welcome')
      person.send({ type: at === 0 ? 'create' : 'join', room: 'Den' })
      await person.next('joined')
      people.push(person)
    }
    const [ann, bob] = people
    tokens = people.map((each) => each.all('welcome')[0].account)
    for (const each of people) each.send({ type: 'ready' })
    // By then the node has the counts of today, for which it asked when the match began.
    for (let states = 0; states < 5; states++) await bob.next('state')
    bob.send({ type: 'leave' })
    skills.push((await ann.next('match-ended')).skills[0].skill)
    for (const each of people) each.send({ type: 'sign-out' })
    for (const each of people) await each.next('signed-out')
    await until('its result is brought', () => {
      const { node: id = '', epoch = 0 } = node.figures.cluster ?? {}
      return engine.state.leaders({ id, epoch }, 1).players === 2
    })
  }
  expect(skills[0]).toBeGreaterThan(FIRST_SKILL)
  expect(skills[1]).toBe(skills[0])
})

const NOON = Date.UTC(2026, 10, 30, 12)

/** A lobby that goes on with this folder, and the skills after each of so many wins in it. */
async function winsIn(
  store: string,
  dateMs: number,
  count: number,
  loser: string,
  accounts: (string | undefined)[] = []
) {
  const place = { ...system, dateMs: () => dateMs }
  const limits = { ratedPairsPerDay: 3, ratedPerAddressPerDay: 4, messagesPerSecond: 1_000 }
  const server = await openLobby({ store, ...limits }, { place })
  const ann = await Person.signIn(server, 'Ann', undefined, accounts[0])
  const bob = await Person.signIn(server, loser, undefined, accounts[1])
  const skills: number[] = []
  for (let win = 0; win < count; win++) {
    for (const each of [ann, bob]) {
      each.send({ type: each === ann ? 'create' : 'join', room: 'Den' })
      await each.next('joined')
    }
    for (const each of [ann, bob]) each.send({ type: 'ready' })
    await bob.next('match-started')
    bob.send({ type: 'leave' })
    const end = await ann.next('match-ended')
    skills.push(end.skills[0].skill)
    ann.send({ type: 'leave' })
    await ann.next('left')
  }
  const [own, other] = [ann, bob].map((each) => each.all('welcome')[0].account)
  server.stop()
  await server.ended
  return { skills, accounts: [own, other] }
}

test('a restart does not forget who rated whom that day, and from which address', async () => {
  const store = newFolder()
  const first = await winsIn(store, NOON, 2, 'Bob')
  const second = await winsIn(store, NOON, 2, 'Bob', first.accounts)
  expect(second.skills[0]).toBeGreaterThan(first.skills[1])
  expect(second.skills[1]).toBe(second.skills[0]) // three of the pair
  // With this one's first match, which moves no skill of others, the address has had its four.
  const third = await winsIn(store, NOON, 3, 'Cid', [first.accounts[0]])
  expect(new Set(third.skills)).toEqual(new Set([second.skills[1]]))
  const nextDay = await winsIn(store, NOON + 24 * 60 * 60_000, 1, 'Bob', first.accounts)
  expect(nextDay.skills[0]).toBeGreaterThan(second.skills[1])
})
