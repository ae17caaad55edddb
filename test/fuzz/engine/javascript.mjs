// Fuzzes one target in this process: node test/fuzz/engine/javascript.mjs <target> <the engine's
// addon> libFuzzer's arguments… Gives out the counters of the instrumented modules, and passes
// inputs on. Started by scripts/fuzz.mjs.
import { writeSync } from 'node:fs'
import { createRequire, register } from 'node:module'

register('./instrument.mjs', import.meta.url)

// One array for all modules, since the engine looks at one range of memory.
const counters = new Uint8Array(64 * 1024)
let used = 0
globalThis.takeCounters = (count) => {
  used += count
  if (used > counters.length) throw new RangeError(`more than ${counters.length} counters`)
  return counters.subarray(used - count, used)
}

const [node, script, name, engine, ...rest] = process.argv
// libFuzzer starts itself again where it minimises a corpus, by a shell.
const again = [node, ...process.execArgv, script, name, engine].join(' ')
const { fuzz } = await import(`../targets/${name}.ts`)
createRequire(import.meta.url)(engine).fuzz(
  [again, ...rest],
  counters.subarray(0, used),
  (data) => {
    try {
      fuzz(data)
      return true
    } catch (error) {
      writeSync(2, `\n${error.stack}\n`) // at once: this process is about to end
      return false
    }
  }
)
