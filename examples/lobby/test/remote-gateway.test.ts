// What happens to a thread that is blocked, does not keep up, or ends again and again: with a fake
// one, which does it at once.
import { EventEmitter } from 'node:events'
import { connect } from 'node:net'
import { Poller, Socket, type TcpConnection } from 'pollport'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { Call } from '../gateway/mailbox.ts'
import { RemoteGateway } from '../gateway/remote-gateway.ts'
import { defaultSettings } from '../server/config.ts'
import { LobbyServer } from '../server/server.ts'
import { until } from './person.ts'

/** In place of a thread: it does what the test says. */
class FakeWorker extends EventEmitter {
  static all: FakeWorker[] = []
  /** What each one does when it is started. */
  static start: (worker: FakeWorker) => void = () => {}
  readonly calls: Call[] = []
  isConfirming = true
  hasEnded = false

  constructor() {
    super()
    FakeWorker.all.push(this)
    setImmediate(() => FakeWorker.start(this))
  }

  postMessage({ calls = [] }: { calls?: Call[] }): void {
    this.calls.push(...calls)
    if (calls.length > 0 && this.isConfirming)
      setImmediate(() => this.emit('message', { isHere: true }))
    if (calls.some(([method]) => method === 'stop')) setImmediate(() => this.end())
  }

  says(...call: Call): void {
    this.emit('message', { calls: [call] })
  }

  listens(): void {
    this.says('listening', { port: 1, webPort: 2, udpPort: 3 })
  }

  /** With an error, or in order. */
  end(error?: Error): void {
    if (this.hasEnded) return
    this.hasEnded = true
    if (error !== undefined) this.emit('error', error)
    this.emit('exit', error === undefined ? 0 : 1)
  }

  async terminate(): Promise<void> {
    setImmediate(() => this.end())
  }
}

vi.mock('node:worker_threads', async (original) => ({
  markAsUncloneable: undefined, // where Node has none, and pollport looks whether it has
  ...(await original<typeof import('node:worker_threads')>()),
  // Asked for when a thread is started, by when there is such a class.
  Worker: function Worker() {
    return new FakeWorker()
  }
}))

const data = {
  doors: { address: '127.0.0.1', listen: undefined, udpPort: 0 },
  settings: { ...defaultSettings, workers: 1, port: 0, webPort: 0, udpPort: 0, operatorPort: 0 }
}

async function openRemote() {
  FakeWorker.all = []
  FakeWorker.start = (worker) => worker.listens()
  const remote = new RemoteGateway(data)
  await remote.listening
  const [worker] = FakeWorker.all
  onTestFinished(() => worker.end())
  return { remote, worker }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

test('a thread that is silent for long counts as blocked, and is ended; one that reports its figures is not', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  onTestFinished(() => void vi.useRealTimers())
  const { remote, worker } = await openRemote()
  for (let second = 0; second < 100; second++) {
    vi.advanceTimersByTime(1_000)
    worker.says('figures', { ...remote.figures, connections: second })
  }
  await turn()
  expect(worker.hasEnded).toBe(false)
  expect(remote.figures.connections).toBe(99)
  vi.advanceTimersByTime(5_000)
  await turn()
  expect(worker.hasEnded, 'it may be busy').toBe(false)
  vi.advanceTimersByTime(10_000)
  await turn()
  expect(worker.hasEnded).toBe(true)
  expect((await remote.ended)?.message).toContain('is blocked')
  expect(vi.getTimerCount()).toBe(0)
})

test('to a thread that does not keep up no states go, and what it is sent has a bound: then it is ended, once', async () => {
  const { remote, worker } = await openRemote()
  const terminate = vi.spyOn(worker, 'terminate')
  worker.isConfirming = false
  const frame = Buffer.alloc(60_000)
  const state = Buffer.alloc(100)
  remote.deliverState([1], 'coin-arena', state)
  await turn()
  expect(worker.calls.map(([method]) => method)).toEqual(['deliverState'])
  let sent = 0
  for (; sent < 2 ** 20; sent += frame.length) remote.deliver([1, 2], frame)
  remote.deliverState([1], 'coin-arena', state)
  await turn()
  expect(
    worker.calls.filter(([method]) => method === 'deliverState'),
    'the second one is left out'
  ).toHaveLength(1)
  for (; terminate.mock.calls.length === 0; sent += frame.length) remote.deliver([1, 2], frame)
  expect(sent).toBeGreaterThan(60 * 2 ** 20)
  expect(sent).toBeLessThan(70 * 2 ** 20)
  for (let more = 0; more < 100; more++) remote.deliver([1, 2], frame)
  expect(terminate).toHaveBeenCalledTimes(1)
  expect((await remote.ended)?.message).toContain('keep up')
})

