// How long Epoll.wait waits, and what ends it. Group E of the conformance cases.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Epoll, Waker } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { countDescriptors, descriptorsBackAt } from '../support/descriptors.ts'
import { closing, codeOf, rawPair } from '../support/raw-pair.ts'

const support = (name: string) => new URL(`../support/${name}`, import.meta.url)

function spentMs(action: () => unknown): number {
  const started = performance.now()
  action()
  return performance.now() - started
}

test.each([0.25, 1, 1.5, 20, 100])(
  'E.13 wait(%d) is never early, and does not spin',
  (timeoutMs) => {
    const epoll = closing(new Epoll<undefined>())
    for (let round = 0; round < 10; round++) {
      const spent = spentMs(() => expect(epoll.wait(timeoutMs)).toEqual([]))
      expect(spent).toBeGreaterThanOrEqual(timeoutMs)
    }
    const { user, system } = process.cpuUsage()
    epoll.wait(200)
    const after = process.cpuUsage({ user, system })
    expect((after.user + after.system) / 1000).toBeLessThan(150)
  }
)

test('E.13 a quarter of a millisecond is not a whole one: epoll_pwait2 is in use here', () => {
  const epoll = closing(new Epoll<undefined>())
  const spent = Array.from({ length: 21 }, () => spentMs(() => epoll.wait(0.25))).toSorted(
    (a, b) => a - b
  )
  expect(spent[2]).toBeLessThan(1)
})

test('wait(0) does not block, and collects what is there', () => {
  const epoll = closing(new Epoll<undefined>())
  const { near, far } = rawPair()
  epoll.add(near, undefined)
  expect(epoll.wait(0)).toEqual([])
  far.send('x')
  expect(epoll.wait(5000)).toHaveLength(1)
  expect(epoll.wait(0)).toHaveLength(1)
})

test.each<{ what: string; signals: NodeJS.Signals[] }>([
  { what: 'SIGCONT', signals: ['SIGCONT'] },
  { what: 'being stopped and continued', signals: ['SIGSTOP', 'SIGCONT'] },
  { what: 'a signal with a handler', signals: ['SIGUSR2'] }
])('E.14 $what does not shorten a wait', async ({ signals }) => {
  const child = fork(support('raw-signalled.mjs'))
  onTestFinished(() => void child.kill('SIGKILL'))
  await once(child, 'message')
  const sending = setInterval(() => signals.map((signal) => child.kill(signal)), 20)
  const [answer] = (await once(child, 'message')) as [{ spentMs: number; events: number }]
  clearInterval(sending)
  expect(answer.spentMs).toBeGreaterThanOrEqual(600)
  expect(answer.events).toBe(0)
})

test('S.20 a thousand wakes before a wait end one wait', () => {
  const epoll = closing(new Epoll<undefined>())
  for (let wake = 0; wake < 1000; wake++) epoll.wake()
  expect(spentMs(() => expect(epoll.wait(5000)).toEqual([]))).toBeLessThan(2500)
  expect(spentMs(() => expect(epoll.wait(20)).toEqual([]))).toBeGreaterThanOrEqual(20)
})

test('each wake counts: none is lost among many waits', () => {
  const epoll = closing(new Epoll<undefined>())
  for (let round = 0; round < 10_000; round++) {
    epoll.wake()
    epoll.wait(-1) // would hang for ever
  }
})

test('S.20 a wake from another thread ends wait(-1)', async () => {
  const epoll = closing(new Epoll<undefined>())
  const worker = new Worker(support('raw-waker-thread.mjs'), {
    workerData: { handle: epoll.waker().handle, times: 100, afterMs: 50 }
  })
  onTestFinished(async () => void (await worker.terminate()))
  await once(worker, 'online')
  expect(epoll.wait(-1)).toEqual([])
})

test('a wake and an event come together', () => {
  const epoll = closing(new Epoll<string>())
  const { near, far } = rawPair()
  epoll.add(near, 'mine')
  far.send('x')
  epoll.wait(5000)
  epoll.wake()
  expect(epoll.wait(5000).map((event) => event.userPtr)).toEqual(['mine'])
})

test('a waker whose owner is closed wakes nobody and harms nobody', () => {
  const epoll = new Epoll<undefined>()
  const waker = epoll.waker()
  epoll.close()
  const { near } = rawPair() // may have got the waker's old descriptor
  waker.wake()
  Waker.from(waker.handle).wake()
  expect(near.recv()).toBe(-1)
  expect(codeOf(() => epoll.wake())).toBe('EBADF')
  expect(codeOf(() => epoll.waker())).toBe('EBADF')
})

test('L.2 a worker that sits in wait(-1) can be terminated, and its descriptors come back', async () => {
  const before = countDescriptors()
  const worker = new Worker(support('raw-waiting-thread.mjs'))
  await once(worker, 'message')
  const started = performance.now()
  await worker.terminate()
  expect(performance.now() - started).toBeLessThan(5000)
  expect(await descriptorsBackAt(before)).toBeLessThanOrEqual(before)
})
