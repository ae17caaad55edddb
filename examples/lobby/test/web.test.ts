// The door for browsers over real sockets: the page, WebSockets beside other players, and those who
// are no browsers.

import { readdirSync } from 'node:fs'
import http from 'node:http'
import { expect, test } from 'vitest'
import { defaultLimits } from '../rules/limits.ts'
import { arenas, openLobby, Person, until } from './person.ts'
import { ticketOf, UdpEnd } from './udp-end.ts'
import { Browser, frame, upgradeRequest, Visitor } from './web-player.ts'

const endless = { 'coin-arena.matchMs': 24 * 60 * 60_000, 'coin-arena.coinsToWin': 255 }

// ---- Players ----

test('a browser, a player by TCP and one by TCP and datagrams meet in a room, talk, and play the same match', async () => {
  const server = await openLobby({ 'coin-arena.matchMs': 1_500 })
  const web = await Browser.signIn(server, 'Web')
  web.send({ type: 'create', room: 'Den' })
  await web.next('joined')
  const [tcp, udp] = [await Person.signIn(server, 'Tcp'), await Person.signIn(server, 'Udp')]
  for (const each of [tcp, udp]) {
    each.send({ type: 'join', room: 'Den' })
    await each.next('joined')
  }
  const end = await UdpEnd.open(udp)
  end.isAcknowledging = true
  const all = [web, tcp, udp]
  for (const each of all) {
    each.send({ type: 'say', text: 'hello 👋' })
    for (const hearer of all) expect((await hearer.next('chat')).text).toBe('hello 👋')
  }
  expect(server.figures).toMatchObject({ connections: 3, webConnections: 1, players: 3, rooms: 1 })

  for (const each of all) each.send({ type: 'ready' })
  const starts = await Promise.all(all.map((each) => each.next('match-started')))
  for (const start of starts) expect(start.players).toEqual(['Web', 'Tcp', 'Udp'])
  const { match } = await web.next('state')
  const [{ players }] = arenas(web)
  web.send({ type: 'input', match, seq: 1, input: { direction: 7 } })
  const hasMoved = (state: { players: { x: number }[] }) => state.players[0].x < players[0].x
  await until('the browser sees that it runs', () => arenas(web).some(hasMoved))
  await until('the player by TCP sees it', () => arenas(tcp).some(hasMoved))
  await until('the player by datagrams sees it', () => end.states.some(hasMoved))
  expect(udp.all('state')).toEqual([])
  const ends = await Promise.all(all.map((each) => each.next('match-ended')))
  expect(ends[1]).toEqual(ends[0])
  expect(ends[2]).toEqual(ends[0])
  for (const each of all) await each.isUndisturbed()
})

test('a seat goes with its token from a WebSocket to TCP and back', async () => {
  const server = await openLobby(endless)
  const web = await Browser.signIn(server, 'Web')
  web.send({ type: 'create', room: 'Den' })
  await web.next('joined')
  const bob = await Person.signIn(server, 'Bob')
  bob.send({ type: 'join', room: 'Den' })
  await bob.next('joined')
  for (const each of [web, bob]) each.send({ type: 'ready' })
  const { match } = await web.next('match-started')
  web.socket.terminate()
  expect((await bob.next('member-away')).name).toBe('Web')

  const person = await Person.arrive(server)
  person.send({ type: 'resume', token: web.all('welcome')[0].token })
  expect((await person.next('match-started')).match).toBe(match)
  await bob.next('member-back')
  await person.next('state')

  // This one still has its connection, which does not know that it is over.
  const again = await Browser.arrive(server)
  again.send({ type: 'resume', token: person.all('welcome')[0].token })
  expect((await again.next('match-started')).match).toBe(match)
  await person.refused('replaced')
  await person.isSentAway()
  await again.next('state')

  const third = await Browser.arrive(server)
  third.send({ type: 'resume', token: again.all('welcome')[0].token })
  await third.next('match-started')
  await again.refused('replaced')
  await until('the WebSocket is closed in order', () => again.hasEnded)
  await until('two connections are left', () => server.figures.connections === 2)
  await bob.isUndisturbed()
})

