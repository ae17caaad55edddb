// The typed face of native/binding/epoll.cc and datagrams.cc (Linux build): the raw epoll calls, and the exchange that the unified floor lives on.
// Results follow the rule in socket.ts. `core` is the number of a native Epoll with its waker and its table of watched sockets.

export interface EpollBinding {
  /** epoll_create1 and an eventfd for the waker. `owner` is held weakly: a core whose owner was collected is closed by a later epollWait, epollExchange or reapHandles. */
  epollCreate(owner: object): number
  /** Closes the epoll descriptor, the waker and every socket still in the core's table. */
  epollClose(core: number): number
  /** Whether this kernel can wait for fractions of a millisecond. */
  epollHasFineTimeouts(): boolean
  epollFd(core: number): number
  /** The process-wide handle for {@link WakerBinding.wakerWake}. */
  epollWakerHandle(core: number): number

  /** epoll_ctl. `op`: 1 add, 2 delete, 3 modify. `index` and `generation` come back from epollWait. */
  epollControl(core: number, op: number, handle: number, events: number, index: number, generation: number): number
  /**
   * epoll_pwait2 (epoll_wait where the kernel lacks it). Writes three numbers an event into `into`: index, generation, events.
   * Returns how many events, or EPOLL_WOKEN when only the waker ended the wait.
   */
  epollWait(core: number, into: Int32Array, maxEvents: number, timeoutMs: number): number

  // ---- The exchange: what Poller's epoll backend is made of ----

  /** Puts a non-blocking socket into the core's table; the core owns the handle from now on. `kind` is one of WATCH. Receiving is on. */
  epollWatch(core: number, index: number, generation: number, handle: number, kind: number): number
  /** Receiving (or accepting) on or off. With everything off the socket leaves the epoll set, so that a hang-up cannot spin. */
  epollReceive(core: number, index: number, on: boolean): number
  /** Takes the socket out of the table. `how` is one of RELEASE. */
  epollRelease(core: number, index: number, how: number): number
  /** Sends what it can of one buffer and watches for writability exactly while something is left. Returns the bytes that the system took. */
  epollSend(core: number, index: number, bytes: Uint8Array, offset: number, length: number): number
  /** One datagram to the packed address at `addressOffset` of the same bytes. Returns 1, or 0 when there is no room now; then writability is watched. */
  epollSendDatagram(
    core: number,
    index: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    addressOffset: number
  ): number
  /**
   * One `wait()`: sends the outbox, waits, receives every ready socket into the slab. With timeoutMs < 0 it waits for ever; with `flushOnly` it only sends.
   * @param outbox bytes to send, and packed addresses for datagrams
   * @param sends OUTBOX.stride numbers a send
   * @param sendCount how many sends
   * @param slab where received bytes and packed peer addresses go
   * @param records RECORD.stride numbers a record; its length bounds the batch
   * @returns how many records were written
   */
  epollExchange(
    core: number,
    outbox: Uint8Array,
    sends: Int32Array,
    sendCount: number,
    slab: Uint8Array,
    records: Int32Array,
    timeoutMs: number,
    flushOnly: boolean
  ): number
  /** Limits of the exchange, from Poller's options: see native/contract/limits.h for the defaults' reasons. */
  epollLimits(
    core: number,
    maxEvents: number,
    readBudget: number,
    maxDatagram: number,
    acceptBudget: number,
    streamBytes: number
  ): number
}

/** epollWait ended by the waker and by nothing else. */
export const EPOLL_WOKEN = 0x4000_0000

export const EPOLL_OP = { add: 1, remove: 2, modify: 3 } as const
