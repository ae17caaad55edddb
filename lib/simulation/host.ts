// A host of the simulated network: its ports, its sockets, its pollers and its programs.
import { SocketAddress } from '../address.ts'
import { PACKED_ADDRESS } from '../binding/records.ts'
import { namedSocketError } from '../errors.ts'
import type { PollerOptions } from '../poller/options.ts'
import { Poller } from '../poller/poller.ts'
import { callback, number } from '../validate.ts'
import {
  ANY_IPV4,
  ANY_IPV6,
  BROADCAST,
  hasScope,
  isAny,
  isIpv6,
  isLoopback,
  unmapped
} from './addresses.ts'
import { SimulatedBackend } from './backend.ts'
import type { Core } from './core.ts'
import { type Endpoint, NO_OPTIONS, type SetOptions } from './endpoint.ts'
import type { Link, LinkOptions } from './link.ts'
import { ListenerEndpoint } from './listener-endpoint.ts'
import { FLAG, LinkPacket, NO_DATA } from './packet.ts'
import { type Place, Ports } from './ports.ts'
import { SeededRandom } from './random.ts'
import type { Schedule } from './schedule.ts'
import { TcpEndpoint } from './tcp-endpoint.ts'
import { UdpEndpoint } from './udp-endpoint.ts'

/** Streams of randomness from here on are for keys: a program's draws stay the same without. */
const KEY_STREAMS = 2 ** 30
// IANA's range is from 49,152 on; Linux takes 32,768 to 60,999 (ip(7), ip_local_port_range).
const FIRST_EPHEMERAL = 32_768
const LAST_EPHEMERAL = 60_999
const MOST_TEXTS = 4096

/** As Linux has it, for an address that no packet of that socket can get to. */
type UnreachableCode = 'ENETUNREACH' | 'EAFNOSUPPORT' | 'EINVAL'

/**
 * A host of a {@link SimulatedNetwork}: made by {@link SimulatedNetwork.host}. Its pollers are the
 * class that your server uses; behind them is the simulated network.
 * @category Simulation
 * @example
 * ```ts
 * import { SimulatedNetwork } from 'pollport/simulation'
 *
 * const network = new SimulatedNetwork({ seed: 1 })
 * const server = network.host('10.0.0.1')
 * const client = network.host('10.0.0.2', { loss: 0.1 })
 * server.run(async () => {
 *   const poller = server.poller()
 *   poller.listenTcp({ address: '0.0.0.0', port: 80 })
 *   await poller.run((events) => console.log(events.map(({ type }) => type)))
 * })
 * client.run(async () => {
 *   const poller = client.poller()
 *   poller.connectTcp({ address: '10.0.0.1', port: 80 }).send('hello')
 *   await poller.run(() => {})
 * })
 * await network.run({ untilMs: 1000 }) // [ 'accept' ], [ 'receive' ]
 * ```
 */
export class SimulatedHost {
  /** Its address; of several, the first. */
  readonly address: string
  /** @internal All its addresses. */ readonly addresses: readonly string[]
  /** @internal Which of the network's hosts it is. */ readonly number: number
  /** Randomness of its own, from the network's seed: for the programs of this host. */
  readonly random: SeededRandom
  /** @internal Randomness for what protocols need: WebSocket keys and masks. */
  readonly _keys: SeededRandom
  /** @internal */ readonly _link: LinkOptions
  readonly #core: Core
  readonly #listeners = new Ports<ListenerEndpoint>()
  readonly #datagrams = new Ports<UdpEndpoint>()
  /** The links that its packets leave over: each has the ends of its connections. */
  readonly #links = new Map<string, Map<string, Link>>()
  /** By handle. As descriptors are, a handle that is free again is the next one. */
  #endpoints: (Endpoint | undefined)[] = []
  #freeHandles: number[] = []
  readonly #backends = new Set<SimulatedBackend>()
  /** Addresses that it sent datagrams to, as numbers and as text. */
  readonly #texts = new Map<number, string>()
  /** What it runs when it starts again after a planned crash. */
  #programs: (() => unknown)[] = []
  #nextPort = FIRST_EPHEMERAL
  #isUp = true
  #isPaused = false
  /** Sleeps that were over while it was paused. */
  readonly #overslept: (() => void)[] = []

