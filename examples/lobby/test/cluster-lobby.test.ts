// Several nodes are one lobby: what a player can do does not depend on the node of its connection.
import { expect, onTestFinished, test, vi } from 'vitest'
import { DirectoryError, type DirectoryEvents } from '../cluster/directory.ts'
import { Front } from '../cluster/front.ts'
import { type MemoryDirectory, MemoryEngine } from '../cluster/memory-directory.ts'
import { system } from '../place.ts'
import { addWith, openCluster, untilListed } from './node-cluster.ts'
import { openLobby, Person, until } from './person.ts'

function tokenOf({ heard }: Person): string {
  return (
    heard.flatMap((message) => (message.type === 'welcome' ? [message.token] : [])).at(-1) ?? ''
  )
}

class Gate {
  open: () => void = () => {}
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve
  })
}

test('a name, a room and a line of chat are those of all nodes', async () => {
  const { nodes } = await openCluster(2)
  const ann = await Person.signIn(nodes[0], 'Ann')
  const bob = await Person.signIn(nodes[1], 'Bob')
  const other = await Person.arrive(nodes[1])
  other.send({ type: 'name', name: 'ann' })
  expect(await other.next('error')).toMatchObject({ code: 'name-taken' })

  ann.send({ type: 'players' })
  expect(await ann.next('players')).toMatchObject({
    total: 2,
    players: [{ name: 'Ann' }, { name: 'Bob' }]
  })
  ann.send({ type: 'say', text: 'hello out there' })
  expect(await bob.next('chat')).toMatchObject({ from: 'Ann', to: 'lobby' })
  ann.send({ type: 'create', room: 'Den' })
  await ann.next('joined')
  await untilListed(bob, 'Den')
  bob.send({ type: 'create', room: 'DEN' })
  expect(await bob.next('error')).toMatchObject({ code: 'room-taken' })
})

test('players of different nodes meet in a room, play, and leave', async () => {
  // Long enough that it does not end while this process stands still for a second or two
  const { nodes } = await openCluster(2, { 'coin-arena.matchMs': 2_500 })
  const ann = await Person.signIn(nodes[0], 'Ann')
  const bob = await Person.signIn(nodes[1], 'Bob')
  ann.send({ type: 'create', room: 'Den' })
  await ann.next('joined')
  bob.send({ type: 'join', room: 'den' })
  bob.send({ type: 'ready' }) // before there is an answer
  expect(await bob.next('joined')).toMatchObject({ room: 'Den', host: 'Ann' })
  expect(await ann.next('member-joined')).toMatchObject({ name: 'Bob' })
  ann.send({ type: 'ready' })
  for (const each of [ann, bob]) await each.next('match-started')
  expect([nodes[0].figures.matches, nodes[1].figures.matches]).toEqual([1, 0])
  await bob.next('state')
  for (const each of [ann, bob]) await each.next('match-ended')
  bob.send({ type: 'leave' })
  await bob.next('left')
  bob.send({ type: 'create', room: 'Own' })
  expect(await bob.next('joined')).toMatchObject({ room: 'Own', host: 'Bob' })
})

test.each(['restart', 'loseData'] as const)(
  'lists go on when the directory has started anew: %s',
  async (how) => {
    const cluster = await openCluster(2)
    const { nodes, engine } = cluster
    const ann = await Person.signIn(nodes[0], 'Ann')
    const bob = await Person.signIn(nodes[1], 'Bob')
    // So the numbers of its changes are far above those that come after the restart
    for (const room of ['One', 'Two', 'Three', 'Four']) {
      ann.send({ type: 'create', room })
      await ann.next('joined')
      await untilListed(bob, room)
      if (room === 'Four') continue
      ann.send({ type: 'leave' })
      await ann.next('left')
    }
    engine[how]()
    await until('the nodes see it', () =>
      nodes.every(({ figures: { cluster } }) => cluster?.directory === 'settling')
    )
    await cluster.complete()
    await untilListed(bob, 'Four')
    ann.send({ type: 'leave' })
    await ann.next('left')
    ann.send({ type: 'create', room: 'After' })
    await ann.next('joined')
    await untilListed(bob, 'After')
    bob.send({ type: 'rooms' })
    expect((await bob.next('rooms')).rooms.map(({ name }) => name)).toEqual(['After'])
  }
)

test('a private room is found by its code, from any node', async () => {
  const { nodes } = await openCluster(2)
  const ann = await Person.signIn(nodes[0], 'Ann')
  const bob = await Person.signIn(nodes[1], 'Bob')
  ann.send({ type: 'create', room: 'Den', private: true })
  const { code } = await ann.next('joined')
  bob.send({ type: 'join', room: 'Den' })
  expect(await bob.next('error')).toMatchObject({ code: 'no-such-room' })
  bob.send({ type: 'join', room: code })
  expect(await bob.next('joined')).toMatchObject({ room: 'Den' })
})

