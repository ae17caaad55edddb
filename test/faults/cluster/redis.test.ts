// The Redis of a lobby is killed, loses its data, is slow, or stands still, while a crowd plays.
import { afterAll, beforeAll, test } from 'vitest'
import { whyNoRedis } from '../../../examples/lobby/test/redis.ts'
import { FaultyLobby, LONGER_MS, pass } from './lobby.ts'

if (whyNoRedis !== undefined) console.warn(`SKIPPED: faults of a cluster's Redis: ${whyNoRedis}`)

let lobby: FaultyLobby
beforeAll(async () => {
  if (whyNoRedis === undefined) lobby = await FaultyLobby.open(12)
}, 120_000)
afterAll(async () => await lobby?.close())

const runs = test.skipIf(whyNoRedis !== undefined)

runs.each([
  ['Redis is away for longer than a lease', true],
  ['Redis is away for longer than a lease, and has lost its data', false]
])('%s: games go on, and afterwards all is as before', async (fault, withData) => {
  await lobby.redis.kill('SIGKILL')
  await lobby.gamesGoOn(LONGER_MS)
  await lobby.redis.restart(withData)
  await lobby.isMended(fault)
})

runs('Redis loses its data at once, and is back before anybody has noticed', async () => {
  await lobby.redis.restart(false)
  await lobby.isMended('Redis restarts without its data')
})

runs(
  'a Redis that stands still for most of each half second is slow, and nothing else',
  async () => {
    await lobby.allStay(async () => {
      const untilMs = performance.now() + LONGER_MS
      while (performance.now() < untilMs) {
        await lobby.redis.kill('SIGSTOP')
        await pass(400)
        await lobby.redis.kill('SIGCONT')
        await pass(100)
      }
    })
    await lobby.isMended('Redis is slow')
  }
)

runs('Redis stands still for longer than a lease: games go on', async () => {
  await lobby.redis.kill('SIGSTOP')
  await lobby.gamesGoOn(LONGER_MS)
  await lobby.redis.kill('SIGCONT')
  await lobby.isMended('Redis stands still for longer than a lease')
})

runs('after all of that no finished match is lost', async () => {
  await lobby.checkAll()
})
