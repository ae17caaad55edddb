// The server's figures in Prometheus' format, and prom-client's figures of the process. Describes
// what each number is, not where it comes from.

import { Counter, collectDefaultMetrics, Gauge, type Metric, Registry } from 'prom-client'
import type { ClusterFigures } from '../cluster/cluster-node.ts'
import type { GatewayFigures } from '../gateway/figures.ts'
import type { LatenessCounts, ServerFigures } from './server-figures.ts'

type NumberOf<T> = { [K in keyof T]-?: T[K] extends number ? K : never }[keyof T]
type Kind = 'gauge' | 'counter'
type Reading = [labels: Record<string, string | number>, value: number]

// `satisfies`: a new number of the server has to be described here before it compiles. Milliseconds
// are exported as seconds, below.
const numbers = {
  connections: ['gauge', 'Connections of players, signed in or not'],
  webConnections: ['gauge', 'Connections of browsers, included in connections'],
  players: ['gauge', 'Players, including those who are away'],
  away: ['gauge', 'Players whose connection is lost and whose seat is kept'],
  queued: ['gauge', 'Players who wait for a quick match'],
  playing: ['gauge', 'Players in a match'],
  viaUdp: ['gauge', 'Players who get the state of a match by datagrams'],
  rooms: ['gauge', 'Rooms'],
  matches: ['gauge', 'Matches that are running'],
  signIns: ['counter', 'Sign-ins, with a name or a token'],
  messagesIn: ['counter', 'Messages from players'],
  messagesOut: ['counter', 'Messages to players'],
  bytesIn: ['counter', 'Bytes from players'],
  bytesOut: ['counter', 'Bytes to players'],
  datagramsIn: ['counter', 'Datagrams received'],
  datagramsOut: ['counter', 'Datagrams to players'],
  datagramsRefused: [
    'counter',
    'Datagrams refused: malformed, with a wrong token, or over the rate'
  ],
  unsavedMatches: ['counter', 'Matches whose result could not be saved'],
  failedMatches: ['counter', 'Matches that a mistake of their game has ended'],
  ticks: ['counter', 'Ticks of the server'],
  missedTicks: ['counter', 'Ticks skipped because the server was a whole tick late']
} satisfies Record<Exclude<NumberOf<ServerFigures>, 'uptimeMs'>, [Kind, string]>

const numbersOfGateways = {
  connections: 'gauge',
  webConnections: 'gauge',
  viaUdp: 'gauge',
  messagesIn: 'counter',
  messagesOut: 'counter',
  bytesIn: 'counter',
  bytesOut: 'counter',
  datagramsIn: 'counter',
  datagramsOut: 'counter',
  datagramsRefused: 'counter'
} satisfies Record<keyof GatewayFigures, Kind>

const numbersOfCluster = {
  epoch: ['gauge', 'Of this node: another one each time it joins'],
  elsewhere: ['gauge', 'Connections of this node whose players are at another one'],
  movedIn: ['counter', 'Players that came from other nodes'],
  movedOut: ['counter', 'Players that went to other nodes']
} satisfies Record<NumberOf<ClusterFigures>, [Kind, string]>

const DIRECTORY_STATES = ['here', 'away', 'settling'] satisfies ClusterFigures['directory'][]

/** gauge messagesIn -> messages_in, counter messagesIn -> messages_in_total */
function wordsOf(figure: string, kind: Kind): string {
  return (
    figure.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) +
    (kind === 'counter' ? '_total' : '')
  )
}

export class Metrics {
  readonly contentType: string
  readonly #registry = new Registry()
  readonly #updates: ((figures: ServerFigures) => void)[] = []
  readonly #lateness = new LatenessHistogram()

