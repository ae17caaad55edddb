// What another realm made (node:vm, Jest, jsdom) is what it is: bytes are bytes and a signal is a
// signal, for every call that takes one, as for Node's own.
import vm from 'node:vm'
import { FrameDecoder, FrameEncoder, Poller, runLoop, WOULD_BLOCK } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { bindPeer } from '../support/dgram-peer.ts'
import { acceptedPair } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { codeOf, eventually, LOCAL, rawPair, rawUdp } from '../support/raw-pair.ts'

const theirs = <T>(code: string): T => vm.runInNewContext(code)
const WORD = 'from another realm'
const bytes = theirs<Uint8Array>(`new Uint8Array(${JSON.stringify([...Buffer.from(WORD)])})`)

test('the bytes are of another realm', () => {
  expect(bytes instanceof Uint8Array).toBe(false)
})

test.each([1, 10_000, 5_000_000])(
  'a connection sends them, %d times as many, and broadcast() does',
  async (times) => {
    const probe = openProbe({ highWaterMarkBytes: 2 ** 30 })
    const { connection, peer } = await acceptedPair(probe)
    const many = theirs<(word: Uint8Array, times: number) => Uint8Array>(
      '(word, bytes) => new Uint8Array(bytes).map((_, at) => word[at % word.length])'
    )(bytes, times)
    connection.send(many)
    expect(probe.poller.broadcast([connection], many)).toBe(1)
    await probe.until('all is there', () => peer.receivedBytes === 2 * times)
    expect(peer.received.equals(Buffer.concat([many, many]))).toBe(true)
  }
)

test('they go to a connection before it is made, and to a UDP socket whose end point is of another realm too', async () => {
  const probe = openProbe()
  const listener = probe.poller.listenTcp({ address: LOCAL, port: 0 })
  const far = probe.poller.connectTcp(listener.localAddress)
  far.send(bytes)
  const { socket: near } = await probe.first('accept')
  await probe.until('they are there', () => probe.bytesOf(near).toString() === WORD)
  const peer = await bindPeer()
  const udp = probe.poller.bindUdp(theirs(`({ address: '${LOCAL}', port: 0 })`))
  udp.send(bytes, theirs(`({ address: '${LOCAL}', port: ${peer.port} })`))
  await probe.until('the datagram is there', () => peer.received.length === 1)
  expect(peer.received[0].data.toString()).toBe(WORD)
})

test('a raw socket sends them, receives into them, and takes them as an option', () => {
  const { near, far } = rawPair()
  expect(near.send(bytes, 5, 7)).toBe(7)
  const into = theirs<Uint8Array>('new Uint8Array(20)')
  expect(eventually(() => far.recv(into))).toBe(7)
  expect(Buffer.from(into.slice(0, 7)).toString()).toBe('another')
  const udp = rawUdp()
  udp.sendTo(bytes, udp.localAddress)
  expect(eventually(() => udp.recvFrom(into))).toMatchObject({ bytes: WORD.length })
  expect(Buffer.from(into.slice(0, WORD.length)).toString()).toBe(WORD)
  // Whatever the system thinks of the option, it was asked.
  expect(codeOf(() => udp.setOption(-1, -1, bytes))).not.toMatch(/^ERR_/)
})

test('frames are made of them, and found in them', () => {
  const frame = new FrameEncoder().encode(bytes)
  const copy = theirs<(from: Uint8Array) => Uint8Array>('(from) => Uint8Array.from(from)')(frame)
  expect([...new FrameDecoder().push(copy)].map(String)).toEqual([WORD])
})

test('memory of theirs that is gone is refused as ours is', () => {
  const gone = theirs<Uint8Array<ArrayBuffer>>('new Uint8Array(10)')
  structuredClone(null, { transfer: [gone.buffer] })
  expect(codeOf(() => rawPair().near.send(gone))).toBe('ERR_INVALID_ARG_VALUE')
})

test('what only looks like bytes is refused, whatever realm it is of', () => {
  const { near } = rawPair()
  for (const code of [
    'new Uint8ClampedArray(4)',
    'new Int8Array(4)',
    'new ArrayBuffer(4)',
    'Object.create(Uint8Array.prototype)',
    '({ length: 4, 0: 1 })'
  ]) {
    expect(codeOf(() => near.send(theirs(code)))).toBe('ERR_INVALID_ARG_TYPE')
  }
  expect(near.recv()).toBe(WOULD_BLOCK)
})

/** A signal that is none of Node's own, as jsdom has: only what it can do counts. */
function foreignSignal(): { signal: AbortSignal; abort(): void } {
  const target = new EventTarget() as AbortSignal
  let aborted = false
  Object.defineProperty(target, 'aborted', { get: () => aborted })
  expect(target instanceof AbortSignal).toBe(false)
  return {
    signal: target,
    abort() {
      aborted = true
      target.dispatchEvent(new Event('abort'))
    }
  }
}

test('a signal of another realm ends run() and runLoop()', async () => {
  for (const start of [
    (poller: Poller, signal: AbortSignal) => poller.run(() => {}, { signal }),
    (poller: Poller, signal: AbortSignal) =>
      runLoop(poller, { hz: 100, onTick: () => {}, onEvents: () => {}, signal })
  ]) {
    const poller = new Poller()
    onTestFinished(() => poller.close())
    const { signal, abort } = foreignSignal()
    const ended = start(poller, signal)
    setImmediate(abort)
    await ended
  }
})

test.each([true, 'now', {}, null, { aborted: false }])(
  'what is no signal is refused (case %#)',
  async (signal) => {
    const { poller } = openProbe()
    const ended = poller.run(() => {}, { signal: signal as never })
    await expect(ended).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  }
)
