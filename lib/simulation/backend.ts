// The backend of a simulated poller: reports in records what happened to its host's sockets.
// Refuses to know links and time, which the network has.
import { isScoped, SocketAddress } from '../address.ts'
import { KIND, OUTBOX, PACKED_ADDRESS, RECORD, RELEASE, WATCH } from '../binding/records.ts'
import { WOULD_BLOCK_RESULT } from '../binding/socket.ts'
import { errorNumber, namedSocketError } from '../errors.ts'
import type {
  Backend,
  BackendLimits,
  BackendWatch,
  BindWish,
  Capabilities,
  NewSocket
} from '../poller/backend.ts'
import type { BatchMemory } from '../poller/batch-memory.ts'
import type { Outbox } from '../poller/outbox.ts'
import type { SocketOptionName, SocketOptions } from '../raw/options.ts'
import { checkOption } from '../raw/options.ts'
import type { SocketCalls } from '../raw/socket-calls.ts'
import type { Waker } from '../raw/waker.ts'
import { BROADCAST, isIpv6, shownBy } from './addresses.ts'
import { blocked, type Core } from './core.ts'
import { type Endpoint, type Watcher, withOption } from './endpoint.ts'
import { Fifo } from './fifo.ts'
import type { SimulatedHost } from './host.ts'
import { ListenerEndpoint } from './listener-endpoint.ts'
import { LinkPacket } from './packet.ts'
import { NO_TIMER, type Timed } from './schedule.ts'
import { SimulatedSocket } from './simulated-socket.ts'
import { TcpEndpoint } from './tcp-endpoint.ts'
import { UdpEndpoint } from './udp-endpoint.ts'

/** What a packet of IPv4 has room for, without its header (RFC 791) and that of UDP (RFC 768). */
const MAX_IPV4_DATAGRAM = 65_507
/** What a socket says of an option that nobody has set. */
const UNSET: Partial<SocketOptions> = { noDelay: true, lingerMs: false, ttl: 64, tos: 0 }

/** More of them than any program that goes on makes. */
const MOST_IDLE_EXCHANGES = 1_000_000

/** Where the next record, and the next bytes of it, go. */
interface Page {
  readonly records: Int32Array
  readonly slab: Buffer
  count: number
  streamAt: number
  datagramAt: number
}

