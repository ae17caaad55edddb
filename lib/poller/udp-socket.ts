// A UDP socket of the unified floor: datagrams out through the outbox, datagrams in as events.
// The same on every system.
import { type EndPoint, packed, SocketAddress } from '../address.ts'
import { KIND, PACKED_ADDRESS, RELEASE } from '../binding/records.ts'
import { alreadyClosed, namedSocketError, socketError } from '../errors.ts'
import type { SocketOptionName, SocketOptions } from '../raw/options.ts'
import { Slots } from '../slots.ts'
import { bindToThread } from '../thread-bound.ts'
import { bytes as toBytes } from '../validate.ts'
import type { PollerState } from './poller-state.ts'

// 65,535 bytes of an IP packet less its header and UDP's: RFC 768 with RFC 791; IPv6 counts without
// its own header (RFC 8200).
const MAX_IPV4_DATAGRAM = 65_507
const MAX_IPV6_DATAGRAM = 65_527

/**
 * A UDP socket of a {@link Poller}: made by {@link Poller.bindUdp} or {@link Poller.adopt}. Each
 * datagram comes as a {@link DatagramEvent}.
 * @example
 * ```ts
 * import { Poller } from 'pollport'
 *
 * const poller = new Poller()
 * const socket = poller.bindUdp({ address: '127.0.0.1', port: 0 })
 * socket.send('hello', socket.localAddress)
 * for (const event of poller.wait(1000))
 *   if (event.type === 'datagram') console.log(String(event.data)) // hello
 * poller.close()
 * ```
 */
export class UdpSocket<U = unknown> {
  /** A number that no other socket of this poller has or gets. */
  readonly id: number
  /** Your own value; it comes with each event of this socket. */
  userPtr: U | undefined
  /** @internal */ readonly index: number
  /** @internal */ _isDiscarded = false
  readonly #poller: PollerState<U>
  readonly #handle: number
  readonly #family: 4 | 6
  readonly #peer: SocketAddress | undefined
  #closed = false
  #closing = false
  #overMark = false
  // What waits is counted with its packed addresses, so that empty datagrams are bounded as well.
  // What is in the outbox and the queue together keeps to highWaterMarkBytes: the outbox may have
  // to go to the queue, and nothing of it may be dropped then, since send() has said that it was
  // taken.
  /** Datagrams that the system had no room for: each a packed address and its bytes. */
  #queue: Uint8Array[] = []
  #queuedBytes = 0
  #outgoingCount = 0
  #outgoingBytes = 0

  /** @internal `peer`: of a socket that was connected before it was adopted. */
  constructor(
    poller: PollerState<U>,
    handle: number,
    userPtr: U | undefined,
    family: 'ipv4' | 'ipv6',
    peer?: SocketAddress
  ) {
    this.#poller = poller
    this.#handle = handle
    this.#family = family === 'ipv4' ? 4 : 6
    this.#peer = peer
    this.userPtr = userPtr
    this.id = poller.register(this)
    this.index = Slots.indexOf(this.id)
    bindToThread(this)
  }

  /** Whether the socket is closed. */
  get closed(): boolean {
    return this.#closed
  }

  /** The descriptor or SOCKET. For diagnostics only: the poller owns it, do not close it. */
  get handle(): number {
    return this.#handle
  }

  /** Where it is bound, with the port that the system chose for 0. Throws `EBADF` when closed. */
  get localAddress(): SocketAddress {
    this.#assertOpen('getsockname')
    return this.#poller.backend.calls.localAddressOf(this.#handle)
  }

  /**
   * The peer, if the socket was connected before `adopt()`: it receives from that end point alone,
   * and `send()` needs no address.
   */
  get remoteAddress(): SocketAddress | undefined {
    return this.#peer
  }

