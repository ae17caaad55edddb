// What is Windows' own of the unified floor.
import type { Socket } from '../../raw/socket.ts'
import { ExchangeBackend } from './exchange.ts'

export class IocpBackend extends ExchangeBackend {
  readonly name = 'iocp'
  readonly capabilities: Readonly<Record<string, boolean>>

  constructor(owner: object) {
    super(owner, {
      create: 'CreateIoCompletionPort',
      watch: 'CreateIoCompletionPort',
      wait: 'GetQueuedCompletionStatusEx'
    })
    this.capabilities = Object.freeze({
      reusePort: false,
      subMillisecondWait: this.native.waitsForFractions,
      reportUnreachable: true
    })
  }

  prepareBind(socket: Socket, isListener: boolean, reuseAddress: boolean): void {
    // SO_REUSEADDR would let any other program take the port away; a port is free at once here when its listener is closed (Microsoft Learn,
    // "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE").
    socket.setOption(!isListener && reuseAddress ? 'reuseAddress' : 'exclusiveAddress', true)
  }
}
