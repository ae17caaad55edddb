// A game that makes a mistake: its match ends without a result, and nobody else notices. Each hook
// in turn throws, in a real server with a second game beside it.
import { pino } from 'pino'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { coinArena } from '../games/coin-arena/index.ts'
import { defineGame, gamesOf } from '../rules/game.ts'
import { openLobby, Person } from './person.ts'
import { Table } from './table.ts'

const PARTS = [
  'create',
  'onInput',
  'onTick',
  'onLeave',
  'view',
  'isOver',
  'endsAt',
  'an event',
  'a view'
] as const
type Part = (typeof PARTS)[number]

/** Its first input makes it fail in this part from then on. */
function gameThatFailsIn(part: Part) {
  const failIn = (here: Part, isOn: boolean) => {
    if (part === here && isOn) throw new Error(`a mistake in ${here}`)
  }
  return defineGame({
    name: 'mistaken',
    title: 'Mistaken',
    players: { least: 2, most: 8 },
    hz: 10,
    settings: z.strictObject({}),
    input: z.strictObject({ on: z.boolean() }),
    create() {
      failIn('create', true)
      return { isOn: false, text: '' }
    },
    onInput(state, _player, { on }) {
      state.isOn = on
      failIn('onInput', on)
      if (part === 'a view') state.text = 'x'.repeat(70_000)
      return part === 'an event' ? [{ type: 'long', text: 'x'.repeat(70_000) }] : undefined
    },
    onTick: ({ isOn }) => failIn('onTick', isOn),
    onLeave: () => failIn('onLeave', true),
    endsAt() {
      failIn('endsAt', true)
      return undefined
    },
    sharedView({ isOn, text }) {
      failIn('view', isOn)
      return { text }
    },
    isOver({ isOn }) {
      failIn('isOver', isOn)
      return undefined
    }
  })
}

test.each(PARTS)('%s that fails ends its match and nothing else', async (part) => {
  const lines: { msg: string; game?: string; part?: string; seed?: string }[] = []
  const log = pino({ level: 'error' }, { write: (line) => void lines.push(JSON.parse(line)) })
  const games = gamesOf(gameThatFailsIn(part), coinArena)
  const server = await openLobby({ countdownMs: 0 }, { games, log })
  const [cid, dee] = [await Person.signIn(server, 'Cid'), await Person.signIn(server, 'Dee')]
  cid.send({ type: 'create', room: 'Calm', game: 'coin-arena' })
  await cid.next('joined')
  dee.send({ type: 'join', room: 'Calm' })
  await dee.next('joined')
  for (const person of [cid, dee]) person.send({ type: 'ready' })
  await cid.next('match-started')

  const [ann, bob] = [await Person.signIn(server, 'Ann'), await Person.signIn(server, 'Bob')]
  ann.send({ type: 'create', room: 'Den' })
  await ann.next('joined')
  bob.send({ type: 'join', room: 'Den' })
  await bob.next('joined')
  for (const person of [ann, bob]) person.send({ type: 'ready' })
  const { match } = await ann.next('match-started')
  if (part === 'onLeave') bob.send({ type: 'leave' })
  else ann.send({ type: 'input', match, seq: 1, input: { on: true } })
  const end = { match, winners: [], scores: [], skills: [] }
  expect(await ann.next('match-ended')).toMatchObject(end)
  expect((await ann.next('announcement')).text).toMatch('this match has no result')

  // The room is open, the other match goes on, and the operators know all that is needed.
  ann.send({ type: 'say', text: 'what was that?' })
  await ann.next('chat')
  const { tick } = await cid.next('state')
  for (let later = tick; later <= tick + 10; ) later = (await cid.next('state')).tick
  expect(cid.all('match-ended')).toEqual([])
  expect(server.figures).toMatchObject({ failedMatches: 1, matches: 1 })
  const line = lines.find(({ msg }) => msg.startsWith('a game has thrown'))
  expect(line).toMatchObject({ game: 'mistaken', room: 'Den', seed: expect.any(String) })
})

test('a bot that fails goes, and the person plays on', async () => {
  const game = defineGame({
    name: 'alone',
    title: 'Alone',
    players: { least: 2, most: 2 },
    hz: 10,
    sends: 'every-tick',
    settings: z.strictObject({}),
    input: z.strictObject({}),
    create: ({ players }) => ({ here: players.map(() => true) }),
    onInput: () => {},
    onLeave: (state, player) => {
      state.here[player] = false
    },
    sharedView: ({ here }) => ({ here }),
    isOver: ({ here }) =>
      here.every((each) => each)
        ? undefined
        : { places: here.map((each) => (each ? 1 : 0)), scores: here.map(() => 0) },
    bot: () => ({
      think() {
        throw new Error('a mistake of the bot')
      }
    })
  })
  const server = await openLobby({ countdownMs: 0 }, { games: gamesOf(game) })
  const ann = await Person.signIn(server, 'Ann')
  ann.send({ type: 'practice' })
  expect((await ann.next('match-ended')).winners).toEqual(['Ann'])
  ann.send({ type: 'ping', id: 1 })
  await ann.next('pong')
})

test('what a stranger chooses as settings is refused in a short sentence, before it costs anything', () => {
  const table = new Table()
  const ann = table.player('Ann')
  const settings = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`field ${at}`, at]))
  table.do(ann, { type: 'create', room: 'Den', settings })
  table.do(ann, { type: 'create', room: 'Den', settings: { ['x'.repeat(2_000)]: 1 } })
  expect(table.heard(ann)).toEqual([
    { type: 'error', code: 'bad-settings', message: 'Coin arena has 2 settings' },
    { type: 'error', code: 'bad-settings', message: expect.stringMatching(/^.{1,200}$/) }
  ])
})
