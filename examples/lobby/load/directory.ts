// What a cluster costs as it grows, without players' connections: nodes whose players are a model
// (model-node.ts), all in this process, with a Redis of their own; or in a simulated network, with
// their links and a directory in memory. Prints what Redis and each node had to do.
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { RedisDirectory } from '../cluster/redis-directory.ts'
import { system } from '../place.ts'
import { whole } from './figures.ts'
import {
  commandsOf,
  growth,
  percentOf,
  ratesBetween,
  row,
  rowOfCommands,
  rowsOfGrowth
} from './growth.ts'
import { ModelNode, Seen } from './model-node.ts'
import { RedisProcess } from './processes.ts'
import { type Row, tableOf } from './summary.ts'

const usage = `A cluster under load: so many nodes with so many players, without their connections.

  npm run load:directory -- --nodes 10 --players 100000
  npm run load:directory -- --nodes 100 --players 1000000 --slower 10
  npm run load:directory -- --nodes 100 --players 1000000 --simulated --seconds 10

  --nodes NUMBER     (3)
  --players NUMBER   on all of them together (10000)
  --seconds NUMBER   how long it is measured (20)
  --slower NUMBER    a second of the nodes takes so many (1): for more nodes than this process can
                     be at once. Counts and shares are printed as of nodes at full speed
  --simulated        in a simulated network, in place of Redis: with links between the nodes, and
                     time that waits for them
  --help             show this`

const STORM_SECONDS = 5
const SETTLES_SECONDS = 5

/** What Redis says of itself; numbers by name. */
async function infoOf(url: string): Promise<Record<string, number>> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  socket.end('INFO\r\n')
  let text = ''
  for await (const data of socket) text += data
  const pairs = [...text.matchAll(/^(\w+):([\d.]+)\r$/gm)].map(([, name, value]) => [
    name,
    Number(value)
  ])
  return Object.fromEntries(pairs)
}

const percentile = (list: readonly number[], share: number) =>
  [...list].sort((one, other) => one - other)[Math.floor(list.length * share)] ?? 0

async function measure(redis: RedisProcess, options: Arguments): Promise<Row[]> {
  const { nodes: nodeCount, players, seconds, slower } = options
  const empty = await infoOf(redis.url)
  const seen = new Seen()
  const nodes = Array.from(
    { length: nodeCount },
    (_, number) =>
      new ModelNode({
        number,
        players: Math.ceil(players / nodeCount),
        place: system,
        seen,
        slower,
        countsBytes: false,
        open: (events) =>
          new RedisDirectory({
            url: redis.url,
            randomBytes: system.randomBytes,
            timeoutMs: 5_000 * slower,
            events
          })
      })
  )
  while (!nodes.every(({ isSettled }) => isSettled)) await delay(50)
  await Promise.all(nodes.map((node) => node.fill()))
  const stormed = slower === 1 ? await storm(redis, nodes) : []
  for (const node of nodes) node.live()
  await delay(SETTLES_SECONDS * slower * 1_000) // until it is as it will be
  seen.times.clear()
  seen.failures = 0
  for (const node of nodes) node.latestMs = 0
  const listsBefore = seen.lists.messages
  const [info, before] = [await infoOf(redis.url), commandsOf(nodes)]
  const cpu = { redis: redis.cpuSeconds ?? 0, own: process.cpuUsage() }
  const startedMs = performance.now()
  await delay(seconds * slower * 1_000)
  /** Seconds of the nodes. */
  const took = (performance.now() - startedMs) / 1_000 / slower
  const after = await infoOf(redis.url)
  const own = process.cpuUsage(cpu.own)
  const rates = ratesBetween(before, commandsOf(nodes), took)
  // Connections are looked after in real seconds.
  rates.set('ping', (rates.get('ping') ?? 0) / slower)
  const perSecond = (name: string) => (after[name] - info[name]) / took
  const redisCpu = ((redis.cpuSeconds ?? 0) - cpu.redis) / took
  const ownCpu = (own.user + own.system) / 1e6 / took
  const memory = (after.used_memory - empty.used_memory) / players
  const lists = (seen.lists.messages - listsBefore) / nodeCount / took
  const latestMs = Math.max(...nodes.map((node) => node.latestMs))
  for (const node of nodes) await node.stop()
  return [
    row('nodes, players', players, `${whole(nodeCount)}, ${whole(players)}`),
    ...stormed,
    rowOfCommands('Redis commands/s', rates),
    row('processor of Redis', redisCpu, percentOf(redisCpu)),
    row(
      'memory of Redis a player',
      memory,
      `${whole(memory)} B (${whole(after.used_memory / 1e6)} MB)`
    ),
    row(
      'bytes/s into Redis, out of it',
      perSecond('total_net_output_bytes'),
      `${whole(perSecond('total_net_input_bytes'))}, ${whole(perSecond('total_net_output_bytes'))}`
    ),
    row('changes of lists a node gets/s', lists, lists.toFixed(1)),
    ...(slower === 1 ? rowsOfTimes(seen.times) : []),
    row('failed calls', seen.failures, whole(seen.failures)),
    row('processor of a node', ownCpu / nodeCount, percentOf(ownCpu / nodeCount)),
    row('the latest tick was late by', latestMs, `${whole(latestMs)} ms, of ${50 * slower} ms`)
  ]
}

/** The most that Redis takes of sign-ins. */
async function storm(redis: RedisProcess, nodes: readonly ModelNode[]): Promise<Row[]> {
  const startedMs = performance.now()
  const cpu = redis.cpuSeconds ?? 0
  const claims = await Promise.all(nodes.map((node) => node.storm(STORM_SECONDS)))
  const took = (performance.now() - startedMs) / 1_000
  const rate = claims.reduce((sum, count) => sum + count) / took
  const share = ((redis.cpuSeconds ?? 0) - cpu) / took
  const text = `${whole(rate)}, with ${percentOf(share)} for Redis`
  return [row('most sign-ins and -outs/s', rate, text)]
}

function rowsOfTimes(times: ReadonlyMap<string, readonly number[]>): Row[] {
  return [...times].map(([kind, list]) => {
    const [p50, p99] = [percentile(list, 0.5), percentile(list, 0.99)]
    const text = `${p50.toFixed(2)} ms, ${p99.toFixed(2)} ms of ${whole(list.length)}`
    return row(`${kind} p50, p99`, p99, text)
  })
}

interface Arguments {
  nodes: number
  players: number
  seconds: number
  slower: number
}

const { values } = parseArgs({
  options: {
    nodes: { type: 'string', default: '3' },
    players: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '20' },
    slower: { type: 'string', default: '1' },
    simulated: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false }
  }
})
const [nodes, players, seconds, slower] = [
  values.nodes,
  values.players,
  values.seconds,
  values.slower
].map(Number)
const areWhole = [nodes, players, seconds, slower].every(
  (number) => Number.isInteger(number) && number >= 1
)
if (values.help || !areWhole) {
  console.log(usage)
  process.exitCode = values.help ? 0 : 1
} else if (values.simulated) {
  console.log(tableOf(rowsOfGrowth(await growth({ nodes, players, seconds }))))
} else {
  // Redis goes with this process, however that ends.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  const redis = await RedisProcess.start()
  try {
    console.log(tableOf(await measure(redis, { nodes, players, seconds, slower })))
  } finally {
    await redis.stop()
  }
}
