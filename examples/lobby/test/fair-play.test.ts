// What people do to each other: each of these worked once.
import { expect, test } from 'vitest'
import { defaultLimits } from '../rules/limits.ts'
import type { Session } from '../rules/session.ts'
import type { ServerMessage } from '../wire/protocol.ts'
import { Table } from './table.ts'

const typesOf = (messages: ServerMessage[]) => messages.map(({ type }) => type)

function accountOf(table: Table, session: Session): string {
  const welcome = table.heard(session).find(({ type }) => type === 'welcome')
  if (welcome?.type !== 'welcome') throw new Error('nobody was welcomed')
  return welcome.account
}

test('who was kicked stays out, whatever name or connection they come with', () => {
  const table = new Table()
  const [ann] = table.roomOf('Ann')
  const bob = table.arrive('203.0.113.7')
  table.do(bob, { type: 'name', name: 'Bob' })
  const account = accountOf(table, bob)
  table.do(bob, { type: 'join', room: 'Den' })
  table.do(ann, { type: 'kick', name: 'Bob' })
  expect(table.refusal(bob, { type: 'join', room: 'Den' })).toBe('kicked')
  table.lobby.leave(bob, table.nowMs)

  const renamed = table.player('Rob', '203.0.113.7')
  expect(table.refusal(renamed, { type: 'join', room: 'Den' })).toBe('kicked')
  expect(table.refusal(renamed, { type: 'spectate', room: 'Den' })).toBe('kicked')
  const elsewhere = table.arrive('198.51.100.1')
  table.do(elsewhere, { type: 'name', name: 'Tob', account })
  expect(table.refusal(elsewhere, { type: 'join', room: 'Den' })).toBe('kicked')

  const other = table.player('Cid')
  table.do(other, { type: 'join', room: 'Den' })
  expect(typesOf(table.heard(other))).toEqual(['joined'])
  table.nowMs += defaultLimits.kickedMs
  table.do(renamed, { type: 'join', room: 'Den' })
  expect(typesOf(table.heard(renamed))).toEqual(['joined'])
})

test('an account on two connections does not play against itself', () => {
  const table = new Table({ smallGroupAfterMs: 0, anySkillAfterMs: 0, quickMatchEveryMs: 0 })
  const [ann] = table.roomOf('Ann')
  const bob = table.arrive()
  table.do(bob, { type: 'name', name: 'Bob' })
  const account = accountOf(table, bob)
  const again = table.arrive()
  table.do(again, { type: 'name', name: 'Bob again', account })
  table.do(bob, { type: 'join', room: 'Den' })
  expect(table.refusal(again, { type: 'join', room: 'Den' })).toBe('in-a-room')
  table.do(bob, { type: 'leave' })
  for (const each of [bob, again]) table.do(each, { type: 'queue' })
  table.passMs(1_000)
  expect(table.lobby.queueLength).toBe(2)
  table.do(ann, { type: 'leave' })
  table.do(ann, { type: 'queue' })
  table.passMs(1_000)
  expect(table.lobby.queueLength).toBe(1)
})

test('nobody is kicked out of a match, and the host is not handed over in one', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  expect(table.refusal(ann, { type: 'kick', name: 'Bob' })).toBe('match-running')
  expect(table.refusal(ann, { type: 'host', name: 'Bob' })).toBe('match-running')
  table.playToTheEnd(bob)
  expect(table.heard(bob).at(-1)).toMatchObject({ type: 'match-ended', winners: ['Bob'] })
  table.do(ann, { type: 'kick', name: 'Bob' })
  expect(typesOf(table.heard(bob))).toContain('kicked')
})

test('a password cannot be guessed: after a few wrong ones even the right one waits', () => {
  const table = new Table()
  const ann = table.player('Ann')
  table.do(ann, { type: 'create', room: 'Den', password: 'seven' })
  const guess = (name: string, password?: string) => {
    const guesser = table.player(name, '203.0.113.7')
    const answer = table.refusal(guesser, { type: 'join', room: 'Den', password })
    table.lobby.leave(guesser, table.nowMs)
    return answer
  }
  // Who only asks, as every friend with the link does, has not guessed.
  for (let asked = 0; asked < 2 * defaultLimits.maxPasswordTries; asked++)
    expect(guess(`friend ${asked}`)).toBe('password-needed')
  const answers = Array.from({ length: 20 }, (_, at) => guess(`x ${at}`, `word ${at}`))
  expect(answers.filter((answer) => answer === 'wrong-password')).toHaveLength(
    defaultLimits.maxPasswordTries
  )
  expect(guess('y', 'seven')).toBe('locked-out')
  const friend = table.player('Friend')
  table.do(friend, { type: 'join', room: 'Den', password: 'seven' })
  expect(typesOf(table.heard(friend))).toEqual(['joined'])
  table.nowMs += defaultLimits.passwordLockMs
  expect(guess('z', 'seven')).toMatch('joined')
})

test('who is muted is not heard, in rooms and in the lobby, and not under another name either', () => {
  const table = new Table()
  const ann = table.player('Ann')
  const bob = table.player('Bob', '203.0.113.7')
  table.do(ann, { type: 'mute', name: 'Bob' })
  expect(table.heard(ann)).toEqual([{ type: 'muted', name: 'Bob', on: true }])
  table.do(bob, { type: 'say', text: 'psst' })
  table.lobby.leave(bob, table.nowMs)
  const again = table.player('Rob', '203.0.113.7')
  table.do(again, { type: 'say', text: 'psst again' })
  expect(typesOf(table.heard(ann))).toEqual([])
  expect(typesOf(table.heard(again))).toEqual(['chat'])

  table.do(ann, { type: 'create', room: 'Den' })
  table.do(again, { type: 'join', room: 'Den' })
  table.do(again, { type: 'say', text: 'here, too' })
  expect(typesOf(table.heard(ann))).not.toContain('chat')
  table.do(ann, { type: 'mute', name: 'Rob', on: false })
  table.do(again, { type: 'say', text: 'sorry' })
  expect(table.heard(ann).at(-1)).toMatchObject({ type: 'chat', text: 'sorry' })
  expect(table.refusal(ann, { type: 'mute', name: 'Nobody' })).toBe('no-such-player')
})

