// Makes a failing program small: delta debugging (Zeller and Hildebrandt, "Simplifying and
// Isolating Failure-Inducing Input", 2002), with a first guess that the last operations do. Knows
// nothing of what is run: it is told whether a part still fails. fast-check's commands were looked
// at: they shrink in the process that fails, which a crash or a hang ends, and expect the same
// answer of the same commands, which a kernel does not always give.

/** The smallest part of `items` that was found to fail, in its order, within the time. */
export async function shrink<T>(
  items: readonly T[],
  fails: (part: readonly T[]) => Promise<boolean>,
  limitMs: number
): Promise<readonly T[]> {
  const end = performance.now() + limitMs
  let smallest = items
  for (let count = 50; count < items.length; count *= 4) {
    const last = items.slice(-count)
    if (!(await fails(last))) continue
    smallest = last
    break
  }
  for (let size = smallest.length >> 1; size > 0; ) {
    let wasCut = false
    for (let at = smallest.length - size; at > -size; at -= size) {
      if (performance.now() > end) return smallest
      const from = Math.max(at, 0)
      const part = [...smallest.slice(0, from), ...smallest.slice(at + size)]
      if (part.length === 0 || !(await fails(part))) continue
      smallest = part
      wasCut = true
    }
    // With single operations once more for as long as it helps.
    if (size > 1 || !wasCut) size >>= 1
  }
  return smallest
}
