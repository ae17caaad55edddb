// Each chunk, the end and the close of a stream come in a callback of their own, with ticks and
// microtasks in between, as from a socket of node:net.
import { AsyncLocalStorage } from 'node:async_hooks'
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { type ConnectionDuplex, Poller, toDuplex } from 'pollport'
import { expect, onTestFinished, test } from 'vitest'
import { acceptedPair, LOCAL } from '../support/net-peer.ts'
import { openProbe } from '../support/poller-probe.ts'
import { runningPoller } from '../support/running-poller.ts'
import { streamAndSocket } from '../support/stream-and-socket.ts'

/**
 * What happened, in order; after each event a word for the tick and one for the microtask that it
 * asked for.
 */
function diaryOf(stream: ConnectionDuplex): string[] {
  const diary: string[] = []
  const note = (event: string) => {
    diary.push(event)
    process.nextTick(() => diary.push('tick'))
    queueMicrotask(() => diary.push('microtask'))
  }
  stream.on('data', (chunk: Buffer) => note(`data ${chunk.length}`))
  stream.on('end', () => note('end'))
  stream.on('close', () => note('close'))
  return diary
}

test('ticks and microtasks run between the chunks, the end and the close, which one batch brings', async () => {
  const { stream, socket } = await streamAndSocket({ readableHighWaterMark: 4096 })
  stream.pause()
  socket.end(Buffer.alloc(3 * 4096))
  // All of it is there before any is collected.
  await once(socket, 'finish')
  await new Promise((resolve) => setTimeout(resolve, 20))
  const diary = diaryOf(stream)
  stream.resume()
  await once(stream, 'close')
  await new Promise((resolve) => setImmediate(resolve))
  const events = ['data 4096', 'data 4096', 'data 4096', 'end', 'close']
  // Whether the tick or the microtask is first depends on where Node's loop is.
  const inOrder = diary.join(', ').replaceAll('microtask, tick', 'tick, microtask')
  expect(inOrder).toBe(events.map((event) => `${event}, tick, microtask`).join(', '))
})

test('ticks run between the events of two streams which one batch brings', async () => {
  const streams: ConnectionDuplex[] = []
  const diary: string[] = []
  const poller = runningPoller((connection) => {
    const stream = toDuplex(connection)
    streams.push(stream)
    stream.on('data', () => {
      diary.push('data')
      process.nextTick(() => diary.push('tick'))
    })
  })
  const { port } = poller.listenTcp({ address: LOCAL, port: 0 }).localAddress
  const sockets = [net.connect(port, LOCAL), net.connect(port, LOCAL)]
  onTestFinished(() => sockets.forEach((socket) => void socket.destroy()))
  while (streams.length < 2) await new Promise((resolve) => setImmediate(resolve))
  for (const socket of sockets) socket.write('x')
  while (diary.length < 4) await new Promise((resolve) => setImmediate(resolve))
  expect(diary).toEqual(['data', 'tick', 'data', 'tick'])
})

test("an http client that ends its side with the request's body gets its answer, 50 of 50 times", async () => {
  const server = http.createServer((request, response) => {
    request.resume().on('end', () => response.end('answer'))
  })
  const poller = runningPoller((connection) =>
    server.emit('connection', toDuplex(connection, { allowHalfOpen: true }))
  )
  const { port } = poller.listenTcp({ address: LOCAL, port: 0 }).localAddress
  for (let round = 0; round < 50; round++) {
    const client = net.connect(port, LOCAL)
    client.end('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\n{"a":42}')
    let answer = ''
    for await (const data of client) answer += data
    expect(answer).toMatch(/^HTTP\/1.1 200 OK.*answer$/s)
  }
})

test("a reader that awaits one 'data' after the other gets every byte", async () => {
  const { stream, socket } = await streamAndSocket()
  const closed = once(stream, 'close').then((): [undefined] => [undefined])
  stream.on('end', () => stream.destroy())
  socket.end(Buffer.alloc(300_000))
  let read = 0
  for (;;) {
    const [data] = await Promise.race([once(stream, 'data'), closed])
    if (data === undefined) break
    expect(data.length).toBeLessThanOrEqual(64 * 1024)
    read += data.length
  }
  expect(read).toBe(300_000)
})

