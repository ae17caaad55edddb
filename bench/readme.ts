// Puts the figures of a report into README.md (some rows) and docs/performance.md (all rows),
// between two markers each, so that none is ever typed by hand.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './build.ts'
import type { Report } from './report.ts'
import { goalsSection, readmeSection } from './tables.ts'

const markers = ['<!-- bench: written by npm run bench -->\n', '<!-- bench: end -->\n'] as const

/** The pages that show figures, and what each shows. */
export const pages: Readonly<Record<string, (report: Report) => string>> = {
  'README.md': readmeSection,
  'docs/performance.md': goalsSection
}

/** A page with the report's section in it. */
export function pageWith(path: string, text: string, report: Report): string {
  const [before, rest] = text.split(markers[0])
  const [, after] = (rest ?? '').split(markers[1])
  if (after === undefined) throw new Error(`${path} has lost the markers of its benchmarks`)
  return `${before}${markers[0]}\n${pages[path](report)}\n${markers[1]}${after}`
}

export function putIntoPages(report: Report): void {
  for (const page of Object.keys(pages)) {
    const path = join(root, page)
    writeFileSync(path, pageWith(page, readFileSync(path, 'utf8'), report))
  }
}
