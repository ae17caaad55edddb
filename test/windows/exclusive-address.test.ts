// Who may have a port on Windows beside its owner: nobody beside a UDP socket, as SO_REUSEADDR
// would let any program do; and a server that starts again beside the connections that it accepted
// before.
import { Socket } from 'pollport'
import { expect, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { closing, codeOf } from '../support/raw-pair.ts'

/** What the system says of a socket that pollport owns. */
function isExclusive(handle: number, type: 'tcp' | 'udp'): boolean {
  const view = Socket.fromHandle(handle, { type })
  const exclusive = view.getOption('exclusiveAddress')
  view.detach()
  return exclusive
}

test('S.7 a second listener is EADDRINUSE', () => {
  const { poller } = openProbe()
  const { port } = poller.listenTcp({ address: LOCAL, port: 0 }).localAddress
  expect(thrownBy(() => poller.listenTcp({ address: LOCAL, port })).code).toBe('EADDRINUSE')
})

test('S.7 a UDP socket has its port exclusively, unless it asks to share: a thief with SO_REUSEADDR is EACCES', () => {
  const { poller } = openProbe()
  const { port } = poller.bindUdp({ address: LOCAL, port: 0 }).localAddress
  const thief = closing(new Socket({ type: 'udp' }))
  thief.setOption('reuseAddress', true)
  expect(codeOf(() => thief.bind({ address: LOCAL, port }))).toBe('EACCES')
  expect(isExclusive(poller.bindUdp({ address: LOCAL, port: 0 }).handle, 'udp')).toBe(true)
  const shared = poller.bindUdp({ address: LOCAL, port: 0, reuseAddress: true }).localAddress
  poller.bindUdp({ address: LOCAL, port: shared.port, reuseAddress: true })
})

test('a listener is not exclusive: on Windows its port would be taken for as long as a connection lives that it accepted', () => {
  const { poller } = openProbe()
  expect(isExclusive(poller.listenTcp({ address: LOCAL, port: 0 }).handle, 'tcp')).toBe(false)
})

test('a program that wants its port exclusively adopts a listener that has it so', () => {
  const { poller } = openProbe()
  const own = new Socket({ type: 'tcp', nonBlocking: true })
  own.setOption('exclusiveAddress', true)
  own.bind({ address: LOCAL, port: 0 })
  own.listen()
  const { port } = poller.adopt(own).localAddress
  const thief = closing(new Socket({ type: 'tcp' }))
  thief.setOption('reuseAddress', true)
  expect(codeOf(() => thief.bind({ address: LOCAL, port }))).toBe('EACCES')
})

test('reusePort: true says that there is no such thing, and what to do instead', () => {
  const { poller } = openProbe()
  expect(poller.capabilities.reusePort).toBe(false)
  const error = thrownBy(() => poller.listenTcp({ address: LOCAL, port: 0, reusePort: true }))
  expect(error).toMatchObject({ name: 'SocketError', code: 'ENOTSUP' })
  expect(error.message).toMatch(/hand connections over/)
  expect(
    poller.listenTcp({ address: LOCAL, port: 0, reusePort: 'try' }).localAddress.port
  ).toBeGreaterThan(0)
})
