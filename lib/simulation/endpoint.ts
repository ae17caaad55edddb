// What every simulated socket has: where it is bound, its options, and who watches it. Knows no
// protocol.
import type { SocketOptionName, SocketOptions } from '../raw/options.ts'

/** What the backend of a poller gets to know of a socket that it watches. */
export interface Watcher {
  /** There is something to report of that socket. */
  onReady(endpoint: Endpoint): void
}

/** Options that were set. Never changed: sockets that have the same share them. */
export type SetOptions = Readonly<Partial<SocketOptions>>

export const NO_OPTIONS: SetOptions = Object.freeze({})
/** What most connections have: one object for all of them. */
const NO_DELAY: SetOptions = Object.freeze({ noDelay: true })

export function withOption<K extends SocketOptionName>(
  options: SetOptions,
  name: K,
  value: SocketOptions[K]
): SetOptions {
  if (options[name] === value) return options
  return options === NO_OPTIONS && name === 'noDelay' && value === true
    ? NO_DELAY
    : { ...options, [name]: value }
}

// Linux's defaults: net.core.rmem_default for datagrams; for TCP what tcp_rmem and tcp_wmem of
// tcp(7) allow before they are tuned.
const DEFAULT_RECEIVE_BYTES = 131_072
const DEFAULT_SEND_BYTES = 87_040

// Marks, as bits of one small number: there may be two million ends of connections.
/** The program has paused it. */
const IS_PAUSED = 1
/** It stands among those that have something to report. */
const IS_QUEUED = 2
/** It was made for IPv6; packets of IPv4 may come to it all the same. */
const IS_IPV6 = 4
/** Those above are of every socket; the bits from here on are a protocol's own. */
export const FIRST_OWN_MARK = 8

export abstract class Endpoint {
  readonly handle: number
  port: number
  options: SetOptions
  /** Of the poller that watches it: the slot, and which socket of that slot. */
  index = -1
  generation = 0
  #watcher: Watcher | undefined
  #marks = 0

  constructor(handle: number, port: number, options: SetOptions) {
    this.handle = handle
    this.port = port
    this.options = options
  }

  /** Where it is bound, as packets have it. */
  abstract get address(): string

  get isIpv6(): boolean {
    return this.has(IS_IPV6)
  }

  set isIpv6(on: boolean) {
    this.mark(IS_IPV6, on)
  }

  get receiveBytes(): number {
    return this.options.receiveBufferSize ?? DEFAULT_RECEIVE_BYTES
  }

  get sendBytes(): number {
    return this.options.sendBufferSize ?? DEFAULT_SEND_BYTES
  }

  get isReceiving(): boolean {
    return !this.has(IS_PAUSED)
  }

  set isReceiving(on: boolean) {
    this.mark(IS_PAUSED, !on)
  }

  get isQueued(): boolean {
    return this.has(IS_QUEUED)
  }

  set isQueued(on: boolean) {
    this.mark(IS_QUEUED, on)
  }

  watch(watcher: Watcher, index: number, generation: number): void {
    this.#watcher = watcher
    this.index = index
    this.generation = generation
    if (this.isReady) watcher.onReady(this)
  }

  unwatch(): void {
    this.#watcher = undefined
    this.index = -1
  }

  /** Whether there is something to report. */
  abstract get isReady(): boolean

  protected notify(): void {
    if (this.#watcher !== undefined && this.isReady) this.#watcher.onReady(this)
  }

  protected has(mark: number): boolean {
    return (this.#marks & mark) !== 0
  }

  protected mark(mark: number, on: boolean): void {
    this.#marks = on ? this.#marks | mark : this.#marks & ~mark
  }
}
