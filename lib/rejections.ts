// A handler may be an async function: its promise is not waited for, but how it fails is not lost.
// Knows promises alone.

/**
 * Calls `take` when `result`, what a handler returned, is a promise and is rejected. What `take`
 * throws becomes an unhandled rejection.
 */
export function whenRejected(result: unknown, take: (error: unknown) => void): void {
  if (isThenable(result)) result.then(undefined, take)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof (value as { then?: unknown }).then === 'function'
  )
}
