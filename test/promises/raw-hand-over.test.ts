// detach() and fromHandle(): a socket goes from one owner to the next, in a thread and between
// threads, and nothing is lost.
import { on } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Socket } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { closing, codeOf, eventually, rawPair, rawUdp } from '../support/raw-pair.ts'

test('bytes that were there before the hand-over are there after it', () => {
  const { near, far } = rawPair()
  far.send('before')
  const handle = near.detach()
  expect(near.closed).toBe(true)
  expect(codeOf(() => near.recv())).toBe('EBADF')
  const next = closing(Socket.fromHandle(handle, { type: 'tcp' }))
  expect(String(eventually(() => next.recv()))).toBe('before')
  next.send('after')
  expect(String(eventually(() => far.recv()))).toBe('after')
})

test('closing the old object after the hand-over does not close the handle', () => {
  const socket = rawUdp()
  const next = closing(Socket.fromHandle(socket.detach(), { type: 'udp', nonBlocking: true }))
  socket.close()
  expect(next.localAddress.port).toBeGreaterThan(0)
})

test('S.24 between threads: what one sends after the hand-over, the other side gets', async () => {
  const { near, far } = rawPair({ nonBlocking: false })
  far.send('question')
  const worker = new Worker(new URL('../support/raw-blocking-thread.mjs', import.meta.url), {
    workerData: { handle: near.detach(), call: 'recv', bytes: 0 }
  })
  onTestFinished(async () => void (await worker.terminate()))
  // One listener from the start: the second message may come in the same moment as the first.
  const messages = on(worker, 'message')
  await messages.next()
  const [answer] = (await messages.next()).value
  expect(answer.result).toBe('question')
  // The thread has closed what it was given.
  expect(far.recv()).toEqual(Buffer.alloc(0))
})
