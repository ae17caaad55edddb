// A worker waits for completions that never come, and is terminated.
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { Iocp, Socket } from 'pollport'

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url))
  worker.once('message', async () => {
    await worker.terminate()
    console.log('terminated')
  })
} else {
  const iocp = new Iocp()
  const listener = new Socket({ type: 'tcp' })
  listener.bind({ address: '127.0.0.1', port: 0 })
  listener.listen()
  const client = new Socket({ type: 'tcp' })
  client.connect(listener.localAddress)
  iocp.add(client, 1)
  for (let count = 0; count < 50; count++) client.overlappedReceive(1000)
  const other = new Socket({ type: 'tcp' })
  other.connect(listener.localAddress)
  other.overlappedReceive(1000)
  parentPort.postMessage('waiting')
  iocp.wait()
}
