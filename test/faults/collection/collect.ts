// Set up before the tests of test/promises/ that are run again here: JavaScript's memory is
// collected before and after every call into native code.
import { createRequire } from 'node:module'
import { afterAll } from 'vitest'
import { survived } from '../tally.ts'

declare const gc: (options?: { type: 'minor' }) => void

// A whole collection takes milliseconds, one of the young memory a fraction of one.
const WHOLE_EVERY = 64

const require = createRequire(import.meta.url)
// The very object whose functions lib/ calls: an addon is loaded once.
const native: Record<string, unknown> = require('node-gyp-build')(
  new URL('../../..', import.meta.url).pathname
)

let collections = 0

function collect(): void {
  if (++collections % WHOLE_EVERY === 0) gc()
  else gc({ type: 'minor' })
}

for (const [name, call] of Object.entries(native)) {
  if (typeof call !== 'function') continue
  native[name] = (...args: unknown[]) => {
    collect()
    const result = call(...args)
    collect()
    return result
  }
}

afterAll(() => survived('collections between calls', collections))
