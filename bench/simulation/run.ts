// npm run bench:simulation [-- --quick --publish]
// Simulated clients of one server in one process, from a thousand to a million: packets a second of
// processor time, and memory. Each size is a process of its own. --publish writes
// bench/results/simulation.json, its chart, and the tables of the pages.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { installExtras, root } from '../build.ts'
import { type Crowd, pages, pageWith, type SimulationReport, tableOf } from './report.ts'

const SIZES = [1000, 10_000, 100_000, 1_000_000]
const QUICK_SIZES = [1000, 10_000]
const MESSAGES = 1_000_000
const QUICK_MESSAGES = 100_000
// The young generation holds what is on its way: without room it is copied to the old one, and
// collected there.
const nodeOptions = ['--expose-gc', '--max-old-space-size=8000', '--max-semi-space-size=64']

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false }
  }
})

function measure(clients: number): Crowd {
  const program = join(root, 'bench', 'simulation', 'crowd.mjs')
  const messages = options.quick ? QUICK_MESSAGES : MESSAGES
  const args = ['--clients', String(clients), '--messages', String(messages)]
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...nodeOptions, program, ...args],
    { cwd: root, encoding: 'utf8' }
  )
  if (status !== 0) throw new Error(`${clients} clients: ${stderr}`)
  const crowd: Crowd = JSON.parse(stdout)
  if (crowd.answered < crowd.clients * 0.9)
    throw new Error(`of ${clients} clients only ${crowd.answered} messages came back`)
  return crowd
}

function draw(json: string, svg: string): void {
  installExtras()
  const program = join(root, 'bench', 'extras', 'simulation-chart.mjs')
  const { status, stderr } = spawnSync(process.execPath, [program, json, svg], { cwd: root })
  if (status !== 0) throw new Error(`the chart was not drawn: ${stderr}`)
}

function publish(report: SimulationReport): void {
  const json = join(root, 'bench', 'results', 'simulation.json')
  writeFileSync(json, `${JSON.stringify(report, undefined, 1)}\n`)
  draw(json, join(root, 'bench', 'results', 'simulation.svg'))
  for (const page of pages) {
    const path = join(root, page)
    writeFileSync(path, pageWith(page, readFileSync(path, 'utf8'), report))
  }
}

if (options.publish && options.quick) throw new Error('only the whole benchmark is published')
const crowds: Crowd[] = []
for (const clients of options.quick ? QUICK_SIZES : SIZES) {
  crowds.push(measure(clients))
  console.error(`bench: ${clients.toLocaleString('en')} clients are done`)
}
const report: SimulationReport = {
  date: new Date().toISOString().slice(0, 10),
  command: ['npm run bench:simulation', ...process.argv.slice(2)].join(' -- '),
  machine: `${cpus()[0].model.trim()}, Linux ${release()}, Node ${process.versions.node}`,
  crowds
}
console.log(tableOf(report))
if (options.publish) publish(report)
