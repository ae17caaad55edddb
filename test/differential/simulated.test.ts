// The third column: a simulated network tells what epoll tells, scenario for scenario.
import { readFileSync } from 'node:fs'
import { SimulatedNetwork } from 'pollport/simulation'
import { expect, test } from 'vitest'
import { Stage, scenarios } from './scenarios.ts'

type Traces = Record<string, Record<string, string[]>>

/** What a simulated network does not have, or does otherwise, and why. */
const loopback =
  'over the loopback a system connects within the call, and the peer accepts; here a packet is still under way'
const leftOut: Readonly<Record<string, string>> = {
  'given up while connecting': loopback,
  'reset while connecting': loopback,
  'a raw socket is adopted, and given back': 'a simulated network has no raw sockets'
}

const recorded = JSON.parse(
  readFileSync(new URL('./recorded-epoll.json', import.meta.url), 'utf8')
) as Traces
const played = Object.keys(scenarios).filter((name) => !Object.hasOwn(leftOut, name))

test('what is left out is a scenario', () => {
  expect(Object.keys(scenarios)).toEqual(expect.arrayContaining(Object.keys(leftOut)))
  expect(played.length).toBeGreaterThan(20)
})

test.each(played)('%s', { timeout: 30_000 }, async (name) => {
  const host = new SimulatedNetwork({ seed: 1 }).host('10.0.0.1')
  const stage = new Stage(
    (options) => host.poller(options),
    () => host.now
  )
  let traces: Record<string, string[]> = {}
  try {
    await scenarios[name]?.(stage)
  } finally {
    traces = stage.finish()
  }
  expect(traces).toEqual(recorded[name])
})
