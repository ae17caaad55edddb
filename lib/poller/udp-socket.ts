// A UDP socket of the unified floor: datagrams out through the outbox, datagrams in as events. Refuses to know which system it is on.
import { type EndPoint, packed, packInto, SocketAddress } from '../address.ts'
import { addon } from '../binding/load.ts'
import { PACKED_ADDRESS, RELEASE } from '../binding/records.ts'
import { alreadyClosed, check, namedSocketError, socketError } from '../errors.ts'
import { getSocketOption, type SocketOptionName, type SocketOptions, setSocketOption } from '../raw/options.ts'
import { Slots } from '../slots.ts'
import { bytes as toBytes } from '../validate.ts'
import type { Core } from './core.ts'

// 65,535 bytes of an IP packet less its header and UDP's: RFC 768 with RFC 791; IPv6 counts without its own header (RFC 8200).
const MAX_IPV4_DATAGRAM = 65_507
const MAX_IPV6_DATAGRAM = 65_527

/** A UDP socket of a {@link Poller}, made by `bindUdp()` or `adopt()`. Each datagram comes as a `datagram` event. */
export class UdpSocket<U = unknown> {
  /** Unique among the sockets of its poller, for as long as that lives. */
  readonly id: number
  /** Whatever the program wants to find again in each event. */
  userPtr: U | undefined
  /** @internal */ readonly index: number
  /** @internal */ _silent = false
  readonly #core: Core<U>
  readonly #handle: number
  readonly #family: 4 | 6
  #closed = false
  #closing = false
  #overMark = false
  /** Datagrams that the system had no room for: each a packed address and its bytes. */
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #outgoingCount = 0

  /** @internal */
  constructor(core: Core<U>, handle: number, userPtr: U | undefined, family: 'ipv4' | 'ipv6') {
    this.#core = core
    this.#handle = handle
    this.#family = family === 'ipv4' ? 4 : 6
    this.userPtr = userPtr
    this.id = core.register(this)
    this.index = Slots.indexOf(this.id)
  }

  /** Whether the socket is closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** The system's number of the socket, for diagnostics. */
  get handle(): number {
    return this.#handle
  }

