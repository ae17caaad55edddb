// A host of the simulated network: its ports, its sockets, its pollers and its programs.
import type { SocketAddress } from '../address.ts'
import { namedSocketError } from '../errors.ts'
import type { PollerOptions } from '../poller/options.ts'
import { Poller } from '../poller/poller.ts'
import { callback, number } from '../validate.ts'
import { SimulatedBackend } from './backend.ts'
import type { Core } from './core.ts'
import type { Endpoint } from './endpoint.ts'
import type { LinkOptions } from './link.ts'
import { ListenerEndpoint } from './listener-endpoint.ts'
import { FLAG, type Packet } from './packet.ts'
import { SeededRandom } from './random.ts'
import { TcpEndpoint, type TcpWire } from './tcp-endpoint.ts'
import { UdpEndpoint } from './udp-endpoint.ts'

// IANA's range is from 49,152 on; Linux takes 32,768 to 60,999 (ip(7), ip_local_port_range).
const FIRST_EPHEMERAL = 32_768
const LAST_EPHEMERAL = 60_999
const ANY = '0.0.0.0'
const LOOPBACK_MS = 0.01

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
  /** Its IPv4 address. */
  readonly address: string
  /** Randomness of its own, from the network's seed: for the programs of this host. */
  readonly random: SeededRandom
  /** @internal */ readonly _link: LinkOptions
  readonly #core: Core
  readonly #listeners = new Map<number, ListenerEndpoint>()
  readonly #ends = new Map<string, TcpEndpoint>()
  readonly #datagrams = new Map<number, UdpEndpoint>()
  readonly #endpoints = new Map<number, Endpoint>()
  readonly #backends = new Set<SimulatedBackend>()
  readonly #wire: TcpWire
  /** What it runs when it starts again after a planned crash. */
  #programs: (() => unknown)[] = []
  #nextPort = FIRST_EPHEMERAL
  #isUp = true

  /** @internal */
  constructor(core: Core, address: string, link: LinkOptions, number: number) {
    this.#core = core
    this.address = address
    this._link = link
    this.random = new SeededRandom(core.seed, number + 1)
    this.#wire = {
      schedule: core.schedule,
      now: () => core.now,
      mtuBytes: (to) => core.linkBetween(address, to).mtuBytes,
      send: (packet) => this._send(packet),
      onEstablished: (end) => this.#onEstablished(end),
      onGone: (end, wasAnswering) => this.#onGone(end, wasAnswering)
    }
  }

  /** Whether it has not crashed, or has been started again. */
  get isUp(): boolean {
    return this.#isUp
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
    return new Promise((resolve) => {
      this.#core.schedule.add(this.#core.now + ms, () => {
        if (!isAlive()) return
        this.#core.stir()
        resolve()
      })
    })
  }

  /**
   * It is gone, as by a power cut: nothing is sent, its sockets are no more, its programs do not go
   * on. Peers notice by their own time-outs, or by RST once it has been started again.
   */
  crash(): void {
    if (!this.#isUp) return
    this.#isUp = false
    this.#core.onCrash(this)
    for (const backend of this.#backends) backend.die()
    this.#backends.clear()
    for (const end of this.#ends.values()) end.vanish()
    for (const endpoint of this.#endpoints.values()) endpoint.unwatch()
    this.#ends.clear()
    this.#listeners.clear()
    this.#datagrams.clear()
    this.#endpoints.clear()
  }

  /** Starts it again after a crash, with this program if there is one. */
  restart(program?: () => unknown): void {
    if (this.#isUp) this.crash()
    this.#isUp = true
    this.#programs = program === undefined ? [] : [callback(program, 'program')]
    if (program !== undefined) this.#core.start(this, program)
  }

  /** @internal With all programs that it ran before. */
  _restartAsBefore(): void {
    const programs = this.#programs
    this.restart()
    this.#programs = programs
    for (const program of programs) this.#core.start(this, program)
  }

  // ---- For its sockets ----

  /** @internal */
  _endpoint(handle: number): Endpoint | undefined {
    return this.#endpoints.get(handle)
  }

  /** @internal */
  _forget(backend: SimulatedBackend): void {
    this.#backends.delete(backend)
  }

  /** @internal Throws SocketError for an address that is not this host's, or a port in use. */
  _bindUdp(handle: number, where: SocketAddress, options: Endpoint['options']): UdpEndpoint {
    this._assertOwn(where)
    const port = this.#freePort(where, (one) => this.#datagrams.has(one))
    const endpoint = new UdpEndpoint(handle, where.address, port, options)
    this.#datagrams.set(port, endpoint)
    this.#endpoints.set(handle, endpoint)
    return endpoint
  }

  /** @internal */
  _listen(handle: number, where: SocketAddress, options: Endpoint['options']): ListenerEndpoint {
    this._assertOwn(where)
    const port = this.#freePort(where, (one) => this.#listeners.has(one))
    const endpoint = new ListenerEndpoint(handle, where.address, port, options)
    this.#listeners.set(port, endpoint)
    this.#endpoints.set(handle, endpoint)
    return endpoint
  }

  /** @internal Throws SocketError for an address that is not this host's. */
  _assertOwn({ address, port }: SocketAddress): void {
    if (address === ANY || address === this.address || isLoopback(address)) return
    throw namedSocketError('EADDRNOTAVAIL', 'bind', undefined, { address, port })
  }

  /** @internal undefined: the port is in use, or none is free. */
  _connect(
    handle: number,
    local: SocketAddress | undefined,
    peer: SocketAddress,
    options: Endpoint['options']
  ): TcpEndpoint | undefined {
    const address =
      local !== undefined && local.address !== ANY ? local.address : this.sourceFor(peer.address)
    const isTaken = (port: number) =>
      this.#ends.has(keyOf(port, peer.address, peer.port)) || this.#listeners.has(port)
    const port = this.#portFor(local?.port ?? 0, isTaken)
    if (port === undefined) return undefined
    const end = new TcpEndpoint(
      this.#wire,
      handle,
      { address, port },
      { address: peer.address, port: peer.port },
      options
    )
    this.#ends.set(keyOf(port, end.peer, end.peerPort), end)
    this.#endpoints.set(handle, end)
    return end
  }

  /** @internal */
  _close(endpoint: Endpoint): void {
    endpoint.unwatch()
    // Of a host that has crashed since: its port may be another's.
    if (this.#endpoints.get(endpoint.handle) !== endpoint) return
    this.#endpoints.delete(endpoint.handle)
    if (endpoint instanceof UdpEndpoint) this.#datagrams.delete(endpoint.port)
    if (!(endpoint instanceof ListenerEndpoint)) return
    this.#listeners.delete(endpoint.port)
    for (const end of endpoint.waiting) end.reset()
    for (const end of this.#ends.values())
      if (end.listenerPort === endpoint.port && end.state === 'answering') end.reset()
  }

  /** @internal The address that packets to `to` come from. */
  sourceFor(to: string): string {
    return isLoopback(to) ? to : this.address
  }

  // ---- For the wire ----

  /** @internal To itself without a link, to others over the network. */
  _send(packet: Packet): void {
    if (!isLoopback(packet.to) && packet.to !== this.address) return this.#core.send(packet)
    const isAlive = this.#core.lifeOf(this)
    this.#core.schedule.add(this.#core.now + LOOPBACK_MS, () => {
      if (isAlive()) this._receive(packet)
    })
  }

  /** @internal A packet has arrived. */
  _receive(packet: Packet): void {
    if (!this.#isUp) return
    if (packet.protocol === 'tcp') this.#receiveTcp(packet)
    else if (packet.protocol === 'udp') this.#receiveUdp(packet)
    else this.#datagrams.get(packet.toPort)?.onUnreachable(packet.from, packet.fromPort)
  }

  #receiveTcp(packet: Packet): void {
    const end = this.#ends.get(keyOf(packet.toPort, packet.from, packet.fromPort))
    if (end !== undefined) return end.receive(packet)
    if ((packet.flags & FLAG.rst) !== 0) return
    const listener = this.#listeners.get(packet.toPort)
    const isOpening = (packet.flags & (FLAG.syn | FLAG.ack)) === FLAG.syn
    if (listener === undefined || !isOpening || !takes(listener, packet)) {
      this._send({ ...replyTo(packet), protocol: 'tcp', flags: FLAG.rst | FLAG.ack })
      return
    }
    if (listener.isFull) return
    const answer = new TcpEndpoint(
      this.#wire,
      this.#core.nextHandle(),
      { address: packet.to, port: packet.toPort },
      { address: packet.from, port: packet.fromPort },
      new Map(listener.options),
      listener.port
    )
    listener.answering++
    this.#ends.set(keyOf(answer.port, answer.peer, answer.peerPort), answer)
    this.#endpoints.set(answer.handle, answer)
    answer.open()
  }

  #receiveUdp(packet: Packet): void {
    const endpoint = this.#datagrams.get(packet.toPort)
    if (endpoint !== undefined && takes(endpoint, packet))
      endpoint.receive({ data: packet.data, from: packet.from, fromPort: packet.fromPort })
    else this._send({ ...replyTo(packet), protocol: 'unreachable' })
  }

  #onEstablished(end: TcpEndpoint): void {
    const listener = this.#listeners.get(end.listenerPort)
    if (listener === undefined) return end.reset()
    listener.answering--
    listener.add(end)
  }

  #onGone(end: TcpEndpoint, wasAnswering: boolean): void {
    const listener = this.#listeners.get(end.listenerPort)
    if (wasAnswering && listener !== undefined) listener.answering--
    const key = keyOf(end.port, end.peer, end.peerPort)
    if (this.#ends.get(key) === end) this.#ends.delete(key)
    this.#endpoints.delete(end.handle)
  }

  #freePort(where: { address: string; port: number }, isTaken: (port: number) => boolean): number {
    const port = this.#portFor(where.port, isTaken)
    if (port !== undefined) return port
    if (where.port !== 0) throw namedSocketError('EADDRINUSE', 'bind', undefined, where)
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

export function isLoopback(address: string): boolean {
  return address.startsWith('127.')
}

function keyOf(port: number, peer: string, peerPort: number): string {
  return `${port} ${peer} ${peerPort}`
}

function takes(endpoint: Endpoint, packet: Packet): boolean {
  return endpoint.address === ANY || endpoint.address === packet.to
}

function replyTo(packet: Packet): Omit<Packet, 'protocol'> {
  return {
    from: packet.to,
    to: packet.from,
    fromPort: packet.toPort,
    toPort: packet.fromPort,
    data: new Uint8Array(0),
    flags: 0,
    sequence: packet.acknowledged,
    acknowledged: packet.sequence + packet.data.length,
    windowBytes: 0
  }
}
