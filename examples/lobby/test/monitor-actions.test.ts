// What operators do from the monitor page, in a real browser: the made-up server writes down what
// it was asked for. And axe finds nothing wrong with the page.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { closeBrowser, theBrowser, whyNoBrowser } from './browser.ts'
import { MadeUpServer, madeUpRoom, openDoor, TOKEN } from './operator-door.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

afterAll(closeBrowser)

async function openMonitor(server: MadeUpServer, width = 1280): Promise<Page> {
  const { port } = openDoor(server)
  const page = await (await theBrowser()).newPage({ viewport: { width, height: 800 } })
  onTestFinished(() => page.close())
  page.setDefaultTimeout(45_000)
  await page.goto(`http://127.0.0.1:${port}/?token=${TOKEN}`)
  await page.locator('#people tr').filter({ hasText: 'Ann' }).waitFor()
  return page
}

/** Fills in the dialog, and waits until it has closed. */
async function confirm(page: Page, button: string, text?: string): Promise<void> {
  if (text !== undefined) await page.locator('#action-text').fill(text)
  await page.locator('#action').getByRole('button', { name: button, exact: true }).click()
  await page.locator('#action').waitFor({ state: 'hidden' })
}

async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as {
    id: string
    nodes: { html: string; failureSummary: string }[]
  }[]
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`)
  )
}

describe.skipIf(whyNoBrowser !== undefined)('in a browser', () => {
  test('each action of the page reaches the server, with who did it', async () => {
    const server = new MadeUpServer()
    server.allRooms = [madeUpRoom('Den')]
    const page = await openMonitor(server)
    const press = (name: string) => page.getByRole('button', { name, exact: true }).click()

    await press('Message Ann')
    await page.getByLabel('Your name, for the audit log').fill('Olga')
    await confirm(page, 'Send', 'hello Ann')
    await press('Kick Ann')
    await confirm(page, 'Kick')
    await press('Ban Ann')
    await page.getByLabel('For', { exact: true }).selectOption('1 week')
    await confirm(page, 'Ban', 'spam')
    await page.locator('#reports').filter({ hasText: 'what is your password?' }).waitFor()
    await press('Ban Ann, of report 1')
    await confirm(page, 'Ban', 'asked for passwords')
    await press('Lift the ban of Eve')
    await confirm(page, 'Lift')
    await press('Den')
    await press('Close room Den')
    await confirm(page, 'Close room', 'bad name')
    await press('Announce')
    await confirm(page, 'Announce', 'cake at five')
    await press('Drain')
    await confirm(page, 'Drain')
    expect(server.done).toEqual([
      ['message', 'Ann', 'hello Ann'],
      ['kick', 'Ann', 'no reason given'],
      ['ban', { name: 'Ann', minutes: 10_080, reason: 'spam', withAddress: true, by: 'Olga' }],
      [
        'ban',
        { name: 'Ann', minutes: 60, reason: 'asked for passwords', withAddress: true, by: 'Olga' }
      ],
      ['unban', 1],
      ['close-room', 'Den', 'bad name'],
      ['announce', 'cake at five'],
      ['drain']
    ])
    await page.locator('#audit').filter({ hasText: 'cake at five' }).waitFor()
    expect(server.audit.recent().every(({ by }) => by === 'Olga')).toBe(true)
  })

  test('an action that is refused stays on the screen, with the reason', async () => {
    const server = new MadeUpServer()
    server.audit.write = () => {
      throw new Error('the disk is full')
    }
    const page = await openMonitor(server)
    await page.getByRole('button', { name: 'Kick Ann' }).click()
    await page.locator('#action-yes').click()
    await page.locator('#action-problem').filter({ hasText: 'the disk is full' }).waitFor()
    expect(server.done).toEqual([])
    await page.keyboard.press('Escape')
    await page.locator('#action').waitFor({ state: 'hidden' })
    // The keyboard is where it was.
    expect(await page.evaluate('document.activeElement.textContent')).toBe('Kick')
  })

  test.each([1280, 320])('axe finds nothing wrong with the page, %d pixels wide', async (width) => {
    const server = new MadeUpServer()
    server.allRooms = [madeUpRoom('Den', { spectators: ['Eve'], isPrivate: true })]
    const page = await openMonitor(server, width)
    await page.getByRole('button', { name: 'Den', exact: true }).click()
    expect(await findings(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)
    await page.getByRole('button', { name: 'Ban Ann', exact: true }).click()
    expect(await findings(page)).toEqual([])
  })
})
