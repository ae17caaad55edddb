// A server of node:net on a thread of its own: it answers while this thread sits in wait().
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { onTestFinished } from 'vitest'

/** Answers a client's end with `you said …` and its own end. */
export async function answeringServer(): Promise<{ address: string; port: number }> {
  const worker = new Worker(new URL('./net-thread.mjs', import.meta.url))
  onTestFinished(() => void worker.terminate())
  const [port] = await once(worker, 'message')
  return { address: '127.0.0.1', port }
}
