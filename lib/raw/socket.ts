// The raw socket: one method, one system call, nothing hidden. Does not know polling, but notifies
// those that watch it before its handle closes.
import { type EndPoint, packed, SocketAddress } from '../address.ts'
import { addon } from '../binding/load.ts'
import { PACKED_ADDRESS } from '../binding/records.ts'
import { DESCRIBE, SHUTDOWN, SOCKET_TYPE } from '../binding/socket.ts'
import { WOULD_BLOCK, type WouldBlock } from '../constants.ts'
import {
  alreadyClosed,
  check,
  invalidArgType,
  invalidArgValue,
  namedSocketError,
  outOfRange,
  type SocketError,
  socketError
} from '../errors.ts'
import { midPage } from '../mid-page.ts'
import { knownOptions, type OptionNames } from '../option-names.ts'
import { bindToThread } from '../thread-bound.ts'
import { boolean, integer, bytes as toBytes, uint8Array } from '../validate.ts'
import {
  getSocketOption,
  type SocketOptionName,
  type SocketOptions,
  setSocketOption
} from './options.ts'
import {
  type Completions,
  native,
  type Overlapped,
  type OverlappedCall,
  operationsAt,
  overlappedFor,
  overlappedPool
} from './overlapped.ts'

import { localAddressOf, remoteAddressOf, setMembership } from './socket-calls.ts'

const DEFAULT_BACKLOG = 511
const DEFAULT_RECEIVE_BYTES = 65_536
// The largest option that a system has is a few hundred bytes (TCP_INFO).
const MAX_OPTION_BYTES = 4096
// WSABUF counts with 32 bits; a gibibyte is what a Buffer is sure to take.
const MAX_OVERLAPPED_BYTES = 2 ** 30

/**
 * What kind of {@link Socket} to make.
 * @category Raw
 * @example
 * ```ts
 * import { Socket, WOULD_BLOCK } from 'pollport'
 *
 * const socket = new Socket({ type: 'udp', family: 'ipv4', nonBlocking: true })
 * socket.bind({ address: '127.0.0.1', port: 0 })
 * console.log(socket.recv() === WOULD_BLOCK) // true: nothing was received
 * socket.close()
 * ```
 */
export interface SocketInit {
  /** A stream (`'tcp'`) or datagrams (`'udp'`). */
  type: 'tcp' | 'udp'
  /** Default `'ipv4'`. An IPv6 socket can take IPv4 as well: see `ipv6Only`. */
  family?: 'ipv4' | 'ipv6' | undefined
  /** Whether calls return `WOULD_BLOCK` when they would block. Default false: they block. */
  nonBlocking?: boolean | undefined
}

const SOCKET_INIT: OptionNames<SocketInit> = { type: true, family: true, nonBlocking: true }

/**
 * What {@link Socket.recvFrom} returns.
 * @category Raw
 */
export interface ReceivedFrom {
  /** How many bytes were written into your buffer. */
  bytes: number
  /** The sender. */
  address: SocketAddress
  /** The datagram was longer than the buffer; the rest of it is lost. */
  truncated: boolean
}

/** @internal What must forget a socket before its handle closes. */
export interface Watcher {
  _forget(watched: object): void
}

// One for each thread: the convenient recv() receives here first, since it cannot know how much
// will come.
let scratch: Buffer | undefined

/**
 * A socket as the system has it: every method is one system call. It blocks, unless you set
 * `nonBlocking`.
 *
 * A call that would block returns {@link WOULD_BLOCK}; it does not throw. Other failures throw
 * {@link SocketError}. Close what you open: a socket that you drop is closed some time after its
 * memory was collected.
 * @category Raw
 * @example
 * ```ts
 * import { Socket, WOULD_BLOCK } from 'pollport'
 *
 * const server = new Socket({ type: 'tcp' })
 * server.bind({ address: '127.0.0.1', port: 0 })
 * server.listen()
 * const client = new Socket({ type: 'tcp' })
 * client.connect(server.localAddress)
 * const peer = server.accept()
 * if (peer === WOULD_BLOCK) throw new Error('a blocking socket waits')
 * client.send('hello')
 * console.log(String(peer.recv())) // hello
 * for (const socket of [peer, client, server]) socket.close()
 * ```
 */
