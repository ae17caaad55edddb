// No figure of README.md and docs/performance.md is typed by hand: their tables are what the last
// published run gives. And the arithmetic behind them.
import { expect, test } from 'vitest'
import { collectionFigures } from '../../bench/collections.ts'
import type { Question } from '../../bench/question.ts'
import { questions } from '../../bench/questions/all.ts'
import { pages, pageWith } from '../../bench/readme.ts'
import {
  Absence,
  judgedAnew,
  questionsOf,
  type Report,
  reportOf,
  withPart
} from '../../bench/report.ts'
import { tableOf } from '../../bench/tables.ts'
import { textOf } from './files.ts'

const published: Report = JSON.parse(textOf('bench/results/latest.json'))

for (const page of Object.keys(pages)) {
  test(`${page} shows the figures of bench/results/latest.json`, () => {
    const text = textOf(page)
    expect(text, 'npm run bench -- --render').toBe(pageWith(page, text, published))
  })
}

test('what was published is judged by the goals that the benchmarks have now', () => {
  expect(judgedAnew(published, questions), 'npm run bench -- --render').toEqual(published)
})

test('README.md shows ten rows of the table, and docs/performance.md all', () => {
  const rowsOf = (page: string) =>
    pages[page]?.(published)
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .slice(2)
  expect(rowsOf('README.md')).toHaveLength(10)
  expect(rowsOf('docs/performance.md')).toEqual(
    expect.arrayContaining(rowsOf('README.md') as string[])
  )
})

const question: Question = {
  name: 'made-up',
  title: 'a machine that is slow in its second round',
  role: 'echo',
  load: 'echo',
  variants: [{ name: 'one size', connections: 1, bytes: 64 }],
  competitors: ['C', 'Poller'],
  figure: 'cpuUs',
  columns: [],
  goals: [
    { figure: 'cpuUs', to: 'C', atMost: 1.05 },
    { figure: 'cpuUs', to: 'net', atMost: 1 },
    { figure: 'cpuUs', atMost: 8 }
  ]
}

test('a ratio is the median of the ratios of each round, and a round that failed is left out', () => {
  const runs = [4, 8, 4, 4].flatMap((cpuUs, round) => [
    { variant: 'one size', competitor: 'C', outcome: { cpuUs } },
    {
      variant: 'one size',
      competitor: 'Poller',
      outcome: round === 2 ? new Error('lost') : { cpuUs: cpuUs * 1.1 }
    }
  ])
  const { rows, goals } = reportOf(question, runs)
  expect(rows.map((row) => [row.competitor, row.median.cpuUs, row.failures])).toEqual([
    ['C', 4, []],
    ['Poller', 4.4, ['lost']]
  ])
  expect(goals[0]).toMatchObject({ measured: expect.closeTo(1.1), holds: false })
  expect(goals[1]).toMatchObject({ measured: undefined, holds: false }) // net was not there
  expect(goals[2]).toMatchObject({ measured: expect.closeTo(4.4), holds: true })
})

test('a rival that cannot run here has no figures, and the table says why', () => {
  const reason = new Absence('no binary for this Node')
  const report = reportOf(question, [
    { variant: 'one size', competitor: 'C', outcome: reason },
    { variant: 'one size', competitor: 'Poller', outcome: { cpuUs: 4 } }
  ])
  expect(report.rows[0]).toMatchObject({ median: {}, failures: [] })
  expect(tableOf(report)).toMatch(/\| C +\| cannot run here: no binary for this Node/)
  expect(report.goals[0]).toMatchObject({ measured: undefined, holds: false })
})

test('a benchmark that is published alone takes the place of its older figures, and of no others', () => {
  const made = (date: string, ...names: string[]): Report => ({
    date,
    command: 'npm run bench',
    isQuick: false,
    machine: { processor: '', cores: '2', kernel: '', node: '', bun: '', compiler: '' },
    questions: names.map((name) => ({ ...reportOf({ ...question, name }, []), title: date }))
  })
  const whole = withPart(made('monday', 'echo', 'accept'), made('tuesday', 'accept', 'sizes'))
  const again = withPart(whole, made('wednesday', 'sizes'))
  const datesOf = (report: Report) =>
    questionsOf(report).map(({ name, title }) => `${name} ${title}`)
  expect(datesOf(whole)).toEqual(['echo monday', 'accept tuesday', 'sizes tuesday'])
  expect(datesOf(again)).toEqual(['echo monday', 'accept tuesday', 'sizes wednesday'])
  expect(again.parts).toHaveLength(2)
})

test('what Node prints with --trace-gc is understood: the longest stop of a major collection, and the growth of the heap', () => {
  const minute = 60_000
  const lines = [
    'port 1',
    `[9:0x1]  ${minute} ms: Scavenge 8.0 (9.0) -> 4.0 (9.0) MB, 0.81 / 0.00 ms  (average mu = 1.000, current mu = 1.000) allocation failure; `,
    `[9:0x1]  ${2 * minute} ms: Mark-Compact 9.0 (9.0) -> 5.0 (9.0) MB, 1.50 / 0.00 ms  (+ 8.6 ms in 5 steps since start of marking, biggest step 2.5 ms, walltime since start of marking 28 ms) finalize`,
    `[9:0x1]  ${3 * minute} ms: Mark-Compact (reduce) 9.0 (9.0) -> 6.0 (9.0) MB, pooled: 0 MB, 1.75 / 0.00 ms  (average mu = 1.000) idle task`
  ]
  expect(collectionFigures(lines)).toEqual({
    majorCollections: 2,
    longestMajorMs: 2.5,
    heapMb: 6,
    heapGrowthMb: 1
  })
})
