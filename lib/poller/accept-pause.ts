// How long a listener rests when descriptors or memory have run out. A choice, nothing else.

const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1000

/**
 * Each failure in a row doubles the pause: at most twenty tries in the first second, one a second
 * in the end.
 */
export function nextPauseMs(previousMs: number): number {
  return previousMs === 0 ? FIRST_PAUSE_MS : Math.min(previousMs * 2, LONGEST_PAUSE_MS)
}
