// Numbers that programs compare with. Pure data.

/** What a call gives instead of waiting. */
export const WOULD_BLOCK = -1
/** The type of {@link WOULD_BLOCK}, for the results of calls that may not wait. */
export type WouldBlock = typeof WOULD_BLOCK

// The masks of <sys/epoll.h>; the same on every architecture (epoll_ctl(2)).
/** Readable, or the peer finished sending. */
export const EPOLLIN = 0x001
/** Urgent data. */
export const EPOLLPRI = 0x002
/** Writable. */
export const EPOLLOUT = 0x004
/** An error is pending; always reported. */
export const EPOLLERR = 0x008
/** Both directions are over; always reported. */
export const EPOLLHUP = 0x010
/** The peer finished sending. */
export const EPOLLRDHUP = 0x2000
/** Of several epolls that watch the same listener, wake as few as possible. Only with `add`. */
export const EPOLLEXCLUSIVE = 2 ** 28
/** Keep the machine awake while the event is handled. */
export const EPOLLWAKEUP = 2 ** 29
/** One event, then nothing until `modify`. */
export const EPOLLONESHOT = 2 ** 30
/** Edge-triggered: an event for what is new, not for what is there. */
export const EPOLLET = 2 ** 31
