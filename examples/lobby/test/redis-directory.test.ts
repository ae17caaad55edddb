// What a directory in Redis promises when Redis is slow, gone, or back: nothing hangs, nothing
// waits without a bound, and what comes late does no harm.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { createClient } from '@redis/client'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Directory, DirectoryEvents, JoiningNode, PlayerEntry } from '../cluster/directory.ts'
import { Membership } from '../cluster/membership.ts'
import { RedisDirectory } from '../cluster/redis-directory.ts'
import { system } from '../place.ts'
import { startRedis, type TestRedis, whyNoRedis } from './redis.ts'

const TIMEOUT_MS = 300
const silent: DirectoryEvents = { listings() {}, chat() {}, order() {} }
const load = { players: 0, rooms: 0, matches: 0, isDraining: false }
const renewal = { load, knows: 0, dead: [], settled: undefined }

function selfOf(id: string): JoiningNode {
  return {
    id,
    address: `127.0.0.1:7${id}`,
    operatorAddress: `127.0.0.1:8${id}`,
    secret: Buffer.alloc(32),
    journal: `journal of ${id}`
  }
}

function open(url: string, events = silent): RedisDirectory {
  const directory = new RedisDirectory({
    url,
    events,
    randomBytes,
    timeoutMs: TIMEOUT_MS,
    onProblem: (error) => {
      throw error
    }
  })
  onTestFinished(() => directory.close())
  return directory
}

async function newRedis(save = false): Promise<TestRedis> {
  const redis = await startRedis({ save })
  onTestFinished(() => redis.stop())
  return redis
}

/** Settled, and alone. */
async function nodeOf(redis: TestRedis, url = redis.url) {
  const directory = open(url)
  await directory.opened
  const { epoch } = await directory.join(selfOf('1'))
  const { generation } = await directory.renew(renewal)
  await directory.renew({ ...renewal, settled: generation })
  return { directory, ref: { id: '1', epoch } }
}

function player(name: string, node: PlayerEntry['node']): PlayerEntry {
  return { id: `id of ${name}`, name, account: name, serial: 0, moves: 0, node }
}

/** Other commands than the directory's. */
async function redisClient({ url }: TestRedis) {
  const client = createClient({ url })
  client.on('error', () => {})
  await client.connect()
  onTestFinished(() => {
    if (client.isOpen) client.destroy()
  })
  return client
}

async function isAway(call: Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  await expect(call).rejects.toMatchObject({ code: 'away' })
  return performance.now() - startedMs
}

/** All, and those that do not go by themselves. */
async function keysOf(client: Awaited<ReturnType<typeof redisClient>>) {
  const keys = await client.keys('*')
  const permanent: string[] = []
  for (const key of keys) if ((await client.pTTL(key)) < 0) permanent.push(key)
  return { keys, permanent: permanent.sort() }
}

/** Of a cluster with one node and no players. */
function namesOfKeys({ epoch }: PlayerEntry['node']): string[] {
  return ['lobby:arrivals', `lobby:node:${epoch}`, 'lobby:nodes', 'lobby:state']
}

const answers = (directory: Directory) =>
  vi.waitFor(() => directory.renew(renewal), { timeout: 15_000, interval: 10 })

