// What rest costs. Knows nothing of what rests.

const TRIES = 3

/**
 * The processor time of this process, in milliseconds, while `rest` waits. What is not less than
 * `enoughMs` is measured again, and the least counts: the engine's compiler or collector may work
 * for tens of milliseconds in any one of the tries, whereas what spins does so in each of them.
 */
export async function leastBusyMs(enoughMs, rest) {
  if (!(enoughMs > 0)) throw new RangeError(`enoughMs must be a number over 0, not ${enoughMs}`)
  let least = Number.POSITIVE_INFINITY
  for (let tries = 0; tries < TRIES && least >= enoughMs; tries++) {
    const before = process.cpuUsage()
    await rest()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}
