// A poller does not wait while it hands out a batch: the batch's bytes would be written over.
import { type Poller, runLoop } from 'pollport'
import { expect, test } from 'vitest'
import { openProbe, ownPair, thrownBy } from '../support/poller-probe.ts'

test.each([
  ['wait()', async (poller: Poller) => void poller.wait(0)],
  ['run()', (poller: Poller) => poller.run(() => {})],
  ['an iteration', async (poller: Poller) => void (await poller[Symbol.asyncIterator]().next())],
  ['runLoop()', (poller: Poller) => runLoop(poller, { hz: 60, onTick: () => false })]
])(
  '%s in the handler of a diverted connection is EBUSY, and the next connection gets its own bytes',
  async (_what, wait) => {
    const probe = openProbe()
    const first = await ownPair(probe)
    const second = await ownPair(probe)
    const errors: Promise<unknown>[] = []
    const texts: string[] = []
    for (const { near } of [first, second]) {
      near.divert((event) => {
        if (event.type !== 'receive') return
        errors.push(
          wait(probe.poller).then(
            () => 'no error',
            (error) => error.code
          )
        )
        texts.push(event.data.toString())
      })
    }
    first.far.send('AAAA')
    second.far.send('BBBB')
    await probe.until('both get their bytes', () => texts.length === 2)
    expect(texts.toSorted()).toEqual(['AAAA', 'BBBB'])
    expect(await Promise.all(errors)).toEqual(['EBUSY', 'EBUSY'])
  }
)

test('after the batch it waits again, also when a handler threw', async () => {
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  const codes: (string | undefined)[] = []
  near.divert(() => void codes.push(thrownBy(() => probe.poller.wait(0)).code))
  far.send('x')
  await probe.until('it got them', () => codes.length === 1)
  expect(codes).toEqual(['EBUSY'])
  expect(probe.poller.wait(0)).toEqual([])
})
