// A wait that a worker can be terminated out of: worker.terminate() and process.exit() take effect
// only when native code returns to JavaScript.
import { isMainThread } from 'node:worker_threads'
import { clockMs } from './clock.ts'

/**
 * The longest single native wait. In a worker it is how long a terminated one may take to notice;
 * shorter costs processor time in every idle worker. Nobody can terminate the main thread: there it
 * is what epoll_wait takes as an int, 24 days.
 */
export const SLICE_MS: number = isMainThread ? 2 ** 31 - 1 : 50

/** What the system is told for "for ever". */
export const FOREVER_MS: number = isMainThread ? -1 : SLICE_MS

/**
 * Calls `waitOnce` with pieces of the time until it answers other than 0 or the time is over. -1 =
 * for ever. Never early.
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
