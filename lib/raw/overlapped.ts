// Overlapped operations (Windows): the map from token to Overlapped, and the result of one that is
// complete. Knows ports by their number alone.
import { SocketAddress } from '../address.ts'
import type { IocpBinding } from '../binding/iocp.ts'
import { addon, loaded } from '../binding/load.ts'
import { PACKED_ADDRESS } from '../binding/records.ts'
import { WOULD_BLOCK_RESULT } from '../binding/socket.ts'
import { WOULD_BLOCK, type WouldBlock } from '../constants.ts'
import {
  check,
  invalidArgType,
  namedSocketError,
  type SocketError,
  socketError,
  unsupportedPlatform
} from '../errors.ts'
import { Slots } from '../slots.ts'
import { bindToThread } from '../thread-bound.ts'
import { waitInSlices } from '../wait-slices.ts'
import type { Socket } from './socket.ts'

/**
 * The call that started an overlapped operation; it is the `syscall` of its error.
 * @category Raw
 */
export type OverlappedCall =
  | 'WSARecv'
  | 'WSASend'
  | 'WSARecvFrom'
  | 'WSASendTo'
  | 'AcceptEx'
  | 'ConnectEx'
  | 'DisconnectEx'

/** @internal Where the completions of a socket go, and how many are still to come. */
export interface Completions {
  /** The number of an Iocp; 0 = none: ask `getResult`. */
  readonly port: number
  inFlight: number
}

/** What an operation belongs to. */
interface Operation {
  readonly call: OverlappedCall
  readonly socket: Socket
  readonly handle: number
  readonly completions: Completions
  readonly token: number
  readonly adopt: ((handle: number) => Socket) | undefined
}

type Native = IocpBinding & ReturnType<typeof addon>

const NO_DATA = Buffer.alloc(0)
// How long a close waits for one cancelled operation that no port gives back: cancelling takes
// microseconds.
const CANCEL_WAIT_MS = 5000
// The same for a receive that a port gives back: a close only needs the system to be done with it.
const RECEIVE_WAIT_MS = 100

// The tokens of this thread, and the native memory behind them.
const tokens = new Slots<Overlapped>()
const poolOwner = {}
let pool = 0

/** @internal The number of this thread's operations. */
export function overlappedPool(): number {
  if (pool === 0) pool = check(native('Overlapped').overlappedCreate(poolOwner), 'malloc')
  return pool
}

/** @internal The addon, if it has completion ports. */
export function native(what: string): Native {
  if (loaded !== undefined && loaded.iocpCreate === undefined) throw unsupportedPlatform(what)
  return addon() as Native
}

/** @internal The operation with that token. */
export function overlappedOf(token: number): Overlapped | undefined {
  return token < 0 ? undefined : tokens.get(token)
}

/**
 * One overlapped operation of a socket: the OVERLAPPED structure and its buffer (Windows only).
 *
 * Each `overlapped…` method of {@link Socket} makes one, or reuses the one that you pass, for one
 * operation at a time. The kernel owns its memory until you have the completion from
 * {@link Iocp.wait}, or, for a socket without an Iocp, until {@link Overlapped.getResult} has
 * returned the result.
 * @category Raw
 * @example
 * ```ts
 * import { Overlapped, Socket } from 'pollport'
 *
 * const socket = new Socket({ type: 'udp' })
 * socket.bind({ address: '127.0.0.1', port: 0 })
 * const receive = new Overlapped()
 * socket.overlappedReceiveFrom(1500, receive)
 * socket.sendTo('hello', socket.localAddress)
 * console.log(receive.getResult(true), String(receive.data)) // 5 hello
 * socket.close()
 * ```
 */
export class Overlapped {
  #operation: Operation | undefined
  #data: Buffer = NO_DATA
  #bytes = 0
  #error: SocketError | undefined
  #address: SocketAddress | undefined
  #truncated = false
  #accepted: Socket | undefined

  /**
   * Makes an operation to pass to an `overlapped…` method of {@link Socket}.
   * @throws Error `ERR_UNSUPPORTED_PLATFORM` on other systems
   */
  constructor() {
    native('Overlapped')
    bindToThread(this)
  }

  /** Whether an operation was started and you have not got its completion yet. */
  get pending(): boolean {
    return this.#operation !== undefined
  }

  /** The bytes received; empty while pending, and after an operation that is not a receive. */
  get data(): Buffer {
    return this.#data
  }

  /** The sender of the datagram, after `overlappedReceiveFrom`. */
  get address(): SocketAddress | undefined {
    return this.#address
  }

  /** The datagram was longer than the buffer; the rest of it is lost. */
  get truncated(): boolean {
    return this.#truncated
  }

  /** The accepted socket, after `overlappedAccept`; it is yours to close. */
  get accepted(): Socket | undefined {
    return this.#accepted
  }

