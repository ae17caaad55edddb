// Runs Node's tests, each in a process of its own, two at a time; started by run.ts in a network of
// its own. A test that fails over pollport is run over the control, and what fails there too is
// skipped: it asks for more than any stream of this shim gives.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { parseArgs } from 'node:util'
import { expectedDifferences } from './expected.ts'
import { modules, reasonToSkip } from './rules.ts'

const LANES = 2
const TIMEOUT_MS = 15_000
/** Of the sorted list, which is every nth that the sample has. */
const SAMPLE_STEP = 6

type Transport = 'pollport' | 'net'
type Outcome = 'passed' | 'failed' | 'skipped' | 'expected'

interface Run {
  readonly passed: boolean
  readonly connected: boolean
  /** The reason that the test itself gives for not running here. */
  readonly skips: string | undefined
  readonly output: string
}

interface Result {
  readonly name: string
  readonly outcome: Outcome
  /** Why it was skipped, is expected to fail, or failed. */
  readonly why?: string
  readonly output?: string
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'boolean', default: false },
    control: { type: 'boolean', default: false }
  }
})
const [source = '', ...wanted] = positionals
const parallel = join(source, 'test', 'parallel')
const temporary = mkdtempSync(join(tmpdir(), 'pollport-node-tests-'))
process.once('exit', () => rmSync(temporary, { recursive: true, force: true }))

const expected = new Map(
  expectedDifferences.flatMap((difference) =>
    difference.tests.map((name) => [name, difference] as const)
  )
)

function moduleOf(name: string): string {
  return /^test-([a-z0-9]+)/.exec(name)?.[1] ?? ''
}

/** One test's process, which is over with all that it started when the promise is fulfilled. */
function runTest(file: string, text: string, transport: Transport, lane: number): Promise<Run> {
  const folder = join(temporary, `lane-${lane}`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder)
  const tally = join(folder, 'tally')
  const flags = /^\/\/ Flags:(.*)$/m.exec(text)?.[1].trim().split(/\s+/) ?? []
  const shim = new URL('shim.mjs', import.meta.url).href
  const child = spawn(process.execPath, [...flags, '--import', shim, file], {
    cwd: source,
    detached: true, // A group of its own, so that all of it can be ended.
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      HOME: process.env.HOME,
      NODE_TEST_DIR: folder,
      TEST_THREAD_ID: String(lane),
      POLLPORT_NODE_TALLY: tally,
      POLLPORT_NODE_TRANSPORT: new URL(`over-${transport}.mjs`, import.meta.url).href
    }
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (data: string) => {
      if (output.length < 64 * 1024) output += data
    })
  }
  const endAll = () => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL')
    } catch {} // Nothing is left of it.
  }
  let isLate = false
  const late = setTimeout(() => {
    isLate = true
    endAll()
  }, TIMEOUT_MS)
  return new Promise((resolve) => {
    child.on('exit', endAll)
    child.on('close', (code, signal) => {
      clearTimeout(late)
      if (isLate) output += `\nended after ${TIMEOUT_MS / 1000} s\n`
      else if (signal !== null) output += `\nended by ${signal}\n`
      const connected = readdirSync(folder).includes(basename(tally))
      resolve({
        passed: code === 0,
        connected,
        skips: /^1\.\.0 # Skipped: (.*)$/m.exec(output)?.[1],
        output
      })
    })
  })
}

async function judge(name: string, lane: number): Promise<Result> {
  const file = join(parallel, `${name}.js`)
  const text = readFileSync(file, 'utf8')
  const why = reasonToSkip(text)
  if (why !== undefined) return { name, outcome: 'skipped', why }
  const run = await runTest(file, text, values.control ? 'net' : 'pollport', lane)
  const difference = values.control ? undefined : expected.get(name)
  const reason = difference?.varies ? undefined : difference?.reason
  if (run.passed && run.skips !== undefined)
    return { name, outcome: 'skipped', why: `itself: ${run.skips}` }
  if (run.passed && !run.connected) return { name, outcome: 'skipped', why: 'opens no connection' }
  if (run.passed && reason !== undefined) {
    return {
      name,
      outcome: 'failed',
      why: 'passes, and is in expected.ts: take it off',
      output: ''
    }
  }
  if (run.passed) return { name, outcome: 'passed' }
  if (values.control) return { name, outcome: 'failed', output: run.output }
  const control = await runTest(file, text, 'net', lane)
  if (!control.passed) {
    if (reason !== undefined)
      return { name, outcome: 'failed', why: 'fails over the control too: take it off expected.ts' }
    return { name, outcome: 'skipped', why: 'fails over the control too' }
  }
  if (difference !== undefined) return { name, outcome: 'expected', why: difference.reason }
  return { name, outcome: 'failed', output: run.output }
}

