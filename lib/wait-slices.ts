// A wait that a worker can be terminated out of: worker.terminate() and process.exit() take effect only when native code returns to JavaScript.

// How long a terminated worker may take to notice; shorter costs processor time in every idle worker.
export const SLICE_MS = 50

/** Calls `waitOnce` with pieces of the time until it answers other than 0 or the time is over. -1 = for ever. Never early. */
export function waitInSlices(timeoutMs: number, waitOnce: (timeoutMs: number) => number): number {
  const deadline = timeoutMs < 0 ? Number.POSITIVE_INFINITY : performance.now() + timeoutMs
  for (;;) {
    const left = timeoutMs < 0 ? SLICE_MS : Math.max(deadline - performance.now(), 0)
    const answer = waitOnce(Math.min(left, SLICE_MS))
    if (answer !== 0 || (left <= SLICE_MS && performance.now() >= deadline)) return answer
  }
}
