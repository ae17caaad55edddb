// Each scenario of `npm run simulate` holds for its first seeds.
import { expect, test } from 'vitest'
import { scenarios } from './scenarios/all.ts'

const SEEDS = 15

// The lobby has tests of its own, alone and as a cluster.
test.each(scenarios.filter(({ name }) => name !== 'lobby' && name !== 'cluster'))(
  '$name: every promise holds, seed by seed',
  { timeout: 300_000 },
  async (scenario) => {
    for (let seed = 1; seed <= SEEDS; seed++) await scenario.play(seed)
  }
)

test('a scenario whose promise is broken is found', async () => {
  const { Answers, messageOf } = await import('./scenarios/scenario.ts')
  const answers = new Answers()
  answers.begin('a')
  answers.take('a', messageOf('a', 0))
  expect(() => answers.take('a', messageOf('a', 0))).toThrow('a waits for message 1')
  expect(() => answers.assertAll()).toThrow('a has 1 of 20 answers')
})
