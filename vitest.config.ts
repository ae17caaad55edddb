import { defineConfig } from 'vitest/config'
import { filesLeftOut } from './test/simulation/left-out.ts'

// What one system alone promises: the other has no such objects.
const ofTheOtherSystem = process.platform === 'win32' ? 'test/linux/**' : 'test/windows/**'

// What no system and no line of Node can change: the sources and the texts, the simulated network,
// the browser's side of the lobby, what stands on Redis. `npm test` has all of it; runs on a second
// system or Node leave it out (--project=system).
const sameEverywhere = [
  'test/house/!(readme|examples).test.ts',
  'test/simulation/**/*.test.ts',
  'test/differential/simulated.test.ts',
  'examples/test/udp-game-weather.test.ts',
  'examples/lobby/**/{browser,web-page,monitor,monitor-actions,monitor-nodes}.test.ts',
  'examples/lobby/test/{seeds,simulated-nodes,unions}.test.ts',
  'examples/lobby/test/{directory,lease,redis-directory,results,deploy-cluster}.test.ts',
  'examples/lobby/test/cluster-{command,seeds}.test.ts'
]

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
          exclude: ['**/node_modules/**', 'test/faults/**', ofTheOtherSystem, ...sameEverywhere]
        }
      },
      {
        extends: true,
        test: { name: 'once', include: sameEverywhere, exclude: ['**/node_modules/**'] }
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
