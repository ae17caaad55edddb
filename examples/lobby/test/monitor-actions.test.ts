// What operators do from the monitor page, in a real browser: the made-up server writes down what
// it was asked for. And axe finds nothing wrong with the page.
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, test } from 'vitest'
import { closeBrowser, whyNoBrowser } from './browser.ts'
import { findings } from './in-order.ts'
import { confirm, openPage } from './monitor-page.ts'
import { MadeUpServer, madeUpRoom, openDoor } from './operator-door.ts'

afterAll(closeBrowser)

async function openMonitor(server: MadeUpServer, width = 1280): Promise<Page> {
  const page = await openPage(openDoor(server).port, width)
  await page.locator('#people tr').filter({ hasText: 'Ann' }).waitFor()
  return page
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
