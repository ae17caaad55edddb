// Datagrams over real sockets: who is sent the state of a match by them, whose steering counts, and
// what somebody who forges them gets.
import { expect, test } from 'vitest'
import type { Settings } from '../server/config.ts'
import type { LobbyServer } from '../server/server.ts'
import { encodeFromPlayer } from '../wire/datagram.ts'
import { arenas, openLobby, Person, until } from './person.ts'
import type { ArenaState } from './table.ts'
import { ticketOf, UdpEnd } from './udp-end.ts'

/** Ends by itself in no test. */
const endless = { 'coin-arena.matchMs': 24 * 60 * 60_000, 'coin-arena.coinsToWin': 255 }

interface Game {
  server: LobbyServer
  /** Seat 0, with datagrams. */
  ann: Person
  udp: UdpEnd
  /** Seat 1, without. */
  bob: Person
  match: number
}

async function game(settings: Partial<Settings> = {}): Promise<Game> {
  const server = await openLobby({ ...endless, ...settings })
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  const udp = await UdpEnd.open(ann)
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  const { match } = await ann.next('match-started')
  await bob.next('match-started')
  return { server, ann, udp, bob, match }
}

const SEQ_OF_ANN = (states: { seqs: readonly number[] }[]) => states.at(-1)?.seqs[0]

test('who has shown to hear is sent the state by datagrams and by nothing else, and steers by them', async () => {
  const { server, ann, udp, bob } = await game()
  udp.isAcknowledging = true
  const { tick, players } = await udp.nextState()
  await until('more states come', () => udp.states.length >= 10)
  expect((await udp.nextState()).tick).toBeGreaterThan(tick)
  expect(ann.all('state')).toEqual([])
  expect(bob.all('state').length).toBeGreaterThan(0)
  expect(server.figures).toMatchObject({ viaUdp: 1, datagramsRefused: 0 })

  udp.isAcknowledging = false
  udp.steer(5) // down
  await until('it counts', () => udp.states.some((state) => state.players[0].y > players[0].y))
  // All get it, by whichever way.
  await until('the other one sees it', () =>
    arenas(bob).some((state) => state.players[0].y > players[0].y)
  )
  expect(arenas(bob).at(-1)?.players[1]).toEqual({ ...players[1], score: expect.any(Number) })
})

test('a steer that comes late, or twice, is passed over', async () => {
  const { udp } = await game()
  udp.steer(3, { seq: 9 })
  await until('it counts', () => SEQ_OF_ANN(udp.states) === 9)
  udp.steer(0, { seq: 10 })
  await until('the player stands still', () => SEQ_OF_ANN(udp.states) === 10)
  const [{ x, y }] = (udp.states.at(-1) as ArenaState).players
  for (const seq of [10, 9, 1, 0]) udp.steer(7, { seq })
  udp.steer(7, { seq: 11, match: 99 }) // of a match that is none
  await udp.answered()
  const last = udp.states.at(-1)?.tick as number
  await until('the match goes on', () => (udp.states.at(-1)?.tick as number) > last + 3)
  expect(udp.states.at(-1)).toMatchObject({ seqs: [10, 0], players: [{ x, y }, {}] })
})

test('steers by datagram and by the connection are of one row', async () => {
  const { ann, udp, match } = await game()
  udp.steer(0, { seq: 5 })
  await until('it counts', () => SEQ_OF_ANN(udp.states) === 5)
  ann.send({ type: 'input', match, seq: 4, input: { direction: 3 } })
  ann.send({ type: 'input', match, seq: 6, input: { direction: 0 } })
  await until('the newer one counts', () => SEQ_OF_ANN(udp.states) === 6)
  const xs = new Set(udp.states.map(({ players }) => players[0].x))
  expect(xs.size, 'the older one did nothing').toBe(1)
})