  /** Where it is bound: with port 0 asked for, the port that the system chose. Throws `EBADF` when closed. */
  get localAddress(): SocketAddress {
    this.#assertOpen('getsockname')
    const address = new Uint8Array(PACKED_ADDRESS.bytes)
    check(addon().socketLocalAddress(this.#handle, address), 'getsockname')
    return SocketAddress.fromPacked(address, 0)
  }

  /** Bytes given to `send()` that the system has not taken yet. */
  get bufferedBytes(): number {
    return this.#closed ? 0 : this.#core.outbox.bytesOf(this.index) + this.#queuedBytes
  }

  /**
   * Queues one datagram (a string as UTF-8; 0 bytes are allowed); it leaves with the next `wait()` or `flush()`. The bytes are copied.
   * A {@link SocketAddress} from an event is the quickest destination.
   * @returns false if the datagram was dropped, because the system has no room and `highWaterMark` bytes wait already; `drain` tells when to go on.
   * @throws SocketError `EMSGSIZE` for more than 65,507 bytes (IPv6: 65,527), `EAFNOSUPPORT` for an address of the other family, `EBADF` when closed;
   *   TypeError `ERR_INVALID_ADDRESS` for a host name. A datagram that the system refuses later comes as an `error` event.
   */
  send(data: Uint8Array | string, to: SocketAddress | EndPoint): boolean {
    this.#assertOpen('sendto')
    const bytes = toBytes(data, 'data')
    const { length } = bytes
    if (length > (this.#family === 4 ? MAX_IPV4_DATAGRAM : MAX_IPV6_DATAGRAM))
      throw namedSocketError('EMSGSIZE', 'sendto', undefined, to)
    const core = this.#core
    if (this.#queuedBytes > 0) return this.#sendQueued(bytes, to)

    core.makeRoom(PACKED_ADDRESS.bytes + length)
    // Making room may have flushed, and the flush may have found the system full.
    if (this.#queue.length > 0) return this.#sendQueued(bytes, to)
    const { outbox } = core
    const address = outbox.reserveAddress()
    this.#checkFamily(packInto(to, outbox.bytes, address), to)
    const offset = outbox.end
    core.queue(this.index, offset, outbox.copy(bytes, length), address)
    if (this.#outgoingCount === 0) core.attend(this)
    this.#outgoingCount++
    return true
  }

  /** No more `datagram` events until `resume()`: datagrams wait in the system's receive buffer, and are dropped by it when that is full. */
  pause(): void {
    this.#assertOpen('pause')
    this.#core.backend.setReceiving(this.index, false)
  }

  /** Ends a `pause()`. */
  resume(): void {
    this.#assertOpen('resume')
    this.#core.backend.setReceiving(this.index, true)
    this.#core.touch()
  }

  /** Joins a multicast group, on the interface that has the address `networkInterface`, or on the system's choice. */
  joinMulticast(group: string, networkInterface?: string): void {
    this.#assertOpen('setsockopt')
    check(addon().socketJoinMulticast(this.#handle, ...multicastArguments(group, networkInterface)), 'setsockopt')
  }

  /** Leaves a multicast group. */
  leaveMulticast(group: string, networkInterface?: string): void {
    this.#assertOpen('setsockopt')
    check(addon().socketLeaveMulticast(this.#handle, ...multicastArguments(group, networkInterface)), 'setsockopt')
  }

  /** Sends what was queued since the last `wait()`, as far as the system has room, and closes. A `close` event follows. */
  close(): void {
    if (this.#closed || this.#closing) return
    this.#closing = true
    this._silent = true
    if (this.#outgoingCount > 0) this.#core.flush()
    this.#closed = true
    this.#core.stats.datagramsDropped += this.#queue.length
    this.#queue = []
    this.#queuedBytes = 0
    this.#core.backend.release(this.index, RELEASE.close)
    this.#core.unregister(this)
    this.#core.emit({ type: 'close', socket: this, userPtr: this.userPtr })
  }

  /** Sets an option of the socket, by the same names as `Socket.setOption`. */
  setOption<K extends SocketOptionName>(name: K, value: SocketOptions[K]): void {
    this.#assertOpen('setsockopt')
    setSocketOption(this.#handle, name, value)
  }

  /** Reads an option of the socket, by the same names as `Socket.getOption`. */
  getOption<K extends SocketOptionName>(name: K): SocketOptions[K] {
    this.#assertOpen('getsockopt')
    return getSocketOption(this.#handle, name)
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  // ---- For poller.ts and core.ts ----

  /** @internal */
  _onDatagram(slab: Buffer, offset: number, length: number, truncated: boolean): void {
    this.#core.stats.datagramsReceived++
    if (this._silent) return
    this.#core.emit({
      type: 'datagram',
      socket: this,
      userPtr: this.userPtr,
      data: slab.subarray(offset, offset + length),
      address: SocketAddress.fromPacked(slab, offset - PACKED_ADDRESS.bytes),
      truncated
    })
  }

  /** @internal An unreachable peer, or a datagram that the system refused. */
  _onDatagramFailed(slab: Buffer, errno: number, addressOffset: number, isRefused: boolean): void {
    if (isRefused) {
      this.#outgoingCount--
      this.#core.stats.datagramsDropped++
    }
    if (this._silent) return
    const to = addressOffset >= 0 ? SocketAddress.fromPacked(slab, addressOffset) : undefined
    this.#core.emit({ type: 'error', socket: this, userPtr: this.userPtr, error: socketError(errno, 'sendto', to) })
  }

  /** @internal */
  _onReceiveFailed(errno: number): void {
    if (this._silent) return
    this.#core.emit({ type: 'error', socket: this, userPtr: this.userPtr, error: socketError(errno, 'recvfrom') })
  }

  /** @internal */
  _onSendFailed(errno: number): void {
    this.#core.emit({ type: 'error', socket: this, userPtr: this.userPtr, error: socketError(errno, 'sendto') })
  }

  /** @internal */
  _onSendShort(position: number, taken: number): void {
    const { outbox } = this.#core
    outbox.forEachLeft(position, taken, (offset, length, addressOffset) => {
      this.#outgoingCount--
      this.#enqueue(
        outbox.bytes.subarray(addressOffset, addressOffset + PACKED_ADDRESS.bytes),
        outbox.bytes.subarray(offset, offset + length)
      )
    })
  }

  /** @internal */
  _onFlushed(): void {
    this.#core.stats.datagramsSent += this.#outgoingCount
    this.#outgoingCount = 0
  }

  /** @internal The system has room again. */
  _onWritable(): void {
    let sent = 0
    while (sent < this.#queue.length) {
      const datagram = this.#queue[sent]
      const result = this.#core.backend.sendDatagram(
        this.index,
        datagram,
        PACKED_ADDRESS.bytes,
        datagram.length - PACKED_ADDRESS.bytes,
        0
      )
      if (result === 0) break
      sent++
      this.#queuedBytes -= datagram.length
      if (result > 0) {
        this.#core.stats.datagramsSent++
      } else {
        this.#core.stats.datagramsDropped++
        this.#core.emit({
          type: 'error',
          socket: this,
          userPtr: this.userPtr,
          error: socketError(-result, 'sendto', SocketAddress.fromPacked(datagram, 0))
        })
      }
    }
    this.#queue.splice(0, sent)
    if (this.#overMark && this.#queuedBytes <= this.#core.lowWaterMark) {
      this.#overMark = false
      this.#core.emit({ type: 'drain', socket: this, userPtr: this.userPtr })
    }
  }

  /** @internal */
  _onPollerClosed(): void {
    this.#closed = true
    this._silent = true
    this.#queue = []
    this.#queuedBytes = 0
  }

  // ---- Inside ----

  #sendQueued(bytes: Uint8Array, to: SocketAddress | EndPoint): boolean {
    const address = packed(to)
    this.#checkFamily(address[PACKED_ADDRESS.family] as 4 | 6, to)
    return this.#enqueue(address, bytes)
  }

  #enqueue(address: Uint8Array, bytes: Uint8Array): boolean {
    const length = address.length + bytes.length
    if (this.#queuedBytes + length > this.#core.highWaterMark) {
      this.#overMark = true
      this.#core.stats.datagramsDropped++
      return false
    }
    this.#queue.push(Buffer.concat([address, bytes]))
    this.#queuedBytes += length
    return true
  }

  #checkFamily(family: 4 | 6, to: SocketAddress | EndPoint): void {
    if (family !== this.#family) {
      throw namedSocketError('EAFNOSUPPORT', 'sendto', `the socket is IPv${this.#family}`, to)
    }
  }

  #assertOpen(call: string): void {
    if (this.#closed || this.#closing) throw alreadyClosed(call)
  }
}

function multicastArguments(group: string, networkInterface: string | undefined): [Uint8Array, Uint8Array | undefined] {
  return [
    packed({ address: group, port: 0 }),
    networkInterface === undefined ? undefined : packed({ address: networkInterface, port: 0 })
  ]
}
