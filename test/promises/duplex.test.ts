// A connection as a stream: bytes whole both ways, backpressure both ways, and the ends that Node's
// own sockets have.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { pipeline } from 'node:stream/promises'
import { toDuplex } from 'pollport'
import { expect, test } from 'vitest'
import { freePort, LOCAL } from '../support/net-peer.ts'
import { thrownBy } from '../support/poller-probe.ts'
import { runningPoller } from '../support/running-poller.ts'
import { streamAndSocket } from '../support/stream-and-socket.ts'

test('a pipeline through the stream gives back what it got: 32 MiB', {
  timeout: 60_000
}, async () => {
  const { stream, socket } = await streamAndSocket()
  const echoed = pipeline(stream, stream)
  const [sent, came] = [createHash('sha256'), createHash('sha256')]
  let bytes = 0
  socket.on('data', (data) => {
    came.update(data)
    bytes += data.length
  })
  for (let piece = 0; piece < 512; piece++) {
    const data = randomBytes(64 * 1024)
    sent.update(data)
    if (!socket.write(data)) await once(socket, 'drain')
  }
  socket.end()
  await Promise.all([echoed, once(socket, 'end')])
  expect(bytes).toBe(512 * 64 * 1024)
  expect(came.digest('hex')).toBe(sent.digest('hex'))
})

test('a reader that does not read holds up the sender, and loses nothing', {
  timeout: 60_000
}, async () => {
  const { stream, socket } = await streamAndSocket()
  const chunk = Buffer.alloc(64 * 1024, 1)
  let isHeldUp = false
  let written = 0
  while (!isHeldUp) {
    written += chunk.length
    expect(written, 'nothing holds the sender up').toBeLessThan(64 * 1024 * 1024)
    if (socket.write(chunk)) continue
    isHeldUp = await Promise.race([
      once(socket, 'drain').then(() => false),
      new Promise<boolean>((resolve) => setTimeout(resolve, 1000, true))
    ])
  }
  expect(stream.readableLength).toBeLessThan(1024 * 1024)
  socket.end()
  let read = 0
  for await (const data of stream) read += (data as Buffer).length
  expect(read).toBe(written)
})

test('a write is done when the system has it, so that a writer is held up at writableHighWaterMark, and goes on when the peer reads', {
  timeout: 60_000
}, async () => {
  const { stream, socket } = await streamAndSocket({ writableHighWaterMark: 128 * 1024 })
  socket.pause()
  const chunk = Buffer.alloc(64 * 1024, 2)
  let written = 0
  // Until the kernel's buffers are full as well: then a write is not done.
  const fill = async () => {
    for (; written < 64 * 1024 * 1024; written += chunk.length) {
      let isDone = false
      stream.write(chunk, () => {
        isDone = true
      })
      for (let turns = 0; turns < 200 && !isDone; turns++)
        await new Promise((resolve) => setTimeout(resolve, 1))
      if (!isDone) return true
    }
    return false
  }
  expect(await fill()).toBe(true)
  written += chunk.length
  expect(stream.connection.bufferedBytes).toBeGreaterThan(0)
  expect(stream.connection.bufferedBytes).toBeLessThanOrEqual(chunk.length)
  expect(stream.writableLength).toBe(chunk.length)
  expect(stream.write(chunk)).toBe(false) // that makes 128 KiB
  written += chunk.length
  expect(stream.bytesWritten).toBe(written)
  let read = 0
  socket.on('data', (data) => {
    read += data.length
  })
  stream.end()
  socket.resume()
  await once(socket, 'end')
  expect(read).toBe(written)
})

test('what comes at once is read in chunks of the high-water mark, and nothing after the stream was destroyed', async () => {
  const whole = await streamAndSocket({ readableHighWaterMark: 4096 })
  const chunks: Buffer[] = []
  whole.stream.on('data', (chunk) => chunks.push(chunk))
  const sent = randomBytes(100_000)
  whole.socket.end(sent)
  await once(whole.stream, 'end')
  expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThanOrEqual(4096)
  expect(Buffer.concat(chunks).equals(sent)).toBe(true)

  const { stream, socket } = await streamAndSocket({ readableHighWaterMark: 4096 })
  let read = 0
  stream.on('data', ({ length }) => {
    read += length
    stream.resetAndDestroy()
  })
  socket.on('error', () => {})
  socket.write(sent)
  await once(stream, 'close')
  expect(read).toBeLessThanOrEqual(4096)
})

