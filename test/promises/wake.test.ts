// Waking a poller: from its own thread, and by a Waker from any other.
import { Waker } from 'pollport'
import { expect, test } from 'vitest'
import { openProbe, ownPair } from '../support/poller-probe.ts'
import { threadWaker } from '../support/poller-wake-later.ts'
import { tested } from '../support/tested-system.ts'

const WAKE = [{ type: 'wake' }]

test('a wake before the wait ends it at once', () => {
  const { poller } = openProbe()
  poller.wake()
  expect(poller.wait(10_000)).toEqual(WAKE)
})

test('S.20 a thousand wakes before a wait end one wait, not the next', () => {
  const { poller } = openProbe()
  for (let wakes = 0; wakes < 1000; wakes++) poller.wake()
  expect(poller.wait(10_000)).toEqual(WAKE)
  expect(poller.wait(0)).toEqual([])
  expect(poller.wait(20)).toEqual([])
})

test('a wake does not stand behind what the receive buffer had no room for', async () => {
  const probe = openProbe({ batchBufferBytes: 64 * 1024, readBudgetBytes: 64 * 1024 })
  const pairs = []
  for (let peers = 0; peers < 20; peers++) pairs.push(await ownPair(probe))
  for (const { far } of pairs) far.send(Buffer.alloc(100_000))
  await probe.until('the first bytes are there', () => probe.poller.stats.bytesReceived > 0)
  probe.poller.wake()
  probe.step(0)
  expect(probe.seen('wake')).toHaveLength(1)
  await probe.until('all of it arrives', () => probe.poller.stats.bytesReceived === 2_000_000)
  expect(probe.seen('wake')).toHaveLength(1)
})

test('S.20 wait(0) collects a wake', () => {
  const { poller } = openProbe()
  poller.wake()
  expect(poller.wait(0)).toEqual(WAKE)
})

test('S.20 a wake from another thread ends wait(-1)', async () => {
  const { poller } = openProbe()
  const thread = await threadWaker(poller.waker().handle)
  thread.wakeAfter(50)
  expect(poller.wait(-1)).toEqual(WAKE)
})

test('S.20 wakes from another thread coalesce too: a thousand are few events, and none is left behind', async () => {
  const { poller } = openProbe()
  const thread = await threadWaker(poller.waker().handle)
  thread.wakeAfter(0, 1000)
  let wakes = 0
  expect(poller.wait(10_000)).toEqual(WAKE)
  do {
    wakes++
  } while (poller.wait(100).length > 0)
  expect(wakes).toBeLessThan(1000)
})

test('a waker is known by a number that any thread can hold', () => {
  const { poller } = openProbe()
  const { handle } = poller.waker()
  expect(Number.isSafeInteger(handle)).toBe(true)
  expect(structuredClone(handle)).toBe(handle)
  const waker = Waker.from(handle)
  expect(waker.handle).toBe(handle)
  waker.wake()
  expect(poller.wait(10_000)).toEqual(WAKE)
})

test('every poller has a waker of its own', () => {
  const [one, other] = [openProbe().poller, openProbe().poller]
  expect(one.waker().handle).not.toBe(other.waker().handle)
  one.wake()
  expect(other.wait(20)).toEqual([])
  expect(one.wait(0)).toEqual(WAKE)
})

test('a wake and what the sockets have to say come together', async () => {
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  far.send('news')
  probe.poller.flush()
  probe.poller.wake()
  await probe.until(
    'both have come',
    () => probe.seen('wake').length === 1 && probe.bytesOf(near).length === 4
  )
})

test('waking a poller that is closed reaches nobody and harms nobody', () => {
  const gone = tested.poller()
  const waker = gone.waker()
  gone.close()
  // A new poller may well get the descriptors of the old one: it must not get its wakes.
  const { poller } = openProbe()
  waker.wake()
  Waker.from(waker.handle).wake()
  expect(poller.wait(20)).toEqual([])
})

test('handles that never were a waker wake nobody', () => {
  const { poller } = openProbe()
  for (const handle of [0, 1, 2, 2 ** 31, Number.MAX_SAFE_INTEGER]) {
    if (handle === poller.waker().handle) continue
    try {
      Waker.from(handle).wake()
    } catch (error) {
      expect((error as { code?: string }).code).toMatch(/^(ERR_|EBADF)/)
    }
  }
  expect(poller.wait(20)).toEqual([])
})