test('a token is good at any node, and brings back the seat in the match', async () => {
  const { nodes } = await openCluster(2)
  const [ann, bob] = await Person.roomOf(nodes[0], 'Ann', 'Bob')
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  await ann.next('match-started')
  ann.socket.destroy()
  await bob.next('member-away')
  const again = await Person.arrive(nodes[1])
  again.send({ type: 'resume', token: tokenOf(ann) })
  expect(await again.next('welcome')).toMatchObject({ name: 'Ann' })
  expect(await again.next('joined')).toMatchObject({ room: 'Den' })
  await again.next('state')
  expect(await bob.next('member-back')).toMatchObject({ name: 'Ann' })
})

test('a page that is loaded anew is back at once in a room of another node', async () => {
  const { nodes } = await openCluster(2)
  const [, bob] = await Person.roomOf(nodes, 'Ann', 'Bob')
  let page = bob
  for (let times = 0; times < 3; times++) {
    page.socket.destroy()
    const again = await Person.arrive(nodes[1])
    again.send({ type: 'resume', token: tokenOf(page) })
    expect(await again.next('welcome')).toMatchObject({ name: 'Bob' })
    expect(await again.next('joined')).toMatchObject({ room: 'Den', host: 'Ann' })
    page = again
  }
})

test('a quick match brings players of all nodes together', async () => {
  const { nodes } = await openCluster(3, { quickMatchPlayers: 3, minMatchPlayers: 3 })
  const people = await Promise.all(nodes.map((node, at) => Person.signIn(node, `Player ${at}`)))
  for (const each of people) each.send({ type: 'queue' })
  const starts = await Promise.all(people.map((each) => each.next('match-started')))
  for (const { players } of starts)
    expect([...players].sort()).toEqual(['Player 0', 'Player 1', 'Player 2'])
  expect(nodes.reduce((sum, { figures }) => sum + figures.matches, 0)).toBe(1)
})

test('a node that joins when the data is lost, and nobody has registered, is one of them', async () => {
  const directories: MemoryDirectory[] = []
  const cluster = await openCluster(0, { leaseMs: 2_000 })
  await addWith(cluster, (one) => directories.push(one))
  const ann = await Person.signIn(cluster.nodes[0], 'Ann')
  directories[0].isCut = true
  cluster.engine.loseData()
  const node = await cluster.add()
  await until('it has joined', () => (node.figures.cluster?.epoch ?? 0) > 0)
  directories[0].isCut = false
  await cluster.complete()
  // Tokens of one are good at the other.
  ann.socket.destroy()
  const again = await Person.arrive(node)
  again.send({ type: 'resume', token: tokenOf(ann) })
  expect(await again.next('welcome')).toMatchObject({ name: 'Ann' })
})

test('a node that is lost ends its rooms; their players are in the lobby again', async () => {
  const cluster = await openCluster(2)
  const { nodes } = cluster
  const [ann, bob] = await Person.roomOf(nodes, 'Ann', 'Bob')
  nodes[0].stop()
  expect(await bob.next('left')).toMatchObject({ room: 'Den', byNode: 'lost' })
  bob.send({ type: 'create', room: 'Den' })
  expect(await bob.next('joined')).toMatchObject({ room: 'Den', host: 'Bob' })
  const again = await Person.arrive(nodes[1])
  again.send({ type: 'resume', token: tokenOf(ann) })
  expect(await again.next('welcome')).toMatchObject({ name: 'Ann' })
  await until('both live at the second node', () => nodes[1].figures.players === 2)
})

test('of two connections of one player whose node is lost, the later one keeps it', async () => {
  const cluster = await openCluster(1)
  const held = new Gate()
  let takes = 0
  await addWith(cluster, (directory) => {
    const { takePlayer } = directory
    directory.takePlayer = async (id) => {
      if (++takes === 1) await held.opened
      return await takePlayer.call(directory, id)
    }
  })
  const { nodes } = cluster
  const [, bob] = await Person.roomOf(nodes, 'Ann', 'Bob')
  nodes[0].stop()
  await until('its old connection asks for the player', () => takes === 1)
  const again = await Person.arrive(nodes[1])
  const receive = vi.spyOn(Front.prototype, 'receive')
  onTestFinished(() => receive.mockRestore())
  again.send({ type: 'resume', token: tokenOf(bob) })
  await until('its new one asks for the player', () =>
    receive.mock.calls.some(([, frame]) => Buffer.from(frame).includes('resume'))
  )
  await nodes[0].ended // nobody has the player any more
  held.open()
  await again.next('welcome')
  await bob.refused('replaced')
  await again.isUndisturbed()
})

