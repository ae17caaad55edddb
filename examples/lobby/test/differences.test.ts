// Differences to what a player has acknowledged: whatever is lost on the way, what it puts together
// is what the game showed.
import { expect, test } from 'vitest'
import { z } from 'zod'
import { defineGame, gamesOf } from '../rules/game.ts'
import { ReceivedViews } from '../rules/views.ts'
import { decodeToPlayer } from '../wire/datagram.ts'
import { openLobby, Person, until } from './person.ts'
import { UdpEnd } from './udp-end.ts'

/** A view with fields that change always, seldom and never, and one that comes and goes. */
function viewAt(tick: number, whose: string) {
  return {
    whose,
    tick,
    map: 'a wall '.repeat(60),
    weather: ['sun', 'rain', 'snow'][Math.floor(tick / 10) % 3],
    ...(tick % 7 < 3 ? { visitor: { name: 'Eve', since: tick } } : {})
  }
}

const common = {
  players: { least: 2, most: 4 },
  hz: 30,
  sends: 'every-tick',
  settings: z.strictObject({}),
  input: z.strictObject({}),
  create: () => ({ tick: 0 }),
  onInput() {},
  onTick(state: { tick: number }, tick: number) {
    state.tick = tick
  },
  isOver: () => undefined
} as const

const shared = defineGame({
  ...common,
  name: 'shared',
  title: 'Shared',
  sharedView: ({ tick }) => viewAt(tick, 'all')
})
const secret = defineGame({
  ...common,
  name: 'secret',
  title: 'Secret',
  view: ({ tick }, player) => viewAt(tick, `player ${player}`),
  spectatorView: ({ tick }) => viewAt(tick, 'spectators')
})

test.each([
  ['everybody sees the same', shared, 'all'],
  ['each has a view of its own', secret, 'player 0']
])('with two of five lost, both ways, every view is whole: %s', async (_, game, whose) => {
  const server = await openLobby({}, { games: gamesOf(game) })
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  const udp = await UdpEnd.open(ann)
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  const { match } = await ann.next('match-started')
  const views = new ReceivedViews(game, match)
  const seen = new Map<number, unknown>()
  const lengths = { state: [] as number[], difference: [] as number[] }
  const unread: string[] = []
  let count = 0
  // The same ones in every run: each of five has its turn, and so has each pair of both ways.
  const isLost = () => [0, 3].includes(++count % 5)
  udp.socket.on('message', (data) => {
    const message = decodeToPlayer(data)
    if (message?.kind !== 'state' && message?.kind !== 'difference') return
    if (isLost()) return
    lengths[message.kind].push(data.length)
    const state = views.read(message)
    if (state === undefined) return unread.push(data.toString('latin1'))
    seen.set(state.tick, state.view)
    if (isLost()) return
    const { tick: heardTick } = state
    const { token } = udp.ticket
    udp.send({ kind: 'input', token, match, seq: 0, heardTick, input: new Uint8Array(0) })
  })
  await until('many have come', () => seen.size > 90)
  expect(unread).toEqual([])
  for (const [tick, view] of seen) expect(view).toEqual(viewAt(tick, whose))
  // Only the first ones are whole.
  expect(lengths.difference.length).toBeGreaterThan(80)
  expect(Math.max(...lengths.difference)).toBeLessThan(Math.min(...lengths.state) / 2)
  // By the connection they are whole, and the same.
  const byConnection = bob.all('state').map(({ tick, view }) => [tick, view])
  expect(byConnection.length).toBeGreaterThan(60)
  const ofBob = game === shared ? 'all' : 'player 1'
  for (const [tick, view] of byConnection) expect(view).toEqual(viewAt(tick as number, ofBob))
  expect(ann.all('state')).toEqual([])
})

test('a player who acknowledges nothing is sent whole views', async () => {
  const server = await openLobby({}, { games: gamesOf(shared) })
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  const udp = await UdpEnd.open(ann)
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  await ann.next('match-started')
  const kinds = () => udp.heard.map((data) => decodeToPlayer(data)?.kind)
  await until('some have come', () => kinds().filter((kind) => kind === 'state').length > 40)
  expect(kinds()).not.toContain('difference')
})

test('a view that is too long for a datagram goes by the connection', async () => {
  const long = defineGame({
    ...common,
    name: 'long',
    title: 'Long',
    sharedView: ({ tick }) => ({ tick, text: 'x'.repeat(2_000) })
  })
  const server = await openLobby({}, { games: gamesOf(long) })
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  const udp = await UdpEnd.open(ann)
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  for (let count = 0; count < 10; count++) await ann.next('state')
  expect(udp.heard.every((data) => data.length < 1_200)).toBe(true)
})
