// What is Windows' own of the unified floor.
import type { BindWish, Capabilities, NewSocket } from '../backend.ts'
import { ExchangeBackend } from './exchange.ts'

export class IocpBackend extends ExchangeBackend {
  readonly name = 'iocp'
  readonly capabilities: Capabilities

  constructor(owner: object) {
    super(owner, {
      create: 'CreateIoCompletionPort',
      watch: 'CreateIoCompletionPort',
      wait: 'GetQueuedCompletionStatusEx'
    })
    this.capabilities = Object.freeze({
      reusePort: false,
      subMillisecondWait: this.native.waitsForFractions,
      reportUnreachable: true,
      batchedCalls: false
    })
  }

  prepareBind(socket: NewSocket, { isListener, reuseAddress }: BindWish): void {
    // A listener gets no option, as libuv's: with SO_EXCLUSIVEADDRUSE its port is taken for as long
    // as a connection lives that it accepted, and a server could not start again. Without, a plain
    // bind is refused while the port has a listener, and is not while only connections have it;
    // SO_REUSEADDR takes the port away from programs of the same user alone (Microsoft Learn,
    // "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE"). A UDP socket leaves nothing behind.
    if (!isListener) socket.setOption(reuseAddress ? 'reuseAddress' : 'exclusiveAddress', true)
  }
}