test('an address that has not answered its challenge is sent nothing else, and does not steer', async () => {
  const { server, ann, udp } = await game()
  udp.isAcknowledging = true
  // Somebody knows the token and sends from elsewhere: more than that cannot be forged.
  const elsewhere = await UdpEnd.at(udp.ticket)
  elsewhere.steer(3, { seq: 1_000_000 })
  await elsewhere.isToldNothing()
  const before = udp.states.length
  await until('the match goes on', () => udp.states.length > before + 5)
  await elsewhere.isToldNothing()
  expect(elsewhere.states).toEqual([])
  expect(SEQ_OF_ANN(udp.states)).toBeLessThan(1_000_000)
  expect(server.figures).toMatchObject({ datagramsRefused: 1, viaUdp: 1 })
  expect(ann.all('state')).toEqual([])
})

test("the answer to one address's challenge opens no other, and a recorded proof is worth nothing elsewhere", async () => {
  const { server, bob, udp } = await game()
  udp.isAcknowledging = true
  const [one, other] = [await UdpEnd.at(udp.ticket), await UdpEnd.at(udp.ticket)]
  const nonce = await one.challenge()
  other.send({ kind: 'proof', token: udp.ticket.token, nonce })
  other.steer(3, { seq: 1_000_000 })
  await other.isToldNothing()
  expect(server.figures.datagramsRefused).toBe(2)

  // Nor does it open the way of another player, from the same address.
  const bobs = await ticketOf(bob)
  one.send({ kind: 'proof', token: bobs.token, nonce })
  await one.isToldNothing()
  expect(server.figures.datagramsRefused).toBe(3)

  // The proof that opened the first address, word for word.
  const proof = encodeFromPlayer({
    kind: 'proof',
    token: udp.ticket.token,
    nonce: await nonceOf(udp)
  })
  one.send(proof)
  await one.isToldNothing()
  expect(server.figures.datagramsRefused).toBe(4)
  await until('one player is served by datagrams', () => server.figures.viaUdp === 1)
})

/** The challenge that an address which is open has answered. */
async function nonceOf({ heard }: UdpEnd): Promise<string> {
  return heard[0].subarray(1).toString('hex')
}

test('a token that is none, or is cut or too long, is counted and gets no answer', async () => {
  const { server, udp } = await game()
  const { token } = udp.ticket
  const stranger = await UdpEnd.at(udp.ticket)
  const hello = encodeFromPlayer({ kind: 'hello', token })
  const steer = encodeFromPlayer({
    kind: 'input',
    token,
    match: 1,
    seq: 1,
    heardTick: 0,
    input: Uint8Array.of(3)
  })
  const wrong = [
    Buffer.alloc(0),
    Buffer.alloc(9),
    encodeFromPlayer({ kind: 'hello', token: 'ffffffffffffffff' }),
    encodeFromPlayer({
      kind: 'hello',
      token: token.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
    }),
    hello.subarray(0, 8),
    Buffer.concat([hello, Buffer.alloc(1)]),
    Buffer.concat([hello, Buffer.alloc(60_000)]),
    Buffer.concat([Buffer.from([4]), hello.subarray(1)]),
    Buffer.concat([Buffer.from([2]), hello.subarray(1)]),
    Buffer.concat([Buffer.from([0]), steer.subarray(1)]),
    steer.subarray(0, -2),
    Buffer.concat([steer, Buffer.alloc(1)]),
    // There are eight directions, and standing still
    Buffer.concat([steer.subarray(0, -1), Buffer.from([9])]),
    Buffer.concat([steer, Buffer.alloc(1_450)])
  ]
  for (const [number, bytes] of wrong.entries()) {
    stranger.send(bytes)
    await until(`number ${number} is counted`, () => server.figures.datagramsRefused === number + 1)
    expect(stranger.heard, `number ${number}`).toEqual([])
  }
  await stranger.isToldNothing()
  expect(server.figures.datagramsRefused).toBe(wrong.length)
})

