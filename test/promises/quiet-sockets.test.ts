// Some states of a socket are reported by the system without end, whatever was asked for: hang-ups,
// errors, a UDP socket that was shut down. None of them keeps a wait() from waiting. Measured as
// processor time, in a process of its own.
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'

const MOST_CPU_MS = 60

interface Scenario {
  name: string
  cpuMs: number
  waits: number
  refused?: string
}

test('no state of a socket makes a wait() spin', async () => {
  const child = startChild(new URL('../support/quiet-sockets.mjs', import.meta.url), {
    args: [String(MOST_CPU_MS)]
  })
  const scenarios: Scenario[] = []
  child.process.on('message', (message) => scenarios.push(message as Scenario))
  expect(await child.ended).toMatchObject({ code: 0 })
  expect(scenarios.length).toBeGreaterThan(10)
  // A wait of 400 ms that spins has all of that time, or its share of a busy machine; one that
  // waits has a few slices.
  expect(scenarios.filter(({ cpuMs, waits }) => cpuMs >= MOST_CPU_MS || waits > 20)).toEqual([])
  // Windows has no receives for a socket that was shut down, and says so.
  if (process.platform !== 'win32')
    expect(scenarios.filter(({ refused }) => refused !== undefined)).toEqual([])
})
