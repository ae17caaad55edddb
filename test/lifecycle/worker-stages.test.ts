// A worker ends in every way at every stage of what a poller's program does: with its own status,
// at once, its peers see the end, and no descriptor stays.
import { once } from 'node:events'
import net from 'node:net'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { Waker } from 'pollport'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { NO_BACKGROUND_COMPILATION } from '../support/child.ts'
import { countDescriptors, descriptorsBackAt } from '../support/descriptors.ts'
import { isWine } from '../support/system.ts'

setFlagsFromString(NO_BACKGROUND_COMPILATION)

const stages = [
  'constructed',
  'listening',
  'connecting',
  'connected and idle',
  'a large message under way',
  'receiving',
  'the handling of an event',
  'the handler of run()',
  'run()',
  'between detach and adopt',
  'after adopt',
  'pollers and sockets closed',
  'ended, and not yet closed',
  'timers and datagrams',
  'raw sockets, and a raw wait'
]

const ways = { terminate: 1, exit: 3, throw: 1, natural: 0 }

// The other side of a connection of each worker. `open` are those that have not seen that it
// is gone.
const open = new Set<net.Socket>()
let accepted = 0
const server = net.createServer((socket) => {
  accepted++
  open.add(socket)
  socket.on('error', () => {}) // A reset is an answer as good as an end.
  socket.on('close', () => open.delete(socket))
  socket.resume()
})

beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  await come('constructed', 'exit') // The first one may open what the process keeps.
})
afterAll(() => void server.close())

/** Lets a worker come and go; gives its exit code. */
async function come(stage: string, way: string): Promise<number> {
  const { port } = server.address() as net.AddressInfo
  const worker = new Worker(new URL('./worker-stages.mjs', import.meta.url), {
    workerData: { stage, way, port }
  })
  const errors: Error[] = []
  worker.on('error', (error) => void errors.push(error))
  // process.exit() in a worker may keep what it has posted from being sent.
  let waker = -1
  worker.on('message', async (message) => {
    waker = message.waker
    if (way === 'terminate') await worker.terminate()
  })
  const code = await new Promise<number>((resolve) => worker.once('exit', resolve))
  expect(errors.map((error) => error.message)).toEqual(
    way === 'throw' ? ['left by an exception'] : []
  )
  // Others may hold its waker still: waking nobody harms nobody.
  if (waker >= 0) Waker.from(waker).wake()
  return code
}

describe.each(Object.entries(ways))('%s', (way, code) => {
  test.each(stages)('at: %s', { timeout: 15_000 }, async (stage) => {
    const before = countDescriptors()
    const acceptedBefore = accepted
    onTestFinished(() => {
      for (const socket of open) socket.destroy()
    })
    expect(await come(stage, way)).toBe(code)
    const end = performance.now() + 10_000
    while ((open.size > 0 || accepted === acceptedBefore) && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(accepted).toBeGreaterThan(acceptedBefore)
    expect(open.size, 'peers that saw no end').toBe(0)
    const kept = before + (isWine ? 1 : 0)
    expect(await descriptorsBackAt(kept)).toBeLessThanOrEqual(kept)
  })
})
