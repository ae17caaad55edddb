// How the cost of a cluster grows with its nodes: in a simulated network, with the real memberships
// and the real links between all nodes, a directory in memory, and a model of players. Time waits
// for the nodes, so that a hundred of them fit into one process; it costs what it costs.
import { SimulatedNetwork } from 'pollport/simulation'
import { MemoryEngine } from '../cluster/memory-directory.ts'
import { whole } from './figures.ts'
import { ModelNode, Seen } from './model-node.ts'
import { placeOf } from './simulated-place.ts'
import type { Row } from './summary.ts'

const NODE_PORT = 6_000
const STEP_MS = 100
const SETTLES_MS = 5_000
/** Until then all nodes must have come together, and all players be there. */
const STARTS_WITHIN_MS = 600_000

export interface GrowthOptions {
  readonly nodes: number
  readonly players: number
  /** Of virtual time, that is measured. */
  readonly seconds: number
  readonly seed?: number
}

interface Traffic {
  readonly messages: number
  readonly bytes: number
}

/** Of one node and one second, but for what it says. */
export interface Growth {
  readonly nodes: number
  readonly players: number
  /** Sent to the directory by all nodes, by kind. */
  readonly commands: ReadonlyMap<string, number>
  /** What a node gets from the directory. */
  readonly lists: Traffic
  readonly wholeLists: Traffic
  readonly chat: Traffic
  readonly renewals: Traffic
  /** Calls that a node sends and gets, without the frames of players. */
  readonly links: Traffic
  /** Links at each node. */
  readonly linked: number
  readonly failures: number
  /** Real time that a virtual second took. */
  readonly tookSeconds: number
}

export async function growth(options: GrowthOptions): Promise<Growth> {
  const { nodes: count, players, seconds, seed = 1 } = options
  const network = new SimulatedNetwork({ seed, latencyMs: 1 })
  const engine = new MemoryEngine(placeOf(network.host('10.1.0.1')))
  const seen = new Seen()
  const nodes = Array.from({ length: count }, (_, number) => {
    const address = `10.0.${Math.floor(number / 200)}.${(number % 200) + 1}`
    const host = network.host(address)
    const place = placeOf(host)
    const node = new ModelNode({
      number,
      players: Math.ceil(players / count),
      place,
      seen,
      slower: 1,
      countsBytes: true,
      listenAt: { address, port: NODE_PORT },
      open: (events) => engine.open(place, events)
    })
    host.run(() => node.links?.run())
    return node
  })
  const until = async (is: () => boolean) => {
    while (!is()) {
      if (network.now > STARTS_WITHIN_MS) throw new Error('the nodes do not come together')
      await network.run({ untilMs: network.now + STEP_MS })
    }
  }
  const isComplete = (node: ModelNode) => node.isSettled && node.links?.all.length === count - 1
  await until(() => nodes.every(isComplete))
  let full = 0
  for (const node of nodes) void node.fill().then(() => full++)
  await until(() => full === count)
  for (const node of nodes) node.live()
  await network.run({ untilMs: network.now + SETTLES_MS })

  const before = { seen: structuredClone(trafficOf(seen)), commands: commandsOf(nodes) }
  const linksBefore = linksOf(nodes)
  seen.failures = 0
  const startedMs = performance.now()
  await network.run({ untilMs: network.now + seconds * 1_000 })
  const tookSeconds = (performance.now() - startedMs) / 1_000 / seconds
  const share = (after: Traffic, earlier: Traffic): Traffic => ({
    messages: (after.messages - earlier.messages) / count / seconds,
    bytes: (after.bytes - earlier.bytes) / count / seconds
  })
  const found = {
    nodes: count,
    players,
    commands: ratesBetween(before.commands, commandsOf(nodes), seconds),
    lists: share(seen.lists, before.seen.lists),
    wholeLists: share(seen.wholeLists, before.seen.wholeLists),
    chat: share(seen.chat, before.seen.chat),
    renewals: share(seen.renewals, before.seen.renewals),
    links: share(linksOf(nodes), linksBefore),
    linked: count - 1,
    failures: seen.failures,
    tookSeconds
  }
  const stopped = Promise.all(nodes.map((node) => node.stop()))
  await network.run({ untilMs: network.now + 2_000 })
  await stopped
  return found
}

function trafficOf({ lists, wholeLists, chat, renewals }: Seen) {
  return { lists, wholeLists, chat, renewals }
}

function linksOf(nodes: readonly ModelNode[]): Traffic {
  let messages = 0
  let bytes = 0
  for (const { links } of nodes)
    for (const { callsIn, callsOut, bytesIn, bytesOut } of links?.figures.links ?? []) {
      messages += callsIn + callsOut
      bytes += bytesIn + bytesOut
    }
  return { messages, bytes }
}

export function commandsOf(nodes: readonly ModelNode[]): Map<string, number> {
  const all = new Map<string, number>()
  for (const { commands } of nodes)
    for (const [kind, count] of commands) all.set(kind, (all.get(kind) ?? 0) + count)
  return all
}

/** By kind, a second; the largest first. */
export function ratesBetween(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
  seconds: number
): Map<string, number> {
  const rates = [...after].map(
    ([kind, count]) => [kind, (count - (before.get(kind) ?? 0)) / seconds] as const
  )
  return new Map(rates.sort(([, one], [, other]) => other - one))
}

export function row(name: string, figure: number | undefined, text: string): Row {
  return { name, figure, text }
}

export function rowOfCommands(name: string, rates: ReadonlyMap<string, number>): Row {
  const all = [...rates.values()].reduce((sum, rate) => sum + rate, 0)
  const kinds = [...rates].filter(([, rate]) => rate > 0)
  const texts = kinds.map(([kind, rate]) => `${kind} ${rate < 10 ? rate.toFixed(1) : whole(rate)}`)
  return row(name, all, `${whole(all)}: ${texts.join(', ')}`)
}

export function percentOf(share: number): string {
  return `${(share * 100).toFixed(1)} % of a core`
}

export function rowsOfGrowth(found: Growth): Row[] {
  const { nodes, players, commands, failures, tookSeconds, linked } = found
  const traffic = (name: string, { messages, bytes }: Traffic) =>
    row(
      name,
      bytes,
      `${messages < 10 ? messages.toFixed(2) : whole(messages)} messages, ${whole(bytes)} B`
    )
  return [
    row('nodes, players', players, `${whole(nodes)}, ${whole(players)}`),
    rowOfCommands('commands/s of all nodes', commands),
    traffic('changes of lists, a node and second', found.lists),
    traffic('lists read anew, a node and second', found.wholeLists),
    traffic('lines of chat, a node and second', found.chat),
    traffic('answers to renewals, a node and second', found.renewals),
    traffic(`calls on ${linked} links, a node and second`, found.links),
    row('failed calls', failures, whole(failures)),
    row('a virtual second took', tookSeconds, `${tookSeconds.toFixed(1)} s`)
  ]
}
