// The doors as they stand in the internet: behind a proxy, over TLS, and for pages and names of
// this server alone.
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { pino } from 'pino'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { proxyHeader } from '../bots/proxy-bytes.ts'
import { encodeFromPlayer } from '../wire/datagram.ts'
import { BEARER, TOKEN } from './operator-door.ts'
import { openLobby, Person, until } from './person.ts'
import { UdpEnd } from './udp-end.ts'
import { Browser, frame, upgradeRequest, Visitor } from './web-player.ts'

const PROXY = '127.0.0.2'

/** A certificate in files, as an operator would have it. */
async function certificate(name = 'localhost') {
  const folder = mkdtempSync(join(tmpdir(), 'lobby-tls-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [tlsCert, tlsKey] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const write = async (commonName: string, atSeconds: number) => {
    const pems = await generate([{ name: 'commonName', value: commonName }], { keySize: 2048 })
    writeFileSync(tlsCert, pems.cert)
    writeFileSync(tlsKey, pems.private)
    for (const file of [tlsCert, tlsKey]) utimesSync(file, atSeconds, atSeconds)
  }
  await write(name, 1_000)
  return { tlsCert, tlsKey, write }
}

/** Comes over TLS; `before`: what its proxy writes before that. */
class SecurePerson extends Person {
  protected override open(port: number, from: string | undefined): Socket {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true })
    if (from === PROXY) socket.write(proxyHeader('203.0.113.7'))
    return connectTls({ socket, servername: 'localhost', rejectUnauthorized: false })
  }

  static async enter(server: { port: number }, name: string, from?: string) {
    const person = new SecurePerson(server.port, from)
    await person.next('hello')
    person.send({ type: 'name', name })
    await person.next('welcome')
    return person
  }
}

/** Two connections may come from one address: the third is one too many. */
const TWO = { maxConnectionsPerAddress: 2 }

// ---- Proxies ----

test('behind a proxy the client counts, and not the proxy', async () => {
  const server = await openLobby({ trustedProxies: PROXY, ...TWO })
  const people = ['203.0.113.1', '203.0.113.1', '203.0.113.2', '203.0.113.1'].map((client) => {
    const person = new Person(server.port, PROXY)
    person.socket.write(proxyHeader(client))
    return person
  })
  for (const person of people.slice(0, 3)) await person.next('hello')
  await people[3].refused('too-many-connections')
})