test('one that was only busy gets its states again', async () => {
  const { remote, worker } = await openRemote()
  worker.isConfirming = false
  for (let sent = 0; sent < 2 ** 21; sent += 60_000) remote.deliver([1], Buffer.alloc(60_000))
  remote.deliverState([1], 'coin-arena', Buffer.alloc(100))
  await turn()
  expect(worker.calls.some(([method]) => method === 'deliverState')).toBe(false)
  worker.emit('message', { isHere: true })
  remote.deliverState([1], 'coin-arena', Buffer.alloc(100))
  await turn()
  expect(worker.calls.at(-1)?.[0]).toBe('deliverState')
})

test('a handle that the thread has not taken is closed when it ends, and one that it has taken is left alone', async () => {
  const { remote, worker } = await openRemote()
  const poller = new Poller()
  const ended = new AbortController()
  const accepted: TcpConnection[] = []
  const running = poller.run(
    (events) => {
      for (const event of events) if (event.type === 'accept') accepted.push(event.socket)
    },
    { signal: ended.signal }
  )
  onTestFinished(async () => {
    ended.abort()
    await running
    poller.close()
  })
  const { port } = poller.listenTcp({ address: '127.0.0.1', port: 0 }).localAddress
  const sockets = [0, 1].map(() => connect({ port, host: '127.0.0.1' }).resume())
  let closed = 0
  for (const socket of sockets) socket.on('error', () => {}).on('close', () => closed++)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
  })
  await until('both are accepted', () => accepted.length === 2)
  const handles = accepted.map((connection) => connection.detach())
  for (const handle of handles) remote.adopt(handle, false)
  await turn()
  expect(worker.calls).toEqual(handles.map((handle) => ['adopt', handle, false]))
  worker.says('taken', handles[0])
  worker.end(new Error('a fault'))
  await until('one is closed', () => closed === 1)
  await turn()
  expect(closed).toBe(1)
  poller.adopt(Socket.fromHandle(handles[0], { type: 'tcp' })) // it is still there
})

function openServer() {
  return LobbyServer.open('127.0.0.1', '127.0.0.1', data.settings, { handOver: true })
}

test('a server whose threads end again and again ends itself, with the fault as its reason', async () => {
  FakeWorker.all = []
  FakeWorker.start = (worker) => {
    worker.listens()
    if (FakeWorker.all.length > 1) setImmediate(() => worker.end(new Error('again')))
  }
  const server = await openServer()
  const ended = server.ended.then(
    () => undefined,
    (error: Error) => error
  )
  FakeWorker.all[0].end(new Error('the first time'))
  expect((await ended)?.message).toContain('keep ending')
  expect(FakeWorker.all).toHaveLength(11)
  expect(FakeWorker.all.every(({ hasEnded }) => hasEnded)).toBe(true)
})

test('a thread that cannot be started anew is tried again', async () => {
  FakeWorker.all = []
  FakeWorker.start = (worker) => {
    if (FakeWorker.all.length === 2) worker.end(new Error('the port is taken for a moment'))
    else worker.listens()
  }
  const server = await openServer()
  FakeWorker.all[0].end(new Error('a fault'))
  await until(
    'the third one serves',
    () => FakeWorker.all.length === 3 && server.figures.gateways.length === 1
  )
  await turn()
  expect(FakeWorker.all).toHaveLength(3)
  server.stop()
  await server.ended
  expect(FakeWorker.all[2].calls.at(-1)?.[0]).toBe('stop')
})

test('a thread that ends while the server stops is no fault, and none is started in its place', async () => {
  FakeWorker.all = []
  FakeWorker.start = (worker) => worker.listens()
  const server = await openServer()
  server.stop()
  FakeWorker.all[0].end(new Error('too late to matter'))
  await server.ended
  expect(FakeWorker.all).toHaveLength(1)
})

test('a server whose first threads do not start tells why, and starts no others', async () => {
  FakeWorker.all = []
  FakeWorker.start = (worker) =>
    worker.end(Object.assign(new Error('taken'), { code: 'EADDRINUSE' }))
  await expect(openServer()).rejects.toMatchObject({ code: 'EADDRINUSE' })
  expect(FakeWorker.all).toHaveLength(1)
})

test('a connection that comes when no thread serves is cut off', async () => {
  FakeWorker.all = []
  FakeWorker.start = (worker) => {
    if (FakeWorker.all.length === 1) worker.listens()
  }
  const server = await openServer()
  FakeWorker.all[0].end(new Error('a fault'))
  await until('another one is on its way', () => FakeWorker.all.length === 2)
  const socket = connect({ port: server.port, host: '127.0.0.1' }).resume()
  let isClosed = false
  socket
    .on('error', () => {})
    .on('close', () => {
      isClosed = true
    })
  await until('it is cut off', () => isClosed)
  server.stop()
  await server.ended
})
