// Puts the figures of a report into README.md, between its two markers, so that none is ever typed
// by hand.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './build.ts'
import type { Report } from './report.ts'
import { readmeSection } from './tables.ts'

export const markers = [
  '<!-- bench: written by npm run bench -->\n',
  '<!-- bench: end -->\n'
] as const

/** README.md with the section of the report in it. */
export function readmeWith(readme: string, report: Report): string {
  const [before, rest] = readme.split(markers[0])
  const [, after] = (rest ?? '').split(markers[1])
  if (after === undefined) throw new Error('README.md has lost the markers of its benchmarks')
  return `${before}${markers[0]}\n${readmeSection(report)}\n${markers[1]}${after}`
}

export function putIntoReadme(report: Report): void {
  const path = join(root, 'README.md')
  writeFileSync(path, readmeWith(readFileSync(path, 'utf8'), report))
}
