// The walls of the lobby: its folders stand one above the other, and no arrow runs up.
// docs/house.md and the lobby's README have the same order.
import { dirname, join } from 'node:path/posix'
import { expect, test } from 'vitest'
import { projectFiles, textOf } from './files.ts'

const LOBBY = 'examples/lobby/'
/** From the bottom to the top: a folder imports from those before it. */
const ORDER = ['wire', 'rules', 'games', 'gateway', 'cluster', 'bots', 'server', 'load']
/** They stand beside the others. A page uses only the types of what is below. */
const PAGES = ['web', 'monitor']
const OTHERS = ['test', 'deploy']

const modules = projectFiles.filter(
  (path) => path.startsWith(LOBBY) && /\.(ts|js|mjs)$/.test(path) && !path.endsWith('.test.ts')
)
const folderOf = (path: string) => path.slice(LOBBY.length).split('/')[0]

/** What a file imports, without what only its comments name. */
function importsOf(path: string): string[] {
  const code = textOf(path)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/^\s*\/\/.*$/gm, '')
  const found = code.matchAll(/(?:\bfrom|\bimport|new URL)\s*\(?\s*'(\.[^']+)'/g)
  return [...found].map(([, specifier]) => join(dirname(path), specifier))
}

test('every file of the lobby stands in a folder of the map', () => {
  const allowed = [...ORDER, ...PAGES, ...OTHERS, 'main.ts', 'place.ts']
  const strangers = modules.filter((path) => !allowed.includes(folderOf(path)))
  expect(strangers, 'the map is in docs/house.md and examples/lobby/README.md').toEqual([])
})

test('no arrow runs up: a folder of the lobby imports from those below it alone', () => {
  const findings: string[] = []
  for (const path of modules) {
    const from = ORDER.indexOf(folderOf(path))
    if (from === -1) continue
    for (const target of importsOf(path)) {
      const to = ORDER.indexOf(folderOf(target))
      const isPageOfGame = /^examples\/lobby\/games\/[^/]+\/\w+\.js$/.test(path)
      if (folderOf(target) === 'place.ts') continue // below all of them
      if (target === dirname(`${LOBBY}main.ts`)) continue // where a program runs
      if (to > from) findings.push(`${path} imports ${target}, which stands above it`)
      else if (to === -1 && !isPageOfGame && PAGES.includes(folderOf(target)))
        continue // served, not imported
      else if (to === -1) findings.push(`${path} imports ${target}, which is outside the order`)
    }
  }
  expect(findings).toEqual([])
})

test('a page imports nothing but its own modules: the server sends a browser no others', () => {
  const findings: string[] = []
  for (const path of modules) {
    const folder = path.slice(LOBBY.length, path.lastIndexOf('/'))
    if (!path.endsWith('.js') || !/^(web|monitor|games\/[^/]+)$/.test(folder)) continue
    for (const target of importsOf(path))
      if (dirname(target) !== `${LOBBY}${folder}`) findings.push(`${path} imports ${target}`)
  }
  expect(findings).toEqual([])
})

test('one game does not know another, and nothing below the games knows any of them', () => {
  const findings: string[] = []
  for (const path of modules) {
    const [folder, own] = path.slice(LOBBY.length).split('/')
    for (const target of importsOf(path)) {
      const [toFolder, game, file] = target.slice(LOBBY.length).split('/')
      if (toFolder !== 'games' || file === undefined || folder === 'test') continue
      const isRegistry = path === `${LOBBY}games/index.ts`
      if (!isRegistry && !(folder === 'games' && own === game))
        findings.push(`${path} imports ${target}: only games/index.ts names a game`)
    }
  }
  expect(findings).toEqual([])
})

test('the words of the coin arena stay in its folder', () => {
  const words = /\b(coins?|arena|steer\w*|CoinHunter)\b/i
  const looks = projectFiles.filter((path) => path.startsWith(LOBBY) && /\.(css|html)$/.test(path))
  const found = [...modules, ...looks]
    .filter((path) => !['games', 'test'].includes(folderOf(path)))
    .flatMap((path) =>
      textOf(path)
        .split('\n')
        .flatMap((line, at) =>
          words.test(line.replace(/coin-arena\.[\w-]+/g, ''))
            ? [`${path}:${at + 1}: ${line.trim()}`]
            : []
        )
    )
  expect(found).toEqual([])
})

test('house.md and the README of the lobby have the order of this test', () => {
  for (const page of ['docs/house.md', `${LOBBY}README.md`])
    expect(textOf(page).replace(/\s+/g, ' '), page).toContain(
      ORDER.map((folder) => `\`${folder}/\``).join(', ')
    )
})
