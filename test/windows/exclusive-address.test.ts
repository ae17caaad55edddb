// A listener of a Poller has its port for itself: nobody takes it away, as SO_REUSEADDR would let any program do on Windows.
import { Socket } from 'pollport'
import { expect, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe, thrownBy } from '../support/poller-probe.ts'
import { closing, codeOf } from '../support/raw-pair.ts'

test('S.7 a second listener is EADDRINUSE, and a thief with SO_REUSEADDR is EACCES', () => {
  const { poller } = openProbe()
  const { port } = poller.listenTcp({ address: LOCAL, port: 0 }).localAddress
  expect(thrownBy(() => poller.listenTcp({ address: LOCAL, port })).code).toBe('EADDRINUSE')
  const thief = closing(new Socket({ type: 'tcp' }))
  thief.setOption('reuseAddress', true)
  expect(codeOf(() => thief.bind({ address: LOCAL, port }))).toBe('EACCES')
})

test('S.7 the same for a UDP socket, unless it asks to share', () => {
  const { poller } = openProbe()
  const { port } = poller.bindUdp({ address: LOCAL, port: 0 }).localAddress
  const thief = closing(new Socket({ type: 'udp' }))
  thief.setOption('reuseAddress', true)
  expect(codeOf(() => thief.bind({ address: LOCAL, port }))).toBe('EACCES')
  const shared = poller.bindUdp({ address: LOCAL, port: 0, reuseAddress: true }).localAddress
  poller.bindUdp({ address: LOCAL, port: shared.port, reuseAddress: true })
})

test('a port is free again as soon as its listener is closed', () => {
  const { poller } = openProbe()
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const { port } = listener.localAddress
  listener.close()
  expect(poller.listenTcp({ address: LOCAL, port }).localAddress.port).toBe(port)
})

test('reusePort: true says that there is no such thing, and what to do instead', () => {
  const { poller } = openProbe()
  expect(poller.capabilities.reusePort).toBe(false)
  const error = thrownBy(() => poller.listenTcp({ address: LOCAL, port: 0, reusePort: true }))
  expect(error).toMatchObject({ name: 'SocketError', code: 'ENOTSUP' })
  expect(error.message).toMatch(/hand connections over/)
  expect(poller.listenTcp({ address: LOCAL, port: 0, reusePort: 'try' }).localAddress.port).toBeGreaterThan(0)
})
