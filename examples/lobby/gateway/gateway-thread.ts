// A worker: one gateway, one poller, one thread. The other end of remote-gateway.ts.
import { parentPort, workerData } from 'node:worker_threads'
import { pino } from 'pino'
import { games } from '../games/index.ts'
import type { Settings } from '../server/config.ts'
import { encode, Refusal } from '../wire/protocol.ts'
import { type Doors, Gateway } from './gateway.ts'
import type { HubLink } from './links.ts'
import { type Call, Mailbox, ownBytes } from './mailbox.ts'

/** What the worker is started with. */
export interface GatewayThreadData {
  doors: Doors
  settings: Settings
}

/** With so much on its way to a hub that does not keep up, players get `too-fast`. */
const MAX_UNDER_WAY_BYTES = 16 * 1024 * 1024
const FIGURES_EVERY_MS = 500

const port = parentPort as NonNullable<typeof parentPort>
const { doors, settings } = workerData as GatewayThreadData
const log = pino({ level: settings.logLevel }, pino.destination({ dest: 2, sync: true }))
const gateway = new Gateway(doors, settings, log, games)
const mailbox = new Mailbox(port, obey)
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

function obey([method, ...args]: Call): void {
  switch (method) {
    case 'deliver':
      gateway.deliver(args[0] as number[], args[1] as Uint8Array)
      break
    case 'deliverState':
      gateway.deliverState(args[0] as number[], args[1] as string, args[2] as Uint8Array)
      break
    case 'dismiss':
      gateway.dismiss(args[0] as number, args[1] as Uint8Array)
      break
    case 'adopt':
      // First, and at once: if this thread ends now, the hub must know which handles it has, or a
      // handle would be closed twice.
      mailbox.send('taken', args[0])
      mailbox.flush()
      gateway.adopt(args[0] as number, args[1] as boolean)
      break
    case 'stop':
      gateway.stop(args[0] as Uint8Array)
      break
  }
}
