// For tests of the monitor page in a real browser: its dialog.
import type { Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { theBrowser } from './browser.ts'
import { TOKEN } from './operator-door.ts'

export async function openPage(port: number, width = 1280): Promise<Page> {
  const page = await (await theBrowser()).newPage({ viewport: { width, height: 800 } })
  onTestFinished(() => page.close())
  page.setDefaultTimeout(45_000)
  await page.goto(`http://127.0.0.1:${port}/?token=${TOKEN}`)
  return page
}

/** Fills in the dialog, and waits until it has closed. */
export async function confirm(page: Page, button: string, text?: string): Promise<void> {
  if (text !== undefined) await page.locator('#action-text').fill(text)
  await page.locator('#action').getByRole('button', { name: button, exact: true }).click()
  await page.locator('#action').waitFor({ state: 'hidden' })
}