describe.skipIf(whyNoRedis !== undefined)(`a directory in Redis (${whyNoRedis ?? 'here'})`, () => {
  test('an answer that has come while the process was held up counts', async () => {
    const { directory } = await nodeOf(await newRedis())
    const renewed = directory.renew(renewal)
    await new Promise((resolve) => setImmediate(resolve)) // it is on its way
    const untilMs = performance.now() + 2 * TIMEOUT_MS
    while (performance.now() < untilMs);
    await renewed
  })

  test('without Redis calls are rejected at once, until there is one', async () => {
    const redis = await newRedis()
    await redis.kill('SIGKILL')
    const directory = open(redis.url)
    await isAway(directory.join(selfOf('1')))
    await redis.restart(false)
    await vi.waitFor(() => directory.join(selfOf('1')), { timeout: 15_000, interval: 10 })
    expect((await directory.renew(renewal)).nodes).toHaveLength(1)
  })

  test('a slow Redis is away: one call waits for the timeout, the next ones are not sent', async () => {
    const redis = await newRedis()
    const { directory } = await nodeOf(redis)
    const client = await redisClient(redis)
    await client.sendCommand(['CLIENT', 'PAUSE', '1500'])
    const ms = await isAway(directory.people(0, 1))
    expect(ms).toBeGreaterThan(TIMEOUT_MS - 50)
    const before = directory.commands.get('people')
    const quick = await Promise.all(
      Array.from({ length: 1_000 }, () => isAway(directory.people(0, 1)))
    )
    expect(Math.max(...quick), 'none of them waits for a timeout of its own').toBeLessThan(1_000)
    await vi.waitFor(() => directory.people(0, 1), { timeout: 15_000, interval: 10 })
    expect(before).toBe(1)
  })

  test('a Redis that is stopped and goes on is used again, by a new connection', async () => {
    const redis = await newRedis()
    const { directory } = await nodeOf(redis)
    await redis.kill('SIGSTOP')
    await isAway(directory.people(0, 1))
    await new Promise((resolve) => setTimeout(resolve, 2_500)) // it gives up the connection
    await isAway(directory.people(0, 1))
    await redis.kill('SIGCONT')
    expect((await answers(directory)).mustRegister).toBe(false)
  })

  test('what an earlier connection still had on its way is refused', async () => {
    const redis = await newRedis()
    // A network between them that holds back what the first connections send.
    const links: { isHeld: boolean; chunks: Buffer[]; to: Socket }[] = []
    const proxy = createServer((socket) => {
      const link = { isHeld: false, chunks: [] as Buffer[], to: connect(redis.port, '127.0.0.1') }
      links.push(link)
      socket.on('data', (chunk) => (link.isHeld ? link.chunks.push(chunk) : link.to.write(chunk)))
      link.to.on('data', (chunk) => {
        if (!socket.destroyed) socket.write(chunk)
      })
      socket.on('error', () => {})
      link.to.on('error', () => {})
    }).listen(0, '127.0.0.1')
    await once(proxy, 'listening')
    onTestFinished(() => {
      for (const { to } of links) to.destroy()
      proxy.close()
    })
    const { port } = proxy.address() as { port: number }
    const { directory, ref } = await nodeOf(redis, `redis://127.0.0.1:${port}`)
    await directory.claimName(player('Bob', ref)) // Redis knows the script
    for (const link of links) link.isHeld = true
    await isAway(directory.claimName(player('Ann', ref)))
    await answers(directory)
    await directory.releasePlayer('id of Ann')
    for (const { chunks, to } of links) for (const chunk of chunks) to.write(chunk)
    const client = await redisClient(redis)
    await client.ping()
    expect(await directory.findPlayer('id of Ann')).toBeUndefined()
    await vi.waitFor(async () => {
      const stats = String(await client.sendCommand(['INFO', 'errorstats']))
      expect(stats).toContain('errorstat_SUPERSEDED:count=1')
    }, 10_000)
    expect(await directory.findPlayer('id of Ann')).toBeUndefined()
  })

  test('chat comes again after a restart, without a word from this side', async () => {
    const redis = await newRedis(true)
    const heard: string[] = []
    const listener = open(redis.url, { ...silent, chat: (_from, { text }) => heard.push(text) })
    await listener.opened
    const { directory } = await nodeOf(redis)
    await redis.restart(true)
    await vi.waitFor(
      async () => {
        await directory.say({ name: 'Ann', marks: [], text: 'hello' })
        expect(heard).toContain('hello')
      },
      { timeout: 15_000, interval: 20 }
    )
  })

  test('scripts that Redis has forgotten are sent once more', async () => {
    const redis = await newRedis()
    const { directory } = await nodeOf(redis)
    const client = await redisClient(redis)
    await client.sendCommand(['SCRIPT', 'FLUSH'])
    const before = directory.commands.get('load') as number
    await directory.renew(renewal)
    await directory.renew(renewal)
    expect(directory.commands.get('load')).toBe(before + 1)
  })

  test("names of a dead node's players are free after a while, and nothing is left of it", async () => {
    const redis = await newRedis()
    const { directory, ref } = await nodeOf(redis)
    const other = open(redis.url)
    await other.opened
    const { epoch } = await other.join(selfOf('2'))
    const names = Array.from({ length: 450 }, (_, at) => `Player ${at}`)
    const players = names.map((name) => player(name, { id: '2', epoch }))
    await other.updatePlayers(players.map((each) => ({ player: each, where: 'lobby' })))
    for (const name of names)
      await other.claimRoom({ key: name, code: `of ${name}`, creationId: '' })
    const { nodes } = await directory.renew(renewal)
    await directory.renew({ ...renewal, dead: [{ ...nodes[1], id: '2', epoch }] })
    for (let at = 0; at < 5; at++) await directory.renew(renewal)
    const client = await redisClient(redis)
    const { keys, permanent } = await keysOf(client)
    expect(permanent).toEqual(namesOfKeys(ref))
    expect(keys.length).toBe(permanent.length + 2 * names.length)
    const ttlMs = await client.pTTL('lobby:player:id of Player 7')
    expect(ttlMs).toBeGreaterThan(10_000)
    expect(ttlMs).toBeLessThanOrEqual(30_000)
    expect(await directory.takePlayer('id of Player 7')).toMatchObject({ moves: 1 })
    expect(await client.pTTL('lobby:player:id of Player 7')).toBe(-1)
  })

  test('the number of a journal in memory stays while its node lives, however long it is quiet', async () => {
    const redis = await newRedis()
    const { directory } = await nodeOf(redis)
    const other = open(redis.url)
    await other.opened
    const self = { ...selfOf('2'), journal: 'memory j' }
    const { epoch } = await other.join(self)
    await other.restoreSkills([], { applied: 7, players: 0 })
    expect(await other.recordMatches(8, [])).toBe(7)
    const client = await redisClient(redis)
    const ttl = () => client.pTTL('lobby:applied:memory j')
    expect(await ttl()).toBe(-1)
    const { nodes } = await directory.renew(renewal)
    await directory.renew({ ...renewal, dead: nodes.filter((node) => node.epoch === epoch) })
    expect(await ttl()).toBeGreaterThan(60 * 60_000)
    await other.join(self)
    expect(await ttl()).toBe(-1)
  })

  test('nor of one that died while it registered, which does not keep others waiting', async () => {
    const redis = await newRedis(true)
    const { directory, ref } = await nodeOf(redis)
    const other = open(redis.url)
    await other.opened
    const { epoch } = await other.join(selfOf('2'))
    const players = Array.from({ length: 450 }, (_, at) => {
      return { player: player(`Player ${at}`, { id: '2', epoch }), where: 'lobby' as const }
    })
    await other.updatePlayers(players)
    await redis.restart(true)
    const { generation } = await answers(directory)
    const nothing = { rooms: [], listings: [] }
    await directory.register({ self: selfOf('1'), players: [], ...nothing })
    await answers(other)
    const sent = other.commands.get('updatePlayers') as number
    const registering = other.register({ self: selfOf('2'), players, ...nothing })
    registering.catch(() => {})
    await vi.waitFor(() => expect(other.commands.get('updatePlayers')).toBe(sent + 2), {
      interval: 0,
      timeout: 10_000
    })
    other.close()
    await isAway(registering)

    const { nodes } = await directory.renew({ ...renewal, settled: generation })
    expect((await directory.renew(renewal)).isSettled, 'it may go on').toBe(false)
    await directory.renew({ ...renewal, dead: [{ ...nodes[1] }], settled: generation })
    for (let at = 0; at < 5; at++) await directory.renew(renewal)
    const { permanent } = await keysOf(await redisClient(redis))
    expect(permanent).toEqual(namesOfKeys(ref))
  })

  test('two clusters in one Redis do not see each other', async () => {
    const redis = await newRedis()
    await nodeOf(redis)
    const other = open(`${redis.url}/3`)
    await other.opened
    await other.join(selfOf('2'))
    expect((await other.renew(renewal)).nodes).toHaveLength(1)
  })

  test('what a node owned is taken when it was silent for a whole lease, and not before', async () => {
    const redis = await newRedis()
    const leaseMs = 1_200
    const members = ['1', '2'].map((id) => {
      const directory = open(redis.url)
      const membership = new Membership({
        self: selfOf(id),
        directory,
        place: system,
        leaseMs,
        outageMs: 60_000,
        load: () => load,
        owned: () => ({ players: [], rooms: [], listings: [] }),
        onJoined() {},
        async beforeSpeaking() {},
        onRenewed() {},
        onLost() {},
        onWanted() {},
        onPassed() {},
        onSecret() {},
        onEnded() {}
      })
      membership.start()
      onTestFinished(() => membership.stop())
      return { directory, membership }
    })
    const [one, two] = members
    const wait = { timeout: 15_000, interval: 5 }
    for (const { membership } of members)
      await vi.waitFor(() => expect(membership.directoryState).toBe('here'), wait)
    await vi.waitFor(() => expect(one.membership.nodes).toHaveLength(2), wait)
    await two.directory.claimRoom({ key: 'den', creationId: '2' })

    two.directory.close() // its last renewal was at most now
    const silentMs = performance.now()
    const claim = () => one.directory.claimRoom({ key: 'den', creationId: '1' })
    let spokeMs = silentMs
    await vi.waitFor(async () => {
      if (two.membership.maySpeak()) spokeMs = performance.now()
      expect((await claim()).isYours).toBe(true)
    }, wait)
    const takenMs = performance.now()
    expect(takenMs).toBeGreaterThan(spokeMs)
    expect(takenMs - silentMs).toBeGreaterThan(leaseMs / 2)
    expect(two.membership.maySpeak()).toBe(false)
  })
})
