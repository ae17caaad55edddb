// Threads that hold the connections: on whichever thread a player is, all are in one lobby; and
// when a thread ends with an error, nobody loses a seat.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { isWindows } from '../../../test/support/system.ts'
import { Mailbox } from '../gateway/mailbox.ts'
import { RemoteGateway } from '../gateway/remote-gateway.ts'
import { system } from '../place.ts'
import { Hub } from '../server/hub.ts'
import type { LobbyServer } from '../server/server.ts'
import { arenas, openLobby, Person, until } from './person.ts'
import { UdpEnd } from './udp-end.ts'
import { Browser, upgradeRequest } from './web-player.ts'

const endless = { 'coin-arena.matchMs': 24 * 60 * 60_000, 'coin-arena.coinsToWin': 255 }

/**
 * Which threads there are, in the order in which they were started, and to which of them somebody
 * has come last.
 */
class Threads {
  readonly all: RemoteGateway[] = []
  last: RemoteGateway | undefined

  /** To be called before the lobby is opened. */
  constructor() {
    const connectLink = Hub.prototype.connect
    const threads = this
    const spy = vi.spyOn(Hub.prototype, 'connect').mockImplementation(function (this: Hub, link) {
      const hub = connectLink.call(this, link)
      if (!(link instanceof RemoteGateway)) return hub // the bots of a practice match
      threads.all.push(link)
      return {
        ...hub,
        enter: (client, address) => {
          threads.last = link
          hub.enter(client, address)
        }
      }
    })
    onTestFinished(() => spy.mockRestore())
  }

  /**
   * Somebody on this thread. Which one it comes to is the system's choice: so it is tried until it
   * is the right one.
   */
  async arrive(thread: RemoteGateway, come: () => Promise<Person>): Promise<Person> {
    for (;;) {
      const person = await come()
      if (this.last === thread) return person
      await person.disconnect()
    }
  }

  async signIn(server: LobbyServer, thread: number, name: string): Promise<Person> {
    const person = await this.arrive(this.all[thread], () => Person.arrive(server))
    person.send({ type: 'name', name })
    await person.next('welcome')
    return person
  }
}

const ways = [
  // Windows has no port that several listeners share
  { way: 'with a port that they share', handOver: false, isMissing: isWindows },
  { way: 'with connections that are handed over', handOver: true, isMissing: false }
]

