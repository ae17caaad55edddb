// The same seed gives the same run, event for event and byte for byte. Many more seeds:
// `npm run test:seeds`.
import { SimulatedNetwork } from 'pollport/simulation'
import { connectWebSocket, WebSocketServer } from 'pollport/websocket'
import { expect, test } from 'vitest'
import { conversation } from './conversation.ts'

const SEEDS = 30

test('a seed twice is the same run, and no two seeds are', { timeout: 60_000 }, async () => {
  const traces = new Set<string>()
  for (let seed = 1; seed <= SEEDS; seed++) {
    const first = await conversation(seed)
    expect(await conversation(seed)).toEqual(first)
    expect(first.seen.some((line) => line.endsWith('message hello'))).toBe(true)
    traces.add(first.trace)
  }
  expect(traces.size).toBe(SEEDS)
})

/** What a client of WebSockets sends, as it goes over the network, and the trace of it. */
async function webSocketBytes(seed: number): Promise<{ bytes: string[]; trace: string }> {
  const network = new SimulatedNetwork({ seed })
  const server = network.host('10.0.0.1')
  const client = network.host('10.0.0.2')
  const bytes: string[] = []
  network.rule(({ from, data }) => {
    if (from === client.address && data.length > 0) bytes.push(Buffer.from(data).toString('latin1'))
    return 'pass'
  })
  server.run(() => {
    const poller = server.poller()
    new WebSocketServer(poller, { address: server.address, port: 80, compression: {} })
    return poller.run(() => {})
  })
  client.run(() => {
    const poller = client.poller()
    connectWebSocket(poller, {
      address: server.address,
      port: 80,
      compression: {},
      onOpen: (socket) => {
        socket.send('plain')
        socket.send('long '.repeat(1000), { compress: true })
      }
    })
    return poller.run(() => {})
  })
  await network.run({ untilMs: 100 })
  return { bytes, trace: network.trace }
}

test('the key and the masks of WebSockets come from the seed', async () => {
  const first = await webSocketBytes(7)
  expect(first.bytes[0]).toMatch(/^GET .*Sec-WebSocket-Key: [+/\w]{22}==/s)
  expect(first.bytes.length).toBeGreaterThan(1)
  expect(await webSocketBytes(7)).toEqual(first)
  const other = await webSocketBytes(8)
  for (const [at, bytes] of other.bytes.entries()) expect(bytes).not.toBe(first.bytes[at])
  expect(other.trace).not.toBe(first.trace)
})

test('the trace tells bytes apart, not only how many there are', async () => {
  const traceOf = async (text: string) => {
    const network = new SimulatedNetwork({ seed: 1 })
    const host = network.host('10.0.0.1')
    host.run(() => {
      const poller = host.poller()
      const socket = poller.bindUdp({ address: host.address, port: 0 })
      socket.send(text, { address: '10.0.0.2', port: 9 })
      poller.flush()
    })
    await network.run({ untilMs: 10 })
    return network.trace
  }
  expect(await traceOf('one')).toBe(await traceOf('one'))
  expect(await traceOf('one')).not.toBe(await traceOf('two'))
})
