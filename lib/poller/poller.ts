// The unified floor's entrance: makes sockets, and passes the rest on. Does not know systems
// (backends/), waiting (wait.ts) or queues.
import { SocketAddress as Address, packed, type SocketAddress } from '../address.ts'
import { addon } from '../binding/load.ts'
import { PACKED_ADDRESS, WATCH } from '../binding/records.ts'
import { DESCRIBE, WOULD_BLOCK_RESULT } from '../binding/socket.ts'
import {
  alreadyClosed,
  invalidArgType,
  namedSocketError,
  needsNodeLoop,
  socketError
} from '../errors.ts'
import { knownOptions } from '../option-names.ts'
import { Socket } from '../raw/socket.ts'
import type { Waker } from '../raw/waker.ts'
import { Slots } from '../slots.ts'
import { bindToThread } from '../thread-bound.ts'
import { inATurnOfItsOwn } from '../turns.ts'
import { abortSignal, boolean, callback, integer, timeout } from '../validate.ts'
import type { Backend, Capabilities, NewSocket } from './backend.ts'
import { chooseBackend } from './backends/choose.ts'
import { BatchMemory } from './batch-memory.ts'
import { type BoundSocket, duplicateBound } from './bound.ts'
import { broadcast } from './broadcast.ts'
import type { PollEvent, PollSocket } from './events.ts'
import {
  BIND_UDP_OPTIONS,
  type BindUdpOptions,
  CONNECT_TCP_OPTIONS,
  type ConnectTcpOptions,
  DEFAULT_BACKLOG,
  endPointOf,
  isBound,
  LISTEN_OPTIONS,
  type ListenBoundOptions,
  type ListenTcpOptions,
  type PollerOptions,
  RUN_OPTIONS,
  type RunOptions,
  readPollerOptions,
  refuseBeside,
  setOptions,
  withDefault
} from './options.ts'
import { PollTimer } from './poll-timer.ts'
import { PollerState } from './poller-state.ts'
import { Batches, NodeLoop, runInNodeLoop } from './run.ts'
import type { PollerStats } from './stats.ts'
import { TcpConnection } from './tcp-connection.ts'
import { TcpListener } from './tcp-listener.ts'
import { UdpSocket } from './udp-socket.ts'
import { collectEvents } from './wait.ts'

// How many connections one listener may give to one wait.
const ACCEPT_BUDGET = 128

/**
 * Waits for many sockets at once and returns what happened as an array of events: the same program
 * on epoll and on I/O completion ports. Received bytes are in the events already.
 *
 * `U` is the type of your `userPtr`, which you attach to sockets and find in their events. A poller
 * belongs to the thread that made it; another thread can use only its {@link Waker}.
 * @example
 * ```ts
 * import { Poller } from 'pollport'
 *
 * const poller = new Poller<string>()
 * const listener = poller.listenTcp({ address: '127.0.0.1', port: 0 })
 * const client = poller.connectTcp(listener.localAddress, 'client')
 * client.send('hello')
 * while (!poller.closed) {
 *   for (const event of poller.wait()) {
 *     if (event.type === 'accept') event.socket.userPtr = 'server'
 *     if (event.type === 'receive') {
 *       console.log(event.userPtr, String(event.data)) // server hello
 *       poller.close()
 *     }
 *   }
 * }
 * ```
 */
export class Poller<U = unknown> {
  readonly #state: PollerState<U>
  #inRun = false
  /** What runs on this poller gives Node's loop a turn now and then; false: it never does. */
  #givesTurns: boolean | undefined
  /** Streams of Node's have begun something, and Node's loop has had no turn since. */
  #needsTurn = false

  /**
   * Makes a poller: an epoll or a completion port, and the memory of a batch.
   * @throws Error `ERR_UNSUPPORTED_PLATFORM` or `ERR_ADDON_NOT_FOUND` where pollport is not
   *   supported; TypeError or RangeError for wrong options; SocketError `EMFILE`, `ENOMEM`, …,
   *   and `ENOTSUP` for `batchCalls: 'always'` where the system has no such calls
   */
  constructor(options?: PollerOptions)
  /** @internal On a system that a simulation has. */
  constructor(options: PollerOptions, backend: Backend)
  constructor(options: PollerOptions = {}, given?: Backend) {
    const settings = readPollerOptions(options)
    const { batchBufferBytes, maxEvents, readBudgetBytes, maxDatagramBytes } = settings
    // Before the backend: if there is no memory for it, nothing is left open.
    const memory = new BatchMemory(batchBufferBytes, maxDatagramBytes, maxEvents)
    const backend = given ?? chooseBackend(settings.backend, settings.batchCalls, this)
    if (settings.batchCalls === 'always' && !backend.capabilities.batchedCalls) {
      backend.close()
      throw namedSocketError(
        'ENOTSUP',
        'io_uring_setup',
        "batchCalls 'always' needs Linux; 'auto' does without"
      )
    }
    backend.setLimits({ maxEvents, readBudgetBytes, maxDatagramBytes, acceptBudget: ACCEPT_BUDGET })
    this.#state = new PollerState(backend, memory, settings.highWaterMarkBytes)
    bindToThread(this)
  }

