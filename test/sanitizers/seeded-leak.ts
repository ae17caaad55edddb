// A leak on purpose in a process of Vitest's, which is ended by a signal: check-leaks.ts must have
// it reported. Run by run.mjs before the suite.
import { createRequire } from 'node:module'
import { test } from 'vitest'

test('a leak in a process of Vitest', () => {
  createRequire(import.meta.url)(process.env.POLLPORT_PROBE as string).leak()
})
