// The typed face of native/binding/socket.cc: one function a socket call. Knows numbers and bytes,
// no Socket objects and no policy.
//
// Every function that returns `number` follows one rule (native/contract/result.h): zero or more is
// the answer, WOULD_BLOCK_RESULT says that the call would have to wait, anything else below zero is
// the system's own error number, negated. Nothing here throws for a system's failure. `address`
// arguments are packed addresses: 24 bytes, see PACKED_ADDRESS in records.ts.

/** What a native call gives back for "would block": far outside of any system's error numbers. */
export const WOULD_BLOCK_RESULT = -0x4000_0000

export const SOCKET_TYPE = { tcp: 0, udp: 1 } as const
export const SHUTDOWN = { read: 0, write: 1, both: 2 } as const

/** Bits that {@link SocketBinding.socketDescribe} answers with. */
export const DESCRIBE = { udp: 1, ipv6: 2, listening: 4, connected: 8 } as const

export interface SocketBinding {
  /**
   * A new socket, close-on-exec. `owner` is held weakly: when it is collected unclosed, the handle
   * is closed by a later {@link reapHandles}.
   */
  socketOpen(owner: object, type: number, family: 4 | 6, nonBlocking: boolean): number
  /** Puts a handle that came from elsewhere under the same ownership. */
  socketOwn(owner: object, handle: number): number
  /** Ends that ownership without closing: the handle now belongs to the caller. */
  socketDisown(handle: number): number
  socketClose(handle: number): number
  /** Abortive close: linger 0, then close, so that the peer sees a reset. */
  socketReset(handle: number): number
  /**
   * Closes handles whose owners were collected; looks at a bounded number of them a call. Returns
   * how many it closed.
   */
  reapHandles(): number

  socketBind(handle: number, address: Uint8Array): number
  /** The same before a connect: connections to different peers may share what port 0 becomes. */
  socketBindToConnect(handle: number, address: Uint8Array): number
  socketListen(handle: number, backlog: number): number
  /**
   * The new handle (blocking, close-on-exec), owned by nobody until {@link socketOwn}; the peer's
   * address is written to `peer`.
   */
  socketAccept(handle: number, peer: Uint8Array): number
  socketConnect(handle: number, address: Uint8Array): number
  socketSend(handle: number, bytes: Uint8Array, offset: number, length: number): number
  socketRecv(handle: number, into: Uint8Array): number
  socketSendTo(
    handle: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    address: Uint8Array
  ): number
  /**
   * Bytes that fitted; the sender is written to `peer`, and peer[1] is 1 when the datagram was
   * longer than `into`.
   */
  socketRecvFrom(handle: number, into: Uint8Array, peer: Uint8Array): number
  socketShutdown(handle: number, how: number): number
  socketSetNonBlocking(handle: number, on: boolean): number
  /** 1 or 0. */
  socketGetNonBlocking(handle: number): number
  socketLocalAddress(handle: number, out: Uint8Array): number
  socketRemoteAddress(handle: number, out: Uint8Array): number
  /** SO_ERROR, read and cleared: the pending error number as a positive number, 0 for none. */
  socketTakeError(handle: number): number
  /** What the handle is: an OR of {@link DESCRIBE}; the system's error if it is no socket. */
  socketDescribe(handle: number): number
  /**
   * `option` is an index into {@link optionNames}. Booleans are 0/1, times are milliseconds
   * (fractions round up to the system's unit), linger is -1 for off.
   */
  socketSetOption(handle: number, option: number, value: number): number
  /** As set; linger off is given as 0x7fff_ffff, since below zero is an error. */
  socketGetOption(handle: number, option: number): number
  socketSetRawOption(handle: number, level: number, name: number, value: Uint8Array): number
  /** How many bytes of `into` the system filled. */
  socketGetRawOption(handle: number, level: number, name: number, into: Uint8Array): number
  /**
   * `group` is a packed address. `networkInterface` is one of the machine's packed addresses, or an
   * IPv6 one that carries the scope id; undefined = the system's choice.
   */
  socketJoinMulticast(
    handle: number,
    group: Uint8Array,
    networkInterface: Uint8Array | undefined
  ): number
  socketLeaveMulticast(
    handle: number,
    group: Uint8Array,
    networkInterface: Uint8Array | undefined
  ): number

  /**
   * Parses a numeric address (inet_pton; `%scope` by name or number) into 24 bytes. 0, or -1 when
   * the text is no numeric address.
   */
  addressParse(text: string, port: number, out: Uint8Array): number
  /** The address part of a packed address as text, scope included. */
  addressFormat(packed: Uint8Array, offset: number): string

  /** Whether a wait can end between two milliseconds on this system. */
  readonly waitsForFractions: boolean
  /** The names of the options that this system has, in the order of their indices. */
  readonly optionNames: readonly string[]
  /** Constants that a program may pass back, by their C names: SOL_SOCKET, EPOLLIN, … */
  readonly constants: Readonly<Record<string, number>>
}

/** Linger switched off, as {@link SocketBinding.socketGetOption} gives it. */
export const LINGER_OFF = 0x7fff_ffff
