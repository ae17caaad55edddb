// No figure of docs/reliability.md is typed by hand: its tables are what the last published runs
// gave.
import { expect, test } from 'vitest'
import { pageWith, publishedRuns } from '../../scripts/figures.ts'
import { textOf } from './files.ts'

test('docs/reliability.md shows the figures of docs/reliability/', () => {
  const page = textOf('docs/reliability.md')
  expect(page, 'node scripts/figures.ts').toBe(pageWith(page, publishedRuns()))
})

test('runs of one table stand side by side, and a figure that a run lacks is left empty', () => {
  const run = (column: string, rows: [string, number | string][]) => {
    return {
      table: 'Faults',
      column,
      command: `npm run ${column}`,
      day: '2026-01-01',
      ranOn: 'a system',
      rows
    }
  }
  const frame = pageWith(textOf('docs/reliability.md'), [])
  const page = pageWith(frame, [
    run('one', [['injected', 12345]]),
    run('two', [['survived', 'all']])
  ])
  expect(page.replace(/ +/g, ' ')).toContain('| injected | 12,345 | |\n| survived | | all |')
  expect(pageWith(page, [])).toBe(frame)
})
