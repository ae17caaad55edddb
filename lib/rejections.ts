// A handler may be an async function: its promise is not waited for, but how it fails is not lost.
// Knows promises alone.

/**
 * Calls `take` when `result`, what a handler returned, is a promise and is rejected. What `take`
 * throws becomes an unhandled rejection.
 */
export function whenRejected(result: unknown, take: (error: unknown) => void): void {
  if (isThenable(result)) result.then(undefined, take)
}

/** Whether `value` is a promise, of any realm or library. */
export function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return (
    value !== null &&
    (typeof value === 'object' || typeof value === 'function') &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
