// What cluster/front.ts promises when something goes wrong between two nodes, on a clock that the
// test moves.
import { expect, test } from 'vitest'
import { frontNodes } from './front-node.ts'

test('a client that comes to a node that may not speak is served when it may', async () => {
  const { one, two } = await frontNodes(2)
  const host = await two.signIn('Host')
  await two.do(host, { type: 'create', room: 'Den' })
  const ann = await one.signIn('Ann')
  await one.do(ann, { type: 'join', room: 'Den' })
  const [move] = one.moves
  two.maySpeak = false
  const there = two.adopt(move)
  await two.do(there, { type: 'ready' })
  expect(there.player, 'it could not be told').toBeUndefined()
  expect(two.heard(there)).toEqual([])
  two.maySpeak = true
  await two.pass(200)
  expect(two.heard(there)).toEqual(['joined', 'ready'])
})

test('one whose connection ends meanwhile is away there, and can come back', async () => {
  const { one, two } = await frontNodes(2)
  const host = await two.signIn('Host')
  await two.do(host, { type: 'create', room: 'Den' })
  const ann = await one.signIn('Ann')
  await one.do(ann, { type: 'join', room: 'Den' })
  two.maySpeak = false
  const there = two.adopt(one.moves[0])
  two.lose(there)
  two.maySpeak = true
  await two.pass(200)
  expect(two.table.lobby.awayCount).toBe(1)
  const again = two.resume(one.table.tokenOf(ann))
  await two.pass(200)
  expect(two.heard(again)).toEqual(['welcome'])
})

test('a node that may not speak looks again by one timer, however many wait', async () => {
  const { one } = await frontNodes(1)
  one.maySpeak = false
  const sessions = Array.from({ length: 100 }, () => one.table.arrive())
  const before = one.alarms
  for (const [at, session] of sessions.entries())
    one.front.receive(session, Buffer.from(JSON.stringify({ type: 'name', name: `Ann ${at}` })))
  await one.pass(250)
  expect(one.alarms - before).toBeLessThan(10)
  one.maySpeak = true
  await one.pass(250)
  for (const session of sessions) expect(one.heard(session)).toContain('welcome')
})
