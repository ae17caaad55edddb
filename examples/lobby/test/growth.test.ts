// What a node does for its cluster grows with the nodes no faster than they do: fifty of them in a
// simulated network, with the real memberships and links, and a model of players.
import { expect, test } from 'vitest'
import { type Growth, growth } from '../load/growth.ts'

const PLAYERS_A_NODE = 2_000
const FEW = 10
const MANY = 50

const grown = (nodes: number) => growth({ nodes, players: nodes * PLAYERS_A_NODE, seconds: 5 })

/** Of one node, without what it does whether it has players or not. */
function commandsOfPlayers({ nodes, commands }: Growth): number {
  const all = [...commands].filter(([kind]) => kind !== 'publishListings')
  return all.reduce((sum, [, rate]) => sum + rate, 0) / nodes
}

test('a node of fifty has the work of one of ten for its players, and bounded work for the others', async () => {
  const [few, many] = [await grown(FEW), await grown(MANY)]
  expect([few.failures, many.failures]).toEqual([0, 0])
  expect(commandsOfPlayers(many) / commandsOfPlayers(few)).toBeLessThan(1.15)
  // Changes of lists: all nodes together, a hundred a second to each of them, however many they are
  expect(few.lists.messages).toBeGreaterThan(20)
  expect(many.lists.messages).toBeLessThan(105)
  // Chat: no more than the lobby of a node bears, however many talk
  expect(many.chat.messages / few.chat.messages).toBeLessThan(1.5)
  // Heartbeats, one a link and half second in each direction, with their answers
  const perLink = (found: Growth) => found.links.messages / (found.nodes - 1)
  expect(perLink(many)).toBeGreaterThan(7.5)
  expect(perLink(many)).toBeLessThan(9)
}, 120_000)
