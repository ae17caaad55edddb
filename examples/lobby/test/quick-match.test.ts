// The queue for quick matches and the skills behind it: who plays together, in which order, and
// what a match changes.

import { expect, test } from 'vitest'
import { defaultLimits } from '../rules/limits.ts'
import { Player } from '../rules/player.ts'
import { QuickMatch } from '../rules/quick-match.ts'
import { FIRST_SKILL, Skills } from '../rules/skills.ts'
import { Table } from './table.ts'

const limits = {
  ...defaultLimits,
  quickMatchPlayers: 3,
  minMatchPlayers: 2,
  quickMatchEveryMs: 1,
  skillReach: 100,
  skillReachPerSecond: 10,
  anySkillAfterMs: 60_000,
  smallGroupAfterMs: 30_000
}

/** A queue, and how its groups look. */
function queueOf(...waiting: [name: string, skill: number, sinceMs: number][]) {
  const queue = new QuickMatch(limits, { players: { least: 2, most: 8 } })
  const add = (name: string, skill: number, sinceMs: number) =>
    queue.add(new Player(name), skill, sinceMs)
  for (const each of waiting) add(...each)
  const groups = (nowMs: number) =>
    queue.takeGroups(nowMs).map((group) => group.map(({ name }) => name).join(' '))
  return { queue, add, groups }
}

test('those of about the same skill play together, the longest waiting first', () => {
  const { queue, groups } = queueOf(
    ['Ann', 1500, 0],
    ['Far', 1900, 1],
    ['Bob', 1580, 2],
    ['Cid', 1420, 3],
    ['Dee', 1500, 4],
    ['Eve', 1950, 5],
    ['Fay', 1880, 6]
  )
  expect(groups(10)).toEqual(['Ann Bob Cid', 'Far Eve Fay'])
  expect(queue.size).toBe(1)
})

test('who waits accepts more and more, and in the end anybody', () => {
  const { groups } = queueOf(['Ann', 1500, 0], ['Bob', 1700, 0], ['Cid', 1700, 0])
  expect(groups(9_999)).toEqual([])
  expect(groups(10_000)).toEqual(['Ann Bob Cid'])
  const odd = queueOf(['Ann', 1500, 0], ['Best', 9000, 0])
  expect(odd.groups(59_999)).toEqual([])
  expect(odd.groups(60_000)).toEqual(['Ann Best'])
})

test('a group that is not full is made when its first has waited for long, and not before', () => {
  const { groups } = queueOf(['Ann', 1500, 0], ['Bob', 1500, 29_000])
  expect(groups(29_999)).toEqual([])
  expect(groups(30_000)).toEqual(['Ann Bob'])
})

test('a player with an unusual skill is not overtaken by newcomers for ever', () => {
  const { add, groups } = queueOf(['Odd', 2500, 0])
  let seenAtMs = 0
  for (let nowMs = 1000; seenAtMs === 0 && nowMs <= 120_000; nowMs += 1000) {
    for (const name of ['a', 'b', 'c']) add(`${name}${nowMs}`, 1500, nowMs)
    if (groups(nowMs).some((group) => group.startsWith('Odd'))) seenAtMs = nowMs
  }
  expect(seenAtMs).toBe(60_000)
})

test('nobody is in two groups, and everybody is in one in the end', () => {
  const { queue, add, groups } = queueOf()
  for (let number = 0; number < 1000; number++)
    add(`P${number}`, 1000 + ((number * 7919) % 1000), number)
  const all = [...groups(2_000), ...groups(40_000), ...groups(70_000)].flatMap((group) =>
    group.split(' ')
  )
  expect(new Set(all).size).toBe(all.length)
  expect(all.length + queue.size).toBe(1000)
  expect(queue.size).toBeLessThan(2)
})

test('a match between equals moves both by half of K, one against the odds by more, and none without a winner', () => {
  const skills = new Skills()
  expect(skills.record(['Ann', 'Bob'], ['Ann'])).toEqual([
    { name: 'Ann', skill: FIRST_SKILL + 16 },
    { name: 'Bob', skill: FIRST_SKILL - 16 }
  ])
  const [bob] = skills.record(['Bob', 'Ann'], ['Bob'])
  expect(bob.skill - (FIRST_SKILL - 16)).toBeGreaterThan(16)
  const before = skills.of('ANN')
  skills.record(['Ann', 'Bob'], [])
  expect(skills.of('Ann')).toBe(before)
})

test('what winners gain others lose, however many play', () => {
  const skills = new Skills()
  const players = ['Ann', 'Bob', 'Cid', 'Dee']
  for (let round = 0; round < 50; round++)
    skills.record(players, [players[(round * round) % 4], 'Ann'])
  const sum = players.reduce((total, name) => total + skills.of(name), 0)
  expect(sum).toBeCloseTo(4 * FIRST_SKILL, -1)
  expect(skills.of('Ann')).toBeGreaterThan(skills.of('Dee'))
})

test('by command: players queue, are brought together, and the match begins; its result changes their skills', () => {
  const table = new Table({ quickMatchPlayers: 2, quickMatchEveryMs: 0 })
  const [ann, bob, cid] = ['Ann', 'Bob', 'Cid'].map((name) => table.player(name))
  table.do(ann, { type: 'queue' })
  expect(table.heard(ann)).toEqual([
    { type: 'queued', game: 'coin-arena', skill: FIRST_SKILL, players: 1 }
  ])
  expect(table.refusal(bob, { type: 'unqueue' })).toBe('not-queued')
  table.do(bob, { type: 'queue' })
  table.do(cid, { type: 'queue' })
  table.do(bob, { type: 'unqueue' })
  table.heard(bob)
  table.passMs(50)
  expect(table.heard(ann).map(({ type }) => type)).toEqual(['joined', 'match-started'])
  expect(table.heard(cid).at(-1)).toMatchObject({ type: 'match-started', players: ['Ann', 'Cid'] })
  expect(table.lobby).toMatchObject({ queueLength: 0, matchCount: 1, roomCount: 1 })
  table.do(bob, { type: 'rooms' })
  expect(table.heard(bob)).toMatchObject([{ total: 0 }])
  table.playToTheEnd(ann)
  const end = table.heard(ann).at(-1)
  if (end?.type !== 'match-ended') throw new Error('the match has not ended')
  expect(end.skills.map(({ name }) => name)).toEqual(['Ann', 'Cid'])
  expect(end.skills[0].skill).not.toBe(FIRST_SKILL)
  table.do(ann, { type: 'leave' })
  table.heard(ann)
  table.do(ann, { type: 'queue' })
  expect(table.heard(ann)).toMatchObject([
    { type: 'queued', game: 'coin-arena', skill: end.skills[0].skill }
  ])
})

test('who joins a room, loses the connection or signs out waits no longer, and a full queue takes nobody', () => {
  const table = new Table({ maxQueued: 3 })
  const [ann, bob, cid, dee] = ['Ann', 'Bob', 'Cid', 'Dee'].map((name) => table.player(name))
  for (const each of [ann, bob, cid]) table.do(each, { type: 'queue' })
  expect(table.refusal(dee, { type: 'queue' })).toBe('queue-full')
  table.do(ann, { type: 'create', room: 'Den' })
  expect(table.refusal(ann, { type: 'queue' })).toBe('in-a-room')
  table.lobby.lose(bob, table.nowMs)
  table.do(cid, { type: 'sign-out' })
  expect(table.lobby.queueLength).toBe(0)
})
