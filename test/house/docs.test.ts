// The pages point at things that exist, and every error code of the library has its section.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { filesUnder, projectFiles, root, textOf } from './files.ts'

test('every code that the library makes up has a section in docs/errors.md', () => {
  const codes = new Set(
    filesUnder('lib', '.ts').flatMap((path) => textOf(path).match(/\bERR_[A-Z_]+[A-Z]\b/g) ?? [])
  )
  const sections = new Set(
    [...textOf('docs/errors.md').matchAll(/^#{2,4} .*$/gm)].flatMap(
      ([line]) => line.match(/\b[A-Z][A-Z_0-9]{3,}\b/g) ?? []
    )
  )
  expect([...codes].filter((code) => !sections.has(code))).toEqual([])
})

test('every link between the pages leads to a file of the project', () => {
  const findings: string[] = []
  for (const page of projectFiles.filter((path) => path.endsWith('.md'))) {
    for (const [, target] of textOf(page).matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (target === undefined || /^[a-z]+:/.test(target)) continue
      if (!existsSync(join(root, dirname(page), target)))
        findings.push(`${page} links to ${target}, which is not there`)
    }
  }
  expect(findings).toEqual([])
})
