// Every screen of the players' page: axe finds nothing wrong with it, it fits phones and 320 px, it
// works with the keyboard alone, and what has the focus does not lose it.
import type { Page } from 'playwright-core'
import { afterAll, describe, expect, test } from 'vitest'
import type { LobbyServer } from '../server/server.ts'
import { closeBrowser, phone, Visitor, whyNoBrowser } from './browser.ts'
import { isInOrder } from './in-order.ts'
import { openLobby, Person, until } from './person.ts'

const endless = { 'coin-arena.matchMs': 10 * 60_000, 'coin-arena.coinsToWin': 255 }
const narrow = { ...phone, viewport: { width: 320, height: 568 } }

afterAll(closeBrowser)

const focused = (page: Page) =>
  page.evaluate('document.activeElement.id || document.activeElement.textContent')

/** Waits until the focus is there. */
async function hasFocus(page: Page, what: string): Promise<void> {
  let last: unknown
  await expect
    .poll(
      async () => {
        last = await focused(page)
        return last
      },
      { timeout: 45_000 }
    )
    .toBe(what)
}

/** Presses Tab until this has the focus. */
async function tabTo(page: Page, what: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    if ((await focused(page)) === what) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`Tab never comes to ${what}`)
}

/** Each of these is on the screen, and a mouse or a thumb would hit it: nothing lies over it. */
async function canBePressed(page: Page, selector: string): Promise<void> {
  const hidden = await page.evaluate(`[...document.querySelectorAll(${JSON.stringify(selector)})]
    .filter((each) => each.checkVisibility())
    .filter((each) => {
      const { left, top, width, height } = each.getBoundingClientRect()
      return [top + 3, top + height / 2, top + height - 3].some(
        (y) => !each.contains(document.elementFromPoint(left + width / 2, y))
      )
    })
    .map((each) => each.outerHTML)`)
  expect(hidden, selector).toEqual([])
}

/** Ann in front of a browser, and Bob who is on TCP, go through all screens. */
async function showAllScreens(
  server: LobbyServer,
  size: string,
  options: Parameters<typeof Visitor.open>[1]
): Promise<void> {
  /** All of it is reported together. */
  const wrong: string[] = []
  const look = (screen: string) => isInOrder(ann, `${size}-${screen}`, wrong)
  const ann = await Visitor.open(server.webPort, options)
  const { page } = ann
  await look('1-sign-in')
  await page.getByLabel('Your name').fill('Ann with a rather long w')
  await page.keyboard.press('Enter')
  await ann.sees('#no-rooms', 'There are no rooms yet')
  await look('2-empty-lobby')

  const bob = await Person.signIn(server, 'Bob')
  bob.send({ type: 'say', text: 'hello everybody, who is up for a match?' })
  bob.send({ type: 'create', room: 'The room with a long nam', password: 'hen' })
  await bob.next('joined')
  await ann.sees('.room-row', 'The room with a long nam')
  await look('3-lobby')
  const isSmall = await page.getByRole('button', { name: 'People' }).isVisible()
  if (isSmall) {
    for (const tab of ['People', 'Chat']) {
      await page.locator('#lobby .tabs').getByRole('button', { name: tab }).click()
      await look(`3-lobby-${tab.toLowerCase()}`)
    }
    await page.locator('#lobby .tabs').getByRole('button', { name: 'Rooms' }).click()
  }
  await ann.press('Find a match')
  await ann.sees('#alone', 'Nobody else is looking')
  await look('4-queue')
  await page.locator('#unqueue').click()
  await ann.press('Leaderboard and your matches')
  await ann.sees('#leaders-note', 'Nobody has finished')
  await look('5-empty-leaderboard')
  await page.keyboard.press('Escape')
  await ann.press('Join The room with a long nam')
  await ann.sees('#password-dialog', 'Password for')
  await look('6-password')
  await page.keyboard.press('Escape')
  bob.send({ type: 'leave' })
  await bob.next('left')

  await ann.press('Create a room')
  await look('7-create')
  await page.getByRole('radio', { name: 'Only people with the code' }).check()
  await ann.press('Create')
  await page.locator('#room-code').waitFor()
  const code = (await page.locator('#room-code output').textContent()) ?? ''
  await look('8-room-alone')
  await ann.press('Invite')
  await look('9-invite')
  await page.keyboard.press('Escape')
  bob.send({ type: 'join', room: code })
  await bob.next('joined')
  const cleo = await Person.signIn(server, 'Cleopatra the Watcher')
  cleo.send({ type: 'spectate', room: code })
  await cleo.next('joined')
  await ann.sees('.spectator', 'Cleopatra')
  bob.send({ type: 'say', text: 'good luck' })
  if (!isSmall) await ann.sees('#room-chat li', 'good luck')
  await look('10-room')
  await ann.press('Remove Bob')
  await look('11-confirm')
  await page.keyboard.press('Escape')

  bob.send({ type: 'ready', ready: true })
  await ann.press('I am ready')
  await ann.sees('#countdown', 'The match starts in')
  await look('12-countdown')
  await bob.next('match-started')
  await page.locator('#match-view').waitFor()
  await ann.sees('#match-goal', 'First to 255 coins wins. After 600 seconds, most coins win.')
  await look('13-match')
  await ann.context.setOffline(true)
  await ann.sees('#connection', /offline|Connection lost/)
  await look('14-offline')
  await ann.context.setOffline(false)
  await page.locator('#connection').waitFor({ state: 'hidden' })

  bob.send({ type: 'leave' })
  await page.getByRole('heading', { name: 'You win!' }).waitFor()
  await look('15-result')
  await ann.press('Back to the room')
  await ann.press('Leave')
  await ann.press('Leaderboard and your matches')
  await ann.sees('#leaders', 'Ann with')
  await ann.sees('#history', 'won')
  await look('16-leaderboard')
  await page.keyboard.press('Escape')
  if (isSmall) await page.locator('#lobby .tabs').getByRole('button', { name: 'Chat' }).click()
  await ann.say('lobby', '/help')
  await ann.sees('.notice', '/mute NAME')
  await look('17-notice')
  expect(wrong).toEqual([])
}

