// Nodes that cannot reach their Redis or each other, in network namespaces with one switch; and
// clocks that differ by minutes.
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { whyNoRedis } from '../../../examples/lobby/test/redis.ts'
import { FaultyLobby, LONGER_MS, NODES, pass } from './lobby.ts'
import { reasonAgainstSegments, Segment } from './segment.ts'

const reason = whyNoRedis ?? reasonAgainstSegments()
if (reason !== false) console.warn(`SKIPPED: partitions of a cluster: ${reason}`)
const runs = test.skipIf(reason !== false)

/** Debian's package libfaketime. */
const FAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'
const hasFaketime = existsSync(FAKETIME)
if (!hasFaketime) console.warn('SKIPPED: clocks that differ: there is no libfaketime')
/** How wrong the clock of each node is. The monotonic clock is right, as it is on such machines. */
const CLOCKS: Record<string, string> = { 'node-1': '+7m', 'node-2': '-4m', 'node-3': '+0' }

function clockOf(id: string): Record<string, string> {
  if (!hasFaketime) return {}
  return { LD_PRELOAD: FAKETIME, FAKETIME: CLOCKS[id], FAKETIME_DONT_FAKE_MONOTONIC: '1' }
}

let segment: Segment
let lobby: FaultyLobby
beforeAll(async () => {
  if (reason !== false) return
  segment = new Segment(['crowd', 'redis', ...NODES])
  segment.enter('crowd')
  lobby = await FaultyLobby.open(12, {
    redis: { save: false, host: segment.address('redis'), inside: segment.inside('redis') },
    node: (id) => ({
      inside: segment.inside(id),
      host: segment.address(id),
      env: clockOf(id)
    })
  })
}, 120_000)
afterAll(async () => {
  await lobby?.close()
  segment?.close()
})

test.skipIf(reason !== false || !hasFaketime)(
  'clocks that differ by minutes change nothing',
  async () => {
    const times = lobby.cluster.living.map(({ output }) => Number(/"time":(\d+)/.exec(output)?.[1]))
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(10 * 60_000)
    // Tokens of one node at another, whose clock is behind.
    for (const guest of lobby.crowd.guests) guest.giveUp()
    await lobby.isMended('clocks differ by eleven minutes')
  }
)

runs(
  'a node cannot reach Redis for longer than its lease: the others take its players',
  async () => {
    const { cluster, crowd } = lobby
    const node = await lobby.busiest()
    // It may hold its rooms until its lease ends, and players come to the others from then on.
    crowd.doors = () => cluster.living.filter((other) => other !== node)
    segment.part(node.id, 'redis')
    await pass(LONGER_MS)
    await crowd.allServed(10_000)
    segment.mend(node.id, 'redis')
    crowd.doors = () => cluster.living
    await lobby.isMended('a node is cut off from Redis for longer than its lease')
  }
)

runs('two nodes cannot reach each other: whoever plays over both is served by one', async () => {
  segment.part('node-1', 'node-2')
  await pass(LONGER_MS)
  await lobby.crowd.allServed(10_000)
  segment.mend('node-1', 'node-2')
  await lobby.isMended('two nodes are cut off from each other')
})

runs('nobody reaches Redis: games go on', async () => {
  for (const id of NODES) segment.part(id, 'redis')
  await lobby.gamesGoOn(LONGER_MS)
  for (const id of NODES) segment.mend(id, 'redis')
  await lobby.isMended('all nodes are cut off from Redis')
})

runs('after all of that no finished match is lost', async () => {
  await lobby.checkAll()
})
