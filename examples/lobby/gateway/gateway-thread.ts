// A worker: one gateway, one poller, one thread. The other end of remote-gateway.ts.

import { parentPort, workerData } from 'node:worker_threads'
import { pino } from 'pino'
import { games } from '../games/index.ts'
import { encode, Refusal } from '../wire/protocol.ts'
import { unhandled } from '../wire/unhandled.ts'
import { type Doors, Gateway } from './gateway.ts'
import type { GatewayCall, HubCall, HubLink } from './links.ts'
import { Mailbox, ownBytes } from './mailbox.ts'
import type { GatewaySettings } from './settings.ts'

/** What the worker is started with. */
export interface GatewayThreadData {
  doors: Doors
  settings: GatewaySettings
}

/** With so much on its way to a hub that does not keep up, players get `too-fast`. */
const MAX_UNDER_WAY_BYTES = 16 * 1024 * 1024
const FIGURES_EVERY_MS = 500

const port = parentPort as NonNullable<typeof parentPort>
const { doors, settings } = workerData as GatewayThreadData
const log = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: true }))
const gateway = new Gateway(doors, settings, log, games)
const mailbox = new Mailbox<HubCall, GatewayCall>(port, obey)
port.on('message', (post) => mailbox.receive(post))

const isFull = () => mailbox.underWayBytes >= MAX_UNDER_WAY_BYTES
const hub: HubLink = {
  enter: (client, address) => mailbox.send('enter', client, address),
  receive: (client, frame) => {
    if (!isFull()) mailbox.send('receive', client, ownBytes(frame))
    else
      gateway.deliver(
        [client],
        encode(new Refusal('too-fast', 'the server does not keep up').toMessage())
      )
  },
  input: (client, match, seq, input) => {
    if (!isFull()) mailbox.send('input', client, match, seq, ownBytes(input))
  },
  lose: (client) => mailbox.send('lose', client),
  leave: (client, reason) => mailbox.send('leave', client, reason),
  refused: (reason) => mailbox.send('refused', reason)
}

const figures = setInterval(() => mailbox.send('figures', gateway.figures), FIGURES_EVERY_MS)
mailbox.send('listening', {
  port: gateway.port,
  webPort: gateway.webPort,
  udpPort: gateway.udpPort
})
await gateway.run(hub)
clearInterval(figures)
port.close()

function obey(call: GatewayCall): void {
  switch (call[0]) {
    case 'deliver':
      gateway.deliver(call[1], call[2])
      break
    case 'deliverState':
      gateway.deliverState(call[1], call[2], call[3])
      break
    case 'dismiss':
      gateway.dismiss(call[1], call[2])
      break
    case 'adopt':
      // First, and at once: if this thread ends now, the hub must know which handles it has, or a
      // handle would be closed twice.
      mailbox.send('taken', call[1])
      mailbox.flush()
      gateway.adopt(call[1], call[2])
      break
    case 'stop':
      gateway.stop(call[1])
      break
    default:
      unhandled(call)
  }
}
