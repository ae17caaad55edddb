// The nodes of a cluster on the monitor page of one of them: of a real cluster, and in each state
// that a node can be in. And axe finds nothing wrong.
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, test } from 'vitest'
import { closeBrowser, whyNoBrowser } from './browser.ts'
import { findings } from './in-order.ts'
import { confirm, openPage } from './monitor-page.ts'
import { openCluster } from './node-cluster.ts'
import { MadeUpServer, madeUpCluster, madeUpFigures, openDoor } from './operator-door.ts'
import { Person } from './person.ts'

afterAll(closeBrowser)

const row = (page: Page, text: string | RegExp) =>
  page.locator('#nodes tr').filter({ hasText: text })

describe.skipIf(whyNoBrowser !== undefined)('in a browser', { timeout: 180_000 }, () => {
  test('the page of one node shows both, and drains the other one', async () => {
    const patience = { leaseMs: 3_000, drainMs: 600_000, 'coin-arena.matchMs': 600_000 }
    const { nodes } = await openCluster(2, patience)
    const [ann, bob] = await Person.roomOf(nodes[1], 'Ann', 'Bob')
    for (const each of [ann, bob]) each.send({ type: 'ready' })
    for (const each of [ann, bob]) await each.next('match-started')

    const page = await openPage(nodes[0].operatorPort)
    await row(page, /^n1 this node0 *0 *0 *running/).waitFor()
    await row(page, /^n22 *1 *1 *running/).waitFor()
    expect(await page.locator('#nodes tr').count()).toBe(2)
    expect(await page.locator('#directory').textContent()).toBe('The directory is here.')
    expect(await findings(page)).toEqual([])

    const drain = page.getByRole('button', { name: 'Drain node n2', exact: true })
    await drain.click()
    expect(await findings(page)).toEqual([])
    await confirm(page, 'Drain')
    await row(page, /^n2.*draining/).waitFor()
    expect(await drain.isDisabled()).toBe(true)
    expect(nodes.map(({ figures }) => figures.isDraining)).toEqual([false, true])
    bob.send({ type: 'leave' })
    await nodes[1].ended
    await row(page, 'n2').waitFor({ state: 'detached' })
    await row(page, 'n1').waitFor()
  })

  test.each([1280, 320])('each state has its words, %d pixels wide', async (width) => {
    const server = new MadeUpServer()
    const page = await openPage(openDoor(server).port, width)
    await page.locator('#people tr').waitFor()
    expect(await page.locator('#nodes-panel').isHidden()).toBe(true)

    const cluster = madeUpCluster()
    server.now = madeUpFigures({ cluster })
    await row(page, /^n1.*running/).waitFor()
    await row(page, /^n2.*draining/).waitFor()
    await row(page, /^n3.*no link/).waitFor()
    expect(await findings(page)).toEqual([])
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width)

    server.now = madeUpFigures({ cluster: { ...cluster, directory: 'settling' } })
    await row(page, /^n1.*settling/).waitFor()
    server.now = madeUpFigures({ cluster: { ...cluster, directory: 'away', maySpeak: false } })
    await row(page, /^n1.*lost directory/).waitFor()
    await page
      .locator('#directory')
      .filter({ hasText: /away.*This node is silent/ })
      .waitFor()
    expect(await findings(page)).toEqual([])
    server.now = madeUpFigures({ cluster: { ...cluster, directory: 'away', nodes: [] } })
    await page.locator('#no-nodes').waitFor()
  })
})