test('the header and the first frame may come in any pieces', async () => {
  const server = await openLobby({ trustedProxies: PROXY })
  const name = Buffer.from(JSON.stringify({ type: 'name', name: 'Ann' }))
  const frame = Buffer.concat([Buffer.from([0, name.length]), name])
  const bytes = Buffer.concat([proxyHeader('203.0.113.1'), frame])
  const ann = new Person(server.port, PROXY)
  for (const byte of bytes) {
    ann.socket.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect((await ann.next('welcome')).name).toBe('Ann')
  const whole = new Person(server.port, PROXY)
  whole.socket.write(Buffer.concat([proxyHeader('203.0.113.1'), frame]))
  await whole.refused('name-taken')
})

test('from a proxy without the header, and from anybody else with it, nothing is taken', async () => {
  const server = await openLobby({ trustedProxies: PROXY })
  const liar = new Person(server.port, '127.0.0.3')
  liar.socket.write(proxyHeader('127.0.0.1'))
  const bare = new Person(server.port, PROXY)
  bare.send({ type: 'name', name: 'Bare' })
  await until('both are reset', () => liar.isClosed && bare.isClosed)
  expect(bare.heard).toEqual([])
  expect(server.figures.players).toBe(0)
  await Person.signIn(server, 'Ann')
})

test('a proxy that says nothing is cut off, and keeps nobody out', async () => {
  const server = await openLobby({ trustedProxies: PROXY, visitMs: 200 })
  const silent = new Person(server.port, PROXY)
  await until('it is reset', () => silent.isClosed)
  await Person.signIn(server, 'Ann')
})

test('at the web port X-Forwarded-For counts from a proxy, and from nobody else', async () => {
  const server = await openLobby({ trustedProxies: PROXY, ...TWO })
  const arrive = async (from: string, client: string) => {
    const visitor = new Visitor(server.webPort, from)
    visitor.socket.write(upgradeRequest(server.webPort, { 'X-Forwarded-For': client }))
    await until('there is an answer', () => /"(hello|error)"/.test(String(visitor.heard)))
    return /too-many-connections/.test(String(visitor.heard)) ? 'refused' : 'in'
  }
  const behindProxy = []
  for (const client of ['203.0.113.1', '203.0.113.1', '203.0.113.1', '203.0.113.2'])
    behindProxy.push(await arrive(PROXY, client))
  expect(behindProxy).toEqual(['in', 'in', 'refused', 'in'])
  const direct = []
  for (const client of ['203.0.113.3', '203.0.113.4', '203.0.113.5'])
    direct.push(await arrive('127.0.0.3', client))
  expect(direct).toEqual(['in', 'in', 'refused'])
})

/** At a web port whose proxies are TCP proxies. Says whether it came in. */
async function arriveBehindTcpProxy(webPort: number, client: string, headers = {}) {
  const visitor = new Visitor(webPort, PROXY)
  visitor.socket.write(proxyHeader(client))
  visitor.socket.write(upgradeRequest(webPort, headers))
  await until('there is an answer', () => /"(hello|error)"/.test(String(visitor.heard)))
  return /too-many-connections/.test(String(visitor.heard)) ? 'refused' : 'in'
}

test('behind a TCP proxy its header counts at the web port, too, and no X-Forwarded-For', async () => {
  const server = await openLobby({ trustedProxies: PROXY, webProxies: 'tcp', ...TWO })
  const came = []
  for (const [client, forged] of [
    ['203.0.113.1', '203.0.113.9'],
    ['203.0.113.1', '203.0.113.10'],
    ['203.0.113.1', '203.0.113.11'],
    ['203.0.113.2', '203.0.113.1'],
    ['2001:db8:0:0:0:0:0:7', '203.0.113.1']
  ])
    came.push(await arriveBehindTcpProxy(server.webPort, client, { 'X-Forwarded-For': forged }))
  expect(came).toEqual(['in', 'in', 'refused', 'in', 'in'])
})

test('an HTTP proxy may stand before that TCP proxy', async () => {
  const cdn = '198.51.100.1'
  const server = await openLobby({ trustedProxies: `${PROXY},${cdn}`, webProxies: 'tcp', ...TWO })
  const came = []
  for (const client of ['203.0.113.1', '203.0.113.1', '203.0.113.1', '203.0.113.2'])
    came.push(await arriveBehindTcpProxy(server.webPort, cdn, { 'X-Forwarded-For': client }))
  expect(came).toEqual(['in', 'in', 'refused', 'in'])
})

test('at the web port the header may come in any pieces, with the request or before it', async () => {
  const server = await openLobby({ trustedProxies: PROXY, webProxies: 'tcp' })
  const request = upgradeRequest(server.webPort)
  const bytes = Buffer.concat([proxyHeader('203.0.113.1'), Buffer.from(request)])
  const piecemeal = new Visitor(server.webPort, PROXY)
  for (const byte of bytes) {
    piecemeal.socket.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await piecemeal.hears('"hello"')
  const whole = new Visitor(server.webPort, PROXY)
  whole.socket.write(bytes)
  await whole.hears('"hello"')
  const page = new Visitor(server.webPort, PROXY)
  page.socket.write(proxyHeader('203.0.113.1'))
  page.socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await page.hears('HTTP/1.1 200')
})

test('at the web port nothing is taken without the header, or with it from anybody else', async () => {
  const server = await openLobby({ trustedProxies: PROXY, webProxies: 'tcp', visitMs: 2_000 })
  const bare = new Visitor(server.webPort, PROXY)
  bare.socket.write(upgradeRequest(server.webPort, { 'X-Forwarded-For': '203.0.113.1' }))
  const silent = new Visitor(server.webPort, PROXY)
  const hasty = new Visitor(server.webPort, PROXY) // and gone before it is anybody's
  hasty.socket.end(Buffer.concat([proxyHeader('203.0.113.1'), Buffer.from('GET / HTTP/1.1')]))
  await until('they are reset', () => bare.isClosed && silent.isClosed && hasty.isClosed)
  expect(String(bare.heard)).toBe('')
  const liar = new Visitor(server.webPort, '127.0.0.3')
  liar.socket.write(proxyHeader('203.0.113.1'))
  liar.socket.write(upgradeRequest(server.webPort))
  await liar.hears('HTTP/1.1 400')
  // Where the proxies are HTTP proxies, they send no such header either.
  const other = await openLobby({ trustedProxies: PROXY })
  const confused = new Visitor(other.webPort, PROXY)
  confused.socket.write(proxyHeader('203.0.113.1'))
  confused.socket.write(upgradeRequest(other.webPort))
  await confused.hears('HTTP/1.1 400')
  for (const each of [liar, confused]) expect(String(each.heard)).not.toContain('hello')
  const direct = new Browser(server.webPort)
  await direct.next('hello')
})

// ---- Names and pages ----

test('a page of another site gets nothing, whatever name it made to lead here', async () => {
  const server = await openLobby()
  const rebound = new Visitor(server.webPort)
  rebound.socket.write(
    upgradeRequest(server.webPort, { Host: 'evil.example', Origin: 'http://evil.example' })
  )
  await rebound.hears('421')
  const page = new Visitor(server.webPort)
  page.socket.write('GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n')
  await page.hears('HTTP/1.1 421')
  const other = new Browser(server.webPort, { origin: 'https://evil.example' })
  await until('it is refused', () => other.status === 403)
})

test('the pages of the setting may connect, and no others', async () => {
  const server = await openLobby({ webOrigins: 'https://game.example, https://other.example' })
  const come = (Host: string, Origin: string) => {
    const visitor = new Visitor(server.webPort)
    visitor.socket.write(upgradeRequest(server.webPort, { Host, Origin }))
    return visitor
  }
  await come('game.example', 'https://game.example').hears('"hello"')
  await come('game.example', 'https://other.example').hears('"hello"')
  await come('game.example', 'https://third.example').hears('HTTP/1.1 403')
  await come('third.example', 'https://game.example').hears('HTTP/1.1 421')
})

// ---- TLS ----

test('every door speaks TLS when there is a certificate, and nothing else', async () => {
  const server = await openLobby(await certificate())
  const ann = await SecurePerson.enter(server, 'Ann')
  const bob = await SecurePerson.enter(server, 'Bob')
  ann.send({ type: 'say', text: 'hello' })
  expect((await bob.next('chat')).text).toBe('hello')

  const url = `wss://127.0.0.1:${server.webPort}/play`
  const web = new WebSocket(url, { rejectUnauthorized: false })
  onTestFinished(() => web.terminate())
  let heard = ''
  web.on('message', (data) => {
    heard += data
  })
  await until('a browser is greeted', () => heard.includes('"hello"'))
  web.send(JSON.stringify({ type: 'name', name: 'Web' }))
  await until('and welcomed', () => heard.includes('"welcome"'))
  expect(server.figures).toMatchObject({ connections: 3, webConnections: 1, players: 3 })

  expect(await ask(server.webPort, 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')).toMatch(/ 200 /)
  const health = `GET /figures HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${BEARER.authorization}\r\n\r\n`
  expect(await ask(server.operatorPort, health)).toMatch(/ 200 /)

  const plain = new Person(server.port)
  plain.send({ type: 'name', name: 'Plain' })
  await until('a client without TLS is cut off', () => plain.isClosed)
  expect(plain.heard).toEqual([])
  await ann.disconnect()
  await until('a lost connection is seen', () => server.figures.connections === 2)
  bob.send({ type: 'sign-out' })
  await bob.next('signed-out')
}, 120_000)

/** Over TLS: the first bytes of the answer. */
async function ask(port: number, request: string): Promise<string> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
  onTestFinished(() => void socket.destroy())
  let answer = ''
  socket.on('data', (data) => {
    answer += data
  })
  socket.write(request)
  await until('there is an answer', () => answer.includes('\r\n\r\n'))
  return answer
}

test('a proxy may stand before TLS, too', async () => {
  const server = await openLobby({ ...(await certificate()), trustedProxies: PROXY, ...TWO })
  await SecurePerson.enter(server, 'Ann', PROXY)
  await SecurePerson.enter(server, 'Bob', PROXY)
  await new SecurePerson(server.port, PROXY).refused('too-many-connections')
  await SecurePerson.enter(server, 'Cid')
})

test('at the web port, too: the header comes before TLS', async () => {
  const server = await openLobby({
    ...(await certificate()),
    trustedProxies: PROXY,
    webProxies: 'tcp',
    ...TWO
  })
  const arrive = async (client: string, pieces: number) => {
    const socket = connect({ port: server.webPort, host: '127.0.0.1', localAddress: PROXY })
    const header = proxyHeader(client)
    for (let at = 0; at < header.length; at += Math.ceil(header.length / pieces)) {
      socket.write(header.subarray(at, at + Math.ceil(header.length / pieces)))
      await new Promise((resolve) => setImmediate(resolve))
    }
    const secure = new SecureVisitor(connectTls({ socket, rejectUnauthorized: false }))
    secure.socket.write(upgradeRequest(server.webPort))
    await until('there is an answer', () => /"(hello|error)"/.test(secure.heard))
    return /too-many-connections/.test(secure.heard) ? 'refused' : 'in'
  }
  const came = []
  for (const [client, pieces] of [
    ['203.0.113.1', 1],
    ['203.0.113.1', 5],
    ['203.0.113.1', 1],
    ['203.0.113.2', 28]
  ] as const)
    came.push(await arrive(client, pieces))
  expect(came).toEqual(['in', 'in', 'refused', 'in'])
})

/** Bytes over TLS to the web port. */
class SecureVisitor {
  readonly socket: TLSSocket
  heard = ''
  isClosed = false

  constructor(socket: TLSSocket) {
    this.socket = socket
    socket.on('data', (data) => {
      this.heard += data
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.isClosed = true
    })
    onTestFinished(() => void socket.destroy())
  }

  static at(port: number): SecureVisitor {
    return new SecureVisitor(connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }))
  }

  async hears(text: string): Promise<void> {
    await until(`"${text}" among ${this.heard.length} bytes`, () => this.heard.includes(text))
  }
}

test('over TLS, too, a WebSocket may come after the page, on one connection', async () => {
  const server = await openLobby({ ...(await certificate()), idleMs: 1_000 })
  const visitor = SecureVisitor.at(server.webPort)
  visitor.socket.write('GET /icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n')
  await visitor.hears('</svg>')
  visitor.socket.write(upgradeRequest(server.webPort))
  await visitor.hears('"hello"')
  // Its bytes are counted: it is idle after a while, and until then nothing is wrong.
  await visitor.hears('"idle"')
})

test('over TLS, too, who does not read is reset at the limit, in a browser as well', async () => {
  const unread: number[] = []
  const write = (line: string) => {
    const { msg, unreadBytes } = JSON.parse(line)
    if (msg === 'reset: it does not read') unread.push(unreadBytes)
  }
  const maxUnreadBytes = 64 * 1024
  const unlimited = { burstMessages: 1_000_000, messagesPerSecond: 1_000_000 }
  const server = await openLobby(
    { ...(await certificate()), ...unlimited, maxUnreadBytes, sendBufferBytes: 8 * 1024 },
    { log: pino({ level: 'info' }, { write }) }
  )
  const page = SecureVisitor.at(server.webPort)
  page.socket.write(upgradeRequest(server.webPort))
  await page.hears('"hello"')
  page.socket.write(frame(1, JSON.stringify({ type: 'name', name: 'Web' })))
  await page.hears('"welcome"')
  const game = await SecurePerson.enter(server, 'Ann')
  // Both stop reading, and ask for more and more answers.
  page.socket.pause()
  game.socket.pause()
  const question = JSON.stringify({ type: 'players' })
  const pump = setInterval(() => {
    for (let count = 0; count < 100; count++) {
      if (page.socket.writable) page.socket.write(frame(1, question))
      if (game.socket.writable) game.sendFrame(question)
    }
  }, 5)
  onTestFinished(() => clearInterval(pump))
  await until('both are reset', () => unread.length === 2)
  clearInterval(pump)
  for (const bytes of unread) expect(bytes).toBeLessThan(4 * maxUnreadBytes)
})

test('over TLS, too, the audit log says where an action came from', async () => {
  const server = await openLobby(await certificate())
  const operator = SecureVisitor.at(server.operatorPort)
  const head = `HTTP/1.1\r\nHost: localhost\r\nAuthorization: ${BEARER.authorization}\r\n`
  const body = '{"text":"cake at five"}'
  const json = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`
  operator.socket.write(`POST /admin/announce ${head}${json}\r\n${body}`)
  await operator.hears('{"done":true}')
  operator.socket.write(`GET /admin/audit ${head}\r\n`)
  await operator.hears('"entries":[{')
  await operator.hears('}]}')
  expect(operator.heard).toContain('"address":"127.0.0.1"')
})

test('over TLS the cookie of an operator goes over TLS alone', async () => {
  const server = await openLobby(await certificate())
  const request = `GET /?token=${TOKEN} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  expect(await ask(server.operatorPort, request)).toMatch(
    /^set-cookie: lobby-operator=.*; HttpOnly; SameSite=Strict; Secure\r$/m
  )
})

test('who never finishes TLS is cut off', async () => {
  const server = await openLobby({ ...(await certificate()), visitMs: 200 })
  const silent = new Person(server.port)
  await until('it is reset', () => silent.isClosed)
  expect(silent.heard).toEqual([])
})

test('a crowd of one address that never finishes TLS keeps nobody out', async () => {
  const server = await openLobby({ ...(await certificate()), maxVisitors: 5 })
  const crowd = Array.from({ length: 20 }, () => new Person(server.port, '127.0.0.3'))
  const inside = () => crowd.filter(({ isClosed }) => !isClosed).length
  await until('the crowd waits', () => inside() === 5)
  for (const name of ['Ann', 'Bob', 'Cid']) await SecurePerson.enter(server, name)
  expect(inside()).toBeGreaterThanOrEqual(4)
})

test('a renewed certificate is used for the next connection, and a broken one is not', async () => {
  const files = await certificate('first')
  const server = await openLobby(files)
  const nameAt = async (port: number, servername = 'localhost') => {
    const socket = connectTls({ port, host: '127.0.0.1', servername, rejectUnauthorized: false })
    onTestFinished(() => void socket.destroy())
    await until('it is secure', () => socket.getPeerCertificate().subject !== undefined)
    const { CN } = socket.getPeerCertificate().subject
    socket.destroy()
    return CN
  }
  const doors = [server.port, server.webPort, server.operatorPort]
  for (const port of doors) expect(await nameAt(port)).toBe('first')
  await files.write('second', 2_000)
  const deadlineMs = performance.now() + 45_000
  for (const port of doors) {
    while ((await nameAt(port)) !== 'second') expect(performance.now()).toBeLessThan(deadlineMs)
    expect(await nameAt(port, ''), 'for a client that names no server').toBe('second')
  }
  writeFileSync(files.tlsCert, 'nonsense')
  await new Promise((resolve) => setTimeout(resolve, 1_100)) // longer than files are not looked at
  for (const port of doors) expect(await nameAt(port)).toBe('second')
}, 120_000)

// ---- Encrypted datagrams ----

/** A player in a match over TLS, and its datagrams. */
async function playing(settings: Parameters<typeof openLobby>[0] = {}) {
  const server = await openLobby({
    ...(await certificate()),
    'coin-arena.matchMs': 3_600_000,
    ...settings
  })
  const [ann, bob] = [
    await SecurePerson.enter(server, 'Ann'),
    await SecurePerson.enter(server, 'Bob')
  ]
  const end = await UdpEnd.open(ann)
  for (const each of [ann, bob]) {
    each.send({ type: each === ann ? 'create' : 'join', room: 'Den' })
    await each.next('joined')
  }
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  await ann.next('match-started')
  return { server, ann, end }
}

test('over TLS the match is played by encrypted datagrams', async () => {
  const { server, end } = await playing()
  expect(end.ticket.secret).toMatch(/^[\da-f]{64}$/)
  end.isAcknowledging = true
  await end.nextState()
  end.steer(3)
  await until('the steer counted', () => end.states.some(({ seqs }) => seqs[0] > 0))
  expect(server.figures.viaUdp).toBe(1)
  expect(server.figures.datagramsRefused).toBe(0)
})

test.each([
  ['by one thread', 0],
  ['by a thread that gets connections handed over', 1]
])(
  'behind a proxy that speaks TLS with the player there is a secret, and otherwise none: %s',
  async (_, workers) => {
    const server = await openLobby({ trustedProxies: PROXY, workers }, { handOver: true })
    const secretOf = async (name: string, bits: number) => {
      const person = new Person(server.port, PROXY)
      const more = Buffer.from([0x20, 0, 5, bits, 0, 0, 0, 0]) // PP2_TYPE_SSL
      person.socket.write(proxyHeader('203.0.113.1', { more }))
      await person.next('hello')
      person.send({ type: 'name', name })
      await person.next('welcome')
      const end = await UdpEnd.open(person)
      await end.answered()
      return end.ticket.secret
    }
    expect(await secretOf('Ann', 1)).toMatch(/^[\da-f]{64}$/)
    expect(await secretOf('Bob', 0)).toBeUndefined()
  }
)

test('without TLS there is no secret', async () => {
  const server = await openLobby()
  const ann = await Person.signIn(server, 'Ann')
  ann.send({ type: 'udp' })
  expect(await ann.next('udp')).not.toHaveProperty('secret')
})

test('what is not sealed, was changed, or comes again is refused', async () => {
  const { server, end } = await playing()
  await end.nextState()
  const { token } = end.ticket
  const refused = () => server.figures.datagramsRefused
  const none = refused()
  end.sendBytes(encodeFromPlayer({ kind: 'hello', token })) // as one who read the token
  await until('it is refused', () => refused() === none + 1)
  const sealed = end.bytesOf({ kind: 'hello', token })
  const changed = Buffer.from(sealed)
  changed[changed.length - 1] ^= 1
  end.sendBytes(changed)
  await until('so is what was changed', () => refused() === none + 2)
  end.sendBytes(sealed)
  await end.next('open')
  for (let count = 0; count < 5; count++) end.sendBytes(sealed)
  await until('and what came before', () => refused() === none + 7)
  // From another address, word for word: it opens nothing there.
  const thief = await UdpEnd.at(end.ticket)
  thief.sendBytes(sealed)
  await until('that, too', () => refused() === none + 8)
  await end.answered()
  expect(thief.heard).toEqual([])
})

test('each asking, and each coming back, has keys of its own', async () => {
  const { server, ann, end } = await playing()
  const old = end.bytesOf({ kind: 'hello', token: end.ticket.token })
  const [{ token }] = ann.all('welcome')
  await ann.disconnect()
  const back = new SecurePerson(server.port)
  await back.next('hello')
  back.send({ type: 'resume', token })
  await back.next('welcome')
  const tickets = [end.ticket]
  for (let count = 0; count < 2; count++) {
    back.send({ type: 'udp' })
    tickets.push(await back.next('udp'))
  }
  expect(new Set(tickets.map(({ secret }) => secret)).size).toBe(3)
  const { datagramsRefused } = server.figures
  end.sendBytes(old)
  await until('the old keys are worth nothing', () => {
    return server.figures.datagramsRefused === datagramsRefused + 1
  })
})
