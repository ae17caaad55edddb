// For tests of the monitor page in a real browser: its dialog, and what axe finds.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import { onTestFinished } from 'vitest'
import { theBrowser } from './browser.ts'
import { TOKEN } from './operator-door.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

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

export async function findings(page: Page): Promise<string[]> {
  await page.evaluate(axe)
  const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as {
    id: string
    nodes: { html: string; failureSummary: string }[]
  }[]
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`)
  )
}
