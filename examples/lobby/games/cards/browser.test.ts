// The card game in a real browser, against a player on Node's own `net`.
import { afterAll, describe, expect, test } from 'vitest'
import { closeBrowser, Visitor, whyNoBrowser } from '../../test/browser.ts'
import { openLobby, Person, until } from '../../test/person.ts'
import { CardPlayer } from './bot.ts'
import type { CardsView } from './rules.ts'

afterAll(closeBrowser)

describe.skipIf(whyNoBrowser !== undefined)('the card game in a browser', () => {
  test('a person chooses the game, plays it by the keyboard to its end, and sees no card of the other hand', async () => {
    const server = await openLobby({ 'cards.handCards': 2, 'cards.turnMs': 600_000 })
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    await ann.press('Create a room')
    await ann.page.getByLabel('Room name').fill('Table')
    await ann.page.locator('#create-game').selectOption({ label: 'Cards' })
    await ann.press('Create')
    await ann.isIn('Table')
    await ann.sees('#how-to', 'play a card of the same suit or rank')

    const bob = await Person.signIn(server, 'Bob')
    bob.send({ type: 'join', room: 'Table' })
    expect(await bob.next('joined')).toMatchObject({ game: 'cards', capacity: 4 })
    bob.send({ type: 'ready' })
    await ann.sees('.seat.is-ready', 'Bob')
    await ann.press('I am ready')
    const { match } = await bob.next('match-started')

    const mind = new CardPlayer(1, () => 0)
    let seq = 0
    let done = 0
    let isPressing = false
    const playable = ann.page.locator('.my-turn .card-hand .fits, .my-turn [data-part="draw"]')
    await ann.page.locator('.card-hand button').nth(1).waitFor()
    await ann.show('cards')
    await ann.page.setViewportSize({ width: 320, height: 640 })
    await ann.show('cards-narrow')
    await until('the match is over', () => {
      const view = bob.all('state').at(-1)?.view as CardsView | undefined
      const input = view && mind.think(view)
      if (input !== undefined && input.turn !== done) {
        done = input.turn
        bob.send({ type: 'input', match, seq: ++seq, input })
      }
      if (view?.player === 0 && !isPressing) {
        isPressing = true
        // One's own turn may be over by then, and the match with it
        playable
          .first()
          .press('Enter', { timeout: 2_000 })
          .catch(() => {})
          .finally(() => {
            isPressing = false
          })
      }
      return bob.all('match-ended').length > 0
    })
    const { winners } = bob.all('match-ended')[0]
    await ann.sees('#result-title', winners[0] === 'Ann' ? 'You win!' : 'Bob wins')
    await ann.sees('#score-word', 'Points')
    await ann.show('cards-result')
    const last = bob.all('state').at(-1)?.view as CardsView | undefined
    const hand = last?.hand ?? []
    expect(last).toBeDefined()
    const ofAnn = JSON.stringify(ann.state)
    for (const card of hand) expect(ofAnn).not.toContain(`"${card}"`)
    const { scrollWidth, clientWidth } = (await ann.page.evaluate(
      '({ scrollWidth: document.body.scrollWidth, clientWidth: document.body.clientWidth })'
    )) as { scrollWidth: number; clientWidth: number }
    expect(scrollWidth).toBeLessThanOrEqual(clientWidth)
    ann.complainsOfNothing()
  })
})
