// The players' page in a real browser, before a real server, together with players on Node's own
// `net`. Every wait is for something that the page shows or the server sends.
import { afterAll, describe, expect, test } from 'vitest'
import type { LobbyServer } from '../server/server.ts'
import { Cable, closeBrowser, phone, Visitor, whyNoBrowser } from './browser.ts'
import { openLobby, Person, until } from './person.ts'

/** A match lasts until a test ends it: nobody wins by coins or by the clock meanwhile. */
const endless = { 'coin-arena.matchMs': 10 * 60_000, 'coin-arena.coinsToWin': 255 }
/**
 * What a browser says of a WebSocket that it cannot open: of a cable that is out, or of its own
 * being offline.
 */
const lostSocket = /^WebSocket connection to 'ws:\/\/127\.0\.0\.1:\d+\/play' failed/
const HOSTILE = '<img src=x onerror="document.title=1">'

afterAll(closeBrowser)

/** Ann at a browser and Bob on TCP, in a match in Den. Ann sits first. */
async function startMatch(
  server: LobbyServer,
  webPort: number
): Promise<{ ann: Visitor; bob: Person }> {
  const ann = await Visitor.signIn(webPort, 'Ann')
  await ann.createRoom('Den')
  const bob = await Person.signIn(server, 'Bob')
  bob.send({ type: 'join', room: 'Den' })
  await bob.next('joined')
  bob.send({ type: 'ready', ready: true })
  await ann.sees('.seat.is-ready', 'Bob')
  await ann.press('I am ready')
  await bob.next('match-started')
  await until('Ann sees where she is', () => !Number.isNaN(ann.placeOf(0).x))
  return { ann, bob }
}

async function holdsUntil(
  ann: Visitor,
  key: string,
  what: string,
  isTrue: () => boolean
): Promise<void> {
  await ann.page.keyboard.down(key)
  await until(what, isTrue)
  await ann.page.keyboard.up(key)
}

if (whyNoBrowser !== undefined) console.warn(`The page is not tried in a browser: ${whyNoBrowser}`)

