// Numbers that programs compare with. Pure data.

/**
 * What a call that would block returns; it does not throw.
 * @category Common
 */
export const WOULD_BLOCK = -1
/**
 * The type of {@link WOULD_BLOCK}.
 * @category Common
 */
export type WouldBlock = typeof WOULD_BLOCK

// The masks of <sys/epoll.h>; the same on every architecture (epoll_ctl(2)).
/**
 * Readable: a receive will not block. Also when the peer finished sending.
 * @category Raw
 */
export const EPOLLIN = 0x001
/**
 * Urgent data (TCP's out-of-band byte).
 * @category Raw
 */
export const EPOLLPRI = 0x002
/**
 * Writable: a send will not block.
 * @category Raw
 */
export const EPOLLOUT = 0x004
/**
 * An error is pending: read it from `socket.error`. Always reported; you need not ask for it.
 * @category Raw
 */
export const EPOLLERR = 0x008
/**
 * Both directions are over. Always reported; you need not ask for it.
 * @category Raw
 */
export const EPOLLHUP = 0x010
/**
 * The peer finished sending.
 * @category Raw
 */
export const EPOLLRDHUP = 0x2000
/**
 * If several epolls watch the same listener, wake as few of them as possible. Only with `add`.
 * @category Raw
 */
export const EPOLLEXCLUSIVE = 2 ** 28
/**
 * Keep the machine awake while you handle the event. Needs the capability CAP_BLOCK_SUSPEND.
 * @category Raw
 */
export const EPOLLWAKEUP = 2 ** 29
/**
 * One event, then none until you call `modify`.
 * @category Raw
 */
export const EPOLLONESHOT = 2 ** 30
/**
 * Edge-triggered: an event when something new arrives, not while something is there. Read until
 * `WOULD_BLOCK` each time.
 * @category Raw
 */
export const EPOLLET = 2 ** 31
