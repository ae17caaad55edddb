// The promises on a simulated network: a network for each test, and those left out that
// test/simulation/left-out.ts names.
import { basename } from 'node:path'
import { afterAll, afterEach, beforeEach } from 'vitest'
import { reasonFor } from '../simulation/left-out.ts'
import { simulated } from './tested-system.ts'

beforeEach(({ task, skip }) => {
  const reason = reasonFor(basename(task.file.filepath), task.name)
  if (reason !== undefined) skip(reason)
  simulated?.begin()
})

// The network goes on for what closes behind the test.
afterEach(({ task }) => {
  if (task.mode !== 'skip') simulated?.check()
})

afterAll(() => simulated?.end())
