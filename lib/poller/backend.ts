// What a system must supply so that the unified floor can stand on it. Prose first, since this is
// the promise that both sides are held to:
//
// - A backend knows sockets by slot index and generation (see lib/slots.ts) and never by object. It
//   reports by records (lib/binding/records.ts).
// - It is completion-shaped: received bytes lie in the batch already, accepted sockets are open
//   already, a connect has its answer.
// - It takes bytes to send at once or says how many it took; for what it did not take, one
//   `writable` record comes when asking again makes sense.
// - From watch() or connect() on, it owns the handle, until release() closes it or gives it back.
// - After an `ended` or `failed` record it reports nothing more of the receiving side.
// - It makes no choices: how much, how long and who first are arguments.
import type { EndPoint } from '../address.ts'
import type { SocketOptionName, SocketOptions } from '../raw/options.ts'
import type { SocketCalls } from '../raw/socket-calls.ts'
import type { Waker } from '../raw/waker.ts'
import type { BatchMemory } from './batch-memory.ts'
import type { Outbox } from './outbox.ts'

/** A thread that watches the backend while Node's own loop runs; see run.ts. */
export interface BackendWatch {
  /**
   * One call of `onReady` is due: when there is something to take, or after `timeoutMs` (-1 = no
   * limit).
   */
  arm(timeoutMs: number): void
  /** Somebody has looked without arming, and will again in the next turn of Node's loop. */
  looked(): void
  /** Whether it keeps the process alive, as it does when it is opened. */
  keepAlive(on: boolean): void
  close(): void
}

/**
 * A socket that is not watched yet, as the poller sets it up: a raw `Socket`, or what stands for
 * one.
 */
export interface NewSocket {
  readonly handle: number
  setOption<K extends SocketOptionName>(name: K, value: SocketOptions[K]): void
  bind(address: EndPoint): void
  /** Binds a socket that is going to connect: its port may be shared by several peers. */
  _bindToConnect(address: EndPoint): void
  listen(backlog: number): void
  /** Gives the handle up: the backend owns it. */
  detach(): number
  close(): void
}

/** What a socket is to share its address with. */
export interface BindWish {
  readonly isListener: boolean
  /** Other sockets may bind to the same address and port. */
  readonly reuseAddress: boolean
}

/** What the system can do beyond what both can; it does not change while the process runs. */
export interface Capabilities {
  /** Several sockets may share a port, and the system spreads what comes: true on Linux alone. */
  readonly reusePort: boolean
  /**
   * `wait(0.25)` waits a quarter of a millisecond: true on Linux from 5.11 on (epoll_pwait2 in
   * epoll_wait(2)). Where it is false, times are rounded up to whole milliseconds.
   */
  readonly subMillisecondWait: boolean
  /**
   * `bindUdp({ reportUnreachable: true })` reports datagrams that came back: true on both systems.
   * Linux alone says which peer it was.
   */
  readonly reportUnreachable: boolean
  /**
   * One system call sends to many connections (io_uring): true on Linux from 5.7 on, where nothing
   * forbids io_uring (a container's seccomp profile, the sysctl `kernel.io_uring_disabled`), and
   * `batchCalls` is not `'never'`. False elsewhere. If the kernel begins to refuse it later, the
   * poller goes on with a call for each connection.
   */
  readonly batchedCalls: boolean
}

export interface BackendLimits {
  maxEvents: number
  readBudgetBytes: number
  maxDatagramBytes: number
  acceptBudget: number
}

export interface Backend {
  readonly name: 'epoll' | 'iocp' | 'simulated'
  /** Whether a wait may block the thread: other programs of a simulation run in it, too. */
  readonly mayBlock: boolean
  readonly capabilities: Capabilities
  /** The name of the call that waits, for errors. */
  readonly waitCall: string
  /** What sockets ask by their handle. */
  readonly calls: SocketCalls
  /** Random 32-bit integers from the seed of a simulation. A system has its own. */
  readonly randomInt32?: () => number

  /** Milliseconds on this backend's clock, with fractions; never goes back. */
  clockMs(): number
  /** Ends the current or the next wait. */
  wake(): void
  /** What other threads end a wait with. */
  waker(): Waker
  /** A socket that does not block. Throws SocketError `socket`. */
  makeSocket(type: 'tcp' | 'udp', family: 'ipv4' | 'ipv6'): NewSocket
  setLimits(limits: BackendLimits): void
  /**
   * Options that a socket needs on this system before it is bound: each has its own idea of what
   * may share an address.
   */
  prepareBind(socket: NewSocket, wish: BindWish): void
  /**
   * Starts receiving (or accepting) on a non-blocking socket. `kind` is one of WATCH. Throws
   * SocketError; the caller then still owns the handle.
   */
  watch(index: number, generation: number, handle: number, kind: number): void
  /**
   * Starts connecting: 0 = connected already, WOULD_BLOCK_RESULT = a `connected` record follows,
   * else minus the error number (nothing is watched then).
   */
  connect(index: number, generation: number, handle: number, address: Uint8Array): number
  /** Receiving or accepting on or off. */
  setReceiving(index: number, on: boolean): void
  /**
   * Takes the socket out and closes it (RELEASE.close, RELEASE.reset) or gives the handle back
   * (RELEASE.detach).
   */
  release(index: number, how: number): number
  /** Bytes taken, or minus the error number. */
  send(index: number, bytes: Uint8Array, offset: number, length: number): number
  /** 1 = taken, 0 = no room now, or minus the error number. */
  sendDatagram(
    index: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    addressOffset: number
  ): number
  /**
   * Sends the outbox, waits, receives into `batch`. Returns how many records, or minus the error
   * number.
   */
  exchange(outbox: Outbox, batch: BatchMemory, timeoutMs: number): number
  /** Only sends the outbox. */
  flush(outbox: Outbox, batch: BatchMemory): number
  openWatch(onReady: () => void): BackendWatch
  /** What comes between two batches: a turn of Node's loop, or of a simulation's programs. */
  turn(): Promise<void>
  /** Closes every socket that is still watched, and itself. */
  close(): void
}
