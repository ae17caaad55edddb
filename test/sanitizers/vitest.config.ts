// The suite as it runs under a sanitizer, started by run.mjs: what does not use the addon stays
// out, and so does what a sanitizer cannot stand.
import { defineConfig } from 'vitest/config'

// They read files, type-check, start compilers; the lobby's own logic is TypeScript alone, and so
// is a simulated network.
const withoutAddon = [
  'test/house/**',
  'test/types/**',
  'test/simulation/**',
  'test/differential/simulated.test.ts',
  'examples/**'
]
const notUnder = {
  // strace holds the process, and LeakSanitizer cannot look at one that is held.
  address: [
    'test/linux/epoll-fallback.test.ts',
    'test/linux/batched-calls.test.ts',
    'test/linux/busy-run.test.ts'
  ],
  // ThreadSanitizer itself does not come up with 64 descriptors.
  thread: ['test/promises/descriptors-exhausted.test.ts']
}
const sanitizer = process.env.POLLPORT_SANITIZER as keyof typeof notUnder

export default defineConfig({
  test: {
    include: [
      process.env.POLLPORT_SEEDED === '1' ? 'test/sanitizers/seeded-leak.ts' : 'test/**/*.test.ts'
    ],
    exclude: [
      '**/node_modules/**',
      'test/faults/**',
      'test/windows/**',
      ...withoutAddon,
      ...notUnder[sanitizer]
    ],
    setupFiles: sanitizer === 'address' ? ['test/sanitizers/check-leaks.ts'] : [],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
