// No figure of README.md is typed by hand: the section of the benchmarks is what the last published run gives.
import { expect, test } from 'vitest'
import { readmeWith } from '../../bench/readme.ts'
import { projectFiles, textOf } from './files.ts'

const published = 'bench/results/latest.json'

// Nothing was published yet: then there is nothing to compare with.
test.skipIf(!projectFiles.includes(published))('README.md shows the figures of bench/results/latest.json', () => {
  const readme = textOf('README.md')
  expect(readme, 'npm run bench -- --render').toBe(readmeWith(readme, JSON.parse(textOf(published))))
})