  /**
   * The result of the last operation (GetOverlappedResult). If the socket has an {@link Iocp}, the
   * completion still comes from {@link Iocp.wait}.
   * @param wait true: block until the operation is complete; false, the default: return
   *   `WOULD_BLOCK` while it is pending
   * @returns the bytes transferred; 0 before the first operation
   * @throws SocketError if the operation failed: `ECONNRESET`, `ECONNREFUSED`, `ECANCELED`, …
   */
  getResult(wait = false): number | WouldBlock {
    const operation = this.#operation
    if (operation === undefined) {
      if (this.#error !== undefined) throw this.#error
      return this.#bytes
    }
    const calls = native('Overlapped')
    const ask = (waitMs: number) =>
      calls.overlappedResult(overlappedPool(), operation.token, waitMs)
    // waitInSlices goes on while the answer is 0, which here is one of the ends.
    let result = WOULD_BLOCK_RESULT
    waitInSlices(wait ? -1 : 0, (ms) => {
      result = ask(ms < 0 ? LONG_MS : ms)
      return result === WOULD_BLOCK_RESULT ? 0 : 1
    })
    if (result === WOULD_BLOCK_RESULT) return WOULD_BLOCK
    if (operation.completions.port === 0)
      this._finish(Math.max(result, 0), result < 0 ? -result : 0)
    else return check(result, operation.call)
    return this.getResult()
  }

  /** @internal Begins an operation; `start` makes the native call. */
  _start(
    call: OverlappedCall,
    socket: Socket,
    completions: Completions,
    adopt: ((handle: number) => Socket) | undefined,
    start: (calls: Native, pool: number, token: number, port: number) => number
  ): this {
    if (this.#operation !== undefined)
      throw namedSocketError(
        'EBUSY',
        call,
        'this Overlapped has an operation in flight; use another one'
      )
    const calls = native('Overlapped')
    const token = tokens.insert(this)
    this.#operation = { call, socket, handle: socket.handle, completions, token, adopt }
    this.#reset()
    let isStarted = false
    try {
      const result = start(calls, overlappedPool(), token, completions.port)
      if (result < 0) throw socketError(-result, call)
      isStarted = true
    } finally {
      // Also after an argument that was refused: then nothing is in flight.
      if (!isStarted) {
        this.#operation = undefined
        tokens.delete(token)
      }
    }
    completions.inFlight++
    return this
  }

  /** @internal Where the completion of the operation in flight goes. */
  get _completions(): Completions | undefined {
    return this.#operation?.completions
  }

  /** @internal Its number, for the native side; -1 when nothing is in flight. */
  get _token(): number {
    return this.#operation?.token ?? -1
  }

  /** @internal A completion, or the end of one without a port. Returns its error. */
  _finish(bytes: number, errno: number): SocketError | undefined {
    const operation = this.#operation
    if (operation === undefined) return this.#error
    this.#end(operation)
    const { call } = operation
    const calls = native('Overlapped')
    const packed = new Uint8Array(PACKED_ADDRESS.bytes)
    const into =
      call === 'WSARecv' || call === 'WSARecvFrom' ? Buffer.allocUnsafeSlow(bytes) : NO_DATA
    const taken = calls.overlappedTake(overlappedPool(), operation.token, into, packed)
    // A datagram that did not fit is an error to Windows, with the first bytes in the buffer.
    this.#truncated = packed[PACKED_ADDRESS.flag] === 1
    if (errno !== 0 && !this.#truncated) {
      // A socket that was closed by this program cancels what is in flight, whatever the system
      // calls it.
      this.#error =
        operation.socket.handle === operation.handle
          ? socketError(errno, call)
          : namedSocketError('ECANCELED', call)
      return this.#error
    }
    if (taken < 0) {
      this.#error = socketError(-taken, call)
      return this.#error
    }
    this.#bytes = bytes
    this.#data = into
    if (call === 'WSARecvFrom') this.#address = SocketAddress.fromPacked(packed, 0)
    if (operation.adopt !== undefined) this.#accepted = operation.adopt(taken)
    return undefined
  }

  /**
   * @internal Its socket is about to go, or is given away: ends an operation that no port would
   *   give back.
   */
  _cancelAndFinish(): void {
    const operation = this.#operation
    if (operation === undefined) return
    const calls = native('Overlapped')
    calls.cancelIoEx(overlappedPool(), operation.handle, operation.token)
    const result = calls.overlappedResult(overlappedPool(), operation.token, CANCEL_WAIT_MS)
    if (result !== WOULD_BLOCK_RESULT) this._finish(Math.max(result, 0), result < 0 ? -result : 0)
  }

  /**
   * @internal Its socket is about to be closed, which over a receive that is in flight sends a
   * reset: ends a receive that a port gives back. If a driver does not complete a cancelled one in
   * time, the peer gets the reset.
   */
  _cancelReceive(): void {
    const operation = this.#operation
    if (operation === undefined || operation.call !== 'WSARecv') return
    const calls = native('Overlapped')
    calls.cancelIoEx(overlappedPool(), operation.handle, operation.token)
    calls.overlappedResult(overlappedPool(), operation.token, RECEIVE_WAIT_MS)
  }

  /** @internal Its port is closed: its result is dropped. */
  _abandon(): void {
    const operation = this.#operation
    if (operation === undefined) return
    this.#end(operation)
    const calls = native('Overlapped')
    const taken = calls.overlappedTake(overlappedPool(), operation.token, NO_DATA, NO_DATA)
    if (operation.call === 'AcceptEx' && taken > 0) calls.socketClose(taken)
    this.#error = namedSocketError('ECANCELED', operation.call)
  }

  #end(operation: Operation): void {
    this.#operation = undefined
    tokens.delete(operation.token)
    operation.completions.inFlight--
  }

  #reset(): void {
    this.#data = NO_DATA
    this.#bytes = 0
    this.#error = undefined
    this.#address = undefined
    this.#truncated = false
    this.#accepted = undefined
  }
}

// A slice for the main thread, which cannot be terminated: long, and far from where the system's
// own types overflow.
const LONG_MS = 2 ** 30

/** @internal Everything in flight whose completion goes there. */
export function* operationsAt(where: (completions: Completions) => boolean): Generator<Overlapped> {
  for (const overlapped of tokens.values()) {
    if (overlapped._completions !== undefined && where(overlapped._completions)) yield overlapped
  }
}

/** @internal The given one, or a new one. */
export function overlappedFor(given: Overlapped | undefined): Overlapped {
  if (given === undefined) return new Overlapped()
  if (!(given instanceof Overlapped)) throw invalidArgType('overlapped', 'an Overlapped', given)
  return given
}
