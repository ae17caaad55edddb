// Wakes a poller from another thread. While this thread sits in wait(), nothing of its own can end
// the wait: neither a timer nor vitest's time limit.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { onTestFinished } from 'vitest'

export interface ThreadWaker {
  /**
   * Wakes after that time, counted from now; works although the caller goes on into a blocking
   * wait.
   */
  wakeAfter(milliseconds: number, times?: number): void
}

/** Starts a thread that holds the waker with this handle. */
export async function threadWaker(handle: number): Promise<ThreadWaker> {
  const worker = new Worker(new URL('./poller-wake-later.mjs', import.meta.url), {
    workerData: { handle }
  })
  onTestFinished(() => void worker.terminate())
  await once(worker, 'message')
  return { wakeAfter: (milliseconds, times = 1) => worker.postMessage({ milliseconds, times }) }
}
