// A wait that worker.terminate() can end: it and process.exit() take effect only when native code
// returns to JavaScript.
import { isMainThread } from 'node:worker_threads'
import { clockMs } from './clock.ts'

/**
 * The longest single native wait. A worker that is terminated may take this long to end; a shorter
 * time costs processor time in every idle worker. The main thread cannot be terminated: there it is
 * what epoll_wait takes as an int, 24 days.
 */
export const SLICE_MS: number = isMainThread ? 2 ** 31 - 1 : 50

/** What stands for "no limit" in the native call. */
export const FOREVER_MS: number = isMainThread ? -1 : SLICE_MS

/**
 * Calls `waitOnce` with pieces of the time until it returns something other than 0 or the time is
 * over. -1 = no limit. Never returns early.
 */
export function waitInSlices(timeoutMs: number, waitOnce: (timeoutMs: number) => number): number {
  if (timeoutMs === 0) return waitOnce(0)
  const deadline = timeoutMs < 0 ? Number.POSITIVE_INFINITY : clockMs() + timeoutMs
  let left = timeoutMs
  for (;;) {
    const answer = waitOnce(left < 0 ? FOREVER_MS : Math.min(left, SLICE_MS))
    if (answer !== 0) return answer
    if (timeoutMs < 0) continue
    left = deadline - clockMs()
    if (left <= 0) return 0
  }
}
