// The fault lab's own run of Vitest: files that take the system's tools, or too long for
// `npm test`. Started by run.mjs.
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/faults/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 60_000
  }
})
