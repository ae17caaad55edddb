// The backend of a simulated poller: reports in records what happened to its host's sockets.
// Refuses to know links and time, which the network has.
import { packed, SocketAddress } from '../address.ts'
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
import { blocked, type Core } from './core.ts'
import type { Endpoint, Watcher } from './endpoint.ts'
import type { SimulatedHost } from './host.ts'
import { ListenerEndpoint } from './listener-endpoint.ts'
import type { Happening } from './schedule.ts'
import { SimulatedSocket } from './simulated-socket.ts'
import { TcpEndpoint } from './tcp-endpoint.ts'
import { UdpEndpoint } from './udp-endpoint.ts'

/** What a socket says of an option that nobody has set. */
const UNSET: Partial<SocketOptions> = { noDelay: true, lingerMs: false, ttl: 64, tos: 0 }

interface Watched {
  readonly endpoint: Endpoint
  readonly generation: number
}

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

export class SimulatedBackend implements Backend, Watcher {
  readonly name = 'simulated'
  readonly mayBlock = false
  readonly waitCall = 'wait'
  readonly capabilities: Capabilities = Object.freeze({
    reusePort: false,
    subMillisecondWait: true,
    reportUnreachable: true
  })
  readonly calls: SocketCalls
  readonly host: SimulatedHost
  readonly #core: Core
  readonly #made = new Map<number, SimulatedSocket>()
  readonly #watched: (Watched | undefined)[] = []
  /** Slots with something to report, in the order in which it happened. */
  readonly #ready = new Set<number>()
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
  #timer: Happening | undefined

  constructor(core: Core, host: SimulatedHost) {
    this.#core = core
    this.host = host
    this.calls = new SimulatedCalls(host)
  }

  // ---- For the network ----

  get hasReady(): boolean {
    return this.#isWoken || this.#ready.size > 0
  }

