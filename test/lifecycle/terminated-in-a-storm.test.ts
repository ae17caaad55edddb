// A worker is terminated between any two of its instructions. Whatever socket it was just making or
// giving on, the descriptor comes back, once.
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { NO_BACKGROUND_COMPILATION } from '../support/child.ts'
import { countDescriptors, descriptorsBackAt } from '../support/descriptors.ts'
import { newSeed, randomFrom } from '../support/poller-random.ts'
import { isWine } from '../support/system.ts'

setFlagsFromString(NO_BACKGROUND_COMPILATION)

const ROUNDS = isWine ? 5 : 15

test.each([
  'accepting and connecting on a poller',
  'accepting with raw sockets',
  'binding and adopting',
  'opening and closing pollers'
])('%s', { timeout: 120_000 }, async (storm) => {
  const seed = newSeed()
  const random = randomFrom(seed)
  const comeAndGo = async () => {
    const worker = new Worker(new URL('./storm-worker.mjs', import.meta.url), {
      workerData: { storm }
    })
    onTestFinished(() => void worker.terminate())
    await once(worker, 'message')
    await delay(20 + random(30))
    await worker.terminate()
  }
  await comeAndGo() // The first one may open what the process keeps.
  const before = countDescriptors() + (isWine ? 1 : 0)
  for (let round = 0; round < ROUNDS; round++) await comeAndGo()
  expect(await descriptorsBackAt(before), `seed ${seed}`).toBeLessThanOrEqual(before)
})
