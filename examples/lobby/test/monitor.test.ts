// The monitor page: its arithmetic by itself, and the whole of it in a real browser, before a
// made-up server.
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import {
  LATENESS_BOUNDS_MS,
  type LatenessCounts,
  latenessAt,
  latenessSince,
  type ServerFigures
} from '../server/server-figures.ts'
import { closeBrowser, theBrowser, whyNoBrowser } from './browser.ts'
import {
  MadeUpServer,
  madeUpFigures,
  madeUpPerson,
  madeUpRoom,
  openDoor,
  TOKEN
} from './operator-door.ts'

// A browser's module, without types for this side.
const { History, latenessBetween } = await import(
  new URL('../monitor/history.js', import.meta.url).href
)

const DEADLINE_MS = 45_000

// ---- Arithmetic ----

const counts = (...first: number[]): LatenessCounts => {
  return {
    boundsMs: LATENESS_BOUNDS_MS,
    counts: [...LATENESS_BOUNDS_MS, 0].map((_, at) => first[at] ?? 0),
    sumMs: 0
  }
}

test('the page reads a histogram as the server does', () => {
  let state = 7
  const random = (below: number) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
  for (let round = 0; round < 200; round++) {
    const before = counts(...LATENESS_BOUNDS_MS.map(() => random(50)), random(50))
    const grown = before.counts.map((count) => count + (random(3) === 0 ? random(40) : 0))
    const now = { ...before, counts: grown }
    const between = latenessSince(now, before)
    const total = between.counts.reduce((sum, count) => sum + count)
    const expected = {
      p50: latenessAt(between, 0.5),
      p99: latenessAt(between, 0.99),
      max: latenessAt(between, 1)
    }
    expect(latenessBetween(now, before)).toEqual(total === 0 ? undefined : expected)
  }
  expect(latenessBetween(counts(5), counts(5))).toBeUndefined()
  expect(latenessBetween(counts(5, ...LATENESS_BOUNDS_MS.map(() => 1)), counts(5)).max).toBe(
    Number.POSITIVE_INFINITY
  )
})

/** What a history says after a server has sent this, a second apart. */
function historyOf(...figures: (Partial<ServerFigures> | undefined)[]) {
  const history = new History()
  for (const [second, own] of figures.entries()) {
    history.add(
      1_000_000 + second * 1000,
      own && madeUpFigures({ uptimeMs: 60_000 + second * 1000, ...own })
    )
  }
  return history
}

test('rates are per second of the server, and there are none before there is something to compare', () => {
  const history = historyOf({ bytesOut: 1000 }, { bytesOut: 3000 }, { bytesOut: 4000 })
  expect(history.samples[0].changes).toBeUndefined()
  expect(history.samples[1].changes.rates.bytesOut).toBe(2000)
  expect(history.samples[2].changes.rates.bytesOut).toBe(1500)
  expect(history.samples[2].changes.gateways).toHaveLength(2)
})

test('a server that was started anew is compared with nothing before, and one that was away is', () => {
  const anew = historyOf(
    { bytesOut: 9000 },
    { bytesOut: 0, uptimeMs: 500 },
    { bytesOut: 100, uptimeMs: 1500 }
  )
  expect(anew.samples[1].changes).toBeUndefined()
  expect(anew.samples[2].changes.rates.bytesOut).toBe(100)
  const away = historyOf({ bytesOut: 0 }, ...Array.from({ length: 9 }, () => undefined), {
    bytesOut: 5000
  })
  expect(away.samples.map(({ figures }: { figures?: object }) => figures !== undefined)).toEqual([
    true,
    ...Array.from({ length: 9 }, () => false),
    true
  ])
  expect(away.latest.changes.rates.bytesOut).toBe(500)
})

test('the history keeps five minutes, and counts their refusals', () => {
  const seconds = Array.from({ length: 400 }, (_, second) => ({
    refusals: { flood: second, draining: 5 }
  }))
  const history = historyOf(...seconds)
  expect(history.samples).toHaveLength(301)
  expect(history.recentRefusals()).toEqual({ flood: 300, draining: 0 })
})

// ---- In a browser ----

afterAll(closeBrowser)

/** A page of the monitor; whatever its console complains of is in `complaints`. */
async function openMonitor(port: number, viewport = { width: 1280, height: 800 }) {
  const page = await (await theBrowser()).newPage({ viewport })
  onTestFinished(() => page.close())
  page.setDefaultTimeout(DEADLINE_MS)
  const complaints: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`http://127.0.0.1:${port}/?token=${TOKEN}`)
  return { page, complaints }
}

const sees = (page: Page, selector: string, text: string) =>
  page.locator(selector).filter({ hasText: text }).first().waitFor()

