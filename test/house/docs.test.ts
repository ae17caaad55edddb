// The pages point at things that exist, and every error code of the library has its section.
import { existsSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
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

/** Where a link leads that is written for readers of the package, too. */
const repository = 'https://github.com/pollport/pollport'

/** The path in the repository that an absolute link names; undefined for links to elsewhere. */
function pathInRepository(link: string): string | undefined {
  return new RegExp(`^${repository}/(?:blob|raw)/main/([^#]+)`).exec(link)?.[1]
}

const { files: packaged } = JSON.parse(textOf('package.json')) as { files: string[] }

/** Whether the package holds a file: `files` of package.json, and what npm always adds. */
function isPackaged(path: string): boolean {
  if (['README.md', 'LICENSE', 'package.json'].includes(path)) return true
  let isIn = false
  for (const entry of packaged) {
    const name = entry.replace(/^!/, '')
    const pattern = name.replaceAll('.', '\\.').replaceAll('*', '[^/]*')
    if (new RegExp(`^${pattern}(?:/|$)`).test(path)) isIn = !entry.startsWith('!')
  }
  return isIn
}

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const headings = textOf(page)
    .replace(/^```[\s\S]*?^```$/gm, '')
    .matchAll(/^#+ (.*)$/gm)
  const anchors = new Set<string>()
  for (const [, heading] of headings) {
    const text = (heading as string).toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, '')
    const anchor = text.trim().replace(/\s/g, '-')
    let unique = anchor
    for (let count = 1; anchors.has(unique); count++) unique = `${anchor}-${count}`
    anchors.add(unique)
  }
  return anchors
}

test('every link between the pages leads to a file of the project, and to a heading that it has', () => {
  const findings: string[] = []
  for (const page of projectFiles.filter((path) => path.endsWith('.md'))) {
    for (const [, link] of textOf(page).matchAll(/\]\(([^)\s]+)[^)]*\)/g)) {
      if (link === undefined || /^[a-z]+:/.test(link)) continue
      const [file, anchor] = link.split('#') as [string, string | undefined]
      const target = file === '' ? page : join(dirname(page), file)
      if (!existsSync(join(root, target)))
        findings.push(`${page} links to ${link}, which is not there`)
      else if (anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor))
        findings.push(`${page} links to ${link}: ${target} has no such heading`)
    }
  }
  expect(findings).toEqual([])
})

test('an absolute link into the repository leads to a file of it', () => {
  const findings = projectFiles
    .filter((path) => path.endsWith('.md'))
    .flatMap((page) =>
      [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, link = '']) => pathInRepository(link))
        .filter((path) => path !== undefined && !existsSync(join(root, path)))
        .map((path) => `${page} links to ${path} of the repository, which is not there`)
    )
  expect(findings).toEqual([])
})

test('a page of the package links to files of the package, or to the repository by its address', () => {
  const pages = projectFiles.filter((path) => path.endsWith('.md') && isPackaged(path))
  expect(pages).toContain('docs/guide.md')
  expect(isPackaged('docs/api/README.md')).toBe(false)
  const findings = pages.flatMap((page) =>
    [...textOf(page).matchAll(/\]\(([^)\s#]+)[^)]*\)/g)]
      .filter(([, link = '']) => !/^[a-z]+:/.test(link))
      .map(([, link = '']) => posix.join(posix.dirname(page), link))
      .filter((target) => !isPackaged(target))
      .map((target) => `${page} links to ${target}, which is not in the package`)
  )
  expect(findings).toEqual([])
})

test('every file that a page names in backticks is there', () => {
  const folders = new Set(projectFiles.flatMap((path) => parentsOf(path)))
  const findings: string[] = []
  for (const page of projectFiles.filter((path) => path.endsWith('.md'))) {
    const prose = textOf(page).replace(/^```[\s\S]*?^```$/gm, '')
    const named = /`((?:lib|native|test|bench|scripts|examples|docs)\/[\w./-]+)`/g
    for (const [, path] of prose.matchAll(named)) {
      const name = (path as string).replace(/\/$/, '')
      if (!projectFiles.includes(name) && !folders.has(name))
        findings.push(`${page} names ${path}, which is not there`)
    }
  }
  expect(findings).toEqual([])
})

/** The folders that a file stands in, from the root on. */
function parentsOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1)
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'))
}
