// What operators see and do: the monitor's data, metrics, health, logs, and the drain before the
// end. The door is tested with a made-up server behind it; a few tests at the end go through a
// whole one.
import { once } from 'node:events'
import http from 'node:http'
import { connect } from 'node:net'
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect, onTestFinished, test, vi } from 'vitest'
import { defaultOperatorLimits } from '../server/operators.ts'
import { LATENESS_BOUNDS_MS, latenessAt } from '../server/server-figures.ts'
import {
  BEARER,
  MadeUpServer,
  madeUpCluster,
  madeUpFigures,
  madeUpRoom,
  openDoor
} from './operator-door.ts'
import { openLobby, Person, until } from './person.ts'
import { Table } from './table.ts'

async function ask(port: number, path: string, init: RequestInit = {}) {
  const headers = { ...BEARER, ...init.headers }
  const response = await fetch(`http://127.0.0.1:${port}${path}`, { ...init, headers })
  return { status: response.status, headers: response.headers, body: await response.text() }
}

/** The figures of an answer in Prometheus' text form, by name and labels as they stand there. */
function metricsIn(body: string): Record<string, number> {
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return Object.fromEntries(
    lines.map((line) => [
      line.slice(0, line.lastIndexOf(' ')),
      Number(line.slice(line.lastIndexOf(' ')))
    ])
  )
}

/** Somebody on Node's own `net` who writes bytes, whatever they mean. */
function visitor(port: number, localAddress?: string) {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  onTestFinished(() => void socket.destroy())
  const seen = { socket, text: '', isClosed: false }
  socket.setEncoding('latin1').on('data', (text) => {
    seen.text += text
  })
  socket.on('error', () => {}) // a reset closes it too
  socket.on('close', () => {
    seen.isClosed = true
  })
  return seen
}

// ---- What is answered ----

test('the monitor page is there, with every file that it asks for, and nothing of it is inline', async () => {
  const { port } = openDoor(new MadeUpServer())
  const page = await ask(port, '/')
  expect(page.headers.get('content-type')).toMatch('text/html')
  expect(page.headers.get('content-security-policy')).toMatch("default-src 'self'")
  expect(page.body).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|https?:/)

  const known = ['figures', 'metrics']
  const waiting = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path)
  const seen = new Set<string>()
  for (const path of waiting) {
    if (seen.has(path) || known.includes(path)) continue
    seen.add(path)
    const { status, headers, body } = await ask(port, `/${path}`)
    expect(status, path).toBe(200)
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    waiting.push(
      ...[...body.matchAll(/^import .* from '\.\/([^']+)'/gm)].map(([, module]) => module)
    )
  }
  expect([...seen]).toEqual(
    expect.arrayContaining(['uplot.js', 'uplot.css', 'monitor.js', 'history.js', 'rooms.js'])
  )
})

test('the figures and the rooms are those of the server', async () => {
  const server = new MadeUpServer()
  server.allRooms = Array.from({ length: 25 }, (_, number) => madeUpRoom(`Room ${number}`))
  server.allRooms[24].match = {
    number: 3,
    tick: 90,
    endsInMs: 27_000,
    scores: [{ name: 'Ann', score: 2 }]
  }
  const { port } = openDoor(server)
  const figures = await ask(port, '/figures')
  expect(figures.headers.get('content-type')).toBe('application/json')
  expect(figures.headers.get('cache-control')).toBe('no-store')
  expect(JSON.parse(figures.body)).toEqual(server.figures())
  for (const path of ['/rooms', '/rooms?from=0', '/rooms?other=1']) {
    expect(JSON.parse((await ask(port, path)).body)).toEqual(server.rooms(0))
  }
  expect(JSON.parse((await ask(port, '/rooms?from=20')).body)).toEqual(server.rooms(20))
  expect(JSON.parse((await ask(port, '/rooms?from=1000')).body)).toEqual({
    rooms: [],
    from: 1000,
    total: 25
  })
})

test.each(['', '-1', '1.5', 'x', '1e3', ' 1', '0x10', '99999999999'])(
  'rooms from %j are no rooms',
  async (from) => {
    const { port } = openDoor(new MadeUpServer())
    expect(await ask(port, `/rooms?from=${encodeURIComponent(from)}`)).toMatchObject({
      status: 400
    })
  }
)