test('from an address that is open they are counted, and do nothing, as well', async () => {
  const { server, udp, bob } = await game()
  const { token } = udp.ticket
  const steer = encodeFromPlayer({
    kind: 'input',
    token,
    match: 1,
    seq: 1_000,
    heardTick: 0,
    input: Uint8Array.of(3)
  })
  const wrong = [
    // Without a direction it would only acknowledge
    ...Array.from(steer.subarray(0, -1), (_, length) => steer.subarray(0, length)),
    Buffer.concat([steer, Buffer.alloc(1)]),
    Buffer.concat([steer, Buffer.alloc(1_450)]),
    Buffer.concat([steer.subarray(0, -1), Buffer.from([9])]),
    Buffer.concat([steer.subarray(0, -1), Buffer.from([255])]),
    Buffer.concat([encodeFromPlayer({ kind: 'hello', token }), Buffer.alloc(1)]),
    Buffer.concat([
      encodeFromPlayer({ kind: 'proof', token, nonce: await nonceOf(udp) }),
      Buffer.alloc(1)
    ])
  ]
  for (const [number, bytes] of wrong.entries()) {
    udp.send(bytes)
    await until(`number ${number} is counted`, () => server.figures.datagramsRefused === number + 1)
  }
  const before = udp.states.length
  await until('the match goes on', () => udp.states.length > before + 2)
  expect(SEQ_OF_ANN(udp.states)).toBe(0)
  await udp.answered()
  expect(server.figures.datagramsRefused).toBe(wrong.length)
  await bob.isUndisturbed()
})

test('a player who moves to another address shows that it hears there, and from then on is served there', async () => {
  const { server, ann, udp } = await game()
  udp.isAcknowledging = true
  await udp.nextState()
  const moved = await UdpEnd.at(udp.ticket)
  moved.isAcknowledging = true
  moved.seq = 1_000
  await moved.prove()
  await moved.nextState()
  udp.isAcknowledging = false
  const before = udp.states.length
  const ticks = moved.states.length
  await until('it is served', () => moved.states.length > ticks + 5)
  expect(udp.states.length, 'nothing went to the old one').toBe(before)
  await until('its steers count', () => (SEQ_OF_ANN(moved.states) ?? 0) > 1_000)
  udp.steer(3, { seq: 1_000_000 })
  await udp.isToldNothing()
  expect(SEQ_OF_ANN(moved.states)).toBeLessThan(1_000_000)
  expect(server.figures.datagramsRefused).toBe(1)
  await until('one player is served by datagrams', () => server.figures.viaUdp === 1)
  expect(ann.all('state')).toEqual([])
})

test('who acknowledges nothing gets the state by the connection, and datagrams again as soon as they arrive', async () => {
  const { server, ann, udp, match } = await game({ udpSilenceMs: 200 })
  await udp.nextState()
  udp.steer(0, { match }) // heard so far: nothing
  const { tick } = await ann.next('state')
  expect(server.figures.viaUdp).toBe(0)
  // A datagram now and then tries whether the way is open again.
  await until('it is tried', () => (udp.states.at(-1)?.tick as number) > tick + 15)
  const probes = udp.states.filter((state) => state.tick > tick)
  expect(probes.every((state) => state.tick % 15 === 0)).toBe(true)
  expect(ann.all('state').length).toBeGreaterThan(10 * probes.length)

  udp.steer(0, { match, heardTick: tick }) // an old one: that was before
  udp.steer(0, { match: match + 1, heardTick: 1_000_000 }) // of another match
  udp.isAcknowledging = true
  await until('most come by datagrams', () => {
    const [last] = udp.states.slice(-1)
    const byConnection = ann.all('state').at(-1)?.tick as number
    return last.tick > byConnection + 10
  })
  expect(server.figures.viaUdp).toBe(1)
})

test('who hears no datagrams at all plays by the connection', async () => {
  const { ann, udp } = await game({ udpSilenceMs: 200 })
  udp.socket.removeAllListeners('message')
  await ann.next('state')
  await ann.next('state')
})

test('a new token makes the one before worthless, and its address with it', async () => {
  const { server, ann, udp } = await game({ udpSilenceMs: 200 })
  await udp.nextState()
  const old = udp.ticket
  const next = await ticketOf(ann)
  expect(next.port).toBe(old.port)
  expect(next.token).not.toBe(old.token)
  await ann.next('state') // by the connection, since the new one has shown no address yet
  const before = udp.states.length
  udp.steer(3, { seq: 1_000 })
  udp.hello()
  await until('both are refused', () => server.figures.datagramsRefused === 2)
  udp.ticket = next
  await udp.isToldNothing()
  expect(udp.states).toHaveLength(before)
  await udp.prove()
  await udp.nextState()
})