export class SimulatedBackend implements Backend, Watcher, Timed {
  readonly name = 'simulated'
  readonly mayBlock = false
  readonly waitCall = 'wait'
  readonly capabilities: Capabilities = Object.freeze({
    reusePort: false,
    subMillisecondWait: true,
    reportUnreachable: true,
    batchedCalls: false
  })
  readonly calls: SocketCalls
  readonly randomInt32: () => number
  readonly host: SimulatedHost
  readonly #core: Core
  readonly #made = new Map<number, SimulatedSocket>()
  /** By slot. */
  readonly #watched: (Endpoint | undefined)[] = []
  /** Those with something to report, in the order in which it happened, and some without. */
  readonly #ready = new Fifo<Endpoint>()
  #limits: BackendLimits = {
    maxEvents: 1,
    readBudgetBytes: 1,
    maxDatagramBytes: 1,
    acceptBudget: 1
  }
  #isWoken = false
  /** Exchanges in a row in which no time passed and nothing came. */
  #idleExchanges = 0
  #exchangedAt = 0
  #isDead = false
  #onReady: (() => void) | undefined
  #isArmed = false
  /** Ends its loop's wait. */
  #timer = NO_TIMER
  /** Go on with its loop, which has asked for a turn. */
  readonly #onTurn: (() => void)[] = []
  /** It stands among those that the network continues. */
  isDue = false

  constructor(core: Core, host: SimulatedHost) {
    this.#core = core
    this.host = host
    this.calls = new SimulatedCalls(this)
    this.randomInt32 = () => host._keys.int32()
  }

  // ---- For the network ----

  get hasReady(): boolean {
    return this.#isWoken || this.#ready.length > 0
  }

  /** Its loop waits, and goes on now. */
  goOn(): void {
    const onTurn = this.#onTurn.shift()
    if (onTurn !== undefined) {
      if (this.#onTurn.length > 0 || (this.#isArmed && this.hasReady)) this.#core.setDue(this)
      onTurn()
    } else if (this.#isArmed) {
      this.#disarm()
      this.#onReady?.()
    }
  }

  /** A socket of the host, while that has not crashed. */
  endpoint(handle: number): Endpoint | undefined {
    return this.#isDead ? undefined : this.host._endpoint(handle)
  }

  get isArmed(): boolean {
    return this.#isArmed
  }

  /** The host has crashed: its program gets nothing more. */
  die(): void {
    this.#isDead = true
    this.#disarm()
    this.#onReady = undefined
    this.#onTurn.length = 0
    this.#ready.clear()
    this.#made.clear()
  }

  onReady(endpoint: Endpoint): void {
    this.#enqueue(endpoint)
    this.#core.stir(this.host)
    if (this.#isArmed) this.#core.setDue(this)
  }

  onTime(isDue: boolean): void {
    this.#timer = NO_TIMER
    if (isDue) this.#core.setDue(this)
  }

  /** After each batch of its loop the others have theirs. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#onTurn.push(resolve)
      this.#core.setDue(this)
    })
  }

  // ---- For the poller ----

  clockMs(): number {
    return this.#core.now
  }

  wake(): void {
    this.#isWoken = true
    this.#core.stir(this.host)
    if (this.#isArmed) this.#core.setDue(this)
  }

  waker(): Waker {
    throw namedSocketError('ENOTSUP', 'waker', 'a simulation has one thread: use wake()')
  }

  setLimits(limits: BackendLimits): void {
    this.#limits = limits
  }

  makeSocket(type: 'tcp' | 'udp', family: 'ipv4' | 'ipv6'): NewSocket {
    if (this.#isDead) throw namedSocketError('ENETDOWN', 'socket', 'the host has crashed')
    const socket = new SimulatedSocket(this.host, type, family)
    this.#made.set(socket.handle, socket)
    return socket
  }

  prepareBind(socket: NewSocket, { isListener, reuseAddress }: BindWish): void {
    if (isListener || reuseAddress) socket.setOption('reuseAddress', true)
  }

  watch(index: number, generation: number, handle: number, kind: number): void {
    this.#made.delete(handle)
    const endpoint = this.endpoint(handle)
    if (endpoint === undefined)
      throw namedSocketError('ENOTSUP', 'adopt', 'this is no socket of the simulated host')
    if (endpoint instanceof UdpEndpoint)
      endpoint.reportsUnreachable = kind === WATCH.datagramReportingErrors
    this.#watch(index, generation, endpoint)
  }

  connect(index: number, generation: number, handle: number, address: Uint8Array): number {
    const socket = this.#made.get(handle)
    if (socket === undefined) return -errorNumber('EBADF')
    this.#made.delete(handle)
    // A simulated network has no scopes.
    if (isScoped(address, 0)) return -errorNumber('ENOTSUP')
    const peer = SocketAddress.fromPacked(address, 0)
    const end = this.host._connect(handle, socket.local, peer, socket.options)
    if (typeof end === 'string') return -errorNumber(end)
    this.#watch(index, generation, end)
    end.open()
    return WOULD_BLOCK_RESULT
  }

  setReceiving(index: number, on: boolean): void {
    const endpoint = this.#watched[index]
    if (endpoint === undefined) return
    endpoint.isReceiving = on
    if (on && endpoint.isReady) this.onReady(endpoint)
  }

  release(index: number, how: number): number {
    const endpoint = this.#watched[index]
    if (endpoint === undefined) return 0
    if (how === RELEASE.detach)
      throw namedSocketError('ENOTSUP', 'detach', 'a simulation has one thread')
    this.#watched[index] = undefined
    endpoint.isQueued = false
    this.#core.stir(this.host)
    if (!(endpoint instanceof TcpEndpoint)) this.host._close(endpoint)
    else if (how === RELEASE.reset || endpoint.options.lingerMs === 0) endpoint.reset()
    else endpoint.release()
    return 0
  }

  send(index: number, bytes: Uint8Array, offset: number, length: number): number {
    const end = this.#watched[index]
    if (!(end instanceof TcpEndpoint)) return 0
    if (!end.canSend) return -errorNumber(end.error ?? 'EPIPE')
    this.#core.stir(this.host)
    return end.write(bytes, offset, length)
  }

  sendDatagram(
    index: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    addressOffset: number
  ): number {
    const endpoint = this.#watched[index]
    if (!(endpoint instanceof UdpEndpoint)) return 0
    if (isScoped(bytes, addressOffset)) return -errorNumber('ENOTSUP')
    const link = this.host._linkToPacked(bytes, addressOffset, endpoint)
    if (typeof link === 'string') return -errorNumber(link)
    // send(2): a broadcast without SO_BROADCAST.
    if (link.to === BROADCAST && endpoint.options.broadcast !== true) return -errorNumber('EACCES')
    // A socket of IPv6 takes more, but not to a mapped address.
    if (length > MAX_IPV4_DATAGRAM && !isIpv6(link.to)) return -errorNumber('EMSGSIZE')
    const { port } = PACKED_ADDRESS
    const toPort = bytes[addressOffset + port] | (bytes[addressOffset + port + 1] << 8)
    const data = Uint8Array.prototype.slice.call(bytes, offset, offset + length)
    this.#core.send(new LinkPacket(link, 'udp', endpoint.port, toPort, data))
    return 1
  }

  exchange(outbox: Outbox, batch: BatchMemory, timeoutMs: number): number {
    // Time stands still for a program of a host that has crashed: its wait() throws.
    if (this.#isDead) return -errorNumber('ENETDOWN')
    if (outbox.count > 0) this.#core.stir(this.host)
    const page = pageOf(batch, batch.slab, batch.streamBytes)
    this.#flush(outbox, page)
    if (page.count === 0 && !this.hasReady && timeoutMs !== 0) {
      const untilMs = timeoutMs < 0 ? Number.POSITIVE_INFINITY : this.#core.now + timeoutMs
      this.#core.block(untilMs, () => this.hasReady)
    }
    if (this.#isWoken) {
      this.#isWoken = false
      addRecord(page, KIND.woken, 0, 0)
    }
    this.#reportReady(page, batch)
    // Who asks and finds nothing does nothing.
    if (page.count > 0) this.#core.stir(this.host)
    this.#assertMoves(page.count)
    return page.count
  }

  flush(outbox: Outbox, batch: BatchMemory): number {
    if (this.#isDead) return 0
    if (outbox.count > 0) this.#core.stir(this.host)
    const page = pageOf(batch, batch.flushSlab, 0)
    this.#flush(outbox, page)
    return page.count
  }

  openWatch(onReady: () => void): BackendWatch {
    this.#onReady = onReady
    return {
      arm: (timeoutMs) => this.#arm(timeoutMs),
      looked: () => {},
      // Virtual time passes inside network.run() alone, whose promise the program awaits.
      keepAlive: () => {},
      close: () => {
        this.#disarm()
        this.#onReady = undefined
      }
    }
  }

  close(): void {
    this.#disarm()
    this.host._forget(this)
  }

  // ---- Inside ----

  #watch(index: number, generation: number, endpoint: Endpoint): void {
    this.#watched[index] = endpoint
    endpoint.watch(this, index, generation)
  }

  #arm(timeoutMs: number): void {
    if (this.#isDead) return
    this.#disarm()
    this.#isArmed = true
    this.#core.stir(this.host)
    if (this.hasReady) return this.#core.setDue(this)
    if (timeoutMs < 0) return
    const { schedule, now } = this.#core
    this.#timer = schedule.setTimer(this.#timer, now + timeoutMs, this)
  }

  #disarm(): void {
    this.#isArmed = false
    this.#core.schedule.stopTimer(this.#timer)
  }

  /** A wait() whose timers are due at once, again and again, would never return. */
  #assertMoves(count: number): void {
    const isIdle = count === 0 && this.#exchangedAt === this.#core.now
    this.#idleExchanges = isIdle ? this.#idleExchanges + 1 : 0
    this.#exchangedAt = this.#core.now
    if (this.#idleExchanges > MOST_IDLE_EXCHANGES)
      throw blocked('a poller waits again and again without time, which does not pass so')
  }

  #enqueue(endpoint: Endpoint): void {
    if (endpoint.isQueued) return
    endpoint.isQueued = true
    this.#ready.push(endpoint)
  }

  #reportReady(page: Page, batch: BatchMemory): void {
    let left = this.#limits.maxEvents
    // What has no room, or more than its budget, comes next time, behind the others.
    for (let count = this.#ready.length; count > 0; count--) {
      if (left === 0 || page.streamAt + PACKED_ADDRESS.bytes > batch.streamBytes) return
      if (!hasRecords(page)) return
      const endpoint = this.#ready.shift() as Endpoint
      if (!endpoint.isQueued) continue // it was released
      endpoint.isQueued = false
      left--
      this.#report(endpoint, page, batch)
      if (endpoint.isReady) this.#enqueue(endpoint)
    }
  }

  #flush(outbox: Outbox, page: Page): void {
    const { sends } = outbox
    for (let position = 0; position < outbox.count; position++) {
      const index = sends[position * OUTBOX.stride + OUTBOX.index]
      const endpoint = index < 0 ? undefined : this.#watched[index]
      if (endpoint === undefined) continue
      if (endpoint instanceof TcpEndpoint) this.#sendChain(endpoint, outbox, position, page)
      else if (endpoint instanceof UdpEndpoint)
        this.#sendDatagrams(endpoint, outbox, position, page)
    }
  }

  #sendChain(end: TcpEndpoint, outbox: Outbox, first: number, page: Page): void {
    const { sends, bytes } = outbox
    if (!end.canSend) return add(page, KIND.sendFailed, end, errorNumber(end.error ?? 'EPIPE'))
    for (let position = first; position >= 0; ) {
      const at = position * OUTBOX.stride
      const length = sends[at + OUTBOX.length]
      const taken = end.write(bytes, sends[at + OUTBOX.offset], length)
      if (taken < length) return add(page, KIND.sendShort, end, position, taken)
      position = sends[at + OUTBOX.next]
    }
  }

  #sendDatagrams(endpoint: UdpEndpoint, outbox: Outbox, first: number, page: Page): void {
    const { sends, bytes } = outbox
    for (let position = first; position >= 0; ) {
      const at = position * OUTBOX.stride
      if (!hasRecords(page) || page.slab.length - page.datagramAt < PACKED_ADDRESS.bytes) {
        endpoint.wantsRoom = true
        this.#enqueue(endpoint)
        return add(page, KIND.sendShort, endpoint, position, 0)
      }
      const address = sends[at + OUTBOX.address]
      const offset = sends[at + OUTBOX.offset]
      const length = sends[at + OUTBOX.length]
      const taken = this.sendDatagram(endpoint.index, bytes, offset, length, address)
      if (taken < 0) {
        page.slab.set(bytes.subarray(address, address + PACKED_ADDRESS.bytes), page.datagramAt)
        add(page, KIND.datagramFailed, endpoint, -taken, page.datagramAt, 1)
        page.datagramAt += PACKED_ADDRESS.bytes
      }
      position = sends[at + OUTBOX.next]
    }
  }

  #report(endpoint: Endpoint, page: Page, batch: BatchMemory): void {
    if (endpoint instanceof TcpEndpoint) this.#reportConnection(endpoint, page, batch)
    else if (endpoint instanceof ListenerEndpoint) this.#accept(endpoint, page, batch)
    else if (endpoint instanceof UdpEndpoint) this.#reportDatagrams(endpoint, page)
  }

  #accept(listener: ListenerEndpoint, page: Page, { streamBytes }: BatchMemory): void {
    for (let count = 0; count < this.#limits.acceptBudget; count++) {
      if (page.streamAt + PACKED_ADDRESS.bytes > streamBytes || !hasRecords(page)) return
      const end = listener.waiting.shift()
      if (end === undefined) return
      end.link.packTo(end.peerPort, end.isIpv6, page.slab, page.streamAt)
      add(page, KIND.accepted, listener, end.handle, page.streamAt)
      page.streamAt += PACKED_ADDRESS.bytes
    }
  }

  #reportConnection(end: TcpEndpoint, page: Page, { streamBytes }: BatchMemory): void {
    if (end.takeConnect()) {
      const failed = end.state === 'broken' ? errorNumber(end.error ?? 'ECONNREFUSED') : 0
      return add(page, KIND.connected, end, failed)
    }
    if (end.takeRoom()) add(page, KIND.writable, end)
    if (!end.isReceiving) return
    const limit = Math.min(this.#limits.readBudgetBytes, streamBytes - page.streamAt)
    const count = end.read(page.slab, page.streamAt, limit)
    if (count > 0) {
      add(page, KIND.received, end, page.streamAt, count)
      page.streamAt += count
    }
    if (end.receivedBytes > 0) return
    if (end.error !== undefined) {
      add(page, KIND.failed, end, errorNumber(end.error))
      end.error = undefined
    } else if (end.takeEnd()) add(page, KIND.ended, end)
  }

  #reportDatagrams(endpoint: UdpEndpoint, page: Page): void {
    const { datagrams, unreachable } = endpoint
    if (endpoint.wantsRoom) {
      endpoint.wantsRoom = false
      add(page, KIND.writable, endpoint)
    }
    const room = () => page.slab.length - page.datagramAt - PACKED_ADDRESS.bytes
    while (unreachable.length > 0) {
      if (room() < 0 || !hasRecords(page)) return
      const packet = endpoint.take(unreachable) as LinkPacket
      packet.link.packFrom(packet.fromPort, endpoint.isIpv6, page.slab, page.datagramAt)
      add(page, KIND.datagramFailed, endpoint, errorNumber('ECONNREFUSED'), page.datagramAt)
      page.datagramAt += PACKED_ADDRESS.bytes
    }
    const { maxDatagramBytes, readBudgetBytes } = this.#limits
    for (let left = readBudgetBytes; left > 0 && endpoint.isReceiving; ) {
      const next = Math.min(datagrams.first?.data.length ?? 0, maxDatagramBytes)
      if (room() < next || !hasRecords(page)) return
      const packet = endpoint.take(datagrams)
      if (packet === undefined) return
      const { data, link, fromPort } = packet
      link.packFrom(fromPort, endpoint.isIpv6, page.slab, page.datagramAt)
      const at = page.datagramAt + PACKED_ADDRESS.bytes
      const length = Math.min(data.length, maxDatagramBytes)
      page.slab.set(length < data.length ? data.subarray(0, length) : data, at)
      add(page, KIND.datagram, endpoint, at, length, data.length > length ? 1 : 0)
      page.datagramAt = at + length
      left -= PACKED_ADDRESS.bytes + length
    }
  }
}

