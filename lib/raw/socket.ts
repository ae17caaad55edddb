// The raw socket: one method, one system call, nothing hidden. Refuses to know polling, but tells
// those who watch it before its handle goes.
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

/** What kind of socket to make. */
export interface SocketInit {
  /** A stream of bytes, or datagrams. */
  type: 'tcp' | 'udp'
  /** Default `'ipv4'`. */
  family?: 'ipv4' | 'ipv6' | undefined
  /** Default false: calls block. */
  nonBlocking?: boolean | undefined
}

const SOCKET_INIT: OptionNames<SocketInit> = { type: true, family: true, nonBlocking: true }

/** What `recvFrom` gives. */
export interface ReceivedFrom {
  /** How many bytes were written. */
  bytes: number
  /** The sender. */
  address: SocketAddress
  /** The datagram was longer than the buffer; its rest is gone. */
  truncated: boolean
}

/** @internal Who has to let go of a socket before its handle goes. */
export interface Watcher {
  _forget(watched: object): void
}

// One for each thread: the convenient recv() receives here first, since it cannot know how much
// will come.
let scratch: Buffer | undefined

/**
 * A socket as the system makes it: it blocks until told otherwise. Every method is one system call.
 * Failures throw {@link SocketError}; "would block" is the value {@link WOULD_BLOCK}. Close what
 * you open: a socket that is dropped is only closed when its memory is collected and a later call
 * notices.
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
   *   `ERR_UNSUPPORTED_PLATFORM` where pollport has no backend
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
   * Takes over a handle that came from `detach()`, in this thread or another. The socket owns it
   * from now on.
   * @throws SocketError `ENOTSOCK`, `EBADF`, or `EPROTOTYPE` if it is no socket of that type
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

  /** The system's number of the socket; -1 once it is closed or detached. */
  get handle(): number {
    return this.#handle
  }

  /** Whether it is closed or detached. */
  get closed(): boolean {
    return this.#handle < 0
  }

  /** Whether calls give `WOULD_BLOCK` instead of waiting. */
  get nonBlocking(): boolean {
    return check(addon().socketGetNonBlocking(this.#open('fcntl')), 'fcntl') === 1
  }

  /** Set it and calls no longer wait (fcntl(2) O_NONBLOCK, ioctlsocket FIONBIO). */
  set nonBlocking(on: boolean) {
    check(addon().socketSetNonBlocking(this.#open('fcntl'), boolean(on, 'nonBlocking')), 'fcntl')
  }

  /**
   * Binds to an address of this machine; port 0 lets the system choose. Throws `EADDRINUSE`,
   * `EADDRNOTAVAIL`, `EACCES`, …
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
   * Starts listening. `backlog`: how many connections may wait to be accepted, 0 to 2^31-1; the
   * system may cut it. Default 511.
   */
  listen(backlog: number = DEFAULT_BACKLOG): void {
    const handle = this.#open('listen')
    check(addon().socketListen(handle, integer(backlog, 'backlog', 0, 2 ** 31 - 1)), 'listen')
  }

  /**
   * Takes a connection from the backlog. The new socket blocks, on both systems, whatever this one
   * does.
   */
  accept(): Socket | WouldBlock {
    const peer = new Uint8Array(PACKED_ADDRESS.bytes)
    const handle = check(addon().socketAccept(this.#open('accept'), peer), 'accept')
    return handle === WOULD_BLOCK
      ? WOULD_BLOCK
      : new Socket(new Adopted(handle, this.#isUdp, this.#isIpv6))
  }

  /**
   * Connects. `WOULD_BLOCK` (non-blocking sockets): it is in progress; the socket becomes writable,
   * and `error` tells how it went. For UDP it sets the peer. Throws `ECONNREFUSED`, `ETIMEDOUT`,
   * `ENETUNREACH`, …
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
   * Sends bytes (a string as UTF-8). Returns how many the system took, which may be fewer than
   * given on a non-blocking TCP socket. Throws `EPIPE`, `ECONNRESET`, `ENOTCONN`, `EMSGSIZE` (UDP),
   * …
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

  /** Receives into `into`; returns how many bytes, 0 when the peer finished sending (TCP). */
  recv(into: Uint8Array): number | WouldBlock
  /**
   * Receives at most `max` bytes (default 65,536) as a Buffer of their own; an empty one when the
   * peer finished sending (TCP).
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

  /** Sends one datagram. Throws `EMSGSIZE`, `EAFNOSUPPORT`, `ENETUNREACH`, … */
  sendTo(data: Uint8Array | string, address: SocketAddress | EndPoint): number | WouldBlock {
    const handle = this.#open('sendto')
    // Before the bytes are measured: reading the address may run code of the program, which may
    // take them away.
    const to = this.#pack(address, 'sendto')
    const bytes = toBytes(data, 'data')
    return check(addon().socketSendTo(handle, bytes, 0, bytes.length, to), 'sendto', address)
  }

  /** Receives one datagram into `into`. */
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
   * Ends one direction: `'write'` sends FIN after what was sent (half-close), `'read'` refuses
   * more, `'both'` does both.
   */
  shutdown(how: 'read' | 'write' | 'both'): void {
    const handle = this.#open('shutdown')
    if (!Object.hasOwn(SHUTDOWN, how))
      throw invalidArgValue('how', how, "it is one of 'read', 'write', 'both'")
    check(addon().socketShutdown(handle, SHUTDOWN[how]), 'shutdown')
  }

  // ---- Overlapped operations (Windows) ----

  /**
   * Starts to receive up to `bytes` bytes (WSARecv); 0 waits for data without taking any (TCP).
   * Like every `overlapped…` method it returns at once: the {@link Overlapped} that was given, or a
   * new one, is complete when the socket's {@link Iocp} gives it, or when `getResult` says so. A
   * completion follows exactly if the method does not throw.
   * @throws SocketError `EBUSY` if the Overlapped is in flight, `ENOTCONN`, `ECONNRESET`, …; Error
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
   * Starts to send (WSASend) up to 1 GiB; the bytes are copied, so that the caller may use its
   * buffer again at once. They are sent whole, or the operation fails. Throws RangeError for more.
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
   * Starts to receive one datagram of up to `bytes` bytes (WSARecvFrom). Its sender is
   * `overlapped.address`.
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

  /** Starts to send one datagram (WSASendTo). */
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
   * Starts to accept one connection (AcceptEx); it is `overlapped.accepted` afterwards, and knows
   * its peer (SO_UPDATE_ACCEPT_CONTEXT). It blocks.
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
   * Starts to connect (ConnectEx); an unbound socket is bound to any address first, since ConnectEx
   * asks for it.
   */
  overlappedConnect(address: SocketAddress | EndPoint, overlapped?: Overlapped): Overlapped {
    return this.#start('ConnectEx', overlapped, (calls, pool, token, port) =>
      calls.connectEx(pool, this.#handle, token, port, this.#pack(address, 'ConnectEx'))
    )
  }

  /** Starts to finish the connection (DisconnectEx): complete when the peer has finished too. */
  overlappedDisconnect(overlapped?: Overlapped): Overlapped {
    return this.#start('DisconnectEx', overlapped, (calls, pool, token, port) =>
      calls.disconnectEx(pool, this.#handle, token, port)
    )
  }

  /**
   * Cancels one operation in flight, or all of this socket (CancelIoEx): it completes with
   * `ECANCELED`, or as it would have if it was done already.
   */
  cancel(overlapped?: Overlapped): void {
    const handle = this.#open('CancelIoEx')
    const calls = native('cancel')
    if (overlapped !== undefined && !overlappedFor(overlapped).pending) return
    check(calls.cancelIoEx(overlappedPool(), handle, overlapped?._token ?? -1), 'CancelIoEx')
  }

  /**
   * Closes. Closing twice is harmless. It leaves every Epoll first; what is in flight completes
   * with `ECANCELED`. On Windows the receives of this thread are cancelled before the close, since
   * Windows would send a reset for one that is in flight.
   */
  close(): void {
    if (this.closed) return
    const completions = this.#completions
    if (completions !== undefined && completions.port !== 0 && completions.inFlight > 0) {
      for (const overlapped of operationsAt((theirs) => theirs === completions))
        overlapped._cancelReceive()
    }
    addon().socketClose(this.#letGo())
  }

  /** Closes abortively: unsent bytes are dropped and a TCP peer sees `ECONNRESET`. */
  reset(): void {
    if (this.closed) return
    addon().socketReset(this.#letGo())
  }

  /**
   * Gives the handle away: the caller owns it from now on, for `fromHandle()` here or in another
   * thread. The socket counts as closed.
   */
  detach(): number {
    this.#open('detach')
    const handle = this.#letGo()
    addon().socketDisown(handle)
    return handle
  }

  /** Where it is bound. */
  get localAddress(): SocketAddress {
    return localAddressOf(this.#open('getsockname'))
  }

  /** Where it is connected to. Throws `ENOTCONN` if nowhere. */
  get remoteAddress(): SocketAddress {
    return remoteAddressOf(this.#open('getpeername'))
  }

  /**
   * The pending error (SO_ERROR), once: reading it clears it. After a connect in progress it tells
   * how that went.
   */
  get error(): SocketError | undefined {
    const pending = check(addon().socketTakeError(this.#open('getsockopt')), 'getsockopt')
    const syscall = this.#connecting ? 'connect' : 'getsockopt'
    if (pending === 0) return undefined
    this.#connecting = false
    return socketError(pending, syscall)
  }

  /**
   * Sets an option by its name, or any other by the system's level and name.
   * @throws TypeError `ERR_INVALID_ARG_VALUE` for an unknown name; RangeError for a value out of
   *   range; SocketError for what the system refuses
   */
  setOption<K extends SocketOptionName>(name: K, value: SocketOptions[K]): void
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
   * Reads an option by its name; or any other by level and name: as a number, or as bytes when
   * `length` says how many to ask for.
   */
  getOption<K extends SocketOptionName>(name: K): SocketOptions[K]
  getOption(level: number, name: number): number
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
   * Joins a multicast group, on the interface that has the address `networkInterface`, or on the
   * system's choice. Of an IPv6 interface any address with its scope will do (`'::%eth0'`). On
   * Linux a dual-stack socket joins IPv4 groups as well; Windows may refuse that.
   * @throws SocketError `EADDRNOTAVAIL` when no interface has that address, `EAFNOSUPPORT` when the
   *   families of socket, group and interface do not go together, `EINVAL` for an address that is
   *   no group, `EADDRINUSE` when it was joined there already
   */
  joinMulticast(group: string, networkInterface?: string): void {
    setMembership(this.#open('setsockopt'), this.#family, true, group, networkInterface)
  }

  /**
   * Leaves a multicast group, on the interface on which it was joined. Throws `EADDRNOTAVAIL` if it
   * was not joined there.
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
    if (this.#handle < 0) throw alreadyClosed(call)
    return this.#handle
  }

  #letGo(): number {
    // Before the handle goes: with a duplicate of it alive, nobody could take it out of an epoll
    // any more.
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
