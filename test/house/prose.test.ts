// The project's prose keeps to "How we write" in docs/house.md, as far as a machine can hold it: no
// line over 100 columns that could be shorter, and none of the words that are out.
import { expect, test } from 'vitest'
import { filesUnder, projectFiles, textOf } from './files.ts'
import {
  findingsOfWords,
  type Line,
  proseOfCode,
  proseOfPage,
  wideComments,
  wideLinesOfPage
} from './prose.ts'

// The pages of docs/api are written from the comments of lib/, which are looked at themselves.
const pages = projectFiles.filter((path) => path.endsWith('.md') && !path.startsWith('docs/api/'))
const forms = projectFiles.filter((path) => /^\.github\/.*\.yml$/.test(path))
const code = ['lib', 'native', 'examples', 'bench', 'packages', 'scripts', 'test'].flatMap(
  (folder) => filesUnder(folder, '.ts', '.mjs', '.js', '.h', '.cc', '.c')
)

test('comments and Markdown wrap at 100 columns', () => {
  const found = [
    ...pages.flatMap((path) => at(path, wideLinesOfPage(textOf(path)))),
    ...code.flatMap((path) => at(path, wideComments(textOf(path))))
  ]
  expect(found).toEqual([])
})

test('the words that are out stand in no page, comment or message', () => {
  const sources = [
    ...filesUnder('lib', '.ts'),
    ...filesUnder('packages', '.ts').filter((path) => path.split('/')[2] === 'src'),
    ...filesUnder('native', '.h', '.cc')
  ]
  const found = [
    ...[...pages, ...forms].map((path) => ({ path, prose: proseOfPage(textOf(path)) })),
    ...sources.map((path) => ({ path, prose: proseOfCode(textOf(path)) }))
  ].flatMap(({ path, prose }) => findingsOfWords(prose).map((finding) => `${path}:${finding}`))
  expect(found, 'docs/house.md, "How we write"').toEqual([])
})

function at(path: string, lines: readonly Line[]): string[] {
  return lines.map(({ number, text }) => `${path}:${number}: over 100 columns: ${text.trim()}`)
}

test('the checks see what they are for', () => {
  const words = (text: string) => findingsOfWords(proseOfPage(text)).length
  for (const sentence of [
    'Whoever closes it behind the poller’s back breaks the poller',
    'For whom it has no room, the next `wait()` has',
    'what a peer finished in order is told',
    'What a peer says after that finds nobody',
    'each socket has a receive hanging',
    'it is hung again',
    'hosts without a way',
    'the socket closes when he does',
    'it lets the handle go'
  ])
    expect(words(sentence), sentence).toBeGreaterThan(0)
  expect(words('`whoever` is a name here, and the rest is plain')).toBe(0)
  expect(words('```ts\nconst told = 1 // a name\n```')).toBe(0)
  expect(words('```ts\nwait() // nobody is told\n```')).toBe(1)
  const messages = (text: string) => findingsOfWords(proseOfCode(text)).length
  expect(messages("throw new Error('nobody was told')")).toBe(1)
  expect(messages('/** Told once. */\nconst told = new Set<string>()')).toBe(1)

  const long = 'word '.repeat(21)
  expect(wideLinesOfPage(long)).toHaveLength(1)
  const cannotBeShorter = `| ${long} |\n# ${long}\n\`\`\`sh\n${long}\n\`\`\`\n- [a](${'b'.repeat(99)})`
  expect(wideLinesOfPage(cannotBeShorter)).toEqual([])
  expect(wideComments(`// ${long}\n * ${long}\ncall() // ${long}`)).toHaveLength(3)
  expect(wideComments(`const text = '// ${long}'`)).toEqual([])
})
