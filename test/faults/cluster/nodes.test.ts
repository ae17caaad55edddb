// Nodes of a lobby that are killed, stopped and started again while a crowd plays: real processes
// and a real Redis.
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ClusterNode } from '../../../examples/lobby/test/cluster.ts'
import type { Guest } from '../../../examples/lobby/test/guests.ts'
import { whyNoRedis } from '../../../examples/lobby/test/redis.ts'
import { FaultyLobby, LONGER_MS, MATCH_MS, MENDED_MS, NODES, pass } from './lobby.ts'

if (whyNoRedis !== undefined) console.warn(`SKIPPED: faults of a cluster: ${whyNoRedis}`)
/** What belongs to a game or to the lobby: what a node that owns nothing any more must not say. */
const ofGames = new Set([
  'state',
  'event',
  'chat',
  'match-started',
  'match-ended',
  'joined',
  'welcome'
])

let lobby: FaultyLobby
beforeAll(async () => {
  if (whyNoRedis === undefined) lobby = await FaultyLobby.open(12, { redis: { save: false } })
}, 120_000)
afterAll(async () => await lobby?.close())

const runs = test.skipIf(whyNoRedis !== undefined)

/** A node, and guests whose match and connection are both there. */
async function playingAtOne(): Promise<{ node: ClusterNode; own: Guest[] }> {
  const { cluster, crowd } = lobby
  for (let tries = 0; tries < 4 * NODES.length; tries++) {
    const untilMs = performance.now() + MATCH_MS
    while (performance.now() < untilMs) {
      for (const node of cluster.living) {
        const names = await node.players()
        const own = crowd.guests.filter(
          ({ name, isPlaying, door }) => isPlaying && door === node && names?.includes(name)
        )
        if (own.length > 0) return { node, own }
      }
      await pass(20)
    }
    // They play on where they are, by way of the next node
    for (const guest of crowd.guests) guest.giveUp()
    await crowd.allServed(MENDED_MS)
  }
  throw new Error('nobody plays at the node where it is connected')
}

runs(
  'a node is killed in a match: its players are back in the lobby with their names',
  async () => {
    const { cluster } = lobby
    const { node } = await playingAtOne()
    await node.end('SIGKILL')
    await lobby.isMended('a node is killed in a match') // no seat and no name is lost
    await cluster.start(node.id)
    await lobby.isMended('a node that was killed comes back')
  }
)

runs('a node stops past its lease and goes on: it says nothing of what it owned', async () => {
  const { cluster, crowd } = lobby
  // What others say, it may still pass on.
  const { node, own } = await playingAtOne()
  crowd.silent.add(node.id)
  crowd.doors = () => cluster.living.filter((other) => other !== node)
  await node.stopBetweenTurns()
  await pass(LONGER_MS)
  await crowd.allServed(MENDED_MS) // by the others
  const wokenMs = performance.now()
  node.signal('SIGCONT')
  await lobby.isMended('a node stops past its lease', [
    node,
    ...(crowd.doors() as typeof cluster.living)
  ])
  // What was said before the stop may still have been on its way; these guests have left long ago.
  const late = own.flatMap(({ old }) =>
    old.filter(({ door }) => door === node).flatMap(({ late }) => late)
  )
  const said = late.filter(({ atMs, message }) => atMs >= wokenMs && ofGames.has(message.type))
  expect(said).toEqual([])
  crowd.silent.delete(node.id)
  crowd.doors = () => cluster.living
})

runs('a node joins under load, and each of the others is updated: no match is lost', async () => {
  const { cluster, crowd } = lobby
  const lostRooms = () => crowd.guests.map(({ report }) => report.lostRooms)
  const before = lostRooms()
  await cluster.start('node-4')
  // Some come to it.
  for (const guest of crowd.guests.slice(0, 6)) guest.giveUp()
  await lobby.isMended('a node joins')
  for (const id of NODES) {
    const node = cluster.node(id)
    const exit = node.end('SIGTERM')
    await exit
    expect(node.process.exitCode).toBe(0)
    await cluster.start(id)
  }
  await lobby.isMended('three nodes are updated, one after the other')
  const losers = crowd.guests.filter(({ report }, at) => report.lostRooms !== before[at])
  expect(losers.map(String)).toEqual([])
})

runs('after all of that no finished match is lost', async () => {
  await lobby.checkAll()
})