test('a browser that asks for datagrams gets an error', async () => {
  const server = await openLobby()
  const web = await Browser.signIn(server, 'Web')
  web.send({ type: 'udp' })
  await web.refused('no-udp')
  await web.answered()
  const other = await Person.signIn(server, 'Other')
  await ticketOf(other)
})

test('when the server stops, browsers hear it and are closed in order', async () => {
  const server = await openLobby()
  const web = await Browser.signIn(server, 'Web')
  server.stop()
  await web.next('bye')
  await until('it is closed in order', () => web.hasEnded)
  expect(web.closeCode).toBe(1001)
})

test('what is wrong with a message is answered, and its sender may go on', async () => {
  const server = await openLobby()
  const web = await Browser.signIn(server, 'Web')
  for (const [text, code] of [
    ['', 'bad-json'],
    ['{"type":', 'bad-json'],
    ['[]', 'bad-json'],
    ['{}', 'bad-message'],
    ['{"type":"fly"}', 'unknown-command'],
    ['{"type":"leave"}', 'not-in-a-room']
  ]) {
    web.socket.send(text)
    await web.refused(code)
  }
  web.socket.send(JSON.stringify({ type: 'ping', id: 1 }).padEnd(defaultLimits.maxFrameBytes))
  expect((await web.next('pong')).id).toBe(1)
  web.socket.send('{"type":"ping",', { fin: false })
  web.socket.send('"id":2}', { fin: true })
  expect((await web.next('pong')).id).toBe(2)
})

// ---- The page ----

test('the page is served with all its files, under a policy that lets nothing else in', async () => {
  const { webPort } = await openLobby()
  const names = readdirSync(new URL('../web/', import.meta.url)).filter(
    (name) => !name.endsWith('.json')
  )
  expect(names).toContain('index.html')
  for (const path of ['/', '/?room=Den', ...names.map((name) => `/${name}`)]) {
    const response = await fetch(`http://127.0.0.1:${webPort}${path}`)
    expect(response.status, path).toBe(200)
    expect(response.headers.get('content-security-policy')).toContain("default-src 'self'")
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect((await response.text()).length).toBeGreaterThan(0)
  }
})

test('an upgrade that the door does not speak is passed over: `curl --http2` gets the page', async () => {
  const { webPort } = await openLobby()
  const visitor = new Visitor(webPort)
  // What curl sends (RFC 7540, 3.2).
  const asks = [
    'Connection: Upgrade, HTTP2-Settings',
    'Upgrade: h2c',
    'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA'
  ]
  visitor.socket.write(
    `GET / HTTP/1.1\r\nHost: 127.0.0.1:${webPort}\r\n${asks.join('\r\n')}\r\n\r\n`
  )
  await until('it has its answer, and the end', () => visitor.socket.readableEnded)
  const [head, page] = visitor.heard.toString().split('\r\n\r\n')
  expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/)
  expect(head).toMatch(/\r\nConnection: close/)
  expect(page).toMatch(/^<!doctype html>/i)

  const other = new Visitor(webPort)
  other.socket.write(`GET /nowhere HTTP/1.1\r\nHost: localhost\r\n${asks.join('\r\n')}\r\n\r\n`)
  await other.hears('HTTP/1.1 404')
})

test('a request that names the host before the path gets what the path alone would get, a WebSocket too', async () => {
  const server = await openLobby()
  const origin = `http://127.0.0.1:${server.webPort}`
  const visitor = new Visitor(server.webPort)
  visitor.socket.write(`GET ${origin}/ HTTP/1.1\r\nHost: 127.0.0.1:${server.webPort}\r\n\r\n`)
  await visitor.hears('HTTP/1.1 200')
  const player = new Visitor(server.webPort)
  player.socket.write(upgradeRequest(server.webPort, {}, `${origin}/play`))
  await player.hears('HTTP/1.1 101')
})

