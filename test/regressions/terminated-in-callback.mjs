// A worker that is terminated while it executes what its loop watch called: without a mistake of
// the program, as in a busy run(), only for longer.
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url))
  worker.once('message', async () => {
    await worker.terminate()
    console.log('terminated')
  })
} else {
  // Below the public floor: run() is in that call for microseconds at a time.
  const { addon } = await import(new URL('binding/load.js', import.meta.resolve('pollport')).href)
  const watch = addon().loopWatchOpen(addon().exchangeCreate({}), () => {
    parentPort.postMessage('there')
    for (;;);
  })
  addon().loopWatchArm(watch, 0)
}
