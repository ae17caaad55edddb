// Strikes each scenario with one fault after another, in this process: arguments are a call, and
// optionally how many occurrences of it to strike. Tells what it did by "done": the findings, and
// how many faults there were. What it is at stands on standard output, for when it crashes.
import { readdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { Checks, pollerScenario, rawScenario, runScenario } from './scenarios.mjs'
import { Faults, RULES } from './shim/control.mjs'
import { callsOfARing, faultsOf, sweptCalls } from './shim/table.mjs'

const [call] = process.argv.slice(2)
const scenarios = { poller: pollerScenario, raw: rawScenario, run: runScenario }
const faults = new Faults()
const findings = []
const survived = {}
let rounds = 0

const descriptors = () => readdirSync('/proc/self/fd').length

async function strike(name, rules, seed, codes, syscalls) {
  const what = `${name}: ${JSON.stringify(rules)}${seed ? ` seed ${seed}` : ''}`
  const checks = new Checks(codes, syscalls)
  const before = descriptors()
  faults.set(rules, seed)
  try {
    await scenarios[name](checks, () => faults.clear())
  } catch (error) {
    checks.findings.push(`an exception that nobody may see: ${error?.stack}`)
  }
  faults.clear()
  rounds++
  const { total } = faults
  // run()'s thread closes what it has a moment after.
  for (let tries = 0; descriptors() > before && tries < 200; tries++) await delay(5)
  checks.that(
    'as many descriptors as before',
    descriptors() === before,
    `${before} before, ${descriptors()} now`
  )
  for (const finding of checks.findings) findings.push(`${what}: ${finding}`)
  for (const { call, error, count } of faults.counts()) {
    const kind = error === undefined ? `${call} cut short` : `${call} fails`
    survived[kind] = (survived[kind] ?? 0) + count
  }
  return total
}

/** Whether pollers make each call by a ring, or none: a scenario has too few for 'auto'. */
function useRing(isOn) {
  process.env.POLLPORT_BATCH_CALLS = isOn ? 'always' : 'auto'
}

const hasRing = process.argv.includes('--ring')

// The first round opens what a process opens once.
await strike('poller', [], 0)
await strike('run', [], 0)

if (call === 'random') {
  await random()
} else {
  useRing(callsOfARing.includes(call))
  for (const { error, limit, times = 1, transparent, syscalls } of faultsOf(call)) {
    for (const name of Object.keys(scenarios)) {
      for (let first = 1; first <= 12; first++) {
        const mayTell = !transparent || (name === 'raw' && syscalls !== undefined)
        const total = await strike(
          name,
          [{ call, first, times, error, limit }],
          0,
          mayTell ? [error] : undefined,
          syscalls
        )
        if (total === 0) break // The scenario makes no more calls of this kind.
      }
      // All of them from the first on, where the program may not notice.
      if (transparent === 'always')
        await strike(name, [{ call, times: 0, error, limit }], 0, undefined, syscalls)
    }
  }
}

// A kernel in a bad mood: first what no program may notice, in a third of all calls; then a handful
// of faults that are reported to it.
async function random() {
  const rounds = Number(process.argv[3] ?? 100)
  const start = Number(process.argv[4] ?? 1)
  for (let seed = start; seed < start + rounds; seed++) {
    const transparent = (call) =>
      faultsOf(call).filter(({ transparent, syscalls }) => transparent && !syscalls)
    // A ring that was asked for with 'always' and is refused is an error.
    const withRing = hasRing && seed % 2 === 1
    useRing(withRing)
    const isLeftOut = (call) => withRing && call === 'io_uring_setup'
    const moods = sweptCalls.filter((call) => transparent(call).length > 0 && !isLeftOut(call))
    const hard = sweptCalls.flatMap((call) =>
      faultsOf(call).flatMap((fault) => (fault.syscalls ? { call, ...fault } : []))
    )
    const soft = moods.slice(seed % 3).map((call, at) => {
      const { error, limit } = transparent(call)[(seed + at) % transparent(call).length]
      return { call, times: 0, oneIn: 3, error, limit }
    })
    const some = [1, 2, 3, 4, 5, 6].map(
      (at) => hard[(seed * 7919 + at * at * 104729) % hard.length]
    )
    for (const name of Object.keys(scenarios)) {
      await strike(name, soft.slice(0, RULES), seed, undefined, [])
      const rules = some.map(({ call, error }) => ({ call, times: 0, oneIn: 10, error }))
      const errors = some.map(({ error }) => error)
      await strike(
        name,
        rules,
        seed,
        errors,
        some.flatMap(({ syscalls }) => syscalls)
      )
    }
  }
}

process.send({ mark: 'done', findings, survived, rounds })
process.disconnect()