export class Socket {
  #handle: number
  #isUdp: boolean
  #isIpv6: boolean
  #connecting = false
  #watchers: Set<Watcher> | undefined
  #completions: Completions | undefined

  /**
   * Makes a socket (socket(2), WSASocketW).
   * @throws SocketError `EMFILE`, `EAFNOSUPPORT`, …; TypeError for wrong options; Error
   *   `ERR_UNSUPPORTED_PLATFORM` or `ERR_ADDON_NOT_FOUND` where pollport is not supported
   */
  constructor(init: SocketInit) {
    bindToThread(this)
    if (init instanceof Adopted) {
      this.#handle = init.handle
      this.#isUdp = init.type === 'udp'
      this.#isIpv6 = init.family === 'ipv6'
      addon().socketOwn(this, init.handle)
      return
    }
    const { type, family = 'ipv4', nonBlocking = false } = knownOptions(init, SOCKET_INIT)
    this.#isUdp = checkType(type) === 'udp'
    this.#isIpv6 = checkFamily(family) === 'ipv6'
    boolean(nonBlocking, 'nonBlocking')
    const native = addon()
    native.reapHandles()
    this.#handle = check(
      native.socketOpen(this, SOCKET_TYPE[type], this.#isIpv6 ? 6 : 4, nonBlocking),
      'socket'
    )
  }

  /**
   * Makes a socket of a handle, such as one from {@link Socket.detach} in this thread or another.
   * The socket owns the handle from now on.
   * @param handle a file descriptor (Linux) or SOCKET (Windows)
   * @param init `nonBlocking` is set; `type` and `family` only check that the handle has them
   * @throws SocketError `ENOTSOCK` or `EBADF` if it is not a socket, `EPROTOTYPE` or `EAFNOSUPPORT`
   *   if it has another type or family
   */
  static fromHandle(
    handle: number,
    init: { [Option in keyof SocketInit]?: SocketInit[Option] | undefined } = {}
  ): Socket {
    const { type, family, nonBlocking } = knownOptions(init, SOCKET_INIT)
    if (typeof handle !== 'number') throw invalidArgType('handle', 'a number', handle)
    if (!Number.isSafeInteger(handle) || handle < 0)
      throw outOfRange('handle', 'the handle of a socket', handle)
    const native = addon()
    const what = check(native.socketDescribe(handle), 'getsockopt')
    const isUdp = (what & DESCRIBE.udp) !== 0
    const isIpv6 = (what & DESCRIBE.ipv6) !== 0
    if (type !== undefined && (checkType(type) === 'udp') !== isUdp)
      throw namedSocketError('EPROTOTYPE', 'getsockopt')
    if (family !== undefined && (checkFamily(family) === 'ipv6') !== isIpv6)
      throw namedSocketError('EAFNOSUPPORT', 'getsockopt')
    const socket = new Socket(new Adopted(handle, isUdp, isIpv6))
    if (nonBlocking !== undefined) socket.nonBlocking = nonBlocking
    return socket
  }

  /** The file descriptor (Linux) or SOCKET (Windows); -1 when closed or detached. */
  get handle(): number {
    return this.#handle
  }

  /** Whether it is closed or detached. */
  get closed(): boolean {
    return this.#handle < 0
  }

