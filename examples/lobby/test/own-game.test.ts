// docs/your-own-game.md, followed word by word: its blocks become files of a fresh copy of the
// lobby, whose server then plays the game with a person and a bot.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { closeBrowser, Visitor, whyNoBrowser } from './browser.ts'
import { Person, until } from './person.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const page = readFileSync(join(root, 'docs', 'your-own-game.md'), 'utf8')
const blocks = [...page.matchAll(/^```\w+ file=(\S+)\n([\s\S]*?)^```$/gm)].map(
  ([, path, text]) => ({ path, text })
)

afterAll(closeBrowser)

/** A copy of the lobby with the files of the page in it. */
function freshCopy(): string {
  // Below the project, so that its packages are found.
  mkdirSync(join(root, 'build-docs'), { recursive: true })
  const folder = mkdtempSync(join(root, 'build-docs', 'own-game-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }))
  cpSync(join(root, 'examples', 'lobby'), folder, {
    recursive: true,
    filter: (path) => !path.includes('node_modules')
  })
  writeFileSync(join(folder, 'vitest.config.js'), 'export default {}\n') // not the project's
  for (const { path, text } of blocks) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}

interface Running {
  port: number
  webPort: number
}

async function start(folder: string, args: string[]): Promise<Running> {
  const ports = ['port', 'udp-port', 'web-port', 'operator-port'].flatMap((flag) => [
    `--${flag}`,
    '0'
  ])
  const all = ['--import', 'tsx', 'main.ts', ...ports, ...args]
  const child = spawn(process.execPath, all, { cwd: folder })
  let text = ''
  let errors = ''
  child.stdout.on('data', (data) => (text += data))
  child.stderr.on('data', (data) => (errors += data))
  onTestFinished(async () => {
    if (child.exitCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const ofPage = () => /in a browser:\s+http:\/\/\S+?:(\d+)/.exec(text)
  await until('it is open', () => {
    if (child.exitCode !== null) throw new Error(errors)
    return ofPage() !== null
  })
  const port = /is open on \S+?:(\d+)/.exec(text)
  return { port: Number(port?.[1]), webPort: Number(ofPage()?.[1]) }
}

test('the game of the page is one file of about sixty lines', () => {
  const game = blocks.find(({ path }) => path === 'games/nim/index.ts')
  expect(game?.text.split('\n').length).toBeLessThan(70)
  expect(blocks.map(({ path }) => path)).toEqual([
    'games/nim/index.ts',
    'games/index.ts',
    'games/nim/page.js',
    'games/nim/nim.test.ts'
  ])
})

test('who follows the page has a game that starts, is played with a bot, and has a page', async () => {
  const server = await start(freshCopy(), ['--bots', '6', '--nim.stones', '9'])
  const ann = await Person.signIn(server, 'Ann')
  expect(ann.all('hello')[0].games[0]).toEqual({ name: 'nim', title: 'Nim', least: 2, most: 4 })
  ann.send({ type: 'queue' })
  const { match, game, players } = await ann.next('match-started')
  expect(game).toBe('nim')
  const own = players.indexOf('Ann')
  let turns = 0
  let seq = 0
  let done = 0
  await until('the match is over', () => {
    const view = ann.all('state').at(-1)?.view as { player: number; turn: number } | undefined
    if (view?.player === own && view.turn !== done) {
      done = view.turn
      turns++
      ann.send({ type: 'input', match, seq: ++seq, input: { turn: done, take: 1 } })
    }
    return ann.all('match-ended').length > 0
  })
  expect(turns).toBeGreaterThan(0)
  expect(ann.all('event').some(({ event }) => (event as { player: number }).player !== own)).toBe(
    true
  )
  expect(ann.all('match-ended')[0].winners).toHaveLength(players.length - 1)

  const response = await fetch(`http://127.0.0.1:${server.webPort}/games/nim/page.js`)
  expect(response.status).toBe(200)
  expect(await response.text()).toBe(blocks.find(({ path }) => path === 'games/nim/page.js')?.text)
  ann.send({ type: 'sign-out' })
})

test.skipIf(whyNoBrowser !== undefined)(
  'its page is played against bots by the keyboard alone: the focus stays where it was, turn by turn',
  async () => {
    const ann = await Visitor.signIn(
      (await start(freshCopy(), ['--nim.stones', '16'])).webPort,
      'Ann'
    )
    const { page } = ann
    await page.getByRole('button', { name: 'Practice against bots' }).press('Enter')
    await ann.sees('#match-goal', 'Of 16 stones, the player who takes the last one loses.')
    const isOn = (button: string) =>
      page.locator('.game button:focus', { hasText: button }).waitFor()
    await ann.sees('#games', '16 stones. Your turn.')
    await isOn('Take 1')
    await page.keyboard.press('Enter')
    await ann.sees('#games', '9 stones. Your turn.')
    await isOn('Take 1')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Tab')
    await isOn('Take 3')
    await page.keyboard.press('Enter')
    await ann.sees('#games', '1 stones. Your turn.')
    await isOn('Take 1') // the others cannot be pressed any more
    await page.keyboard.press('Enter')
    await ann.sees('#result-title', / and Bot \d+ win$/)
    await page.locator('#back-to-room:focus').waitFor()
    ann.complainsOfNothing()
  }
)

test('its own test passes', async () => {
  const folder = freshCopy()
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const child = spawn(process.execPath, [vitest, 'run', 'games/nim'], { cwd: folder })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += data))
  const [code] = await once(child, 'exit')
  expect(code, text).toBe(0)
  expect(text).toContain('1 passed')
})
