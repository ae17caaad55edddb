// What is Linux's own of the unified floor.
import type { BindWish, Capabilities, NewSocket } from '../backend.ts'
import { ExchangeBackend } from './exchange.ts'

export class EpollBackend extends ExchangeBackend {
  readonly name = 'epoll'
  readonly capabilities: Capabilities

  constructor(owner: object) {
    super(owner, { create: 'epoll_create1', watch: 'epoll_ctl', wait: 'epoll_wait' })
    this.capabilities = Object.freeze({
      reusePort: true,
      subMillisecondWait: this.native.waitsForFractions,
      reportUnreachable: true
    })
  }

  prepareBind(socket: NewSocket, { isListener, reuseAddress }: BindWish): void {
    // On Linux this lets a server start again while old connections linger in TIME_WAIT; it does
    // not share a listening port (socket(7)).
    if (isListener || reuseAddress) socket.setOption('reuseAddress', true)
  }
}
