// The thread of poller-wake-later.ts: wakes the poller whose waker it was given, when it is told
// to.
import { parentPort, workerData } from 'node:worker_threads'
import { Waker } from 'pollport'

const waker = Waker.from(workerData.handle)
parentPort.on('message', ({ milliseconds, times }) => {
  setTimeout(() => {
    for (let wakes = 0; wakes < times; wakes++) waker.wake()
  }, milliseconds)
})
parentPort.postMessage('ready')
