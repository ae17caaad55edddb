// Wakes by handle, from another thread, so many times, after so long.
import { workerData } from 'node:worker_threads'
import { Waker } from 'pollport'

const { handle, times, afterMs } = workerData
setTimeout(() => {
  const waker = Waker.from(handle)
  for (let wake = 0; wake < times; wake++) waker.wake()
}, afterMs)
