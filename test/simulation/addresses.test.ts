// Sockets of a simulated host share ports as on Linux: one port on two addresses, and a wildcard
// beside no other.
import type { PollEvent, Poller } from 'pollport'
import { SimulatedNetwork } from 'pollport/simulation'
import { describe, expect, test } from 'vitest'

const ONE = '10.0.0.1'
const OTHER = '10.0.0.2'
const CLIENT = '10.0.9.1'
const code = (name: string) => expect.objectContaining({ code: name })

function world() {
  const network = new SimulatedNetwork({ seed: 1, latencyMs: 5 })
  const server = network.host([ONE, OTHER])
  return {
    network,
    server,
    poller: server.poller<string>(),
    client: network.host(CLIENT).poller<string>()
  }
}

/** What comes until nothing has come for that long. */
function all(poller: Poller<string>, ms: number): PollEvent<string>[] {
  const seen: PollEvent<string>[] = []
  for (let events = poller.wait(ms); events.length > 0; events = poller.wait(ms))
    for (const event of events)
      seen.push(event.type === 'datagram' ? { ...event, data: Buffer.from(event.data) } : event)
  return seen
}

describe('TCP', () => {
  test('two listeners have one port on two addresses, and each gets its own clients', () => {
    const { poller, client } = world()
    poller.listenTcp({ address: ONE, port: 80 }, 'one')
    poller.listenTcp({ address: OTHER, port: 80 }, 'other')
    for (const address of [ONE, OTHER, OTHER]) client.connectTcp({ address, port: 80 })
    client.flush()
    const accepts = all(poller, 50).flatMap((event) =>
      event.type === 'accept'
        ? [`${event.userPtr} ${event.socket.localAddress} ${event.socket.remoteAddress.address}`]
        : []
    )
    expect(accepts).toEqual([
      `one ${ONE}:80 ${CLIENT}`,
      `other ${OTHER}:80 ${CLIENT}`,
      `other ${OTHER}:80 ${CLIENT}`
    ])
    expect(all(client, 50).map(({ type }) => type)).toEqual(['connect', 'connect', 'connect'])
  })

  test('a port that is listened on at one address is refused at another, and free there', () => {
    const { poller, client } = world()
    const listener = poller.listenTcp({ address: ONE, port: 80 })
    client.connectTcp({ address: OTHER, port: 80 })
    expect(all(client, 50)).toMatchObject([{ type: 'close', error: { code: 'ECONNREFUSED' } }])
    expect(() => poller.listenTcp({ address: ONE, port: 80 })).toThrow(code('EADDRINUSE'))
    expect(() => poller.listenTcp({ address: '0.0.0.0', port: 80 })).toThrow(code('EADDRINUSE'))
    listener.close()
    const wildcard = poller.listenTcp({ address: '0.0.0.0', port: 80 })
    expect(() => poller.listenTcp({ address: OTHER, port: 80 })).toThrow(code('EADDRINUSE'))
    wildcard.close()
    poller.listenTcp({ address: OTHER, port: 80 })
  })

  test('one of two listeners of a port closes, and the other stays', () => {
    const { poller, client } = world()
    const one = poller.listenTcp({ address: ONE, port: 80 }, 'one')
    poller.listenTcp({ address: OTHER, port: 80 }, 'other')
    one.close()
    for (const address of [ONE, OTHER]) client.connectTcp({ address, port: 80 }, address)
    const seen = all(client, 50).map(({ type, ...event }) => [
      type,
      'userPtr' in event && event.userPtr
    ])
    expect(seen).toEqual([
      ['close', ONE],
      ['connect', OTHER]
    ])
  })

  test('a connection comes from the address that it is bound to, else from the first', () => {
    const { network, poller } = world()
    const peer = network.host('10.0.0.3').poller<string>()
    peer.listenTcp({ address: '10.0.0.3', port: 80 })
    const to = { address: '10.0.0.3', port: 80 }
    // Both have the same port: what differs is the address.
    for (const localAddress of [ONE, OTHER])
      poller.connectTcp({ ...to, localAddress, localPort: 5000 })
    poller.connectTcp(to)
    poller.flush()
    const from = all(peer, 50).flatMap((event) =>
      event.type === 'accept' ? [event.socket.remoteAddress] : []
    )
    expect(from.map(String).slice(0, 2)).toEqual([`${ONE}:5000`, `${OTHER}:5000`])
    expect(from[2]?.address).toBe(ONE)
  })

  test('a partition that cuts one address of a host leaves the other', () => {
    const { network, poller, client } = world()
    poller.listenTcp({ address: '0.0.0.0', port: 80 })
    network.partition([ONE], [CLIENT])
    for (const address of [ONE, OTHER]) client.connectTcp({ address, port: 80 }, address)
    expect(all(client, 500)).toMatchObject([{ type: 'connect', userPtr: OTHER }])
  })
})

describe('UDP', () => {
  test('two sockets have one port on two addresses, and answer from their own', () => {
    const { poller, client } = world()
    const sockets = [ONE, OTHER].map((address) => poller.bindUdp({ address, port: 9 }, address))
    const source = client.bindUdp({ address: CLIENT, port: 0 })
    for (const address of [OTHER, ONE]) source.send(address, { address, port: 9 })
    client.flush()
    const got = all(poller, 50).flatMap((event) =>
      event.type === 'datagram' ? [`${event.userPtr} ${event.data}`] : []
    )
    expect(got).toEqual([`${OTHER} ${OTHER}`, `${ONE} ${ONE}`])
    for (const socket of sockets) socket.send('x', source.localAddress)
    poller.flush()
    const answers = all(client, 50).map((event) => event.type === 'datagram' && `${event.address}`)
    expect(answers).toEqual([`${ONE}:9`, `${OTHER}:9`])
  })

  test('a wildcard gets what comes to any address, and shares its port by reuseAddress only', () => {
    const { poller, client } = world()
    const options = { address: '0.0.0.0', port: 9 }
    const wildcard = poller.bindUdp(options)
    expect(() => poller.bindUdp({ address: ONE, port: 9 })).toThrow(code('EADDRINUSE'))
    const reuse = { address: ONE, port: 9, reuseAddress: true }
    expect(() => poller.bindUdp(reuse)).toThrow(code('EADDRINUSE'))
    const source = client.bindUdp({ address: CLIENT, port: 0 })
    for (const address of [ONE, OTHER]) source.send('x', { address, port: 9 })
    client.flush()
    expect(all(poller, 50)).toHaveLength(2)
    wildcard.close()
    poller.bindUdp({ ...options, reuseAddress: true }, 'wildcard')
    poller.bindUdp(reuse, 'specific')
    for (const address of [ONE, OTHER]) source.send('x', { address, port: 9 })
    client.flush()
    const owners = all(poller, 50).flatMap((event) =>
      event.type === 'datagram' ? [event.userPtr] : []
    )
    expect(owners).toEqual(['specific', 'wildcard'])
  })
})

test('a host has at least one address, and none of another host', () => {
  const { network } = world()
  expect(() => network.host([])).toThrow(TypeError)
  expect(() => network.host(['10.0.0.8', OTHER])).toThrow(TypeError)
  expect(() => network.host(['10.0.0.8', '10.0.0.8'])).toThrow(TypeError)
})