  /** The mechanism in use: `'epoll'`, `'iocp'`, or `'simulated'` in a simulation. */
  get backend(): 'epoll' | 'iocp' | 'simulated' {
    return this.#state.backend.name
  }

  /** What this system can do beyond what both can. */
  get capabilities(): Capabilities {
    return this.#state.backend.capabilities
  }

  /** Counters, always current. */
  get stats(): PollerStats {
    return this.#state.stats
  }

  /** Whether `close()` was called. */
  get closed(): boolean {
    return this.#state.closed
  }

  /**
   * Listens for TCP connections. Each comes as an {@link AcceptEvent}. With `bound` it listens on a
   * socket that `node:net` has bound, perhaps in another thread, in place of `address` and `port`.
   * @param options where to listen, and the options of listener and connections
   * @param userPtr any value; it comes with each `accept`
   * @throws SocketError `EADDRINUSE`, `EADDRNOTAVAIL`, `EACCES`, `ENOTSUP` (reusePort, bound),
   *   `EBADF` (a `bound` that is closed or in use), …; TypeError `ERR_INVALID_ADDRESS` for a host
   *   name, `ERR_INVALID_ARG_VALUE` for an option that does not exist (as each call with options
   *   does), or that cannot be had with `bound`; RangeError for a port outside 0 to 65,535
   */
  listenTcp(options: ListenTcpOptions | ListenBoundOptions, userPtr?: U): TcpListener<U> {
    this.#state.assertOpen('listen')
    const given = knownOptions(options, LISTEN_OPTIONS)
    const backlog = integer(withDefault(given.backlog, DEFAULT_BACKLOG), 'backlog', 0, 2 ** 31 - 1)
    const configure = (socket: NewSocket) => {
      setOptions(socket, given, ['sendBufferSize', 'receiveBufferSize', 'keepAlive', 'tos'])
      // Set on the listener, since connections inherit it: no system call for each.
      socket.setOption('noDelay', boolean(withDefault(given.noDelay, true), 'noDelay'))
    }
    if (isBound(given)) {
      return this.#makeOfBound(given.bound, 'listen', (socket) => {
        configure(socket)
        socket.listen(backlog)
        return this.#watchListener(socket, userPtr)
      })
    }
    const address = new Address(endPointOf(given))
    return this.#make('tcp', address, (socket) => {
      this.#setReuse(socket, { reusePort: given.reusePort, isListener: true })
      if (address.family === 'ipv6')
        socket.setOption('ipv6Only', boolean(withDefault(given.ipv6Only, false), 'ipv6Only'))
      configure(socket)
      socket.bind(address)
      socket.listen(backlog)
      return this.#watchListener(socket, userPtr)
    })
  }

  /**
   * Starts to connect. A {@link ConnectEvent} follows, or a `close` with the error. You can send at
   * once: the bytes are queued until then.
   * @param options the peer, and the options of the connection
   * @param userPtr any value; it comes with each event of the connection
   * @throws SocketError for what is wrong on this side, such as `EADDRNOTAVAIL` for `localAddress`
   *   or `EBADF` for a `bound` that is closed or in use, never for a peer that is unreachable or
   *   refuses; TypeError and RangeError as for `listenTcp`
   */
  connectTcp(options: ConnectTcpOptions, userPtr?: U): TcpConnection<U> {
    const state = this.#state
    state.assertOpen('connect')
    const given = knownOptions(options, CONNECT_TCP_OPTIONS)
    const peer = new Address(endPointOf(given))
    const timeoutMs = timeout(given.timeoutMs)
    if (given.bound !== undefined) refuseBeside(given, ['localAddress', 'localPort'])
    const connect = (socket: NewSocket) => {
      setOptions(socket, given, ['sendBufferSize', 'receiveBufferSize', 'keepAlive', 'tos'])
      socket.setOption('noDelay', boolean(withDefault(given.noDelay, true), 'noDelay'))
      if (given.localAddress !== undefined || given.localPort !== undefined) {
        const any = peer.family === 'ipv4' ? '0.0.0.0' : '::'
        const port = given.localPort ?? 0
        socket._bindToConnect({ address: given.localAddress ?? any, port })
      }
      const connection = new TcpConnection(state, socket.handle, userPtr, peer._compact, true)
      const result = state.backend.connect(
        connection.index,
        Slots.generationOf(connection.id),
        socket.handle,
        packed(peer)
      )
      if (result < 0 && result !== WOULD_BLOCK_RESULT) {
        // Refused before it began: reported by an event like any other refusal, so that a program
        // needs one place for it.
        socket.close()
        connection._onConnectRefused(socketError(-result, 'connect', peer))
        return connection
      }
      socket.detach()
      if (timeoutMs > 0) connection._setConnectTimeout(timeoutMs)
      if (result === 0) connection._onConnected(0)
      return connection
    }
    return given.bound === undefined
      ? this.#make('tcp', peer, connect)
      : this.#makeOfBound(given.bound, 'connect', connect, peer.family)
  }

  /**
   * Binds a UDP socket. Each datagram comes as a {@link DatagramEvent}.
   * @param options where to bind, and the options of the socket
   * @param userPtr any value; it comes with each event of the socket
   * @throws SocketError `EADDRINUSE`, `EADDRNOTAVAIL`, `ENOTSUP` (reusePort), …; TypeError and
   *   RangeError as for `listenTcp`.
   */
  bindUdp(options: BindUdpOptions, userPtr?: U): UdpSocket<U> {
    this.#state.assertOpen('bind')
    const address = new Address(endPointOf(knownOptions(options, BIND_UDP_OPTIONS)))
    const reportUnreachable = boolean(
      withDefault(options.reportUnreachable, false),
      'reportUnreachable'
    )
    return this.#make('udp', address, (socket) => {
      const reuseAddress = boolean(withDefault(options.reuseAddress, false), 'reuseAddress')
      this.#setReuse(socket, { reusePort: options.reusePort, isListener: false, reuseAddress })
      if (address.family === 'ipv6')
        socket.setOption('ipv6Only', boolean(withDefault(options.ipv6Only, false), 'ipv6Only'))
      setOptions(socket, options, [
        'sendBufferSize',
        'receiveBufferSize',
        'broadcast',
        'tos',
        'ttl',
        'multicastTtl',
        'multicastLoop'
      ])
      socket.bind(address)
      return this.#watchUdp(socket, address.family, userPtr, reportUnreachable)
    })
  }

  /**
   * Takes over a raw socket: a listening one becomes a listener, a connected one a connection, a
   * UDP one a UDP socket. The {@link Socket} object counts as closed; the handle is the poller's
   * from now on. No `accept` or `connect` event follows.
   * @param socket an open socket; it need not be non-blocking
   * @param userPtr any value; it comes with each event of the socket
   * @returns the listener, connection or UDP socket: test it with `instanceof`
   * @throws SocketError `ENOTCONN` for a TCP socket that neither listens nor is connected, for
   *   example because the peer reset it while it was passed between threads; `ENOMEM`, … You still
   *   own the socket then, with all its options as they were: close it.
   */
  adopt(socket: Socket, userPtr?: U): TcpListener<U> | TcpConnection<U> | UdpSocket<U> {
    const state = this.#state
    state.assertOpen('adopt')
    if (!(socket instanceof Socket)) throw invalidArgType('socket', 'a Socket', socket)
    if (socket.closed) throw alreadyClosed('the socket', 'adopt')
    const what = addon().socketDescribe(socket.handle)
    if (what < 0) throw socketError(-what, 'getsockopt')
    const { nonBlocking } = socket
    socket.nonBlocking = true
    try {
      return this.#watchAdopted(socket, what, userPtr)
    } catch (error) {
      socket.nonBlocking = nonBlocking
      throw error
    }
  }

  /**
   * Sends everything that is queued, blocks the thread until something happens or the time is over,
   * and receives.
   *
   * Go through the array with `for … of` or `forEach`: they skip events of sockets that you closed
   * while you handled earlier ones, and set each event's `userPtr` to its socket's when they reach
   * it. The `data` of events is valid until the next `wait()`.
   * @param timeoutMs milliseconds, fractions allowed (see `capabilities.subMillisecondWait`); -1,
   *   the default, = no limit, 0 = do not block. It never returns early with nothing.
   * @returns what happened; `[]` after the time
   * @throws SocketError `EBADF` when closed, `EBUSY` inside `run()`, in the handler of a diverted
   *   connection or in that of a `timer()`, `EDEADLK` if it would block what {@link serve} or TLS
   *   of a WebSocket does in Node's loop; RangeError for other negative numbers and NaN
   */
  wait(timeoutMs?: number): PollEvent<U>[] {
    const limit = timeout(timeoutMs)
    this.#state.assertOpen('wait')
    this.#assertIdle('wait')
    if (this.#needsTurn && !this.#givesTurns) {
      // A wait that does not block may be followed by a turn; in an exclusive loop it is not.
      if (limit !== 0 || this.#givesTurns === false) throw needsNodeLoop('wait')
    }
    return collectEvents(this.#state, limit)
  }

  /**
   * Queues the same bytes for many connections, with one copy of them. They leave with the next
   * `wait()` or `flush()`.
   * @param to connections of this poller
   * @param data bytes, or a string as UTF-8
   * @returns how many connections took it: closed and ended ones do not, and neither does one that
   *   this very send finds broken. A connection over its high-water mark takes it too: find those
   *   that do not keep up by `bufferedBytes`.
   * @throws SocketError `EBADF` when the poller is closed; TypeError for anything but connections
   *   of this poller, or bytes
   */
  broadcast(to: Iterable<TcpConnection<U>>, data: Uint8Array | string): number {
    this.#state.assertOpen('send')
    return broadcast(this.#state, to, data)
  }

  /** Sends what is queued, now and without blocking; throws `EBADF` when closed. */
  flush(): void {
    this.#state.assertOpen('send')
    this.#state.flush()
  }

  /**
   * A timer that needs no turn of Node's loop: when it is due, `wait()` calls `onDue`, and goes on
   * waiting; inside `run()` it is called in Node's loop, as any timer is. What `onDue` throws is an
   * uncaught exception.
   *
   * @example
   * ```ts
   * import { Poller } from 'pollport'
   *
   * const poller = new Poller()
   * let ticks = 0
   * const timer = poller.timer(() => {
   *   console.log(++ticks)
   *   if (ticks < 3) timer.set(10)
   * })
   * timer.set(10)
   * poller.wait(50) // 1 2 3
   * poller.close()
   * ```
   * @returns the timer, which is not set yet
   * @throws SocketError `EBADF` after `close()`; TypeError for anything but a function
   */
  timer(onDue: () => void): PollTimer {
    this.#state.assertOpen('timer')
    return new PollTimer(this.#state, callback(onDue, 'onDue'))
  }

  /**
   * Ends the current or the next `wait()` with a `wake` event. Many wakes before it are one.
   * @throws SocketError `EBADF` when closed
   */
  wake(): void {
    this.#state.assertOpen('wake')
    this.#state.backend.wake()
  }

  /**
   * What another thread can end a `wait()` with: post its `handle` there, and use
   * {@link Waker.from}.
   * @throws SocketError `EBADF` when closed
   */
  waker(): Waker {
    this.#state.assertOpen('waker')
    return this.#state.backend.waker()
  }

  /**
   * Runs inside Node's own event loop: timers, promises and other servers go on. `onEvents` gets
   * each batch, and one turn of Node's loop follows each. What you do outside of `onEvents`, in a
   * timer or a promise, takes effect in the same turn: a send, an option, a deadline. It keeps the
   * process alive.
   *
   * `onEvents` may be an async function, but `run()` does not wait for it: `data` is valid until
   * its first `await`. If its promise is rejected, so is that of `run()`; a second rejection, or
   * one after the end, is unhandled.
   * @param onEvents your handler of a batch
   * @param options a signal that ends it
   * @returns a promise: fulfilled when `signal` aborts or the poller is closed, rejected with what
   *   `onEvents` throws. The poller stays usable. The events that the handler's `for … of` or
   *   `forEach` had not reached come first in the next `wait()` or `run()`; all of the batch if it
   *   had not begun one. For an async function that holds while no later batch has come.
   * @throws SocketError `EBUSY` (as a rejection) if it runs already, `EBADF` when closed
   */
  async run(onEvents: (events: PollEvent<U>[]) => void, options: RunOptions = {}): Promise<void> {
    callback(onEvents, 'onEvents')
    const { signal } = knownOptions(options, RUN_OPTIONS)
    if (signal !== undefined) abortSignal(signal, 'signal')
    await runInNodeLoop(this.#openLoop(), onEvents, signal)
  }

  /**
   * The batches of {@link Poller.run} for `for await`. `break` ends it, and so does closing the
   * poller; `return()` ends it at once, also a `next()` that is pending. The events that a
   * `for … of` over the last batch had not reached come with the next batch.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<PollEvent<U>[]> {
    return new Batches(() => this.#openLoop())
  }

  /**
   * Closes all its sockets, without events, and itself. Queued bytes leave as far as the kernel
   * takes them at once. Closing twice is harmless.
   */
  close(): void {
    this.#state.close()
  }

  /** The same as `close()`. */
  [Symbol.dispose](): void {
    this.close()
  }

  /**
   * @internal For a helper whose handler threw: the events of the last batch that it had not
   *   reached come with the next `wait()`.
   */
  _giveBack(events: PollEvent<U>[]): void {
    this.#state.giveBack(events)
  }

  /**
   * @internal For a helper on streams of Node's, when it begins something that goes on in a turn of
   *   Node's loop: a wait() that blocks before is refused.
   */
  _needTurn(): void {
    if (this.#needsTurn || this.#inRun) return
    this.#needsTurn = true
    inATurnOfItsOwn(() => {
      this.#needsTurn = false
    })
  }

  /** @internal Throws if it is known that such a helper cannot work. */
  _assertGivesTurns(call: string): void {
    if (this.#givesTurns === false) throw needsNodeLoop(call)
  }

  /** @internal For {@link runLoop}: begins (true or false) or ends (undefined). */
  _setGivesTurns(givesTurns: boolean | undefined): void {
    this.#givesTurns = givesTurns
  }

  /** @internal Whether the socket is one of this poller's. */
  _owns(socket: TcpConnection<unknown> | TcpListener<unknown>): boolean {
    return socket._belongsTo(this.#state)
  }

  /** @internal Whether `wait()` blocks the thread: in a simulation others have to run. */
  get _mayBlock(): boolean {
    return this.#state.backend.mayBlock
  }

  /** @internal The same as `wait()`, without blocking the thread. */
  async _waitWithoutBlocking(timeoutMs: number): Promise<PollEvent<U>[]> {
    const state = this.#state
    state.assertOpen('wait')
    this.#assertIdle('wait')
    state.flush()
    await new Promise<void>((resolve) => {
      const end = () => {
        state.onClose = undefined
        state.onTouch = undefined
        watch.close()
        resolve()
      }
      const watch = state.backend.openWatch(end)
      state.onClose = end
      // Another program of the host has used the poller: it goes out, or comes, now.
      state.onTouch = end
      const untilMs = Math.min(state.clockMs() + timeoutMs, state.deadlines.next)
      const hasEvents = state.events.length > 0 || state.hasGivenBack
      watch.arm(hasEvents ? 0 : Math.max(untilMs - state.clockMs(), 0))
    })
    return this.closed ? [] : this.wait(0)
  }

  /** @internal A turn of Node's loop, or of the other programs of a simulation. */
  _turn(): Promise<void> {
    return this.#state.backend.turn()
  }

  /** @internal Random 32-bit integers of a simulation, from its seed; a system has its own. */
  get _randomInt32(): (() => number) | undefined {
    return this.#state.backend.randomInt32
  }

  /** @internal Milliseconds on the clock that its waits and timers are on. */
  _clockMs(): number {
    return this.#state.clockMs()
  }

  // ---- Making sockets ----

  /**
   * Opens a socket for `build`, which gives it to the backend; an error before that closes it
   * again.
   */
  #make<T>(type: 'tcp' | 'udp', address: SocketAddress, build: (socket: NewSocket) => T): T {
    return closedIfThrown(this.#state.backend.makeSocket(type, address.family), build)
  }

  /** The same with a socket that Node has bound, which stays the caller's if `build` throws. */
  #makeOfBound<T>(
    bound: BoundSocket,
    call: string,
    build: (socket: NewSocket) => T,
    family?: 'ipv4' | 'ipv6'
  ): T {
    const made = closedIfThrown(duplicateBound(bound, call, family), build)
    bound.close()
    return made
  }

  /** Before the bind: what else may have the same address. */
  #setReuse(
    socket: NewSocket,
    wanted: {
      reusePort: boolean | 'try' | undefined
      isListener: boolean
      reuseAddress?: boolean
    }
  ): void {
    const { reusePort, isListener, reuseAddress = false } = wanted
    if (reusePort !== undefined && reusePort !== 'try') boolean(reusePort, 'reusePort')
    this.#state.backend.prepareBind(socket, { isListener, reuseAddress })
    if (reusePort === undefined || reusePort === false) return
    if (this.capabilities.reusePort) socket.setOption('reusePort', true)
    else if (reusePort !== 'try')
      throw namedSocketError(
        'ENOTSUP',
        'setsockopt',
        'this system cannot share a port among listeners; use one listener and hand connections over'
      )
  }

  #watchListener(socket: NewSocket, userPtr: U | undefined): TcpListener<U> {
    const listener = new TcpListener(this.#state, socket.handle, userPtr)
    this.#watch(socket, listener, WATCH.listener)
    return listener
  }

  #adoptUdp(
    socket: Socket,
    family: 'ipv4' | 'ipv6',
    userPtr: U | undefined,
    isConnected: boolean
  ): UdpSocket<U> {
    if (!isConnected) return this.#watchUdp(socket, family, userPtr, false)
    // The kernel reports to a connected socket when its peer is unreachable (udp(7)); so it stays.
    const udp = this.#watchUdp(socket, family, userPtr, true, socket.remoteAddress)
    const pending = this.#state.backend.calls.takeError(udp.handle)
    if (pending > 0) udp._onDatagramFailed(this.#state.memory.slab, pending, -1, false)
    return udp
  }

  #watchUdp(
    socket: NewSocket,
    family: 'ipv4' | 'ipv6',
    userPtr: U | undefined,
    reportUnreachable: boolean,
    peer?: SocketAddress
  ): UdpSocket<U> {
    this.#state.memory.addDatagrams()
    const udp = new UdpSocket(this.#state, socket.handle, userPtr, family, peer)
    this.#watch(socket, udp, reportUnreachable ? WATCH.datagramReportingErrors : WATCH.datagram)
    return udp
  }

  /** `what` is what `socketDescribe` says of the socket. */
  #watchAdopted(
    socket: Socket,
    what: number,
    userPtr: U | undefined
  ): TcpListener<U> | TcpConnection<U> | UdpSocket<U> {
    const family = (what & DESCRIBE.ipv6) !== 0 ? 'ipv6' : 'ipv4'
    if ((what & DESCRIBE.udp) !== 0)
      return this.#adoptUdp(socket, family, userPtr, (what & DESCRIBE.connected) !== 0)
    if ((what & DESCRIBE.listening) !== 0) return this.#watchListener(socket, userPtr)
    const address = new Uint8Array(PACKED_ADDRESS.bytes)
    if (addon().socketRemoteAddress(socket.handle, address) < 0)
      throw namedSocketError('ENOTCONN', 'adopt', 'the socket neither listens nor is connected')
    // Asked for now: once the peer has reset the connection, the system no longer knows who it was.
    const peer = Address.compactFromPacked(address, 0)
    const connection = new TcpConnection(this.#state, socket.handle, userPtr, peer, false)
    this.#watch(socket, connection, WATCH.connection)
    return connection
  }

  #watch(socket: NewSocket, watched: PollSocket<U>, kind: number): void {
    try {
      this.#state.backend.watch(watched.index, Slots.generationOf(watched.id), socket.handle, kind)
    } catch (error) {
      this.#state.unregister(watched)
      throw error
    }
    socket.detach()
    this.#state.touch()
  }

  #assertIdle(call: string): void {
    if (this.#inRun)
      throw namedSocketError('EBUSY', call, 'the poller is inside run() or an async iteration')
    if (this.#state.isHandingOut)
      throw namedSocketError(
        'EBUSY',
        call,
        'a timer of this poller or the handler of a diverted connection is being called'
      )
  }

  #openLoop(): NodeLoop<U> {
    this.#state.assertOpen('run')
    this.#assertIdle('run')
    const loop = new NodeLoop(this.#state, () => {
      this.#inRun = false
    })
    this.#inRun = true
    return loop
  }
}

/** What goes wrong before `build` has handed the socket over closes it again. */
function closedIfThrown<T>(socket: NewSocket, build: (socket: NewSocket) => T): T {
  try {
    return build(socket)
  } catch (error) {
    socket.close()
    throw error
  }
}
