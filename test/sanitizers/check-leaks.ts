// After each file, in the process that ran it: what its addon has lost is reported now, since
// Vitest ends its processes by a signal and LeakSanitizer reports at a process's own end only.
// Children of tests end by themselves.
import { createRequire } from 'node:module'
import { afterAll } from 'vitest'

afterAll(() => {
  createRequire(import.meta.url)(process.env.POLLPORT_PROBE as string).checkLeaks()
})
