// What every backend does in the same way: hands arguments to binding/exchange.ts. All of the work
// is in native/<system>/; what systems have different ideas about is in epoll.ts and iocp.ts.
import type { ExchangeBinding } from '../../binding/exchange.ts'
import { addon } from '../../binding/load.ts'
import type { LoopWatchBinding } from '../../binding/loop-watch.ts'
import type { SocketBinding } from '../../binding/socket.ts'
import { clockMs } from '../../clock.ts'
import { check } from '../../errors.ts'
import { Socket } from '../../raw/socket.ts'
import { type SocketCalls, systemSocketCalls } from '../../raw/socket-calls.ts'
import { Waker } from '../../raw/waker.ts'
import { turnOfNodeLoop } from '../../turns.ts'
import type {
  Backend,
  BackendLimits,
  BackendWatch,
  BindWish,
  Capabilities,
  NewSocket
} from '../backend.ts'
import type { BatchMemory } from '../batch-memory.ts'
import type { Outbox } from '../outbox.ts'

// How many exchanges pass between two looks at handles whose owners were collected: a look costs
// about as much as receiving one message.
const REAP_EVERY = 16
// Bun and Deno export libuv's functions and do not do what they promise. The variable is for tests,
// and for you to rule out that the loop itself is at fault.
const watchesInNodeLoop =
  !('bun' in process.versions || 'deno' in process.versions) &&
  process.env.POLLPORT_RUN_BY_THREAD === undefined

/**
 * The words for errors: which call of the system it is that makes the object that waits, that
 * watches a socket, that waits.
 */
interface CallNames {
  readonly create: string
  readonly watch: string
  readonly wait: string
}

export abstract class ExchangeBackend implements Backend {
  abstract readonly name: 'epoll' | 'iocp'
  abstract readonly capabilities: Capabilities
  readonly mayBlock = true
  readonly calls: SocketCalls = systemSocketCalls
  protected readonly native = addon() as SocketBinding & ExchangeBinding & LoopWatchBinding
  /** The native exchange. */
  protected readonly exchangeNumber: number
  readonly #names: CallNames
  readonly #wakerHandle: number
  #untilReap = REAP_EVERY

  constructor(owner: object, names: CallNames) {
    this.#names = names
    this.exchangeNumber = check(this.native.exchangeCreate(owner), names.create)
    this.#wakerHandle = this.native.exchangeWakerHandle(this.exchangeNumber)
  }

  get waitCall(): string {
    return this.#names.wait
  }

  abstract prepareBind(socket: NewSocket, wish: BindWish): void

  clockMs(): number {
    return clockMs()
  }

  wake(): void {
    this.waker().wake()
  }

  waker(): Waker {
    return Waker.from(this.#wakerHandle)
  }

  makeSocket(type: 'tcp' | 'udp', family: 'ipv4' | 'ipv6'): NewSocket {
    return new Socket({ type, family, nonBlocking: true })
  }

  setLimits(limits: BackendLimits): void {
    const { maxEvents, readBudgetBytes, maxDatagramBytes, acceptBudget } = limits
    this.native.exchangeLimits(
      this.exchangeNumber,
      maxEvents,
      readBudgetBytes,
      maxDatagramBytes,
      acceptBudget
    )
  }

  watch(index: number, generation: number, handle: number, kind: number): void {
    check(
      this.native.exchangeWatch(this.exchangeNumber, index, generation, handle, kind),
      this.#names.watch
    )
  }

  connect(index: number, generation: number, handle: number, address: Uint8Array): number {
    return this.native.exchangeConnect(this.exchangeNumber, index, generation, handle, address)
  }

  setReceiving(index: number, on: boolean): void {
    check(this.native.exchangeReceive(this.exchangeNumber, index, on), this.#names.watch)
  }

  release(index: number, how: number): number {
    return this.native.exchangeRelease(this.exchangeNumber, index, how)
  }

  send(index: number, bytes: Uint8Array, offset: number, length: number): number {
    return this.native.exchangeSend(this.exchangeNumber, index, bytes, offset, length)
  }

  sendDatagram(
    index: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    addressOffset: number
  ): number {
    return this.native.exchangeSendDatagram(
      this.exchangeNumber,
      index,
      bytes,
      offset,
      length,
      addressOffset
    )
  }

  exchange(outbox: Outbox, batch: BatchMemory, timeoutMs: number): number {
    if (--this.#untilReap === 0) {
      this.#untilReap = REAP_EVERY
      this.native.reapHandles()
    }
    return this.native.exchangeRun(
      this.exchangeNumber,
      outbox.bytes,
      outbox.sends,
      outbox.count,
      batch.slab,
      batch.records,
      timeoutMs,
      batch.streamBytes
    )
  }

  flush(outbox: Outbox, batch: BatchMemory): number {
    return this.native.exchangeFlush(
      this.exchangeNumber,
      outbox.bytes,
      outbox.sends,
      outbox.count,
      batch.flushSlab,
      batch.records
    )
  }

  openWatch(onReady: () => void): BackendWatch {
    const watch = check(
      this.native.loopWatchOpen(this.exchangeNumber, onReady, watchesInNodeLoop),
      'pthread_create'
    )
    return {
      arm: (timeoutMs) => {
        check(this.native.loopWatchArm(watch, timeoutMs), 'write')
      },
      looked: () => {
        this.native.loopWatchLooked(watch)
      },
      keepAlive: (on) => {
        this.native.loopWatchKeepAlive(watch, on)
      },
      close: () => {
        this.native.loopWatchClose(watch)
      }
    }
  }

  turn(): Promise<void> {
    return turnOfNodeLoop()
  }

  close(): void {
    this.native.exchangeClose(this.exchangeNumber)
  }
}