  constructor() {
    this.contentType = this.#registry.contentType
    for (const [figure, [kind, help]] of typedEntries(numbers)) {
      this.#add(kind, wordsOf(figure, kind), help, [], (figures) => [[{}, figures[figure]]])
    }
    this.#add('gauge', 'draining', '1 while the server drains', [], ({ isDraining }) => [
      [{}, Number(isDraining)]
    ])
    this.#add('gauge', 'uptime_seconds', 'Since the start', [], ({ uptimeMs }) => [
      [{}, uptimeMs / 1000]
    ])
    this.#add('counter', 'refusals_total', 'Refusals, by code', ['code'], ({ refusals }) =>
      Object.entries(refusals).map(([code, count]) => [{ code }, count])
    )
    this.#add(
      'gauge',
      'memory_bytes',
      'Memory of the process and of its main thread',
      ['kind'],
      ({ memory }) =>
        Object.entries(memory).map(([kind, bytes]) => [{ kind: wordsOf(kind, 'gauge') }, bytes])
    )
    for (const [figure, kind] of typedEntries(numbersOfGateways)) {
      const help = `${numbers[figure][1]}, by the thread that holds the connections`
      this.#add(kind, `gateway_${wordsOf(figure, kind)}`, help, ['gateway'], ({ gateways }) =>
        gateways.map((gateway, index) => [{ gateway: index }, gateway[figure]])
      )
    }
    this.#addOfCluster()
    // Its types know only metrics of its own classes; a registry asks a metric for its name and for
    // get().
    this.#registry.registerMetric(this.#lateness as unknown as Metric)
    collectDefaultMetrics({ register: this.#registry })
  }

  async textOf(figures: ServerFigures): Promise<string> {
    for (const update of this.#updates) update(figures)
    this.#lateness.counted = figures.lateness
    return await this.#registry.metrics()
  }

  /** A server that is alone has none of them. */
  #addOfCluster(): void {
    const add = (
      kind: Kind,
      words: string,
      help: string,
      labelNames: string[],
      read: (cluster: ClusterFigures) => Reading[]
    ) => {
      this.#add(kind, `cluster_${words}`, help, labelNames, ({ cluster }) =>
        cluster === undefined ? [] : read(cluster)
      )
    }
    for (const [figure, [kind, help]] of typedEntries(numbersOfCluster)) {
      add(kind, wordsOf(figure, kind), help, [], (cluster) => [[{}, cluster[figure]]])
    }
    add('gauge', 'nodes', 'Nodes that this one knows, itself included', [], ({ nodes }) => [
      [{}, nodes.length]
    ])
    add('gauge', 'links', 'Links to other nodes that are up', [], ({ links }) => [
      [{}, links.length]
    ])
    add('gauge', 'may_speak', '1 while no other node can own what this one has', [], (cluster) => [
      [{}, Number(cluster.maySpeak)]
    ])
    add('gauge', 'directory', '1 for the state that it is in', ['state'], ({ directory }) =>
      DIRECTORY_STATES.map((state) => [{ state }, Number(state === directory)])
    )
    add('counter', 'commands_total', 'Sent to the directory, by kind', ['kind'], ({ commands }) =>
      Object.entries(commands).map(([kind, count]) => [{ kind }, count])
    )
  }

  #add(
    kind: Kind,
    words: string,
    help: string,
    labelNames: string[],
    read: (figures: ServerFigures) => Reading[]
  ) {
    const options = { name: `lobby_${words}`, help, labelNames, registers: [this.#registry] }
    const metric = kind === 'gauge' ? new Gauge(options) : new Counter(options)
    this.#updates.push((figures) => {
      // Counted elsewhere, so what is added to it is the whole; and a label that is gone goes here
      // too
      metric.reset()
      metric.remove({}) // without labels, a reset leaves a zero
      for (const [labels, value] of read(figures)) {
        if (metric instanceof Gauge) metric.set(labels, value)
        else metric.inc(labels, value)
      }
    })
  }
}

/**
 * What prom-client's Histogram is, for values that were counted elsewhere: that one wants to
 * observe each value by itself. It has no `_sum`, since nobody has kept the values; quantiles need
 * none.
 */
class LatenessHistogram {
  readonly name = 'lobby_tick_lateness_seconds'
  readonly help = 'How late a tick began'
  readonly type = 'histogram'
  readonly aggregator = 'sum'
  counted: LatenessCounts = { boundsMs: [], counts: [0], sumMs: 0 }

  async get() {
    const { boundsMs, counts, sumMs } = this.counted
    let total = 0
    const buckets = counts.map((count, at) => {
      total += count
      const le = at < boundsMs.length ? boundsMs[at] / 1000 : '+Inf'
      return { metricName: `${this.name}_bucket`, labels: { le }, value: total }
    })
    const { name, help, type, aggregator } = this
    return {
      name,
      help,
      type,
      aggregator,
      values: [
        ...buckets,
        { metricName: `${name}_sum`, labels: {}, value: sumMs / 1000 },
        { metricName: `${name}_count`, labels: {}, value: total }
      ]
    }
  }
}

function typedEntries<T extends object>(table: T) {
  return Object.entries(table) as { [K in keyof T]: [K, T[K]] }[keyof T][]
}
