// Simulated TCP behaves as TCP does: what is lost on the way costs time, never bytes.
import type { PollEvent, Poller, TcpConnection } from 'pollport'
import { type LinkOptions, SimulatedNetwork } from 'pollport/simulation'
import { expect, test } from 'vitest'

const SERVER = '10.0.0.1'
const CLIENT = '10.0.0.2'

function world(link: LinkOptions = {}, seed = 1) {
  const network = new SimulatedNetwork({ seed, latencyMs: 20, ...link })
  const hosts = { server: network.host(SERVER), client: network.host(CLIENT) }
  const server = hosts.server.poller<string>()
  const client = hosts.client.poller<string>()
  return { network, hosts, server, client }
}

/** Waits on each in turn until `isDone`, and gives what came. */
function drive(
  pollers: readonly Poller<string>[],
  isDone: (seen: PollEvent<string>[]) => boolean,
  onEvent: (event: PollEvent<string>) => void = () => {}
): PollEvent<string>[] {
  const seen: PollEvent<string>[] = []
  for (let rounds = 0; rounds < 1_000_000 && !isDone(seen); rounds++)
    for (const poller of pollers)
      for (const event of poller.wait(1)) {
        onEvent(event)
        seen.push(event.type === 'receive' ? { ...event, data: Buffer.from(event.data) } : event)
      }
  return seen
}

const types = (events: readonly PollEvent<string>[]) => events.map(({ type }) => type)
const has = (type: string) => (seen: PollEvent<string>[]) => types(seen).includes(type as never)

test('a connect takes a round trip, and a port on which nobody listens refuses it', () => {
  const { network, server, client } = world()
  server.listenTcp({ address: '0.0.0.0', port: 80 })
  client.connectTcp({ address: SERVER, port: 80 })
  expect(types(client.wait(1000))).toEqual(['connect'])
  expect(network.now).toBe(40)
  client.connectTcp({ address: SERVER, port: 81 })
  const [refused] = client.wait(1000)
  expect(refused).toMatchObject({ type: 'close', error: { code: 'ECONNREFUSED' } })
  expect(network.now).toBe(80)
})

test('a connect to a host that is not there times out after tcp_syn_retries', () => {
  const { network, client } = world()
  client.connectTcp({ address: '10.0.0.9', port: 80 })
  const [event] = client.wait()
  expect(event).toMatchObject({ type: 'close', error: { code: 'ETIMEDOUT' } })
  expect(network.now).toBe(127_000)
})

test('both sides see each other’s addresses, bytes, half-close and end', () => {
  const { server, client } = world()
  server.listenTcp({ address: SERVER, port: 80 })
  const connection = client.connectTcp({ address: SERVER, port: 80 }, 'client')
  connection.send('question')
  connection.end()
  const isOver = (seen: PollEvent<string>[]) =>
    seen.some((event) => event.type === 'end' && event.userPtr === 'client')
  const seen = drive([server, client], isOver, (event) => {
    if (event.type === 'accept') {
      expect(event.socket.remoteAddress.address).toBe(CLIENT)
      expect(event.socket.remoteAddress.port).toBe(connection.localAddress.port)
      expect(String(event.socket.localAddress)).toBe(`${SERVER}:80`)
    }
    if (event.type === 'end' && event.userPtr !== 'client') {
      event.socket.send('answer after the end')
      event.socket.end()
    }
  })
  const texts = seen.flatMap((event) => (event.type === 'receive' ? [String(event.data)] : []))
  expect(texts).toEqual(['question', 'answer after the end'])
  expect(types(seen).filter((type) => type === 'end')).toHaveLength(2)
})

test('reset() is ECONNRESET at the other side', () => {
  const { server, client } = world()
  server.listenTcp({ address: SERVER, port: 80 })
  const connection = client.connectTcp({ address: SERVER, port: 80 }, 'client')
  connection.send('x')
  const isBroken = (event: PollEvent<string>) =>
    event.type === 'close' && event.socket === connection
  const seen = drive(
    [server, client],
    (events) => events.some(isBroken),
    (event) => {
      if (event.type === 'receive') event.socket.reset()
    }
  )
  expect(seen.find(isBroken)).toMatchObject({ error: { code: 'ECONNRESET' } })
})

