// A lost connection is not a lost seat: tokens, what they open, and what they do not.
import { expect, test } from 'vitest'
import type { Room } from '../rules/room.ts'
import type { Session } from '../rules/session.ts'
import type { ServerMessage } from '../wire/protocol.ts'
import { newPlayerId, TOKEN_CHARS, TokenSigner } from '../wire/tokens.ts'
import { openLobby, Person, until } from './person.ts'
import { MATCH_MS, Table } from './table.ts'

/** The token of the last welcome among what was heard. */
function tokenIn(messages: ServerMessage[]): string {
  const welcome = messages.findLast((message) => message.type === 'welcome')
  if (welcome?.type !== 'welcome') throw new Error(`no welcome in ${JSON.stringify(messages)}`)
  return welcome.token
}

/** Somebody with a name, and the token that came with it. */
function signedIn(table: Table, name: string): { session: Session; token: string } {
  const session = table.arrive()
  table.do(session, { type: 'name', name })
  return { session, token: tokenIn(table.heard(session)) }
}

const typesOf = (messages: ServerMessage[]) => messages.map(({ type }) => type)

test('a token says who, which and until when, and any change of it is found out', () => {
  const signer = new TokenSigner()
  const claim = { id: newPlayerId(), serial: 7, expiresMs: 1_234_567_890 }
  const token = signer.sign(claim)
  expect(token).toHaveLength(TOKEN_CHARS)
  expect(signer.verify(token)).toEqual(claim)
  for (let at = 0; at < token.length; at++) {
    for (const letter of ['A', 'b', '_', '=', ' ']) {
      const changed = token.slice(0, at) + letter + token.slice(at + 1)
      if (changed !== token) expect(signer.verify(changed), `letter ${at}`).toBeUndefined()
    }
  }
  for (const wrong of [
    '',
    token.slice(1),
    `${token}A`,
    'é'.repeat(TOKEN_CHARS),
    token.replace(/.$/, '\u0000')
  ]) {
    expect(signer.verify(wrong)).toBeUndefined()
  }
  expect(new TokenSigner().verify(token)).toBeUndefined()
})

test('who comes back in time has room, match and name as before, and the others hear of it', () => {
  const table = new Table()
  const { session: ann, token } = signedIn(table, 'Ann')
  const bob = table.player('Bob')
  table.do(ann, { type: 'create', room: 'Den' })
  table.do(bob, { type: 'join', room: 'Den' })
  for (const each of [ann, bob]) table.do(each, { type: 'ready' })
  table.heard(bob)

  table.lobby.lose(ann, table.nowMs)
  expect(table.heard(bob)).toEqual([{ type: 'member-away', name: 'Ann' }])
  expect(table.lobby).toMatchObject({ playerCount: 2, awayCount: 1, matchCount: 1 })
  table.passMs(10_000)
  const again = table.arrive()
  table.heard(again)
  table.do(again, { type: 'resume', token })
  const heard = table.heard(again)
  expect(typesOf(heard)).toEqual(['welcome', 'joined', 'match-started'])
  expect(heard[2]).toMatchObject({
    players: ['Ann', 'Bob'],
    endsInMs: MATCH_MS - 10_000
  })
  expect(table.heard(bob)).toEqual([{ type: 'member-back', name: 'Ann' }])
  const { match } = table.state(bob)
  table.do(again, { type: 'input', match, seq: 1, input: { direction: 1 } })
  table.passMs(0)
  expect(table.state(again)).toMatchObject({ seqs: [1, 0], players: [{ seat: 0 }, {}] })
  expect(table.lobby.awayCount).toBe(0)
})

test('a seat is given up when the time is over, and its token opens nothing then', () => {
  const table = new Table()
  const { session: ann, token } = signedIn(table, 'Ann')
  const bob = table.player('Bob')
  table.do(ann, { type: 'create', room: 'Den' })
  table.do(bob, { type: 'join', room: 'Den' })
  table.lobby.lose(ann, table.nowMs)
  table.passMs(table.limits.resumeMs - 1)
  table.heard(bob)
  expect(table.refusal(table.arrive(), { type: 'name', name: 'ann' })).toBe('name-taken')
  table.passMs(1)
  expect(table.heard(bob)).toMatchObject([
    { type: 'member-left', name: 'Ann' },
    { type: 'host', name: 'Bob' }
  ])
  expect(table.refusal(table.arrive(), { type: 'resume', token })).toBe('token-expired')
  expect(table.player('Ann').player?.name).toBe('Ann')
})

test('a token works once: a second use is refused, and the seat is untouched', () => {
  const table = new Table()
  const { session: ann, token } = signedIn(table, 'Ann')
  table.lobby.lose(ann, table.nowMs)
  const again = table.arrive()
  table.do(again, { type: 'resume', token })
  const next = tokenIn(table.heard(again))
  expect(next).not.toBe(token)
  table.do(again, { type: 'ping', id: 1 })
  const thief = table.arrive()
  expect(table.refusal(thief, { type: 'resume', token })).toBe('token-used')
  expect(table.dismissed.size).toBe(0)
  expect(again.player?.name).toBe('Ann')
  table.lobby.lose(again, table.nowMs)
  table.passMs(table.limits.resumeMs - 1)
  expect(table.refusal(thief, { type: 'resume', token })).toBe('token-used')
  table.passMs(1)
  expect(table.lobby.playerCount, 'the thief did not put the time off').toBe(0)
})

