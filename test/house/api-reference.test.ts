// The API reference: the pages of docs/api are what TypeDoc makes of the doc comments now, and a
// search in the site finds the classes.
import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { promisify } from 'node:util'
import { inflateSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isWindows } from '../support/system.ts'
import { root, textOf } from './files.ts'

const deadlineMs = 120_000
const parent = join(root, 'build-reference')
mkdirSync(parent, { recursive: true })
const folder = mkdtempSync(join(parent, 'made-'))
const pages = join(folder, 'pages')
const site = join(folder, 'site')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// One run makes both. TypeDoc is the same on every system: Windows need not make them too.
beforeAll(async () => {
  if (isWindows) return
  const options = join(folder, 'typedoc.json')
  writeFileSync(
    options,
    JSON.stringify({
      extends: [join(root, 'typedoc.markdown.json')],
      outputs: [
        { name: 'markdown', path: pages },
        { name: 'html', path: site }
      ]
    })
  )
  const typedoc = join(root, 'node_modules', 'typedoc', 'bin', 'typedoc')
  await promisify(execFile)(process.execPath, [typedoc, '--options', options], { cwd: root })
}, deadlineMs)

test.skipIf(isWindows)('docs/api is up to date: npm run docs:api writes it', () => {
  const namesOf = (path: string) =>
    readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.md'))
      .sort()
  const committed = join(root, 'docs', 'api')
  expect(namesOf(committed)).toEqual(namesOf(pages))
  const stale = namesOf(pages).filter(
    (name) =>
      readFileSync(join(pages, name), 'utf8') !== readFileSync(join(committed, name), 'utf8')
  )
  expect(stale).toEqual([])
})

test.skipIf(isWindows)('a search in the site finds the main classes and functions', () => {
  const script = readFileSync(join(site, 'assets', 'search.js'), 'utf8')
  const packed = /"([^"]+)"/.exec(script)?.[1] ?? ''
  const index = inflateSync(Buffer.from(packed, 'base64')).toString()
  const found = (JSON.parse(index) as { rows: { name: string }[] }).rows.map(({ name }) => name)
  for (const name of ['Poller', 'TcpConnection', 'UdpSocket', 'Epoll', 'Iocp', 'runLoop'])
    expect(found).toContain(name)
})

test('each entry point of the package is one of the reference', () => {
  const { exports } = JSON.parse(textOf('package.json')) as { exports: Record<string, unknown> }
  const { entryPoints } = JSON.parse(textOf('typedoc.json')) as { entryPoints: string[] }
  const entries = Object.keys(exports).filter((name) => !name.endsWith('.json'))
  expect(entryPoints).toEqual(entries.map((name) => posix.join('lib', name, 'index.ts')))
})