describe.each(ways.filter(({ isMissing }) => !isMissing))('threads $way', ({ handOver }) => {
  test('players on different threads meet, talk, play, and send each other out', async () => {
    const threads = new Threads()
    const server = await openLobby({ ...endless, workers: 2 }, { handOver })
    expect(threads.all).toHaveLength(2)
    const [ann, bob] = [
      await threads.signIn(server, 0, 'Ann'),
      await threads.signIn(server, 1, 'Bob')
    ]
    const web = await Browser.signIn(server, 'Web')
    const all = [ann, bob, web]
    ann.send({ type: 'say', text: 'hello' })
    for (const each of all)
      expect(await each.next('chat')).toMatchObject({ from: 'Ann', to: 'lobby', text: 'hello' })

    bob.send({ type: 'watch-rooms' })
    await bob.next('rooms')
    ann.send({ type: 'create', room: 'Den' })
    await ann.next('joined')
    expect((await bob.next('rooms-changed')).rooms).toMatchObject([{ name: 'Den', players: 1 }])
    for (const each of [bob, web]) {
      each.send({ type: 'join', room: 'Den' })
      await each.next('joined')
    }
    web.send({ type: 'say', text: 'here' })
    for (const each of all)
      expect(await each.next('chat')).toMatchObject({ from: 'Web', to: 'room', text: 'here' })

    // Before the match: during one, nobody is sent out.
    const cid = await threads.signIn(server, 1, 'Cid')
    cid.send({ type: 'join', room: 'Den' })
    await cid.next('joined')
    ann.send({ type: 'kick', name: 'Cid' })
    await cid.next('kicked')
    expect(await web.next('member-left')).toEqual({
      type: 'member-left',
      name: 'Cid',
      kicked: true
    })
    cid.send({ type: 'join', room: 'Den' })
    await cid.refused('kicked')

    const udp = await UdpEnd.open(bob)
    udp.isAcknowledging = true
    for (const each of all) each.send({ type: 'ready' })
    const { match } = await ann.next('match-started')
    await ann.next('state')
    const [{ players }] = arenas(ann)
    await web.next('state')
    await udp.nextState()
    // Bob steers by datagrams, Ann by the connection; each sees the other run.
    udp.isAcknowledging = false
    udp.steer(5, { match })
    ann.send({ type: 'input', match, seq: 1, input: { direction: 5 } })
    await until(
      'Ann sees Bob run',
      () => (arenas(ann).at(-1)?.players[1].y as number) > players[1].y
    )
    await until('Bob sees Ann run', () => udp.states.at(-1)!.players[0].y > players[0].y)
    expect(bob.all('state')).toEqual([])

    // Threads report their counts twice a second.
    await until('the figures are the sum of the threads', () => server.figures.connections === 4)
    expect(server.figures).toMatchObject({ webConnections: 1, players: 4, rooms: 1 })
    expect(server.figures.gateways).toHaveLength(2)
    for (const each of [ann, web]) await each.isUndisturbed()
  })

  test('a token brings a player back on another thread, also when the old connection still stands', async () => {
    const threads = new Threads()
    const server = await openLobby({ ...endless, workers: 2 }, { handOver })
    const [ann, bob] = [
      await threads.signIn(server, 0, 'Ann'),
      await threads.signIn(server, 1, 'Bob')
    ]
    for (const each of [ann, bob]) {
      each.send({ type: each === ann ? 'create' : 'join', room: 'Den' })
      await each.next('joined')
    }
    for (const each of [ann, bob]) each.send({ type: 'ready' })
    const { match } = await bob.next('match-started')
    bob.socket.resetAndDestroy()
    await ann.next('member-away')
    const [first, second] = threads.all
    const again = await threads.arrive(first, () => Person.arrive(server))
    again.send({ type: 'resume', token: bob.all('welcome')[0].token })
    expect((await again.next('match-started')).match).toBe(match)
    await ann.next('member-back')
    await again.next('state')

    const third = await threads.arrive(second, () => Person.arrive(server))
    third.send({ type: 'resume', token: again.all('welcome')[0].token })
    await third.next('match-started')
    await again.refused('replaced')
    await again.isSentAway()
    third.send({ type: 'input', match, seq: 1, input: { direction: 1 } })
    await until('it is this one that steers', () => third.all('state').at(-1)?.seqs[1] === 1)
    await ann.isUndisturbed()
  })

  test('a crowd on both threads: everybody hears everybody, and when the server stops all are closed in order', async () => {
    const threads = new Threads()
    const server = await openLobby({ workers: 2, burstMessages: 1_000 }, { handOver })
    const crowd = await Promise.all(
      Array.from({ length: 60 }, (_, number) => Person.signIn(server, `P${number}`))
    )
    for (const person of crowd.slice(0, 20)) person.send({ type: 'say', text: 'hello' })
    for (const person of crowd)
      await until('all lines are heard', () => person.all('chat').length === 20)
    await until('threads report their counts', () => server.figures.connections === 60)
    for (const { connections } of server.figures.gateways) expect(connections).toBeGreaterThan(0)
    const web = await Browser.signIn(server, 'Web')
    server.drain() // no match goes on: at once
    for (const person of crowd) {
      await person.next('bye')
      await person.isSentAway()
    }
    await until('the browser is closed in order', () => web.hasEnded)
    await server.ended
    for (const thread of threads.all) expect(await thread.ended).toBeUndefined()
    const late = new Person(server.port)
    await until('nobody listens', () => late.error?.code === 'ECONNREFUSED')
  })

  test('a thread that dies of a fault is started anew; its players come back, and those of the other go on', async () => {
    const threads = new Threads()
    const server = await openLobby({ ...endless, workers: 2 }, { handOver })
    const [ann, bob] = [
      await threads.signIn(server, 0, 'Ann'),
      await threads.signIn(server, 1, 'Bob')
    ]
    for (const each of [ann, bob]) {
      each.send({ type: each === ann ? 'create' : 'join', room: 'Den' })
      await each.next('joined')
    }
    for (const each of [ann, bob]) each.send({ type: 'ready' })
    const { match } = await bob.next('match-started')

    const [thread] = threads.all
    await until('the thread has reported its counts', () => thread.figures.messagesIn > 0)
    const counted = server.figures.messagesIn
    thread.deliver(undefined as never, Buffer.alloc(2)) // what no hub would say
    expect(await thread.ended).toBeInstanceOf(TypeError)
    await until('Ann has lost her connection', () => ann.isClosed)
    expect((await bob.next('member-away')).name).toBe('Ann')
    expect(server.figures).toMatchObject({ players: 2, away: 1, matches: 1 })
    expect(server.figures.messagesIn).toBeGreaterThanOrEqual(counted)

    // Meanwhile the other thread takes everybody; some are cut off while the dead one's last ones
    // are found.
    const again = await comeBack(server)
    again.send({ type: 'resume', token: ann.all('welcome')[0].token })
    expect((await again.next('match-started')).match).toBe(match)
    await bob.next('member-back')

    await until('there is a new thread', () => threads.all.length === 3)
    await threads.all[2].listening
    const cid = await threads.signIn(server, 2, 'Cid')
    const udp = await UdpEnd.open(cid)
    udp.isAcknowledging = true
    cid.send({ type: 'spectate', room: 'Den' })
    await udp.nextState()
    await bob.isUndisturbed()
    await again.isUndisturbed()
  })
})

