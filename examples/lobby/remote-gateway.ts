// A gateway in a worker, as the hub sees it. The other end of gateway-thread.ts.
import { Worker } from 'node:worker_threads'
import type { GatewayThreadData } from './gateway-thread.ts'
import type { GatewayLink, HubLink } from './links.ts'
import { type Call, Mailbox, ownBytes } from './mailbox.ts'
import type { Direction, RefusalCode } from './protocol.ts'
import type { GatewayFigures } from './server-figures.ts'

/** A thread that is so far behind will not come back: its players are better served by another one. */
const MAX_CALLS_UNDER_WAY = 1_000_000

export interface OpenPorts {
  port: number | undefined
  webPort: number | undefined
  udpPort: number
}

export class RemoteGateway implements GatewayLink {
  /** Where it listens; rejected when it cannot. */
  readonly listening: Promise<OpenPorts>
  /** When the thread has ended: in order, or with what went wrong. */
  readonly ended: Promise<Error | undefined>
  hub: HubLink | undefined
  readonly #worker: Worker
  readonly #mailbox: Mailbox
  #onListening: ((ports: OpenPorts) => void) | undefined
  #figures: GatewayFigures = {
    connections: 0,
    webConnections: 0,
    viaUdp: 0,
    messagesIn: 0,
    messagesOut: 0,
    bytesIn: 0,
    bytesOut: 0,
    datagramsIn: 0,
    datagramsOut: 0,
    datagramsRefused: 0
  }

  constructor(data: GatewayThreadData) {
    const script = new URL('./thread.mjs', import.meta.url)
    this.#worker = new Worker(script, { workerData: data, execArgv: [] })
    this.#mailbox = new Mailbox(this.#worker, (call) => this.#obey(call))
    this.#worker.on('message', (post) => this.#mailbox.receive(post))
    let failure: Error | undefined
    this.ended = new Promise((resolve) => {
      this.#worker.on('error', (error) => {
        failure = error as Error
      })
      this.#worker.on('exit', () => resolve(failure))
    })
    this.listening = new Promise((resolve, reject) => {
      this.#onListening = resolve
      this.ended.then((error) => reject(error ?? new Error('the thread ended before it listened')))
    })
    this.listening.catch(() => {}) // whoever waits for it hears it
  }

  /** As of half a second ago, at most. */
  get figures(): GatewayFigures {
    return this.#figures
  }

  deliver(clients: readonly number[], frame: Uint8Array): void {
    this.#send('deliver', clients, ownBytes(frame))
  }

  deliverState(clients: readonly number[], state: Uint8Array): void {
    this.#send('deliverState', clients, ownBytes(state))
  }

  dismiss(client: number, frame: Uint8Array): void {
    this.#send('dismiss', client, ownBytes(frame))
  }

  stop(frame: Uint8Array): void {
    this.#send('stop', ownBytes(frame))
  }

  /** Hands a connection over: the handle is the thread's from now on. */
  adopt(handle: number, family: 'ipv4' | 'ipv6', isWeb: boolean): void {
    this.#send('adopt', handle, family, isWeb)
  }

  #send(...call: Call): void {
    if (this.#mailbox.length < MAX_CALLS_UNDER_WAY) this.#mailbox.send(...call)
    else void this.#worker.terminate()
  }

  #obey([method, ...args]: Call): void {
    switch (method) {
      case 'listening':
        this.#onListening?.(args[0] as OpenPorts)
        break
      case 'figures':
        this.#figures = args[0] as GatewayFigures
        break
      case 'enter':
        this.hub?.enter(args[0] as number, args[1] as string)
        break
      case 'receive':
        this.hub?.receive(args[0] as number, args[1] as Uint8Array)
        break
      case 'steer':
        this.hub?.steer(args[0] as number, args[1] as number, args[2] as number, args[3] as Direction)
        break
      case 'lose':
        this.hub?.lose(args[0] as number)
        break
      case 'leave':
        this.hub?.leave(args[0] as number, args[1] as RefusalCode)
        break
      case 'refused':
        this.hub?.refused(args[0] as RefusalCode)
        break
    }
  }
}
