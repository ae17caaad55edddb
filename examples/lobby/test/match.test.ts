// The game, tick by tick.
import { expect, test } from 'vitest'
import { Match } from '../games/coin-arena/match.ts'
import { nearest, towards } from './table.ts'

function matchOf(players: string[], seed = 7, coinsToWin = 10): Match {
  return new Match(players, { number: 3, seed, endsMs: 1000, coinsToWin, ticksPerSecond: 30 })
}

/** One tick in which the player of that seat runs for the nearest coin. */
function run(match: Match, seat: number): ReturnType<Match['step']> {
  const { tick, players, coins } = match.state()
  const own = players.find((player) => player.seat === seat) as (typeof players)[number]
  match.steer(match.players[seat], tick + 1, towards(own, nearest(own, coins)))
  return match.step()
}

test('the same seed, players and steering give the same match, tick by tick', () => {
  const [one, other] = [matchOf(['Ann', 'Bob', 'Cid']), matchOf(['Ann', 'Bob', 'Cid'])]
  for (let tick = 0; tick < 300; tick++) {
    expect(run(one, tick % 3)).toEqual(run(other, tick % 3))
    expect(one.state()).toEqual(other.state())
  }
  expect(matchOf(['Ann', 'Bob'], 8).state().coins).not.toEqual(
    matchOf(['Ann', 'Bob'], 9).state().coins
  )
})

test('everybody begins as far from the middle as everybody else, and nobody leaves the arena', () => {
  const match = matchOf(['Ann', 'Bob', 'Cid', 'Dee', 'Eve'])
  const { width, height } = match.arena
  const distances = match
    .state()
    .players.map(({ x, y }) => Math.hypot(x - width / 2, y - height / 2))
  for (const distance of distances) expect(Math.abs(distance - distances[0])).toBeLessThan(1)
  match.players.forEach((name, seat) => {
    match.steer(name, 1, 1 + seat)
  })
  for (let tick = 0; tick < 1000; tick++) match.step()
  for (const { x, y } of match.state().players) {
    expect(x >= 0 && x <= width && y >= 0 && y <= height).toBe(true)
  }
})

test('each direction is as quick as the others', () => {
  for (let direction = 1; direction <= 8; direction++) {
    const match = matchOf(['Ann', 'Bob'])
    const [before] = match.state().players
    match.steer('Ann', 1, direction)
    for (let tick = 0; tick < 8; tick++) match.step()
    const [after] = match.state().players
    const distance = Math.hypot(after.x - before.x, after.y - before.y)
    expect(distance).toBeGreaterThan(60)
    expect(distance).toBeLessThan(70)
    expect(towards(before, after)).toBe(direction)
  }
})

test('steering that comes late, twice, from nobody who plays, or leads nowhere is passed over', () => {
  const match = matchOf(['Ann', 'Bob'])
  match.steer('Ann', 5, 3)
  for (const [seq, direction] of [
    [4, 1],
    [5, 1],
    [6, 9],
    [7, -1]
  ])
    match.steer('Ann', seq, direction)
  match.steer('Zoe', 9, 1)
  const [before] = match.state().players
  match.step()
  const [after] = match.state().players
  expect(after).toEqual({ ...before, x: before.x + 8, seq: 5 })
})

test('who picks up coins enough has won, and each coin lies somewhere else then', () => {
  const match = matchOf(['Ann', 'Bob'], 7, 3)
  const scored: unknown[] = []
  while (!match.isOver(0)) {
    const { coins } = match.state()
    const before = JSON.stringify(coins)
    const news = run(match, 0)
    if (news.length > 0) expect(JSON.stringify(match.state().coins)).not.toBe(before)
    expect(match.state().coins).toHaveLength(5)
    scored.push(...news)
  }
  expect(scored).toEqual([1, 2, 3].map((score) => ({ name: 'Ann', score })))
  const scores = [
    { name: 'Ann', score: 3 },
    { name: 'Bob', score: 0 }
  ]
  expect(match.result()).toEqual({ winners: ['Ann'], scores })
})

test('a match is over when the time is up or when one is left; nobody wins without a coin, but who is left alone does', () => {
  const match = matchOf(['Ann', 'Bob', 'Cid'])
  expect(match.isOver(999)).toBe(false)
  expect(match.isOver(1000)).toBe(true)
  expect(match.result().winners).toEqual([])
  match.leave('Cid')
  expect(match.isOver(0)).toBe(false)
  match.leave('Bob')
  expect(match.isOver(0)).toBe(true)
  expect(match.result()).toEqual({ winners: ['Ann'], scores: [{ name: 'Ann', score: 0 }] })
  expect(match.state().players.map(({ seat }) => seat)).toEqual([0])
})

test('matches in which everybody runs are fair: no seat wins much more than its share', () => {
  const wins = [0, 0, 0]
  for (let seed = 0; seed < 300; seed++) {
    const match = matchOf(['Ann', 'Bob', 'Cid'], seed * 14_316_557, 5)
    while (!match.isOver(0)) {
      const { tick, players, coins } = match.state()
      for (const own of players)
        match.steer(match.players[own.seat], tick + 1, towards(own, nearest(own, coins)))
      match.step()
    }
    for (const winner of match.result().winners) wins[match.players.indexOf(winner)]++
  }
  for (const count of wins) expect(count).toBeGreaterThan(60)
})
