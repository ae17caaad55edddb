// A server of Node's that listens by its own listen(), or by serve() on a poller that runs until
// the test ends.
import { once } from 'node:events'
import type { AddressInfo, Server } from 'node:net'
import { Poller, serve } from 'pollport'
import { onTestFinished } from 'vitest'
import { LOCAL } from './net-peer.ts'

/** Makes the server listen, if it can, on the port or on a free one. */
export type Listen = (server: Server, port?: number) => void

export const listenByNode: Listen = (server, port = 0) => {
  server.listen({ host: LOCAL, port })
  onTestFinished(() => void (server.listening && server.close()))
}

/** The poller may be handed in to look at it. */
export function listenByServe(poller: Poller = new Poller()): Listen {
  const running = poller.run(() => {})
  onTestFinished(async () => {
    poller.close()
    await running
  })
  return (server, port = 0) => {
    serve(server, poller, { address: LOCAL, port })
  }
}

/** The port, once it listens. */
export async function portOf(server: Server): Promise<number> {
  if (!server.listening) await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
