import { defineConfig } from 'vitest/config'
import { filesLeftOut } from './test/simulation/left-out.ts'

// What one system alone promises: the other has no such objects.
const ofTheOtherSystem = process.platform === 'win32' ? 'test/linux/**' : 'test/windows/**'

export default defineConfig({
  test: {
    // Processes of their own: a native addon that goes wrong takes one file with it, and
    // descriptors are counted for one file alone.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 20_000,
    hookTimeout: 20_000,
    // Node loads the package, as it does for its users. Vitest would load a file of dist itself, or
    // leave it to Node, by the name under which it found it (with or without node_modules/pollport),
    // which on Windows differs: a test had two copies of the package.
    server: { deps: { external: [/\/dist\//] } },
    projects: [
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/**/*.test.ts', 'examples/**/*.test.ts'],
          // The fault lab runs by itself: `npm run test:faults`.
          exclude: ['**/node_modules/**', 'test/faults/**', ofTheOtherSystem]
        }
      },
      {
        // The promises once more, on a simulated network.
        extends: true,
        test: {
          name: 'simulated',
          include: ['test/promises/*.test.ts'],
          exclude: filesLeftOut.map((name) => `test/promises/${name}`),
          env: { POLLPORT_NETWORK: 'simulated' },
          setupFiles: ['test/support/simulated-setup.ts']
        }
      }
    ]
  }
})