  /** @internal */
  constructor(core: Core, addresses: readonly string[], link: LinkOptions, number: number) {
    this.#core = core
    this.addresses = addresses
    this.address = addresses[0]
    this.number = number
    this._link = link
    this.random = new SeededRandom(core.seed, number + 1)
    this._keys = new SeededRandom(core.seed, KEY_STREAMS + number)
  }

  /** Whether it has not crashed, or has been started again. */
  get isUp(): boolean {
    return this.#isUp
  }

  /** Whether its programs stand still: see {@link SimulatedHost.pause}. */
  get isPaused(): boolean {
    return this.#isPaused
  }

  /** Milliseconds of virtual time: what a program in the simulation uses as its clock. */
  get now(): number {
    return this.#core.now
  }

  /**
   * A poller on this host: the class {@link Poller} with all its rules. Use it with `run()`,
   * `for await`, `runLoop` or `wait()` (see docs/testing-netcode.md for what `wait()` may do here).
   * @throws SocketError `ENETDOWN` while the host is crashed; TypeError and RangeError as the
   *   constructor of Poller
   */
  poller<U = unknown>(options: PollerOptions = {}): Poller<U> {
    if (!this.#isUp) throw namedSocketError('ENETDOWN', 'poller', 'the host has crashed')
    const backend = new SimulatedBackend(this.#core, this)
    const poller = new Poller<U>(options, backend)
    this.#backends.add(backend)
    return poller
  }

  /**
   * Starts a program on this host, when the network runs next. If it throws, or its promise is
   * rejected, so is that of {@link SimulatedNetwork.run}.
   * @throws TypeError for anything but a function
   */
  run(program: () => unknown): void {
    callback(program, 'program')
    // What a program starts itself it starts again.
    if (!this.#core.isRunning) this.#programs.push(program)
    this.#core.start(this, program)
  }

  /**
   * Waits in virtual time, in a program of this host. A crash of the host ends the wait for good.
   * @param ms milliseconds of virtual time, 0 or more
   */
  sleep(ms: number): Promise<void> {
    number(ms, 'ms', 0, Number.MAX_SAFE_INTEGER)
    const isAlive = this.#core.lifeOf(this)
    this.#core.stir(this)
    return new Promise((resolve) => {
      const wakeUp = () => {
        if (!isAlive()) return
        if (this.#isPaused) return void this.#overslept.push(wakeUp)
        this.#core.stir(this)
        resolve()
      }
      this.#core.schedule.add(this.#core.now + ms, wakeUp)
    })
  }

  /**
   * It is gone, as by a power cut: nothing is sent, its sockets are no more, its programs do not go
   * on. Peers notice by their own time-outs, or by RST once it has been started again.
   */
  crash(): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#isPaused = false
    this.#overslept.length = 0
    this.#core.onCrash(this)
    for (const backend of this.#backends) backend.die()
    this.#backends.clear()
    for (const endpoint of this.#endpoints)
      if (endpoint instanceof TcpEndpoint) endpoint.vanish()
      else endpoint?.unwatch()
    this.#listeners.clear()
    this.#datagrams.clear()
    this.#endpoints = []
    this.#freeHandles = []
    for (const links of this.#links.values())
      for (const link of links.values()) if (link.isLoopback) link.isCut = true
    this.#links.clear()
  }

  /** Starts it again after a crash, with this program if there is one. */
  restart(program?: () => unknown): void {
    if (this.#isUp) this.crash()
    this.#isUp = true
    this.#programs = program === undefined ? [] : [callback(program, 'program')]
    if (program !== undefined) this.#core.start(this, program)
  }

  /**
   * Its programs stand still, as after SIGSTOP, or while a virtual machine is moved: no timer,
   * event or sleep reaches them before {@link SimulatedHost.resume}. Virtual time goes on, and so
   * does what a system does without its programs: connections are accepted up to the backlog, and
   * what arrives is acknowledged and kept, until the receive buffers are full. Does nothing to a
   * host that has crashed; a crash ends it.
   * @example
   * ```ts
   * import { SimulatedNetwork } from 'pollport/simulation'
   *
   * const network = new SimulatedNetwork({ seed: 1 })
   * const host = network.host('10.0.0.1')
   * host.run(async () => {
   *   await host.sleep(10)
   *   console.log(network.now)
   * })
   * await network.run({ untilMs: 5 })
   * host.pause()
   * await network.run({ untilMs: 3000 })
   * host.resume()
   * await network.run({ untilMs: 4000 }) // 3000
   * ```
   */
  pause(): void {
    if (!this.#isUp || this.#isPaused) return
    this.#isPaused = true
    this.#core.onPause(this)
  }

  /** Its programs go on, with all that they have missed since {@link SimulatedHost.pause}. */
  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    for (const wakeUp of this.#overslept.splice(0)) wakeUp()
    this.#core.onResume(this)
  }

  /** @internal With all programs that it ran before. */
  _restartAsBefore(): void {
    const programs = this.#programs
    this.restart()
    this.#programs = programs
    for (const program of programs) this.#core.start(this, program)
  }

  // ---- For its sockets ----

  /** @internal A socket is to be made. */
  _newHandle(): number {
    const handle = this.#freeHandles.pop() ?? this.#endpoints.length
    this.#endpoints[handle] = undefined
    return handle
  }

  /** @internal Of a socket that was never bound or connected. */
  _freeHandle(handle: number): void {
    if (this.#endpoints[handle] === undefined) this.#freeHandles.push(handle)
  }

  /** @internal */
  _endpoint(handle: number): Endpoint | undefined {
    return this.#endpoints[handle]
  }

  /** @internal */
  _forget(backend: SimulatedBackend): void {
    this.#backends.delete(backend)
  }

  /** @internal Throws SocketError for an address that is not this host's, or a port in use. */
  _bindUdp(handle: number, where: SocketAddress, options: SetOptions): UdpEndpoint {
    const address = this._assertOwn(where, options)
    const mayShare = options.reuseAddress === true
    const port = this.#freePort(this.#datagrams, { address, options }, where, mayShare)
    const endpoint = new UdpEndpoint(handle, address, port, options)
    endpoint.isIpv6 = where.family === 'ipv6'
    this.#datagrams.add(endpoint)
    this.#endpoints[handle] = endpoint
    return endpoint
  }

  /** @internal */
  _listen(handle: number, where: SocketAddress, options: SetOptions): ListenerEndpoint {
    // SO_REUSEADDR does not let two sockets listen at one address (socket(7)).
    const address = this._assertOwn(where, options)
    const port = this.#freePort(this.#listeners, { address, options }, where, false)
    const endpoint = new ListenerEndpoint(handle, address, port, options)
    endpoint.isIpv6 = where.family === 'ipv6'
    this.#listeners.add(endpoint)
    this.#endpoints[handle] = endpoint
    return endpoint
  }

  /**
   * @internal The address as packets have it. Throws SocketError for one that is not this host's,
   * or that the socket cannot have.
   */
  _assertOwn(where: SocketAddress, { ipv6Only }: SetOptions): string {
    if (hasScope(where.address))
      throw namedSocketError('ENOTSUP', 'bind', 'a simulated network has no scopes', where)
    const address = unmapped(where.address)
    // As Linux has it (inet6_bind() in net/ipv6/af_inet6.c).
    if (address !== where.address && ipv6Only === true)
      throw namedSocketError('EINVAL', 'bind', 'the socket takes IPv6 only (ipv6Only)', where)
    if (isAny(address) || isLoopback(address) || this.addresses.includes(address)) return address
    throw namedSocketError('EADDRNOTAVAIL', 'bind', undefined, where)
  }

  /** @internal Or the name of what was wrong. */
  _connect(
    handle: number,
    local: SocketAddress | undefined,
    peer: SocketAddress,
    options: SetOptions
  ): TcpEndpoint | UnreachableCode | 'EADDRNOTAVAIL' {
    const isIpv6Socket = peer.family === 'ipv6'
    const any = isIpv6Socket ? ANY_IPV6 : ANY_IPV4
    const bound = local === undefined ? any : unmapped(local.address)
    const link = this._linkTo(unmapped(peer.address), { address: bound, options })
    if (typeof link === 'string') return link
    const from = { address: link.from, options }
    const port = this.#portFor(
      local?.port ?? 0,
      (one) => link.ends.get(one, peer.port) !== undefined || this.#listeners.isTaken(from, one)
    )
    if (port === undefined) return 'EADDRNOTAVAIL'
    const end = new TcpEndpoint(link, handle, port, peer.port, options, false)
    end.isIpv6 = isIpv6Socket
    link.ends.add(end)
    this.#endpoints[handle] = end
    return end
  }

  /** @internal */
  _close(endpoint: Endpoint): void {
    endpoint.unwatch()
    // Of a host that has crashed since: its handle and its port may be another's.
    if (this.#endpoints[endpoint.handle] !== endpoint) return
    this.#forgetEndpoint(endpoint)
    if (endpoint instanceof UdpEndpoint) this.#datagrams.delete(endpoint)
    if (!(endpoint instanceof ListenerEndpoint)) return
    this.#listeners.delete(endpoint)
    for (let end = endpoint.waiting.shift(); end !== undefined; end = endpoint.waiting.shift())
      end.reset()
    if (endpoint.answering === 0) return
    for (const end of this.#endpoints)
      if (end instanceof TcpEndpoint && end.state === 'answering')
        if (this.#listenerOf(end) === undefined) end.reset()
  }

  /**
   * @internal The link that packets to `to` leave over, from a socket that is bound there, or the
   * name of the error.
   */
  _linkTo(to: string, bound: Place): Link | UnreachableCode {
    const own = this.#sourceFor(to, bound)
    if (own === undefined)
      return isIpv6(to) && !isIpv6(bound.address) ? 'EAFNOSUPPORT' : 'ENETUNREACH'
    let links = this.#links.get(own)
    if (links === undefined) {
      links = new Map()
      this.#links.set(own, links)
    }
    let link = links.get(to)
    if (link === undefined) {
      if (this.#isMartian(own, to)) return 'EINVAL'
      link = this.#core.linkBetween(this, own, to)
      links.set(to, link)
    }
    return link
  }

  /** @internal The same to a packed address (PACKED_ADDRESS in binding/records.ts). */
  _linkToPacked(bytes: Uint8Array, offset: number, bound: Place): Link | UnreachableCode {
    if (bytes[offset + PACKED_ADDRESS.family] === 6)
      return this._linkTo(unmapped(SocketAddress.fromPacked(bytes, offset).address), bound)
    const at = offset + PACKED_ADDRESS.address
    const ipv4 = (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]
    let text = this.#texts.get(ipv4)
    if (text === undefined) {
      text = SocketAddress.fromPacked(bytes, offset).address
      if (this.#texts.size === MOST_TEXTS) this.#texts.clear()
      this.#texts.set(ipv4, text)
    }
    return this._linkTo(text, bound)
  }

  /** The address that packets to `to` come from; undefined: none of the host's leads there. */
  #sourceFor(to: string, { address, options }: Place): string | undefined {
    const isToIpv6 = isIpv6(to)
    const isBoth = address === ANY_IPV6 && options.ipv6Only !== true
    if (isIpv6(address) !== isToIpv6 && !isBoth) return undefined
    if (!isAny(address)) return address
    if (isLoopback(to) || this.addresses.includes(to)) return to
    return this.addresses.find((own) => isIpv6(own) === isToIpv6)
  }

  /**
   * From 127.0.0.1 to another host, which Linux refuses (__mkroute_output() in net/ipv4/route.c).
   * From ::1 it sends, and nobody receives (RFC 4291, 2.5.3).
   */
  #isMartian(own: string, to: string): boolean {
    const isOwn = isLoopback(to) || this.addresses.includes(to)
    return isLoopback(own) && !isIpv6(own) && !isOwn && to !== BROADCAST
  }

  // ---- For connections ----

  /** @internal */
  get schedule(): Schedule {
    return this.#core.schedule
  }

  /** @internal */
  send(packet: LinkPacket): void {
    this.#core.send(packet)
  }

  /** @internal */
  onEstablished(end: TcpEndpoint): void {
    const listener = this.#listenerOf(end)
    if (listener === undefined) return end.reset()
    listener.answering--
    listener.add(end)
  }

  /** @internal */
  onGone(end: TcpEndpoint, wasAnswering: boolean): void {
    const listener = wasAnswering ? this.#listenerOf(end) : undefined
    if (listener !== undefined) listener.answering--
    end.link.ends.delete(end)
    this.#forgetEndpoint(end)
  }

  #listenerOf(end: TcpEndpoint): ListenerEndpoint | undefined {
    return this.#listeners.at(end.address, end.port)
  }

  #forgetEndpoint(endpoint: Endpoint): void {
    if (this.#endpoints[endpoint.handle] !== endpoint) return
    this.#endpoints[endpoint.handle] = undefined
    this.#freeHandles.push(endpoint.handle)
  }

  // ---- For the wire ----

  /** @internal A packet has arrived. */
  _receive(packet: LinkPacket): void {
    if (!this.#isUp) return
    if (packet.protocol === 'tcp') this.#receiveTcp(packet)
    else this.#receiveUdp(packet)
  }

  #receiveTcp(packet: LinkPacket): void {
    const { link, fromPort, toPort, flags } = packet
    const back = this.#backOf(link)
    const end = back.ends.get(toPort, fromPort)
    if (end !== undefined) return end.receive(packet)
    if ((flags & FLAG.rst) !== 0) return
    const listener = this.#listeners.at(link.to, toPort)
    const isOpening = (flags & (FLAG.syn | FLAG.ack)) === FLAG.syn
    if (listener === undefined || !isOpening) return this.#refuse(back, packet)
    if (listener.isFull) return
    const handle = this._newHandle()
    const answer = new TcpEndpoint(back, handle, toPort, fromPort, listener.options, true)
    answer.isIpv6 = listener.isIpv6
    listener.answering++
    back.ends.add(answer)
    this.#endpoints[handle] = answer
    answer.open()
  }

  #backOf(link: Link): Link {
    // Both are of one family, and `to` is this host's.
    link.back ??= this._linkTo(link.from, { address: link.to, options: NO_OPTIONS }) as Link
    return link.back
  }

  #refuse(back: Link, packet: LinkPacket): void {
    const { toPort, fromPort, sequence, data, acknowledged } = packet
    const flags = FLAG.rst | FLAG.ack
    const next = sequence + data.length
    this.#core.send(
      new LinkPacket(back, 'tcp', toPort, fromPort, NO_DATA, flags, acknowledged, next)
    )
  }

  #receiveUdp(packet: LinkPacket): void {
    const { link, protocol, fromPort, toPort } = packet
    const endpoint = this.#datagrams.at(link.to, toPort)
    if (endpoint !== undefined) endpoint.receive(packet)
    else if (protocol === 'udp') {
      const back = this.#backOf(link)
      this.#core.send(new LinkPacket(back, 'unreachable', toPort, fromPort, NO_DATA))
    }
  }

  #freePort<T extends Endpoint>(
    ports: Ports<T>,
    place: Place,
    where: SocketAddress,
    mayShare: boolean
  ): number {
    const { port: wanted } = where
    const port = this.#portFor(wanted, (one) => ports.isTaken(place, one, mayShare && wanted !== 0))
    if (port !== undefined) return port
    if (wanted !== 0) throw namedSocketError('EADDRINUSE', 'bind', undefined, where)
    throw namedSocketError('EADDRNOTAVAIL', 'bind', 'every port of the host is in use')
  }

  #portFor(wanted: number, isTaken: (port: number) => boolean): number | undefined {
    if (wanted !== 0) return isTaken(wanted) ? undefined : wanted
    for (let tries = FIRST_EPHEMERAL; tries <= LAST_EPHEMERAL; tries++) {
      const port = this.#nextPort
      this.#nextPort = port === LAST_EPHEMERAL ? FIRST_EPHEMERAL : port + 1
      if (!isTaken(port)) return port
    }
    return undefined
  }
}
