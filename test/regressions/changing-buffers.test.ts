// Bytes that change while a call looks at them: what it counts and what it sends is what was there
// when it was asked, and never others' memory.
import { Socket } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { openProbe, ownPair, thrownBy } from '../support/poller-probe.ts'

/**
 * A view over all of a buffer that can be resized, however long that is; TypeScript's library for
 * Node 20 does not know those yet.
 */
function resizable(
  bytes: number,
  most: number
): { view: Uint8Array<ArrayBuffer>; resize(bytes: number): void } {
  const Resizable = ArrayBuffer as unknown as new (
    bytes: number,
    options: { maxByteLength: number }
  ) => ArrayBuffer
  const buffer = new Resizable(bytes, { maxByteLength: most }) as ArrayBuffer & {
    resize(bytes: number): void
  }
  return { view: new Uint8Array(buffer), resize: (length) => buffer.resize(length) }
}

test.each([
  ['made longer', (data: { resize(bytes: number): void }) => data.resize(4000)],
  ['made shorter', (data: { resize(bytes: number): void }) => data.resize(2)],
  [
    'transferred',
    (data: { view: Uint8Array<ArrayBuffer> }) =>
      structuredClone(data.view, { transfer: [data.view.buffer] })
  ]
])(
  'broadcast: bytes that are %s while the connections are listed go to all alike',
  async (_, change) => {
    const probe = openProbe()
    const pairs = [await ownPair(probe)]
    const second = probe.poller.connectTcp(pairs[0].listener.localAddress)
    await probe.first('connect', second)
    const data = resizable(8, 4000)
    data.view.fill(7)
    function* list() {
      yield pairs[0].far
      change(data)
      yield second
    }
    const taken = () => probe.poller.broadcast(list(), data.view)
    // Both have what the bytes are at last, or nobody has anything.
    if (_ === 'transferred') {
      expect(thrownBy(taken)).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
      expect([pairs[0].far.bufferedBytes, second.bufferedBytes]).toEqual([0, 0])
      return
    }
    expect(taken()).toBe(2)
    expect(pairs[0].far.bufferedBytes).toBe(second.bufferedBytes)
    expect(second.bufferedBytes).toBe(data.view.length)
  }
)

test('broadcast: an iterator that waits, sends and closes disturbs nobody else', async () => {
  const probe = openProbe()
  const { near, far, listener } = await ownPair(probe)
  const others = [1, 2].map(() => probe.poller.connectTcp(listener.localAddress))
  await probe.until(
    'all are connected',
    () => probe.seen('accept').length === 3 && probe.seen('connect').length === 3
  )
  function* list() {
    yield far
    far.send('before ')
    probe.step()
    yield others[0]
    others[0].reset()
    yield others[1]
  }
  expect(probe.poller.broadcast(list(), 'all')).toBe(2)
  await probe.until('the bytes are there', () => probe.bytesOf(near).toString() === 'before all')
})

test('a view whose buffer was made too short for it is refused like a detached one', () => {
  const { poller } = openProbe()
  const udp = poller.bindUdp({ address: '127.0.0.1', port: 0 })
  const socket = new Socket({ type: 'udp', nonBlocking: true })
  onTestFinished(() => socket.close())
  socket.bind({ address: '127.0.0.1', port: 0 })
  const { view, resize } = resizable(100, 100)
  const behind = view.subarray(50, 60)
  resize(20)
  for (const use of [
    () => udp.send(behind, udp.localAddress),
    () => socket.sendTo(behind, udp.localAddress),
    () => socket.recvFrom(behind)
  ]) {
    expect(thrownBy(use)).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' })
  }
  // A view of nothing is none of them.
  expect(udp.send(view.subarray(5, 5), udp.localAddress)).toBe(true)
})
