// A simulated socket that nobody watches yet, as the poller sets it up.
import { type EndPoint, SocketAddress } from '../address.ts'
import { namedSocketError } from '../errors.ts'
import type { NewSocket } from '../poller/backend.ts'
import { checkOption, type SocketOptionName, type SocketOptions } from '../raw/options.ts'
import { type Endpoint, NO_OPTIONS, type SetOptions, withOption } from './endpoint.ts'
import type { SimulatedHost } from './host.ts'
import { ListenerEndpoint } from './listener-endpoint.ts'

export class SimulatedSocket implements NewSocket {
  readonly handle: number
  options: SetOptions = NO_OPTIONS
  /** Where a socket that is going to connect is bound. */
  local: SocketAddress | undefined
  readonly #host: SimulatedHost
  readonly #type: 'tcp' | 'udp'
  readonly #family: 'ipv4' | 'ipv6'
  #endpoint: Endpoint | undefined

  constructor(host: SimulatedHost, type: 'tcp' | 'udp', family: 'ipv4' | 'ipv6') {
    this.#host = host
    this.#type = type
    this.#family = family
    this.handle = host._newHandle()
  }

  setOption<K extends SocketOptionName>(name: K, value: SocketOptions[K]): void {
    checkOption(name, value)
    this.options = withOption(this.options, name, value)
  }

  bind(address: EndPoint): void {
    const where = this.#own(address)
    if (this.#type === 'udp') this.#endpoint = this.#host._bindUdp(this.handle, where, this.options)
    else this.#endpoint = this.#host._listen(this.handle, where, this.options)
  }

  _bindToConnect(address: EndPoint): void {
    const local = this.#own(address)
    this.#host._assertOwn(local, this.options)
    this.local = local
  }

  listen(backlog: number): void {
    if (!(this.#endpoint instanceof ListenerEndpoint))
      throw namedSocketError('EINVAL', 'listen', 'the socket is not bound')
    this.#endpoint.backlog = backlog
  }

  detach(): number {
    return this.handle
  }

  /** Throws SocketError for an address of the other family. */
  #own(address: EndPoint): SocketAddress {
    const where = new SocketAddress(address)
    if (where.family === this.#family) return where
    const own = this.#family === 'ipv6' ? 'IPv6' : 'IPv4'
    throw namedSocketError('EAFNOSUPPORT', 'bind', `the socket is ${own}`, where)
  }

  close(): void {
    if (this.#endpoint !== undefined) this.#host._close(this.#endpoint)
    else this.#host._freeHandle(this.handle)
  }
}
