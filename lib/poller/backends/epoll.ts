// What is Linux's own of the unified floor.
import { BATCH_CALLS } from '../../binding/records.ts'
import { namedSocketError, socketError } from '../../errors.ts'
import type { BindWish, Capabilities, NewSocket } from '../backend.ts'
import { type BatchCalls, batchCalls } from '../options.ts'
import { ExchangeBackend } from './exchange.ts'

const SETUP = 'io_uring_setup'

export class EpollBackend extends ExchangeBackend {
  readonly name = 'epoll'
  readonly capabilities: Capabilities

  constructor(owner: object, wanted: BatchCalls | undefined) {
    super(owner, { create: 'epoll_create1', watch: 'epoll_ctl', wait: 'epoll_wait' })
    this.capabilities = Object.freeze({
      reusePort: true,
      subMillisecondWait: this.native.waitsForFractions,
      reportUnreachable: true,
      batchedCalls: this.#batchesCalls(wanted ?? defaultBatchCalls())
    })
  }

  prepareBind(socket: NewSocket, { isListener, reuseAddress }: BindWish): void {
    // On Linux this lets a server start again while old connections linger in TIME_WAIT; it does
    // not share a listening port (socket(7)).
    if (isListener || reuseAddress) socket.setOption('reuseAddress', true)
  }

  #batchesCalls(wanted: BatchCalls): boolean {
    const result = this.native.exchangeBatchCalls(this.exchangeNumber, BATCH_CALLS[wanted])
    if (result >= 0) return result === 1
    this.close()
    const refusal = socketError(-result, SETUP)
    // Out of descriptors is not a refusal: it may pass.
    if (refusal.code === 'EMFILE' || refusal.code === 'ENFILE') throw refusal
    throw namedSocketError(
      'ENOTSUP',
      SETUP,
      `batchCalls 'always' needs io_uring, and the kernel answered ${refusal.code}; 'auto' does without`
    )
  }
}

/** For tests, and for you to rule out that io_uring is at fault. */
function defaultBatchCalls(): BatchCalls {
  return batchCalls(process.env.POLLPORT_BATCH_CALLS ?? 'auto', 'POLLPORT_BATCH_CALLS')
}
