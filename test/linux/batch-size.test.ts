// How much a batch holds. What bounds it on every system is in promises/fairness.test.ts; here epoll says at once all that is there.
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

test('large messages are small batches: the first that fills half of the receive buffer ends it', async () => {
  const probe = openProbe()
  const pairs = []
  for (let made = 0; made < 8; made++) pairs.push(await ownPair(probe))
  // Room for a whole message on its way; a connection begins with less.
  for (const { near, far } of pairs) {
    near.setOption('receiveBufferSize', 256 * 1024)
    far.setOption('sendBufferSize', 256 * 1024)
  }
  for (const { far } of pairs) far.send(Buffer.alloc(64 * 1024))
  probe.keeps = false
  const lengths: number[] = []
  probe.onEvent = (event) => {
    if (event.type === 'receive') lengths.push(event.data.length)
  }
  for (let waits = 0; waits < 8; waits++) expect(probe.step(0)).toBe(1)
  expect(lengths).toEqual(Array(8).fill(64 * 1024))
})