test('a player whose node is lost comes home although the first answer to that gets lost', async () => {
  const cluster = await openCluster(1)
  let takes = 0
  await addWith(cluster, (directory) => {
    const { takePlayer } = directory
    directory.takePlayer = async (id) => {
      const taken = await takePlayer.call(directory, id)
      if (typeof taken === 'object' && ++takes === 1)
        throw new DirectoryError('away', 'the answer is lost')
      return taken
    }
  })
  const { nodes } = cluster
  const [, bob] = await Person.roomOf(nodes, 'Ann', 'Bob')
  nodes[0].stop()
  expect(await bob.next('left')).toMatchObject({ room: 'Den', byNode: 'lost' })
  expect(takes).toBe(2)
  await bob.isUndisturbed()
})

test('a name is given although the directory is away for a moment', async () => {
  const cluster = await openCluster(1)
  let firstMs: number | undefined
  await addWith(cluster, (directory) => {
    const { claimName } = directory
    directory.claimName = async (player) => {
      firstMs ??= performance.now()
      if (performance.now() < firstMs + 100) throw new DirectoryError('away', 'not connected')
      return await claimName.call(directory, player)
    }
  })
  const bob = await Person.signIn(cluster.nodes[1], 'Bob')
  await bob.isUndisturbed()
})

test('a private room is found by its code before the directory has settled', async () => {
  const cluster = await openCluster(1)
  let code = ''
  await addWith(cluster, (directory) => {
    const { findRoom } = directory
    directory.findRoom = async (keyOrCode) => {
      if (keyOrCode !== code) throw new DirectoryError('settling', 'it may still be registered')
      return await findRoom.call(directory, keyOrCode)
    }
  })
  const ann = await Person.signIn(cluster.nodes[0], 'Ann')
  const bob = await Person.signIn(cluster.nodes[1], 'Bob')
  ann.send({ type: 'create', room: 'Den', private: true })
  code = (await ann.next('joined')).code ?? ''
  bob.send({ type: 'join', room: code })
  expect(await bob.next('joined')).toMatchObject({ room: 'Den' })
})

test('a player whose node is lost goes on with the skill that it had there', async () => {
  const { nodes } = await openCluster(2, { 'coin-arena.matchMs': 600_000 })
  const [ann, bob] = await Person.roomOf(nodes[0], 'Ann', 'Bob')
  for (const each of [ann, bob]) each.send({ type: 'ready' })
  await ann.next('state')
  ann.send({ type: 'leave' }) // that is a match lost
  const { skills } = await bob.next('match-ended')
  expect(skills.every(({ skill }) => skill === 1500)).toBe(false)
  nodes[0].stop()
  for (const each of [ann, bob]) {
    const person = await Person.arrive(nodes[1])
    person.send({ type: 'resume', token: tokenOf(each) })
    await person.next('welcome')
    person.send({ type: 'queue' })
    const skill = skills.find(({ name }) => name === (each === ann ? 'Ann' : 'Bob'))?.skill
    expect(await person.next('queued')).toMatchObject({ skill })
  }
})

test('what the directory answers to a node that may not speak yet, its client hears later', async () => {
  const engine = new MemoryEngine(system)
  const joining = new Gate()
  const claiming = new Gate()
  const renewing = new Gate()
  let claims = 0
  let renewals = 0
  const openDirectory = (events: DirectoryEvents) => {
    const directory = engine.open(system, events)
    const { join, renew } = directory
    directory.claimName = async () => {
      claims++
      await claiming.opened
      throw new DirectoryError('settling', 'in a moment')
    }
    directory.join = async (self) => {
      await joining.opened
      return await join.call(directory, self)
    }
    directory.renew = async (request) => {
      renewals++
      await renewing.opened
      return await renew.call(directory, request)
    }
    return directory
  }
  const node = await openLobby({ node: 'n1', leaseMs: 60_000 }, { openDirectory })
  const ann = await Person.arrive(node)
  ann.send({ type: 'name', name: 'Ann' })
  await until('the name is claimed', () => claims > 0)
  joining.open()
  await until('the node has joined, and has no lease yet', () => renewals > 0)
  claiming.open()
  await new Promise((resolve) => setTimeout(resolve, 50))
  expect(ann.all('error')).toEqual([])
  renewing.open()
  await ann.refused('cluster-away')
})