  /** Whether calls return `WOULD_BLOCK` when they would block. Throws `EBADF` when closed. */
  get nonBlocking(): boolean {
    return check(addon().socketGetNonBlocking(this.#open('fcntl')), 'fcntl') === 1
  }

  /** Switches between blocking and non-blocking calls. */
  set nonBlocking(on: boolean) {
    check(addon().socketSetNonBlocking(this.#open('fcntl'), boolean(on, 'nonBlocking')), 'fcntl')
  }

  /**
   * Binds to an address of this machine; port 0 lets the system choose: see `localAddress`.
   * @throws SocketError `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `EAFNOSUPPORT`, …
   */
  bind(address: SocketAddress | EndPoint): void {
    const handle = this.#open('bind')
    check(addon().socketBind(handle, this.#pack(address, 'bind')), 'bind', address)
  }

  /** @internal As `bind()`, before a connect: port 0 may be shared by connections to others. */
  _bindToConnect(address: EndPoint): void {
    const to = this.#pack(address, 'bind')
    check(addon().socketBindToConnect(this.#open('bind'), to), 'bind', address)
  }

  /**
   * Starts listening.
   * @param backlog how many connections may wait to be accepted, 0 to 2^31-1, default 511; the
   *   system may cut it (Linux to net.core.somaxconn)
   * @throws SocketError `EADDRINUSE`, `EINVAL`, …
   */
  listen(backlog: number = DEFAULT_BACKLOG): void {
    const handle = this.#open('listen')
    check(addon().socketListen(handle, integer(backlog, 'backlog', 0, 2 ** 31 - 1)), 'listen')
  }

  /**
   * Accepts a connection. The new socket blocks, on both systems, whether this one does or not.
   * @returns the connection, or `WOULD_BLOCK` if none is waiting
   * @throws SocketError `EMFILE`, `ECONNABORTED`, `EINVAL` (not listening), …
   */
  accept(): Socket | WouldBlock {
    const peer = new Uint8Array(PACKED_ADDRESS.bytes)
    const handle = check(addon().socketAccept(this.#open('accept'), peer), 'accept')
    return handle === WOULD_BLOCK
      ? WOULD_BLOCK
      : new Socket(new Adopted(handle, this.#isUdp, this.#isIpv6))
  }

  /**
   * Connects; of UDP it sets the peer of `send()` and `recv()`.
   * @returns undefined when connected. `WOULD_BLOCK` (non-blocking sockets): the connect is in
   *   progress; when the socket is writable, read the outcome from `error`.
   * @throws SocketError `ECONNREFUSED`, `ETIMEDOUT`, `ENETUNREACH`, `EISCONN`, …
   */
  connect(address: SocketAddress | EndPoint): undefined | WouldBlock {
    const handle = this.#open('connect')
    const result = check(
      addon().socketConnect(handle, this.#pack(address, 'connect')),
      'connect',
      address
    )
    this.#connecting = result === WOULD_BLOCK
    return this.#connecting ? WOULD_BLOCK : undefined
  }

  /**
   * Sends bytes to the peer.
   * @param data bytes, or a string as UTF-8
   * @param offset where to begin in the bytes, default 0
   * @param length how many bytes, default to the end
   * @returns how many bytes the kernel took, which may be fewer on a non-blocking TCP socket; or
   *   `WOULD_BLOCK`
   * @throws SocketError `EPIPE`, `ECONNRESET`, `ENOTCONN`, `EMSGSIZE` (UDP), …
   */
  send(data: Uint8Array | string, offset = 0, length?: number): number | WouldBlock {
    const handle = this.#open('send')
    const bytes = toBytes(data, 'data')
    integer(offset, 'offset', 0, bytes.length)
    const count =
      length === undefined
        ? bytes.length - offset
        : integer(length, 'length', 0, bytes.length - offset)
    return check(addon().socketSend(handle, bytes, offset, count), 'send')
  }

  /**
   * Receives into your buffer.
   * @returns how many bytes; 0 when the peer finished sending (TCP); or `WOULD_BLOCK`
   * @throws SocketError `ECONNRESET`, `ENOTCONN`, `ECONNREFUSED` (UDP), …
   */
  recv(into: Uint8Array): number | WouldBlock
  /**
   * Receives into a new Buffer.
   * @param max the most bytes, 1 to 2^30, default 65,536
   * @returns the bytes; an empty Buffer when the peer finished sending (TCP); or `WOULD_BLOCK`
   */
  recv(max?: number): Buffer | WouldBlock
  recv(target: Uint8Array | number = DEFAULT_RECEIVE_BYTES): number | Buffer | WouldBlock {
    const handle = this.#open('recv')
    if (typeof target === 'number') {
      integer(target, 'max', 1, 2 ** 30)
      if (scratch === undefined || scratch.length < target)
        scratch = midPage(Math.max(target, DEFAULT_RECEIVE_BYTES))
      const received = check(addon().socketRecv(handle, scratch.subarray(0, target)), 'recv')
      return received === WOULD_BLOCK ? WOULD_BLOCK : Buffer.from(scratch.subarray(0, received))
    }
    return check(addon().socketRecv(handle, uint8Array(target, 'into')), 'recv')
  }

  /**
   * Sends one datagram.
   * @param data bytes, or a string as UTF-8
   * @param address where to
   * @returns how many bytes, always all of them; or `WOULD_BLOCK`
   * @throws SocketError `EMSGSIZE`, `EAFNOSUPPORT`, `ENETUNREACH`, …
   */
  sendTo(data: Uint8Array | string, address: SocketAddress | EndPoint): number | WouldBlock {
    const handle = this.#open('sendto')
    // Before the bytes are measured: reading the address may run code of the program, which may
    // take them away.
    const to = this.#pack(address, 'sendto')
    const bytes = toBytes(data, 'data')
    return check(addon().socketSendTo(handle, bytes, 0, bytes.length, to), 'sendto', address)
  }

  /**
   * Receives one datagram into your buffer.
   * @returns its size, its sender, and whether it was cut; or `WOULD_BLOCK`
   * @throws SocketError `ECONNRESET` (Windows, for a datagram that was sent earlier), …
   */
  recvFrom(into: Uint8Array): ReceivedFrom | WouldBlock {
    const handle = this.#open('recvfrom')
    const peer = new Uint8Array(PACKED_ADDRESS.bytes)
    const bytes = check(addon().socketRecvFrom(handle, uint8Array(into, 'into'), peer), 'recvfrom')
    if (bytes === WOULD_BLOCK) return WOULD_BLOCK
    return {
      bytes,
      address: SocketAddress.fromPacked(peer, 0),
      truncated: peer[PACKED_ADDRESS.flag] === 1
    }
  }

  /**
   * Ends one direction: `'write'` sends FIN after what was sent (half-close), `'read'` ends
   * receiving, `'both'` does both.
   * @throws SocketError `ENOTCONN`, …
   */
  shutdown(how: 'read' | 'write' | 'both'): void {
    const handle = this.#open('shutdown')
    if (!Object.hasOwn(SHUTDOWN, how))
      throw invalidArgValue('how', how, "it is one of 'read', 'write', 'both'")
    check(addon().socketShutdown(handle, SHUTDOWN[how]), 'shutdown')
  }

  // ---- Overlapped operations (Windows) ----

  /**
   * Starts to receive (WSARecv; Windows only).
   *
   * Like every `overlapped…` method it returns at once. The operation is complete when
   * {@link Iocp.wait} returns it, or when {@link Overlapped.getResult} says so. A completion
   * follows exactly if the method does not throw.
   * @param bytes the most bytes, 0 to 2^30; 0 waits for data and takes none (TCP)
   * @param overlapped the operation to use; by default a new one
   * @returns the operation
   * @throws SocketError `EBUSY` if `overlapped` is in flight, `ENOTCONN`, `ECONNRESET`, …; Error
   *   `ERR_UNSUPPORTED_PLATFORM` on other systems
   */
  overlappedReceive(bytes: number, overlapped?: Overlapped): Overlapped {
    return this.#start('WSARecv', overlapped, (calls, pool, token, port) =>
      calls.wsaRecv(
        pool,
        this.#handle,
        token,
        port,
        integer(bytes, 'bytes', 0, MAX_OVERLAPPED_BYTES)
      )
    )
  }

  /**
   * Starts to send (WSASend; Windows only). The bytes are copied: you can reuse your buffer at
   * once. All of them are sent, or the operation fails. Otherwise as
   * {@link Socket.overlappedReceive}.
   * @param data bytes, or a string as UTF-8; at most 2^30 bytes
   * @throws RangeError `ERR_OUT_OF_RANGE` for more bytes; SocketError as `overlappedReceive`
   */
  overlappedSend(data: Uint8Array | string, overlapped?: Overlapped): Overlapped {
    const bytes = toBytes(data, 'data')
    if (bytes.length > MAX_OVERLAPPED_BYTES)
      throw outOfRange('data.length', 'at most 2^30 bytes', bytes.length)
    return this.#start('WSASend', overlapped, (calls, pool, token, port) =>
      calls.wsaSend(pool, this.#handle, token, port, bytes, 0, bytes.length)
    )
  }

  /**
   * Starts to receive one datagram (WSARecvFrom; Windows only). Its sender is
   * `overlapped.address`. Otherwise as {@link Socket.overlappedReceive}.
   * @param bytes the most bytes, 0 to 2^30; a longer datagram is cut: `overlapped.truncated`
   */
  overlappedReceiveFrom(bytes: number, overlapped?: Overlapped): Overlapped {
    return this.#start('WSARecvFrom', overlapped, (calls, pool, token, port) =>
      calls.wsaRecvFrom(
        pool,
        this.#handle,
        token,
        port,
        integer(bytes, 'bytes', 0, MAX_OVERLAPPED_BYTES)
      )
    )
  }

  /**
   * Starts to send one datagram (WSASendTo; Windows only). The bytes are copied. Otherwise as
   * {@link Socket.overlappedReceive}.
   * @throws SocketError `EMSGSIZE`, `EAFNOSUPPORT`, … as `overlappedReceive`
   */
  overlappedSendTo(
    data: Uint8Array | string,
    address: SocketAddress | EndPoint,
    overlapped?: Overlapped
  ): Overlapped {
    return this.#start('WSASendTo', overlapped, (calls, pool, token, port) => {
      const to = this.#pack(address, 'WSASendTo')
      const bytes = toBytes(data, 'data')
      if (bytes.length > MAX_OVERLAPPED_BYTES)
        throw namedSocketError('EMSGSIZE', 'WSASendTo', undefined, address)
      return calls.wsaSendTo(pool, this.#handle, token, port, bytes, 0, bytes.length, to)
    })
  }

  /**
   * Starts to accept one connection (AcceptEx; Windows only). The new socket is
   * `overlapped.accepted`; it is a blocking one, and its `remoteAddress` is known
   * (SO_UPDATE_ACCEPT_CONTEXT). Otherwise as {@link Socket.overlappedReceive}.
   */
  overlappedAccept(overlapped?: Overlapped): Overlapped {
    const adopt = (handle: number) => new Socket(new Adopted(handle, this.#isUdp, this.#isIpv6))
    return this.#start(
      'AcceptEx',
      overlapped,
      (calls, pool, token, port) => calls.acceptEx(pool, this.#handle, token, port, this.#isIpv6),
      adopt
    )
  }

  /**
   * Starts to connect (ConnectEx; Windows only). A socket that is not bound is bound to the
   * unspecified address first, since ConnectEx requires it. Otherwise as
   * {@link Socket.overlappedReceive}.
   */
  overlappedConnect(address: SocketAddress | EndPoint, overlapped?: Overlapped): Overlapped {
    return this.#start('ConnectEx', overlapped, (calls, pool, token, port) =>
      calls.connectEx(pool, this.#handle, token, port, this.#pack(address, 'ConnectEx'))
    )
  }

  /**
   * Starts to finish the connection (DisconnectEx; Windows only). It is complete when the peer has
   * finished too. Otherwise as {@link Socket.overlappedReceive}.
   */
  overlappedDisconnect(overlapped?: Overlapped): Overlapped {
    return this.#start('DisconnectEx', overlapped, (calls, pool, token, port) =>
      calls.disconnectEx(pool, this.#handle, token, port)
    )
  }

  /**
   * Cancels one operation in flight, or all of this socket (CancelIoEx; Windows only). A cancelled
   * operation still has its completion: with `ECANCELED`, or with its result if it was complete.
   * @param overlapped the operation; by default all
   * @throws Error `ERR_UNSUPPORTED_PLATFORM` on other systems
   */
  cancel(overlapped?: Overlapped): void {
    const handle = this.#open('CancelIoEx')
    const calls = native('cancel')
    if (overlapped !== undefined && !overlappedFor(overlapped).pending) return
    check(calls.cancelIoEx(overlappedPool(), handle, overlapped?._token ?? -1), 'CancelIoEx')
  }

  /**
   * Closes the socket: no {@link Epoll} watches it any more, and operations in flight complete with
   * `ECANCELED`. Closing twice is harmless.
   *
   * On Windows the receives of this thread are cancelled before the close, since Windows would send
   * RST for one that is in flight.
   */
  close(): void {
    if (this.closed) return
    const completions = this.#completions
    if (completions !== undefined && completions.port !== 0 && completions.inFlight > 0) {
      for (const overlapped of operationsAt((theirs) => theirs === completions))
        overlapped._cancelReceive()
    }
    addon().socketClose(this.#giveUpHandle())
  }

  /** Closes with RST: unsent bytes are dropped, and a TCP peer gets `ECONNRESET`. */
  reset(): void {
    if (this.closed) return
    addon().socketReset(this.#giveUpHandle())
  }

  /**
   * Gives you the handle: you own it from now on, for {@link Socket.fromHandle} here or in another
   * thread. The socket counts as closed.
   * @throws SocketError `EBADF` when closed
   */
  detach(): number {
    this.#open('detach')
    const handle = this.#giveUpHandle()
    addon().socketDisown(handle)
    return handle
  }

  /** Where the socket is bound. Throws `EBADF` when closed; `EINVAL` on Windows when not bound. */
  get localAddress(): SocketAddress {
    return localAddressOf(this.#open('getsockname'))
  }

  /** The address of the peer. Throws `ENOTCONN` when not connected, `EBADF` when closed. */
  get remoteAddress(): SocketAddress {
    return remoteAddressOf(this.#open('getpeername'))
  }

  /**
   * The pending error (SO_ERROR); reading it clears it. After a connect in progress it is the
   * outcome: undefined means connected.
   */
  get error(): SocketError | undefined {
    const pending = check(addon().socketTakeError(this.#open('getsockopt')), 'getsockopt')
    const syscall = this.#connecting ? 'connect' : 'getsockopt'
    if (pending === 0) return undefined
    this.#connecting = false
    return socketError(pending, syscall)
  }

  /**
   * Sets an option by its name.
   * @throws TypeError `ERR_INVALID_ARG_VALUE` for an unknown name; RangeError `ERR_OUT_OF_RANGE`
   *   for a value out of range; SocketError if the system refuses it
   */
  setOption<K extends SocketOptionName>(name: K, value: SocketOptions[K]): void
  /**
   * Sets any option of the system (setsockopt).
   * @param level the system's number of the level, such as SOL_SOCKET
   * @param name the system's number of the option
   * @param value an int, or the bytes of the option's structure
   * @throws SocketError if the system refuses it
   */
  setOption(level: number, name: number, value: number | Uint8Array): void
  setOption(
    nameOrLevel: SocketOptionName | number,
    valueOrName: unknown,
    rawValue?: number | Uint8Array
  ): void {
    const handle = this.#open('setsockopt')
    if (typeof nameOrLevel !== 'number')
      return setSocketOption(handle, nameOrLevel, valueOrName as never)
    const name = integer(valueOrName, 'name', -(2 ** 31), 2 ** 31 - 1)
    const value =
      typeof rawValue === 'number'
        ? new Uint8Array(Int32Array.of(integer(rawValue, 'value', -(2 ** 31), 2 ** 31 - 1)).buffer)
        : uint8Array(rawValue, 'value')
    check(
      addon().socketSetRawOption(
        handle,
        integer(nameOrLevel, 'level', -(2 ** 31), 2 ** 31 - 1),
        name,
        value
      ),
      'setsockopt'
    )
  }

  /**
   * Reads an option by its name.
   * @throws TypeError `ERR_INVALID_ARG_VALUE` for an unknown name; SocketError if the system does
   *   not have it
   */
  getOption<K extends SocketOptionName>(name: K): SocketOptions[K]
  /** Reads any option of the system that is an int, by the numbers of its level and name. */
  getOption(level: number, name: number): number
  /** Reads any option of the system as bytes, at most `length`: 1 to 4,096. */
  getOption(level: number, name: number, length: number): Buffer
  getOption(
    nameOrLevel: SocketOptionName | number,
    rawName?: number,
    length?: number
  ): SocketOptions[SocketOptionName] | Buffer {
    const handle = this.#open('getsockopt')
    if (typeof nameOrLevel !== 'number') return getSocketOption(handle, nameOrLevel)
    const level = integer(nameOrLevel, 'level', -(2 ** 31), 2 ** 31 - 1)
    const name = integer(rawName, 'name', -(2 ** 31), 2 ** 31 - 1)
    const into = Buffer.alloc(
      length === undefined ? 4 : integer(length, 'length', 1, MAX_OPTION_BYTES)
    )
    const filled = check(addon().socketGetRawOption(handle, level, name, into), 'getsockopt')
    return length === undefined ? into.readInt32LE() : into.subarray(0, filled)
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
    setMembership(this.#open('setsockopt'), this.#family, true, group, networkInterface)
  }

  /**
   * Leaves a multicast group, on the interface on which it was joined.
   * @throws SocketError `EADDRNOTAVAIL` if it was not joined there
   */
  leaveMulticast(group: string, networkInterface?: string): void {
    setMembership(this.#open('setsockopt'), this.#family, false, group, networkInterface)
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /** @internal */
  _addWatcher(watcher: Watcher): void {
    this.#watchers ??= new Set()
    this.#watchers.add(watcher)
  }

  /** @internal */
  _removeWatcher(watcher: Watcher): void {
    this.#watchers?.delete(watcher)
  }

  /** @internal Where its completions go from now on. */
  _completeAt(completions: Completions | undefined): void {
    this.#completions = completions
  }

  #start(
    call: OverlappedCall,
    given: Overlapped | undefined,
    start: (calls: ReturnType<typeof native>, pool: number, token: number, port: number) => number,
    adopt?: (handle: number) => Socket
  ): Overlapped {
    const overlapped = overlappedFor(given)
    this.#open(call)
    this.#completions ??= { port: 0, inFlight: 0 }
    return overlapped._start(call, this, this.#completions, adopt, start)
  }

  get #family(): 'ipv4' | 'ipv6' {
    return this.#isIpv6 ? 'ipv6' : 'ipv4'
  }

  #open(call: string): number {
    if (this.#handle < 0) throw alreadyClosed('the socket', call)
    return this.#handle
  }

  #giveUpHandle(): number {
    // Before the handle closes: while a duplicate of it is open, an epoll could no longer be made
    // to forget it.
    if (this.#watchers !== undefined)
      for (const watcher of [...this.#watchers]) watcher._forget(this)
    const completions = this.#completions
    const handle = this.#handle
    this.#handle = -1
    // No port would ever give these back.
    if (completions?.port === 0 && completions.inFlight > 0) {
      for (const overlapped of operationsAt((theirs) => theirs === completions))
        overlapped._cancelAndFinish()
    }
    return handle
  }

  #pack(address: SocketAddress | EndPoint, call: string): Uint8Array {
    const packedAddress = packed(address)
    if ((packedAddress[PACKED_ADDRESS.family] === 6) !== this.#isIpv6) {
      throw namedSocketError(
        'EAFNOSUPPORT',
        call,
        `the socket is ${this.#isIpv6 ? 'IPv6' : 'IPv4'}`,
        address
      )
    }
    return packedAddress
  }
}

/** For the constructor: a handle that exists already. */
class Adopted implements SocketInit {
  readonly handle: number
  readonly type: 'tcp' | 'udp'
  readonly family: 'ipv4' | 'ipv6'

  constructor(handle: number, isUdp: boolean, isIpv6: boolean) {
    this.handle = handle
    this.type = isUdp ? 'udp' : 'tcp'
    this.family = isIpv6 ? 'ipv6' : 'ipv4'
  }
}

function checkType(type: unknown): 'tcp' | 'udp' {
  if (type !== 'tcp' && type !== 'udp') throw invalidArgValue('type', type, "it is 'tcp' or 'udp'")
  return type
}

function checkFamily(family: unknown): 'ipv4' | 'ipv6' {
  if (family !== 'ipv4' && family !== 'ipv6')
    throw invalidArgValue('family', family, "it is 'ipv4' or 'ipv6'")
  return family
}
