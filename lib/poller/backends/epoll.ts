// What is Linux's own of the unified floor.
import { check } from '../../errors.ts'
import type { Socket } from '../../raw/socket.ts'
import { ExchangeBackend } from './exchange.ts'

export class EpollBackend extends ExchangeBackend {
  readonly name = 'epoll'
  readonly capabilities: Readonly<Record<string, boolean>>

  constructor(owner: object) {
    super(owner, { create: 'epoll_create1', watch: 'epoll_ctl' })
    this.capabilities = Object.freeze({
      reusePort: true,
      subMillisecondWait: this.native.waitsForFractions,
      reportUnreachable: true
    })
  }

  prepareBind(socket: Socket, reuseAddress: boolean): void {
    // On Linux this lets a server start again while old connections linger in TIME_WAIT; it does not share a listening port (socket(7)).
    if (reuseAddress) socket.setOption('reuseAddress', true)
  }

  reportUnreachable(handle: number, family: 'ipv4' | 'ipv6'): void {
    const { IPPROTO_IP, IP_RECVERR, IPPROTO_IPV6, IPV6_RECVERR } = this.native.constants
    const on = new Uint8Array(Int32Array.of(1).buffer)
    const result =
      family === 'ipv4'
        ? this.native.socketSetRawOption(handle, IPPROTO_IP, IP_RECVERR, on)
        : this.native.socketSetRawOption(handle, IPPROTO_IPV6, IPV6_RECVERR, on)
    check(result, 'setsockopt')
  }
}
