// S.20 on the raw floor: an Epoll and an Iocp are woken alike, and a wake ends one wait.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Epoll, Iocp } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { closing } from '../support/raw-pair.ts'
import { isWindows } from '../support/system.ts'

const DEADLINE_MS = 10_000
const open = () => closing(isWindows ? new Iocp() : new Epoll())

/** How long a wait takes, which gives nothing: a wake is no event here. */
function spentIn(queue: Epoll | Iocp, timeoutMs: number): number {
  const started = performance.now()
  expect(queue.wait(timeoutMs)).toEqual([])
  return performance.now() - started
}

test('S.20 a thousand wakes before a wait end that one, and not the next', () => {
  const queue = open()
  for (let wakes = 0; wakes < 1000; wakes++) queue.wake()
  expect(spentIn(queue, DEADLINE_MS)).toBeLessThan(DEADLINE_MS / 2)
  expect(spentIn(queue, 50)).toBeGreaterThanOrEqual(49)
})

test('S.20 wait(0) collects a wake: the next wait is not ended by it', () => {
  const queue = open()
  queue.wake()
  spentIn(queue, 0)
  expect(spentIn(queue, 50)).toBeGreaterThanOrEqual(49)
})

test('S.20 a wake from another thread ends wait(-1), and a thousand of them leave nothing behind', async () => {
  const queue = open()
  const worker = new Worker(new URL('../support/raw-waker-thread.mjs', import.meta.url), {
    workerData: { handle: queue.waker().handle, times: 1000, afterMs: 50 }
  })
  onTestFinished(() => void worker.terminate())
  queue.wait(-1)
  await once(worker, 'exit')
  spentIn(queue, 0)
  expect(spentIn(queue, 50)).toBeGreaterThanOrEqual(49)
})
