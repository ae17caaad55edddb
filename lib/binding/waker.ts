// The typed face of native/binding/waker.cc. A waker's handle is a number of the whole process, not
// of one thread: it may be posted to a worker. Handles are never used twice, so that a late wake
// reaches nobody instead of a stranger.

/** What a raw wait gives that was ended by the waker and by nothing else. */
export const WOKEN = 0x4000_0000

export interface WakerBinding {
  /**
   * Ends the wait that the waker belongs to. Wakes before the wait coalesce into one. Returns 1, 0
   * when the owner is closed already, or the system's error, negated: then nobody is woken.
   */
  wakerWake(handle: number): number
}
