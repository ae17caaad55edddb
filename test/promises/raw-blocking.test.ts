// A blocking socket stops its thread, and its timeouts end that. The blocking side is a thread of
// its own.
import { on, once } from 'node:events'
import { setTimeout as later } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type Socket, WOULD_BLOCK } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { connectPeer } from '../support/net-peer.ts'
import { rawListener, rawPair, rawUdp } from '../support/raw-pair.ts'

const SCRIPT = new URL('../support/raw-blocking-thread.mjs', import.meta.url)
const HELD_MS = 100

interface Answer {
  result: unknown
  spentMs: number
}

/** Starts the call in a thread; the promise is of its answer. */
async function inThread(
  socket: Socket,
  call: 'recv' | 'accept' | 'send',
  bytes = 0
): Promise<{ answer: Promise<Answer> }> {
  const worker = new Worker(SCRIPT, { workerData: { handle: socket.detach(), call, bytes } })
  onTestFinished(async () => void (await worker.terminate()))
  // One listener from the start: the second message may come in the same moment as the first.
  const messages = on(worker, 'message')
  await messages.next()
  const answer = messages.next().then(({ value: [message] }) => message as Answer)
  return { answer }
}

test('a blocking recv waits until bytes come', async () => {
  const { near, far } = rawPair({ nonBlocking: false })
  const { answer } = await inThread(near, 'recv')
  await later(HELD_MS)
  far.send('at last')
  const { result, spentMs } = await answer
  expect(result).toBe('at last')
  expect(spentMs).toBeGreaterThanOrEqual(HELD_MS - 20)
})

test('a blocking accept waits until a client comes', async () => {
  const listener = rawListener()
  const address = listener.localAddress
  const { answer } = await inThread(listener, 'accept')
  await later(HELD_MS)
  const client = connectPeer(address)
  await once(client.socket, 'connect')
  const { result, spentMs } = await answer
  expect(result).toBe(client.localPort)
  expect(spentMs).toBeGreaterThanOrEqual(HELD_MS - 20)
})

test('a blocking send stops when the peer does not read, and goes on when it does', async () => {
  const { near, far } = rawPair({ nonBlocking: false })
  near.setOption('sendBufferSize', 64 * 1024)
  far.setOption('receiveBufferSize', 64 * 1024)
  const bytes = 16 * 1024 * 1024
  const { answer } = await inThread(near, 'send', bytes)
  let done = false
  void answer.then(() => {
    done = true
  })
  await later(HELD_MS)
  expect(done).toBe(false)
  let received = 0
  while (received < bytes) received += (far.recv() as Buffer).length
  const { result, spentMs } = await answer
  expect(result).toBe(bytes)
  expect(spentMs).toBeGreaterThanOrEqual(HELD_MS - 20)
})

test('receiveTimeoutMs ends a blocking recv with WOULD_BLOCK, and not early', () => {
  const { near } = rawPair({ nonBlocking: false })
  near.setOption('receiveTimeoutMs', 80)
  const started = performance.now()
  expect(near.recv()).toBe(WOULD_BLOCK)
  expect(performance.now() - started).toBeGreaterThanOrEqual(79)
})

test('receiveTimeoutMs holds for recvFrom and accept too', () => {
  const udp = rawUdp('127.0.0.1', false)
  const listener = rawListener()
  for (const socket of [udp, listener]) socket.setOption('receiveTimeoutMs', 40)
  expect(udp.recvFrom(Buffer.alloc(10))).toBe(WOULD_BLOCK)
  expect(listener.accept()).toBe(WOULD_BLOCK)
})

test('sendTimeoutMs ends a blocking send that nobody reads: with what went, then with WOULD_BLOCK', () => {
  const { near } = rawPair({ nonBlocking: false })
  near.setOption('sendTimeoutMs', 60)
  const bytes = Buffer.alloc(64 * 1024 * 1024)
  const sent: number = near.send(bytes)
  expect(sent).toBeGreaterThan(0)
  expect(sent).toBeLessThan(bytes.length)
  // The peer's kernel may make a little more room while it can; then there is none.
  let started = 0
  for (let answer: number = sent; answer !== WOULD_BLOCK; answer = near.send(bytes))
    started = performance.now()
  expect(performance.now() - started).toBeGreaterThanOrEqual(59)
})
