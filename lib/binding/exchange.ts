// The typed face of native/binding/exchange.cc: what the unified floor lives on, the same functions
// on every system. Results follow the rule in socket.ts. `exchange` is the number of a native
// Exchange with its epoll or completion port, its waker and its table of watched sockets.

export interface ExchangeBinding {
  /**
   * `owner` is held weakly: an exchange whose owner was collected is closed by a later
   * {@link SocketBinding.reapHandles}.
   */
  exchangeCreate(owner: object): number
  /** Closes the system's object, the waker and every socket still watched. */
  exchangeClose(exchange: number): number
  /** From Poller's options. */
  exchangeLimits(
    exchange: number,
    maxEvents: number,
    readBudgetBytes: number,
    maxDatagramBytes: number,
    acceptBudget: number
  ): number
  /**
   * Whether one call into the system makes several sends of a flush: 1 or 0. `when` is one of
   * BATCH_CALLS; fails where that is BATCH_CALLS.always and the system refuses.
   */
  exchangeBatchCalls(exchange: number, when: number): number
  /** The process-wide handle for {@link WakerBinding.wakerWake}. */
  exchangeWakerHandle(exchange: number): number

  /**
   * Watches a non-blocking socket; the exchange owns the handle from now on, unless it fails.
   * `kind` is one of WATCH. Receiving is on.
   */
  exchangeWatch(
    exchange: number,
    index: number,
    generation: number,
    handle: number,
    kind: number
  ): number
  /**
   * 0 = connected, WOULD_BLOCK_RESULT = KIND.connected follows; after anything else the handle is
   * still the caller's.
   */
  exchangeConnect(
    exchange: number,
    index: number,
    generation: number,
    handle: number,
    address: Uint8Array
  ): number
  /** Receiving (or accepting) on or off. */
  exchangeReceive(exchange: number, index: number, on: boolean): number
  /** Takes the socket out. `how` is one of RELEASE. */
  exchangeRelease(exchange: number, index: number, how: number): number
  /**
   * Sends what it can of one buffer; KIND.writable follows exactly if something is left. Returns
   * the bytes that the system took.
   */
  exchangeSend(
    exchange: number,
    index: number,
    bytes: Uint8Array,
    offset: number,
    length: number
  ): number
  /**
   * One datagram to the packed address at `addressOffset` of the same bytes. Returns 1, or 0 when
   * there is no room now; then KIND.writable follows.
   */
  exchangeSendDatagram(
    exchange: number,
    index: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    addressOffset: number
  ): number
  /**
   * One `wait()`: sends the outbox, waits, receives every ready socket into the slab. With
   * timeoutMs < 0 it waits for ever.
   * @param outbox bytes to send, and packed addresses for datagrams
   * @param sends OUTBOX.stride numbers a send
   * @param sendCount how many sends
   * @param slab where received bytes and packed peer addresses go
   * @param records RECORD.stride numbers a record; its length bounds the batch
   * @param streamBytes the front part of the slab, which is not for datagrams
   * @returns how many records were written
   */
  exchangeRun(
    exchange: number,
    outbox: Uint8Array,
    sends: Int32Array,
    sendCount: number,
    slab: Uint8Array,
    records: Int32Array,
    timeoutMs: number,
    streamBytes: number
  ): number
  /** Only sends the outbox. */
  exchangeFlush(
    exchange: number,
    outbox: Uint8Array,
    sends: Int32Array,
    sendCount: number,
    slab: Uint8Array,
    records: Int32Array
  ): number
}
