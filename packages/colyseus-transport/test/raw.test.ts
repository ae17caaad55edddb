// raw() calls back when the system has the bytes, and not before.
import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { pathOf, reserveSeat, upgradeRequest } from './support/raw-socket.ts'
import { left, message, serve } from './support/serving.ts'

test('raw() calls back after it has returned, once for each message', async () => {
  const serving = await serve('pollport')
  const room = await serving.client().joinOrCreate('game')
  await message(room, 'welcome')
  room.send('raw', 1)
  room.send('raw', 64 * 1024)
  await serving.heard('raw: called back', 2)
  expect(serving.events.filter((words) => words.startsWith('raw')).sort()).toEqual([
    'raw: called back well',
    'raw: called back well',
    'raw: returned',
    'raw: returned',
    'raw: sent',
    'raw: sent'
  ])
  const first = serving.events.filter((words) => words.startsWith('raw'))
  expect(first.slice(0, 2)).toEqual(['raw: sent', 'raw: returned'])
})

test('raw() after leave() calls back with an error, and sends nothing', async () => {
  const serving = await serve('pollport')
  const room = await serving.client().joinOrCreate('game')
  room.reconnection.enabled = false
  await message(room, 'welcome')
  const goodbye = left(room)
  room.send('rawAfterLeave')
  expect(await serving.heard('raw: called back')).toBe('with an error')
  expect((await goodbye).code).toBe(4001)
})

test('raw() to a client that does not read calls back when it reads, or with an error when it goes', async () => {
  const serving = await serve('pollport', {
    options: { pingInterval: 0, websocket: { maxBufferedBytes: 64 * 1024 * 1024 } }
  })
  for (const goes of [false, true]) {
    const path = pathOf(await reserveSeat(serving.port))
    const socket = connect(serving.port, '127.0.0.1')
    socket.on('error', () => {})
    socket.write(upgradeRequest(path))
    // The room's word that it has joined.
    await new Promise((resolve) => socket.once('data', resolve))
    socket.pause()
    // "raw" with 16 MiB, masked with zeros.
    const request = Buffer.from(
      `0da3726177ce${(16 * 1024 * 1024).toString(16).padStart(8, '0')}`,
      'hex'
    )
    const header = Buffer.from([0x82, 0x80 | request.length, 0, 0, 0, 0])
    socket.write(Buffer.concat([header, request]))
    const before = serving.events.filter((words) => words === 'raw: returned').length
    await serving.heard('raw: returned', before + 1)
    await new Promise((resolve) => setTimeout(resolve, 100))
    const calledBack = serving.events.filter((words) => words.startsWith('raw: called back'))
    expect(calledBack.length).toBe(before)
    if (goes) socket.resetAndDestroy()
    else socket.resume()
    expect(await serving.heard('raw: called back', before + 1)).toBe(
      goes ? 'with an error' : 'well'
    )
    socket.destroy()
  }
})