test.each([0, 0.01, 0.1, 0.3])(
  'with %d of the packets lost, and others doubled and overtaken, every byte comes once and in order',
  (loss) => {
    const { server, client } = world({ loss, duplication: 0.05, jitterMs: 30 })
    server.listenTcp({ address: SERVER, port: 80 })
    const connection = client.connectTcp({ address: SERVER, port: 80 }, 'client')
    const total = 300_000
    const sent = Buffer.from(Array.from({ length: total }, (_, at) => (at * 31 + (at >> 8)) & 255))
    let offset = 0
    const send = () => {
      while (offset < total) {
        offset += 10_000
        if (!connection.send(sent.subarray(offset - 10_000, offset))) return
      }
      connection.end()
    }
    send()
    const seen = drive([server, client], has('end'), (event) => {
      if (event.type === 'drain') send()
    })
    const received = Buffer.concat(
      seen.flatMap((event) => (event.type === 'receive' ? [event.data as Buffer] : []))
    )
    expect(received.equals(sent)).toBe(true)
  }
)

test('a reader that pauses stops the sender: buffers fill, send() says false, then all comes', () => {
  const { server, client } = world()
  server.listenTcp({ address: SERVER, port: 80 })
  const connection = client.connectTcp({ address: SERVER, port: 80 }, 'client')
  let reader: TcpConnection<string> | undefined
  drive([server, client], has('accept'), (event) => {
    if (event.type === 'accept') {
      reader = event.socket
      reader.pause()
    }
  })
  let bytes = 0
  for (let rounds = 0; rounds < 100; rounds++) {
    while (connection.bufferedBytes < 1024 * 1024 && bytes < 8 * 1024 * 1024) {
      connection.send(Buffer.alloc(16_384))
      bytes += 16_384
    }
    client.wait(10)
  }
  // What both kernels hold, and not more.
  expect(connection.bytesSent).toBeLessThan(131_072 + 87_040 + 1)
  reader?.resume()
  connection.end()
  let received = 0
  drive([server, client], has('end'), (event) => {
    if (event.type === 'receive') received += event.data.length
  })
  expect(received).toBe(bytes)
})

test('a link of 100,000 bytes a second takes a second for as many bytes', () => {
  const { network, server, client } = world({ bandwidthBytesPerSecond: 100_000, queueMs: 10_000 })
  server.listenTcp({ address: SERVER, port: 80 })
  const connection = client.connectTcp({ address: SERVER, port: 80 }, 'client')
  connection.send(Buffer.alloc(100_000))
  connection.end()
  drive([server, client], has('end'))
  expect(network.now).toBeGreaterThan(1000)
  expect(network.now).toBeLessThan(1500)
})

test('while a backlog is full, clients connect later, and no SYN is answered by RST', () => {
  const { network, server, client } = world()
  const listener = server.listenTcp({ address: SERVER, port: 80, backlog: 2 })
  listener.pause()
  for (let count = 0; count < 6; count++) client.connectTcp({ address: SERVER, port: 80 })
  const first = drive([server, client], () => network.now > 200)
  expect(types(first)).toEqual(['connect', 'connect', 'connect'])
  listener.resume()
  const rest = drive([server, client], () => network.now > 8000)
  expect(types(rest).filter((type) => type === 'connect')).toHaveLength(3)
  expect(types(rest).filter((type) => type === 'accept')).toHaveLength(6)
})

test('a peer that has crashed is noticed by time, and by RST once it is back', () => {
  const { network, hosts, server, client } = world()
  server.listenTcp({ address: SERVER, port: 80 })
  const connection = client.connectTcp({ address: SERVER, port: 80 }, 'client')
  drive([server, client], has('connect'))
  hosts.server.crash()
  connection.send('are you there?')
  expect(client.wait(5000)).toEqual([])
  hosts.server.restart()
  const [event] = client.wait(60_000)
  expect(event).toMatchObject({ type: 'close', error: { code: 'ECONNRESET' } })
  expect(network.now).toBeGreaterThan(5000)
})

test('a partition holds all up, and healed nothing was lost', () => {
  const { network, server, client } = world()
  server.listenTcp({ address: SERVER, port: 80 })
  const connection = client.connectTcp({ address: SERVER, port: 80 }, 'client')
  drive([server, client], has('accept'))
  network.partition([SERVER], ['10.0.0.*'])
  connection.send('patience')
  expect(drive([server, client], () => network.now > 5000)).toEqual([])
  network.heal()
  const seen = drive([server, client], has('receive'))
  expect(seen.map((event) => event.type === 'receive' && String(event.data))).toContain('patience')
})
