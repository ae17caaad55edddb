// What takes too long for the suite: npm run test:websocket [-- suite | churn].
import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/websocket/long/{suite,churn}.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 600_000
  }
})
