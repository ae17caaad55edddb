// Poller.wait(timeoutMs): neither early, nor spinning, and for ever only when asked.
import { expect, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { openProbe, ownPair, thrownBy } from '../support/poller-probe.ts'
import { threadWaker } from '../support/poller-wake-later.ts'
import { tested } from '../support/tested-system.ts'

function millisecondsOf(action: () => void): number {
  const start = tested.now()
  action()
  return tested.now() - start
}

/** The middle one of many measurements: a busy machine makes some of them long. */
function middle(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]
}

test('wait(0) does not block, and gives a plain empty array when there is nothing', () => {
  const { poller } = openProbe()
  poller.wait(0)
  const spent = Array.from({ length: 50 }, () =>
    millisecondsOf(() => expect(poller.wait(0)).toEqual([]))
  )
  expect(Array.isArray(poller.wait(0))).toBe(true)
  expect(middle(spent)).toBeLessThan(1)
})

test('wait(0) collects what is there', async () => {
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  far.send('here')
  probe.poller.flush()
  await probe.until('the bytes come by wait(0)', () => probe.bytesOf(near).length === 4)
})

test('wait(0.25) waits a quarter of a millisecond: not less, and not a whole clock tick of the system', () => {
  const { poller } = openProbe()
  const spent = Array.from({ length: 100 }, () => millisecondsOf(() => poller.wait(0.25)))
  expect(Math.min(...spent)).toBeGreaterThanOrEqual(0.24)
  // A busy machine makes most of them long, a clock tick every one.
  const short = spent.toSorted((a, b) => a - b)[10]
  expect(short).toBeLessThan(poller.capabilities.subMillisecondWait === false ? 20 : 1)
})

test('wait(100) is not early and hardly late', () => {
  const { poller } = openProbe()
  const spent = Array.from({ length: 7 }, () =>
    millisecondsOf(() => expect(poller.wait(100)).toEqual([]))
  )
  expect(Math.min(...spent)).toBeGreaterThanOrEqual(99.9)
  expect(middle(spent)).toBeLessThan(150)
})

test('a wait sleeps: it takes no processor time', () => {
  const { poller } = openProbe()
  poller.listenTcp({ address: LOCAL, port: 0 })
  poller.wait(1)
  const before = process.cpuUsage()
  poller.wait(500)
  const { user, system } = process.cpuUsage(before)
  // Other threads of this process, the collector's for one, may do some work meanwhile.
  expect((user + system) / 1000).toBeLessThan(250)
})

test.each([
  ['wait(-1)', [-1]],
  ['wait() with nothing', []],
  ['wait(undefined)', [undefined]],
  ['wait of 25 days, more than the system can be told at once', [2 ** 31 + 1]],
  ['wait of thirty years', [1e12]],
  ['wait of longer than there will be computers', [1e300]]
] as const)('%s goes on until something happens', async (_, args) => {
  const { poller } = openProbe()
  const waker = await threadWaker(poller.waker().handle)
  waker.wakeAfter(150)
  const spent = millisecondsOf(() => expect(poller.wait(...args)).toEqual([{ type: 'wake' }]))
  expect(spent).toBeGreaterThanOrEqual(100)
})

test('an event ends a long wait at once', async () => {
  const probe = openProbe()
  const { near, far } = await ownPair(probe)
  far.send('now')
  expect(millisecondsOf(() => probe.step(10_000))).toBeLessThan(5_000)
  await probe.until('the bytes are there', () => probe.bytesOf(near).toString() === 'now')
})

test('maxEvents bounds a batch, and what does not fit comes with the next waits', async () => {
  const probe = openProbe({ maxEvents: 4 })
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const fars = Array.from({ length: 12 }, () => probe.poller.connectTcp(listener.localAddress))
  await probe.until(
    'all are connected',
    () => probe.seen('connect').length === 12 && probe.seen('accept').length === 12
  )
  for (const far of fars) far.send('x')
  probe.poller.flush()
  const batches: number[] = []
  await probe.until('all bytes are there', () => {
    const before = probe.seen('receive').length
    probe.step(0)
    batches.push(probe.seen('receive').length - before)
    return probe.seen('receive').length === 12
  })
  expect(Math.max(...batches)).toBeLessThanOrEqual(4)
  expect(
    probe
      .seen('receive')
      .map(({ socket }) => socket.id)
      .toSorted((a, b) => a - b)
  ).toEqual(
    probe
      .seen('accept')
      .map(({ socket }) => socket.id)
      .toSorted((a, b) => a - b)
  )
})

test.each([
  [Number.NaN],
  [Number.POSITIVE_INFINITY],
  [Number.NEGATIVE_INFINITY],
  [-2],
  [-0.5],
  ['100'],
  [null],
  [{}],
  [1n]
])('wait() with something else is refused (case %#)', (timeout) => {
  const { poller } = openProbe()
  poller.wake() // So that a wait that is not refused ends: nothing else could end it.
  const error = thrownBy(() => poller.wait(timeout as number))
  expect(error.code).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/)
  expect(poller.wait(0)).toEqual([{ type: 'wake' }])
})

test('a poller that was closed cannot be waited on', () => {
  const poller = tested.poller()
  poller.close()
  expect(thrownBy(() => poller.wait(0))).toMatchObject({ name: 'SocketError', code: 'EBADF' })
})
