// Players who do not mean well, or do not know better: each is answered or cut off, and a player
// beside them notices nothing.

import { connect } from 'node:net'
import { expect, test } from 'vitest'
import { defaultLimits, type Limits } from '../rules/limits.ts'
import type { LobbyServer } from '../server/server.ts'
import { openLobby, Person, until } from './person.ts'

/** A lobby with somebody in it who must not be disturbed. */
async function lobbyWithWitness(
  limits: Partial<Limits> = {}
): Promise<{ server: LobbyServer; witness: Person }> {
  const server = await openLobby({ resumeMs: 0, ...limits })
  return { server, witness: await Person.signIn(server, 'Witness') }
}

test('an over-long frame gets an error and is cut off, also when all of it is sent', async () => {
  const { server, witness } = await lobbyWithWitness()
  const rude = await Person.signIn(server, 'Rude')
  rude.sendFrame(Buffer.alloc(defaultLimits.maxFrameBytes + 1, 'x'))
  rude.sendFrame(Buffer.alloc(60_000, 'x'))
  await rude.refused('frame-too-large')
  await rude.isSentAway()
  await witness.isUndisturbed()
  expect(server.figures.players).toBe(1)
})

test('an over-long frame is cut off by its length alone, before its bytes come', async () => {
  const { server, witness } = await lobbyWithWitness()
  const rude = await Person.arrive(server)
  rude.socket.write(Buffer.from([0xff, 0xff]))
  await rude.refused('frame-too-large')
  await rude.isSentAway()
  await witness.isUndisturbed()
})

test('the frames before an over-long one are still answered', async () => {
  const { server, witness } = await lobbyWithWitness()
  const rude = await Person.arrive(server)
  rude.socket.cork()
  rude.send({ type: 'ping', id: 5 })
  rude.sendFrame(Buffer.alloc(5000))
  rude.socket.uncork()
  expect((await rude.next('pong')).id).toBe(5)
  await rude.refused('frame-too-large')
  await witness.isUndisturbed()
})

test('the longest frame that is allowed is read', async () => {
  const { server } = await lobbyWithWitness()
  const ann = await Person.arrive(server)
  ann.sendFrame(JSON.stringify({ type: 'ping', id: 1 }).padEnd(defaultLimits.maxFrameBytes))
  await ann.next('pong')
})

test.each([
  ['invalid JSON', '{"type":', 'bad-json'],
  ['an empty frame', '', 'bad-json'],
  ['a JSON value that is no object', '[1,2]', 'bad-json'],
  ['a deep nest', '['.repeat(4000), 'bad-json'],
  ['bytes that are no text', Buffer.from([0x80, 0xff, 0x00]), 'bad-json'],
  ['no type', '{}', 'bad-message'],
  ['a wrong type', '{"type":"say","text":{"length":1}}', 'bad-message'],
  ['an unknown command', '{"type":"fly"}', 'unknown-command'],
  ['a word of JavaScript', '{"type":"constructor"}', 'unknown-command'],
  ['an empty chat line', '{"type":"say","text":""}', 'bad-text']
])('%s is answered, and its sender may go on', async (_, frame, code) => {
  const { server, witness } = await lobbyWithWitness()
  const clumsy = await Person.signIn(server, 'Clumsy')
  clumsy.sendFrame(frame)
  await clumsy.refused(code)
  clumsy.send({ type: 'ping', id: 1 })
  await clumsy.next('pong')
  await witness.isUndisturbed()
})

test('bad names are refused until there is a good one', async () => {
  const { server, witness } = await lobbyWithWitness()
  const ann = await Person.arrive(server)
  for (const name of ['', ' ', 'a'.repeat(25), 'a\u0000b', '\u001b[2J']) {
    ann.send({ type: 'name', name })
    await ann.refused('bad-name')
  }
  ann.send({ type: 'name', name: 'witness' })
  await ann.refused('name-taken')
  ann.send({ type: 'say', text: 'who am I?' })
  await ann.refused('name-first')
  ann.send({ type: 'name', name: 'Ann' })
  await ann.next('welcome')
  await witness.isUndisturbed()
})

test('a name of 10 kB is a frame that is too long', async () => {
  const { server, witness } = await lobbyWithWitness()
  const rude = await Person.arrive(server)
  rude.send({ type: 'name', name: 'a'.repeat(10_000) })
  await rude.refused('frame-too-large')
  await rude.isSentAway()
  await witness.isUndisturbed()
})

test('a flood is warned of once and cut off, and the room goes on', async () => {
  const server = await openLobby()
  const [ann, rude] = await Person.roomOf(server, 'Ann', 'Rude')
  for (let count = 0; count < 5_000; count++) rude.send({ type: 'say', text: `spam ${count}` })
  await rude.refused('too-fast')
  await rude.refused('flood')
  await until('the connection is closed', () => rude.isClosed)
  expect((await ann.next('member-left')).name).toBe('Rude')
  const spam = ann.heard.filter(({ type }) => type === 'chat').length
  expect(spam).toBeLessThanOrEqual(defaultLimits.burstMessages * 2)
  await ann.isUndisturbed()
})