test('there is nothing else: no other path, no other method, no file beside the page', async () => {
  const { webPort } = await openLobby()
  const status = (path: string, method = 'GET') => {
    return new Promise<number | undefined>((resolve, reject) => {
      const request = http.request(
        { port: webPort, host: '127.0.0.1', path, method },
        (response) => {
          response.resume().on('end', () => resolve(response.statusCode))
        }
      )
      request.on('error', reject).end()
    })
  }
  for (const path of [
    '/nothing',
    '/play',
    '/tsconfig.json',
    '/../server.ts',
    '/%2e%2e/server.ts',
    '/__proto__',
    '//',
    '/web/index.html'
  ]) {
    expect(await status(path), path).toBe(404)
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS'])
    expect(await status('/', method), method).toBe(405)
  expect(await status('/', 'HEAD')).toBe(200)
})

test('a page of another site cannot open a WebSocket in the name of its visitor', async () => {
  const server = await openLobby()
  for (const origin of [
    'https://example.org',
    'null',
    `http://127.0.0.1:${server.webPort + 1}`,
    `http://localhost:${server.webPort}`
  ]) {
    const other = new Browser(server.webPort, { origin })
    await until(`${origin} is refused`, () => other.isClosed)
    expect(other.status, origin).toBe(403)
  }
  for (const path of ['/', '/playground', '/play/', '/chat']) {
    const other = new Browser(server.webPort, { path })
    await until(`${path} is refused`, () => other.isClosed)
    expect(other.status, path).toBe(404)
  }
  expect(server.figures.connections).toBe(0)
  const program = new Visitor(server.webPort) // one that is no browser has no origin
  program.socket.write(upgradeRequest(server.webPort))
  await program.hears('"hello"')
})

test.each([
  ['no key', { 'Sec-WebSocket-Key': undefined }],
  ['a key that is none', { 'Sec-WebSocket-Key': 'x' }],
  ['another version', { 'Sec-WebSocket-Version': '99' }],
  ['another protocol', { Upgrade: 'h2c' }]
])('a request for a WebSocket with %s is refused, and leaves nothing', async (_, headers) => {
  const server = await openLobby()
  const visitor = new Visitor(server.webPort)
  visitor.socket.write(upgradeRequest(server.webPort, headers))
  await visitor.hears('HTTP/1.1 4')
  await until('the server has ended it', () => visitor.socket.readableEnded)
  expect(server.figures.connections).toBe(0)
  await Browser.signIn(server, 'Web')
})

// ---- Against the RFC ----

const text = (fields: object) => JSON.stringify(fields)
const ping = text({ type: 'ping', id: 1 })

test.each<[string, Buffer | Buffer[]]>([
  ['a frame without a mask', frame(1, ping, { isMasked: false })],
  ['a reserved bit', frame(1, ping, { reserved: 4 })],
  ['all reserved bits', frame(1, ping, { reserved: 7 })],
  ['a reserved opcode', frame(3, ping)],
  ['a reserved control opcode', frame(11, '')],
  ['an over-long ping', frame(9, 'x'.repeat(126))],
  ['a ping in pieces', frame(9, 'x', { fin: false })],
  ['a continuation of nothing', frame(0, ping)],
  ['a message inside of another', [frame(1, '{', { fin: false }), frame(1, ping)]],
  ['text that is no UTF-8', frame(1, Buffer.from([0x22, 0xff, 0x22]))],
  ['half a character', frame(1, Buffer.from('"é"').subarray(0, 2))],
  ['a message over the limit', frame(1, 'x'.repeat(defaultLimits.maxFrameBytes + 1))],
  ['the mere claim of a longer one', frame(1, '', { claimedBytes: 2 ** 40 })],
  [
    'pieces that are together over the limit',
    [frame(1, 'x'.repeat(4_000), { fin: false }), frame(0, 'x'.repeat(4_000))]
  ],
  [
    'a message in too many pieces',
    [
      frame(1, '', { fin: false }),
      ...Array.from({ length: 100 }, () => frame(0, '', { fin: false }))
    ]
  ],
  ['a close frame that is cut', frame(8, 'x')],
  ['a close frame with a code that nobody may send', frame(8, Buffer.from([0x03, 0xed]))],
  ['a binary message', frame(2, ping)],
  ['a close frame, and nothing after it', frame(8, Buffer.from([0x03, 0xe8]))],
  ['random bytes', Buffer.from('3b9a4f21c0ffee0102030405060708090a0b0c0d0e0f', 'hex')]
])('%s is the end of its connection, and of no other', async (_, bytes) => {
  const server = await openLobby({ goodbyeMs: 100, resumeMs: 0 })
  const witness = await Browser.signIn(server, 'Witness')
  const rude = await Visitor.signIn(server, 'Rude')
  rude.socket.write(Buffer.concat([bytes].flat()))
  // It does not close its own end, and it does not go by itself.
  await until(
    'the server is rid of it',
    () => server.figures.connections === 1 && server.figures.players === 1
  )
  await until('it is closed', () => rude.isClosed || rude.socket.readableEnded)
  expect(server.figures.webConnections).toBe(1)
  await witness.isUndisturbed()
})

test('a message that comes in crumbs of packets is one message, and delays nobody', async () => {
  const server = await openLobby()
  const witness = await Browser.signIn(server, 'Witness')
  const slow = await Visitor.signIn(server, 'Slow')
  const crumbs = frame(1, JSON.stringify({ type: 'ping', id: 7 }).padEnd(300))
  const { bytesIn } = server.figures
  for (const [count, crumb] of crumbs.entries()) {
    slow.socket.write(Buffer.of(crumb))
    await until('it has come, by itself', () => server.figures.bytesIn > bytesIn + count)
  }
  await slow.hears('"pong","id":7')
  await witness.isUndisturbed()
})

// ---- Too much, too slow, too many ----

test('a flood of messages is warned of and cut off', async () => {
  const server = await openLobby({ resumeMs: 0 })
  const witness = await Browser.signIn(server, 'Witness')
  const rude = await Browser.signIn(server, 'Rude')
  for (let count = 0; count < 2_000; count++) rude.send({ type: 'ping', id: count })
  await rude.refused('too-fast')
  await rude.refused('flood')
  await until('it is closed', () => rude.isClosed)
  await witness.isUndisturbed()
})

test.each([9, 10])('a flood of control frames (opcode %i) is cut off too', async (opcode) => {
  const server = await openLobby({ resumeMs: 0, goodbyeMs: 100 })
  const witness = await Browser.signIn(server, 'Witness')
  const rude = await Visitor.signIn(server, 'Rude')
  const some = Buffer.concat(Array.from({ length: 20 }, () => frame(opcode, 'x')))
  await until('it gets the reason', () => {
    rude.socket.write(some)
    return rude.heard.includes('"flood"')
  })
  await until('the server is rid of it', () => server.figures.connections === 1)
  await witness.isUndisturbed()
})

test('a browser that never reads is cut off, and the room goes on', async () => {
  const server = await openLobby({ messagesPerSecond: 1e6, burstMessages: 1e6, resumeMs: 0 })
  const [ann] = await Person.roomOf(server, 'Ann')
  const deaf = await Browser.signIn(server, 'Deaf')
  deaf.send({ type: 'join', room: 'Den' })
  await deaf.next('joined')
  deaf.socket.pause()
  const text = 'x'.repeat(defaultLimits.maxTextChars)
  let said = 0
  await until('the deaf one is cut off', () => {
    for (let count = 0; count < 50; count++) ann.send({ type: 'say', text })
    said += 50
    return ann.all('member-left').length > 0
  })
  expect(server.figures).toMatchObject({ players: 1, rooms: 1 })
  await until('everything else was heard', () => ann.all('chat').length === said)
  await until('its connection is gone', () => server.figures.connections === 1)
  await ann.isUndisturbed()
})

test('a browser that is silent is sent away in time, also when it does not go', async () => {
  const server = await openLobby({ idleMs: 300, goodbyeMs: 100 })
  const [polite, stubborn] = [
    await Browser.signIn(server, 'Polite'),
    await Visitor.signIn(server, 'Stubborn')
  ]
  await polite.refused('idle')
  await until('it is closed in order', () => polite.hasEnded)
  expect(polite.closeCode).toBe(1008)
  await stubborn.hears('"idle"')
  await until(
    'both are gone',
    () => server.figures.connections === 0 && server.figures.players === 0
  )
})

test('who opens a WebSocket and chooses no name, and one too many, get an error', async () => {
  const server = await openLobby({ signInMs: 300, maxConnections: 1 })
  const nameless = await Browser.arrive(server)
  const third = new Browser(server.webPort)
  await third.refused('server-full')
  await until('it is closed in order', () => third.hasEnded)
  await nameless.refused('sign-in-timeout')
  await until('it is closed in order', () => nameless.hasEnded)
})

/**
 * Says this, and then a byte now and then: as long as somebody writes, Node notices when the
 * connection is gone.
 */
function drip({ socket }: Visitor, first: string): void {
  socket.write(first)
  const drops = setInterval(() => socket.write('x'), 20)
  socket.on('close', () => clearInterval(drops))
}

test.each<[string, (visitor: Visitor) => void]>([
  ['says nothing', () => {}],
  [
    'sends half a request',
    ({ socket }) => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a')
  ],
  [
    'sends a request drop by drop',
    (visitor) => drip(visitor, 'GET / HTTP/1.1\r\nHost: localhost\r\n')
  ],
  [
    'announces a body that does not come',
    ({ socket }) => socket.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n')
  ],
  [
    'has got the page and stays',
    ({ socket }) => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  ],
  [
    'is refused and goes on',
    (visitor) => drip(visitor, upgradeRequest(1, { Origin: 'https://example.org' }))
  ]
])('a visitor who %s is cut off in time, also when it does not go', async (_, act) => {
  const server = await openLobby({ visitMs: 300, goodbyeMs: 100 })
  const visitor = new Visitor(server.webPort)
  act(visitor)
  await until('it is cut off', () => {
    // It has its answer and the server's end, and does not end itself. Node notices a reset then
    // only when it writes.
    if (visitor.socket.readableEnded) visitor.socket.write('x')
    return visitor.isClosed
  })
  await Browser.signIn(server, 'Web')
})

test('a request that is longer than any browser writes is refused', async () => {
  const server = await openLobby()
  const visitor = new Visitor(server.webPort)
  visitor.socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\nCookie: ${'x'.repeat(10_000)}\r\n\r\n`)
  await visitor.hears('HTTP/1.1 431')
  await until('it is over', () => visitor.isClosed || visitor.socket.readableEnded)
})

test('a visitor who asks for more before there was an answer is cut off', async () => {
  const server = await openLobby()
  const visitor = new Visitor(server.webPort)
  visitor.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1_000))
  // A reset that comes together with the bytes of an answer is an end to libuv (uv__stream_io,
  // POLLHUP).
  await until('it is cut off', () => visitor.isClosed || visitor.socket.readableEnded)
  expect(visitor.heard.toString('latin1').split('HTTP/1.1 200').length - 1).toBeLessThan(2)
  const other = new Visitor(server.webPort)
  other.socket.write(`GET / HTTP/1.1\r\nHost: localhost\r\n\r\n${upgradeRequest(server.webPort)}`)
  await until(
    'so is one with a WebSocket behind it',
    () => other.isClosed || other.socket.readableEnded
  )
  expect(server.figures.connections).toBe(0)
  await Browser.signIn(server, 'Web')
})

test('a visitor who goes on asking in order may stay', async () => {
  const visitMs = 2_000
  const { webPort } = await openLobby({ visitMs })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const startMs = performance.now()
  const used = new Set<unknown>()
  while (performance.now() - startMs < 1.5 * visitMs) {
    await new Promise<void>((resolve, reject) => {
      const request = http.get({ port: webPort, host: '127.0.0.1', agent }, (response) =>
        response.resume().on('end', resolve)
      )
      request.on('socket', (socket) => used.add(socket)).on('error', reject)
    })
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  agent.destroy()
  expect(used.size).toBe(1)
})

test('when there are too many visitors, who came first and got nowhere makes room for the next', async () => {
  const server = await openLobby({ maxVisitors: 4 })
  const crowd: Visitor[] = []
  for (let count = 0; count < 4; count++) {
    const visitor = new Visitor(server.webPort)
    visitor.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n') // and no end
    await until('it has connected', () => visitor.socket.readyState === 'open')
    crowd.push(visitor)
  }
  const web = await Browser.signIn(server, 'Web')
  await until('the first one is gone', () => crowd[0].isClosed)
  expect(crowd.slice(1).some(({ isClosed }) => isClosed)).toBe(false)
  for (let count = 0; count < 20; count++) crowd.push(new Visitor(server.webPort))
  await until('only four are left', () => crowd.filter(({ isClosed }) => !isClosed).length === 4)
  await web.isUndisturbed()
  expect((await fetch(`http://127.0.0.1:${server.webPort}/`)).status).toBe(200)
})