  /** Bytes that you sent and the kernel has not taken yet. */
  get bufferedBytes(): number {
    if (this.#closed) return 0
    return (
      this.#poller.outbox.bytesOf(this.index) +
      this.#queuedBytes -
      this.#queue.length * PACKED_ADDRESS.bytes
    )
  }

  /**
   * Queues one datagram; it leaves with the next `wait()` or `flush()`. The bytes are copied.
   * @param data bytes, or a string as UTF-8; it may be empty
   * @param to where to; the address of a `datagram` event is quickest. A socket that was connected
   *   before `adopt()` needs none.
   * @returns true: the kernel gets it, as soon as it has room. false: the datagram was dropped,
   *   since the kernel has no room and `highWaterMarkBytes` are queued (each datagram counts 24
   *   bytes more than it has); wait for `drain`.
   * @throws SocketError `EMSGSIZE` for more than 65,507 bytes (IPv6: 65,527), `EAFNOSUPPORT` for an
   *   address of the other family, `EBADF` when closed; TypeError `ERR_INVALID_ADDRESS` for a host
   *   name. If the kernel refuses it later, an `error` event reports it.
   */
  send(data: Uint8Array | string, to: SocketAddress | EndPoint | undefined = this.#peer): boolean {
    this.#assertOpen('sendto')
    const target = to instanceof SocketAddress ? to : this.#readEndPoint(to)
    const isIpv6 =
      target instanceof SocketAddress
        ? target.family === 'ipv6'
        : target[PACKED_ADDRESS.family] === 6
    if (isIpv6 !== (this.#family === 6))
      throw namedSocketError('EAFNOSUPPORT', 'sendto', `the socket is IPv${this.#family}`, to)
    const bytes = toBytes(data, 'data')
    const { length } = bytes
    if (length > (this.#family === 4 ? MAX_IPV4_DATAGRAM : MAX_IPV6_DATAGRAM))
      throw namedSocketError('EMSGSIZE', 'sendto', undefined, to)
    const poller = this.#poller
    const cost = PACKED_ADDRESS.bytes + length
    // Before anything is dropped the system is asked: it may well have room for what waits in the
    // outbox.
    if (this.#outgoingCount > 0 && this.#outgoingBytes + cost > poller.highWaterMarkBytes)
      poller.flush()
    if (this.#queue.length === 0) poller.makeRoom(cost)
    // Making room may have flushed too, and a flush may have found the system full.
    if (this.#queue.length > 0) return this.#sendQueued(target, bytes)
    const { outbox } = poller
    const address = outbox.reserveAddress()
    if (target instanceof SocketAddress) target.packInto(outbox.bytes, address)
    else outbox.bytes.set(target, address)
    const offset = outbox.end
    poller.queue(this.index, offset, outbox.copy(bytes, length), address)
    if (this.#outgoingCount === 0) poller.notifyAfterFlush(this)
    this.#outgoingCount++
    this.#outgoingBytes += cost
    return true
  }

  /**
   * No more `datagram` events until `resume()`: datagrams wait in the kernel's receive buffer, and
   * the kernel drops what does not fit. Throws `EBADF` when closed.
   */
  pause(): void {
    this.#assertOpen('pause')
    this.#poller.backend.setReceiving(this.index, false)
  }

  /** Ends a `pause()`. Throws `EBADF` when closed. */
  resume(): void {
    this.#assertOpen('resume')
    this.#poller.backend.setReceiving(this.index, true)
    this.#poller.touch()
  }

  /**
   * Joins a multicast group. On Linux a dual-stack socket joins IPv4 groups as well; Windows may
   * refuse that.
   * @param group the group's numeric address
   * @param networkInterface an address of the interface on which to join; by default the system
   *   chooses. Of an IPv6 interface any address with its scope will do: `'::%eth0'`.
   * @throws SocketError `EADDRNOTAVAIL` if no interface has that address, `EAFNOSUPPORT` if the
   *   families of socket, group and interface do not go together, `EINVAL` if `group` is not a
   *   multicast address, `EADDRINUSE` if it was joined there already
   */
  joinMulticast(group: string, networkInterface?: string): void {
    this.#assertOpen('setsockopt')
    this.#poller.backend.calls.setMembership(
      this.#handle,
      this.#family === 4 ? 'ipv4' : 'ipv6',
      true,
      group,
      networkInterface
    )
  }

  /**
   * Leaves a multicast group, on the interface on which it was joined.
   * @throws SocketError `EADDRNOTAVAIL` if it was not joined there
   */
  leaveMulticast(group: string, networkInterface?: string): void {
    this.#assertOpen('setsockopt')
    this.#poller.backend.calls.setMembership(
      this.#handle,
      this.#family === 4 ? 'ipv4' : 'ipv6',
      false,
      group,
      networkInterface
    )
  }

  /**
   * Sends what is queued, as far as the kernel has room, and closes; the rest is dropped and
   * counted in {@link PollerStats.datagramsDropped}. A `close` event follows. Closing twice is
   * harmless.
   */
  close(): void {
    if (this.#closed || this.#closing) return
    this.#closing = true
    this._isDiscarded = true
    if (this.#outgoingCount > 0) this.#poller.flush()
    this.#closed = true
    this.#dropQueue()
    this.#poller.backend.release(this.index, RELEASE.close)
    this.#poller.unregister(this)
    this.#poller.emit({ type: 'close', socket: this, userPtr: this.userPtr })
  }

  /** Sets an option of the socket, by the same names as `Socket.setOption`. */
  setOption<K extends SocketOptionName>(name: K, value: SocketOptions[K]): void {
    this.#assertOpen('setsockopt')
    this.#poller.backend.calls.setSocketOption(this.#handle, name, value)
  }

  /** Reads an option of the socket, by the same names as `Socket.getOption`. */
  getOption<K extends SocketOptionName>(name: K): SocketOptions[K] {
    this.#assertOpen('getsockopt')
    return this.#poller.backend.calls.getSocketOption(this.#handle, name)
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  // ---- For the other rooms of the poller ----

  /** @internal Only connections can be diverted. */
  get _eventHandler(): undefined {
    return undefined
  }

  /** @internal What the system did: see KIND of records.ts. */
  _onRecord(kind: number, slab: Buffer, a: number, b: number, c: number): void {
    if (kind === KIND.datagram) this.#onDatagram(slab, a, b, c !== 0)
    else if (kind === KIND.writable) this.#onWritable()
    else if (kind === KIND.datagramFailed) this._onDatagramFailed(slab, a, b, c === 1)
    else if (kind === KIND.failed) this.#onReceiveFailed(a)
    else if (kind === KIND.sendShort) this.#onSendShort(a, b)
    else if (kind === KIND.sendFailed) this.#onSendFailed(a)
  }

  #onDatagram(slab: Buffer, offset: number, length: number, truncated: boolean): void {
    this.#poller.stats.datagramsReceived++
    if (this._isDiscarded) return
    this.#poller.emit({
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
      this.#poller.stats.datagramsDropped++
    }
    if (this._isDiscarded) return
    const to = addressOffset >= 0 ? SocketAddress.fromPacked(slab, addressOffset) : this.#peer
    this.#poller.emit({
      type: 'error',
      socket: this,
      userPtr: this.userPtr,
      error: socketError(errno, 'sendto', to)
    })
  }

  #onReceiveFailed(errno: number): void {
    if (this._isDiscarded) return
    this.#poller.emit({
      type: 'error',
      socket: this,
      userPtr: this.userPtr,
      error: socketError(errno, 'recvfrom')
    })
  }

  #onSendFailed(errno: number): void {
    this.#poller.emit({
      type: 'error',
      socket: this,
      userPtr: this.userPtr,
      error: socketError(errno, 'sendto')
    })
  }