test('a flood of nonsense is cut off like any other', async () => {
  const { server, witness } = await lobbyWithWitness()
  const rude = await Person.arrive(server)
  rude.socket.write(Buffer.alloc(100_000)) // fifty thousand empty frames
  await until('the connection is closed', () => rude.isClosed)
  const codes = rude.heard.map((message) =>
    message.type === 'error' ? message.code : message.type
  )
  expect(codes.slice(-2)).toEqual(['too-fast', 'flood'])
  await witness.isUndisturbed()
})

test('who never reads is cut off, and the room goes on', async () => {
  const server = await openLobby({ messagesPerSecond: 1e6, burstMessages: 1e6, resumeMs: 0 })
  const [ann, deaf] = await Person.roomOf(server, 'Ann', 'Deaf')
  deaf.socket.pause()
  const text = 'x'.repeat(defaultLimits.maxTextChars)
  let said = 0
  await until('the deaf one is cut off', () => {
    for (let count = 0; count < 50; count++) ann.send({ type: 'say', text })
    said += 50
    return ann.heard.some(({ type }) => type === 'member-left')
  })
  expect(server.figures).toMatchObject({ players: 1, rooms: 1 })
  await until(
    'everything else was heard',
    () => ann.heard.filter(({ type }) => type === 'chat').length === said
  )
  await ann.isUndisturbed()
  deaf.socket.resume()
  await until('the deaf one learns of it', () => deaf.isClosed)
  expect(deaf.heard.filter(({ type }) => type === 'chat').length).toBeLessThan(said)
})

test('who asks and never reads the answers is cut off', async () => {
  const { server, witness } = await lobbyWithWitness({ messagesPerSecond: 1e6, burstMessages: 1e6 })
  const deaf = await Person.signIn(server, 'Deaf')
  deaf.socket.pause()
  await until('the deaf one is cut off', () => {
    if (!deaf.isClosed)
      for (let count = 0; count < 100; count++) deaf.send({ type: 'rooms', from: 0 })
    return server.figures.players === 1
  })
  await witness.isUndisturbed()
})

test('a client that says its end and never reads what is left for it does not stay', async () => {
  const { server, witness } = await lobbyWithWitness({
    messagesPerSecond: 1e6,
    burstMessages: 1e6,
    goodbyeMs: 100,
    maxUnreadBytes: 1e8
  })
  const deaf = await Person.signIn(server, 'Deaf')
  deaf.socket.pause()
  for (let count = 0; count < 40_000; count++) deaf.send({ type: 'rooms', from: 0 })
  deaf.socket.end()
  await until('it is gone', () => server.figures.connections === 1)
  await witness.isUndisturbed()
})

test('who is sent away but stays is cut off', async () => {
  const { server, witness } = await lobbyWithWitness({ signInMs: 50, goodbyeMs: 100 })
  const stubborn = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true })
  stubborn.on('error', () => {})
  stubborn.resume()
  await until('it is there', () => server.figures.connections === 2)
  await until('it is gone', () => server.figures.connections === 1)
  stubborn.destroy()
  await witness.isUndisturbed()
})

test('who chooses no name is sent away in time', async () => {
  const { server, witness } = await lobbyWithWitness({ signInMs: 200 })
  const nameless = await Person.arrive(server)
  await nameless.refused('sign-in-timeout')
  await nameless.isSentAway()
  await witness.isUndisturbed()
})

