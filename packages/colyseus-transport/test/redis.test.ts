// Several processes of one game over Redis, by the framework's own driver and presence.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { freePort } from './support/free-port.ts'
import { left, message, type Serving, serve, until } from './support/serving.ts'

/** A Redis of the test's own, which keeps nothing. */
async function startRedis(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'redis-'))
  const port = await freePort()
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '']
  const redis: ChildProcess = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  const ready = new Promise<void>((resolve, reject) => {
    redis.stdout?.on('data', (chunk) => {
      output += chunk
      if (output.includes('Ready to accept connections')) resolve()
    })
    redis.on('error', reject)
    redis.on('exit', () => reject(new Error(`Redis ended: ${output}`)))
  })
  onTestFinished(async () => {
    if (redis.exitCode === null) {
      const exited = once(redis, 'exit')
      redis.kill('SIGKILL')
      await exited
    }
    rmSync(folder, { recursive: true, force: true })
  })
  await ready
  return port
}

/** A process of the game, which says to the others where its rooms are. */
async function startProcess(redis: number): Promise<Serving> {
  const port = await freePort()
  return serve('pollport', { redis, port, publicAddress: `127.0.0.1:${port}` })
}

test('a room of one process is joined by way of the other, kept for who comes back, and listed', async () => {
  const redis = await startRedis()
  const [one, two] = await Promise.all([startProcess(redis), startProcess(redis)])

  const ann = await one.client().create('game', { name: 'ann', seatSeconds: 5 })
  await message(ann, 'welcome')
  const [home, other] = one.events.includes('join ann') ? [one, two] : [two, one]
  await home.heard('join ann')
  // Asked the other one: it reserves the seat where the room is, and sends the client there.
  const ben = await other.client().joinById(ann.roomId, { name: 'ben' })
  await message(ben, 'welcome')
  await home.heard('join ben')
  expect(other.events).toEqual([])
  await until('both are there', () => ben.state.players?.size === 2)

  const everybody = message(ben, 'everybody')
  ann.onMessage('everybody', () => {})
  ann.send('everybody', 'hello')
  expect(await everybody).toBe('hello')

  // Both processes know of the room.
  for (const process of [one, two]) {
    process.command({ do: 'rooms' })
    expect(await process.heard('rooms')).toBe('1')
  }

  // Comes back, by way of the other process, too.
  ann.reconnection.enabled = false
  const goodbye = left(ann)
  ann.connection.close(4777)
  await goodbye
  await home.heard('drop 4777')
  const again = await other.client().reconnect(ann.reconnectionToken)
  expect(again.sessionId).toBe(ann.sessionId)
  await home.heard('reconnect')
})

test('a process that shuts down takes its rooms off the list, and the game goes on', async () => {
  const redis = await startRedis()
  const [one, two] = await Promise.all([startProcess(redis), startProcess(redis)])
  const ann = await one.client().create('game', { name: 'ann' })
  ann.reconnection.enabled = false
  await message(ann, 'welcome')
  const [home, other] = one.events.includes('join ann') ? [one, two] : [two, one]
  const goodbye = left(ann)
  home.command({ do: 'shutDown' })
  expect((await goodbye).code).toBe(4001)
  expect(await home.heard('exit')).toBe('0')
  other.command({ do: 'rooms' })
  expect(await other.heard('rooms')).toBe('0')
  const ben = await other.client().joinOrCreate('game', { name: 'ben' })
  await message(ben, 'welcome')
  await other.heard('join ben')
})