test('a program that waits without turns of the loop holds up the sender: what is not delivered stays bounded', async () => {
  const readBudgetBytes = 64 * 1024
  const probe = openProbe({ readBudgetBytes })
  const { connection, peer } = await acceptedPair(probe)
  const stream = toDuplex(connection)
  const sent = Buffer.alloc(4 * 1024 * 1024, 7)
  peer.socket.write(sent)
  // The peer's process is this one: its socket takes what the kernel takes, and that is more than
  // two batches.
  await new Promise((resolve) => setTimeout(resolve, 20))
  for (let waits = 0; waits < 50; waits++) probe.poller.wait(1)
  expect(connection.bytesReceived).toBeGreaterThan(0)
  expect(connection.bytesReceived).toBeLessThanOrEqual(2 * readBudgetBytes)
  let read = 0
  stream.on('data', ({ length }) => {
    read += length
  })
  await probe.until('all of it is read', () => read === sent.length)
})

test('eight flooding streams leave Node its turns, and each of them its share', async () => {
  const poller = new Poller({ readBudgetBytes: 16 * 1024 })
  const bytes = new Map<ConnectionDuplex, number>()
  const running = poller.run((events) => {
    for (const event of events) {
      if (event.type !== 'accept') continue
      const stream = toDuplex(event.socket)
      stream.on('data', ({ length }) => void bytes.set(stream, (bytes.get(stream) ?? 0) + length))
      stream.on('error', () => {})
    }
  })
  const { port } = poller.listenTcp({ address: LOCAL, port: 0 }).localAddress
  const chunk = Buffer.alloc(256 * 1024)
  const sockets = Array.from({ length: 8 }, () => {
    const socket = net.connect(port, LOCAL)
    const flood = () => {
      while (!socket.destroyed && socket.write(chunk));
    }
    socket.on('connect', flood).on('drain', flood)
    return socket
  })
  let timers = 0
  const interval = setInterval(() => timers++, 1)
  onTestFinished(async () => {
    clearInterval(interval)
    for (const socket of sockets) socket.destroy()
    poller.close()
    await running
  })
  const isEnough = () =>
    timers >= 20 && bytes.size === 8 && [...bytes.values()].every((count) => count > 256 * 1024)
  while (!isEnough()) await new Promise((resolve) => setImmediate(resolve))
})

test('a write that the system took is done, and without an error, before the close of a stream that was destroyed after it', async () => {
  const { stream, socket } = await streamAndSocket()
  const told: unknown[] = []
  stream.write('last words', (error) => told.push(error ?? 'written'))
  stream.on('close', () => told.push('close')).destroy()
  expect(String((await once(socket, 'data'))[0])).toBe('last words')
  while (!told.includes('close')) await new Promise((resolve) => setImmediate(resolve))
  expect(told).toEqual(['written', 'close'])
})

test('a listener that throws does not make a stream deaf: it goes on as a net.Socket does', async () => {
  const { stream, socket } = await streamAndSocket({ readableHighWaterMark: 1024 })
  const uncaught: unknown[] = []
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => uncaught.push(error))
  let read = 0
  try {
    stream.on('data', ({ length }: Buffer) => {
      read += length
      throw new Error('from a listener')
    })
    socket.resume().end(Buffer.alloc(64 * 1024))
    await once(stream, 'close')
  } finally {
    process.removeAllListeners('uncaughtException')
    for (const listener of listeners) process.on('uncaughtException', listener)
  }
  expect(read).toBe(64 * 1024)
  expect(uncaught).toHaveLength(64)
})

test("'drain' and the callbacks of write() and end() come in the async context of that write, not within wait()", async () => {
  const probe = openProbe()
  const { connection, peer } = await acceptedPair(probe)
  const stream = toDuplex(connection)
  const context = new AsyncLocalStorage<string>()
  const told: unknown[] = []
  let isWaiting = false
  const tell = (what: string) => told.push([what, context.getStore(), isWaiting])
  const waitUntilTold = async (count: number) => {
    while (told.length < count) {
      isWaiting = true
      probe.poller.wait(1)
      isWaiting = false
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  peer.socket.resume()
  stream.on('drain', () => tell('drain'))
  context.run('write', () => stream.write(Buffer.alloc(16 * 1024 * 1024), () => tell('written')))
  await waitUntilTold(2)
  context.run('end', () => stream.end('last', () => tell('ended')))
  await waitUntilTold(3)
  expect(told).toEqual([
    ['drain', 'write', false],
    ['written', 'write', false],
    ['ended', 'end', false]
  ])
})
