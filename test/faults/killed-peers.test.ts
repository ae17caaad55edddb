// Peers that are killed, or stopped for a while, in the middle of a transfer, many connections at
// once: each closes once with the right code, what was received is a prefix of what was sent, and
// no descriptor stays.
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { countDescriptors, descriptorsBackAt } from '../support/descriptors.ts'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe, type Probe } from '../support/poller-probe.ts'
import { survived } from './tally.ts'

const CONNECTIONS = 100
const ROUNDS = 5
// As killed.mjs numbers its bytes.
const PATTERN = Buffer.from(Array.from({ length: 251 * 4096 }, (_, at) => at % 251))

/** Takes what peers send, checks it, and keeps what became of each connection. */
class Server {
  readonly received = new Map<unknown, number>()
  readonly closes: (string | undefined)[] = []
  readonly probe: Probe
  wrong = 0

  constructor(probe: Probe, sends: boolean) {
    this.probe = probe
    probe.keeps = false
    const give = (socket: { send(data: Buffer): boolean }) => {
      while (socket.send(PATTERN.subarray(0, 251 * 256)));
    }
    probe.onEvent = (event) => {
      if (event.type === 'accept') {
        this.received.set(event.socket, 0)
        if (sends) give(event.socket)
      } else if (event.type === 'drain' && 'end' in event.socket) {
        give(event.socket)
      } else if (event.type === 'receive') {
        const before = this.received.get(event.socket) as number
        const at = before % 251
        if (!PATTERN.subarray(at, at + event.data.length).equals(event.data)) this.wrong++
        this.received.set(event.socket, before + event.data.length)
      } else if (event.type === 'end') {
        event.socket.close()
      } else if (event.type === 'close' && this.received.has(event.socket)) {
        this.closes.push(event.error?.code)
      }
    }
  }
}

test.each([
  ['that send', 'sends'],
  ['that take', 'takes']
])('peers %s are killed', async (_, kind) => {
  for (let round = 0; round < ROUNDS; round++) {
    const before = countDescriptors()
    const probe = openProbe({ highWaterMarkBytes: 64 * 1024 })
    const server = new Server(probe, kind === 'takes')
    const listener = probe.poller.listenTcp({ address: LOCAL, port: 0, backlog: 4096 })
    const args = [String(listener.localAddress.port), String(CONNECTIONS), kind]
    const child = startChild(new URL('./killed.mjs', import.meta.url), { args, deadlineMs: 60_000 })
    let isUnderWay = false
    child.at('under way', 60_000).then(
      () => {
        isUnderWay = true
      },
      () => {}
    )
    await probe.until(
      'all are connected, and bytes move',
      () => isUnderWay && server.received.size === CONNECTIONS,
      50_000
    )
    child.process.kill('SIGKILL')
    await child.ended
    await probe.until('all are closed', () => server.closes.length === CONNECTIONS, 20_000)
    await probe.quiet()
    expect(server.closes).toHaveLength(CONNECTIONS)
    // Who was sent to breaks by a reset. Who was only received from may end in order, as far as the
    // system of the dead can tell.
    const codes = kind === 'takes' ? ['ECONNRESET', 'EPIPE'] : ['ECONNRESET', undefined]
    expect(server.closes.filter((code) => !codes.includes(code))).toEqual([])
    expect(server.wrong).toBe(0)
    listener.close()
    probe.poller.close()
    expect(await descriptorsBackAt(before)).toBe(before)
    survived('connections whose peer was killed in a transfer', CONNECTIONS)
  }
})

test('a peer that is stopped for a while holds up nobody else, and nothing of it is lost', async () => {
  const probe = openProbe({ highWaterMarkBytes: 64 * 1024 })
  const server = new Server(probe, false)
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const start = () => {
    const args = [String(listener.localAddress.port), '10', 'sends']
    return startChild(new URL('./killed.mjs', import.meta.url), { args, deadlineMs: 100_000 })
  }
  const [stopped, other] = [start(), start()]
  await probe.until('both are connected', () => server.received.size === 20, 20_000)
  const total = () => [...server.received.values()].reduce((sum, bytes) => sum + bytes, 0)
  for (let stops = 0; stops < 5; stops++) {
    stopped.process.kill('SIGSTOP')
    const before = total()
    await probe.until(
      'the other one is served on',
      () => total() > before + 20 * 1024 * 1024,
      20_000
    )
    stopped.process.kill('SIGCONT')
    const mark = total()
    await probe.until('and both are', () => total() > mark + 20 * 1024 * 1024, 20_000)
  }
  expect(server.closes).toEqual([])
  for (const child of [stopped, other]) child.process.kill('SIGKILL')
  await probe.until('all are closed', () => server.closes.length === 20, 20_000)
  expect(server.wrong).toBe(0)
  expect([...server.received.values()].every((bytes) => bytes > 0)).toBe(true)
  survived('peers stopped for a while and continued', 5)
})
