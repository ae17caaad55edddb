// How much a batch holds. What bounds it on every system is in promises/fairness.test.ts; here
// epoll says at once all that is there.
import { expect, test } from 'vitest'
import { openProbe, ownPair } from '../support/poller-probe.ts'

test('many small messages are one batch: a thousand of 64 bytes', async () => {
  const probe = openProbe()
  const pairs = []
  for (let made = 0; made < 500; made++) pairs.push(await ownPair(probe))
  for (const { near, far } of pairs) {
    near.send(Buffer.alloc(64))
    far.send(Buffer.alloc(64))
  }
  probe.poller.flush()
  expect(probe.step(0)).toBe(1000)
})
