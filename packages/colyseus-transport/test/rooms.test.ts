// A client of Colyseus' own SDK in a room: joins, state, messages, the end.
import { expect, test } from 'vitest'
import { left, message, serve, until } from './support/serving.ts'

test('a client joins a room, gets its state and its changes, exchanges messages and leaves', async () => {
  const serving = await serve('pollport')
  const room = await serving.client().joinOrCreate('game', { name: 'ann' })
  expect(await message(room, 'welcome')).toEqual({ name: 'ann' })
  await until('the state is there', () => room.state.players?.size === 1)
  expect(room.state.players.get(room.sessionId).name).toBe('ann')

  room.send('move', { x: 3, y: 4 })
  await until('it has moved', () => room.state.players.get(room.sessionId).x === 3)

  const echo = message(room, 'echo')
  room.send('echo', { deep: [1, 'two', null] })
  expect(await echo).toEqual({ deep: [1, 'two', null] })

  const goodbye = left(room)
  await room.leave()
  expect((await goodbye).code).toBe(4000)
  await serving.heard('leave 4000')
  await serving.heard('dispose')
})