test('a report has what was said, for those who judge, and cannot be made without end', () => {
  const table = new Table({ burstMessages: 40 })
  const ann = table.player('Ann')
  const bob = table.player('Bob')
  for (let line = 0; line < 7; line++) table.do(bob, { type: 'say', text: `line ${line}` })
  table.heard(ann)
  table.do(ann, { type: 'report', name: 'bob', text: 'rude' })
  expect(table.heard(ann)).toEqual([{ type: 'reported', name: 'Bob' }])
  const said = ['line 2', 'line 3', 'line 4', 'line 5', 'line 6']
  expect(table.lobby.reports.list).toMatchObject([{ by: 'Ann', name: 'Bob', text: 'rude', said }])
  expect(table.refusal(ann, { type: 'report', name: 'Bob', text: 'rude' })).toBe('too-fast')
  table.passMs(60_000)
  table.do(ann, { type: 'report', name: 'Bob', text: 'rude again' })
  expect(typesOf(table.heard(ann))).toEqual(['reported'])
})

test('a crowd of one address reports a few times a minute, and pushes out no report of others', () => {
  const table = new Table()
  const [bob, honest] = ['Bob', 'Honest'].map((name) => table.player(name))
  table.do(honest, { type: 'report', name: 'Bob', text: 'cheats' })
  const crowd = Array.from({ length: 99 }, (_, at) => table.player(`x ${at}`, '203.0.113.7'))
  const filed = () =>
    crowd.flatMap((one) => table.heard(one)).filter(({ type }) => type === 'reported').length
  for (let round = 0; round < 3; round++)
    for (const one of crowd) table.do(one, { type: 'report', name: 'Bob', text: 'rude' })
  expect(filed()).toBe(defaultLimits.maxReportsPerAddress)

  for (let minute = 0; minute < 30; minute++) {
    table.passMs(60_000)
    for (const one of crowd) table.do(one, { type: 'report', name: 'Bob', text: 'rude' })
  }
  expect(filed()).toBe(30 * defaultLimits.maxReportsPerAddress)
  expect(bob.player).toBeDefined()
  const { list } = table.lobby.reports
  expect(list).toHaveLength(200)
  expect(list.at(-1)).toMatchObject({ by: 'Honest', text: 'cheats' })
})

test('a hundred connections of one address are one voice in the lobby', () => {
  const table = new Table()
  const ann = table.player('Ann')
  const crowd = Array.from({ length: 90 }, (_, at) => table.player(`x ${at}`, '203.0.113.7'))
  for (let round = 0; round < 5; round++)
    for (const [at, one] of crowd.entries())
      table.do(one, { type: 'say', text: `buy this ${at} ${round}` })
  const { maxLobbyLinesPerAddress } = defaultLimits
  expect(table.heard(ann).filter(({ type }) => type === 'chat')).toHaveLength(
    maxLobbyLinesPerAddress
  )
  table.do(ann, { type: 'say', text: 'hello' })
  expect(table.heard(ann)).toMatchObject([{ type: 'chat', text: 'hello' }])
})

test('the same line from many addresses is heard a few times, however it is written', () => {
  const table = new Table()
  const ann = table.player('Ann')
  for (let at = 0; at < 50; at++) {
    const text = at % 2 === 0 ? 'Buy this now' : 'BUY TH\u0406S NOW' // with a Ukrainian i
    table.do(table.player(`x ${at}`), { type: 'say', text })
  }
  expect(table.heard(ann).filter(({ type }) => type === 'chat')).toHaveLength(3)
  table.nowMs += 10_000
  table.do(table.player('Bob'), { type: 'say', text: 'Buy this now' })
  expect(table.heard(ann).filter(({ type }) => type === 'chat')).toHaveLength(1)
})

test('one address cannot make the lobby forget what was said', () => {
  const table = new Table({ burstMessages: 1_000_000 })
  const spammers = Array.from({ length: 4 }, (_, at) => table.player(`x ${at}`))
  for (const each of spammers.slice(0, 3)) table.do(each, { type: 'say', text: 'Buy this now' })
  const helper = table.player('Helper', '203.0.113.7')
  for (let at = 0; at < 1_100; at++) table.do(helper, { type: 'say', text: `some line no. ${at}` })
  expect(table.refusal(spammers[3], { type: 'say', text: 'Buy this now' })).toBe('too-fast')
})

test('who was away when the match ended is told how when they are back', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  const cid = table.arrive()
  table.do(cid, { type: 'name', name: 'Cid' })
  const welcome = table.heard(cid).at(-1) as Extract<ServerMessage, { type: 'welcome' }>
  table.do(cid, { type: 'join', room: 'Den' })
  for (const each of [ann, bob, cid]) table.do(each, { type: 'ready' })
  table.lobby.lose(cid, table.nowMs)
  table.playToTheEnd(ann)
  const back = table.arrive()
  table.do(back, { type: 'resume', token: welcome.token })
  expect(table.heard(back).at(-1)).toMatchObject({ type: 'match-ended', winners: ['Ann'] })
  table.lobby.lose(back, table.nowMs)
  expect(table.lobby.awayCount).toBe(1)
})
