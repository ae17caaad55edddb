// The proxy of a cluster, haproxy.cfg, in HAProxy itself: it takes the file, and a lobby is reached
// through it as players reach it.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket } from 'ws'
import { freePort } from '../load/free-port.ts'
import { openLobby, Person, until } from './person.ts'
import { UdpEnd } from './udp-end.ts'

const text = readFileSync(new URL('../deploy/cluster/haproxy.cfg', import.meta.url), 'utf8')
const noHaproxy = spawnSync('haproxy', ['-v']).error !== undefined
if (noHaproxy) console.warn('SKIPPED: haproxy.cfg is not checked: there is no haproxy here')

interface Ports {
  port: number
  webPort: number
  operatorPort: number
}

/** haproxy.cfg with the addresses of one lobby of this machine, for all three nodes. */
function configurationFor(folder: string, lobby: Ports, at: Record<string, number>): string {
  const own: [RegExp, string][] = [
    [/\/run\/secrets/g, folder],
    [/maxconn \d+/, 'maxconn 100'], // as many descriptors as a machine with tests may have
    [/bind :(\d+)/g, 'bind 127.0.0.1:$1'],
    [/(server node-\d) node-\d:5960/g, `$1 127.0.0.1:${lobby.webPort}`],
    [/(server node-\d) node-\d:5959/g, `$1 127.0.0.1:${lobby.port}`],
    [/check port 5961/g, `check port ${lobby.operatorPort}`]
  ]
  const local = own.reduce((done, [pattern, instead]) => done.replace(pattern, instead), text)
  return local.replace(/bind 127\.0\.0\.1:(\d+)/g, (_, port) => `bind 127.0.0.1:${at[port]}`)
}

class SecurePerson extends Person {
  protected override open(port: number, from: string | undefined): Socket {
    const socket = connectTcp({ port, host: '127.0.0.1', localAddress: from, noDelay: true })
    return connectTls({ socket, servername: 'localhost', rejectUnauthorized: false })
  }

  static async enter(port: number, name: string, from: string): Promise<SecurePerson> {
    const person = new SecurePerson(port, from)
    await person.next('hello')
    person.send({ type: 'name', name })
    await person.next('welcome')
    return person
  }
}

/** A folder with a certificate, as HAProxy and the lobby read it. */
async function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'lobby-proxy-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const pems = await generate([{ name: 'commonName', value: 'localhost' }], { keySize: 2048 })
  const [tlsCert, tlsKey] = [join(folder, 'certificate'), join(folder, 'certificate.key')]
  writeFileSync(tlsCert, pems.cert)
  writeFileSync(tlsKey, pems.private)
  return { folder, tlsCert, tlsKey }
}

/** Ends with the test. Fulfilled when game clients are let in at `port`. */
async function startHaproxy(folder: string, configuration: string, port: number): Promise<void> {
  const file = join(folder, 'haproxy.cfg')
  writeFileSync(file, configuration)
  const check = spawnSync('haproxy', ['-c', '-f', file], { encoding: 'utf8', timeout: 60_000 })
  expect(check.stderr).not.toMatch(/\[(WARNING|ALERT)\]/)
  expect(check.status, check.stderr).toBe(0)
  const proxy = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  proxy.stderr.on('data', (data) => {
    said += data
  })
  onTestFinished(() => void proxy.kill('SIGKILL'))
  let isOpen = false
  const knock = () => {
    const socket = connectTcp(port, '127.0.0.1')
    socket.on('connect', () => {
      isOpen = true
      socket.destroy()
    })
    socket.on('error', () => {
      again = setTimeout(knock, 20)
    })
  }
  let again: NodeJS.Timeout | undefined
  onTestFinished(() => clearTimeout(again))
  knock()
  await until('HAProxy is open, or has ended', () => isOpen || proxy.exitCode !== null)
  expect(proxy.exitCode, said).toBeNull()
}

test.skipIf(noHaproxy)(
  'players reach a lobby through HAProxy, with their own address',
  async () => {
    const { folder, tlsCert, tlsKey } = await certificate()
    const at = { 8080: await freePort(), 8443: await freePort(), 5959: await freePort() }
    const lobby = await openLobby({
      ...{ tlsCert, tlsKey, tlsDoors: 'game' },
      trustedProxies: '127.0.0.1',
      webOrigins: `https://localhost:${at[8443]}`,
      maxConnectionsPerAddress: 1
    })
    await startHaproxy(folder, configurationFor(folder, lobby, at), at[5959])

    // A game client: PROXY version 2 first, then TLS to the lobby itself. One from each address.
    const ann = await SecurePerson.enter(at[5959], 'Ann', '127.0.0.3')
    const bob = await SecurePerson.enter(at[5959], 'Bob', '127.0.0.4')
    const second = new SecurePerson(at[5959], '127.0.0.3')
    await second.refused('too-many-connections')

    // A browser: the page, and its WebSocket with its own address.
    const page = await new Promise<string>((resolve, reject) => {
      const options = { port: at[8443], host: 'localhost', rejectUnauthorized: false }
      request({ ...options, localAddress: '127.0.0.5', family: 4 }, (response) => {
        let body = ''
        response.on('data', (data) => {
          body += data
        })
        response.on('end', () => resolve(`${response.statusCode} ${body}`))
      })
        .on('error', reject)
        .end()
    })
    expect(page).toMatch(/^200 <!doctype html>/i)
    const heard: string[] = []
    const socket = new WebSocket(`wss://localhost:${at[8443]}/play`, {
      rejectUnauthorized: false,
      localAddress: '127.0.0.5',
      family: 4,
      origin: `https://localhost:${at[8443]}`
    })
    onTestFinished(() => socket.terminate())
    socket.on('message', (data) => heard.push(String(data)))
    await until('the greeting', () => heard.some((line) => line.includes('"hello"')))
    socket.send(JSON.stringify({ type: 'name', name: 'Cleo' }))
    await until('the welcome', () => heard.some((line) => line.includes('"welcome"')))
    socket.send(JSON.stringify({ type: 'say', text: 'hello, game clients' }))
    for (const person of [ann, bob])
      expect(await person.next('chat')).toMatchObject({ from: 'Cleo', text: 'hello, game clients' })
  }
)

test.skipIf(noHaproxy)(
  'where HAProxy speaks TLS with game clients, their datagrams are encrypted all the same',
  async () => {
    const { folder } = await certificate()
    const at = { 8080: await freePort(), 8443: await freePort(), 5959: await freePort() }
    const lobby = await openLobby({ trustedProxies: '127.0.0.1' })
    const plain = configurationFor(folder, lobby, at)
    await startHaproxy(folder, withTlsForGames(plain, folder, at[5959]), at[5959])
    const ann = await SecurePerson.enter(at[5959], 'Ann', '127.0.0.3')
    const end = await UdpEnd.open(ann)
    expect(end.ticket.secret).toMatch(/^[\da-f]{64}$/)
    await end.answered()
  }
)

/** As haproxy.cfg says in its last part. */
function withTlsForGames(configuration: string, folder: string, port: number): string {
  return configuration
    .replace(`bind 127.0.0.1:${port}\n`, `bind 127.0.0.1:${port} ssl crt ${folder}/certificate\n`)
    .replaceAll('send-proxy-v2', 'send-proxy-v2-ssl')
}
