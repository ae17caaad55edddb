// Tests of test/promises/ once more, with a collection of memory between any two calls into native
// code: see collect.ts.
import { defineConfig } from 'vitest/config'

// What makes few calls: the others would take many minutes.
const files = [
  ...[
    'accept',
    'adopt-and-detach',
    'broadcast',
    'buffers-taken-away',
    'connect',
    'half-close',
    'pause'
  ],
  ...[
    'poller-arguments',
    'poller-close',
    'raw-arguments',
    'raw-hand-over',
    'raw-options',
    'raw-tcp',
    'raw-udp',
    'reset',
    'wake'
  ]
]

export default defineConfig({
  test: {
    include: files.map((file) => `test/promises/${file}.test.ts`),
    setupFiles: ['test/faults/collection/collect.ts'],
    pool: 'forks',
    execArgv: ['--expose-gc'],
    // Beside the other worker of the fault lab.
    maxWorkers: 1,
    testTimeout: 60_000
  }
})
