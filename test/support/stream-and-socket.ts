// A stream over pollport, and Node's own socket at the other end.
import { once } from 'node:events'
import net from 'node:net'
import { type ConnectionDuplex, type PollerOptions, toDuplex } from 'pollport'
import { onTestFinished } from 'vitest'
import { LOCAL } from './net-peer.ts'
import { runningPoller } from './running-poller.ts'

type Options = Parameters<typeof toDuplex>[1]

export async function streamAndSocket(options: Options = {}, pollerOptions: PollerOptions = {}) {
  let stream: ConnectionDuplex | undefined
  const poller = runningPoller((connection) => {
    stream = toDuplex(connection, options)
  }, pollerOptions)
  const listener = poller.listenTcp({ address: LOCAL, port: 0 })
  const socket = net.connect({ host: LOCAL, port: listener.localAddress.port, allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  await once(socket, 'connect')
  while (stream === undefined) await new Promise((resolve) => setImmediate(resolve))
  return { poller, stream, socket }
}