test.each([
  ['a connection that is lost', (ann: Person) => ann.socket.resetAndDestroy()],
  ['a connection that is ended', (ann: Person) => ann.socket.end()],
  ['a player who is sent away', (ann: Person) => ann.sendFrame(Buffer.alloc(5_000))]
])('%s leaves no token behind', async (_, end) => {
  const { server, ann, udp, bob } = await game()
  await udp.nextState()
  end(ann)
  await until('it is gone', () => server.figures.connections === 1)
  const before = udp.heard.length
  udp.hello()
  udp.steer(3, { seq: 1_000 })
  await until('both are refused', () => server.figures.datagramsRefused === 2)
  expect(udp.heard).toHaveLength(before)
  await bob.isUndisturbed()
})

test('another connection of the same player has a token of its own', async () => {
  const { server, ann, udp } = await game()
  const { token } = ann.all('welcome')[0]
  const again = await Person.arrive(server)
  again.send({ type: 'resume', token })
  const { match } = await again.next('match-started')
  await ann.refused('replaced')
  udp.hello()
  await until('it is refused', () => server.figures.datagramsRefused === 1)
  const other = await UdpEnd.open(again)
  other.seq = udp.seq
  other.steer(3, { match })
  await until('it steers', () => SEQ_OF_ANN(other.states) === other.seq)
})

test('a flood of datagrams counts up to the limit, and nobody else notices', async () => {
  const startMs = performance.now()
  const { server, udp, bob } = await game({ inputsPerSecond: 50 })
  const bobs = await UdpEnd.open(bob)
  bobs.isAcknowledging = true
  const quiet = server.figures
  for (let seq = 1; server.figures.datagramsRefused < 5_000; seq++) {
    udp.steer(seq % 9, { seq })
    if (seq % 50 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const seconds = (performance.now() - startMs) / 1000
  const { datagramsIn, datagramsRefused } = server.figures
  const ofAnn = datagramsIn - quiet.datagramsIn - datagramsRefused - bobs.seq
  expect(ofAnn).toBeLessThanOrEqual(50 * (1 + seconds))
  const before = bobs.states.length
  await until('the other one is served', () => bobs.states.length > before + 10)
  expect(bobs.states.at(-1)?.seqs[1]).toBeGreaterThan(0)
  await bob.isUndisturbed()
})

test('long datagrams do not keep short ones waiting', async () => {
  const { server, udp, bob } = await game()
  const rude = await UdpEnd.at(udp.ticket)
  const long = Buffer.alloc(60_000, 1)
  await until('some have come', () => {
    rude.send(long)
    return server.figures.datagramsRefused > 20
  })
  udp.steer(3)
  await until('a steer counts', () => SEQ_OF_ANN(udp.states) === udp.seq)
  await bob.isUndisturbed()
})

test('who looks on is sent the state by datagrams too', async () => {
  const { server, ann } = await game()
  const eve = await Person.signIn(server, 'Eve')
  const udp = await UdpEnd.open(eve)
  udp.isAcknowledging = true
  eve.send({ type: 'spectate', room: 'Den' })
  await eve.next('match-started')
  await until('states come', () => udp.states.length > 40)
  expect(eve.all('state')).toEqual([])
  await ann.isUndisturbed()
})

test('a player who talks by datagrams alone is not idle', async () => {
  const { ann, udp, bob } = await game({ idleMs: 300 })
  udp.isAcknowledging = true
  const startTick = (await udp.nextState()).tick
  // Thirty ticks a second: more than twice the time that it takes to be idle.
  await until(
    'the match has gone on for long',
    () => (udp.states.at(-1)?.tick as number) > startTick + 25
  )
  bob.send({ type: 'ping', id: 1 })
  expect(ann.all('error')).toEqual([])
  await ann.answered()
})
