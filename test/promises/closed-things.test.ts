// What is used after its close says in the error what is closed, and a connection whose.
import { Socket } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { thrownBy } from '../support/poller-probe.ts'
import { tested } from '../support/tested-system.ts'

const ANY = { address: LOCAL, port: 0 }

function openPoller() {
  const poller = tested.poller()
  onTestFinished(() => poller.close())
  return poller
}

test('a connection, with the address of its peer', () => {
  const poller = openPoller()
  const { port } = poller.listenTcp(ANY).localAddress
  const connection = poller.connectTcp({ address: LOCAL, port })
  connection.reset()
  poller.wait(0)
  poller.wait(0)
  poller.wait(0)
  const error = thrownBy(() => connection.localAddress)
  expect(error).toMatchObject({ code: 'EBADF', syscall: 'getsockname', address: LOCAL, port })
  expect(error.message).toBe(`getsockname EBADF ${LOCAL}:${port}: the connection is closed`)
})

test('a listener', () => {
  const listener = openPoller().listenTcp(ANY)
  listener.close()
  expect(thrownBy(() => listener.pause()).message).toBe('pause EBADF: the listener is closed')
})

test('a socket of the unified floor, and a raw one', () => {
  const udp = openPoller().bindUdp(ANY)
  udp.close()
  expect(thrownBy(() => udp.localAddress).message).toMatch(/ EBADF: the socket is closed$/)
  const raw = new Socket({ type: 'tcp' })
  raw.close()
  expect(thrownBy(() => raw.listen(1)).message).toBe('listen EBADF: the socket is closed')
})

test('a poller', () => {
  const poller = openPoller()
  poller.close()
  expect(thrownBy(() => poller.listenTcp(ANY)).message).toBe('listen EBADF: the poller is closed')
})