class SimulatedCalls implements SocketCalls {
  readonly #backend: SimulatedBackend

  constructor(backend: SimulatedBackend) {
    this.#backend = backend
  }

  localAddressOf(handle: number): SocketAddress {
    const { isIpv6, address, port } = this.#of(handle, 'getsockname')
    return new SocketAddress({ address: shownBy(isIpv6, address), port })
  }

  remoteAddressOf(handle: number): SocketAddress {
    const end = this.#of(handle, 'getpeername')
    if (!(end instanceof TcpEndpoint)) throw namedSocketError('ENOTCONN', 'getpeername')
    return new SocketAddress({ address: shownBy(end.isIpv6, end.peer), port: end.peerPort })
  }

  setSocketOption<K extends SocketOptionName>(
    handle: number,
    name: K,
    value: SocketOptions[K]
  ): void {
    checkOption(name, value)
    const endpoint = this.#of(handle, 'setsockopt')
    endpoint.options = withOption(endpoint.options, name, value)
  }

  getSocketOption<K extends SocketOptionName>(handle: number, name: K): SocketOptions[K] {
    const endpoint = this.#of(handle, 'getsockopt')
    if (name === 'sendBufferSize') return endpoint.sendBytes as SocketOptions[K]
    if (name === 'receiveBufferSize') return endpoint.receiveBytes as SocketOptions[K]
    return (endpoint.options[name] ?? UNSET[name] ?? false) as SocketOptions[K]
  }