/** Tries until there is somebody who greets. */
async function comeBack(server: LobbyServer): Promise<Person> {
  for (;;) {
    const person = new Person(server.port)
    await until('it is greeted, or cut off', () => person.heard.length > 0 || person.isClosed)
    if (person.heard.length > 0) return person
  }
}

test('a server without an open thread wants no players until there is one', async () => {
  const threads = new Threads()
  const server = await openLobby({ workers: 1 }, { handOver: isWindows })
  expect(server.health).toEqual({ stuck: [], unready: [] })
  threads.all[0].terminate(new Error('a test'))
  await until('it is not ready', () => server.health.unready.length > 0)
  expect(server.health).toEqual({ stuck: [], unready: ['the doors are not open'] })
  await until('it is ready', () => server.health.unready.length === 0)
  await Person.arrive(server)
})

test('a server whose rules or threads stand still says that it should be started again', async () => {
  let standsStill = false
  const place = {
    ...system,
    nowMs: () => system.nowMs() + (standsStill ? 6_000 : 0),
    alarm: (ring: () => void) => system.alarm(() => standsStill || ring())
  }
  const server = await openLobby({ workers: 1 }, { handOver: isWindows, place })
  const ask = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${server.operatorPort}/${path}`)
    return `${response.status} ${await response.text()}`
  }
  expect(await ask('healthz')).toBe('200 ok\n')
  standsStill = true
  for (const path of ['healthz', 'readyz'])
    expect(await ask(path)).toBe('503 the rules do not tick\n')
  standsStill = false
  const silence = vi.spyOn(RemoteGateway.prototype, 'silentMs', 'get').mockReturnValue(5_001)
  onTestFinished(() => silence.mockRestore())
  for (const path of ['healthz', 'readyz'])
    expect(await ask(path)).toMatch(/^503 .*1 of 1 threads do not answer\n$/s)
})

test('who is handed over to a thread that ends just then is cut off, and not left waiting', async () => {
  const threads = new Threads()
  const server = await openLobby({ workers: 2 }, { handOver: true })
  const crowd: Person[] = []
  for (const thread of threads.all) thread.terminate(new Error('a test'))
  for (let count = 0; count < 40; count++) {
    crowd.push(new Person(server.port))
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (const person of crowd)
    await until('each is greeted, or cut off', () => person.heard.length > 0 || person.isClosed)
  await (await comeBack(server)).answered()
})

test.each([
  ['while it is handed over', false],
  ['just after that', true]
])(
  'who says something and is gone %s, as a browser or not, harms no thread',
  async (_, isAfter) => {
    const threads = new Threads()
    const server = await openLobby({ workers: 2, resumeMs: 0 }, { handOver: true })
    const ann = await Person.signIn(server, 'Ann')
    let taken = 0
    const receive = Mailbox.prototype.receive
    const spy = vi.spyOn(Mailbox.prototype, 'receive').mockImplementation(function (
      this: Mailbox,
      post
    ) {
      taken += post.calls?.filter(([method]) => method === 'taken').length ?? 0
      receive.call(this, post)
    })
    onTestFinished(() => spy.mockRestore())
    const request = upgradeRequest(server.webPort)
    const hello = Buffer.from('\0\x1c{"type":"name","name":"Eve"}')
    for (let count = 0; count < 100; count++) {
      const isWeb = count % 2 === 0
      const socket = connect({ port: isWeb ? server.webPort : server.port, host: '127.0.0.1' }).on(
        'error',
        () => {}
      )
      await once(socket, 'connect')
      if (isAfter) await until('the thread has it', () => taken > count)
      socket.write(isWeb ? request : hello, () => socket.resetAndDestroy())
    }
    await until('all are gone', () => taken === 100 && server.figures.connections === 1)
    expect(threads.all, 'none was started anew').toHaveLength(2)
    await ann.isUndisturbed()
    await Browser.signIn(server, 'Web')
  }
)

test('while the rules do not keep up with a thread, its players get an error, and nothing piles up', async () => {
  const limits = { messagesPerSecond: 1e6, burstMessages: 1e6, maxDroppedMessages: 1e6 }
  const server = await openLobby({ workers: 1, ...limits }, { handOver: isWindows })
  const ann = await Person.signIn(server, 'Ann')
  const stuck = vi.spyOn(Mailbox.prototype, 'receive').mockImplementation(() => {})
  onTestFinished(() => stuck.mockRestore())
  const long = JSON.stringify({ type: 'ping', id: 1 }).padEnd(4_000)
  let bytes = 0
  await until('Ann gets an error', () => {
    for (let count = 0; count < 100; count++, bytes += long.length) ann.sendFrame(long)
    return ann.all('error').length > 0
  })
  expect(ann.all('error')[0]).toMatchObject({
    code: 'too-fast',
    message: 'the server does not keep up'
  })
  expect(ann.all('pong')).toEqual([])
  expect(bytes).toBeGreaterThan(15 * 2 ** 20)
})

test.each([false, true])(
  'a port that is taken is reported, with threads as without (handed over: %s)',
  async (handOver) => {
    const taken = await openLobby()
    for (const [setting, port] of [
      ['port', taken.port],
      ['webPort', taken.webPort]
    ] as const) {
      const other = openLobby({ workers: 1, [setting]: port }, { handOver: handOver || isWindows })
      await expect(other, setting).rejects.toMatchObject({
        code: 'EADDRINUSE',
        port,
        address: '127.0.0.1'
      })
    }
  }
)

test.skipIf(isWindows)(
  'a lobby with threads does not share its ports with another one',
  async () => {
    const first = await openLobby({ workers: 1 })
    await expect(openLobby({ workers: 1, port: first.port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      port: first.port
    })
    await Person.signIn(first, 'Ann')
  }
)

test('a port for datagrams that is taken is reported as well, and nothing is left of the threads', async () => {
  const threads = new Threads()
  const taken = await UdpEnd.at({ port: 0, token: '' })
  const { port } = taken.socket.address()
  // The second thread's.
  const opening = openLobby({ workers: 2, udpPort: port - 1 }, { handOver: isWindows })
  await expect(opening).rejects.toMatchObject({ code: 'EADDRINUSE', port })
  for (const thread of threads.all) await thread.ended
  expect(threads.all).toHaveLength(2)
})

// Windows has no signals between processes.
test.skipIf(isWindows)('the command with threads ends by itself on SIGTERM', async () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  const flags = [
    '--port',
    '0',
    '--udp-port',
    '0',
    '--web-port',
    '0',
    '--operator-port',
    '0',
    '--workers',
    '2'
  ]
  const command = ['--import', 'tsx', 'examples/lobby/main.ts', ...flags]
  const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
  await until('it listens', () => /open on 127\.0\.0\.1:\d+/.test(output))
  const port = Number(/open on 127\.0\.0\.1:(\d+)/.exec(output)?.[1])
  const ann = await Person.signIn({ port }, 'Ann')
  // It never ends its side, so the end of the process may reset it.
  const silent = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    .on('error', () => {})
    .resume()
  onTestFinished(() => void silent.destroy())
  await once(silent, 'connect')
  child.kill('SIGTERM')
  await ann.next('bye')
  await ann.isSentAway()
  await until('it has ended', () => child.exitCode !== null || child.signalCode !== null)
  expect(child.exitCode).toBe(0)
  expect(output).not.toMatch(/error|warning/i)
})
