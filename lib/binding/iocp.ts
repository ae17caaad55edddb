// The typed face of native/binding/iocp.cc and overlapped.cc (Windows build): completion ports and
// overlapped operations. Results follow the rule in socket.ts. `port` is the number of a native
// completion port, `pool` that of a thread's operations, `token` TypeScript's number of an
// operation.

export interface IocpBinding {
  /**
   * CreateIoCompletionPort. `concurrency`: how many threads the system lets work at once, 0 = as
   * many as processors. `owner` is held weakly.
   */
  iocpCreate(owner: object, concurrency: number): number
  /** Cancels what is to complete at the port, takes the completions off it, and closes it. */
  iocpClose(port: number, pool: number): number
  /**
   * A socket's completions go to the port from now on; `index` and `generation` come back with
   * each.
   */
  iocpAssociate(port: number, handle: number, index: number, generation: number): number
  /** PostQueuedCompletionStatus. */
  iocpPost(port: number, index: number, generation: number, bytes: number): number
  /**
   * GetQueuedCompletionStatusEx. Writes {@link COMPLETION}.stride numbers a completion into `into`;
   * returns how many completions, or WOKEN when only the waker ended the wait.
   */
  iocpWait(
    port: number,
    pool: number,
    into: Float64Array,
    maxEvents: number,
    timeoutMs: number
  ): number
  /** How many handles a process has; for tests that look for a leak. */
  handleCount(process: number): number
  /** The process-wide handle for {@link WakerBinding.wakerWake}. */
  iocpWakerHandle(port: number): number

  /** The operations of this thread. `owner` is held weakly. */
  overlappedCreate(owner: object): number
  // Each starts one operation: 0 = a completion follows, else minus the error, and none follows.
  // `port` 0 = the socket has none.
  wsaRecv(pool: number, handle: number, token: number, port: number, bytes: number): number
  wsaRecvFrom(pool: number, handle: number, token: number, port: number, bytes: number): number
  wsaSend(
    pool: number,
    handle: number,
    token: number,
    port: number,
    data: Uint8Array,
    offset: number,
    length: number
  ): number
  wsaSendTo(
    pool: number,
    handle: number,
    token: number,
    port: number,
    data: Uint8Array,
    offset: number,
    length: number,
    address: Uint8Array
  ): number
  acceptEx(pool: number, handle: number, token: number, port: number, isIpv6: boolean): number
  connectEx(pool: number, handle: number, token: number, port: number, address: Uint8Array): number
  disconnectEx(pool: number, handle: number, token: number, port: number): number
  /** One operation, or with -1 all of the socket's. 0 also when nothing was pending. */
  cancelIoEx(pool: number, handle: number, token: number): number
  /**
   * GetOverlappedResult, for at most `waitMs`: the bytes, WOULD_BLOCK_RESULT, or minus the error.
   */
  overlappedResult(pool: number, token: number, waitMs: number): number
  /**
   * Takes what a finished operation left: its bytes into `into`, a packed address (a datagram's
   * sender, with its truncation mark) into `address`. Returns 0, for AcceptEx the accepted handle,
   * or minus the error of what has to be done afterwards. The operation's memory is free then.
   */
  overlappedTake(pool: number, token: number, into: Uint8Array, address: Uint8Array): number
}

/**
 * The numbers of one completion: `error` is positive, 0 = none; `posted` is 1 for what iocpPost put
 * there.
 */
export const COMPLETION = {
  stride: 6,
  index: 0,
  generation: 1,
  token: 2,
  bytes: 3,
  error: 4,
  posted: 5
} as const