  setMembership(): void {
    throw namedSocketError('ENOTSUP', 'setsockopt', 'a simulated network has no multicast groups')
  }

  shutdownWrite(handle: number): number {
    const end = this.#backend.endpoint(handle)
    if (!(end instanceof TcpEndpoint) || end.state !== 'open') return -errorNumber('ENOTCONN')
    end.end()
    return 0
  }

  takeError(handle: number): number {
    const end = this.#backend.endpoint(handle)
    if (!(end instanceof TcpEndpoint) || end.error === undefined) return 0
    const pending = errorNumber(end.error)
    end.error = undefined
    return pending
  }

  reset(handle: number): void {
    const end = this.#backend.endpoint(handle)
    if (end instanceof TcpEndpoint) end.reset()
  }

  #of(handle: number, call: string): Endpoint {
    const endpoint = this.#backend.endpoint(handle)
    if (endpoint === undefined) throw namedSocketError('EBADF', call)
    return endpoint
  }
}

function pageOf({ records }: BatchMemory, slab: Buffer, datagramAt: number): Page {
  return { records, slab, count: 0, streamAt: 0, datagramAt }
}

/** Whether there is room for what one socket reports besides accepts and datagrams. */
function hasRecords({ records, count }: Page): boolean {
  return records.length - count * RECORD.stride >= 3 * RECORD.stride
}

function add(page: Page, kind: number, { index, generation }: Endpoint, a = 0, b = 0, c = 0): void {
  addRecord(page, kind, index, generation, a, b, c)
}

function addRecord(
  page: Page,
  kind: number,
  index: number,
  generation: number,
  a = 0,
  b = 0,
  c = 0
): void {
  const at = page.count++ * RECORD.stride
  page.records[at + RECORD.kind] = kind
  page.records[at + RECORD.index] = index
  page.records[at + RECORD.generation] = generation
  page.records[at + RECORD.a] = a
  page.records[at + RECORD.b] = b
  page.records[at + RECORD.c] = c
}
