// The typed face of native/binding/epoll.cc (Linux build): the raw epoll calls. Results follow the
// rule in socket.ts. `core` is the number of a native Epoll with its waker.

export interface EpollBinding {
  /**
   * epoll_create1 and an eventfd for the waker. `owner` is held weakly: a core whose owner was
   * collected is closed by a later reapHandles.
   */
  epollCreate(owner: object): number
  /** Closes the epoll descriptor and the waker. */
  epollClose(core: number): number
  epollFd(core: number): number
  /** The process-wide handle for {@link WakerBinding.wakerWake}. */
  epollWakerHandle(core: number): number

  /**
   * epoll_ctl. `op`: 1 add, 2 delete, 3 modify. `index` and `generation` come back from epollWait.
   */
  epollControl(
    core: number,
    op: number,
    handle: number,
    events: number,
    index: number,
    generation: number
  ): number
  /**
   * epoll_pwait2 (epoll_wait where the kernel lacks it). Writes three numbers an event into `into`:
   * index, generation, events. Returns how many events, or WOKEN when only the waker ended the
   * wait.
   */
  epollWait(core: number, into: Int32Array, maxEvents: number, timeoutMs: number): number
}

export const EPOLL_OP = { add: 1, remove: 2, modify: 3 } as const
