// docs/conformance.md and the tests say the same: every case has a test wherever the page says that
// it holds, and no title bears a label of no case.
import { expect, test } from 'vitest'
import { groupsOf, labelsOf, type System, skipsOf } from '../support/conformance.ts'
import { filesUnder, textOf } from './files.ts'

const page = textOf('docs/conformance.md')
const cases = groupsOf(page).flatMap((group) => group.cases)

/** Where a test file runs: vitest.config.ts leaves the folder of the other system out. */
function systemsOf(path: string): System[] {
  if (path.startsWith('test/linux/')) return ['Linux']
  return path.startsWith('test/windows/') ? ['Windows'] : ['Linux', 'Windows']
}

/**
 * The labels of all titles, with their systems: 'E.1 Linux'. A title stands at the beginning of a
 * string.
 */
function labelsOfTests(): Set<string> {
  const found = new Set<string>()
  for (const path of filesUnder('test', '.test.ts')) {
    if (path === 'test/house/conformance.test.ts') continue
    for (const [, start] of textOf(path).matchAll(/['"`]((?:[A-Z]\.\d+ )+)/g)) {
      for (const label of labelsOf(start))
        for (const system of systemsOf(path)) found.add(`${label} ${system}`)
    }
  }
  return found
}

test('every case of the page has a test that bears its label, on each system that the page names', () => {
  const inTests = labelsOfTests()
  expect(cases.length).toBeGreaterThan(60)
  const missing = cases
    .flatMap(({ label, systems }) => systems.map((system) => `${label} ${system}`))
    .filter((which) => !inTests.has(which))
  expect(missing).toEqual([])
})

test('no title bears a label that the page lacks, and the page has each label once', () => {
  const onPage = cases.map(({ label }) => label)
  expect(onPage).toEqual([...new Set(onPage)])
  expect([...labelsOfTests()].filter((which) => !onPage.includes(which.split(' ')[0]))).toEqual([])
  expect(skipsOf(page).filter(({ label }) => !onPage.includes(label))).toEqual([])
})

test('the labels of a title stand at its beginning', () => {
  expect(labelsOf('S.25 L.4 an exception')).toEqual(['S.25', 'L.4'])
  expect(labelsOf('an exception of L.4 ')).toEqual([])
})