test('who is silent for too long is sent away, and who pings is not', async () => {
  const server = await openLobby({ idleMs: 2_000 })
  const [silent, lively] = [
    await Person.signIn(server, 'Silent'),
    await Person.signIn(server, 'Lively')
  ]
  let isOver = false
  const pinging = (async () => {
    for (let id = 1; !isOver; id++) {
      lively.send({ type: 'ping', id })
      await lively.next('pong')
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  })()
  await silent.refused('idle')
  await silent.isSentAway()
  isOver = true
  await pinging
  await lively.isUndisturbed()
})

test('when the server is full one more gets an error, and there is room again when somebody leaves', async () => {
  const { server, witness } = await lobbyWithWitness({ maxConnections: 2 })
  const second = await Person.signIn(server, 'Second')
  const third = new Person(server.port)
  await third.refused('server-full')
  await third.isSentAway()
  await second.disconnect()
  await until('the place is free', () => server.figures.connections === 1)
  await Person.signIn(server, 'Fourth')
  await witness.isUndisturbed()
})

test('a crowd at the door of a full server does not get in its way', async () => {
  const { server, witness } = await lobbyWithWitness({ maxConnections: 1, maxGoodbyes: 5 })
  const crowd = Array.from({ length: 100 }, () => new Person(server.port))
  await until('all are gone', () => crowd.every(({ isClosed }) => isClosed))
  expect(crowd.some(({ heard }) => heard.some((message) => message.type === 'error'))).toBe(true)
  await witness.isUndisturbed()
})

test('one more connection than an address may have gets an error', async () => {
  const { server, witness } = await lobbyWithWitness({ maxConnectionsPerAddress: 3 })
  const others = [await Person.arrive(server), await Person.arrive(server)]
  const third = new Person(server.port)
  await third.refused('too-many-connections')
  await third.isSentAway()
  await others[0].disconnect()
  await until('a place is free', () => server.figures.connections === 2)
  await Person.arrive(server)
  await witness.isUndisturbed()
})

test("three hundred connections that say nothing, or half a frame, are in nobody's way, and are sent away in time", async () => {
  const { server, witness } = await lobbyWithWitness({
    signInMs: 1_000,
    goodbyeMs: 100,
    maxGoodbyes: 50
  })
  const crowd = await Promise.all(Array.from({ length: 300 }, () => Person.arrive(server)))
  for (const [number, person] of crowd.entries())
    if (number % 2 === 0) person.socket.write(Buffer.from([0, 50, 0x7b]))
  await witness.isUndisturbed()
  await until('all are gone', () => crowd.every(({ isClosed }) => isClosed))
  const told = crowd.filter((person) => person.all('error').length > 0)
  expect(told.length, 'as many as may say goodbye at once, at least').toBeGreaterThanOrEqual(50)
  for (const person of told) expect(person.all('error')[0].code).toBe('sign-in-timeout')
  await until('the server is rid of them', () => server.figures.connections === 1)
  await witness.isUndisturbed()
})

test('a megabyte of commands at once is a flood: what is behind the limit is not even looked at', async () => {
  const { server, witness } = await lobbyWithWitness()
  const rude = await Person.signIn(server, 'Rude')
  const { messagesIn } = server.figures
  const one = Buffer.from('\0\x16{"type":"ping","id":1}')
  rude.socket.write(Buffer.concat(new Array(Math.ceil(2 ** 20 / one.length)).fill(one)))
  await until('it is cut off', () => rude.isClosed)
  const { burstMessages, maxDroppedMessages } = defaultLimits
  expect(server.figures.messagesIn - messagesIn).toBeLessThan(
    2 * (burstMessages + maxDroppedMessages)
  )
  await witness.isUndisturbed()
})

test.each([
  ['before a name', 'nothing'],
  ['in the lobby', 'lobby'],
  ['in a room', 'room'],
  ['when ready', 'ready'],
  ['in a match', 'match'],
  ['in the middle of a frame', 'frame']
])('who disconnects suddenly %s is gone, and the others go on', async (_, state) => {
  for (const how of ['reset', 'close'] as const) {
    const server = await openLobby({ resumeMs: 0 })
    const witness = await Person.signIn(server, 'Witness')
    witness.send({ type: 'create', room: 'Den' })
    await witness.next('joined')
    const lost = await Person.arrive(server)
    if (state !== 'nothing') lost.send({ type: 'name', name: 'Lost' })
    if (state === 'room' || state === 'ready' || state === 'match')
      lost.send({ type: 'join', room: 'Den' })
    if (state === 'ready' || state === 'match') lost.send({ type: 'ready' })
    if (state === 'match') witness.send({ type: 'ready' })
    if (state === 'frame') lost.socket.write(Buffer.from([0, 50, 0x7b]))
    if (state === 'match') await lost.next('match-started')
    else if (state === 'ready') await lost.next('ready')
    else if (state === 'room') await lost.next('joined')
    else if (state !== 'nothing') await lost.next('welcome')

    if (how === 'reset') lost.socket.resetAndDestroy()
    else lost.socket.destroy()
    await until(
      'the server has noticed',
      () => server.figures.connections === 1 && server.figures.players === 1
    )
    expect(server.figures).toMatchObject({ players: 1, rooms: 1, matches: 0 })
    if (state === 'room' || state === 'ready')
      expect((await witness.next('member-left')).name).toBe('Lost')
    if (state === 'match') expect((await witness.next('match-ended')).winners).toEqual(['Witness'])
    await witness.isUndisturbed()
  }
})

test('a hundred who come, join and vanish leave nothing behind', async () => {
  const { server, witness } = await lobbyWithWitness({ maxRoomPlayers: 100 })
  const crowd = await Promise.all(
    Array.from({ length: 100 }, (_, number) => Person.signIn(server, `P${number}`))
  )
  crowd[0].send({ type: 'create', room: 'Den' })
  await crowd[0].next('joined')
  for (const person of crowd.slice(1)) person.send({ type: 'join', room: 'Den' })
  await Promise.all(crowd.slice(1).map((person) => person.next('joined')))
  for (const person of crowd) person.socket.resetAndDestroy()
  await until(
    'all are gone',
    () => server.figures.connections === 1 && server.figures.players === 1
  )
  expect(server.figures).toMatchObject({ players: 1, rooms: 0 })
  await witness.isUndisturbed()
})
