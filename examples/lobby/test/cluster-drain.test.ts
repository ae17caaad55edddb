// A node that drains is empty before it ends: its idle players and rooms go on at other nodes, and
// its matches end first.
import { expect, test } from 'vitest'
import type { MemoryDirectory } from '../cluster/memory-directory.ts'
import type { LobbyServer } from '../server/server.ts'
import { addWith, openCluster } from './node-cluster.ts'
import { Person, until } from './person.ts'

function tokenOf({ heard }: Person): string {
  return (
    heard.flatMap((message) => (message.type === 'welcome' ? [message.token] : [])).at(-1) ?? ''
  )
}

/** As a client does: after `bye` it comes to another node with its token. */
async function comeAgain(person: Person, node: LobbyServer): Promise<Person> {
  await person.next('bye')
  person.socket.end()
  const again = await Person.arrive(node)
  again.send({ type: 'resume', token: tokenOf(person) })
  await again.next('welcome')
  return again
}

test('a room without a match goes on at another node, with all who are in it', async () => {
  const { nodes } = await openCluster(2)
  const [ann, bob] = await Person.roomOf(nodes[0], 'Ann', 'Bob')
  const idle = await Person.signIn(nodes[0], 'Cid')
  bob.send({ type: 'ready' })
  await ann.next('ready')
  nodes[0].drain()
  for (const each of [ann, bob]) {
    const room = await each.next('joined')
    expect(room).toMatchObject({ room: 'Den', host: 'Ann' })
  }
  await until('everybody is at the second node', () => nodes[1].figures.players === 3)
  const people = [await comeAgain(ann, nodes[1]), await comeAgain(bob, nodes[1])]
  await comeAgain(idle, nodes[1])
  await nodes[0].ended
  for (const each of people) expect(await each.next('joined')).toMatchObject({ room: 'Den' })
  for (const each of people) each.send({ type: 'ready' })
  await people[0].next('match-started')
})

test('a room goes on at another node when its match has ended at one that drains', async () => {
  // Longer than a drained node waits for what others say to its clients
  const { nodes } = await openCluster(2, { 'coin-arena.matchMs': 1_800 })
  const [host, guest] = await Person.roomOf(nodes, 'Host', 'Guest')
  for (const each of [host, guest]) each.send({ type: 'ready' })
  for (const each of [host, guest]) await each.next('match-started')
  nodes[0].drain()
  for (const each of [host, guest]) {
    await each.next('match-ended')
    expect(await each.next('joined')).toMatchObject({ room: 'Den', host: 'Host' })
    expect(each.heard.map(({ type }) => type)).not.toContain('left')
  }
  await nodes[0].ended
})

test('a room that comes to a node which is about to end goes on all the same', async () => {
  const cluster = await openCluster(1)
  let passes = 0
  const last = await addWith(cluster, (directory) => {
    const passRoom = directory.passRoom.bind(directory)
    directory.passRoom = async (...what) => {
      passes++
      await new Promise((resolve) => setTimeout(resolve, 1_500)) // longer than it waits at its end
      return passRoom(...what)
    }
  })
  // It does not know yet that others drain
  const first = await addWith(cluster, (directory) => {
    const renew = directory.renew.bind(directory)
    directory.renew = async (...what) => {
      const renewal = await renew(...what)
      const nodes = renewal.nodes.map((node) => ({
        ...node,
        load: { ...node.load, isDraining: false }
      }))
      return { ...renewal, nodes }
    }
  })
  const other = await addWith(cluster, () => {})
  // So that the one that drains is the emptiest
  for (const name of ['Cid', 'Dee']) await Person.signIn(other, name)
  for (const name of ['Eve', 'Fay']) await Person.signIn(cluster.nodes[0], name)
  const isFull = ({ players }: { players: number }) => players > 0
  await until('that is known', () => first.figures.cluster?.nodes.filter(isFull).length === 2)
  const [host] = await Person.roomOf(first, 'Host')
  const ann = await Person.signIn(other, 'Ann')
  ann.send({ type: 'join', room: 'Den' })
  await ann.next('joined')
  host.send({ type: 'sign-out' })
  await host.next('signed-out')
  last.drain()
  first.drain()
  await last.ended
  ann.send({ type: 'ready' })
  await ann.next('ready')
  expect(ann.heard.map(({ type }) => type)).not.toContain('left')
  expect(passes).toBeGreaterThan(0)
})

test('a node that may not speak ends when its time to drain is over', async () => {
  const cluster = await openCluster(1)
  const directories: MemoryDirectory[] = []
  const node = await addWith(cluster, (one) => directories.push(one), { drainMs: 100 })
  directories[0].isCut = true
  await until('its lease is over', () => node.figures.cluster?.maySpeak === false)
  node.drain()
  await node.ended
})

test('a rolling update of three nodes loses no match', async () => {
  // Long enough that none ends while this process stands still for a second or two
  const cluster = await openCluster(3, { 'coin-arena.matchMs': 2_500 })
  const old = [...cluster.nodes]
  const ended = new Set<LobbyServer>()
  let played = 0
  for (const node of old) {
    const others = cluster.nodes.filter((each) => each !== node && !ended.has(each))
    const room = `Room ${played}`
    const host = await Person.signIn(node, `Host ${played}`)
    const guest = await Person.signIn(others[0], `Guest ${played}`)
    host.send({ type: 'create', room })
    await host.next('joined')
    guest.send({ type: 'join', room })
    await guest.next('joined')
    for (const each of [host, guest]) each.send({ type: 'ready' })
    for (const each of [host, guest]) await each.next('match-started')
    expect(node.figures.matches).toBe(1)
    node.drain()
    for (const each of [host, guest])
      expect(await each.next('match-ended')).toMatchObject({ saved: true })
    const again = await comeAgain(host, others[0])
    await node.ended
    ended.add(node)
    await cluster.add()
    await cluster.complete()
    again.send({ type: 'leave' })
    await again.next('left')
    played++
  }
  expect(played).toBe(3)
})
