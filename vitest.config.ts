import { defineConfig } from 'vitest/config'
import { filesLeftOut } from './test/simulation/left-out.ts'

// What one system alone promises: the other has no such objects.
const ofTheOtherSystem = process.platform === 'win32' ? 'test/linux/**' : 'test/windows/**'

// What runs once, in `npm test`: sources and texts; the simulated network, which is TypeScript alone;
// the lobby's pages; the lobby's seeds, rules and directories, which need no system, or a Redis.
const sameEverywhere = [
  'test/house/!(contributors|examples|readme).test.ts',
  'test/simulation/!(real-work).test.ts',
  'test/differential/simulated.test.ts',
  'examples/test/udp-game-weather.test.ts',
  'examples/lobby/**/{browser,web-page,monitor,monitor-actions,monitor-nodes}.test.ts',
  'examples/lobby/test/{seeds,simulated-nodes,unions}.test.ts',
  'examples/lobby/test/{directory,front,lease,redis-directory,deploy-cluster}.test.ts',
  'examples/lobby/test/{cluster-command,cluster-seeds,growth}.test.ts'
]
const neverHere = ['**/node_modules/**', 'test/faults/**', ofTheOtherSystem]

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
    // Each test file is in one of the first three; the fault lab runs by itself (`test:faults`).
    projects: [
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: [...neverHere, ...sameEverywhere]
        }
      },
      {
        extends: true,
        test: {
          name: 'examples',
          include: ['examples/**/*.test.ts'],
          exclude: [...neverHere, ...sameEverywhere]
        }
      },
      { extends: true, test: { name: 'once', include: sameEverywhere, exclude: neverHere } },
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
