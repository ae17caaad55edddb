// The UDP game in bad weather: packets are lost, doubled and overtaken, players are cut off and
// crash. What must hold does, for each seed, and a player who believes old snapshots is found.
import { SocketAddress } from 'pollport'
import {
  explore,
  type ScenarioOptions,
  type SimulatedHost,
  SimulatedNetwork,
  SimulationError
} from 'pollport/simulation'
import { expect, test } from 'vitest'
import { ARENA, HZ, play, serve, View } from '../udp-game.ts'

// This file itself imports both entries: under Wine Vite takes an entry that only the example
// imports for another package, with a Poller of its own.
const SERVER = new SocketAddress({ address: '10.0.0.1', port: 5000 })
const PLAYERS = ['10.0.1.1', '10.0.1.2', '10.0.1.3']
const SEEDS = 40
const RUN = { seeds: SEEDS, durationMs: 24_000, hosts: PLAYERS }
const WEATHER = { latencyMs: { min: 20, mean: 40 }, jitterMs: 50, loss: 0.05, duplication: 0.05 }

/** What the player at each address sees; a player that starts again has a new view. */
type Views = Map<string, View>

/** Takes the old snapshots, too. */
class GullibleView extends View {
  protected override isNews(): boolean {
    return true
  }
}

function startServer(host: SimulatedHost): void {
  host.run(() => {
    const poller = host.poller()
    return serve(poller, poller.bindUdp({ address: SERVER.address, port: SERVER.port }))
  })
}

function startPlayer(host: SimulatedHost, view: () => View): void {
  host.run(() => play(host.poller(), SERVER, view()))
}

/** All bots move right: nobody ever goes left, or out of the arena. */
function nobodyGoesBack(views: Views, lastX: WeakMap<View, Map<number, number>>): void {
  for (const [address, view] of views) {
    const last = lastX.get(view) ?? new Map<number, number>()
    lastX.set(view, last)
    for (const [id, { x }] of view.places) {
      if (x < (last.get(id) ?? 0)) throw new Error(`${address} saw player ${id} go back`)
      if (x > ARENA) throw new Error(`${address} saw player ${id} outside of the arena`)
      last.set(id, x)
    }
  }
}

/** Everybody sees everybody, and nothing that is older than a second. */
function everybodySeesTheGame(views: Views, plan: readonly string[], nowMs: number): void {
  for (const [address, { tick, places }] of views) {
    if (places.size !== plan.length) throw new Error(`${address} sees ${places.size} players`)
    if (tick < (nowMs / 1000 - 1) * HZ) throw new Error(`${address} sees tick ${tick}`)
  }
}

function game(newView: () => View): ScenarioOptions {
  let views: Views
  let lastX: WeakMap<View, Map<number, number>>
  let players: readonly string[]
  return {
    link: WEATHER,
    scenario(network, { hosts }) {
      views = new Map()
      lastX = new WeakMap()
      players = hosts
      startServer(network.host(SERVER.address))
      for (const address of hosts)
        startPlayer(network.host(address), () => {
          const view = newView()
          views.set(address, view)
          return view
        })
    },
    check: () => nobodyGoesBack(views, lastX),
    checkAtEnd: (network) => everybodySeesTheGame(views, players, network.now)
  }
}

test('nobody goes back, and everybody sees the game again when the weather is over', async () => {
  expect(await explore({ ...RUN, ...game(() => new View()) })).toBe(SEEDS)
}, 60_000)

test('a player whose old snapshots overwrite newer ones is found', async () => {
  const found = explore({ ...RUN, seeds: 200, ...game(() => new GullibleView()) })
  const error: unknown = await found.catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(SimulationError)
  expect((error as SimulationError).message).toMatch(/saw player \d+ go back/)
}, 60_000)

test('a server that has started again is believed', async () => {
  const network = new SimulatedNetwork({ seed: 1, ...WEATHER })
  const server = network.host(SERVER.address)
  startServer(server)
  const view = new View()
  startPlayer(network.host('10.0.1.1'), () => view)
  await network.run({ untilMs: 20_000 })
  expect(view.tick).toBeGreaterThan(19 * HZ)
  server.restart()
  startServer(server)
  await network.run({ untilMs: 22_000 })
  expect(view.tick).toBeGreaterThan(HZ)
  expect(view.tick).toBeLessThan(2 * HZ + 1)
})