  /** Its loop waits, and goes on now. */
  goOn(): void {
    if (!this.#isArmed) return
    this.#disarm()
    this.#onReady?.()
  }

  get isArmed(): boolean {
    return this.#isArmed
  }

  /** The host has crashed: its program gets nothing more. */
  die(): void {
    this.#isDead = true
    this.#disarm()
    this.#onReady = undefined
    this.#ready.clear()
    this.#made.clear()
  }

  onReady(index: number): void {
    this.#ready.add(index)
    this.#core.stir()
    if (this.#isArmed) this.#core.setDue(this)
  }

  // ---- For the poller ----

  clockMs(): number {
    return this.#core.now
  }

  wake(): void {
    this.#isWoken = true
    this.#core.stir()
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
    if (family === 'ipv6')
      throw namedSocketError('EAFNOSUPPORT', 'socket', 'hosts of a simulation have IPv4 addresses')
    const socket = new SimulatedSocket(this.host, type, this.#core.nextHandle())
    this.#made.set(socket.handle, socket)
    return socket
  }

  prepareBind(socket: NewSocket, { isListener, reuseAddress }: BindWish): void {
    if (isListener || reuseAddress) socket.setOption('reuseAddress', true)
  }

  watch(index: number, generation: number, handle: number, kind: number): void {
    this.#made.delete(handle)
    const endpoint = this.host._endpoint(handle)
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
    const peer = SocketAddress.fromPacked(address, 0)
    const end = this.host._connect(handle, socket.local, peer, socket.options)
    if (end === undefined) return -errorNumber('EADDRNOTAVAIL')
    this.#watch(index, generation, end)
    end.open()
    return WOULD_BLOCK_RESULT
  }

  setReceiving(index: number, on: boolean): void {
    const endpoint = this.#watched[index]?.endpoint
    if (endpoint === undefined) return
    endpoint.isReceiving = on
    if (on && endpoint.isReady) this.onReady(index)
  }

  release(index: number, how: number): number {
    const endpoint = this.#watched[index]?.endpoint
    if (endpoint === undefined) return 0
    if (how === RELEASE.detach)
      throw namedSocketError('ENOTSUP', 'detach', 'a simulation has one thread')
    this.#watched[index] = undefined
    this.#ready.delete(index)
    this.#core.stir()
    if (!(endpoint instanceof TcpEndpoint)) this.host._close(endpoint)
    else if (how === RELEASE.reset || endpoint.options.get('lingerMs') === 0) endpoint.reset()
    else endpoint.release()
    return 0
  }

  send(index: number, bytes: Uint8Array, offset: number, length: number): number {
    const end = this.#watched[index]?.endpoint
    if (!(end instanceof TcpEndpoint)) return 0
    if (!end.canSend) return -errorNumber(end.error ?? 'EPIPE')
    this.#core.stir()
    return end.write(bytes.subarray(offset, offset + length))
  }

  sendDatagram(
    index: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    addressOffset: number
  ): number {
    const endpoint = this.#watched[index]?.endpoint
    if (!(endpoint instanceof UdpEndpoint)) return 0
    const to = SocketAddress.fromPacked(bytes, addressOffset)
    this.host._send({
      protocol: 'udp',
      from: endpoint.address === '0.0.0.0' ? this.host.sourceFor(to.address) : endpoint.address,
      to: to.address,
      fromPort: endpoint.port,
      toPort: to.port,
      data: Uint8Array.prototype.slice.call(bytes, offset, offset + length),
      flags: 0,
      sequence: 0,
      acknowledged: 0,
      windowBytes: 0
    })
    return 1
  }

  exchange(outbox: Outbox, batch: BatchMemory, timeoutMs: number): number {
    // Time stands still for a program of a host that has crashed: its wait() throws.
    if (this.#isDead) return -errorNumber('ENETDOWN')
    this.#core.stir()
    const page = { ...pageOf(batch, batch.slab), streamAt: 0, datagramAt: batch.streamBytes }
    this.#flush(outbox, page)
    if (page.count === 0 && !this.hasReady && timeoutMs !== 0) {
      const untilMs = timeoutMs < 0 ? Number.POSITIVE_INFINITY : this.#core.now + timeoutMs
      this.#core.block(untilMs, () => this.hasReady)
    }
    if (this.#isWoken) {
      this.#isWoken = false
      add(page, KIND.woken, 0, 0)
    }
    this.#reportReady(page, batch)
    this.#assertMoves(page.count)
    return page.count
  }

  flush(outbox: Outbox, batch: BatchMemory): number {
    if (this.#isDead) return 0
    const page = { ...pageOf(batch, batch.flushSlab), streamAt: 0, datagramAt: 0 }
    this.#flush(outbox, page)
    return page.count
  }

  openWatch(onReady: () => void): BackendWatch {
    this.#onReady = onReady
    return {
      arm: (timeoutMs) => this.#arm(timeoutMs),
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
    this.#watched[index] = { endpoint, generation }
    endpoint.watch(this, index)
  }

  #arm(timeoutMs: number): void {
    if (this.#isDead) return
    this.#disarm()
    this.#isArmed = true
    this.#core.stir()
    if (this.hasReady) return this.#core.setDue(this)
    if (timeoutMs < 0) return
    this.#timer = this.#core.schedule.add(this.#core.now + timeoutMs, () => {
      this.#timer = undefined
      this.#core.setDue(this)
    })
  }

  #disarm(): void {
    this.#isArmed = false
    this.#timer?.cancel()
    this.#timer = undefined
  }

  /** A wait() whose timers are due at once, again and again, would never return. */
  #assertMoves(count: number): void {
    const isIdle = count === 0 && this.#exchangedAt === this.#core.now
    this.#idleExchanges = isIdle ? this.#idleExchanges + 1 : 0
    this.#exchangedAt = this.#core.now
    if (this.#idleExchanges > MOST_IDLE_EXCHANGES)
      throw blocked('a poller waits again and again without time, which does not pass so')
  }

  #reportReady(page: Page, batch: BatchMemory): void {
    const again: number[] = []
    let left = this.#limits.maxEvents
    for (const index of this.#ready) {
      if (left-- === 0 || page.streamAt + PACKED_ADDRESS.bytes > batch.streamBytes) break
      if (!hasRecords(page)) break
      this.#ready.delete(index)
      const watched = this.#watched[index]
      if (watched === undefined) continue
      this.#report(index, watched, page, batch)
      if (watched.endpoint.isReady) again.push(index)
    }
    // What had no room, or more than its budget, comes next time, behind the others.
    for (const index of again) this.#ready.add(index)
  }

  #flush(outbox: Outbox, page: Page): void {
    const { sends } = outbox
    for (let position = 0; position < outbox.count; position++) {
      const index = sends[position * OUTBOX.stride + OUTBOX.index]
      const watched = index < 0 ? undefined : this.#watched[index]
      if (watched === undefined) continue
      if (watched.endpoint instanceof TcpEndpoint)
        this.#sendChain(watched.endpoint, watched, index, outbox, position, page)
      else this.#sendDatagrams(index, outbox, position)
    }
  }

  #sendChain(
    end: TcpEndpoint,
    { generation }: Watched,
    index: number,
    outbox: Outbox,
    first: number,
    page: Page
  ): void {
    const { sends, bytes } = outbox
    if (!end.canSend)
      return add(page, KIND.sendFailed, index, generation, errorNumber(end.error ?? 'EPIPE'))
    for (let position = first; position >= 0; ) {
      const at = position * OUTBOX.stride
      const offset = sends[at + OUTBOX.offset]
      const length = sends[at + OUTBOX.length]
      const taken = end.write(bytes.subarray(offset, offset + length))
      if (taken < length) return add(page, KIND.sendShort, index, generation, position, taken)
      position = sends[at + OUTBOX.next]
    }
  }