test("the peer's end ends the stream and, unless half-open is allowed, its writing side", async () => {
  const { stream, socket } = await streamAndSocket()
  stream.resume()
  socket.end('last')
  await once(stream, 'close')
  expect(stream).toMatchObject({ readableEnded: true, writableFinished: true, errored: null })
  await once(socket.resume(), 'close')
})

test('half-open: what is written after the end of the peer still arrives', async () => {
  const { stream, socket } = await streamAndSocket({ allowHalfOpen: true })
  stream.resume()
  socket.end()
  await once(stream, 'end')
  const closed = once(stream, 'close')
  stream.end('answer')
  const [data] = await once(socket, 'data')
  expect(String(data)).toBe('answer')
  await closed
})

test('data that came before both ends is read even when the connection has closed meanwhile', async () => {
  const { stream, socket } = await streamAndSocket()
  stream.end()
  socket.end('kept')
  await once(socket.resume(), 'close')
  while (!stream.connection.closed) await new Promise((resolve) => setImmediate(resolve))
  let read = ''
  for await (const data of stream) read += data
  expect(read).toBe('kept')
})

test("the peer's reset is an error of the stream, and a write that waits for it fails", async () => {
  const { stream, socket } = await streamAndSocket({}, { highWaterMarkBytes: 1024 })
  socket.pause()
  const failed = new Promise<Error | null | undefined>((resolve) => {
    stream.write(Buffer.alloc(32 * 1024 * 1024), resolve)
  })
  const closed = once(stream, 'close').catch((error) => error)
  socket.resetAndDestroy()
  expect(await failed).toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) })
  expect(await closed).toMatchObject({ code: expect.stringMatching(/ECONNRESET|EPIPE/) })
})

test('destroy() lets what was written leave, and a peer that does not read is reset after closeTimeoutMs', async () => {
  const { stream, socket } = await streamAndSocket()
  stream.write('goodbye')
  stream.destroy()
  expect(String((await once(socket, 'data'))[0])).toBe('goodbye')
  await once(socket, 'end')

  const slow = await streamAndSocket({ closeTimeoutMs: 20 })
  slow.socket.pause()
  slow.socket.on('error', () => {})
  slow.stream.write(Buffer.alloc(32 * 1024 * 1024))
  slow.stream.destroy()
  await once(slow.stream, 'close')
  expect(slow.stream.connection.closed).toBe(true)
})

test('a connect that is refused is an error of the stream', async () => {
  const poller = runningPoller(() => {})
  const stream = toDuplex(poller.connectTcp({ address: LOCAL, port: await freePort() }))
  expect(stream.connecting).toBe(true)
  const [error] = await once(stream, 'error')
  expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect' })
})

test('it says what libraries ask of a socket', async () => {
  const { stream, socket } = await streamAndSocket()
  expect(stream).toMatchObject({
    remoteAddress: LOCAL,
    remotePort: socket.localPort,
    remoteFamily: 'IPv4',
    localAddress: LOCAL,
    localPort: socket.remotePort,
    connecting: false
  })
  expect(stream.setNoDelay().setKeepAlive(true, 5000).ref().unref()).toBe(stream)
  expect(stream.connection.getOption('keepAlive')).toBe(true)
  await new Promise<void>((resolve) => stream.setTimeout(10, resolve))
  stream.write('four')
  socket.write('eightish')
  await Promise.all([once(stream, 'data'), once(socket, 'data')])
  expect({ read: stream.bytesRead, written: stream.bytesWritten }).toEqual({ read: 8, written: 4 })
  stream.resetAndDestroy()
  await once(socket, 'error').then(([error]) => expect(error.code).toBe('ECONNRESET'))
})

test('closing the poller closes its streams', async () => {
  const { poller, stream } = await streamAndSocket()
  const closed = once(stream, 'close')
  poller.close()
  await closed
})

test('only a connection becomes a stream, and options are checked', async () => {
  expect(thrownBy(() => toDuplex({} as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' })
  const { stream } = await streamAndSocket()
  expect(thrownBy(() => toDuplex(stream.connection, { closeTimeoutMs: -1 }))).toMatchObject({
    code: 'ERR_OUT_OF_RANGE'
  })
  stream.connection.reset()
  expect(thrownBy(() => toDuplex(stream.connection))).toMatchObject({ code: 'EBADF' })
})
