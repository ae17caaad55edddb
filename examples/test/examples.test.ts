// Each example of one file does what its head says. The other side is Node's own net, dgram, tls
// and http, or `ws`.
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { generate } from 'selfsigned'
import { expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import { freePort } from '../../test/support/net-peer.ts'
import { isWindows } from '../../test/support/system.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Starts an example; resolves with the port in the first line that names one. */
async function start(
  name: string,
  ...args: string[]
): Promise<{ port: number; child: ChildProcess }> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(root, 'examples', name), ...args],
    {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe']
    }
  )
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL') // one that has ended does not mind
    await ended
  })
  let output = ''
  const port = await new Promise<number>((resolve, reject) => {
    const read = (chunk: Buffer) => {
      output += chunk
      const found = /port (\d+)|127\.0\.0\.1:(\d+)/.exec(output)
      if (found) resolve(Number(found[1] ?? found[2]))
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('close', () => reject(new Error(`${name} ended: ${output}`)))
  })
  return { port, child }
}

/** A client of Node's own, and what has come to it so far. */
function clientOf(port: number): { socket: Socket; until(text: string): Promise<void> } {
  const socket = connect(port, '127.0.0.1')
  let received = ''
  const untilReceived = async (text: string) => {
    while (!received.includes(text)) await once(socket, 'data')
  }
  socket.setEncoding('utf8')
  socket.on('data', (data: string) => {
    received += data
  })
  onTestFinished(() => void socket.destroy())
  return { socket, until: untilReceived }
}

test('chat: a line of one client reaches the others, with its name', {
  timeout: 60_000
}, async () => {
  const { port } = await start('chat.ts')
  const ann = clientOf(port)
  await ann.until('you are guest 1; 1 here')
  const bob = clientOf(port)
  await ann.until('guest 2 joined')
  // In two pieces, the second of which ends a character.
  const line = Buffer.from('good évening\nsecond\n')
  ann.socket.write(line.subarray(0, 6))
  await bob.until('you are guest 2')
  ann.socket.write(line.subarray(6))
  await bob.until('guest 1: good évening\nguest 1: second\n')
  ann.socket.end()
  await bob.until('guest 1 left')
})

async function openPlayer(): Promise<UdpSocket> {
  const player = createSocket('udp4')
  onTestFinished(() => void player.close())
  player.bind(0, '127.0.0.1')
  await once(player, 'listening')
  return player
}

test('udp-game: each player gets snapshots in which it has moved', {
  timeout: 60_000
}, async () => {
  const { port } = await start('udp-game.ts')
  const player = await openPlayer()
  let x = 0
  let ticks = 0
  player.on('message', (snapshot) => {
    expect(snapshot.readUInt8(4)).toBe(1)
    x = snapshot.readInt16LE(7)
    ticks++
    player.send(Buffer.from(Int8Array.of(1, 0)), port, '127.0.0.1')
  })
  const moves = setInterval(
    () => player.send(Buffer.from(Int8Array.of(1, 0)), port, '127.0.0.1'),
    50
  )
  while (x < 5 || ticks < 5) await once(player, 'message')
  clearInterval(moves)
})

test('udp-game: a player that moves one way for ever stays in the arena', {
  timeout: 60_000
}, async () => {
  const { port } = await start('udp-game.ts')
  const player = await openPlayer()
  const right = Buffer.from(Int8Array.of(1, 0))
  const placeOf = (snapshot: Buffer) => snapshot.readInt16LE(7)
  player.send(right, port, '127.0.0.1')
  let place = 0
  for (let atBorder = 0; atBorder < 5; ) {
    const [snapshot] = (await once(player, 'message')) as [Buffer]
    place = placeOf(snapshot)
    if (place >= 1000) atBorder++
    for (let count = 0; count < 200; count++) player.send(right, port, '127.0.0.1')
  }
  expect(place).toBe(1000)
})