describe.skipIf(whyNoBrowser !== undefined)(
  whyNoBrowser === undefined ? 'in a browser' : `in a browser: ${whyNoBrowser}`,
  { timeout: 4 * DEADLINE_MS },
  () => {
    test('the page shows the numbers, the plots, the threads and the refusals, and complains of nothing', async () => {
      const server = new MadeUpServer()
      server.figures = () => {
        const uptimeMs = performance.now()
        return madeUpFigures({ uptimeMs, bytesOut: 90_000 * uptimeMs })
      }
      const { port } = openDoor(server)
      const { page, complaints } = await openMonitor(port)
      await sees(page, '#state', 'Running')
      await sees(page, '.tile', 'Players4')
      await sees(page, '.tile', 'Bytes/s out90.0 MB')
      await sees(page, '#threads tr:nth-child(2)', '1000')
      expect(await page.locator('#refusals tr').allTextContents()).toEqual([
        'name-taken07',
        'flood02'
      ])
      expect(await page.locator('#plots canvas').count()).toBe(6)
      await sees(page, '#plots .legend', 'players 4')

      // The arrow keys go back through time, in all plots.
      expect(await page.title()).toBe('Lobby monitor')
      await page.focus('#plots')
      await page.keyboard.press('ArrowLeft')
      await sees(page, '#time', 'At ')
      await page.keyboard.press('Escape')
      await sees(page, '#time', 'Last 5 minutes')
      expect(complaints).toEqual([])
    })

    test('names of rooms and players are text, whatever they look like; a room opens by the keyboard and stays open', async () => {
      const server = new MadeUpServer()
      const nasty = '<img src=x onerror="document.title=1"><b>Den</b>'
      const match = {
        number: 1,
        tick: 30,
        endsInMs: 29_000,
        scores: [{ name: '<i>Ann</i>', score: 3 }]
      }
      const players = [{ name: '<i>Ann</i>', away: false, ready: true }]
      server.allRooms = [
        madeUpRoom('First'),
        madeUpRoom(nasty, {
          players,
          match,
          spectators: ['<u>Eve</u>'],
          hasPassword: true,
          isPrivate: true
        })
      ]
      const { port } = openDoor(server)
      const { page, complaints } = await openMonitor(port)
      const opener = page.getByRole('button', { name: nasty, exact: true })
      await opener.focus()
      await page.keyboard.press('Enter')
      await sees(page, '.detail', '<i>Ann</i>3')
      await sees(page, '.detail', 'Watching: <u>Eve</u>')
      await sees(page, '#rooms tr', 'match, 29 s leftprivatepassword')

      // What comes in the next second changes the room, and neither closes it nor takes the focus
      // away.
      server.allRooms = [
        { ...server.allRooms[1], match: { ...match, scores: [{ name: '<i>Ann</i>', score: 8 }] } }
      ]
      await sees(page, '.detail', '<i>Ann</i>8')
      expect(await page.locator('#rooms > tr:not(.detail)').count()).toBe(1)
      expect(await opener.evaluate((button) => button.matches(':focus'))).toBe(true)
      expect(await page.locator('#rooms :is(img, i, b, u)').count()).toBe(0)
      await page.keyboard.press('Space')
      await page.locator('.detail').waitFor({ state: 'hidden' })
      expect(complaints).toEqual([])
    })

    test('rooms come page by page; when the last page is gone, the one before is shown', async () => {
      const server = new MadeUpServer()
      server.allRooms = Array.from({ length: 45 }, (_, number) => madeUpRoom(`Room ${number}`))
      const { port } = openDoor(server)
      const { page } = await openMonitor(port)
      await sees(page, '#rooms-range', '1 – 20 of 45')
      expect(await page.locator('#rooms-previous').isDisabled()).toBe(true)
      await page.click('#rooms-next')
      await sees(page, '#rooms-range', '21 – 40 of 45')
      await page.click('#rooms-next')
      await sees(page, '#rooms-range', '41 – 45 of 45')
      expect(await page.locator('#rooms-next').isDisabled()).toBe(true)
      server.allRooms = server.allRooms.slice(0, 30)
      await sees(page, '#rooms-range', '11 – 30 of 30')
      server.allRooms = []
      await sees(page, '#no-rooms', 'There are no rooms yet.')
    })

    test('so do players; what you look for begins at its first page', async () => {
      const server = new MadeUpServer()
      server.allPeople = Array.from({ length: 22 }, (_, number) => madeUpPerson(`Guest ${number}`))
      const { port } = openDoor(server)
      const { page } = await openMonitor(port)
      await sees(page, '#people-range', '1 – 20 of 22')
      await page.getByRole('button', { name: 'Next players' }).click()
      await sees(page, '#people-range', '21 – 22 of 22')
      expect(await page.locator('#people th').allTextContents()).toEqual(['Guest 20', 'Guest 21'])
      await page.getByRole('button', { name: 'Previous players' }).click()
      await sees(page, '#people-range', '1 – 20 of 22')
      await page.getByRole('button', { name: 'Next players' }).click()
      await sees(page, '#people-range', '21 – 22 of 22')
      await page.fill('#find-people', 'Guest 1')
      await sees(page, '#people-range', '1 – 11 of 11')
      server.allPeople = []
      await sees(page, '#no-people', 'No players are found.')
    })

    test('a draining server, an unreachable one, and one that is back look different', async () => {
      const server = new MadeUpServer()
      const door = openDoor(server)
      const { page } = await openMonitor(door.port)
      await sees(page, '#state', 'Running')
      expect(await page.locator('#banner').isHidden()).toBe(true)
      server.now = madeUpFigures({ isDraining: true })
      await sees(page, '#state', 'Draining')
      await sees(page, '#banner', 'accepts no new players')
      await door.close()
      await sees(page, '#state', 'Unreachable')
      await sees(page, '#banner', 'The server cannot be reached. The figures below are from')
      expect(await page.title()).toMatch('Unreachable')
      server.now = madeUpFigures({ players: 77 })
      openDoor(server, undefined, door.port)
      await sees(page, '#state', 'Running')
      await sees(page, '.tile', 'Players77')
      expect(await page.locator('#banner').isHidden()).toBe(true)
    })

    test('a phone has room for all of it', async () => {
      const server = new MadeUpServer()
      server.allRooms = [
        madeUpRoom('W'.repeat(24), { spectators: ['Eve'], hasPassword: true, isPrivate: true })
      ]
      const { port } = openDoor(server)
      const { page } = await openMonitor(port, { width: 360, height: 740 })
      await sees(page, '#rooms tr', 'W'.repeat(24))
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
    })
  }
)
