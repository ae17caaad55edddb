// The coin arena, tick by tick.
import { expect, test } from 'vitest'
import { Match } from '../../rules/match.ts'
import { nearest, towards } from '../../test/table.ts'
import { coinArena } from './index.ts'
import { type ArenaView, HEIGHT, WIDTH } from './rules.ts'
import { decodeDirection, decodeView, encodeView } from './wire.ts'

function matchOf(players: string[], seed = 7, coinsToWin = 10): Match {
  const settings = coinArena.settings.parse({ matchMs: 1_000, coinsToWin })
  return new Match({ number: 3, seed: String(seed), game: coinArena, settings, players }, 0)
}

function stateOf(match: Match): ArenaView & { tick: number; seqs: readonly number[] } {
  const state = match.viewFor('all')
  if (state === undefined) throw new Error('a state is sent after every tick')
  const { tick, seqs, body } = state
  return { tick, seqs, ...(coinArena.decode(body) as ArenaView) }
}

function steer(match: Match, name: string, seq: number, direction: number): void {
  const input = coinArena.checkInput({ direction })
  if (input !== undefined) match.input(name, seq, input, 0)
}

/** One tick in which the player of that seat runs for the nearest coin. */
function run(match: Match, seat: number): ReturnType<Match['step']> {
  const { tick, players, coins } = stateOf(match)
  const own = players.find((player) => player.seat === seat) as (typeof players)[number]
  steer(match, match.players[seat], tick + 1, towards(own, nearest(own, coins)))
  return match.step(0)
}

test('the same seed, players and steering give the same match, tick by tick', () => {
  const [one, other] = [matchOf(['Ann', 'Bob', 'Cid']), matchOf(['Ann', 'Bob', 'Cid'])]
  for (let tick = 0; tick < 300; tick++) {
    expect(run(one, tick % 3)).toEqual(run(other, tick % 3))
    expect(stateOf(one)).toEqual(stateOf(other))
  }
  expect(stateOf(matchOf(['Ann', 'Bob'], 8)).coins).not.toEqual(
    stateOf(matchOf(['Ann', 'Bob'], 9)).coins
  )
})

test('everybody begins as far from the middle as everybody else, and nobody leaves the arena', () => {
  const match = matchOf(['Ann', 'Bob', 'Cid', 'Dee', 'Eve'])
  const distances = stateOf(match).players.map(({ x, y }) =>
    Math.hypot(x - WIDTH / 2, y - HEIGHT / 2)
  )
  for (const distance of distances) expect(Math.abs(distance - distances[0])).toBeLessThan(1)
  match.players.forEach((name, seat) => {
    steer(match, name, 1, 1 + seat)
  })
  for (let tick = 0; tick < 1000; tick++) match.step(0)
  for (const { x, y } of stateOf(match).players) {
    expect(x >= 0 && x <= WIDTH && y >= 0 && y <= HEIGHT).toBe(true)
  }
})

test('each direction is as quick as the others', () => {
  for (let direction = 1; direction <= 8; direction++) {
    const match = matchOf(['Ann', 'Bob'])
    const [before] = stateOf(match).players
    steer(match, 'Ann', 1, direction)
    for (let tick = 0; tick < 8; tick++) match.step(0)
    const [after] = stateOf(match).players
    const distance = Math.hypot(after.x - before.x, after.y - before.y)
    expect(distance).toBeGreaterThan(60)
    expect(distance).toBeLessThan(70)
    expect(towards(before, after)).toBe(direction)
  }
})

test('steering that comes late, twice, from nobody who plays, or leads nowhere is passed over', () => {
  const match = matchOf(['Ann', 'Bob'])
  steer(match, 'Ann', 5, 3)
  for (const [seq, direction] of [
    [4, 1],
    [5, 1],
    [6, 9],
    [7, -1]
  ])
    steer(match, 'Ann', seq, direction)
  steer(match, 'Zoe', 9, 1)
  const [before] = stateOf(match).players
  match.step(0)
  const { players, seqs } = stateOf(match)
  expect(players[0]).toEqual({ ...before, x: before.x + 8 })
  expect(seqs).toEqual([5, 0])
})

test('who picks up coins enough has won, and each coin lies somewhere else then', () => {
  const match = matchOf(['Ann', 'Bob'], 7, 3)
  const scored: unknown[] = []
  while (match.result(0) === undefined) {
    const { coins } = stateOf(match)
    const before = JSON.stringify(coins)
    const news = run(match, 0)
    if (news !== undefined && news.length > 0)
      expect(JSON.stringify(stateOf(match).coins)).not.toBe(before)
    expect(stateOf(match).coins).toHaveLength(5)
    scored.push(...(news ?? []))
  }
  expect(scored).toEqual([1, 2, 3].map((score) => ({ type: 'scored', player: 0, score })))
  const scores = [
    { name: 'Ann', score: 3 },
    { name: 'Bob', score: 0 }
  ]
  expect(match.result(0)).toEqual({ winners: ['Ann'], scores })
})

test('a match is over when the time is up or when one is left; nobody wins without a coin, but who is left alone does', () => {
  const match = matchOf(['Ann', 'Bob', 'Cid'])
  expect(match.result(999)).toBeUndefined()
  expect(match.result(1000)?.winners).toEqual([])
  match.leave('Cid')
  expect(match.result(0)).toBeUndefined()
  match.leave('Bob')
  expect(match.result(0)).toEqual({ winners: ['Ann'], scores: [{ name: 'Ann', score: 0 }] })
  expect(stateOf(match).players.map(({ seat }) => seat)).toEqual([0])
})

test('matches in which everybody runs are fair: no seat wins much more than its share', () => {
  const wins = [0, 0, 0]
  for (let seed = 0; seed < 300; seed++) {
    const match = matchOf(['Ann', 'Bob', 'Cid'], seed * 14_316_557, 5)
    while (match.result(0) === undefined) {
      const { tick, players, coins } = stateOf(match)
      for (const own of players)
        steer(match, match.players[own.seat], tick + 1, towards(own, nearest(own, coins)))
      match.step(0)
    }
    for (const winner of match.result(0)?.winners ?? []) wins[match.players.indexOf(winner)]++
  }
  for (const count of wins) expect(count).toBeGreaterThan(60)
})

test('a view as bytes has one spelling, and what is not exactly one is none', () => {
  const view = {
    players: [{ seat: 1, x: 1000, y: 2, score: 255 }],
    coins: [
      { x: 5, y: 500 },
      { x: 7, y: 8 }
    ]
  }
  const bytes = encodeView(view)
  expect(decodeView(bytes)).toEqual(view)
  for (let length = 0; length < bytes.length; length++)
    expect(decodeView(bytes.subarray(0, length))).toBeUndefined()
  expect(decodeView(Buffer.concat([bytes, Buffer.alloc(1)]))).toBeUndefined()
  expect(decodeDirection(Uint8Array.of(3))).toEqual({ direction: 3 })
  expect(coinArena.readInput(Uint8Array.of(8))).toEqual({ direction: 8 })
  for (const wrong of [[], [9], [255], [1, 1]])
    expect(coinArena.readInput(Uint8Array.from(wrong))).toBeUndefined()
})
