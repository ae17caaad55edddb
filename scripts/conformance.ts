// Runs the tests that bear a label of docs/conformance.md, and says for each group of cases how
// many passed, and what was skipped and why.
//
//   npm run conformance [-- --publish]              this system
//   npm run conformance:windows [-- --publish]      Windows' node.exe under Wine, on Linux
//
// A case has passed when at least one of its tests ran and all that ran passed. Ends with 1 if a
// case has not, or if a skipped test has no reason on the page.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { groupsOf, labelsOf, type System, skipsOf } from '../test/support/conformance.ts'
import { publish, type Row } from './figures.ts'

interface TestResult {
  title: string
  status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo'
}

const root = fileURLToPath(new URL('..', import.meta.url))
const underWine = process.argv.includes('--windows')
const system: System = underWine || process.platform === 'win32' ? 'Windows' : 'Linux'
const column = underWine ? 'Windows (Wine)' : system
const command = underWine ? 'npm run conformance:windows' : 'npm run conformance'

const runner = underWine
  ? ['scripts/windows/test.mjs']
  : ['scripts/setup.mjs', '--', 'node_modules/vitest/vitest.mjs', 'run']
const vitest = spawnSync(
  process.execPath,
  [...runner, '--project=system', '--reporter=json', '-t', '[A-Z][.][0-9]+ '],
  {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 28
  }
)
const report = vitest.stdout.split('\n').find((line) => line.startsWith('{"numTotalTestSuites"'))
if (report === undefined) {
  console.error(`${vitest.stdout}\nVitest gave no report`)
  process.exit(1)
}
const files: { assertionResults: TestResult[] }[] = JSON.parse(report).testResults
const tests = files.flatMap((file) => file.assertionResults)

// Under Wine the banner says which Node it was.
const node = /Windows' Node (\d+)/.exec(vitest.stdout)?.[1]
const ranOn = underWine ? `Windows (Wine) x64, Node ${node}` : undefined

const page = readFileSync(`${root}docs/conformance.md`, 'utf8')
const reasonFor = (label: string) =>
  skipsOf(page).find((skip) => skip.label === label && [system, column].includes(skip.system))
    ?.reason

let isWell = true
const rows: Row[] = []
for (const { name, cases } of groupsOf(page)) {
  const asked = cases.filter(({ systems }) => systems.includes(system))
  if (asked.length === 0) {
    rows.push([name, '']) // keeps the groups of both systems in the order of the page
    continue
  }
  let passed = 0
  const remarks: string[] = []
  for (const { label } of asked) {
    const own = tests.filter(({ title }) => labelsOf(title).includes(label))
    const ran = own.filter(({ status }) => status === 'passed' || status === 'failed')
    const failed = own.filter(({ status }) => status === 'failed')
    const skipped = own.filter((test) => !ran.includes(test))
    if (ran.length > 0 && failed.length === 0) passed++
    else isWell = false
    if (ran.length === 0) remarks.push(`  ${label}: no test of it ran`)
    for (const { title } of failed) remarks.push(`  failed: ${title}`)
    for (const { title } of skipped) {
      const reason = reasonFor(label)
      if (reason === undefined) isWell = false
      remarks.push(`  skipped: ${title}\n    ${reason ?? 'docs/conformance.md does not say why'}`)
    }
  }
  rows.push([name, `${passed} of ${asked.length}`])
  console.log([`${name}: ${passed} of ${asked.length} cases`, ...remarks].join('\n'))
}
const ran = tests.filter(
  ({ title, status }) => labelsOf(title).length > 0 && status === 'passed'
).length
rows.push(['tests of these cases', ran])
console.log(`${column}: ${ran} tests of these cases passed`)

if (process.argv.includes('--publish')) {
  if (!isWell) console.error('not published: see above')
  else
    publish(`conformance-${system.toLowerCase()}`, {
      table: 'Conformance',
      column,
      command,
      ranOn,
      rows
    })
}
process.exit(isWell ? 0 : 1)
