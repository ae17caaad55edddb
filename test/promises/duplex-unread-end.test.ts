// Who only writes learns that the peer has gone: 'end', 'finish' and 'close' come although nobody
// reads, as with net.Socket, and no descriptor is left.
import { once } from 'node:events'
import net from 'node:net'
import { toDuplex } from 'pollport'
import { expect, test } from 'vitest'
import { LOCAL } from '../support/net-peer.ts'
import { runningPoller } from '../support/running-poller.ts'
import { streamAndSocket } from '../support/stream-and-socket.ts'

test('an accepted stream that nobody reads ends, finishes and closes after the end of the peer', async () => {
  const { poller, stream, socket } = await streamAndSocket()
  const seen: unknown[] = []
  for (const name of ['end', 'finish']) stream.on(name, () => seen.push(name))
  stream.on('close', (hadError?: boolean) => seen.push('close', hadError))
  socket.resume().end()
  await once(stream, 'close')
  expect(seen).toEqual(['end', 'finish', 'close', false])
  expect(poller.stats.sockets).toBe(1) // the listener
})

test('a connecting one does so too', async () => {
  const server = net.createServer((socket) => socket.end()).listen(0, LOCAL)
  await once(server, 'listening')
  const poller = runningPoller(() => {})
  const stream = toDuplex(
    poller.connectTcp({ address: LOCAL, port: (server.address() as net.AddressInfo).port })
  )
  await once(stream, 'close')
  expect(poller.stats.sockets).toBe(0)
  server.close()
})

test('with data that nobody reads it stays open, as with net, and closes when that is read', async () => {
  const { stream, socket } = await streamAndSocket()
  socket.resume().end('unread')
  while (stream.readableLength === 0) await new Promise((resolve) => setImmediate(resolve))
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
  expect(stream.destroyed).toBe(false)
  stream.resume()
  await once(stream, 'close')
})

test.each(['the poller', 'the connection'])(
  '%s closed in the tick in which the stream was ended: it closes',
  async (what) => {
    const { poller, stream, socket } = await streamAndSocket({ allowHalfOpen: true })
    socket.resume().end()
    await once(stream.resume(), 'end')
    const told: unknown[] = []
    stream.end('last words', (error?: Error | null) => told.push(error))
    if (what === 'the poller') poller.close()
    else stream.connection.close()
    await once(stream, 'close')
    expect(told).toMatchObject([{ code: 'ERR_STREAM_DESTROYED' }])
  }
)

/** The peer has sent more than the stream takes without a reader, and has reset the connection. */
async function resetUnread() {
  const both = await streamAndSocket({ readableHighWaterMark: 1024 })
  const { stream, socket } = both
  socket.write(Buffer.alloc(64 * 1024))
  while (stream.readableLength === 0) await new Promise((resolve) => setImmediate(resolve))
  socket.resetAndDestroy()
  await once(socket, 'close')
  return both
}

test('after a reset behind data that nobody reads, a write fails with it, and the stream closes', async () => {
  const { poller, stream } = await resetUnread()
  const failed = once(stream, 'error')
  const closed = new Promise((resolve) =>
    stream.on('close', (hadError?: boolean) => resolve(hadError))
  )
  let written: (Error & { code?: string }) | null | undefined
  while (!stream.destroyed) {
    // The system may take one more before it has the reset.
    written = await new Promise((resolve) => stream.write('x', resolve))
  }
  expect(['ECONNRESET', 'EPIPE']).toContain(written?.code)
  expect((await failed)[0]).toBe(written)
  expect(await closed).toBe(true)
  expect(poller.stats.sockets).toBe(1) // the listener
})

test('so it closes when it is destroyed after that, with the close waiting behind the data', async () => {
  const { stream } = await resetUnread()
  // Past the stream, which has no write to fail then.
  while (!stream.connection.closed) {
    stream.connection.send('x')
    await new Promise((resolve) => setImmediate(resolve))
  }
  for (let turns = 0; turns < 20; turns++) await new Promise((resolve) => setImmediate(resolve))
  expect(stream.destroyed).toBe(false)
  stream.destroy()
  expect(await once(stream, 'close')).toEqual([false])
})
