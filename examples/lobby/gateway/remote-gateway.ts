// A gateway in a worker, as the hub sees it. The other end of gateway-thread.ts.
import { Worker } from 'node:worker_threads'
import { Socket } from 'pollport'
import type { GatewayFigures } from '../server/server-figures.ts'
import type { RefusalCode } from '../wire/protocol.ts'
import type { GatewayThreadData } from './gateway-thread.ts'
import type { GatewayLink, HubLink } from './links.ts'
import { type Call, Mailbox, ownBytes } from './mailbox.ts'

/**
 * With so much on its way to a thread that does not keep up, states are dropped, since newer ones
 * come soon.
 */
const MANY_UNDER_WAY_BYTES = 1024 * 1024
/**
 * A thread that is so far behind will not recover: its players are better off on another one.
 */
const MAX_UNDER_WAY_BYTES = 64 * 1024 * 1024
/**
 * A thread reports its figures twice a second. Without any in so many checks, one a second, the
 * thread is blocked.
 */
const LOOK_EVERY_MS = 1_000
const MAX_LOOKS_IN_VAIN = 10

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
  /** Connections that were handed over, and that the thread has not taken yet. */
  readonly #handles = new Set<number>()
  #isOpen = false
  #failure: Error | undefined
  #looksInVain = 0
  #heardMs = performance.now()
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
    this.#worker.on('message', (post) => {
      this.#looksInVain = 0
      this.#heardMs = performance.now()
      this.#mailbox.receive(post)
    })
    const watch = setInterval(() => this.#look(), LOOK_EVERY_MS)
    this.ended = new Promise((resolve) => {
      this.#worker.on('error', (error) => {
        this.#failure ??= error as Error
      })
      this.#worker.on('exit', () => {
        clearInterval(watch)
        for (const handle of this.#handles) Socket.fromHandle(handle, { type: 'tcp' }).close()
        resolve(this.#failure)
      })
    })
    this.listening = new Promise((resolve, reject) => {
      this.#onListening = resolve
      this.ended.then((error) => reject(error ?? new Error('the thread ended before it listened')))
    })
    this.listening.catch(() => {}) // those that await it get the error
  }

  /** Whether it has begun to serve. */
  get isOpen(): boolean {
    return this.#isOpen
  }

  /** For how long nothing has come from the thread, which reports its figures twice a second. */
  get silentMs(): number {
    return performance.now() - this.#heardMs
  }

  /** As of half a second ago, at most. */
  get figures(): GatewayFigures {
    return this.#figures
  }

  deliver(clients: readonly number[], frame: Uint8Array): void {
    this.#send('deliver', clients, ownBytes(frame))
  }

  deliverState(clients: readonly number[], game: string, state: Uint8Array): void {
    if (this.#mailbox.underWayBytes > MANY_UNDER_WAY_BYTES) return
    this.#send('deliverState', clients, game, ownBytes(state))
  }

  dismiss(client: number, frame: Uint8Array): void {
    this.#send('dismiss', client, ownBytes(frame))
  }

  stop(frame: Uint8Array): void {
    this.#send('stop', ownBytes(frame))
  }

  /**
   * Hands a connection over: the thread owns the handle from now on; it is closed if the thread
   * ends before it has taken it.
   */
  adopt(handle: number, isWeb: boolean): void {
    this.#handles.add(handle)
    this.#send('adopt', handle, isWeb)
  }

  /** Ends the thread at once, whatever it does; {@link ended} has the reason. */
  terminate(reason: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = reason
    void this.#worker.terminate()
  }

  #send(...call: Call): void {
    this.#mailbox.send(...call)
    if (this.#mailbox.underWayBytes > MAX_UNDER_WAY_BYTES)
      this.terminate(new Error('the thread does not keep up'))
  }

  #look(): void {
    if (this.#isOpen && ++this.#looksInVain > MAX_LOOKS_IN_VAIN)
      this.terminate(new Error('the thread is blocked'))
  }

  #obey([method, ...args]: Call): void {
    switch (method) {
      case 'listening':
        this.#isOpen = true
        this.#onListening?.(args[0] as OpenPorts)
        break
      case 'figures':
        this.#figures = args[0] as GatewayFigures
        break
      case 'taken':
        this.#handles.delete(args[0] as number)
        break
      case 'enter':
        this.hub?.enter(args[0] as number, args[1] as string)
        break
      case 'receive':
        this.hub?.receive(args[0] as number, args[1] as Uint8Array)
        break
      case 'input':
        this.hub?.input(
          args[0] as number,
          args[1] as number,
          args[2] as number,
          args[3] as Uint8Array
        )
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
