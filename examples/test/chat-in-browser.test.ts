// The chat of docs/websocket.md, as it stands there, joined by two tabs of a real browser.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { programsOf, writePrograms } from '../../test/house/programs.ts'
import { closeBrowser, theBrowser, whyNoBrowser } from '../lobby/test/browser.ts'

afterAll(closeBrowser)

/** What ends the program on the page: a reader is asked to leave it out. */
const ENDING = /^setTimeout\(\(\) => poller\.close\(\), 100\).*\n/m

/** Starts the program; resolves with the address that it prints. */
async function start(): Promise<string> {
  const [chat = ''] = programsOf('docs/websocket.md')
  expect(chat).toMatch(ENDING)
  const folder = writePrograms([chat.replace(ENDING, '')])
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(folder, 'program-1.ts')],
    { stdio: ['ignore', 'pipe', 'inherit'] } // what it complains about is seen
  )
  const ended = once(child, 'close')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return line.toString().trim()
}

test.skipIf(whyNoBrowser !== undefined)(
  'two tabs of a browser join the chat and talk; one that leaves is missed, one without a name is refused',
  { timeout: 120_000 },
  async () => {
    const address = await start()
    const context = await (await theBrowser()).newContext()
    onTestFinished(() => context.close())
    const open = async (url: string) => {
      const page = await context.newPage()
      page.setDefaultTimeout(45_000)
      await page.goto(url)
      return page
    }
    const ann = await open(address)
    await ann.locator('pre', { hasText: '* ann is here' }).waitFor()
    const bob = await open(address.replace('=ann', '=bob'))
    await ann.locator('pre', { hasText: '* bob is here' }).waitFor()

    await bob.locator('input').fill('hello, ann 👋')
    await bob.locator('input').press('Enter')
    await ann.locator('pre', { hasText: 'bob: hello, ann 👋' }).waitFor()
    await ann.locator('input').fill('hello, bob')
    await ann.locator('input').press('Enter')
    await bob.locator('pre', { hasText: 'ann: hello, bob' }).waitFor()
    expect(await bob.locator('pre').textContent()).toBe(
      '* bob is here\nbob: hello, ann 👋\nann: hello, bob\n'
    )

    await bob.close()
    await ann.locator('pre', { hasText: '* bob has left' }).waitFor()
    const nobody = await open(address.replace('?name=ann', ''))
    await nobody.locator('pre', { hasText: '* closed: 1006' }).waitFor()
  }
)
