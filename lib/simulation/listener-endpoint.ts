// A simulated listening socket: its backlog. Knows no poller.
import { Endpoint, type SetOptions } from './endpoint.ts'
import { Fifo } from './fifo.ts'
import type { TcpEndpoint } from './tcp-endpoint.ts'

export class ListenerEndpoint extends Endpoint {
  readonly address: string
  backlog = 0
  /** Connections that are open and not accepted yet, in their order. */
  readonly waiting: Fifo<TcpEndpoint> = new Fifo()
  /** Handshakes that are not done. */
  answering = 0

  constructor(handle: number, address: string, port: number, options: SetOptions) {
    super(handle, port, options)
    this.address = address
  }

  /** Linux drops the SYN of a client that finds the backlog full, and the client repeats it. */
  get isFull(): boolean {
    return this.waiting.length + this.answering > this.backlog
  }

  add(end: TcpEndpoint): void {
    this.waiting.push(end)
    this.notify()
  }

  get isReady(): boolean {
    return this.isReceiving && this.waiting.length > 0
  }
}