test('proxy: bytes and half-close go through in both directions, however slowly they are read', {
  timeout: 60_000
}, async () => {
  const total = 8 * 1024 * 1024
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0
    socket.on('data', (data) => {
      bytes += data.length
    })
    // Only a half-close lets this through.
    socket.on('end', () => socket.end(Buffer.alloc(bytes, 'x')))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = await start(
    'proxy.ts',
    '0',
    `127.0.0.1:${(server.address() as AddressInfo).port}`
  )
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  client.end(Buffer.alloc(total))
  let bytes = 0
  for await (const data of client) bytes += (data as Buffer).length
  expect(bytes).toBe(total)
})

test('proxy: a target that refuses resets the client', { timeout: 60_000 }, async () => {
  const { port } = await start('proxy.ts', '0', `127.0.0.1:${await freePort()}`)
  const client = connect(port, '127.0.0.1')
  const [error] = (await once(client, 'error')) as [NodeJS.ErrnoException]
  expect(error.code).toBe('ECONNRESET')
})

test('proxy: a target that is no address is refused at the start', {
  timeout: 60_000
}, async () => {
  for (const target of ['example.test:80', '127.0.0.1:99999'])
    await expect(start('proxy.ts', '0', target)).rejects.toThrow(/proxy\.ts ended: [\s\S]*ERR_/)
})

for (const how of [[], ['hand-over']]) {
  test(`workers: every connection is echoed ${how[0] ?? 'as the system spreads them'}`, {
    timeout: 60_000
  }, async () => {
    const { port } = await start('workers.ts', '0', '2', ...how)
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const client = clientOf(port)
        client.socket.write(`client ${index}.`)
        await client.until(`client ${index}.`)
      })
    )
  })
}

test('tls: echoes to a client of node:tls', { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'pollport-example-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const pems = await generate([{ name: 'commonName', value: 'localhost' }])
  writeFileSync(join(folder, 'key.pem'), pems.private)
  writeFileSync(join(folder, 'cert.pem'), pems.cert)
  const { port } = await start('tls.ts', join(folder, 'key.pem'), join(folder, 'cert.pem'))
  const client = connectTls({ port, host: '127.0.0.1', ca: pems.cert, servername: 'localhost' })
  onTestFinished(() => void client.destroy())
  client.end('in secret')
  let echoed = ''
  for await (const data of client) echoed += data
  expect(echoed).toBe('in secret')
})

test('web: serves its page, and counts who is there over WebSockets', {
  timeout: 60_000
}, async () => {
  const { port } = await start('web.ts')
  const page = await fetch(`http://127.0.0.1:${port}/`)
  expect(await page.text()).toContain('new WebSocket')
  expect((await fetch(`http://127.0.0.1:${port}/nothing`)).status).toBe(404)
  const visitors = [0, 1].map(() => new WebSocket(`ws://127.0.0.1:${port}/`))
  onTestFinished(() => {
    for (const visitor of visitors) visitor.terminate()
  })
  await Promise.all(visitors.map((visitor) => untilMessage(visitor, '2')))
  const left = untilMessage(visitors[0], '1')
  visitors[1].close()
  await left
})

test('websocket: a page and a chat that browsers join, and a stop that says so', {
  timeout: 60_000
}, async () => {
  const { port, child } = await start('websocket.ts')
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toContain('new WebSocket')
  const join = (name: string) =>
    new WebSocket(`ws://127.0.0.1:${port}/chat?name=${name}`, {
      origin: `http://127.0.0.1:${port}`
    })
  const ann = join('ann')
  await untilMessage(ann, '* ann joined; 1 here')
  const bob = join(encodeURIComponent('bób'))
  await untilMessage(ann, '* bób joined; 2 here')
  bob.send('good évening')
  await untilMessage(ann, 'bób: good évening')
  bob.close()
  await untilMessage(ann, '* bób left')
  const closed = once(ann, 'close')
  const ended = once(child, 'close')
  if (isWindows) return ann.terminate() // kill() there runs no signal handler
  child.kill('SIGTERM')
  expect((await closed)[0]).toBe(1001)
  expect(await ended).toEqual([0, null])
})

function untilMessage(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve) => {
    socket.on('message', (data) => {
      if (String(data) === text) resolve()
    })
  })
}
