// How a batch lies in memory: the one room, with native/contract/records.h, that knows offsets.
// native/binding/layout.cc exports the native side's numbers and load.ts compares them, so that a
// stale binary is refused with a sentence instead of misread bytes.

/**
 * A record of the batch: kind, index, generation, then up to three numbers whose meaning depends on
 * the kind.
 */
export const RECORD = { stride: 6, kind: 0, index: 1, generation: 2, a: 3, b: 4, c: 5 } as const

export const KIND = {
  /** a = handle, b = offset of the peer's packed address in the slab */
  accepted: 1,
  /** a = error number */
  acceptFailed: 2,
  /** a = 0, or the error number of the failed connect */
  connected: 3,
  /** a = offset in the slab, b = length */
  received: 4,
  /** The peer finished sending. */
  ended: 5,
  /** a = error number: the connection is broken; a UDP socket could not receive, and goes on */
  failed: 6,
  /**
   * a = bytes that the system has taken meanwhile of what exchangeSend or the outbox left over; it
   * takes more again.
   */
  writable: 7,
  /**
   * a = offset of the data, b = length, c = 1 if truncated; the packed address of the sender lies
   * directly before the data
   */
  datagram: 8,
  /**
   * a = error number, b = offset of the packed address it is about, or -1, c = 1 for a datagram of
   * the outbox that was not sent
   */
  datagramFailed: 9,
  /**
   * The outbox: a = the first send that was not taken whole, b = bytes of it that were taken (for
   * UDP 0: this datagram and the following were not sent).
   */
  sendShort: 10,
  /** The outbox: a = error number; nothing more of this socket's chain was sent. */
  sendFailed: 11,
  woken: 12
} as const

/**
 * What kind of socket the exchange watches. WATCH.connecting turns into WATCH.connection by itself
 * when the connect is done. WATCH.accepted is a connection of this very batch: on Windows it goes
 * to the completion port with the next wait only, so that the program can give it to another
 * thread.
 */
export const WATCH = {
  listener: 1,
  connecting: 2,
  connection: 3,
  datagram: 4,
  datagramReportingErrors: 5,
  accepted: 6
} as const
/**
 * `close` does what the socket's `lingerMs` says of a reset; `finish` is for a connection that both
 * sides have finished, and never resets. Neither waits for the peer, whatever time `lingerMs` has.
 */
export const RELEASE = { detach: 0, close: 1, reset: 2, finish: 3 } as const

/** When one call into the system may make several sends of a flush. */
export const BATCH_CALLS = { never: 0, auto: 1, always: 2 } as const

/**
 * A send in the outbox: index of the socket (SEND_SKIP = nothing to do here, SEND_CHAINED = reached
 * through the chain of an earlier one), offset and length of its bytes, the next send of the same
 * socket (-1 = last), and for a datagram the offset of its packed address in the outbox.
 */
export const OUTBOX = { stride: 5, index: 0, offset: 1, length: 2, next: 3, address: 4 } as const
export const SEND_SKIP = -1
export const SEND_CHAINED = -2

/**
 * A packed address, 24 bytes: [0] family 4 or 6, [1] flag (truncated), [2..3] port, little-endian,
 * [4..7] scope id, little-endian, [8..23] the address in network order (IPv4 uses the first four).
 */
export const PACKED_ADDRESS = {
  bytes: 24,
  family: 0,
  flag: 1,
  port: 2,
  scope: 4,
  address: 8
} as const