describe.skipIf(whyNoBrowser !== undefined)('in a browser', () => {
  test('a person signs in, makes a room, talks with a player on TCP, gets ready and plays', async () => {
    const server = await openLobby({ ...endless, countdownMs: 1_000 })
    const ann = await Visitor.open(server.webPort)
    await ann.show('sign-in')
    await ann.page.getByLabel('Your name').fill('Ann')
    await ann.page.keyboard.press('Enter')
    await ann.sees('#own-name', 'Ann')
    await ann.sees('#no-rooms', 'There are no rooms yet')

    const bob = await Person.signIn(server, 'Bob')
    bob.send({ type: 'say', text: 'hello everybody' })
    await ann.sees('#lobby-chat li', 'Bob hello everybody')
    await ann.say('lobby', 'hello Bob')
    expect(await bob.next('chat')).toMatchObject({ from: 'Bob' })
    expect(await bob.next('chat')).toMatchObject({ from: 'Ann', text: 'hello Bob' })
    await ann.sees('.person-row[data-where=lobby]', 'Bob')
    await ann.show('lobby')

    await ann.createRoom('Den')
    bob.send({ type: 'join', room: 'Den' })
    await bob.next('joined')
    await ann.sees('.seat:not(.is-ready)', 'Bob')
    bob.send({ type: 'say', text: 'good luck' })
    await ann.sees('#room-chat li', 'Bob good luck')
    await ann.say('room', 'have fun')
    await bob.next('chat')
    expect(await bob.next('chat')).toMatchObject({ from: 'Ann', to: 'room', text: 'have fun' })

    bob.send({ type: 'ready', ready: true })
    await ann.sees('.seat.is-ready', 'Bob')
    await ann.press('I am ready')
    await ann.sees('#countdown', 'The match starts in')
    await ann.show('countdown')
    await bob.next('match-started')
    await ann.page.locator('#arena').waitFor()

    // The first of two sits on the right; see match.ts.
    await until('Ann sees where she is', () => ann.placeOf(0).x > 600)
    await holdsUntil(ann, 'ArrowLeft', 'Ann has gone left', () => ann.placeOf(0).x < 500)
    await holdsUntil(ann, 'KeyW', 'Ann has gone up', () => ann.placeOf(0).y < 200)
    await ann.show('match')
    expect(ann.sent.filter(({ type }) => type === 'input').length).toBeLessThan(10)
    await ann.sees('#figures', /latency \d+ ms · steering takes \d+ ms/)

    // The circle is drawn where the server has it, in the colour of the seat. What lies at its edge
    // or passes over it blends with that colour, so a look counts only when it is the seat's own.
    const seat = '242,176,74,255'
    let colour = ''
    for (let looks = 0; looks < 1_000 && colour !== seat; looks++) {
      const { x, y } = ann.placeOf(0)
      colour = (await ann.colourAt(x - 6, y + 8)).join()
    }
    expect(colour).toBe(seat)

    // Typing is not steering.
    const seq = ann.sent.filter(({ type }) => type === 'input').length
    await ann.page.keyboard.press('Enter')
    await ann.page.keyboard.type('was')
    await ann.page.keyboard.press('Enter')
    await until('Bob hears it', () => bob.all('chat').some(({ text }) => text === 'was'))
    expect(ann.sent.filter(({ type }) => type === 'input').length).toBe(seq)

    bob.send({ type: 'leave' })
    await ann.page.getByRole('heading', { name: 'You win!' }).waitFor()
    await ann.show('result')
    await ann.press('Back to the room')
    await ann.page.getByRole('button', { name: 'I am ready' }).waitFor()
    await ann.press('Leave')
    await ann.page.getByRole('button', { name: 'Find a match' }).waitFor()
    ann.complainsOfNothing()
  })

  test('who loses the network in a match sees so, and comes back into the same room and match', async () => {
    const server = await openLobby(endless)
    const cable = await Cable.to(server.webPort)
    const { ann, bob } = await startMatch(server, cable.port)
    const before = ann.state?.match

    cable.pullOut()
    await ann.sees('#connection', 'Connection lost')
    await bob.next('member-away')
    await ann.show('lost')
    cable.putIn()
    await bob.next('member-back')
    await ann.page.locator('#connection').waitFor({ state: 'hidden' })
    await ann.page.locator('#arena').waitFor()
    await holdsUntil(ann, 'ArrowLeft', 'Ann steers again', () => ann.placeOf(0).x < 600)
    expect(ann.state?.match).toBe(before)
    // What was said is still there, and the match is not announced as another one.
    expect(await ann.page.locator('#room-chat li', { hasText: 'The match starts' }).count()).toBe(1)
    ann.complainsOfNothing({ but: lostSocket })
  })

  test('a browser that goes offline comes back by itself when it is online again', async () => {
    const server = await openLobby(endless)
    const { ann, bob } = await startMatch(server, server.webPort)
    await ann.context.setOffline(true)
    await ann.sees('#connection', 'Connection lost')
    await ann.context.setOffline(false)
    await ann.page.locator('#connection').waitFor({ state: 'hidden' })
    await until('Bob sees Ann come back', () => bob.all('member-back').length > 0)
    await ann.isIn('Den')
    await holdsUntil(ann, 'ArrowLeft', 'Ann steers again', () => ann.placeOf(0).x < 600)
    ann.complainsOfNothing({ but: lostSocket })
  })

  test('a page that is loaded again is in the same room and match, and goes on steering', async () => {
    const server = await openLobby(endless)
    const { ann, bob } = await startMatch(server, server.webPort)
    await holdsUntil(ann, 'ArrowLeft', 'Ann has gone left', () => ann.placeOf(0).x < 600)
    await ann.page.reload()
    await bob.next('member-back')
    await ann.isIn('Den')
    await ann.page.locator('#arena').waitFor()
    const { y } = ann.placeOf(0)
    await holdsUntil(ann, 'ArrowUp', 'Ann has gone up', () => ann.placeOf(0).y < y - 50)
    expect(ann.heard.filter(({ type }) => type === 'error')).toEqual([])
    ann.complainsOfNothing()
  })

  test('a second browser joins a private room by its code', async () => {
    const server = await openLobby(endless)
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    await ann.createRoom('Secret', { withCode: true })
    const code = (await ann.page.locator('#room-code output').textContent()) ?? ''
    expect(code).toMatch(/^[A-Z0-9]{8}$/)

    const cleo = await Visitor.signIn(server.webPort, 'Cleo', phone)
    await cleo.sees('#no-rooms', 'There are no rooms yet')
    await cleo.page.getByLabel('Room code').fill(code.toLowerCase())
    await cleo.page.keyboard.press('Enter')
    await cleo.isIn('Secret')
    await ann.sees('.seat', 'Cleo')
    await cleo.show('phone-room')

    // On a phone the thumb steers, on the pad.
    await ann.press('I am ready')
    await cleo.press('I am ready')
    await until('Cleo sees where she is', () => !Number.isNaN(cleo.placeOf(1).x))
    const pad = await cleo.page.locator('#pad').boundingBox()
    if (pad === null) throw new Error('there is no pad')
    const { x } = cleo.placeOf(1)
    await cleo.page.mouse.move(pad.x + pad.width / 2, pad.y + pad.height / 2)
    await cleo.page.mouse.down()
    await cleo.page.mouse.move(pad.x + pad.width * 0.9, pad.y + pad.height / 2)
    await until('Cleo has gone right', () => cleo.placeOf(1).x > x + 80)
    await cleo.show('phone-match')
    await cleo.page.mouse.up()
    await until('Ann sees it too', () => ann.placeOf(1).x > x + 80)
    expect(await cleo.page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(
      375
    )
    ann.complainsOfNothing()
    cleo.complainsOfNothing()
  })

  test('names and chat with HTML in them are text, everywhere', async () => {
    const server = await openLobby({ ...endless, maxNameChars: 40, maxRoomPlayers: 2 })
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    const mallory = await Person.signIn(server, HOSTILE)
    mallory.send({ type: 'say', text: `${HOSTILE}<script>document.title=2</script>` })
    await ann.sees('#lobby-chat li', HOSTILE)
    await ann.sees('.person-row', HOSTILE)
    mallory.send({ type: 'create', room: HOSTILE, password: 'hen' })
    await mallory.next('joined')
    await ann.sees('.room-row', HOSTILE)
    await ann.press(`Join ${HOSTILE}`)
    await ann.sees('#password-dialog', HOSTILE)
    await ann.page.getByLabel('Ask the player who created the room').fill('fox')
    await ann.press('Join', '#password-dialog')
    await ann.sees('#password-dialog', 'Wrong password.')
    await ann.page.getByLabel('Ask the player who created the room').fill('hen')
    await ann.press('Join', '#password-dialog')
    await ann.isIn(HOSTILE)
    await ann.sees('.seat', HOSTILE)
    mallory.send({ type: 'say', text: HOSTILE })
    await ann.sees('#room-chat li', HOSTILE)
    mallory.send({ type: 'ready', ready: true })
    await ann.press('I am ready')
    await ann.sees('.score', HOSTILE)
    mallory.send({ type: 'leave' })
    await ann.sees('#room-chat li', `${HOSTILE} left`)
    await ann.page.getByRole('heading', { name: 'You win!' }).waitFor()
    expect(await ann.page.title()).toBe(`${HOSTILE} – the lobby`)
    // The page has its own pictures, and those of nobody else.
    expect(
      await ann.page.locator('img:not([src="icon.svg"]), body script, main b > *, bdi > *').count()
    ).toBe(0)
    ann.complainsOfNothing()
  })

  test('the host removes somebody and makes somebody else host; a spectator cannot play', async () => {
    const server = await openLobby(endless)
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    await ann.createRoom('Den')
    const [bob, cleo] = [
      await Person.signIn(server, 'Bob'),
      await Visitor.signIn(server.webPort, 'Cleo')
    ]
    bob.send({ type: 'join', room: 'Den' })
    await cleo.press('Watch Den')
    await cleo.isIn('Den')
    await cleo.sees('.spectator', 'Cleo')
    expect(await cleo.page.locator('#ready').isVisible()).toBe(false)

    await ann.press('Make Bob the host')
    await ann.press('Make host')
    expect(await bob.next('host')).toMatchObject({ name: 'Bob' })
    await ann.sees('.seat:has(.host:not([hidden]))', 'Bob')
    bob.send({ type: 'kick', name: 'Ann' })
    await ann.sees('.notice', 'The host of Den removed you.')
    await ann.press('Join Den')
    await ann.sees('.notice', 'The host removed you from this room.')

    // A room that nobody plays in any more closes, and the spectators get a message.
    bob.send({ type: 'leave' })
    await cleo.sees('.notice', 'Den was closed')
    ann.complainsOfNothing()
    cleo.complainsOfNothing()
  })

  test('a quick match is looked for, can be called off, and is found', async () => {
    const server = await openLobby({
      ...endless,
      smallGroupAfterMs: 0,
      anySkillAfterMs: 0,
      quickMatchEveryMs: 0
    })
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    await ann.press('Find a match')
    await ann.sees('#queued', 'Looking for players')
    await ann.show('queue')
    await ann.page.locator('#unqueue').click()
    await ann.press('Find a match')
    await ann.sees('#queued', 'Looking for players')
    const bob = await Person.signIn(server, 'Bob')
    bob.send({ type: 'queue' })
    await bob.next('match-started')
    await ann.isIn('Quick match 1')
    await ann.page.locator('#arena').waitFor()
    ann.complainsOfNothing()
  })

  test('who is alone in the queue is told so, and practices against bots at once', async () => {
    const server = await openLobby(endless)
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    await ann.press('Find a match')
    await ann.sees('#alone', 'Nobody else is looking for a match right now.')
    await ann.press('Practice against bots')
    await ann.isIn('Practice 1')
    await until('Ann sees the bots', () => !Number.isNaN(ann.placeOf(3).x))
    await ann.press('Leave')
    await ann.press('Leave', '#confirm-dialog')
    // The queue is behind her: nobody starts a match for who has left it.
    await ann.page.getByRole('button', { name: 'Find a match' }).waitFor()
    expect(server.figures).toMatchObject({ players: 1, rooms: 0 })
    ann.complainsOfNothing()
  })

  test('who waits for a match of another game than the first one waits for that, however long', async () => {
    const server = await openLobby({ ...endless, smallGroupAfterMs: 0, anySkillAfterMs: 0 })
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    await ann.page.getByLabel('Game').first().selectOption('cards')
    await ann.press('Find a match')
    await ann.sees('#queued', 'Looking for players of Cards')
    // The page asks again how many wait.
    const asked = () => ann.sent.filter(({ type }) => type === 'queue')
    await until('it has asked again', () => asked().length > 1)
    expect(new Set(asked().map((request) => JSON.stringify(request)))).toEqual(
      new Set(['{"type":"queue","game":"cards"}'])
    )
    const bob = await Person.signIn(server, 'Bob')
    bob.send({ type: 'queue', game: 'cards' })
    expect((await bob.next('match-started')).game).toBe('cards')
    ann.complainsOfNothing()
  })

  test('what begins with a slash is not said, and who is invited to a room with a password is asked for it', async () => {
    const server = await openLobby()
    const bob = await Person.signIn(server, 'Bob')
    bob.send({ type: 'create', room: 'Den', private: true, password: 'hen' })
    const { code } = await bob.next('joined')
    const ann = await Visitor.open(server.webPort)
    await ann.page.goto(`http://127.0.0.1:${server.webPort}/#join=${code}`)
    await ann.page.getByLabel('Your name').fill('Ann')
    await ann.press('Enter the lobby')
    await ann.sees('#password-dialog', 'Password for')
    expect(await ann.page.locator('#password-dialog .reason').isVisible()).toBe(false)
    await ann.page.getByLabel('Ask the player').fill('hen')
    await ann.press('Join', '#password-dialog')
    await ann.isIn('Den')
    await ann.say('room', '/report Bob he is rude')
    await ann.sees('.notice', 'Not sent. /report NAME: WHY')
    await ann.say('room', 'hello')
    expect((await bob.next('chat')).text).toBe('hello')
    ann.complainsOfNothing()
  })

  test('a second window with the same seat takes it over, and the first one says so', async () => {
    const server = await openLobby()
    const ann = await Visitor.signIn(server.webPort, 'Ann')
    const seat = await ann.page.evaluate('sessionStorage.getItem("pollport-lobby")')
    const again = await Visitor.open(server.webPort)
    await again.page.evaluate(`sessionStorage.setItem("pollport-lobby", ${JSON.stringify(seat)})`)
    await again.page.reload()
    await again.sees('#own-name', 'Ann')
    await ann.sees('#sign-in-reason', 'You are playing in another window')
    expect(await ann.page.getByLabel('Your name').inputValue()).toBe('Ann')
    ann.complainsOfNothing()
    again.complainsOfNothing()
  })

  test('a name that is taken, a draining server and one that has ended are shown in the form or in a banner', async () => {
    const server = await openLobby(endless)
    const { ann } = await startMatch(server, server.webPort)
    const dora = await Visitor.open(server.webPort)
    await dora.page.getByLabel('Your name').fill('ann')
    await dora.press('Enter the lobby')
    await dora.sees('#sign-in-reason', 'This name is taken')
    server.drain()
    await ann.sees('#closing', 'The server shuts down within')
    await dora.page.getByLabel('Your name').fill('Dora')
    await dora.press('Enter the lobby')
    await dora.sees('#sign-in-reason', 'The server is about to shut down')
    server.stop()
    await ann.sees('#connection', 'The server shut down.')
    await dora.press('Enter the lobby')
    await dora.sees('#sign-in-reason', 'The server does not answer')
    ann.complainsOfNothing({ but: lostSocket })
    dora.complainsOfNothing({ but: lostSocket })
  })
})