  #sendDatagrams(index: number, outbox: Outbox, first: number): void {
    const { sends, bytes } = outbox
    for (let position = first; position >= 0; ) {
      const at = position * OUTBOX.stride
      this.sendDatagram(
        index,
        bytes,
        sends[at + OUTBOX.offset],
        sends[at + OUTBOX.length],
        sends[at + OUTBOX.address]
      )
      position = sends[at + OUTBOX.next]
    }
  }

  #report(index: number, watched: Watched, page: Page, batch: BatchMemory): void {
    const { endpoint, generation } = watched
    if (endpoint instanceof ListenerEndpoint) this.#accept(endpoint, index, generation, page, batch)
    else if (endpoint instanceof TcpEndpoint)
      this.#reportConnection(endpoint, index, generation, page, batch)
    else if (endpoint instanceof UdpEndpoint)
      this.#reportDatagrams(endpoint, index, generation, page)
  }

  #accept(
    listener: ListenerEndpoint,
    index: number,
    generation: number,
    page: Page,
    { streamBytes }: BatchMemory
  ): void {
    for (let count = 0; count < this.#limits.acceptBudget; count++) {
      if (page.streamAt + PACKED_ADDRESS.bytes > streamBytes || !hasRecords(page)) return
      const end = listener.waiting.shift()
      if (end === undefined) return
      page.slab.set(packed({ address: end.peer, port: end.peerPort }), page.streamAt)
      add(page, KIND.accepted, index, generation, end.handle, page.streamAt)
      page.streamAt += PACKED_ADDRESS.bytes
    }
  }

  #reportConnection(
    end: TcpEndpoint,
    index: number,
    generation: number,
    page: Page,
    { streamBytes }: BatchMemory
  ): void {
    if (!end.hasReportedConnect) {
      end.hasReportedConnect = true
      const failed = end.state === 'broken' ? errorNumber(end.error ?? 'ECONNREFUSED') : 0
      return add(page, KIND.connected, index, generation, failed)
    }
    if (end.wantsRoom && end.hasRoom) {
      end.wantsRoom = false
      add(page, KIND.writable, index, generation)
    }
    if (!end.isReceiving) return
    const limit = Math.min(this.#limits.readBudgetBytes, streamBytes - page.streamAt)
    const count = end.read(page.slab, page.streamAt, limit)
    if (count > 0) {
      add(page, KIND.received, index, generation, page.streamAt, count)
      page.streamAt += count
    }
    if (end.receivedBytes > 0) return
    if (end.error !== undefined) {
      add(page, KIND.failed, index, generation, errorNumber(end.error))
      end.error = undefined
    } else if (end.hasPeerEnded && !end.hasReportedEnd) {
      end.hasReportedEnd = true
      add(page, KIND.ended, index, generation)
    }
  }

  #reportDatagrams(endpoint: UdpEndpoint, index: number, generation: number, page: Page): void {
    const { unreachable } = endpoint
    const room = () => page.slab.length - page.datagramAt - PACKED_ADDRESS.bytes
    while (unreachable.length > 0) {
      if (room() < 0 || !hasRecords(page)) return
      const peer = endpoint.takeUnreachable()
      page.slab.set(packed(peer), page.datagramAt)
      const refused = errorNumber('ECONNREFUSED')
      add(page, KIND.datagramFailed, index, generation, refused, page.datagramAt)
      page.datagramAt += PACKED_ADDRESS.bytes
    }
    const { maxDatagramBytes, readBudgetBytes } = this.#limits
    for (let left = readBudgetBytes; left > 0 && endpoint.isReceiving; ) {
      const next = Math.min(endpoint.datagrams[0]?.data.length ?? 0, maxDatagramBytes)
      if (room() < next || !hasRecords(page)) return
      const datagram = endpoint.take()
      if (datagram === undefined) return
      const { data, from, fromPort } = datagram
      page.slab.set(packed({ address: from, port: fromPort }), page.datagramAt)
      const at = page.datagramAt + PACKED_ADDRESS.bytes
      const length = Math.min(data.length, maxDatagramBytes)
      page.slab.set(data.subarray(0, length), at)
      add(page, KIND.datagram, index, generation, at, length, data.length > length ? 1 : 0)
      page.datagramAt = at + length
      left -= PACKED_ADDRESS.bytes + length
    }
  }
}

