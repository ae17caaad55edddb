import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Poller } from 'pollport'

const SCRIPT = new URL('./terminated-worker.mjs', import.meta.url)
const states = process.argv[2]
  ? process.argv[2].split(',')
  : [
      'wait(-1)',
      'wait() of an hour',
      'a loop of short waits',
      'run()',
      'a busy run()',
      'for await',
      'pending sends',
      'sockets of all kinds, and no wait',
      'many pollers in run()',
      'an endless loop'
    ]
const rounds = Number(process.argv[3] ?? 20)
for (let r = 0; r < rounds; r++) {
  const workers = await Promise.all(
    [...states, ...states].map(async (state) => {
      const w = new Worker(SCRIPT, { workerData: { state } })
      await once(w, 'message')
      return w
    })
  )
  await Promise.all(workers.map((w) => w.terminate()))
}
console.log('fine')
