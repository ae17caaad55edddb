// Attackers of the web port and honest players by WebSocket, as the load command has them, against
// a server: each attacker is disconnected again and again, and costs no more than the limits say.
import { Poller } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { Fleet } from '../bots/fleet.ts'
import type { Behaviour, Mix } from '../bots/mix.ts'
import type { LobbyServer } from '../server/server.ts'
import { openLobby, until } from './person.ts'
import { Browser } from './web-player.ts'

const TICK_MS = 5

/** A fleet in this thread, which ends with the test. */
function openFleet({ port, webPort }: LobbyServer, mix: Mix): Fleet {
  const poller = new Poller<never>()
  const web = { port: webPort, percent: 100 }
  const fleet = new Fleet(poller, { address: '127.0.0.1', port, mix, web })
  const end = new AbortController()
  const running = poller.run((events) => fleet.onEvents(events), { signal: end.signal })
  const ticks = setInterval(() => fleet.onTick(0), TICK_MS)
  onTestFinished(async () => {
    clearInterval(ticks)
    end.abort()
    await running
    poller.close()
  })
  return fleet
}

const limits = { visitMs: 400, goodbyeMs: 100, resumeMs: 0, maxVisitors: 40, maxGoodbyes: 10 }

test.each<[Behaviour, number]>([
  ['frameBreaker', 5],
  ['pingFlooder', 3],
  ['hugeSender', 5],
  ['noCloser', 20],
  ['slowHandshaker', 60]
])('%s is disconnected each time, and a player beside it notices nothing', async (name, count) => {
  const server = await openLobby(limits)
  const witness = await Browser.signIn(server, 'Witness')
  const fleet = openFleet(server, { [name]: count })
  let most = 0
  const cuts = () => {
    const { expected, errors } = fleet.report()
    expect(errors).toEqual({})
    most = Math.max(most, server.figures.connections)
    return Object.values(expected).reduce((sum, some) => sum + some, 0)
  }
  await until('each was disconnected twice', () => cuts() >= 2 * count)
  await witness.isUndisturbed()
  // One that is being disconnected, and one that has come anew.
  expect(most).toBeLessThanOrEqual(1 + 2 * count)
  expect(server.figures.players).toBe(1)
  fleet.setMix({})
  await until('all are gone', () => server.figures.connections === 1)
})

test('bots by WebSocket sign in, play, leave and come back, and nothing goes wrong', async () => {
  const server = await openLobby({ 'coin-arena.matchMs': 2_000, resumeMs: 30_000 })
  const fleet = openFleet(server, { player: 8, chatter: 2, lurker: 2, quitter: 2 })
  await until('all have been signed in', () => fleet.report().arrived === 14)
  expect(server.figures.webConnections).toBeGreaterThan(10)
  expect(server.figures.viaUdp).toBe(0)
  let inputs = 0
  await until('inputs are answered by states', () => {
    inputs += fleet.report().inputs.count
    return inputs > 20
  })
  expect(fleet.report().errors).toEqual({})
})
