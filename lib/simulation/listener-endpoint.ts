// A simulated listening socket: its backlog. Knows no poller.
import { Endpoint } from './endpoint.ts'
import type { TcpEndpoint } from './tcp-endpoint.ts'

export class ListenerEndpoint extends Endpoint {
  backlog = 0
  /** Connections that are open and not accepted yet, in their order. */
  readonly waiting: TcpEndpoint[] = []
  /** Handshakes that are not done. */
  answering = 0

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
