// What the tests of a cluster's faults share: three nodes, a Redis, a crowd that plays all the
// time, and what must hold at the end of it all.
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'vitest'
import {
  Cluster,
  type ClusterNode,
  type NodeOptions
} from '../../../examples/lobby/test/cluster.ts'
import { Crowd } from '../../../examples/lobby/test/crowd.ts'
import { SERVED_MS } from '../../../examples/lobby/test/guests.ts'
import {
  type RedisOptions,
  startRedis,
  type TestRedis
} from '../../../examples/lobby/test/redis.ts'
import { survived } from '../tally.ts'

/** So long a lease is by default, and a fault that must outlast it. */
export const LEASE_MS = 4_000
export const LONGER_MS = LEASE_MS + 3_000
/** The goal: after the end of a fault everybody is served again within this time. */
export const MENDED_MS = 10_000
export const MATCH_MS = 2_500
export const NODES = ['node-1', 'node-2', 'node-3']
/** Ends of matches, counted for each player: so many show that games go on. */
const SOME_ENDS = 4

const many = 1_000_000
/** Short matches, one after the other; and everybody comes from one address. */
const SETTINGS = {
  'lease-ms': LEASE_MS,
  'countdown-ms': 200,
  'coin-arena.match-ms': MATCH_MS,
  'small-group-after-ms': 500,
  'quick-match-every-ms': 200,
  'drain-ms': 20_000,
  'rated-pairs-per-day': many,
  'rated-per-address-per-day': many,
  'new-accounts-per-address-per-day': many,
  'max-connections-per-address': many,
  'max-sign-ins-per-address': many,
  'max-rooms-per-address': many,
  'max-new-rooms-per-address': many,
  'max-lobby-lines-per-address': many
}

/** Times of one kind of fault, as they are published. */
const worst = new Map<string, number>()

export class FaultyLobby {
  readonly redis: TestRedis
  readonly cluster: Cluster
  readonly crowd: Crowd

  private constructor(redis: TestRedis, cluster: Cluster, crowd: Crowd) {
    this.redis = redis
    this.cluster = cluster
    this.crowd = crowd
  }

  /** Three nodes, and guests that play already. Redis saves what it has, unless told otherwise. */
  static async open(
    guests: number,
    options: { redis?: RedisOptions; node?: (id: string) => NodeOptions } = {}
  ): Promise<FaultyLobby> {
    const redis = await startRedis({ save: true, ...options.redis })
    const cluster = new Cluster(redis.url, SETTINGS)
    try {
      await Promise.all(NODES.map((id) => cluster.start(id, options.node?.(id))))
    } catch (error) {
      await cluster.close()
      await redis.stop()
      throw error
    }
    const crowd = new Crowd(cluster, guests)
    const lobby = new FaultyLobby(redis, cluster, crowd)
    try {
      await crowd.allServed(30_000)
      await crowd.moreEnds(SOME_ENDS, 30_000)
      return lobby
    } catch (error) {
      await lobby.close()
      throw error
    }
  }

  /** The node on which most matches run now; waits for a match. */
  async busiest(): Promise<ClusterNode> {
    const untilMs = performance.now() + 30_000
    while (performance.now() < untilMs) {
      const nodes = this.cluster.living
      const matches = await Promise.all(
        nodes.map(async (node) => (await node.figures())?.matches ?? 0)
      )
      const most = Math.max(...matches)
      if (most > 0) return nodes[matches.indexOf(most)]
      await delay(20)
    }
    throw new Error('no match runs')
  }

  /**
   * After the end of a fault: everybody is served within ten seconds, strangers can use all of the
   * lobby at each node, and games go on. Says how long it took.
   */
  async isMended(fault: string, nodes = this.cluster.living): Promise<void> {
    const servedMs = await this.crowd.allServed(MENDED_MS)
    const tookMs = servedMs + (await this.crowd.works(nodes, MENDED_MS - servedMs))
    console.log(
      `${fault}: all ${this.crowd.guests.length} are served after ${Math.round(servedMs)} ms, and strangers play at each node after ${Math.round(tookMs)} ms`
    )
    expect(tookMs).toBeLessThan(MENDED_MS)
    worst.set(fault, Math.max(worst.get(fault) ?? 0, tookMs))
    await this.crowd.moreEnds(SOME_ENDS, 30_000)
    this.holds()
    survived(`Lobby on three nodes: ${fault}`, 1)
  }

  /** Games go on without Redis, and results are kept. */
  async gamesGoOn(forMs: number): Promise<void> {
    await this.allStay(async () => {
      const untilMs = performance.now() + forMs
      await this.crowd.moreEnds(SOME_ENDS, forMs)
      await delay(Math.max(0, untilMs - performance.now()))
    })
    this.holds()
  }

  /** Meanwhile whoever is in the lobby stays in it, on the same connection, and is served. */
  async allStay(meanwhile: () => Promise<void>): Promise<void> {
    const { interruptions } = this.crowd
    await meanwhile()
    await this.crowd.allServed(SERVED_MS)
    expect(this.crowd.interruptions).toBe(interruptions)
  }

  /** What must hold at any time. */
  holds(): void {
    expect(this.crowd.problems()).toEqual([])
    expect(this.crowd.lostSeats).toEqual([])
  }

  /** At the end: nothing that was told is lost. Returns how many matches there were. */
  async checkAll(): Promise<number> {
    await this.crowd.rest(MENDED_MS)
    await this.crowd.end()
    // A node that ends while it does not reach Redis brings its results when it starts again
    await this.allReachRedis(MENDED_MS)
    const stoppedMs = performance.now()
    await this.cluster.stop()
    expect(performance.now() - stoppedMs, 'they end at once').toBeLessThan(MENDED_MS)
    await this.crowd.checkSkills()
    const matches = await this.crowd.checkMatches()
    this.holds()
    expect(this.crowd.looks).toBeGreaterThan(20)
    expect(matches).toBeGreaterThan(10)
    console.log(`${matches} matches, each kept once; ${this.crowd.looks} looks at seats and rooms`)
    return matches
  }

  async allReachRedis(withinMs: number): Promise<void> {
    const untilMs = performance.now() + withinMs
    for (;;) {
      const figures = await Promise.all(this.cluster.living.map((node) => node.figures()))
      const states = figures.map((its) => its?.cluster?.directory)
      if (states.every((state) => state === 'here')) return
      if (performance.now() > untilMs) throw new Error(`the directory of the nodes is ${states}`)
      await delay(50)
    }
  }

  async close(): Promise<void> {
    await this.crowd.end()
    await this.cluster.close()
    await this.redis.stop()
  }
}

export function pass(ms: number): Promise<void> {
  return delay(ms)
}
