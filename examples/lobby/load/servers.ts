// What a load run measures: one server, or the nodes of a cluster with the Redis that they share,
// as if they were one. Deals with sums; processes.ts with the processes.
import { setTimeout as delay } from 'node:timers/promises'
import type { LatenessCounts, ServerFigures } from '../server/server-figures.ts'
import { Mistake, RedisProcess, ServerProcess, type Setting } from './processes.ts'

const TOGETHER_MS = 30_000
const LOOK_EVERY_MS = 100

/** One look at a cluster. */
export interface ClusterFigures {
  nodes: ServerFigures[]
  /** Seconds of a processor, of each node and of Redis; undefined where the system has no such. */
  nodeCpu: (number | undefined)[]
  redisCpu: number | undefined
}

export class Servers {
  readonly #servers: readonly ServerProcess[]
  readonly #redis: RedisProcess | undefined
  #last: ServerFigures[] = []

  private constructor(servers: readonly ServerProcess[], redis: RedisProcess | undefined) {
    this.#servers = servers
    this.#redis = redis
  }

  /**
   * One server with these flags; with `nodes`, so many as one lobby. Throws a {@link Mistake} when
   * one does not open.
   */
  static async start(
    nodes: number | undefined,
    flags: string[],
    setting: Setting,
    signal: AbortSignal
  ): Promise<Servers> {
    if (nodes === undefined) {
      return new Servers([await ServerProcess.start(flags, setting, signal)], undefined)
    }
    const redis = await RedisProcess.start()
    const flagsOf = (at: number) => [
      ...['--cluster', redis.url, '--node', `node-${at + 1}`],
      ...['--node-host', '127.0.0.1', '--node-port', '0'],
      ...flags
    ]
    const starting = Array.from({ length: nodes }, (_, at) =>
      ServerProcess.start(flagsOf(at), setting, signal)
    )
    const started = await Promise.allSettled(starting)
    const open = started.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const servers = new Servers(open, redis)
    try {
      const failed = started.find((one) => one.status === 'rejected')
      if (failed !== undefined) throw failed.reason
      await servers.#together(signal)
      return servers
    } catch (error) {
      await servers.stop()
      throw error
    }
  }

  /** A new cluster gives no names away before it has lasted for a lease. */
  async #together(signal: AbortSignal): Promise<void> {
    const deadlineMs = performance.now() + TOGETHER_MS
    for (;;) {
      await this.figures()
      if (this.#last.every(({ cluster }) => cluster?.directory === 'here')) return
      if (performance.now() > deadlineMs) throw new Mistake('The nodes do not come together.')
      await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => signal.throwIfAborted())
    }
  }

  get doors(): { port: number; webPort: number }[] {
    return this.#servers.map(({ port, webPort }) => ({ port, webPort }))
  }

  get hasEnded(): boolean {
    return this.#servers.some(({ hasEnded }) => hasEnded)
  }

  /** Of all nodes, without Redis. */
  get cpuSeconds(): number | undefined {
    return sum(this.#servers.map(({ cpuSeconds }) => cpuSeconds))
  }

  /** As of one server: sums, and the ticks of all of them. */
  async figures(): Promise<ServerFigures> {
    this.#last = await Promise.all(this.#servers.map((server) => server.figures()))
    return this.#last.length === 1 ? this.#last[0] : together(this.#last)
  }

  /** As of the last look; undefined without a cluster. */
  get cluster(): ClusterFigures | undefined {
    if (this.#redis === undefined) return undefined
    const nodeCpu = this.#servers.map(({ cpuSeconds }) => cpuSeconds)
    return { nodes: this.#last, nodeCpu, redisCpu: this.#redis.cpuSeconds }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.stop()))
    await this.#redis?.stop()
  }
}

function sum(numbers: readonly (number | undefined)[]): number | undefined {
  return numbers.reduce(
    (all, one) => (all === undefined || one === undefined ? undefined : all + one),
    0
  )
}

/** The figures of several nodes as those of one server. */
export function together(nodes: readonly ServerFigures[]): ServerFigures {
  const [first] = nodes
  return {
    ...first,
    ...sums(nodes),
    refusals: sums(nodes.map(({ refusals }) => refusals)),
    memory: sums(nodes.map(({ memory }) => memory)),
    lateness: nodes.map(({ lateness }) => lateness).reduce(allTicks),
    gateways: nodes.flatMap(({ gateways }) => gateways)
  }
}

/** Of each number by its name; a record may lack one that others have. */
function sums<T extends object>(records: readonly T[]): T {
  const all: Record<string, number> = {}
  for (const record of records)
    for (const [name, value] of Object.entries(record))
      if (typeof value === 'number') all[name] = (all[name] ?? 0) + value
  return all as T
}

function allTicks(one: LatenessCounts, other: LatenessCounts): LatenessCounts {
  const counts = one.counts.map((count, at) => count + other.counts[at])
  return { boundsMs: one.boundsMs, counts, sumMs: one.sumMs + other.sumMs }
}
