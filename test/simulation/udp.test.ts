// Simulated UDP behaves as UDP does: datagrams are lost, doubled, overtaken and cut.
import { type LinkOptions, SimulatedNetwork } from 'pollport/simulation'
import { expect, test } from 'vitest'

function world(link: LinkOptions = {}, receiveBufferSize?: number) {
  const network = new SimulatedNetwork({ seed: 3, latencyMs: 10, ...link })
  const receiver = network.host('10.0.0.1').poller({ maxDatagramBytes: 1200 })
  const sender = network.host('10.0.0.2').poller()
  const target = receiver.bindUdp({ address: '0.0.0.0', port: 4000, receiveBufferSize })
  const source = sender.bindUdp({ address: '10.0.0.2', port: 0 })
  const send = (data: string | Uint8Array, port = 4000) => {
    source.send(data, { address: '10.0.0.1', port })
    sender.flush()
  }
  const receive = (untilMs: number): string[] => {
    const texts: string[] = []
    while (network.now < untilMs)
      for (const event of receiver.wait(untilMs - network.now))
        if (event.type === 'datagram') texts.push(String(event.data))
    return texts
  }
  return { network, receiver, sender, target, source, send, receive }
}

test('a datagram comes whole, with the address of its sender', () => {
  const { receiver, source, send } = world()
  send('hello')
  const [event] = receiver.wait(100)
  expect(event).toMatchObject({ type: 'datagram', truncated: false })
  if (event?.type !== 'datagram') throw new Error('no datagram')
  expect(String(event.data)).toBe('hello')
  expect(String(event.address)).toBe(String(source.localAddress))
})

test('of a thousand, about so many are lost as the link says, and some come twice', () => {
  const { send, receive } = world({ loss: 0.2, duplication: 0.1 }, 4 * 1024 * 1024)
  for (let count = 0; count < 1000; count++) send(String(count))
  const received = receive(1000)
  const distinct = new Set(received).size
  expect(distinct).toBeGreaterThan(740)
  expect(distinct).toBeLessThan(860)
  expect(received.length - distinct).toBeGreaterThan(40)
})

test('with jitter datagrams overtake each other, without it they keep their order', () => {
  const inOrder = (texts: string[]) => texts.every((text, at) => Number(text) === at)
  for (const [jitterMs, isInOrder] of [
    [0, true],
    [20, false]
  ] as const) {
    const { send, receive } = world({ jitterMs })
    for (let count = 0; count < 100; count++) send(String(count))
    const received = receive(1000)
    expect(received).toHaveLength(100)
    expect(inOrder(received)).toBe(isInOrder)
  }
})

test('a full receive buffer drops what comes', () => {
  const { sender, send, receive } = world({}, 20_000)
  for (let count = 0; count < 100; count++) send('x'.repeat(232))
  sender.wait(50) // all come while nobody reads
  expect(receive(1000)).toHaveLength(20)
})

test('a datagram that is longer than maxDatagramBytes is cut, and says so', () => {
  const { receiver, send } = world()
  send(Buffer.alloc(1300, 'x'))
  const [event] = receiver.wait(100)
  expect(event).toMatchObject({ truncated: true, data: { length: 1200 } })
})

test('a datagram larger than the link’s packets is lost if one of its fragments is', () => {
  const small = world({ loss: 0.1 })
  const large = world({ loss: 0.1 })
  for (let count = 0; count < 200; count++) {
    small.send('x')
    large.send(Buffer.alloc(9000))
  }
  expect(small.receive(1000).length).toBeGreaterThan(160)
  expect(large.receive(1000).length).toBeLessThan(120)
})

test('a port that nobody has is reported to the sender that asked for it', () => {
  const network = new SimulatedNetwork({ seed: 3 })
  network.host('10.0.0.1')
  const poller = network.host('10.0.0.2').poller()
  const asks = poller.bindUdp({ address: '10.0.0.2', port: 0, reportUnreachable: true })
  const doesNot = poller.bindUdp({ address: '10.0.0.2', port: 0 })
  for (const socket of [asks, doesNot]) socket.send('x', { address: '10.0.0.1', port: 9 })
  const events = poller.wait(100)
  expect(events).toHaveLength(1)
  expect(events[0]).toMatchObject({ type: 'error', error: { code: 'ECONNREFUSED', port: 9 } })
  expect(poller.wait(100)).toEqual([])
})