function selected(): string[] {
  const names = readdirSync(parallel)
    .filter((file) => file.endsWith('.js'))
    .map((file) => file.slice(0, -3))
    .sort()
  const unknown = [...expected.keys()].filter((name) => !names.includes(name))
  if (unknown.length > 0)
    throw new Error(`expected.ts lists what there is not: ${unknown.join(', ')}`)
  const chosen =
    wanted.length === 0
      ? names
      : names.filter((name) => wanted.some((part) => new RegExp(part).test(name)))
  return values.sample ? chosen.filter((_, position) => position % SAMPLE_STEP === 0) : chosen
}

/** All of them in lanes, as each lane becomes free. */
async function runAll(names: readonly string[], lanes: number): Promise<Result[]> {
  const results: Result[] = []
  const left = [...names]
  const lane = async (number: number) => {
    for (let name = left.shift(); name !== undefined; name = left.shift())
      results.push(await judge(name, number))
  }
  await Promise.all(Array.from({ length: lanes }, (_, number) => lane(number)))
  return results
}

function countOf(results: readonly Result[], outcome: Outcome): number {
  return results.filter((result) => result.outcome === outcome).length
}

function countReasons(results: readonly Result[]): [string, number][] {
  const counts = new Map<string, number>()
  for (const { why = '' } of results) counts.set(why, (counts.get(why) ?? 0) + 1)
  return [...counts].sort(([, one], [, other]) => other - one)
}

/** Where it went wrong stands at the end, or before the trace of the stack. */
function shortened(output: string): string {
  const lines = output.trim().split('\n')
  return lines.length <= 40
    ? lines.join('\n')
    : [...lines.slice(0, 20), '…', ...lines.slice(-20)].join('\n')
}

const names = selected()
const results = new Map((await runAll(names, LANES)).map((result) => [result.name, result]))
// A test that the other lane disturbed gets a second chance alone, and is named.
const again = [...results.values()].filter(
  ({ outcome, why }) => outcome === 'failed' && why === undefined
)
for (const result of again.length > 20
  ? []
  : await runAll(
      again.map(({ name }) => name),
      1
    )) {
  if (result.outcome === 'passed') console.log(`${result.name}: passed only alone`)
  results.set(result.name, result)
}

const all = [...results.values()]
for (const { name, outcome, why, output } of all) {
  if (outcome !== 'failed') continue
  console.log(`\nfailed: ${name}${why === undefined ? '' : ` (${why})`}`)
  if (output) console.log(shortened(output))
}
console.log(
  `\nOver ${values.control ? "the control (a stream.Duplex around Node's own sockets)" : 'pollport'}:`
)
for (const name of modules) {
  const own = all.filter((result) => moduleOf(result.name) === name)
  if (own.length === 0) continue
  const counts = (['passed', 'failed', 'expected', 'skipped'] as const).map(
    (outcome) => `${countOf(own, outcome)} ${outcome}`
  )
  console.log(`  ${name}: ${counts.join(', ')}`)
}
for (const outcome of ['expected', 'skipped'] as const) {
  const own = all.filter((result) => result.outcome === outcome)
  if (own.length > 0) console.log(outcome === 'expected' ? 'Failed as expected:' : 'Skipped:')
  for (const [why, count] of countReasons(own)) console.log(`  ${count}: ${why}`)
}
const [passed, failed, skipped] = (['passed', 'failed', 'skipped'] as const).map((outcome) =>
  countOf(all, outcome)
)
const asExpected = values.control ? '' : `, ${countOf(all, 'expected')} failed as expected`
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped${asExpected}`)
process.exitCode = failed === 0 ? 0 : 1
