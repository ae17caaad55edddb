// The pages show the simulation's figures as they were measured.
import { expect, test } from 'vitest'
import { pages, pageWith, type SimulationReport } from '../../bench/simulation/report.ts'
import { textOf } from './files.ts'

const published: SimulationReport = JSON.parse(textOf('bench/results/simulation.json'))

test.each(pages)('%s shows the figures of bench/results/simulation.json', (page) => {
  const text = textOf(page)
  expect(text, 'npm run bench:simulation -- --publish').toBe(pageWith(page, text, published))
})