  #onSendShort(position: number, taken: number): void {
    const { outbox } = this.#poller
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
    this.#poller.stats.datagramsSent += this.#outgoingCount
    this.#outgoingCount = 0
    this.#outgoingBytes = 0
  }

  /** The system has room again. */
  #onWritable(): void {
    let sent = 0
    while (sent < this.#queue.length) {
      const datagram = this.#queue[sent]
      const result = this.#poller.backend.sendDatagram(
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
        this.#poller.stats.datagramsSent++
      } else {
        this.#poller.stats.datagramsDropped++
        this.#poller.emit({
          type: 'error',
          socket: this,
          userPtr: this.userPtr,
          error: socketError(-result, 'sendto', SocketAddress.fromPacked(datagram, 0))
        })
      }
    }
    this.#queue.splice(0, sent)
    if (this.#overMark && this.#queuedBytes <= this.#poller.lowWaterMark) {
      this.#overMark = false
      this.#poller.emit({ type: 'drain', socket: this, userPtr: this.userPtr })
    }
  }

  /** @internal */
  _onPollerClosed(): void {
    this.#closed = true
    this._isDiscarded = true
    this.#dropQueue()
  }

  // ---- Inside ----

  /**
   * Before the bytes are looked at: reading an end point may run code of the program, which may do
   * anything to them and to this poller.
   */
  #readEndPoint(to: EndPoint | undefined): Uint8Array {
    const address = packed(to as EndPoint)
    this.#assertOpen('sendto')
    return address
  }

  /** Behind what the system had no room for, as far as the mark allows. */
  #sendQueued(target: SocketAddress | Uint8Array, bytes: Uint8Array): boolean {
    if (this.#queuedBytes + PACKED_ADDRESS.bytes + bytes.length > this.#poller.highWaterMarkBytes) {
      this.#overMark = true
      this.#poller.stats.datagramsDropped++
      return false
    }
    this.#enqueue(target instanceof SocketAddress ? packed(target) : target, bytes)
    return true
  }

  #enqueue(address: Uint8Array, bytes: Uint8Array): void {
    this.#queue.push(Buffer.concat([address, bytes]))
    this.#queuedBytes += address.length + bytes.length
  }

  #dropQueue(): void {
    this.#poller.stats.datagramsDropped += this.#queue.length
    this.#queue = []
    this.#queuedBytes = 0
  }

  #assertOpen(call: string): void {
    if (this.#closed || this.#closing) throw alreadyClosed('the socket', call)
  }
}
