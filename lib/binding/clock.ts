// The typed face of native/binding/clock.cc.

export interface ClockBinding {
  /**
   * Milliseconds, with fractions, of the system's monotonic clock: the one that waits and deadlines
   * are measured by.
   */
  clockMs(): number
}
