// The lobby over real sockets, with players who mean well.
import { expect, test } from 'vitest'
import { arenas, openLobby, Person, until } from './person.ts'

test('a player signs in, is listed as one, and may go', async () => {
  const server = await openLobby()
  const ann = await Person.arrive(server)
  expect(ann.heard).toMatchObject([
    { type: 'hello', version: 4, maxFrameBytes: 4096, limits: { maxNameChars: 24 } }
  ])
  ann.send({ type: 'name', name: 'Ann' })
  expect(await ann.next('welcome')).toMatchObject({ type: 'welcome', name: 'Ann' })
  expect(server.figures).toMatchObject({ connections: 1, players: 1, rooms: 0 })
  ann.send({ type: 'sign-out' })
  await ann.next('signed-out')
  expect(server.figures).toMatchObject({ connections: 1, players: 0 })
  ann.socket.end()
  await ann.isSentAway()
  await until('nobody is left', () => server.figures.connections === 0)
  expect(server.figures).toMatchObject({ players: 0, rooms: 0, messagesIn: 2, messagesOut: 3 })
})

test('players find each other in a room, talk, get ready, play and leave', async () => {
  const server = await openLobby({ 'coin-arena.matchMs': 2_500 })
  const [ann, bob, cid] = await Person.roomOf(server, 'Ann', 'Bob', 'Cid')
  const all = [ann, bob, cid]
  expect((await ann.next('member-joined')).name).toBe('Bob')
  expect((await ann.next('member-joined')).name).toBe('Cid')

  const dee = await Person.signIn(server, 'Dee')
  dee.send({ type: 'rooms' })
  expect((await dee.next('rooms')).rooms).toMatchObject([
    { name: 'Den', players: 3, isPlaying: false }
  ])

  bob.send({ type: 'say', text: 'shall we?' })
  for (const each of all)
    expect(await each.next('chat')).toEqual({
      type: 'chat',
      from: 'Bob',
      to: 'room',
      text: 'shall we?'
    })

  for (const each of all) each.send({ type: 'ready' })
  for (const each of all)
    expect((await each.next('match-started')).players).toEqual(['Ann', 'Bob', 'Cid'])
  expect(server.figures.matches).toBe(1)

  // Nobody asked for datagrams: the state comes by the connection.
  const { match, tick } = await bob.next('state')
  const [{ players }] = arenas(bob)
  bob.send({ type: 'input', match, seq: 1, input: { direction: 3 } })
  expect((await bob.next('state')).tick).toBeGreaterThan(tick)
  await until('the steering counts', () => {
    return arenas(bob).some((arena) => arena.players[1].x > players[1].x)
  })
  const ends = await Promise.all(all.map((each) => each.next('match-ended')))
  expect(ends[0].scores).toHaveLength(3)
  expect(ends[1]).toEqual(ends[0])
  expect(ends[2]).toEqual(ends[0])

  cid.send({ type: 'leave' })
  await cid.next('left')
  expect((await ann.next('member-left')).name).toBe('Cid')
  for (const each of [...all, dee]) await each.isUndisturbed()
  expect(dee.heard.filter(({ type }) => type === 'match-started' || type === 'chat')).toEqual([])
})

test('a match that nobody finishes ends by the clock', async () => {
  // Of all seeds, three in a hundred put a coin where somebody stands.
  const server = await openLobby({ 'coin-arena.matchMs': 100 }, { newSeed: () => '42' })
  const [ann, bob] = await Person.roomOf(server, 'Ann', 'Bob')
  ann.send({ type: 'ready' })
  bob.send({ type: 'ready' })
  await ann.next('match-started')
  expect((await ann.next('match-ended')).winners).toEqual([])
  await bob.next('match-ended')
})

test('the answers to everything still come after the client has said its end', async () => {
  const server = await openLobby()
  const ann = await Person.arrive(server)
  ann.send({ type: 'name', name: 'Ann' })
  for (let id = 1; id <= 30; id++) ann.send({ type: 'ping', id })
  ann.socket.end()
  await ann.isSentAway()
  expect(ann.heard.filter(({ type }) => type === 'pong')).toHaveLength(30)
})

test('a frame may come byte by byte, and many may come at once', async () => {
  const server = await openLobby()
  const ann = await Person.arrive(server)
  const frame = Buffer.concat([Buffer.from([0, 28]), Buffer.from('{"type":"name","name":"Ann"}')])
  for (const byte of frame) {
    ann.socket.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await ann.next('welcome')
  const ping = Buffer.concat([Buffer.from([0, 22]), Buffer.from('{"type":"ping","id":9}')])
  ann.socket.write(Buffer.concat([ping, ping, ping]))
  for (let count = 0; count < 3; count++) expect((await ann.next('pong')).id).toBe(9)
})

test('three hundred players at once each get their answers', async () => {
  const server = await openLobby()
  const people = await Promise.all(
    Array.from({ length: 300 }, (_, number) => Person.signIn(server, `P${number}`))
  )
  expect(server.figures.players).toBe(300)
  people[0].send({ type: 'say', text: 'hello, all of you' })
  for (const person of people) await person.next('chat')
  await Promise.all(people.map((person) => person.isUndisturbed()))
})

test('when the server stops everybody hears it and is closed in order', async () => {
  const server = await openLobby()
  const people = [await Person.arrive(server), ...(await Person.roomOf(server, 'Ann', 'Bob'))]
  server.stop()
  for (const person of people) {
    await person.next('bye')
    await person.isSentAway()
  }
  const late = new Person(server.port)
  await until('nobody listens', () => late.error?.code === 'ECONNREFUSED')
})

test('a port that is taken is an error with a name, and with the port', async () => {
  const { port } = await openLobby()
  for (const taken of [{ port }, { operatorPort: port }, { webPort: port }]) {
    await expect(openLobby(taken)).rejects.toMatchObject({ code: 'EADDRINUSE', port })
  }
})
