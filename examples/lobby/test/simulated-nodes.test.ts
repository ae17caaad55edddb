// Links and switchboards of three nodes in a simulated network that loses packets, parts hosts and
// stops processes for a while: what a client sends is done at most once and in order, no player has
// two seats, and everybody is served again.
import { explore, type Plan, type SimulatedHost, type SimulatedNetwork } from 'pollport/simulation'
import { expect, test } from 'vitest'
import type { Place } from '../place.ts'
import { LEASE_MS, ModelDirectory, ModelNode } from './model-nodes.ts'
import { Stoppable } from './stoppable.ts'

const HOSTS = ['10.0.0.1', '10.0.0.2', '10.0.0.3']
const PORT = 6000
const DURATION_MS = 60_000
const CLIENTS = 3
const SAYS_EVERY_MS = 100
/** After a pause, a link has to come back and a player to come home. */
const SERVED_WITHIN_MS = 8_000
const SEEDS = process.platform === 'linux' ? 25 : 5

class Nodes {
  directory = new ModelDirectory()
  moves = 0
  homecomings = 0
  #answeredMs = new Map<string, number>()
  readonly #lives = new Map<string, Stoppable>()
  #network: SimulatedNetwork | undefined

  begin(network: SimulatedNetwork, { hosts, seed }: Plan): void {
    this.#network = network
    this.directory = new ModelDirectory()
    this.#answeredMs = new Map()
    this.#lives.clear()
    const operator = network.host('10.0.9.9') // no fault strikes it
    for (const address of hosts) {
      const host = network.host(address)
      host.run(() => this.#serve(host))
      const others = hosts.filter((other) => other !== address)
      if (seed % 2 === 1 || others.length === 0) continue
      void operator.sleep(5_000 + operator.random.below(20_000)).then(async () => {
        const life = this.#lives.get(address)
        life?.stop()
        network.partition([address], others) // it does not receive anything either
        await operator.sleep(operator.random.below(4 * LEASE_MS))
        network.heal()
        life?.goOn()
      })
    }
  }

  async #serve(host: SimulatedHost): Promise<void> {
    const { directory } = this
    const life = new Stoppable(host)
    this.#lives.get(host.address)?.end()
    this.#lives.set(host.address, life)
    const { place } = life
    const options = { place, address: host.address, port: PORT, returnMs: 1_500 }
    const node = new ModelNode(directory, host.address, options)
    const renew = place.alarm(() => {
      directory.renewOne(node, host.now)
      renew.set(LEASE_MS / 4)
    })
    renew.set(0)
    for (let number = 1; number <= CLIENTS; number++) this.#live(host, place, node, number)
    await node.ended
  }

  /** A client sends numbers, and now and then a wish to go; where it is answered it goes on. */
  #live(
    host: SimulatedHost,
    place: Place,
    { gateway, directory }: ModelNode,
    number: number
  ): void {
    const life = `${host.address} ${number} ${Math.floor(host.now)}`
    let client = 0
    let name = ''
    let seq = 0
    const come = () => {
      client = number + CLIENTS * (seq + 1)
      name = `${life} ${seq}`
      gateway.come(client)
      gateway.say(client, { seq: 0, name })
    }
    come()
    const again = place.alarm(() => {
      again.set(SAYS_EVERY_MS)
      if (gateway.closed.has(client)) come()
      const ids = [...directory.nodes.keys()]
      const go = host.random.below(10) === 0 ? ids[host.random.below(ids.length)] : undefined
      if (go !== undefined) this.moves++
      gateway.say(client, { seq: ++seq, go })
      if (gateway.answers(client).length > 0) {
        this.#answeredMs.set(`${host.address} ${number}`, host.now)
        gateway.heard.set(client, [])
      }
    })
    again.set(SAYS_EVERY_MS)
  }

  check(): void {
    const seats = new Map<string, string>()
    for (const { hub, self } of this.directory.nodes.values()) {
      for (const player of hub.players) {
        const other = seats.get(player)
        if (other !== undefined) throw new Error(`${player} sits at ${other} and at ${self.id}`)
        seats.set(player, self.id)
      }
    }
    for (const [player, seqs] of this.directory.noted) {
      const at = seqs.length - 1
      if (at > 0 && seqs[at] <= seqs[at - 1])
        throw new Error(`${player} had ${seqs[at]} done after ${seqs[at - 1]}`)
    }
  }

  checkAtEnd(): void {
    const nowMs = this.#network?.now ?? 0
    for (const [client, atMs] of this.#answeredMs)
      if (nowMs - atMs > SERVED_WITHIN_MS)
        throw new Error(`${client} was served for the last time ${nowMs - atMs} ms ago`)
    for (const { hub } of this.directory.nodes.values())
      this.homecomings += hub.words.filter((word) => word === 'lost').length
  }
}

test('players move, links break and processes stop: nothing is done twice, and all are served again', {
  timeout: 300_000
}, async () => {
  const nodes = new Nodes()
  await explore({
    seeds: SEEDS,
    durationMs: DURATION_MS,
    hosts: HOSTS,
    link: { latencyMs: { min: 1, mean: 5 }, jitterMs: 2, loss: 0.01 },
    scenario: (network, plan) => nodes.begin(network, plan),
    check: () => nodes.check(),
    checkAtEnd: () => nodes.checkAtEnd()
  })
  expect(nodes.moves).toBeGreaterThan(SEEDS * 200)
  expect(nodes.homecomings).toBeGreaterThan(SEEDS)
})
