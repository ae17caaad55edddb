// Practice: a match against bots at once, that does not count; and the bots are gone with the
// person.
import { expect, test } from 'vitest'
import type { ArenaView } from '../games/coin-arena/rules.ts'
import { Skills } from '../rules/skills.ts'
import { openLobby, Person, until } from './person.ts'

test('who practises plays against three bots at once, and nobody is better or worse for it', async () => {
  const server = await openLobby({ 'coin-arena.matchMs': 2_500, 'coin-arena.coinsToWin': 255 })
  const ann = await Person.signIn(server, 'Ann')
  ann.send({ type: 'practice' })
  expect(await ann.next('joined')).toMatchObject({ room: 'Practice 1', practice: true })
  const { players } = await ann.next('match-started')
  expect(players).toHaveLength(4)
  expect(players.filter((name) => /^Bot \d+$/.test(name))).toHaveLength(3)
  const first = await ann.next('state')
  const before = first.view as ArenaView
  const hasMoved = ({ players }: ArenaView) =>
    players.some(({ seat, x, y }) => {
      const place = before.players.find((player) => player.seat === seat)
      return seat !== 0 && (x !== place?.x || y !== place?.y)
    })
  await until('a bot runs', () => ann.all('state').some(({ view }) => hasMoved(view as ArenaView)))
  const { skills } = await ann.next('match-ended')
  expect(skills.map(({ skill }) => skill)).toEqual(Array(4).fill(new Skills().of('Ann')))
  ann.send({ type: 'leaders' })
  expect(await ann.next('leaders')).toMatchObject({ leaders: [], players: 0 })
  ann.send({ type: 'history' })
  expect((await ann.next('history')).matches).toEqual([])

  // The bots are ready for the next one.
  ann.send({ type: 'ready' })
  await ann.next('match-started')
  ann.send({ type: 'leave' })
  await ann.next('left')
  await until('the bots are gone', () => server.figures.players === 1)
  expect(server.figures).toMatchObject({ rooms: 0, matches: 0 })
  await ann.isUndisturbed()
})

test('who is away keeps the bots, and who does not come back takes them along', async () => {
  const server = await openLobby({ resumeMs: 300, 'coin-arena.matchMs': 600_000 })
  const ann = await Person.signIn(server, 'Ann')
  ann.send({ type: 'practice' })
  await ann.next('match-started')
  await ann.disconnect()
  await until('Ann is away', () => server.figures.away === 1)
  await until('all are gone', () => server.figures.players === 0)
})

test('there is a limit, and bots who are gone are free for others', async () => {
  const server = await openLobby({ maxPracticeBots: 3, 'coin-arena.matchMs': 600_000 })
  const [ann, bob] = [await Person.signIn(server, 'Ann'), await Person.signIn(server, 'Bob')]
  ann.send({ type: 'practice' })
  await ann.next('match-started')
  bob.send({ type: 'practice' })
  await bob.refused('no-bots')
  expect(server.figures.rooms).toBe(1)
  ann.send({ type: 'sign-out' })
  await ann.next('signed-out')
  await until('the bots are gone', () => server.figures.players === 1)
  bob.send({ type: 'practice' })
  await bob.next('match-started')
})

test('bots do not wait for ever for somebody who does not get ready', async () => {
  const server = await openLobby({ practiceIdleMs: 2_000, 'coin-arena.matchMs': 500 })
  const ann = await Person.signIn(server, 'Ann')
  ann.send({ type: 'practice' })
  await ann.next('match-ended')
  expect(await ann.next('left')).toMatchObject({ isIdle: true })
  await until('the bots are gone', () => server.figures.players === 1)
  expect(server.figures.rooms).toBe(0)
  ann.send({ type: 'practice' })
  await ann.next('match-started')
})

test('one address does not take all the bots', async () => {
  const server = await openLobby({ maxRoomsPerAddress: 2, 'coin-arena.matchMs': 600_000 })
  const people = await Promise.all(['Ann', 'Bob', 'Cid'].map((name) => Person.signIn(server, name)))
  for (const person of people) person.send({ type: 'practice' })
  const isAnswered = (person: Person) => person.heard.some(({ type }) => /joined|error/.test(type))
  await until('all have an answer', () => people.every(isAnswered))
  const refused = people.flatMap((person) => person.all('error'))
  expect(refused.map(({ code }) => code)).toEqual(['too-many-rooms'])
  // Whose practice is over may have another one
  const over = people.find((person) => person.all('joined').length > 0) as Person
  over.send({ type: 'leave' })
  await over.next('left')
  over.send({ type: 'practice' })
  await over.next('match-started')
})
