// npm run bench [name…] [-- --quick --rounds N --only C,Poller --node LINE --out FOLDER --publish
// --render]
// A name may be that of several: `ws` is all that begin with `ws-`.
// Runs every competitor of each benchmark in turn, round by round, so that what the machine does
// meanwhile falls on all of them alike; prints tables of medians, writes JSON and a chart.
// --publish puts them into bench/results/, README.md and docs/performance.md, those of named
// benchmarks in the place of the whole run's; --render writes these anew from what was published
// last, by today's goals. --node 26 lets those that Node runs compete a second time, under that
// line of Node.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, cpus, release } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { fetchNode } from '../scripts/cache.mjs'
import { bunProgram, outputOf, prepare, root } from './build.ts'
import { enterUnderNode } from './competitors.ts'
import { killAll, LOAD_CORE, measure } from './measure.ts'
import { type Effort, type Question, usualEffort } from './question.ts'
import { questions } from './questions/all.ts'
import { putIntoPages } from './readme.ts'
import { judgedAnew, type Report, type Run, reportOf, withPart } from './report.ts'
import { tableOf } from './tables.ts'

// Starting a server, opening connections, ending it.
const SECONDS_AROUND_A_RUN = 0.4
const CONNECTIONS_OPENED_A_SECOND = 10_000

const { values: options, positionals: names } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string' },
    node: { type: 'string' },
    out: { type: 'string', default: 'build-bench/results' },
    publish: { type: 'boolean', default: false },
    render: { type: 'boolean', default: false }
  }
})
const published = join(root, 'bench', 'results')

function fail(sentence: string): never {
  console.error(`bench: ${sentence}`)
  process.exit(1)
}

function chosenQuestions(): Question[] {
  const unknown = names.find((name) => !questions.some((question) => isNamed(question, name)))
  if (unknown !== undefined)
    fail(`there is no "${unknown}"; there are ${questions.map(({ name }) => name).join(', ')}`)
  const only = options.only?.split(',')
  return questions
    .filter((question) => names.length === 0 || names.some((name) => isNamed(question, name)))
    .map((question) => ({
      ...question,
      variants: question.variants.filter((variant) => !(options.quick && variant.onlyInFull)),
      competitors: underBothNodes(
        question.competitors.filter((name) => only === undefined || only.includes(name))
      )
    }))
}

/** By its name, or with all whose names begin alike: `ws` is `ws-echo`, `ws-publish` and so on. */
function isNamed(question: Question, name: string): boolean {
  return question.name === name || question.name.startsWith(`${name}-`)
}

function underBothNodes(names: string[]): string[] {
  const line = options.node
  if (line === undefined) return names
  const node = join(fetchNode(line, 'linux', process.arch), 'node')
  return names.flatMap((name) => [name, ...enterUnderNode(name, line, node)])
}

function effortOf(question: Question): Effort {
  const form = options.quick ? 'quick' : 'full'
  const effort = { ...usualEffort[form], ...question[form] }
  return options.rounds === undefined ? effort : { ...effort, rounds: Number(options.rounds) }
}

function estimatedSeconds(question: Question): number {
  const { rounds, warmUpSeconds, seconds } = effortOf(question)
  const ofVariants = question.variants.map(
    ({ connections }) =>
      warmUpSeconds + seconds + SECONDS_AROUND_A_RUN + connections / CONNECTIONS_OPENED_A_SECOND
  )
  return (
    rounds * question.competitors.length * ofVariants.reduce((sum, duration) => sum + duration, 0)
  )
}

/** Rounds outermost, and each round begins with another competitor. */
async function ask(question: Question): Promise<Run[]> {
  const effort = effortOf(question)
  const runs: Run[] = []
  for (let round = 0; round < effort.rounds; round++) {
    for (const variant of question.variants) {
      for (let turn = 0; turn < question.competitors.length; turn++) {
        const competitor = question.competitors[(round + turn) % question.competitors.length]
        const outcome = await measure(question, variant, competitor, effort).catch(
          (error: Error) => error
        )
        runs.push({ variant: variant.name, competitor, outcome })
      }
    }
  }
  return runs
}

function machine(): Report['machine'] {
  return {
    processor: cpus()[0].model.trim(),
    cores: String(cpus().length),
    kernel: release(),
    node: process.versions.node,
    bun: outputOf(bunProgram(), ['--version']) ?? '',
    compiler: outputOf('cc', ['--version']) ?? ''
  }
}

function write(report: Report, folder: string): void {
  mkdirSync(folder, { recursive: true })
  const json = join(folder, 'latest.json')
  // A round is one line, so that a reader finds it and a change is short.
  const text = JSON.stringify(report, undefined, 1).replace(/\{[^{}[\]]*\}/g, (flat) =>
    flat.replace(/\s+/g, ' ')
  )
  writeFileSync(json, `${text}\n`)
  draw(json, join(folder, 'chart.svg'))
}

function lastPublished(): Report {
  return JSON.parse(readFileSync(join(published, 'latest.json'), 'utf8'))
}

/** In a process of its own: Vega is no dependency of the checkout, and its types are not there. */
function draw(json: string, svg: string): void {
  const program = join(root, 'bench', 'extras', 'chart.mjs')
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', program, json, svg], {
    cwd: root
  })
  if (status !== 0) fail(`the chart was not drawn: ${stderr}`)
}

async function main(): Promise<void> {
  if (process.platform !== 'linux' || availableParallelism() < 2) {
    fail('needs Linux and two cores, one for the server and one for the load')
  }
  prepare()
  if (options.render) {
    const report = judgedAnew(lastPublished(), questions)
    write(report, published)
    return putIntoPages(report)
  }
  if (options.publish && (options.quick || options.only !== undefined)) {
    fail('only whole benchmarks are published: no --quick, no --only')
  }
  const chosen = chosenQuestions()
  const seconds = chosen.map(estimatedSeconds).reduce((sum, each) => sum + each, 0)
  console.log(
    `bench: ${chosen.map(({ name }) => name).join(', ')}: about ${(seconds / 60).toFixed(1)} minutes`
  )
  // With the load generator, so that it is not in the server's way.
  spawnSync('taskset', ['-a', '-c', '-p', String(LOAD_CORE), String(process.pid)])

  const command = [
    'npm run bench',
    ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])
  ].join(' ')
  const report: Report = {
    date: new Date().toISOString().slice(0, 10),
    command,
    isQuick: options.quick,
    machine: machine(),
    questions: []
  }
  for (const question of chosen) {
    const ofQuestion = reportOf(question, await ask(question))
    report.questions.push(ofQuestion)
    console.log(`\n${tableOf(ofQuestion)}`)
  }
  const folder = resolve(root, options.out)
  write(report, folder)
  const goals = report.questions.flatMap((question) => question.goals)
  console.log(
    `bench: ${goals.filter((goal) => goal.holds).length} of ${goals.length} goals hold; written to ${folder}`
  )
  const failures = report.questions.flatMap((question) =>
    question.rows.flatMap((row) => row.failures)
  )
  if (failures.length > 0) fail(`${failures.length} runs failed, see above`)
  if (options.publish) {
    const whole = names.length === 0 ? report : withPart(lastPublished(), report)
    write(whole, published)
    putIntoPages(whole)
  }
}

process.on('exit', killAll)
process.on('SIGINT', () => process.exit(130))
process.on('SIGTERM', () => process.exit(143))
await main().catch((error: Error) => fail(error.message))
