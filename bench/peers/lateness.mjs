// How late the ticks of a server were: kept, and printed once a second on standard output as
// `lateness {"missed":n,"lateMs":[…]}`.

/**
 * What to call with each tick: how many milliseconds it was off, and how many ticks were left out
 * before it.
 */
export function latenessTeller(hz) {
  let lateMs = []
  let missed = 0
  return (offMs, missedBefore) => {
    lateMs.push(Number(offMs.toFixed(4)))
    missed += missedBefore
    if (lateMs.length < hz) return
    console.log(`lateness ${JSON.stringify({ missed, lateMs })}`)
    lateMs = []
    missed = 0
  }
}
