// Operators reach all nodes from any of them.
import { expect, test } from 'vitest'
import type { LobbyServer } from '../server/server.ts'
import { openCluster } from './node-cluster.ts'
import { BEARER } from './operator-door.ts'
import { Person, until } from './person.ts'

const at = ({ operatorPort }: LobbyServer, path: string) =>
  `http://127.0.0.1:${operatorPort}/admin/${path}`

async function act(node: LobbyServer, action: string, request: object): Promise<Response> {
  const headers = { ...BEARER, 'content-type': 'application/json' }
  return await fetch(at(node, action), { method: 'POST', headers, body: JSON.stringify(request) })
}

async function untilBanned(node: LobbyServer, name: string): Promise<void> {
  for (;;) {
    const answer = await fetch(at(node, 'bans'), { headers: BEARER })
    const { bans } = (await answer.json()) as { bans: { name?: string }[] }
    if (bans.some((ban) => ban.name === name)) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

test('what an operator does at one node holds at all: announce, message, kick, ban', async () => {
  const cluster = await openCluster(2)
  const [one, two] = cluster.nodes
  const ann = await Person.signIn(one, 'Ann')
  const bob = await Person.signIn(two, 'Bob')
  await act(one, 'announce', { text: 'soon' })
  for (const each of [ann, bob])
    expect(await each.next('announcement')).toMatchObject({ to: 'all', text: 'soon' })
  await act(one, 'message', { name: 'Bob', text: 'you' })
  expect(await bob.next('announcement')).toMatchObject({ to: 'you', text: 'you' })
  expect((await act(one, 'kick', { name: 'Nobody' })).status).toBe(404)
  expect((await act(one, 'kick', { name: 'Bob', reason: 'rude' })).status).toBe(200)
  expect(await bob.next('error')).toMatchObject({ code: 'removed' })

  expect((await act(one, 'ban', { name: 'Bob', minutes: 10 })).status).toBe(200)
  const node = await cluster.add() // it learns of it from the others
  await cluster.complete()
  for (const door of [two, node]) {
    const again = await Person.arrive(door)
    await untilBanned(door, 'Bob')
    again.send({ type: 'name', name: 'Bob' })
    expect(await again.next('error')).toMatchObject({ code: 'banned' })
  }
})

test('a node is drained from any other one, and the figures show all nodes', async () => {
  const { nodes } = await openCluster(2)
  expect(nodes[0].figures.cluster?.nodes.map(({ id }) => id).sort()).toEqual(['n1', 'n2'])
  expect((await act(nodes[0], 'drain', { node: 'n3' })).status).toBe(404)
  expect((await act(nodes[0], 'drain', { node: 'n2' })).status).toBe(200)
  await nodes[1].ended
  await until('only one is left', () => nodes[0].figures.cluster?.nodes.length === 1)
})