test('every number of the server is a metric, in the form that Prometheus reads', async () => {
  const server = new MadeUpServer()
  const { port } = openDoor(server)
  const { body, headers } = await ask(port, '/metrics')
  expect(headers.get('content-type')).toMatch('text/plain; version=0.0.4')
  const metrics = metricsIn(body)
  expect(metrics).toMatchObject({
    lobby_connections: 5,
    lobby_web_connections: 2,
    lobby_players: 4,
    lobby_away: 1,
    lobby_queued: 2,
    lobby_playing: 2,
    lobby_via_udp: 1,
    lobby_rooms: 3,
    lobby_matches: 1,
    lobby_draining: 0,
    lobby_uptime_seconds: 61.5,
    lobby_sign_ins_total: 9,
    lobby_messages_in_total: 100,
    lobby_messages_out_total: 300,
    lobby_bytes_in_total: 4_000,
    lobby_bytes_out_total: 90_000,
    lobby_datagrams_in_total: 50,
    lobby_datagrams_out_total: 70,
    lobby_datagrams_refused_total: 3,
    'lobby_refusals_total{code="flood"}': 2,
    'lobby_refusals_total{code="name-taken"}': 7,
    lobby_unsaved_matches_total: 0,
    lobby_ticks_total: 1_845,
    lobby_missed_ticks_total: 4,
    'lobby_memory_bytes{kind="rss"}': 90_000_000,
    'lobby_memory_bytes{kind="array_buffers"}': 1_000_000,
    'lobby_gateway_connections{gateway="0"}': 5,
    'lobby_gateway_connections{gateway="1"}': 0,
    'lobby_gateway_bytes_out_total{gateway="1"}': 90_000
  })
  expect(metrics.process_resident_memory_bytes).toBeGreaterThan(1e6)
  expect(body).toMatch(/# TYPE lobby_messages_in_total counter/)
  expect(body).toMatch(/# TYPE lobby_players gauge/)
})

test('metrics are asked for again and again: counters are those of the server, and what is gone is gone', async () => {
  const server = new MadeUpServer()
  const { port } = openDoor(server)
  await ask(port, '/metrics')
  expect(metricsIn((await ask(port, '/metrics')).body)).toMatchObject({
    lobby_messages_in_total: 100
  })
  server.now = madeUpFigures({
    messagesIn: 150,
    isDraining: true,
    refusals: { flood: 3 },
    gateways: []
  })
  const metrics = metricsIn((await ask(port, '/metrics')).body)
  expect(metrics).toMatchObject({ lobby_messages_in_total: 150, lobby_draining: 1 })
  expect(metrics['lobby_refusals_total{code="flood"}']).toBe(3)
  expect(Object.keys(metrics).filter((name) => /name-taken|gateway/.test(name))).toEqual([])
})

test('in a cluster there are metrics of it, and none elsewhere', async () => {
  const server = new MadeUpServer()
  const { port } = openDoor(server)
  const ofCluster = async () => {
    const all = Object.entries(metricsIn((await ask(port, '/metrics')).body))
    return Object.fromEntries(all.filter(([name]) => name.startsWith('lobby_cluster_')))
  }
  expect(await ofCluster()).toEqual({})
  server.now = madeUpFigures({ cluster: madeUpCluster() })
  const expected = {
    lobby_cluster_epoch: 7,
    lobby_cluster_nodes: 3,
    lobby_cluster_links: 1,
    lobby_cluster_may_speak: 1,
    'lobby_cluster_directory{state="here"}': 1,
    'lobby_cluster_directory{state="away"}': 0,
    'lobby_cluster_directory{state="settling"}': 0,
    lobby_cluster_elsewhere: 2,
    lobby_cluster_moved_in_total: 3,
    lobby_cluster_moved_out_total: 1,
    'lobby_cluster_commands_total{kind="renew"}': 40,
    'lobby_cluster_commands_total{kind="publish"}': 12
  }
  expect(await ofCluster()).toEqual(expected)
  server.now = madeUpFigures({
    cluster: { ...madeUpCluster(), directory: 'away', maySpeak: false, links: [] }
  })
  expect(await ofCluster()).toEqual({
    ...expected,
    lobby_cluster_links: 0,
    lobby_cluster_may_speak: 0,
    'lobby_cluster_directory{state="here"}': 0,
    'lobby_cluster_directory{state="away"}': 1
  })
})

test('the lateness of ticks is a histogram in seconds', async () => {
  const server = new MadeUpServer()
  const counts = [...LATENESS_BOUNDS_MS, Number.POSITIVE_INFINITY].map((_, at) => at)
  server.now = madeUpFigures({ lateness: { boundsMs: LATENESS_BOUNDS_MS, counts, sumMs: 1_234 } })
  const { port } = openDoor(server)
  const { body } = await ask(port, '/metrics')
  expect(body).toMatch(/# TYPE lobby_tick_lateness_seconds histogram/)
  const metrics = metricsIn(body)
  const upTo = (le: string) => metrics[`lobby_tick_lateness_seconds_bucket{le="${le}"}`]
  expect(upTo('0.0001')).toBe(0)
  expect(upTo('0.0005')).toBe(0 + 1 + 2)
  expect(upTo('0.005')).toBe(
    counts.slice(0, LATENESS_BOUNDS_MS.indexOf(5) + 1).reduce((sum, count) => sum + count)
  )
  const total = counts.reduce((sum, count) => sum + count)
  expect(upTo('+Inf')).toBe(total)
  expect(metrics.lobby_tick_lateness_seconds_count).toBe(total)
  expect(metrics.lobby_tick_lateness_seconds_sum).toBe(1.234)
  const buckets = Object.keys(metrics).filter((name) =>
    name.startsWith('lobby_tick_lateness_seconds_bucket')
  )
  expect(buckets).toHaveLength(counts.length)
  // What Prometheus makes of it is what the server itself says.
  const half = buckets.find((name) => metrics[name] >= total / 2)
  expect(half).toMatch(`"${latenessAt({ boundsMs: LATENESS_BOUNDS_MS, counts }, 0.5) / 1000}"`)
})

test('a server that turns says so, and another answer is whether it wants players', async () => {
  const server = new MadeUpServer()
  const { port } = openDoor(server)
  for (const path of ['/healthz', '/readyz']) {
    expect(await ask(port, path)).toMatchObject({ status: 200, body: 'ok\n' })
    expect(await ask(port, path, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
  }
  server.problems = { stuck: [], unready: ['draining', 'results cannot be saved'] }
  expect(await ask(port, '/healthz')).toMatchObject({ status: 200 })
  const body = 'draining\nresults cannot be saved\n'
  expect(await ask(port, '/readyz')).toMatchObject({ status: 503, body })
  server.problems = { stuck: ['the rules do not tick'], unready: [] }
  expect(await ask(port, '/healthz')).toMatchObject({
    status: 503,
    body: 'the rules do not tick\n'
  })
})

test('a server whose figures fail is not well, and goes on', async () => {
  const server = new MadeUpServer()
  const { port } = openDoor(server)
  server.figures = () => {
    throw new Error('no figures today')
  }
  for (const path of ['/figures', '/metrics']) {
    expect(await ask(port, path)).toMatchObject({ status: 500, body: 'Error: no figures today\n' })
  }
  expect(await ask(port, '/rooms')).toMatchObject({ status: 200 })
})

// ---- What is not ----

test('anything else is not found, and only GET and HEAD are answered, without a body', async () => {
  const { port } = openDoor(new MadeUpServer())
  for (const path of ['/nothing', '/figures/', '/../operators.ts', '/monitor/index.html', '//']) {
    expect(await ask(port, path)).toMatchObject({ status: 404 })
  }
  for (const path of ['/', '/metrics', '/nothing']) {
    for (const init of [
      { method: 'POST', body: 'x' },
      { method: 'DELETE' },
      { method: 'OPTIONS' }
    ]) {
      expect(await ask(port, path, init)).toMatchObject({ status: 405 })
    }
  }
  for (const header of ['Content-Length: 3', 'Transfer-Encoding: chunked']) {
    const rude = visitor(port)
    rude.socket.write(`GET /healthz HTTP/1.1\r\nHost: x\r\n${header}\r\n\r\n`)
    await until('the connection is closed', () => rude.isClosed)
    expect(rude.text).toMatch(/^HTTP\/1\.1 413 /)
  }
})

test.each([
  ['no HTTP at all', '\0\x10{"type":"name","name":"Ann"}', /^HTTP\/1\.1 400 /],
  ['half a request and then the end', 'GET / HT', /^HTTP\/1\.1 400 /],
  ['an endless path', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, /^HTTP\/1\.1 431 /],
  ['endless headers', `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(5_000)}\r\n`, /^HTTP\/1\.1 431 /],
  ['a tunnel', 'CONNECT elsewhere:80 HTTP/1.1\r\nHost: elsewhere:80\r\n\r\n', /^$/],
  [
    'two lengths',
    'GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    /^HTTP\/1\.1 400 /
  ]
])('%s is refused and cut off', async (_, bytes, answer) => {
  const { port } = openDoor(new MadeUpServer())
  const rude = visitor(port)
  rude.socket.end(bytes, 'latin1')
  await until('the connection is closed', () => rude.isClosed)
  expect(rude.text).toMatch(answer)
  expect(await ask(port, '/healthz')).toMatchObject({ status: 200 })
})

test('visitors who reset their connections, whatever they were sent, disturb nobody', async () => {
  const { port, poller } = openDoor(new MadeUpServer())
  for (const bytes of [
    '',
    'GET / HT',
    `GET /uplot.js HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${BEARER.authorization}\r\n\r\n`,
    'nonsense\r\n\r\n'
  ]) {
    const rude = visitor(port)
    await once(rude.socket, 'connect')
    rude.socket.write(bytes)
    if (bytes.includes('uplot')) await once(rude.socket, 'data')
    rude.socket.resetAndDestroy()
  }
  expect(await ask(port, '/healthz', { headers: { connection: 'close' } })).toMatchObject({
    status: 200
  })
  await until('all are gone', () => poller.stats.sockets === 1)
})

test('of too many connections the address with most loses one: nobody shuts the others out', async () => {
  const { port, poller } = openDoor(new MadeUpServer(), { maxConnections: 12 })
  const crowd = Array.from({ length: 11 }, () => visitor(port, '127.0.0.66'))
  const silent = visitor(port, '127.0.0.5')
  await until('all are there', () => poller.stats.sockets === 13)
  for (let round = 0; round < 5; round++) {
    expect(await ask(port, '/healthz')).toMatchObject({ status: 200 })
    crowd.push(visitor(port, '127.0.0.66')) // again and again
    await until('one of the crowd has gone', () => crowd.filter((one) => !one.isClosed).length < 12)
  }
  silent.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await until('who came before is answered', () => silent.text.includes('ok\n'))
})

/**
 * The deadlines' clock is the test's from here on; http's own timers are Node's. Returns `until`,
 * by a clock that goes on.
 */
function holdDeadlines() {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  return async (what: string, isTrue: () => boolean) => {
    const deadlineMs = performance.now() + 45_000
    while (!isTrue()) {
      if (performance.now() > deadlineMs) throw new Error(`never happened: ${what}`)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

test('who has not asked in time is cut off, however many bytes came; who asks in time may stay', async () => {
  const comes = holdDeadlines()
  const { requestMs } = defaultOperatorLimits
  const { port, poller } = openDoor(new MadeUpServer())
  const [silent, slow, good] = [visitor(port), visitor(port), visitor(port)]
  await comes('all are there', () => poller.stats.sockets === 4)
  slow.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ')
  good.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await comes('the good one is answered', () => good.text.includes('ok\n'))
  vi.advanceTimersByTime(requestMs - 1)
  slow.socket.write('x')
  good.text = ''
  good.socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
  await comes('the good one is answered again', () => good.text.includes('ok\n'))
  expect([silent.isClosed, slow.isClosed]).toEqual([false, false])
  vi.advanceTimersByTime(1)
  await comes('both are cut off', () => silent.isClosed && slow.isClosed)
  expect([silent.text, slow.text, good.isClosed]).toEqual(['', '', false])
  vi.advanceTimersByTime(requestMs - 1)
  await comes('the good one is cut off, or has been closed as idle by http', () => good.isClosed)
})

test('who asks in the last moment has time to read the answer, and who does not read it is cut off', async () => {
  const comes = holdDeadlines()
  const server = new MadeUpServer()
  server.allRooms = [madeUpRoom('x'.repeat(32 * 1024 * 1024))]
  const { port, poller } = openDoor(server)
  const greedy = visitor(port)
  greedy.socket.pause()
  await comes('it is there', () => poller.stats.sockets === 2)
  vi.advanceTimersByTime(defaultOperatorLimits.requestMs - 1)
  greedy.socket.write(
    `GET /rooms HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${BEARER.authorization}\r\n\r\n`
  )
  await comes('the answer is on its way', () => poller.stats.bytesSent > 0)
  vi.advanceTimersByTime(defaultOperatorLimits.requestMs - 1)
  expect(poller.stats.sockets).toBe(2)
  vi.advanceTimersByTime(1)
  await comes('it is cut off', () => poller.stats.sockets === 1)
})

test('one connection may ask as often as it likes', async () => {
  const { port, poller } = openDoor(new MadeUpServer(), { maxConnections: 1 })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  for (let round = 0; round < 50; round++) {
    const request = http.get({ host: '127.0.0.1', port, path: '/figures', agent, headers: BEARER })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.resume()
    await once(response, 'end')
    expect(response.statusCode).toBe(200)
  }
  expect(poller.stats.sockets).toBe(2)
})

// ---- A whole server ----

test('the figures, the rooms and the metrics of a server are what its players do', async () => {
  const server = await openLobby()
  const [ann] = await Person.roomOf(server, 'Ann', 'Bob')
  ann.send({ type: 'say', text: 'hello' })
  await ann.next('chat')
  ann.send({ type: 'join', room: 'Nowhere' })
  await ann.refused('in-a-room')
  const figures = JSON.parse((await ask(server.operatorPort, '/figures')).body)
  expect(figures).toMatchObject({ connections: 2, players: 2, rooms: 1, matches: 0, signIns: 2 })
  const rooms = JSON.parse((await ask(server.operatorPort, '/rooms')).body)
  expect(rooms).toMatchObject({
    from: 0,
    total: 1,
    rooms: [{ name: 'Den', players: [{ name: 'Ann' }, { name: 'Bob' }] }]
  })
  const metrics = metricsIn((await ask(server.operatorPort, '/metrics')).body)
  expect(metrics).toMatchObject({
    lobby_connections: 2,
    lobby_players: 2,
    lobby_rooms: 1,
    lobby_matches: 0
  })
  expect(metrics.lobby_messages_in_total).toBe(server.figures.messagesIn)
  expect(metrics.lobby_messages_out_total).toBe(server.figures.messagesOut)
  expect(metrics.lobby_bytes_in_total).toBeGreaterThan(100)
  expect(metrics['lobby_refusals_total{code="in-a-room"}']).toBe(1)
})

test('players and operators do not meet: neither port speaks the language of the other', async () => {
  const server = await openLobby()
  await expect(fetch(`http://127.0.0.1:${server.port}/healthz`)).rejects.toThrow()
  const lost = new Person(server.operatorPort)
  lost.send({ type: 'name', name: 'Ann' })
  await until('the connection is closed', () => lost.isClosed)
  expect(server.figures).toMatchObject({ players: 0 })
  expect(await ask(server.operatorPort, '/healthz')).toMatchObject({ status: 200 })
})

test('draining: nobody new comes in, no match begins, and the server ends when the last match has', async () => {
  const server = await openLobby({ drainMs: 600_000, 'coin-arena.matchMs': 600_000 })
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  for (const each of [ann, bob]) await each.next('match-started')
  const cid = await Person.signIn(server, 'Cid')
  cid.send({ type: 'queue' })
  await cid.next('queued')
  const late = await Person.arrive(server)
  server.drain()
  expect((await ann.next('draining')).withinMs).toBe(600_000)
  await cid.next('unqueued')
  expect(await ask(server.operatorPort, '/healthz')).toMatchObject({ status: 200 })
  expect(await ask(server.operatorPort, '/readyz')).toMatchObject({
    status: 503,
    body: 'draining\n'
  })
  late.send({ type: 'name', name: 'Late' })
  await late.refused('draining')
  for (const request of [{ type: 'create', room: 'New' }, { type: 'queue' }]) {
    cid.send(request)
    await cid.refused('draining')
  }
  // The match goes on to its end, which comes when one of two has left; then there is nothing left
  // to wait for.
  bob.send({ type: 'leave' })
  expect((await ann.next('match-ended')).winners).toEqual(['Ann'])
  for (const each of [ann, bob, cid, late]) {
    await each.next('bye')
    await each.isSentAway()
  }
  await server.ended
})

test('draining: a player who lost the connection comes back to the match; a countdown is stopped', () => {
  const table = new Table({ countdownMs: 3_000 })
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  table.heard(ann)
  table.lobby.drain(1000, table.nowMs)
  expect(table.heard(ann).map(({ type }) => type)).toEqual(['countdown-stopped', 'draining'])
  table.passMs(3_000)
  expect(table.lobby.matchCount).toBe(0)
})

test('a drain ends when its time is over, whatever still goes on', async () => {
  const server = await openLobby({ drainMs: 100, 'coin-arena.matchMs': 600_000 })
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  await ann.next('match-started')
  server.drain()
  await ann.next('bye')
  await ann.isSentAway()
})

test('the log has what operators may be asked about, one JSON object a line', async () => {
  const lines: Record<string, unknown>[] = []
  const out = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    }
  })
  const server = await openLobby({ signInMs: 50 }, { log: pino({ level: 'info' }, out) })
  const { port, operatorPort } = server
  const slow = await Person.arrive(server)
  await slow.refused('sign-in-timeout')
  server.stop()
  await server.ended
  expect(lines).toMatchObject([
    { msg: 'listening', port, operatorPort },
    { msg: 'disconnected', reason: 'sign-in-timeout' },
    { msg: 'closing' }
  ])
})
