// A child process gets none of pollport's sockets: with one in hand it would keep a connection open
// that this process has closed.
import { Socket } from 'pollport'
import { expect, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { closing, rawListener } from '../support/raw-pair.ts'
import { isInherited, plainSocket } from '../support/win32.mjs'

test('no socket is inherited: made, connected, accepted by accept() and by a poller', () => {
  const listener = rawListener()
  const client = closing(new Socket({ type: 'tcp' }))
  client.connect(listener.localAddress)
  const accepted = closing(listener.accept() as Socket)
  const { poller } = openProbe()
  const server = poller.listenTcp({ address: LOCAL, port: 0 })
  const connection = poller.connectTcp(server.localAddress)
  const sockets = [
    listener,
    client,
    accepted,
    server,
    connection,
    poller.bindUdp({ address: LOCAL, port: 0 })
  ]
  for (let isAccepted = false; !isAccepted; ) {
    for (const event of poller.wait(1000)) {
      if (event.type !== 'accept') continue
      isAccepted = true
      sockets.push(event.socket)
    }
  }
  expect(sockets.map(({ handle }) => isInherited(handle))).toEqual(sockets.map(() => false))
  // As a socket is that nobody has thought of.
  expect(isInherited(closing(Socket.fromHandle(plainSocket(), { type: 'tcp' })).handle)).toBe(true)
})
