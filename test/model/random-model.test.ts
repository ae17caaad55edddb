// Whatever a program does, in whatever order: what arrives is what was sent, each socket's story is
// reported once and in order, and nothing is left behind.
import { expect, onTestFinished, test } from 'vitest'
import { newSeed } from '../support/poller-random.ts'
import { Player } from './player.ts'

const OPERATIONS = 100_000
const OPERATIONS_A_SEED = 5000

test(`${OPERATIONS} random operations keep every promise`, { timeout: 600_000 }, async () => {
  const player = new Player()
  onTestFinished(() => player.close())
  let operations = 0
  for (let seed = newSeed(); operations < OPERATIONS; seed = (seed + 1) % 2 ** 32) {
    const { counts, report } = await player.playSeed(seed, OPERATIONS_A_SEED)
    expect(report).toBeUndefined()
    operations += counts.operations
  }
})
