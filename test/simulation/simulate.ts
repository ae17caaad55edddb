// npm run simulate [-- --seeds N --first SEED --only NAME,NAME]
// Plays each scenario with so many seeds. The first failure is printed, with the command that plays
// its seed again, and ends the run with 1.
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { scenarios } from './scenarios/all.ts'
import type { Scenario } from './scenarios/scenario.ts'

const PROGRESS_MS = 10_000

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    first: { type: 'string', default: '1' },
    only: { type: 'string' }
  }
})
const seeds = Number(values.seeds)
const first = Number(values.first)
const only = values.only?.split(',')
const chosen = scenarios.filter(({ name }) => only === undefined || only.includes(name))
if (!Number.isSafeInteger(seeds) || seeds < 1 || !Number.isSafeInteger(first) || first < 0)
  fail('--seeds and --first are whole numbers')
if (chosen.length === 0)
  fail(`there is no "${values.only}"; there are ${scenarios.map(({ name }) => name).join(', ')}`)

function fail(sentence: string): never {
  console.error(`simulate: ${sentence}`)
  process.exit(1)
}

async function play(scenario: Scenario): Promise<void> {
  const began = performance.now()
  let told = began
  const rate = (done: number) => (done / ((performance.now() - began) / 1000)).toFixed(1)
  for (let done = 0; done < seeds; done++) {
    const seed = first + done
    await scenario.play(seed).catch((error: Error) => {
      console.error(error.message)
      const again = `npm run simulate -- --seeds 1 --first ${seed} --only '${scenario.name}'`
      fail(`${scenario.name}, seed ${seed} failed. To play it again: ${again}`)
    })
    if (performance.now() - told < PROGRESS_MS) continue
    told = performance.now()
    console.log(`${scenario.name}: ${done + 1} of ${seeds} seeds, ${rate(done + 1)} a second`)
  }
  console.log(`${scenario.name}: ${seeds} seeds passed, ${rate(seeds)} a second`)
}

for (const scenario of chosen) await play(scenario)
