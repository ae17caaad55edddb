// A gateway in a worker, as the hub sees it. The other end of gateway-thread.ts.

import { Worker } from 'node:worker_threads'
import { Socket } from 'pollport'
import { unhandled } from '../wire/unhandled.ts'
import { type GatewayFigures, NO_GATEWAY_FIGURES } from './figures.ts'
import type { GatewayThreadData } from './gateway-thread.ts'
import type { GatewayCall, GatewayLink, HubCall, HubLink, OpenPorts } from './links.ts'
import { Mailbox, ownBytes } from './mailbox.ts'

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

export class RemoteGateway implements GatewayLink {
  /** Where it listens; rejected when it cannot. */
  readonly listening: Promise<OpenPorts>
  /** When the thread has ended: in order, or with what went wrong. */
  readonly ended: Promise<Error | undefined>
  hub: HubLink | undefined
  readonly #worker: Worker
  readonly #mailbox: Mailbox<GatewayCall, HubCall>
  /** Connections that were handed over, and that the thread has not taken yet. */
  readonly #handles = new Set<number>()
  #isOpen = false
  #failure: Error | undefined
  #looksInVain = 0
  #heardMs = performance.now()
  #onListening: ((ports: OpenPorts) => void) | undefined
  #figures: GatewayFigures = NO_GATEWAY_FIGURES

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

  #send(...call: GatewayCall): void {
    this.#mailbox.send(...call)
    if (this.#mailbox.underWayBytes > MAX_UNDER_WAY_BYTES)
      this.terminate(new Error('the thread does not keep up'))
  }

  #look(): void {
    if (this.#isOpen && ++this.#looksInVain > MAX_LOOKS_IN_VAIN)
      this.terminate(new Error('the thread is blocked'))
  }

  #obey(call: HubCall): void {
    switch (call[0]) {
      case 'listening':
        this.#isOpen = true
        this.#onListening?.(call[1])
        break
      case 'figures':
        this.#figures = call[1]
        break
      case 'taken':
        this.#handles.delete(call[1])
        break
      case 'enter':
        this.hub?.enter(call[1], call[2])
        break
      case 'receive':
        this.hub?.receive(call[1], call[2])
        break
      case 'input':
        this.hub?.input(call[1], call[2], call[3], call[4])
        break
      case 'lose':
        this.hub?.lose(call[1])
        break
      case 'leave':
        this.hub?.leave(call[1], call[2])
        break
      case 'refused':
        this.hub?.refused(call[1])
        break
      default:
        unhandled(call)
    }
  }
}
