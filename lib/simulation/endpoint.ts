// What every simulated socket has: where it is bound, its options, and who watches it. Knows no
// protocol.
import type { SocketOptionName, SocketOptions } from '../raw/options.ts'

/** What the backend of a poller gets to know of a socket that it watches. */
export interface Watcher {
  /** There is something to report of the socket in that slot. */
  onReady(index: number): void
}

// Linux's defaults: net.core.rmem_default for datagrams; for TCP what tcp_rmem and tcp_wmem of
// tcp(7) allow before they are tuned.
const DEFAULT_RECEIVE_BYTES = 131_072
const DEFAULT_SEND_BYTES = 87_040

export abstract class Endpoint {
  readonly handle: number
  readonly address: string
  port: number
  readonly options: Map<SocketOptionName, SocketOptions[SocketOptionName]>
  isReceiving = true
  index = -1
  #watcher: Watcher | undefined

  constructor(
    handle: number,
    address: string,
    port: number,
    options: Map<SocketOptionName, SocketOptions[SocketOptionName]>
  ) {
    this.handle = handle
    this.address = address
    this.port = port
    this.options = options
  }

  get receiveBytes(): number {
    return (this.options.get('receiveBufferSize') as number | undefined) ?? DEFAULT_RECEIVE_BYTES
  }

  get sendBytes(): number {
    return (this.options.get('sendBufferSize') as number | undefined) ?? DEFAULT_SEND_BYTES
  }

  watch(watcher: Watcher, index: number): void {
    this.#watcher = watcher
    this.index = index
    if (this.isReady) watcher.onReady(index)
  }

  unwatch(): void {
    this.#watcher = undefined
    this.index = -1
  }

  /** Whether there is something to report. */
  abstract get isReady(): boolean

  protected notify(): void {
    if (this.#watcher !== undefined && this.isReady) this.#watcher.onReady(this.index)
  }
}
