// What operators see and do: health, metrics, logs, and the drain before the end.
import { Writable } from 'node:stream'
import { pino } from 'pino'
import { expect, onTestFinished, test } from 'vitest'
import { defaultSettings } from '../config.ts'
import { LobbyServer } from '../server.ts'
import { openLobby, Person, until } from './person.ts'
import { Table } from './table.ts'

async function ask(server: LobbyServer, path: string, init?: RequestInit) {
  const response = await fetch(`http://127.0.0.1:${server.operatorPort}${path}`, init)
  return { status: response.status, type: response.headers.get('content-type'), body: await response.text() }
}

/** The figures of an answer in Prometheus' text form, without those that have labels. */
function metricsIn(body: string): Record<string, number> {
  const lines = body.split('\n').filter((line) => /^[a-z_]+ /.test(line))
  return Object.fromEntries(lines.map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]))
}

test('a server that is well says so, and anything else is not found', async () => {
  const server = openLobby()
  expect(await ask(server, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' })
  expect(await ask(server, '/')).toMatchObject({ status: 404 })
  expect(await ask(server, '/metrics', { method: 'POST' })).toMatchObject({ status: 405 })
})

test('the metrics are those of the server, in the form that Prometheus reads', async () => {
  const server = openLobby()
  const [ann] = await Person.roomOf(server, 'Ann', 'Bob')
  ann.send({ type: 'say', text: 'hello' })
  await ann.next('chat')
  const { type, body } = await ask(server, '/metrics')
  expect(type).toMatch('text/plain; version=0.0.4')
  const metrics = metricsIn(body)
  expect(metrics).toMatchObject({ lobby_connections: 2, lobby_players: 2, lobby_rooms: 1, lobby_matches: 0 })
  expect(metrics.lobby_messages_in_total).toBe(server.figures.messagesIn)
  expect(metrics.lobby_messages_out_total).toBe(server.figures.messagesOut)
  expect(metrics.lobby_bytes_in_total).toBeGreaterThan(100)
  expect(metrics.process_resident_memory_bytes).toBeGreaterThan(1e6)
  expect(body).toMatch(/# TYPE lobby_messages_in_total counter/)
  expect(metricsIn((await ask(server, '/metrics')).body).lobby_messages_in_total).toBe(metrics.lobby_messages_in_total)
  await ann.isUndisturbed()
})

test('players and operators do not meet: neither port speaks the language of the other', async () => {
  const server = openLobby()
  await expect(fetch(`http://127.0.0.1:${server.port}/healthz`)).rejects.toThrow()
  const lost = new Person(server.operatorPort)
  lost.send({ type: 'name', name: 'Ann' })
  await until('the connection is closed', () => lost.isClosed)
  expect(server.figures).toMatchObject({ players: 0 })
  expect(await ask(server, '/healthz')).toMatchObject({ status: 200 })
})

test('draining: nobody new comes in, no match begins, and the server ends when the last match has', async () => {
  const server = openLobby({ drainMs: 600_000, matchMs: 600_000 })
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
  expect(await ask(server, '/healthz')).toMatchObject({ status: 503, body: 'draining\n' })
  late.send({ type: 'name', name: 'Late' })
  await late.refused('draining')
  for (const request of [{ type: 'create', room: 'New' }, { type: 'queue' }]) {
    cid.send(request)
    await cid.refused('draining')
  }
  // The match goes on to its end; then there is nothing left to wait for.
  for (const each of [ann, bob]) each.send({ type: 'roll' })
  await ann.next('match-ended')
  for (const each of [ann, bob, cid, late]) {
    await each.next('bye')
    await each.isSentAway()
  }
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
  const server = openLobby({ drainMs: 100, matchMs: 600_000 })
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  await ann.next('match-started')
  server.drain()
  await ann.next('bye')
  await ann.isSentAway()
})

test('the log tells of what operators may be asked about, one JSON object a line', async () => {
  const lines: Record<string, unknown>[] = []
  const out = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(String(chunk)))
      done()
    }
  })
  const settings = { ...defaultSettings, port: 0, operatorPort: 0, signInMs: 50 }
  const server = new LobbyServer('127.0.0.1', '127.0.0.1', settings, pino({ level: 'info' }, out))
  const running = server.run()
  onTestFinished(async () => {
    server.stop()
    await running
  })
  const slow = await Person.arrive(server)
  await slow.refused('sign-in-timeout')
  server.stop()
  await running
  expect(lines).toMatchObject([
    { msg: 'listening', port: server.port, operatorPort: server.operatorPort },
    { msg: 'sent away', reason: 'sign-in-timeout' },
    { msg: 'closing' }
  ])
})