test('a token whose answer got lost goes on working, until its player has spoken', () => {
  const table = new Table()
  const { session: ann, token } = signedIn(table, 'Ann')
  table.lobby.lose(ann, table.nowMs)
  const cut = table.arrive()
  table.do(cut, { type: 'resume', token })
  table.lobby.lose(cut, table.nowMs) // before its `welcome` arrived
  const cutAgain = table.arrive()
  table.do(cutAgain, { type: 'resume', token })
  table.lobby.lose(cutAgain, table.nowMs)
  const again = table.arrive()
  table.do(again, { type: 'resume', token })
  expect(table.heard(again).at(-1)).toMatchObject({ type: 'welcome', name: 'Ann' })
  table.do(again, { type: 'ping', id: 1 })
  expect(table.refusal(table.arrive(), { type: 'resume', token })).toBe('token-used')
})

test('a second sign-in with the token takes the seat over, and the first connection gets an error and is closed', () => {
  const table = new Table()
  const { session: ann, token } = signedIn(table, 'Ann')
  const bob = table.player('Bob')
  table.do(ann, { type: 'create', room: 'Den' })
  table.do(bob, { type: 'join', room: 'Den' })
  table.heard(bob)
  const again = table.arrive()
  table.heard(again)
  table.do(again, { type: 'resume', token })
  expect(table.dismissed.get(ann)).toBe('replaced')
  expect(typesOf(table.heard(again))).toEqual(['welcome', 'joined'])
  expect(typesOf(table.heard(bob))).toEqual(['member-back'])
  // The old connection's end comes later, and means nothing any more.
  table.lobby.lose(ann, table.nowMs)
  expect(table.heard(bob)).toEqual([])
  expect(table.lobby).toMatchObject({ playerCount: 2, awayCount: 0 })
})

test('a token expires by itself, however long its player stays', () => {
  const table = new Table({ tokenMs: 5_000 })
  const { token } = signedIn(table, 'Ann')
  table.passMs(5_000)
  expect(table.refusal(table.arrive(), { type: 'resume', token })).toBe('token-expired')
})

test('who has a name cannot resume, and who is sent away or signs out has no seat to come back to', () => {
  const table = new Table()
  const { session: ann, token } = signedIn(table, 'Ann')
  expect(table.refusal(ann, { type: 'resume', token })).toBe('already-named')
  table.do(ann, { type: 'sign-out' })
  expect(table.heard(ann)).toEqual([{ type: 'signed-out' }])
  expect(table.refusal(ann, { type: 'resume', token })).toBe('token-expired')
  const { session: bob, token: bobs } = signedIn(table, 'Bob')
  table.lobby.leave(bob, table.nowMs)
  expect(table.refusal(table.arrive(), { type: 'resume', token: bobs })).toBe('token-expired')
  // Signed out and silent: a connection without a player, and the time to sign in runs.
  table.passMs(table.limits.signInMs)
  expect(table.dismissed.get(ann)).toBe('sign-in-timeout')
})

test('who is away is not ready: a match does not start with an empty seat', () => {
  const table = new Table()
  const { session: ann } = signedIn(table, 'Ann')
  const bob = table.player('Bob')
  table.do(ann, { type: 'create', room: 'Den' })
  table.do(bob, { type: 'join', room: 'Den' })
  table.do(ann, { type: 'ready' })
  table.lobby.lose(ann, table.nowMs)
  table.do(bob, { type: 'ready' })
  expect(table.lobby.matchCount).toBe(0)
  table.passMs(table.limits.resumeMs)
  expect(table.lobby.matchCount).toBe(0)
})

test('who was away at the end of a match hears of it, also when the room has moved on without them', () => {
  const table = new Table()
  const [ann, bob] = table.roomOf('Ann', 'Bob')
  for (const session of [ann, bob]) table.do(session, { type: 'ready' })
  const token = table.tokenOf(bob)
  table.lobby.lose(bob, table.nowMs)
  table.playToTheEnd(ann)
  table.lobby.releaseRoom(ann.player?.room as Room) // to another node of a cluster
  const again = table.arrive()
  table.do(again, { type: 'resume', token })
  const types = table.heard(again).map(({ type }) => type)
  expect(types.slice(-2)).toEqual(['welcome', 'match-ended'])
})

test('what is no token is refused before anything else is done', () => {
  const table = new Table()
  const { token } = signedIn(table, 'Ann')
  const guesses = [
    undefined,
    1,
    null,
    '',
    'x',
    {},
    [token],
    `${token}x`,
    token.slice(1),
    new TokenSigner().sign(claimOf())
  ]
  for (const guess of guesses) {
    expect(table.refusal(table.arrive(), { type: 'resume', token: guess }), String(guess)).toBe(
      'bad-token'
    )
  }
  expect(table.dismissed.size).toBe(0)
})

function claimOf() {
  return { id: newPlayerId(), serial: 1, expiresMs: 1e12 }
}

test('over real sockets: a connection is reset in a room, and its player comes back on another one', async () => {
  const server = await openLobby()
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  const token = tokenIn(bob.heard)
  bob.socket.resetAndDestroy()
  expect((await ann.next('member-away')).name).toBe('Bob')
  expect(server.figures).toMatchObject({ players: 2, away: 1, rooms: 1 })
  const again = await Person.arrive(server)
  again.send({ type: 'resume', token })
  expect((await again.next('welcome')).name).toBe('Bob')
  expect((await again.next('joined')).members).toHaveLength(2)
  expect((await ann.next('member-back')).name).toBe('Bob')
  again.send({ type: 'say', text: 'here I am' })
  expect((await ann.next('chat')).text).toBe('here I am')

  // The first connection does not know that it is dead: the second one takes over.
  const third = await Person.arrive(server)
  third.send({ type: 'resume', token: tokenIn(again.heard) })
  await third.next('joined')
  await again.refused('replaced')
  await again.isSentAway()
  await until('two connections are left', () => server.figures.connections === 2)
  await ann.isUndisturbed()
})