class SimulatedCalls implements SocketCalls {
  readonly #host: SimulatedHost

  constructor(host: SimulatedHost) {
    this.#host = host
  }

  localAddressOf(handle: number): SocketAddress {
    return new SocketAddress(this.#of(handle, 'getsockname'))
  }

  remoteAddressOf(handle: number): SocketAddress {
    const end = this.#of(handle, 'getpeername')
    if (!(end instanceof TcpEndpoint)) throw namedSocketError('ENOTCONN', 'getpeername')
    return new SocketAddress({ address: end.peer, port: end.peerPort })
  }

  setSocketOption<K extends SocketOptionName>(
    handle: number,
    name: K,
    value: SocketOptions[K]
  ): void {
    checkOption(name, value)
    this.#of(handle, 'setsockopt').options.set(name, value)
  }

  getSocketOption<K extends SocketOptionName>(handle: number, name: K): SocketOptions[K] {
    const endpoint = this.#of(handle, 'getsockopt')
    if (name === 'sendBufferSize') return endpoint.sendBytes as SocketOptions[K]
    if (name === 'receiveBufferSize') return endpoint.receiveBytes as SocketOptions[K]
    return (endpoint.options.get(name) ?? UNSET[name] ?? false) as SocketOptions[K]
  }

  setMembership(): void {
    throw namedSocketError('ENOTSUP', 'setsockopt', 'a simulated network has no multicast groups')
  }

  shutdownWrite(handle: number): number {
    const end = this.#host._endpoint(handle)
    if (!(end instanceof TcpEndpoint) || end.state !== 'open') return -errorNumber('ENOTCONN')
    end.end()
    return 0
  }

  takeError(handle: number): number {
    const end = this.#host._endpoint(handle)
    if (!(end instanceof TcpEndpoint) || end.error === undefined) return 0
    const pending = errorNumber(end.error)
    end.error = undefined
    return pending
  }

  reset(handle: number): void {
    const end = this.#host._endpoint(handle)
    if (end instanceof TcpEndpoint) end.reset()
  }

  #of(handle: number, call: string): Endpoint {
    const endpoint = this.#host._endpoint(handle)
    if (endpoint === undefined) throw namedSocketError('EBADF', call)
    return endpoint
  }
}

function pageOf(
  { records }: BatchMemory,
  slab: Buffer
): { records: Int32Array; slab: Buffer; count: number } {
  return { records, slab, count: 0 }
}

/** Whether there is room for what one socket reports besides accepts and datagrams. */
function hasRecords({ records, count }: Page): boolean {
  return records.length - count * RECORD.stride >= 3 * RECORD.stride
}

function add(
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
