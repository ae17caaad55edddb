// Whether a screen of the players' page is in order: axe finds nothing wrong with it, it fits the
// window, and its lists are lists for everybody.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import type { Visitor } from './browser.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds, a line each; with the elements. */
export async function findings(page: Page): Promise<string[]> {
  // By the debugger, which the page's own policy does not bind
  await page.evaluate(axe)
  const violations = (await page.evaluate('axe.run().then(({ violations }) => violations)')) as {
    id: string
    nodes: { html: string; failureSummary: string }[]
  }[]
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`)
  )
}

/** The screen is as it should be: for axe, in width, and for people to look at. */
export async function isInOrder(visitor: Visitor, name: string, wrong: string[]): Promise<void> {
  const { page } = visitor
  // What moves in is seen through while it does, which axe would complain of
  await page.evaluate(
    'Promise.all(document.getAnimations().map((each) => each.playState === "running" && each.effect.getComputedTiming().iterations !== Infinity ? each.finished.catch(() => {}) : undefined))'
  )
  await visitor.show(name)
  wrong.push(...(await findings(page)).map((finding) => `${name}: ${finding}`))
  const { width } = page.viewportSize() ?? { width: 0 }
  const needed = (await page.evaluate('document.documentElement.scrollWidth')) as number
  if (needed > width) wrong.push(`${name}: needs a width of ${needed}`)
  // Nothing that can be pressed lies outside, where nobody can reach it.
  const outside = (await page.evaluate(`[...document.querySelectorAll('button, input, a')]
    .filter((each) => each.checkVisibility() && !each.closest('.visually-hidden'))
    .filter((each) => {
      const { left, right } = each.getBoundingClientRect()
      return left < -1 || right > innerWidth + 1
    })
    .map((each) => each.outerHTML)`)) as string[]
  wrong.push(...outside.map((html) => `${name}: outside: ${html}`))
  const noLists = (await page.evaluate(`[...document.querySelectorAll('ul, ol')]
    .filter((each) => each.checkVisibility() && each.role !== 'list')
    .map((each) => each.id || each.className)`)) as string[]
  wrong.push(...noLists.map((list) => `${name}: Safari takes this for no list: ${list}`))
}
