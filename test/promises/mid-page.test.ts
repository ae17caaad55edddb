// Where received bytes lie: the copy out of the kernel is up to twenty times slower a few bytes
// into a page (lib/mid-page.ts).
import { expect, test } from 'vitest'
import { addon } from '../../lib/binding/load.ts'
import { MID_PAGE, midPage } from '../../lib/mid-page.ts'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe, ownPair } from '../support/poller-probe.ts'

test.each([1, 4096, 64 * 1024, 256 * 1024, 4 * 1024 * 1024])(
  '%i bytes begin in the middle of a page, and are as many',
  (byteLength) => {
    const bytes = midPage(byteLength)
    expect(bytes).toHaveLength(byteLength)
    expect(addon().pageOffset(bytes)).toBe(MID_PAGE)
  }
)

test('where bytes lie is where they are, not where their memory begins', () => {
  expect(addon().pageOffset(midPage(100).subarray(7))).toBe(MID_PAGE + 7)
})

test('what a batch receives first lies there, also once the poller has a UDP socket', async () => {
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  const offsets: number[] = []
  probe.onEvent = (event) => {
    if (event.type === 'receive') offsets.push(addon().pageOffset(event.data))
  }
  far.send('first')
  await probe.until('it is there', () => near.bytesReceived === 5)
  probe.poller.bindUdp({ address: LOCAL, port: 0 })
  far.send('again')
  await probe.until('it is there', () => near.bytesReceived === 10)
  expect(offsets).toEqual([MID_PAGE, MID_PAGE])
})