describe.skipIf(whyNoBrowser !== undefined)('in a browser', () => {
  test.each([
    ['desktop', { viewport: { width: 1280, height: 800 } }],
    ['phone', phone],
    ['narrow', narrow]
  ])('every screen is in order: %s', async (size, options) => {
    const server = await openLobby({ ...endless, countdownMs: 5_000 })
    await showAllScreens(server, size, options)
  })

  test.each([
    ['desktop', 'coin-arena', { viewport: { width: 1280, height: 800 } }],
    ['desktop', 'cards', { viewport: { width: 1280, height: 800 } }],
    ['phone', 'coin-arena', phone],
    ['phone', 'cards', phone],
    ['narrow', 'coin-arena', narrow],
    ['narrow', 'cards', narrow]
  ])(
    'a full match is in order, for those who play and those who watch: %s, %s',
    async (size, game, options) => {
      const server = await openLobby({
        ...endless,
        'cards.handCards': 10,
        'cards.turnMs': 600_000,
        maxNameChars: 24
      })
      const wrong: string[] = []
      const ann = await Visitor.signIn(server.webPort, 'Ann with a rather long w', options)
      const { page } = ann
      await ann.press('Create a room')
      await page.getByLabel('Room name').fill('Den')
      await page.locator('#create-game').selectOption(game)
      await ann.press('Create')
      await ann.isIn('Den')
      await page.locator('#how-to').scrollIntoViewIfNeeded()
      await isInOrder(ann, `${size}-${game}-1-rules`, wrong)

      const seats = game === 'cards' ? 4 : 8
      const names = [
        'Bob',
        'Cleopatra the Watcher',
        'D',
        'Ева',
        'Frederick Barbarossa',
        '李小龍',
        'G'
      ]
      const others: Person[] = []
      for (const name of names.slice(0, seats - 1)) {
        const person = await Person.signIn(server, name)
        person.send({ type: 'join', room: 'Den' })
        await person.next('joined')
        person.send({ type: 'ready' })
        others.push(person)
      }
      const eve = await Visitor.signIn(server.webPort, 'Eve', options)
      await eve.press('Watch Den')
      await eve.isIn('Den')
      await ann.press('I am ready')
      await others[0].next('match-started')
      for (const [visitor, screen] of [
        [ann, '2-match'],
        [eve, '3-watching']
      ] as const) {
        await until('it is on the page', () => visitor.state !== undefined)
        await visitor.page
          .locator('.score, .card-players li')
          .nth(seats - 1)
          .waitFor()
        await isInOrder(visitor, `${size}-${game}-${screen}`, wrong)
      }
      const needed = '#leave, .pad, .game button'
      await canBePressed(page, needed)
      if (size !== 'desktop') {
        const { width = 0, height = 0 } = page.viewportSize() ?? {}
        await page.setViewportSize({ width: height, height: width })
        await isInOrder(ann, `${size}-${game}-4-on-its-side`, wrong)
        await canBePressed(page, needed)
      }
      server.drain()
      await ann.sees('#closing', 'The server shuts down')
      await isInOrder(ann, `${size}-${game}-5-draining`, wrong)
      expect(wrong).toEqual([])
      ann.complainsOfNothing()
      eve.complainsOfNothing()
    }
  )

  test('with the keyboard alone: sign in, create a room, get ready, play, talk, leave', async () => {
    const server = await openLobby(endless)
    const ann = await Visitor.open(server.webPort)
    const { page } = ann
    await hasFocus(page, 'name') // the form is there
    await page.keyboard.type('Ann')
    await page.keyboard.press('Enter')
    await ann.sees('#own-name', 'Ann')
    await tabTo(page, 'queue')
    await page.keyboard.press('Enter')
    await hasFocus(page, 'unqueue')
    await page.keyboard.press('Enter')
    await hasFocus(page, 'queue')
    await tabTo(page, 'open-create')
    await page.keyboard.press('Enter')
    await hasFocus(page, 'create-name')
    await page.keyboard.press('Escape')
    await hasFocus(page, 'open-create')
    await page.keyboard.press('Enter')
    await hasFocus(page, 'create-name')
    await page.keyboard.type('Den')
    await page.keyboard.press('Enter')
    await ann.isIn('Den')
    await hasFocus(page, 'ready')
    const bob = await Person.signIn(server, 'Bob')
    bob.send({ type: 'join', room: 'Den' })
    await bob.next('joined')
    bob.send({ type: 'ready' })
    await ann.sees('.seat.is-ready', 'Bob')
    await page.keyboard.press('Enter')
    await bob.next('match-started')
    await hasFocus(page, 'arena')
    await until('Ann sees the match', () => ann.state !== undefined)
    await page.keyboard.press('Enter')
    await page.keyboard.type('hello')
    await page.keyboard.press('Enter')
    await until('Bob hears it', () => bob.all('chat').some(({ text }) => text === 'hello'))
    await page.keyboard.press('Escape')
    await hasFocus(page, 'arena')
    bob.send({ type: 'leave' })
    await hasFocus(page, 'back-to-room')
    await page.keyboard.press('Enter')
    await hasFocus(page, 'ready')
    await tabTo(page, 'leave')
    await page.keyboard.press('Enter')
    await page.getByRole('button', { name: 'Find a match' }).waitFor()
    ann.complainsOfNothing()
  })

  test('what has the focus and goes away hands it on: a removed player, a refused name', async () => {
    const server = await openLobby(endless)
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    const { page } = ann
    await ann.createRoom('Den')
    const bob = await Person.signIn(server, 'Bob')
    bob.send({ type: 'join', room: 'Den' })
    await bob.next('joined')
    await page.getByRole('button', { name: 'Remove Bob' }).focus()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    await page.keyboard.press('Enter')
    await bob.next('kicked')
    await hasFocus(page, 'ready')

    const dora = await Visitor.open(server.webPort)
    await dora.page.getByLabel('Your name').fill('ann')
    await dora.page.getByRole('button', { name: 'Enter the lobby' }).focus()
    await dora.page.keyboard.press('Enter')
    await dora.sees('#sign-in-reason', 'This name is taken')
    await hasFocus(dora.page, 'name')
  })

  test('a focus that was given up on purpose does not come back', async () => {
    const server = await openLobby(endless)
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    const { page } = ann
    await ann.createRoom('Den')
    await page.locator('#ready').focus()
    await page.locator('#ready').blur()
    const bob = await Person.signIn(server, 'Bob')
    bob.send({ type: 'join', room: 'Den' })
    await page.getByRole('button', { name: 'Remove Bob' }).waitFor() // it was rendered since
    expect(await page.evaluate('document.activeElement.tagName')).toBe('BODY')
    ann.complainsOfNothing()
  })

  test('an invite link leads into the room, after a name was chosen', async () => {
    const server = await openLobby(endless)
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    await ann.createRoom('Secret', { withCode: true })
    await ann.press('Invite')
    const link = await ann.page.getByLabel('Link').inputValue()
    expect(link).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#join=[A-Z0-9]{8}$/)
    const bob = await Visitor.open(server.webPort)
    await bob.page.goto(link)
    await bob.page.reload()
    await bob.sees('#invited', 'You are invited to the room')
    await bob.page.getByLabel('Your name').fill('Bob')
    await bob.press('Enter the lobby')
    await bob.isIn('Secret')
    expect(new URL(bob.page.url()).hash).toBe('')
    // Who is here already and opens another link goes there, too.
    await bob.press('Leave')
    await bob.page.evaluate(`location.hash = ${JSON.stringify(new URL(link).hash)}`)
    await bob.isIn('Secret')
    bob.complainsOfNothing()
  })

  test('a server that falls silent is shown before the connection is given up', async () => {
    const server = await openLobby(endless)
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    // From here on the page gets nothing from its socket, and its clock goes on.
    await ann.page.evaluate(`WebSocket.prototype.send = function () {}`)
    await ann.sees('#connection', 'The server does not answer at the moment')
    for (const { viewport } of [narrow, { viewport: { width: 1280, height: 800 } }]) {
      await ann.page.setViewportSize(viewport)
      const boxes = ['#connection', 'main'].map((part) => ann.page.locator(part).boundingBox())
      const [banner, main] = await Promise.all(boxes)
      expect(banner?.height, 'it hides nothing of what one does').toBeLessThanOrEqual(main?.y ?? 0)
    }
    expect(await ann.page.locator('main').evaluate((main) => (main as HTMLElement).inert)).toBe(
      false
    )
  })

  test('limits are those of the server', async () => {
    const server = await openLobby({ maxNameChars: 5, maxRoomPlayers: 12, minMatchPlayers: 3 })
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    await ann.press('Create a room')
    const name = ann.page.getByLabel('Room name')
    await name.fill('')
    await name.pressSequentially('🦊🦊🦊🦊🦊🦊🦊')
    expect(await name.inputValue()).toBe('🦊🦊🦊🦊🦊')
    const seats = ann.page.getByRole('slider')
    expect([await seats.getAttribute('min'), await seats.getAttribute('max')]).toEqual(['3', '12'])
    await ann.press('Create')
    await ann.sees('#ready-hint', 'A match needs 3 players')
  })
})
